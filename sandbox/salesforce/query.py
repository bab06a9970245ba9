"""Queries: a syntax tree against the rows of an org.

Comparisons follow the original where it surprises: text ignores case, `!= 'x'` includes empty fields, empty
fields sort first, a date literal such as TODAY is a range, and a wrong literal type is refused.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

from sandbox.salesforce import soql
from sandbox.salesforce.errors import Refused, unknown_type
from sandbox.salesforce.ids import canonical
from sandbox.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field, SObject
from sandbox.salesforce.switches import Switches
from sandbox.salesforce.values import shown
from sandbox.table import Row, Table

OFFSET_LIMIT = 2000
Read: TypeAlias = Callable[[Row], Any]
Test: TypeAlias = Callable[[Row], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step from a record to its parent."""

    relationship: str
    reference: str
    """The field that holds the parent's id."""
    parent: str
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A path of a query that was found: its last field, and how to read it from a row."""

    field: Field
    read: Read
    hops: Sequence[Hop] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a query found: how many, and each row as it will be shown, made when it is asked for."""

    total: int
    matching: Sequence[Row]
    show: Callable[[Row], dict[str, Any]]
    long_texts: int
    """How many long text fields are selected: they make pages smaller."""


class Catalogue:
    """The objects and tables that queries run on."""

    def __init__(self, objects: Mapping[str, SObject], tables: Mapping[str, Table]) -> None:
        self._objects = objects
        self._tables = tables

    def run(
        self, query: soql.Query, *, with_deleted: bool, today: date, switches: Switches, base: str
    ) -> Rows:
        """Find the rows of a query; raises Refused."""
        sobject = self._objects.get(query.object_name.casefold())
        if sobject is None:
            message = unknown_type(query.object_name).message
            raise Refused("INVALID_TYPE", soql.at_column(query.text, query.object_column, message))
        if query.offset > OFFSET_LIMIT:
            raise Refused("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET_LIMIT}")
        resolve = _Resolver(query.text, self._objects, self._tables)
        matching: Iterable[Row] = self._tables[sobject.name.casefold()]
        if not with_deleted:
            matching = (row for row in matching if not row.get("IsDeleted"))
        if query.where is not None:
            test = condition(query.where, lambda path: resolve(sobject, path), today)
            matching = (row for row in matching if test(row))
        found = list(matching)
        if any(isinstance(item, soql.Aggregate) for item in query.selected):
            return _aggregated(query, found, lambda path: resolve(sobject, path), switches)
        if query.group_by:
            raise Refused("MALFORMED_QUERY", "GROUP BY needs an aggregate in this sandbox")
        for order in reversed(query.order_by):
            found = _sorted(found, order, resolve(sobject, order.path))
        end = None if query.limit is None else query.offset + query.limit
        found = found[query.offset : end]
        paths = [resolve(sobject, item) for item in query.selected if isinstance(item, soql.Path)]
        shape = _Shape(sobject.name, switches, base)
        for path in paths:
            shape.add(path)
        return Rows(
            total=len(found),
            matching=found,
            show=shape.show,
            long_texts=sum(1 for path in paths if path.field.long_text),
        )


class _Resolver:
    """Finds paths, following parents, and remembers which statement to point at in errors."""

    def __init__(self, text: str, objects: Mapping[str, SObject], tables: Mapping[str, Table]) -> None:
        self._text = text
        self._objects = objects
        self._tables = tables

    def __call__(self, sobject: SObject, path: soql.Path) -> Resolved:
        return self._follow(sobject, path, path.parts)

    def _follow(self, sobject: SObject, path: soql.Path, parts: Sequence[str]) -> Resolved:
        if len(parts) == 1:
            field = sobject.visible(parts[0])
            if field is None:
                raise self._refuse(
                    path,
                    f"No such column '{parts[0]}' on entity '{sobject.name}'. If you are attempting to use a "
                    "custom field, be sure to append the '__c' after the custom field name. Please reference "
                    "your WSDL or the describe call for the appropriate names.",
                )
            name = field.name
            return Resolved(field=field, read=lambda row: row.get(name))
        if parts[0].casefold() == sobject.name.casefold() and not sobject.related(parts[0]):
            return self._follow(sobject, path, parts[1:])
        reference = sobject.related(parts[0])
        if reference is None:
            raise self._refuse(path, f"Didn't understand relationship '{parts[0]}' in field path.")
        parent = self._objects[reference.refers_to.casefold()]
        rest = self._follow(parent, path, parts[1:])
        table, key, read = self._tables[parent.name.casefold()], reference.name, rest.read

        def through(row: Row) -> Any:
            row_above = table.get(row.get(key) or "")
            return None if row_above is None else read(row_above)

        hop = Hop(relationship=reference.relationship, reference=key, parent=parent.name, table=table)
        return Resolved(field=rest.field, read=through, hops=[hop, *rest.hops])

    def _refuse(self, path: soql.Path, sentence: str) -> Refused:
        return Refused("INVALID_FIELD", soql.at_column(self._text, path.column, sentence))


class _Shape:
    """What a query shows of one object: some fields, and the same of parents."""

    def __init__(self, object_name: str, switches: Switches, base: str) -> None:
        self._object_name = object_name
        self._switches = switches
        self._base = base
        self._fields: list[Field] = []
        self._parents: dict[str, tuple[Hop, _Shape]] = {}

    def add(self, path: Resolved) -> None:
        """Show one more path."""
        shape = self
        for hop in path.hops:
            inner = _Shape(hop.parent, self._switches, self._base)
            _hop, shape = shape._parents.setdefault(hop.relationship, (hop, inner))
        shape._fields.append(path.field)

    def show(self, row: Row) -> dict[str, Any]:
        """Show one row."""
        made: dict[str, Any] = {"attributes": attributes(self._object_name, row["Id"], self._base)}
        for field in self._fields:
            made[field.name] = shown(field, row.get(field.name), self._switches)
        for relationship, (hop, shape) in self._parents.items():
            above = hop.table.get(row.get(hop.reference) or "")
            made[relationship] = None if above is None else shape.show(above)
        return made


def attributes(object_name: str, record_id: str, base: str) -> dict[str, str]:
    """Give the `attributes` of a shown record."""
    return {"type": object_name, "url": f"{base}/sobjects/{object_name}/{record_id}"}


def _sorted(rows: list[Row], order: soql.Order, path: Resolved) -> list[Row]:
    if path.field.long_text:
        raise Refused("INVALID_FIELD", f"field '{path.field.name}' can not be sorted in a query call")
    empty = [row for row in rows if path.read(row) is None]
    filled = [row for row in rows if path.read(row) is not None]
    # Ids are told apart by case, other text is not.
    plain = path.field.type in ("id", "reference")
    filled.sort(
        key=lambda row: _folded(path.read(row)) if not plain else path.read(row), reverse=order.descending
    )
    return filled + empty if order.nulls_last else empty + filled


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def condition(tree: soql.Condition, resolve: Callable[[soql.Path], Resolved], today: date) -> Test:
    """Turn a condition into a test of rows."""
    if isinstance(tree, soql.Comparison):
        return _comparison(tree, resolve(tree.path), today)
    tests = [condition(inner, resolve, today) for inner in tree.conditions]
    if tree.joined_by == "not":
        return lambda row: not tests[0](row)
    if tree.joined_by == "and":
        return lambda row: all(test(row) for test in tests)
    return lambda row: any(test(row) for test in tests)


def _comparison(tree: soql.Comparison, path: Resolved, today: date) -> Test:
    if path.field.long_text:
        raise Refused("INVALID_FIELD", f"field '{path.field.name}' can not be filtered in a query call")
    read, operator = path.read, tree.operator
    if operator == "like":
        pattern = _like(tree, path.field)
        return lambda row: isinstance(value := read(row), str) and pattern.fullmatch(value) is not None
    spans = [_span(value, path.field, today) for value in tree.values]
    wrap = _folded if path.field.type not in ("id", "reference") else lambda value: value
    boolean = path.field.type == "boolean"

    def value_of(row: Row) -> Any:
        value = read(row)
        return bool(value) if boolean else wrap(value)

    if operator in ("in", "not in") or (operator in ("=", "!=") and spans[0][0] == spans[0][1]):
        wanted, negated = {low for low, _high in spans}, operator in ("not in", "!=")
        return lambda row: (value_of(row) in wanted) != negated
    low, high = spans[0]
    if low is None:
        raise Refused("MALFORMED_QUERY", f"{operator} cannot be used with null")

    def within(row: Row) -> bool:
        value = value_of(row)
        if value is None:
            return operator == "!="
        if operator in ("=", "!="):
            return bool(low <= value <= high) == (operator == "=")
        if operator in ("<", "<="):
            return bool(value < low if operator == "<" else value <= high)
        return bool(value > high if operator == ">" else value >= low)

    return within


def _like(tree: soql.Comparison, field: Field) -> re.Pattern[str]:
    wanted = tree.values[0]
    if not isinstance(wanted, str) or field.type not in TEXT_TYPES:
        raise Refused("INVALID_QUERY_FILTER_OPERATOR", f"field {field.name} cannot be compared with LIKE")
    pattern = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in wanted)
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def _span(value: soql.Literals, field: Field, today: date) -> tuple[Any, Any]:
    """Give the first and last value a literal stands for, as stored values of this field."""
    if value is None or value == "":
        return None, None
    if field.type in ("id", "reference"):
        record_id = canonical(value) if isinstance(value, str) else None
        if record_id is None:
            raise Refused("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return record_id, record_id
    if isinstance(value, soql.Days):
        return _days(value, field, today)
    is_datetime = isinstance(value, datetime)
    fits = {
        **dict.fromkeys(TEXT_TYPES, isinstance(value, str)),
        **dict.fromkeys(NUMBER_TYPES, isinstance(value, float)),
        "boolean": isinstance(value, bool),
        "date": isinstance(value, date) and not is_datetime,
        "datetime": is_datetime,
    }
    if not fits[field.type]:
        quotes = (
            "should be enclosed in quotes" if field.type in TEXT_TYPES else "should not be enclosed in quotes"
        )
        kind = {"datetime": "dateTime", "textarea": "string"}.get(field.type, field.type)
        raise Refused(
            "INVALID_FIELD",
            f"value of filter criterion for field '{field.name}' must be of type {kind} and {quotes}",
        )
    return _folded(value), _folded(value)


def _days(value: soql.Days, field: Field, today: date) -> tuple[Any, Any]:
    offsets = {
        "today": (0, 0),
        "yesterday": (-1, -1),
        "tomorrow": (1, 1),
        # The original counts today in.
        "last_n_days": (-value.count, 0),
        "next_n_days": (1, value.count),
    }[value.name]
    first, last = (today + timedelta(days=offset) for offset in offsets)
    if field.type == "date":
        return first, last
    if field.type == "datetime":
        return datetime.combine(first, time.min, UTC), datetime.combine(last, time.max, UTC)
    raise Refused("INVALID_FIELD", f"field '{field.name}' cannot be compared with a date")


def _aggregated(
    query: soql.Query, rows: Sequence[Row], resolve: Callable[[soql.Path], Resolved], switches: Switches
) -> Rows:
    only = query.selected[0]
    if isinstance(only, soql.Aggregate) and only.path is None:
        if only.function != "count" or len(query.selected) > 1 or query.group_by:
            raise Refused("MALFORMED_QUERY", "COUNT() must stand alone")
        return Rows(total=len(rows), matching=[], show=dict, long_texts=0)
    keys = [resolve(path) for path in query.group_by]
    groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): list(rows)}
    if keys:
        for row in rows:
            groups.setdefault(tuple(key.read(row) for key in keys), []).append(row)
    results = [_group(query, members, resolve, switches) for members in groups.values()]
    return Rows(total=len(results), matching=results, show=dict, long_texts=0)


def _group(
    query: soql.Query, rows: Sequence[Row], resolve: Callable[[soql.Path], Resolved], switches: Switches
) -> dict[str, Any]:
    made: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
    unnamed = 0
    for item in query.selected:
        if isinstance(item, soql.Path):
            if list(item.parts) not in [list(path.parts) for path in query.group_by]:
                raise Refused("MALFORMED_QUERY", f"Field must be grouped or aggregated: {item}")
            path = resolve(item)
            made[path.field.name] = shown(path.field, path.read(rows[0]), switches)
            continue
        assert item.path is not None
        path = resolve(item.path)
        values = [value for row in rows if (value := path.read(row)) is not None]
        name = item.alias or f"expr{unnamed}"
        unnamed += 0 if item.alias else 1
        made[name] = _total(item.function, values, path.field, switches)
    return made


def _total(function: str, values: Sequence[Any], field: Field, switches: Switches) -> Any:
    if function == "count":
        return len(values)
    if function == "count_distinct":
        return len(set(values))
    if not values:
        return None
    if function in ("min", "max"):
        return shown(field, min(values) if function == "min" else max(values), switches)
    if field.type not in NUMBER_TYPES:
        raise Refused("MALFORMED_QUERY", f"field {field.name} does not support aggregate operator {function}")
    return sum(values) if function == "sum" else sum(values) / len(values)
