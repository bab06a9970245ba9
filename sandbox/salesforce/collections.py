"""sObject collections: up to 200 records in one call, each with a result of its own.

The HTTP status is 200 even when every record is refused. Results stand in the order of the request, and a
refused one usually has no id: the place is all a client can go by.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.salesforce import errors
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.ids import canonical
from sandbox.salesforce.org import Org
from sandbox.salesforce.schema import SObject
from sandbox.salesforce.values import WrongJsonTypeError
from sandbox.wire import Answer, Params, Request

LIMIT = 200


class Collections:
    """Create, update and upsert many records."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def create(self, request: Request, _params: Params) -> Answer:
        """POST composite/sobjects."""

        def one(sobject: SObject, values: dict[str, Any]) -> dict[str, Any]:
            return {"id": self._org.create(sobject, values, request), "success": True, "errors": []}

        return self._each(request, one)

    def update(self, request: Request, _params: Params) -> Answer:
        """PATCH composite/sobjects."""
        seen: Counter[str] = Counter()
        allowed = self._org.switches.duplicate_updates_allowed

        def one(sobject: SObject, values: dict[str, Any]) -> dict[str, Any]:
            record_id = _taken(values, "id")
            if not record_id:
                raise Refused("MISSING_ARGUMENT", "Id not specified in an update call", fields=["Id"])
            seen[str(canonical(str(record_id)))] += 1
            if seen[str(canonical(str(record_id)))] > allowed:
                raise Refused(
                    "LIMIT_EXCEEDED", f"Maximum number of duplicate updates in one batch ({allowed} allowed)"
                )
            return {
                "id": self._org.update(sobject, str(record_id), values, request),
                "success": True,
                "errors": [],
            }

        return self._each(request, one)

    def upsert(self, request: Request, params: Params) -> Answer:
        """PATCH composite/sobjects/{type}/{field}."""
        target = self._org.sobject(params["type"])
        field_name = params["field"]
        self._org.by_external_id(target, field_name, "")
        seen: set[str] = set()

        def one(sobject: SObject, values: dict[str, Any]) -> dict[str, Any]:
            if sobject is not target:
                raise Refused("INVALID_TYPE", "all records of an upsert must be of the type in the URL")
            value = _taken(values, field_name)
            if value is None and field_name.casefold() != "id":
                raise Refused("MISSING_ARGUMENT", f"{field_name} not specified", fields=[field_name])
            if value is not None and str(value).casefold() in seen:
                raise Refused(
                    "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", fields=[field_name]
                )
            seen.add(str(value).casefold())
            record_id, created = self._org.upsert(sobject, field_name, value, values, request)
            return {"id": record_id, "success": True, "errors": [], "created": created}

        return self._each(request, one)

    def _each(self, request: Request, one: Callable[[SObject, dict[str, Any]], dict[str, Any]]) -> Answer:
        records, all_or_none = _read(request)
        kept, changes = self._org.kept() if all_or_none else None, self._org.changes
        results = [self._single(record, one) for record in records]
        if kept is not None and not all(result["success"] for result in results):
            self._org.restore(kept)
            self._org.changes = changes
            results = [_rolled_back(result) for result in results]
        return Answer(body=results)

    def _single(
        self, record: Mapping[str, Any], one: Callable[[SObject, dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        values = dict(record)
        try:
            return one(self._org.sobject(str(values.pop("attributes")["type"])), values)
        except Refused as refused:
            failure = refused
        except WrongJsonTypeError as wrong:
            if not self._org.switches.type_mismatch_per_record:
                raise
            failure = wrong.record_error
        named = {"id": record["id"]} if self._org.switches.failed_result_has_id and "id" in record else {}
        return {**named, "success": False, "errors": failure.results()}


def _read(request: Request) -> tuple[Sequence[Mapping[str, Any]], bool]:
    body = request.json
    if not isinstance(body, dict) or not isinstance(body.get("records", []), list):
        raise errors.bad_json("Unexpected parameter encountered during deserialization")
    records = body.get("records", [])
    if not records:
        raise Refused("REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if len(records) > LIMIT:
        raise Refused(
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {LIMIT} records into this call",
        )
    for record in records:
        if not isinstance(record, dict) or not isinstance(record.get("attributes"), dict):
            raise Refused("INVALID_INPUT", "Object type must be specified in attributes of each record")
        if not record["attributes"].get("type"):
            raise Refused("INVALID_INPUT", "Object type must be specified in attributes of each record")
    return records, body.get("allOrNone") is True


def _taken(values: dict[str, Any], name: str) -> Any:
    """Take a value out of a record, whatever the case of its name."""
    for key in list(values):
        if key.casefold() == name.casefold():
            return values.pop(key)
    return None


def _rolled_back(result: dict[str, Any]) -> dict[str, Any]:
    if not result["success"]:
        return result
    refused = Refused(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
    return {"success": False, "errors": refused.results()}
