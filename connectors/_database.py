"""A read-only session on any database SQLAlchemy knows.

It opens SQLite files for reading only, and PostgreSQL transactions READ ONLY, with a time limit and in the
business time zone. For every other engine it relies on the credentials: give it a user who may only
read. It refuses to reflect tables, to bind anything but values, and to repeat statements in errors.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import URL, Connection, Date, TextClause, bindparam, create_engine, exc, make_url, text
from sqlalchemy.pool import NullPool

from connectors._tables import Table, as_table, cell_text, column_problem
from scoring.errors import (
    CredentialsError,
    CrmhealthError,
    PayloadError,
    RejectedError,
    TransientError,
)

CHUNK = 5_000
PREPARED: Mapping[str, Sequence[str]] = {
    "postgresql": (
        "SET TRANSACTION READ ONLY",
        "SELECT set_config('statement_timeout', :milliseconds, true)",
        "SELECT set_config('TimeZone', :timezone, true)",
    ),
    "sqlite": ("PRAGMA query_only = ON",),
}
"""What is said to each engine at the start of a transaction."""
# SQLite calls almost everything operational; these will not get better by themselves. Nor will a forbidden
# statement (class 25 of SQLSTATE), or one that names what is not there or not ours (42).
FOR_GOOD = ("SQLITE_ERROR", "SQLITE_READONLY", "SQLITE_NOTADB", "SQLITE_CORRUPT", "25", "42")

LOGIN_REFUSED = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "FATAL:  role ")


class Database:
    """One database, opened anew for each query."""

    def __init__(
        self, *, source: str, url: str, folder: Path, timezone: ZoneInfo, timeout_seconds: float
    ) -> None:
        self._source = source
        self._settings = {"milliseconds": str(int(timeout_seconds * 1000)), "timezone": timezone.key}
        try:
            self._engine = create_engine(
                _for_reading(make_url(url), folder), poolclass=NullPool, hide_parameters=True
            )
        except (exc.NoSuchModuleError, ModuleNotFoundError) as error:
            raise CredentialsError(source, "the driver that url names is not installed") from error
        except exc.ArgumentError as error:
            raise CredentialsError(
                source, "url is not of the form dialect://user:password@host/name"
            ) from error

    def read(
        self, name: str, query: str, values: Mapping[str, object], wanted: Collection[str], max_rows: int
    ) -> Table:
        """Run a query and return the wanted columns as text.

        Raises PayloadError where a column is missing or there are more than `max_rows` rows, and our other
        errors for what the database raises.
        """
        with self._session() as connection:
            result = connection.execute(_statement(query, values), values)
            present = list(result.keys())
            problem = column_problem(wanted, present)
            if problem:
                raise PayloadError(self._source, name, problem)
            columns = {column: present.index(column) for column in sorted(wanted)}
            cells: dict[str, list[str | None]] = {column: [] for column in columns}
            rows = 0
            for chunk in result.partitions(CHUNK):
                rows += len(chunk)
                if rows > max_rows:
                    detail = f"more than {max_rows:,} rows; aggregate in the query, or raise max_rows"
                    raise PayloadError(self._source, name, detail)
                for column, position in columns.items():
                    cells[column] += self._texts(name, column, [row[position] for row in chunk])
        frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
        return as_table(self._source, [(name, 1, frame)])

    def try_out(self, name: str, query: str, values: Mapping[str, object], wanted: Collection[str]) -> None:
        """Run a query, look at its columns and drop the rows."""
        with self._session() as connection:
            result = connection.execute(_statement(query, values), values)
            problem = column_problem(wanted, list(result.keys()))
            result.close()
        if problem:
            raise PayloadError(self._source, name, problem)

    def close(self) -> None:
        """Give back the engine."""
        self._engine.dispose()

    def _texts(self, name: str, column: str, values: Iterable[object]) -> list[str | None]:
        try:
            return [cell_text(value) for value in values]
        except ValueError as error:
            raise PayloadError(self._source, f"{name}, column {column!r}", str(error)) from error

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        """Open a read-only transaction; it is rolled back at the end."""
        try:
            with self._engine.connect() as connection:
                for statement in PREPARED.get(self._engine.dialect.name, ()):
                    names = text(statement).compile().params
                    connection.execute(text(statement), {name: self._settings[name] for name in names})
                yield connection.execution_options(stream_results=True, max_row_buffer=CHUNK)
        except exc.SQLAlchemyError as error:
            raise self._translated(error) from error

    def _translated(self, error: exc.SQLAlchemyError) -> CrmhealthError:
        if not isinstance(error, exc.DBAPIError):
            return RejectedError(self._source, type(error).__name__, "the query cannot be run", field="query")
        said = (str(error.orig).strip().splitlines() or [""])[0][:200]
        state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""
        # A refused connection of psycopg carries no SQLSTATE, only PostgreSQL's words.
        if state.startswith("28") or any(words in said for words in LOGIN_REFUSED):
            return CredentialsError(self._source, "the database refused the login")
        refused = isinstance(error, exc.ProgrammingError | exc.DataError | exc.IntegrityError)
        if refused or isinstance(error, exc.NotSupportedError) or state.startswith(FOR_GOOD):
            return RejectedError(self._source, state or type(error.orig).__name__, said, field="query")
        return TransientError(self._source, said)


def _for_reading(url: URL, folder: Path) -> URL:
    """Open SQLite files for reading only: a mistyped path must not become an empty database."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return url
    if url.database == ":memory:":
        return url
    path = quote(str((folder / url.database).absolute()))
    return url.set(database=f"file:{path}", query={**url.query, "mode": "ro", "uri": "true"})


def _statement(query: str, values: Mapping[str, object]) -> TextClause:
    # Typed, because SQLite compares dates as text and must be given 2026-11-21
    return text(query).bindparams(*(bindparam(name, type_=Date) for name in values))
