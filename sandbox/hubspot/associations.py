"""Associations between records: default (unlabelled) ones, read one by one or a thousand at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.hubspot.errors import Refused
from sandbox.hubspot.portal import Portal, association_type
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.values import stamp
from sandbox.wire import Answer, Params, Request

READ_LIMIT = 1000
WRITE_LIMIT = 2000
CATEGORY = "HUBSPOT_DEFINED"


class Associations:
    """The association endpoints."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def _types(self, params: Params) -> tuple[ObjectType, ObjectType]:
        return self._portal.type_named(params["type"]), self._portal.type_named(params["other"])

    def listed(self, _request: Request, params: Params) -> Answer:
        """GET the associations of one record."""
        kind, other = self._types(params)
        row = self._portal.must_find(kind, params["id"])
        return Answer(body={"results": self._ends(kind, row["hs_object_id"], other)})

    def _ends(self, kind: ObjectType, record_id: str, other: ObjectType) -> list[dict[str, Any]]:
        number = association_type(kind, other)
        labels = [{"category": CATEGORY, "typeId": number, "label": None}]
        return [
            {"toObjectId": int(each), "associationTypes": labels}
            for each in self._portal.linked(kind, record_id, other)
        ]

    def read(self, request: Request, params: Params) -> Answer:
        """POST batch/read."""
        kind, other = self._types(params)
        started, results, unassociated = self._portal.clock.now(), [], []
        for given in _inputs(request, READ_LIMIT):
            ends = self._ends(kind, str(given.get("id")), other)
            if ends:
                results.append({"from": {"id": str(given.get("id"))}, "to": ends})
            else:
                unassociated.append(str(given.get("id")))
        errors = [
            {
                "status": "error",
                "category": "OBJECT_NOT_FOUND",
                "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                "message": f"No {other.singular} is associated with {kind.singular} {each}.",
                "context": {
                    "fromObjectId": [each],
                    "fromObjectType": [kind.type_id],
                    "toObjectType": [other.type_id],
                },
            }
            for each in unassociated
        ]
        if not self._portal.switches.unassociated_is_error:
            errors = []
        body = self._complete(results, started)
        if not errors:
            return Answer(body=body)
        status = 200 if params["api"] == "2026-09" else 207
        return Answer(status=status, body={**body, "numErrors": len(errors), "errors": errors})

    def put_default(self, _request: Request, params: Params) -> Answer:
        """PUT one default association; doing it again changes nothing."""
        kind, other = self._types(params)
        started = self._portal.clock.now()
        return Answer(
            body=self._complete(self._associate(kind, params["id"], other, params["other_id"]), started)
        )

    def create_default(self, request: Request, params: Params) -> Answer:
        """POST batch/associate/default."""
        kind, other = self._types(params)
        started, results = self._portal.clock.now(), []
        pairs = [(_end(given, "from"), _end(given, "to")) for given in _inputs(request, WRITE_LIMIT)]
        for record_id, other_id in pairs:
            results += self._associate(kind, record_id, other, other_id)
        return Answer(status=201, body=self._complete(results, started))

    def archive(self, request: Request, params: Params) -> Answer:
        """POST batch/archive."""
        kind, other = self._types(params)
        for given in _inputs(request, WRITE_LIMIT):
            ends = given.get("to")
            for end in ends if isinstance(ends, list) else [ends]:
                self._portal.unlink(kind, _end(given, "from"), other, _end({"to": end}, "to"))
        return Answer(status=204)

    def _associate(
        self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str
    ) -> list[dict[str, Any]]:
        one = self._portal.must_find(kind, record_id)["hs_object_id"]
        two = self._portal.must_find(other, other_id)["hs_object_id"]
        there, back = association_type(kind, other), association_type(other, kind)
        self._portal.link(kind, one, other, two)
        self._portal.changes += 1
        return [
            {
                "from": {"id": start},
                "to": {"id": end},
                "associationSpec": {"associationCategory": CATEGORY, "associationTypeId": number},
            }
            for start, end, number in ((one, two, there), (two, one, back))
        ]

    def _complete(self, results: Sequence[Mapping[str, Any]], started: Any) -> dict[str, Any]:
        return {
            "status": "COMPLETE",
            "results": results,
            "startedAt": stamp(started),
            "completedAt": stamp(self._portal.clock.now()),
        }


def _inputs(request: Request, limit: int) -> Sequence[Mapping[str, Any]]:
    inputs = request.json_object.get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(given, dict) for given in inputs):
        raise Refused("Invalid input JSON: inputs must be a list of objects")
    if len(inputs) > limit:
        raise Refused(f"The maximum batch size is {limit}, {len(inputs)} inputs were given")
    return inputs


def _end(given: Mapping[str, Any], name: str) -> str:
    end = given.get(name)
    if not isinstance(end, dict) or not end.get("id"):
        raise Refused(f"Invalid input JSON: {name}.id is missing")
    return str(end["id"])
