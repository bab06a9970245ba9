"""SOQL: text to a syntax tree, for the part of the language a client of this kind needs.

Field lists with parent paths, aggregates, WHERE with AND, OR, NOT and parentheses, GROUP BY, ORDER BY, LIMIT,
OFFSET. Knows no fields and no records; raises Refused(MALFORMED_QUERY) with the place of the mistake.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, TypeAlias

from sandbox.salesforce.errors import Refused
from sandbox.salesforce.values import DATETIME, read_datetime

TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))
    | (?P<date>\d{4}-\d{2}-\d{2})
    | (?P<number>[+-]?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_][\w.]*(?::\d+)?)
    | (?P<sign>!=|<>|<=|>=|[=<>(),])
    )""",
    re.VERBOSE | re.IGNORECASE,
)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
AGGREGATES = ("count", "count_distinct", "min", "max", "sum", "avg")
DAY_NAMES = ("today", "yesterday", "tomorrow", "last_n_days", "next_n_days")
RESERVED = ("from", "where", "group", "order", "limit", "offset", "and", "or", "not", "in", "like")


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """A relative date such as TODAY or LAST_N_DAYS:30."""

    name: str
    count: int = 0


Literals: TypeAlias = str | float | bool | date | datetime | Days | None
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "like", "in", "not in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A field, or a parent's field: `Owner.IsActive`."""

    parts: Sequence[str]
    column: int

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """COUNT(Id), MAX(CreatedDate) …; without a path it is COUNT()."""

    function: str
    path: Path | None
    alias: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One test of one field."""

    path: Path
    operator: Operator
    values: Sequence[Literals]


@dataclass(frozen=True, slots=True, kw_only=True)
class Junction:
    """Conditions joined by AND or OR, or one that is negated."""

    joined_by: Literal["and", "or", "not"]
    conditions: Sequence["Condition"]


Condition: TypeAlias = Comparison | Junction


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One key of ORDER BY."""

    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A whole statement."""

    text: str
    selected: Sequence[Path | Aggregate]
    object_name: str
    object_column: int
    where: Condition | None
    group_by: Sequence[Path]
    order_by: Sequence[Order]
    limit: int | None
    offset: int


def parse(text: str) -> Query:
    """Read a statement."""
    return _Parser(text).query()


def parse_condition(text: str) -> Condition:
    """Read what could stand after WHERE."""
    return _Parser(text).only_condition()


def at_column(text: str, column: int, sentence: str) -> str:
    """Show a sentence with the place in the statement, as query errors do."""
    start = max(0, column - 40)
    shown = text[start : column + 40]
    return f"\n{shown}\n{' ' * (column - start)}^\nERROR at Row:1:Column:{column + 1}\n{sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    column: int

    @property
    def word(self) -> str:
        return self.text.casefold() if self.kind in ("name", "sign") else ""


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    end = len(text.rstrip())
    while position < end:
        match = TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            column = position + len(text[position:]) - len(text[position:].lstrip())
            raise Refused("MALFORMED_QUERY", at_column(text, column, f"unexpected token: '{text[column]}'"))
        start = match.start(match.lastgroup)
        tokens.append(_Token(kind=match.lastgroup, text=match[match.lastgroup], column=start))
        position = match.end()
    tokens.append(_Token(kind="end", text="<EOF>", column=end))
    return tokens


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._position = 0

    @property
    def _here(self) -> _Token:
        return self._tokens[self._position]

    def _unexpected(self) -> Refused:
        token = self._here
        return Refused(
            "MALFORMED_QUERY", at_column(self._text, token.column, f"unexpected token: '{token.text}'")
        )

    def _next(self) -> _Token:
        token = self._here
        self._position += 1
        return token

    def _take(self, *words: str) -> bool:
        following = self._tokens[self._position : self._position + len(words)]
        if [token.word for token in following] != list(words):
            return False
        self._position += len(words)
        return True

    def _must(self, *words: str) -> None:
        if not self._take(*words):
            raise self._unexpected()

    def _name(self) -> _Token:
        if self._here.kind != "name" or self._here.word in RESERVED:
            raise self._unexpected()
        return self._next()

    def _whole(self) -> int:
        if self._here.kind != "number" or not self._here.text.isdigit():
            raise self._unexpected()
        return int(self._next().text)

    def query(self) -> Query:
        self._must("select")
        selected = [self._selected()]
        while self._take(","):
            selected.append(self._selected())
        self._must("from")
        source = self._name()
        where = self._condition() if self._take("where") else None
        group_by = []
        if self._take("group", "by"):
            group_by.append(self._path())
            while self._take(","):
                group_by.append(self._path())
        order_by = []
        if self._take("order", "by"):
            order_by.append(self._order())
            while self._take(","):
                order_by.append(self._order())
        limit = self._whole() if self._take("limit") else None
        offset = self._whole() if self._take("offset") else 0
        if self._here.kind != "end":
            raise self._unexpected()
        return Query(
            text=self._text,
            selected=selected,
            object_name=source.text,
            object_column=source.column,
            where=where,
            group_by=group_by,
            order_by=order_by,
            limit=limit,
            offset=offset,
        )

    def only_condition(self) -> Condition:
        condition = self._condition()
        if self._here.kind != "end":
            raise self._unexpected()
        return condition

    def _path(self) -> Path:
        token = self._name()
        return Path(parts=token.text.split("."), column=token.column)

    def _selected(self) -> Path | Aggregate:
        if self._here.word in AGGREGATES and self._tokens[self._position + 1].word == "(":
            function = self._next().word
            self._must("(")
            path = None if self._here.word == ")" else self._path()
            self._must(")")
            alias = "" if self._here.word in (",", "from") else self._name().text
            return Aggregate(function=function, path=path, alias=alias)
        return self._path()

    def _order(self) -> Order:
        path = self._path()
        descending = self._take("desc")
        if not descending:
            self._take("asc")
        nulls_last = self._take("nulls", "last")
        if not nulls_last:
            self._take("nulls", "first")
        return Order(path=path, descending=descending, nulls_last=nulls_last)

    def _condition(self) -> Condition:
        first = self._single()
        for word in ("and", "or"):
            conditions = [first]
            while self._take(word):
                conditions.append(self._single())
            if len(conditions) > 1:
                # The original does not mix AND and OR without parentheses: the other word is unexpected.
                joined: Literal["and", "or"] = "and" if word == "and" else "or"
                return Junction(joined_by=joined, conditions=conditions)
        return first

    def _single(self) -> Condition:
        if self._take("not"):
            return Junction(joined_by="not", conditions=[self._single()])
        if self._take("("):
            inner = self._condition()
            self._must(")")
            return inner
        path = self._path()
        if self._take("in"):
            return Comparison(path=path, operator="in", values=self._list())
        if self._take("not", "in"):
            return Comparison(path=path, operator="not in", values=self._list())
        if self._take("like"):
            return Comparison(path=path, operator="like", values=[self._literal()])
        for operator in ("=", "!=", "<", "<=", ">", ">="):
            if self._take(operator):
                return Comparison(path=path, operator=operator, values=[self._literal()])
        if self._take("<>"):
            return Comparison(path=path, operator="!=", values=[self._literal()])
        raise self._unexpected()

    def _list(self) -> list[Literals]:
        self._must("(")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._must(")")
        return values

    def _literal(self) -> Literals:
        token = self._here
        value = _literal(token)
        if value is ...:
            raise self._unexpected()
        self._position += 1
        return value  # type: ignore[return-value]


def _literal(token: _Token) -> object:
    """Read a literal; Ellipsis for what is none."""
    if token.kind == "string":
        return re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], match[1]), token.text[1:-1])
    if token.kind == "number":
        return float(token.text)
    try:
        if token.kind == "datetime" and (match := DATETIME.fullmatch(token.text)):
            return read_datetime(match)
        if token.kind == "date":
            return date.fromisoformat(token.text)
    except ValueError:
        return ...
    if token.kind == "name":
        if token.word in ("true", "false"):
            return token.word == "true"
        if token.word == "null":
            return None
        name, _, count = token.word.partition(":")
        if name in DAY_NAMES and bool(count) == name.endswith("n_days"):
            return Days(name=name, count=int(count or 0))
    return ...
