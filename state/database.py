"""One database: connections, transactions, and the lock that keeps a second daemon out.

SQLite by default (WAL, every commit on disk before we go on), PostgreSQL by URL. All writing goes through
`Database.transaction`; a transaction is committed whole or not at all.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scoring.errors import BusyError, StateError

BUSY_TIMEOUT_MS = 15_000
LOCKS = {"work": 0x63726D68, "daemon": 0x63726D69}
"""What a process may hold alone, and the number under which PostgreSQL knows it ("crmh" and the next)."""


class Database:
    """An open state database. Raises StateError where it cannot be opened or locked."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.engine = _engine(url)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection whose writes are committed together at the end, or not at all."""
        with self._translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection for reading one consistent picture; it never blocks a writer."""
        with self._translated(), self.engine.connect() as connection:
            connection = connection.execution_options(crmhealth_reading=True)
            yield connection
            connection.rollback()

    @contextmanager
    def exclusive(self, what: str = "work") -> Iterator[None]:
        """Hold one of `LOCKS` alone among all crmhealth processes; it ends with the process, however that dies.

        Raises BusyError when another process holds it.
        """
        if self.is_sqlite:
            suffix = "lock" if what == "work" else f"{what}.lock"
            with _file_lock(f"{self.url.database}.{suffix}"):
                yield
            return
        with self._translated(), self.engine.connect() as connection:
            locked = connection.scalar(text("SELECT pg_try_advisory_lock(:n)"), {"n": LOCKS[what]})
            connection.commit()
            if not locked:
                raise BusyError("another crmhealth is at work on this database")
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": LOCKS[what]})
                connection.commit()

    def is_there(self) -> bool:
        """Tell whether the database exists, without creating it. Raises StateError where it cannot be used."""
        if self.is_sqlite and not os.path.exists(self.url.database or ""):
            return False
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))
        return True

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as exc:
            raise StateError(f"{self.url.render_as_string()}: {exc.orig}") from exc
        except SQLAlchemyError as exc:
            raise StateError(f"{self.url.render_as_string()}: {exc}") from exc


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if not parsed.database or parsed.database == ":memory:":
        raise StateError("the state must be a file or a PostgreSQL database; an in-memory one forgets")
    if not os.path.isdir(os.path.dirname(os.path.abspath(parsed.database))):
        raise StateError(f"the folder of the state database {parsed.database} does not exist; create it")
    engine = create_engine(parsed)

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: Any, _record: Any) -> None:
        # The driver must not begin or commit on its own: SQLAlchemy's events below do.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # FULL: a task intent must survive a power cut, or the task would be opened twice.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("crmhealth_reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def _file_lock(path: str) -> Iterator[None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise StateError(f"the lock {path} cannot be opened: {exc.strerror}") from exc
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.read(descriptor, 20).decode(errors="replace").strip()
            raise BusyError(
                f"another crmhealth (process {holder or 'unknown'}) is at work on this database"
            ) from exc
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
