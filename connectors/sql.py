"""Reads a database or warehouse through queries the admin writes; the sums are made where the rows lie.

A query of daily numbers is a window: it is asked for the trailing days again and again, because late rows
make cursors wrong. Where it uses `:since` and `:until`, these are dates: the first day wanted, and the day
after the last, which is always over. Numbers without a date are measures of the moment they are read. A
query of records or accounts is a snapshot of all there are.

It refuses to write, to bind anything else into a query, and to cut a result that is too long.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, TypeAlias

from pydantic import BaseModel, Field, model_validator

from connectors._base import SETTINGS, CheckResult, Context, Page, Since, Stream
from connectors._mapping import Accounts, Daily, Records, streams_named_once, wanted_columns
from connectors._secrets import Secret
from connectors._times import end_of_day, start_of_day
from scoring.errors import PayloadError, RejectedError

if TYPE_CHECKING:
    from connectors._database import Database

BINDS = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
"""How SQLAlchemy finds parameters in a text: not `::date`, not `12:30`, not `\\:name`."""


class _Query(BaseModel):
    """Where the rows of a stream come from."""

    model_config = SETTINGS

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the stream; stands in `status` and in errors."""
    query: str
    """One SELECT."""


class DailyQuery(_Query, Daily):
    """A query for numbers per account and day, or per account as of now."""

    date: str = ""
    """The column with the day; without one, the numbers are measures of the moment they are read."""
    window_days: int = Field(default=35, ge=1)
    """How many days before the last pull are asked for again: as late as rows may arrive."""

    @model_validator(mode="after")
    def _binds(self) -> "DailyQuery":
        unknown = sorted(set(BINDS.findall(self.query)) - {"since", "until"})
        if unknown:
            raise ValueError(f"binds what it may not; use :since and :until, not :{', :'.join(unknown)}")
        if self.covers_days != 1:
            # the window that is asked for anew counts in the days of the rows
            raise ValueError("covers_days is for files; let the query give the last day a row stands for")
        return self


class RecordsQuery(_Query, Records):
    """A query for all records of a topic."""

    @model_validator(mode="after")
    def _binds(self) -> "RecordsQuery":
        _require_no_binds(self.query)
        return self


class AccountsQuery(_Query, Accounts):
    """A query for all accounts of the source."""

    @model_validator(mode="after")
    def _binds(self) -> "AccountsQuery":
        _require_no_binds(self.query)
        return self


def _require_no_binds(query: str) -> None:
    if BINDS.search(query):
        raise ValueError(
            "a snapshot lists everything; remove :since and :until, what they left out would count as gone"
        )


SqlStream: TypeAlias = Annotated[DailyQuery | RecordsQuery | AccountsQuery, Field(discriminator="kind")]


class SqlSettings(BaseModel):
    """What the admin may write in `[sources.<name>]` with `type = "sql"`."""

    model_config = SETTINGS

    url: Secret
    """Address of the database, with a user who may only read: postgresql://user:password@host/name."""
    streams: Annotated[list[SqlStream], Field(min_length=1), streams_named_once]
    """The queries to run, in this order."""
    timeout_seconds: float = Field(default=300, gt=0)
    """How long one query may take, where the database can be told."""
    max_rows: int = Field(default=1_000_000, ge=1)
    """A longer result is an error: a query that forgot to aggregate, or a join that exploded."""


class Sql:
    """One database."""

    Settings = SqlSettings

    def __init__(self, *, settings: SqlSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._streams = {stream.name: stream for stream in settings.streams}
        self._opened: Database | None = None

    def streams(self) -> Sequence[Stream]:
        """List the declared queries."""
        return [
            Stream(
                name=stream.name,
                topic="" if isinstance(stream, AccountsQuery) else stream.topic,
                mode="window" if isinstance(stream, DailyQuery) else "snapshot",
            )
            for stream in self._streams.values()
        ]

    def check(self) -> Sequence[CheckResult]:
        """Run every query, and look at its columns but not at its rows."""
        today = self._context.wall_clock().astimezone(self._context.timezone).date()
        return [self._check(query, today) for query in self._streams.values()]

    def pull(self, stream: str, since: Since) -> Iterator[Page]:
        """Yield the facts of one query."""
        query = self._streams[stream]
        if not isinstance(query, DailyQuery):
            yield from self._translated(query, {}, since)
            return
        today = since.now.astimezone(self._context.timezone).date()
        first = _first_day(query, since, today) if query.date else today
        # A day's number is dated by the day's end; the one dated `first` midnight is of the day before.
        edge = end_of_day if query.date else start_of_day
        for page in self._translated(query, {"since": first, "until": today}, since):
            yield replace(
                page,
                cursor=f"{today.isoformat()} {_digest(query)}",
                window_start=edge(first, self._context.timezone),
            )

    def close(self) -> None:
        """Give back the connection, if there was one."""
        if self._opened is not None:
            self._opened.close()

    def _translated(self, query: SqlStream, days: Mapping[str, date], since: Since) -> Iterator[Page]:
        from connectors._rows import translate  # as below: polars

        values = {name: days[name] for name in set(BINDS.findall(query.query))}
        table = self._database().read(
            query.name, query.query, values, wanted_columns(query), self._settings.max_rows
        )
        return translate(table, query, timezone=self._context.timezone, now=since.now)

    def _check(self, query: SqlStream, today: date) -> CheckResult:
        days = {"since": today, "until": today}
        values = {name: days[name] for name in set(BINDS.findall(query.query))}
        try:
            self._database().try_out(query.name, query.query, values, wanted_columns(query))
        except (PayloadError, RejectedError) as exc:
            return CheckResult(subject=query.name, ok=False, detail=exc.detail)
        return CheckResult(subject=query.name, ok=True, detail="runs")

    def _database(self) -> "Database":
        if self._opened is None:
            # SQLAlchemy and polars take a second to import; whoever only reads the configuration is spared it.
            from connectors._database import Database

            self._opened = Database(
                source=self._context.source,
                url=self._settings.url.get_secret_value(),
                folder=self._context.folder,
                timezone=self._context.timezone,
                timeout_seconds=self._settings.timeout_seconds,
            )
        return self._opened


def _first_day(query: DailyQuery, since: Since, today: date) -> date:
    """Return the first day to ask for; a changed query is asked for everything again."""
    last, _, digest = (since.cursor or "").partition(" ")
    if digest != _digest(query):
        return today - since.lookback
    return min(date.fromisoformat(last), today) - timedelta(days=query.window_days)


def _digest(query: DailyQuery) -> str:
    return hashlib.sha256(query.model_dump_json().encode()).hexdigest()[:16]


CONNECTOR = Sql
