"""Turns a table of text into facts and accounts, as the admin's mapping says. Pure; shared by files and sql.

All values of a column are read before the first fact is made, each distinct text once, so that a table is
taken whole or not at all.

It refuses to guess: a value that does not parse, a category that is none of ours, a key that occurs twice
or a record without its key is a PayloadError that names rows and column. It never quotes a cell, except
one of a column of categories.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TypeVar
from zoneinfo import ZoneInfo

import polars as pl

from connectors._base import Page
from connectors._mapping import (
    CATEGORIES,
    Accounts,
    AnyMapping,
    Daily,
    Metric,
    Records,
    Rule,
    Where,
    described,
    fits,
)
from connectors._tables import ROW, Table
from connectors._times import DayEdge, end_of_day, instant_text, parse_day, parse_instant
from scoring.model import TOPICS, Fact, FieldType, JsonValue, SourceAccount, number_id

Value = TypeVar("Value")
Item = TypeVar("Item")

PAGE_SIZE = 5_000
STARTS_ITS_DAY = frozenset({"started_at", "renewal_at", "cancel_at"})
"""What a contract names ahead begins with its day; what happened on a day is certain only when it is over."""
BOOLEANS = {"true": True, "t": True, "yes": True, "y": True, "1": True}
BOOLEANS |= {"false": False, "f": False, "no": False, "n": False, "0": False}

AGGREGATES: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    # the sum of nothing would be 0, but what is missing is not zero
    "sum": lambda cells: pl.when(cells.is_not_null().any()).then(cells.sum()),
    "mean": lambda cells: cells.mean(),
    "min": lambda cells: cells.min(),
    "max": lambda cells: cells.max(),
    "count": lambda cells: cells.count(),
    "nunique": lambda cells: cells.drop_nulls().n_unique(),
    "single": lambda cells: cells.first(),
}
OF_TEXT = frozenset({"count", "nunique"})


def paged(items: Iterable[Item], size: int = PAGE_SIZE) -> Iterator[tuple[tuple[Item, ...], bool]]:
    """Cut items into pages; the flag says which is the last. No items make one empty last page."""
    rest = iter(items)
    page = tuple(islice(rest, size))
    while True:
        following = tuple(islice(rest, size))
        yield page, not following
        if not following:
            return
        page = following


def translate(
    table: Table, mapping: AnyMapping, *, timezone: ZoneInfo, now: datetime, decimal: str = "."
) -> Iterator[Page]:
    """Make the pages of a table, oldest day first, without cursors."""
    reader = _Reader(table, mapping.where, timezone, decimal)
    match mapping:
        case Daily():
            for facts, last in paged(_numbers(reader, mapping, now)):
                yield Page(facts=facts, last=last)
        case Records():
            for facts, last in paged(_records(reader, mapping, now)):
                yield Page(facts=facts, last=last)
        case Accounts():
            for accounts, last in paged(_accounts(reader, mapping)):
                yield Page(accounts=accounts, last=last)


class _Reader:
    """The chosen rows of a table, read column by column."""

    def __init__(self, table: Table, where: Where, timezone: ZoneInfo, decimal: str) -> None:
        chosen = [
            pl.col(column).is_in([wanted] if isinstance(wanted, str) else wanted)
            for column, wanted in where.items()
        ]
        self.table = table
        self.frame = table.frame.filter(chosen) if chosen else table.frame
        self.timezone = timezone
        self.decimal = decimal

    def distinct(
        self, column: str, read: Callable[[str], Value], kind: str, *, quoted: bool = False
    ) -> dict[str, Value]:
        """Read each text of a column once; raise PayloadError naming the rows where one cannot be."""
        values: dict[str, Value] = {}
        unread: list[str] = []
        for text in self.frame[column].drop_nulls().unique(maintain_order=True).to_list():
            try:
                values[text] = read(text)
            except (ValueError, OverflowError):
                unread.append(text)
        if unread:
            rows = self.frame.filter(pl.col(column).is_in(unread))[ROW].to_list()
            found = ", ".join(repr(text[:40]) for text in unread[:5])
            raise self.table.error(column, rows, f"is not {kind}" + (f": {found}" if quoted else ""))
        return values

    def number(self, text: str) -> float:
        """Read a number with the declared decimal sign; raise ValueError."""
        if "_" in text or (self.decimal == "," and "." in text):
            raise ValueError(text)
        number = float(text.replace(self.decimal, "."))
        if not math.isfinite(number):
            raise ValueError(text)
        return number

    def require(self, columns: Sequence[str], what: str) -> None:
        """Raise PayloadError where one of these cells is empty."""
        for column in columns:
            empty = self.frame.filter(pl.col(column).is_null())[ROW].to_list()
            if empty:
                raise self.table.error(column, empty, f"is empty, but {what} needs it")

    def require_unique(self, columns: Sequence[str], what: str) -> None:
        """Raise PayloadError where a key occurs twice."""
        repeated = self.frame.filter(pl.struct(columns).is_duplicated())[ROW].to_list()
        if repeated:
            raise self.table.error(" + ".join(columns), repeated, f"the same {what} more than once")


def _numbers(reader: _Reader, mapping: Daily, now: datetime) -> Iterator[Fact]:
    reader.require([mapping.account], "a daily number")
    day, observed = _days(reader, mapping, now)
    for account, on, *values in _grouped(reader, mapping, day).iter_rows():
        for metric, value in zip(mapping.metrics, values, strict=True):
            if value is not None:
                yield Fact(
                    topic=mapping.topic,
                    source_id=number_id(account, metric, on),
                    account_key=account,
                    observed_at=observed[on],
                    known_at=observed[on] if mapping.known == "observed" else None,
                    metric=metric,
                    value=value,
                )


def _days(reader: _Reader, mapping: Daily, now: datetime) -> tuple[pl.Expr, Mapping[date, datetime]]:
    """Return the day of each row, and the instant at which each day's numbers were true."""
    if not mapping.date:
        today = now.astimezone(reader.timezone).date()
        return pl.lit(today), {today: now}
    reader.require([mapping.date], "a daily number")
    # What a week brought is known when the week is over, although exports name it by its first day.
    further = timedelta(days=mapping.covers_days - 1)

    def read(text: str) -> date:
        day = parse_day(text, reader.timezone, form=mapping.format or None) + further
        # The first and last day of the calendar stand for "none" in exports, and have no edge in some zone.
        if not date.min < day < date.max:
            raise ValueError(text)
        return day

    days = reader.distinct(mapping.date, read, "a date")
    return _replaced(mapping.date, days, pl.Date), {
        day: end_of_day(day, reader.timezone) for day in set(days.values())
    }


def _grouped(reader: _Reader, mapping: Daily, day: pl.Expr) -> pl.DataFrame:
    """Aggregate the rows of each account and day; the columns are day and account, then the metrics."""
    # Short names of our own, so that no column of theirs can be in the way
    metrics = {f"m{n}": metric for n, metric in enumerate(mapping.metrics.values())}
    cells = [_cells(reader, metric).alias(name) for name, metric in metrics.items()]
    rows = reader.frame.select(pl.col(mapping.account).alias("account"), day.alias("day"), *cells, ROW)
    if any(metric.aggregate == "single" for metric in metrics.values()):
        repeated = rows.filter(pl.struct("account", "day").is_duplicated())[ROW].to_list()
        if repeated:
            raise reader.table.error(mapping.account, repeated, "the same account and day more than once")
    return (
        rows.group_by("account", "day")
        .agg(
            AGGREGATES[metric.aggregate](pl.col(name)).cast(pl.Float64).alias(name)
            for name, metric in metrics.items()
        )
        .sort("day", "account")
    )


def _cells(reader: _Reader, metric: Metric) -> pl.Expr:
    if not metric.column:
        return pl.col(ROW)
    if metric.aggregate in OF_TEXT:
        return pl.col(metric.column)
    return _replaced(metric.column, reader.distinct(metric.column, reader.number, "a number"), pl.Float64)


def _replaced(column: str, values: Mapping[str, object], dtype: type[pl.DataType]) -> pl.Expr:
    return pl.col(column).replace_strict(
        pl.Series(list(values), dtype=pl.String), pl.Series(list(values.values()), dtype=dtype), default=None
    )


def _records(reader: _Reader, mapping: Records, now: datetime) -> Iterator[Fact]:
    reader.require([*mapping.id, *([mapping.observed_at] if mapping.known == "observed" else [])], "a record")
    reader.require_unique(mapping.id, "record")
    observed: dict[str, datetime] = {}
    if mapping.observed_at:
        observed = reader.distinct(
            mapping.observed_at,
            lambda text: parse_instant(text, reader.timezone, edge="end", form=mapping.format or None),
            "a date or time",
        )
    fields = {
        name: _field_values(reader, name, rule, TOPICS[mapping.topic][name])
        for name, rule in mapping.fields.items()
    }
    for row in reader.frame.iter_rows(named=True):
        observed_at = observed.get(row.get(mapping.observed_at) or "", now)
        yield Fact(
            topic=mapping.topic,
            source_id="|".join(row[column] for column in mapping.id),
            account_key=row[mapping.account] or "",
            observed_at=observed_at,
            known_at=observed_at if mapping.known == "observed" else None,
            body={
                name: mapping.fields[name].default if cell is None else values[cell]
                for name, values in fields.items()
                for cell in (row.get(mapping.fields[name].column),)
            },
        )


def _field_values(reader: _Reader, name: str, rule: Rule, kind: FieldType) -> dict[str, JsonValue]:
    """Return what each text of the field's column means."""
    if not rule.column:
        return {}
    edge: DayEdge = rule.day or ("start" if name in STARTS_ITS_DAY else "end")

    def read(text: str) -> JsonValue:
        value: JsonValue
        if text in rule.map:
            value = rule.map[text]
            if value == "":
                return None
        elif kind == "instant":
            instant = parse_instant(text, reader.timezone, edge=edge, form=rule.format or None)
            return instant_text(instant)
        elif kind == "text":
            value = rule.default if rule.map else text
        else:
            value = reader.number(text) * rule.scale if kind == "number" else BOOLEANS.get(text.lower())
        if not fits(name, kind, value):
            raise ValueError(text)
        return value

    quoted = bool(rule.map) or name in CATEGORIES
    return reader.distinct(rule.column, read, described(name, kind), quoted=quoted)


def _accounts(reader: _Reader, mapping: Accounts) -> Iterator[SourceAccount]:
    reader.require([mapping.account], "an account")
    reader.require_unique([mapping.account], "account")
    for row in reader.frame.iter_rows(named=True):
        cells = " ".join(row[column] or "" for column in mapping.domains)
        yield SourceAccount(
            account_key=row[mapping.account],
            name=row.get(mapping.account_name) or "",
            external_id=row.get(mapping.external_id) or "",
            domains=tuple(dict.fromkeys(re.split(r"[,;\s]+", cells.lower().strip())))
            if cells.strip()
            else (),
        )
