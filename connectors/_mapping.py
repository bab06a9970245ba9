"""What an admin writes to say what the rows of a table mean; shared by files and sql.

Refuses what could not work, all of it at once: a field its topic does not have, a category that is none of
ours, an aggregate without a column.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Protocol, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, Strict, model_validator

from connectors._base import SETTINGS
from connectors._times import DayEdge
from scoring.model import TOPICS, FieldType, JsonValue

NamedStream = TypeVar("NamedStream", bound="Named")

CATEGORIES = {"severity": ("urgent", "high", "normal", "low")}
RANGES = {"rating": (0.0, 1.0)}
NOUNS: Mapping[FieldType, str] = {
    "text": "text",
    "number": "a number",
    "instant": "a date or time",
    "bool": "true or false",
}
Aggregate: TypeAlias = Literal["sum", "mean", "min", "max", "count", "nunique", "single"]
Where: TypeAlias = dict[str, str | list[str]]
Known: TypeAlias = Literal["read", "observed"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


Columns = Annotated[tuple[str, ...], BeforeValidator(_listed), Strict(False)]
"""One column name or several."""


class Named(Protocol):
    @property
    def name(self) -> str: ...


def _named_once(streams: list[NamedStream]) -> list[NamedStream]:
    names = [stream.name for stream in streams]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"more than one stream is called {', '.join(map(repr, repeated))}; rename all but one"
        )
    return streams


streams_named_once = AfterValidator(_named_once)
"""Refuses two streams of the same name."""


class Metric(BaseModel):
    """One daily number: what is done with the rows of an account and day."""

    model_config = SETTINGS

    aggregate: Aggregate
    """nunique counts different values; single expects one row a day, a second one is an error."""
    column: str = ""
    """The column that is aggregated; may be left out for count, which then counts rows."""

    @model_validator(mode="after")
    def _complete(self) -> "Metric":
        if not self.column and self.aggregate != "count":
            raise ValueError(f"aggregate {self.aggregate!r} needs a column; write column = …")
        return self


class Rule(BaseModel):
    """Where one field of a record comes from."""

    model_config = SETTINGS

    column: str = ""
    """The column; without one, every record gets `default`."""
    map: dict[str, str | float | bool] = Field(default_factory=dict)
    """Their value -> ours; "" means none. A text that is not listed gets `default`, or is an error."""
    scale: float = 1.0
    """Numbers are multiplied by it: 0.01 turns per cent into a rating from 0 to 1."""
    default: str | float | bool | None = None
    """What stands for an empty cell."""
    format: str = ""
    """How times are written, if not in ISO 8601: a strptime pattern, "unix" or "unix_ms"."""
    day: DayEdge | None = None
    """Whether a date without a time means the start or the end of its day."""


ColumnOrRule = Annotated[Rule, BeforeValidator(_as_column)]


class Daily(BaseModel):
    """Rows that are, or add up to, numbers per account and day."""

    model_config = SETTINGS

    kind: Literal["daily"]
    """What the rows are."""
    topic: str = "usage"
    """Under which topic the model finds the numbers."""
    account: str
    """The column that names the account."""
    date: str
    """The column with the day, or with a time whose local day counts."""
    format: str = ""
    """How dates are written, if not in ISO 8601: a strptime pattern, "unix" or "unix_ms"."""
    covers_days: int = Field(default=1, ge=1, le=366)
    """How many days a row stands for, from its date on; the number is dated by the last of them."""
    metrics: dict[str, Metric] = Field(min_length=1)
    """Name of the number -> how it is made."""
    where: Where = Field(default_factory=dict)
    """Only rows whose column has this value, or one of these."""
    known: Known = "read"
    """"observed" declares a backfill: each number counts as known since the end of its day."""

    @model_validator(mode="after")
    def _no_record_topic(self) -> "Daily":
        if self.topic in TOPICS:
            raise ValueError(f'topic {self.topic!r} holds records, not numbers; write kind = "records"')
        return self


class Records(BaseModel):
    """Rows that are records of a topic: tickets, subscriptions, invoices, survey answers."""

    model_config = SETTINGS

    kind: Literal["records"]
    """What the rows are."""
    topic: Literal["tickets", "subscriptions", "invoices", "surveys"]
    """The topic of the records."""
    id: Columns
    """The column, or columns together, that name the record."""
    account: str
    """The column that names the account; where it is empty, the record belongs to nobody."""
    fields: dict[str, ColumnOrRule] = Field(min_length=1)
    """Field of the topic -> the column it comes from."""
    observed_at: str = ""
    """The column that says since when the record is as it is; without one, since it was read."""
    format: str = ""
    """How `observed_at` is written, if not in ISO 8601."""
    where: Where = Field(default_factory=dict)
    """Only rows whose column has this value, or one of these."""
    known: Known = "read"
    """"observed" declares a backfill: each record counts as known since `observed_at`."""

    @model_validator(mode="after")
    def _fields_of_the_topic(self) -> "Records":
        problems = [
            problem
            for name, rule in self.fields.items()
            for problem in _rule_problems(name, rule, TOPICS[self.topic])
        ]
        if self.known == "observed" and not self.observed_at:
            problems.append('known = "observed" needs the column observed_at')
        if problems:
            raise ValueError(f"{', '.join(problems)}; see docs/connectors for the fields of {self.topic}")
        return self


class Accounts(BaseModel):
    """Rows that describe the accounts of the source, to match them with ours."""

    model_config = SETTINGS

    kind: Literal["accounts"]
    """What the rows are."""
    account: str
    """The column that names the account, as the other streams do."""
    account_name: str = ""
    """The column with its name; only for people to read."""
    external_id: str = ""
    """The column with its id in another system, such as the CRM."""
    domains: Columns = ()
    """The columns with its domains; one cell may hold several, separated by comma, semicolon or space."""
    where: Where = Field(default_factory=dict)
    """Only rows whose column has this value, or one of these."""


AnyMapping: TypeAlias = Daily | Records | Accounts


def wanted_columns(mapping: AnyMapping) -> frozenset[str]:
    """List the columns a mapping reads."""
    match mapping:
        case Daily():
            names = [mapping.account, mapping.date, *(metric.column for metric in mapping.metrics.values())]
        case Records():
            rules = mapping.fields.values()
            names = [*mapping.id, mapping.account, mapping.observed_at, *(rule.column for rule in rules)]
        case Accounts():
            names = [mapping.account, mapping.account_name, mapping.external_id, *mapping.domains]
    return frozenset(filter(None, [*names, *mapping.where]))


def fits(name: str, kind: FieldType, value: JsonValue) -> bool:
    """Say whether a value may stand in a field."""
    match kind:
        case "text":
            return isinstance(value, str) and value in CATEGORIES.get(name, (value,))
        case "number":
            low, high = RANGES.get(name, (-math.inf, math.inf))
            return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        case "bool":
            return isinstance(value, bool)
        case "instant":
            return False  # a time is read from a cell, never written as a value


def described(name: str, kind: FieldType) -> str:
    """Say what may stand in a field."""
    if name in CATEGORIES:
        return f"one of {', '.join(CATEGORIES[name])} (map says what their values mean)"
    if name in RANGES:
        return "a number from {:g} to {:g} (scale converts)".format(*RANGES[name])
    return NOUNS[kind]


def _rule_problems(name: str, rule: Rule, topic: Mapping[str, FieldType]) -> Iterator[str]:
    """Say everything that is wrong with the rule of one field."""
    if name not in topic:
        yield f"fields.{name}: no such field; the topic has {', '.join(topic)}"
        return
    kind = topic[name]
    if not rule.column and rule.default is None:
        yield f"fields.{name}: needs a column, or a default"
    if kind != "number" and rule.scale != 1:
        yield f"fields.{name}: scale is for numbers, this is {NOUNS[kind]}"
    if kind != "instant" and (rule.format or rule.day):
        yield f"fields.{name}: format and day are for times, this is {NOUNS[kind]}"
    for value in (*(value for value in rule.map.values() if value != ""), rule.default):
        if value is not None and not fits(name, kind, value):
            yield f"fields.{name}: {value!r} is not {described(name, kind)}"
