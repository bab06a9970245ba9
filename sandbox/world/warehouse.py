"""The usage warehouse: a SQLite file that other programs read while it is being written.

Holds complete days only, written in whole days. Refuses to touch a file that is not its own.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sandbox.core import ControlError

APPLICATION_ID = 0x63726D77
SCHEMA = f"""
    PRAGMA application_id = {APPLICATION_ID};
    DROP TABLE IF EXISTS daily_usage;
    DROP TABLE IF EXISTS accounts;
    CREATE TABLE accounts (
        account_key TEXT PRIMARY KEY, name TEXT NOT NULL, domain TEXT NOT NULL, salesforce_id TEXT NOT NULL,
        seats INTEGER NOT NULL, plan TEXT NOT NULL
    ) WITHOUT ROWID;
    -- Stored in the order of its key: the key is the index on day.
    CREATE TABLE daily_usage (
        day TEXT NOT NULL, account_key TEXT NOT NULL, active_users INTEGER NOT NULL, events INTEGER NOT NULL,
        features_used INTEGER NOT NULL, PRIMARY KEY (day, account_key)
    ) WITHOUT ROWID;
"""
EPOCH = date(1970, 1, 1)
Rows = Iterable[Sequence[Any]]


class Warehouse:
    """One file. Opened for each change, so that nothing has to be closed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, accounts: Rows) -> None:
        """Begin anew with these accounts and no usage; raises ControlError for somebody else's file."""
        with self._opened() as connection:
            (mark,) = connection.execute("PRAGMA application_id").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and mark != APPLICATION_ID:
                raise ControlError(f"{self.path} is not a warehouse of the sandbox")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(SCHEMA)
            connection.executemany("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?)", accounts)

    def drop_after(self, day: int) -> int | None:
        """Forget the days after this one, and tell the last day there is."""
        with self._opened() as connection:
            connection.execute("DELETE FROM daily_usage WHERE day > ?", [_text(day)])
            (latest,) = connection.execute("SELECT max(day) FROM daily_usage").fetchone()
        return None if latest is None else (date.fromisoformat(latest) - EPOCH).days

    def add(self, usage: Rows) -> None:
        """Add whole days, all of them at once."""
        with self._opened() as connection:
            connection.executemany("INSERT INTO daily_usage VALUES (?, ?, ?, ?, ?)", usage)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=60)) as connection:
            # Losing the last day when the machine loses power is fine here; waiting for the disk is not.
            connection.execute("PRAGMA synchronous = OFF")
            yield connection
            connection.commit()


def _text(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()
