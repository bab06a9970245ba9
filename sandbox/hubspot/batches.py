"""Batches: up to 100 records in one call, refused as a whole unless the account answers per record.

Everything is checked before anything is changed. Where multi-status holds (the operation allows it and every
input carries an objectWriteTraceId) good inputs are carried out and bad ones told apart by their trace id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.hubspot.errors import Refused, missing_objects
from sandbox.hubspot.portal import Portal, association_type
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.values import stamp
from sandbox.table import Row
from sandbox.wire import Answer, Params, Request

LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One input that was checked: the row to save, and what else its result says and does."""

    row: dict[str, Any]
    names: Sequence[str]
    trace_id: str
    more: Mapping[str, Any]
    after: Callable[[Row], None] | None = None


class _MissingError(Exception):
    """An input names a record that is not there."""

    def __init__(self, record_id: str) -> None:
        super().__init__(record_id)
        self.record_id = record_id


class Batches:
    """The batch endpoints of every object type."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def create(self, request: Request, params: Params) -> Answer:
        """POST batch/create."""
        kind = self._portal.type_named(params["type"])

        def plan(given: Mapping[str, Any]) -> Planned:
            return planned_create(self._portal, kind, given, request)

        return self._write(request, params, "create", plan, success=201)

    def update(self, request: Request, params: Params) -> Answer:
        """POST batch/update."""
        kind = self._portal.type_named(params["type"])

        def plan(given: Mapping[str, Any]) -> Planned:
            before = self._portal.find_by(kind, str(given.get("idProperty") or ""), str(given["id"]))
            if before is None:
                raise _MissingError(str(given["id"]))
            return self._planned(kind, before, given, request, {})

        return self._write(request, params, "update", plan)

    def upsert(self, request: Request, params: Params) -> Answer:
        """POST batch/upsert; inputs know no associations."""
        kind = self._portal.type_named(params["type"])

        def plan(given: Mapping[str, Any]) -> Planned:
            name = str(given.get("idProperty") or "")
            before = self._portal.find_by(kind, name, str(given["id"]))
            if before is None and not name:
                raise _MissingError(str(given["id"]))
            values = given if before is not None else {**given, "properties": _with_key(given, name)}
            return self._planned(kind, before, values, request, {"new": before is None})

        return self._write(request, params, "upsert", plan)

    def archive(self, request: Request, params: Params) -> Answer:
        """POST batch/archive; ids that are not there are passed over."""
        kind = self._portal.type_named(params["type"])
        for given in _inputs(request, "archive"):
            row = self._portal.find(kind, str(given["id"]))
            if row is not None:
                self._portal.archive(kind, row)
        return Answer(status=204)

    def read(self, request: Request, params: Params) -> Answer:
        """POST batch/read."""
        kind = self._portal.type_named(params["type"])
        inputs, body = _inputs(request, "read"), request.json_object
        names, id_property = body.get("properties") or [], str(body.get("idProperty") or "")
        archived = request.first("archived") == "true"
        results, missing, started = [], [], self._portal.clock.now()
        for given in inputs:
            if id_property:
                row = self._portal.find_by(kind, id_property, str(given["id"]))
            else:
                row = self._portal.find(kind, str(given["id"]), archived=archived)
            if row is None:
                missing.append(str(given["id"]))
            else:
                results.append(self._portal.shown(kind, row, names))
        errors = [missing_objects(kind.singular, missing).entry("")] if missing else []
        return self._finished(params, results, errors, started)

    def _planned(
        self,
        kind: ObjectType,
        before: Row | None,
        given: Mapping[str, Any],
        request: Request,
        more: Mapping[str, Any],
    ) -> Planned:
        values = _properties(given)
        row = self._portal.planned(kind, before, values, request)
        return Planned(
            row=row, names=list(values), trace_id=str(given.get("objectWriteTraceId") or ""), more=more
        )

    def _write(
        self,
        request: Request,
        params: Params,
        operation: str,
        plan: Callable[[Mapping[str, Any]], Planned],
        *,
        success: int = 200,
    ) -> Answer:
        portal, kind = self._portal, self._portal.type_named(params["type"])
        inputs, started = _inputs(request, operation), portal.clock.now()
        traces = [str(given.get("objectWriteTraceId") or "") for given in inputs]
        separate = operation in portal.switches.multi_status and all(traces)
        if separate and len(set(traces)) < len(traces):
            raise Refused("objectWriteTraceId must be unique within a batch")
        planned, errors, missing = [], [], []
        for given, trace in zip(inputs, traces, strict=True):
            try:
                planned.append(plan(given))
            except _MissingError as gone:
                missing.append(gone.record_id)
            except Refused as refused:
                if not separate:
                    raise
                errors.append(refused.entry(trace))
        if missing:
            if portal.switches.missing_in_batch == "not_found":
                raise missing_objects(kind.singular, missing)
            errors.append(missing_objects(kind.singular, missing).entry(""))
        self._keep_apart(kind, planned)
        results = []
        for each in planned:
            row = portal.save(kind, each.row)
            if each.after is not None:
                each.after(row)
            trace_id = {"objectWriteTraceId": each.trace_id} if each.trace_id else {}
            results.append({**portal.shown(kind, row, each.names), **each.more, **trace_id})
        return self._finished(params, results, errors, started, success=success)

    @staticmethod
    def _keep_apart(kind: ObjectType, planned: Sequence[Planned]) -> None:
        """Refuse two inputs that turn out to be one record, or that claim one unique value."""
        ids = [each.row["hs_object_id"] for each in planned if "hs_object_id" in each.row]
        _refuse_repeated(ids)
        for known in kind.properties.values():
            values = [each.row[known.name] for each in planned if known.unique and each.row.get(known.name)]
            if len(set(values)) < len(values):
                raise Refused(
                    f"Several inputs have the same {known.name}",
                    status=409,
                    category="CONFLICT",
                    context={"propertyName": [known.name]},
                )

    def _finished(
        self,
        params: Params,
        results: list[dict[str, Any]],
        errors: Sequence[Mapping[str, Any]],
        started: datetime,
        *,
        success: int = 200,
    ) -> Answer:
        if self._portal.switches.results_reversed:
            results.reverse()
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": results,
            "startedAt": stamp(started),
            "completedAt": stamp(self._portal.clock.now()),
        }
        if not errors:
            return Answer(status=success, body=body)
        # The newest paths know no 207: errors stand inside the 200.
        status = 200 if params["api"] == "2026-09" else 207
        return Answer(status=status, body={**body, "numErrors": len(errors), "errors": errors})


def planned_create(portal: Portal, kind: ObjectType, given: Mapping[str, Any], request: Request) -> Planned:
    """Check a new record and the associations that come with it; raises Refused."""
    values = _properties(given)
    row = portal.planned(kind, None, values, request)
    targets = [_target(portal, kind, each) for each in given.get("associations") or []]

    def link(saved: Row) -> None:
        for other, other_id in targets:
            portal.link(kind, saved["hs_object_id"], other, other_id)

    trace_id = str(given.get("objectWriteTraceId") or "")
    return Planned(row=row, names=list(values), trace_id=trace_id, more={}, after=link)


def _target(portal: Portal, kind: ObjectType, given: Mapping[str, Any]) -> tuple[ObjectType, str]:
    try:
        other_id = str(given["to"]["id"])
        specs = [(spec["associationCategory"], spec["associationTypeId"]) for spec in given["types"]]
    except (KeyError, TypeError) as exc:
        raise Refused(f"Invalid input JSON: an association needs to.id and types ({exc})") from exc
    for other in portal.types.values():
        if kind is not other and specs == [("HUBSPOT_DEFINED", _type_id(kind, other))]:
            row = portal.find(other, other_id)
            if row is None:
                raise missing_objects(other.singular, [other_id])
            return other, row["hs_object_id"]
    raise Refused(f"No association type {specs} from {kind.name}")


def _type_id(kind: ObjectType, other: ObjectType) -> int | None:
    try:
        return association_type(kind, other)
    except Refused:
        return None


def _inputs(request: Request, operation: str) -> Sequence[Mapping[str, Any]]:
    inputs = request.json_object.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(given, dict) for given in inputs):
        raise Refused("Invalid input JSON: inputs must be a list of objects")
    if not inputs:
        raise Refused("Invalid input JSON: inputs is empty")
    if len(inputs) > LIMIT:
        raise Refused(f"The maximum batch size is {LIMIT}, {len(inputs)} inputs were given")
    if operation == "create":
        return inputs
    ids = [given.get("id") for given in inputs]
    if any(not isinstance(each, str) or not each for each in ids):
        raise Refused("Invalid input JSON: every input needs an id, a string")
    if operation != "archive":
        _refuse_repeated([str(each) for each in ids])
    return inputs


def _refuse_repeated(ids: Sequence[str]) -> None:
    repeated = sorted({each for each in ids if ids.count(each) > 1})
    if repeated:
        raise Refused(
            f"Duplicate IDs found in batch input: [{', '.join(repeated)}]. IDs must be unique",
            context={"ids": repeated},
        )


def _properties(given: Mapping[str, Any]) -> Mapping[str, Any]:
    values = given.get("properties", {})
    if not isinstance(values, dict):
        raise Refused("Invalid input JSON: properties must be an object")
    return values


def _with_key(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**_properties(given), name: given["id"]}
