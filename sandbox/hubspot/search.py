"""Search: filters, sorting and paging over the index that lags behind.

Refuses what the original refuses: too many filters, pages beyond the cap, unknown properties.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sandbox.hubspot.errors import Refused
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.schema import ObjectType
from sandbox.hubspot.values import milliseconds
from sandbox.table import Row
from sandbox.wire import Answer, Request

BODY_LIMIT = 3000
GROUP_LIMIT = 5
FILTERS_IN_GROUP = 6
FILTER_LIMIT = 18
PAGE_LIMIT = 200
Test: TypeAlias = Callable[[Row], bool]


def search(portal: Portal, kind: ObjectType, request: Request) -> Answer:
    """Answer a search."""
    body = request.json_object
    if len(request.body) > BODY_LIMIT:
        raise Refused(f"The request body is too long: {len(request.body)} of at most {BODY_LIMIT} characters")
    limit, after = _whole(body.get("limit") or 10), _whole(body.get("after") or 0)
    if limit > PAGE_LIMIT:
        raise Refused(f"limit {limit} exceeds the maximum of {PAGE_LIMIT}")
    if after + limit > portal.switches.search_cap:
        raise Refused(f"Searches give at most {portal.switches.search_cap} results; after={after} is beyond")
    test = _groups(portal, kind, body.get("filterGroups") or [])
    found = [row for row in portal.searchable(kind) if test(row)]
    if body.get("query"):
        words = str(body["query"]).casefold()
        names = ("name", "domain", "hs_task_subject")
        found = [row for row in found if any(words in (row.get(name) or "").casefold() for name in names)]
    found = _sorted(kind, found, body.get("sorts") or [])
    page = found[after : after + limit]
    answer: dict[str, Any] = {
        "total": len(found),
        "results": [portal.shown(kind, row, body.get("properties") or []) for row in page],
    }
    if after + limit < len(found):
        answer["paging"] = {"next": {"after": str(after + limit)}}
    return Answer(body=answer)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not str(value).isdigit():
        raise Refused(f"{value} is not a whole number")
    return int(value)


def _groups(portal: Portal, kind: ObjectType, groups: Sequence[Mapping[str, Any]]) -> Test:
    filters = [group.get("filters") or [] for group in groups]
    if (
        len(groups) > GROUP_LIMIT
        or any(len(group) > FILTERS_IN_GROUP for group in filters)
        or sum(map(len, filters)) > FILTER_LIMIT
    ):
        raise Refused(
            f"At most {GROUP_LIMIT} filterGroups of {FILTERS_IN_GROUP} filters, {FILTER_LIMIT} in all"
        )
    tests = [[_filter(portal, kind, each) for each in group] for group in filters]
    if not tests:
        return lambda row: True
    return lambda row: any(all(test(row) for test in group) for group in tests)


def _filter(portal: Portal, kind: ObjectType, spec: Mapping[str, Any]) -> Test:
    name, operator = str(spec.get("propertyName", "")), spec.get("operator")
    if name.startswith("associations."):
        other = portal.type_named(name.partition(".")[2])
        ids = [str(each) for each in spec.get("values") or [spec.get("value")]]
        return lambda row: any(each in portal.linked(kind, row["hs_object_id"], other) for each in ids)
    known = kind.live(name)
    if known is None:
        raise Refused(f'Property "{name}" does not exist', context={"propertyName": [name]})

    def read(row: Row) -> Any:
        return _comparable(known.type, row.get(name))

    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return lambda row: (row.get(name) is not None) == (operator == "HAS_PROPERTY")
    if operator in ("IN", "NOT_IN"):
        wanted = {_wanted(known.type, value) for value in spec.get("values") or []}
        return lambda row: (read(row) in wanted) == (operator == "IN")
    value = _wanted(known.type, spec.get("value"))
    if operator in ("EQ", "NEQ"):
        return lambda row: (read(row) == value) == (operator == "EQ")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        token = str(value).strip("*")
        return lambda row: (token in _words(row.get(name))) == (operator == "CONTAINS_TOKEN")
    if operator == "BETWEEN":
        high = _wanted(known.type, spec.get("highValue"))
        return lambda row: (found := read(row)) is not None and value <= found <= high
    compare = {
        "GT": lambda found: found > value,
        "GTE": lambda found: found >= value,
        "LT": lambda found: found < value,
        "LTE": lambda found: found <= value,
    }.get(str(operator))
    if compare is None:
        raise Refused(f"Unknown filter operator {operator}")
    return lambda row: (found := read(row)) is not None and compare(found)


def _words(value: str | None) -> set[str]:
    return set((value or "").casefold().replace(";", " ").replace(",", " ").split())


def _wanted(kind: str, value: Any) -> Any:
    if value is None:
        raise Refused("A filter needs a value")
    text = str(value)
    if kind in ("date", "datetime"):
        if text.lstrip("-").isdigit():
            return float(text)
        try:
            return milliseconds("date" if len(text) == 10 else "datetime", text)
        except ValueError:
            raise Refused(f"{text} was not a valid date") from None
    try:
        return _comparable(kind, text)
    except ValueError:
        raise Refused(f"{text} was not a valid number") from None


def _comparable(kind: str, stored: str | None) -> Any:
    if stored is None:
        return None
    if kind == "number":
        return float(stored)
    if kind in ("date", "datetime"):
        return milliseconds(kind, stored)
    return stored.casefold()


def _sorted(kind: ObjectType, rows: list[Row], sorts: Sequence[Any]) -> list[Row]:
    if len(sorts) > 1:
        raise Refused("Only one sort is allowed")
    if not sorts:
        return rows
    rule = sorts[0] if isinstance(sorts[0], Mapping) else {"propertyName": str(sorts[0]).lstrip("-")}
    descending = rule.get("direction") == "DESCENDING" or str(sorts[0]).startswith("-")
    known = kind.live(str(rule.get("propertyName")))
    if known is None:
        raise Refused(f'Property "{rule.get("propertyName")}" does not exist')
    empty = [row for row in rows if row.get(known.name) is None]
    filled = [row for row in rows if row.get(known.name) is not None]
    filled.sort(key=lambda row: _comparable(known.type, row[known.name]), reverse=descending)
    return filled + empty
