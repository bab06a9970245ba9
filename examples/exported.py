"""Exported files as what was known at a date: the account book and the facts, in the frames scoring wants.

Streams are read by the real `files` connector, as `[sources.exports]` configures it. `[accounts]` says which
columns stand for what a CRM would tell. Everything is read once; a date is a choice among what was read.

Refuses to show a date anything that was not over by then: numbers and records count from `observed_at`, a
term of a contract from the day it begins.
"""

import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from connectors import Context, Since
from connectors.files import Files, FilesSettings
from crmhealth import validation
from crmhealth.config import durations
from scoring.definition import ScoringModel
from scoring.errors import ConfigError
from scoring.frames import INSTANT, NUMBERS_SCHEMA, STREAMS_SCHEMA
from scoring.metrics import Facts, lookback, newest
from scoring.model import TOPICS, Fact, FieldType
from scoring.problems import problems

_STRICT = ConfigDict(extra="forbid", frozen=True)
_TYPES: Mapping[FieldType, pl.DataType | type[pl.DataType]] = {
    "text": pl.String,
    "number": pl.Float64,
    "instant": pl.String,
    "bool": pl.Boolean,
}
_TRUTH = ("true", "false")


class Column(BaseModel):
    """Where an account field comes from."""

    model_config = _STRICT

    column: str
    scale: float = 1.0
    """Numbers are multiplied by it: 12 makes a yearly amount of a monthly one."""


def _as_column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


Columns = dict[str, Annotated[Column, BeforeValidator(_as_column)]]


class Terms(BaseModel):
    """Rows of contracts; of each account the one that began last counts."""

    model_config = _STRICT

    path: str
    id: str
    begins: str
    """The column with the first day of the term."""
    ends: str = ""
    """The column with the day it would be renewed on; from then on, an account without a later term is gone."""
    fields: Columns = Field(default_factory=dict)


class Accounts(BaseModel):
    """One row per account, in the place of a CRM's account book."""

    model_config = _STRICT

    path: str
    id: str
    begins: str = ""
    """The column with the day since when it is a customer; before that day it is not scored."""
    all_columns: bool = False
    """Every other column is an account field of its own name."""
    fields: Columns = Field(default_factory=dict)
    facts_from_begin: bool = False
    """What is dated before `begins` is left out: an export that contradicts itself."""
    terms: Terms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A configuration of exported files: what to read, who the accounts are, and the model."""

    timezone: ZoneInfo
    source: FilesSettings | None
    accounts: Accounts
    model: ScoringModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """All that was read."""

    example: Example
    book: pl.DataFrame
    terms: pl.DataFrame | None
    numbers: pl.DataFrame
    """NUMBERS_SCHEMA, by observed_at."""
    records: Mapping[str, pl.DataFrame]
    known: Mapping[str, pl.DataFrame]
    """Per topic, the accounts its source knows."""

    def dated(self) -> bool:
        """Say whether anything here depends on a date."""
        return bool(self.example.accounts.begins or self.terms is not None or self.known)

    def accounts(self, day: date) -> pl.DataFrame:
        """Give the account frame as of the beginning of a day: who is a customer then, with its term."""
        book = self.book
        if self.example.accounts.begins:
            book = book.filter(pl.col("~begins") <= day)
        if self.terms is not None:
            running = self.terms.filter(pl.col("~begins") <= day).group_by("account_id").last()
            running = running.filter(pl.col("~ends").is_null() | (pl.col("~ends") > day))
            book = book.join(running.drop("~begins", "~ends"), on="account_id", how="inner")
        return book.drop("~begins", strict=False).sort("account_id")

    def facts(self, as_of: datetime) -> Facts:
        """Give what was known at an instant, as far back as the model looks."""
        seen_at = self.numbers["observed_at"]
        first = int(seen_at.search_sorted(as_of - lookback(self.example.model), side="left"))
        numbers = self.numbers[first : int(seen_at.search_sorted(as_of, side="right"))]
        streams = pl.DataFrame(
            {"topic": sorted(self.known), "complete_at": as_of, "down": False},
            schema={name: kind for name, kind in STREAMS_SCHEMA.items() if name != "newest_at"},
        )
        return Facts(
            numbers=numbers,
            records={
                topic: frame.filter(pl.col("observed_at") <= as_of) for topic, frame in self.records.items()
            },
            matched=self.known,
            streams=streams.join(newest(numbers, as_of), on="topic", how="left").select(list(STREAMS_SCHEMA)),
        )


def beginning(day: date, timezone: ZoneInfo) -> datetime:
    """Give the instant at which a day begins, in UTC."""
    return datetime.combine(day, time.min, tzinfo=timezone).astimezone(UTC)


def load(path: Path) -> Example:
    """Read a configuration. Raises ConfigError with everything that is wrong with a table."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    source = raw.get("sources", {}).get("exports")
    model = durations(raw.get("model"))
    return Example(
        timezone=ZoneInfo(raw.get("daemon", {}).get("timezone", "UTC")),
        source=source and _validated("sources.exports", FilesSettings, _without(source, {"type", "match"})),
        accounts=_validated("accounts", Accounts, raw.get("accounts")),
        model=_validated("model", ScoringModel, model),
    )


def _without(table: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def _validated(key: str, shape: Any, raw: object) -> Any:
    try:
        return TypeAdapter(shape).validate_python(raw)
    except ValidationError as exc:
        raise ConfigError(validation.problems(key, raw, exc)) from exc


def read(example: Example, inputs: Path) -> Exported:
    """Read every file once. Raises ConfigError where the model asks for what the files do not have."""
    accounts = example.accounts
    book = _table(inputs / accounts.path, accounts.id, accounts.fields, {"~begins": accounts.begins})
    if accounts.all_columns:
        rest = _cells(inputs / accounts.path).drop(accounts.id)
        book = book.hstack(rest.select(_typed(column) for column in rest).drop(book.columns, strict=False))
    terms = None
    if accounts.terms is not None:
        dates = {"~begins": accounts.terms.begins, "~ends": accounts.terms.ends}
        terms = _table(inputs / accounts.terms.path, accounts.terms.id, accounts.terms.fields, dates)
        terms = terms.with_columns(
            pl.lit(None, dtype=pl.Date).alias(name) for name in dates if name not in terms.columns
        ).sort("~begins", maintain_order=True)
    numbers, records, known = _streams(example, inputs)
    if accounts.facts_from_begin:
        numbers = _after_begin(numbers, book, example.timezone)
        records = {topic: _after_begin(frame, book, example.timezone) for topic, frame in records.items()}
    fields = {*book.columns, *(terms.columns if terms is not None else ())}
    wrong = problems(example.model, fields, {topic for topic in known if topic not in TOPICS})
    if wrong:
        raise ConfigError(wrong)
    return Exported(
        example=example,
        book=book,
        terms=terms,
        numbers=numbers.sort("observed_at", "account_id", "metric"),
        records=records,
        known=known,
    )


# --- accounts ----------------------------------------------------------------------------------------


def _cells(path: Path) -> pl.DataFrame:
    """Read a CSV as text; cells are stripped, empty ones are null."""
    return pl.read_csv(path, infer_schema=False).select(pl.all().str.strip_chars().replace("", None))


def _table(path: Path, key: str, columns: Columns, dates: Mapping[str, str]) -> pl.DataFrame:
    cells = _cells(path)
    return pl.DataFrame(
        [
            cells[key].alias("account_id"),
            *(cells[column].str.to_date().alias(name) for name, column in dates.items() if column),
            *(_scaled(cells[rule.column], name, rule.scale) for name, rule in columns.items()),
        ]
    )


def _scaled(cells: pl.Series, name: str, scale: float) -> pl.Series:
    if name == "segment":
        return cells.alias(name)
    typed = _typed(cells).alias(name)
    return typed if scale == 1 else typed * scale


def _typed(cells: pl.Series) -> pl.Series:
    """Take a column for dates, numbers or yes and no if all of its cells are; else it is text."""
    for typed in (cells.str.to_date("%Y-%m-%d", strict=False), cells.cast(pl.Float64, strict=False)):
        if typed.null_count() == cells.null_count() < cells.len():
            return typed
    lower = cells.str.to_lowercase()
    return lower == "true" if lower.drop_nulls().is_in(_TRUTH).all() and lower.count() else cells


# --- facts -------------------------------------------------------------------------------------------


def _streams(
    example: Example, inputs: Path
) -> tuple[pl.DataFrame, dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """Pull every stream: numbers, records by topic, and the accounts each topic's source knows."""
    empty = pl.DataFrame(schema=NUMBERS_SCHEMA)
    if example.source is None:
        return empty, {}, {}
    context = Context(
        source="exports", timezone=example.timezone, folder=inputs, sleep=_no_sleep, jitter=_no_jitter
    )
    connector = Files(settings=example.source, context=context)
    numbers, records, keys, topics = [empty], dict[str, list[pl.DataFrame]](), set[str](), set[str]()
    for stream in connector.streams():
        for page in connector.pull(stream.name, Since(cursor=None, now=_PULLED_AT)):
            keys.update(account.account_key for account in page.accounts)
            keys.update(fact.account_key for fact in page.facts)
            if stream.topic in TOPICS:
                records.setdefault(stream.topic, []).append(_records(stream.topic, page.facts))
            elif stream.topic:
                numbers.append(_numbers(page.facts))
        topics |= {stream.topic} - {""}
    known = pl.DataFrame({"account_id": sorted(keys)}, schema={"account_id": pl.String})
    return (
        pl.concat(numbers),
        {topic: pl.concat(frames) for topic, frames in records.items()},
        dict.fromkeys(sorted(topics), known),
    )


_PULLED_AT = datetime(2100, 1, 1, tzinfo=UTC)
"""Files are pulled whole, after everything in them has happened; what was known when stands in the facts."""


def _no_sleep(seconds: float) -> None:
    """Files are not waited for."""


def _no_jitter() -> float:
    return 0.0


def _numbers(facts: Sequence[Fact]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "account_id": [fact.account_key for fact in facts],
            "topic": [fact.topic for fact in facts],
            "metric": [fact.metric for fact in facts],
            "observed_at": [fact.observed_at for fact in facts],
            "value": [fact.value for fact in facts],
        },
        schema=NUMBERS_SCHEMA,
    )


def _records(topic: str, facts: Iterable[Fact]) -> pl.DataFrame:
    fields = TOPICS[topic]
    schema: dict[str, Any] = {"account_id": pl.String, "source_id": pl.String, "observed_at": INSTANT}
    schema |= {name: _TYPES[kind] for name, kind in fields.items()}
    frame = pl.DataFrame(
        [
            {"account_id": fact.account_key, "source_id": fact.source_id, "observed_at": fact.observed_at}
            | {name: (fact.body or {}).get(name) for name in fields}
            for fact in facts
        ],
        schema=schema,
        strict=False,
    )
    return frame.with_columns(
        pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC", strict=True)
        for name, kind in fields.items()
        if kind == "instant"
    )


def _after_begin(frame: pl.DataFrame, book: pl.DataFrame, timezone: ZoneInfo) -> pl.DataFrame:
    begins = book.select(
        "account_id",
        pl.col("~begins")
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone(timezone.key)
        .dt.convert_time_zone("UTC"),
    )
    known = frame.join(begins, on="account_id", how="left")
    return known.filter(pl.col("observed_at") > pl.col("~begins")).drop("~begins")
