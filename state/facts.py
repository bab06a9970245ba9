"""Facts: stored page by page with the cursor that belongs to them, versioned, never overwritten.

A page of a `cursor` stream counts at once. Pages of a `snapshot` or `window` wait in `staged` and count when
the pull completes, in one transaction: a pull that breaks off replaces nothing. A version that is older than
the stored one, or equal to it, is ignored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, func, insert, select, text, update

from scoring.errors import StateError
from scoring.model import Fact, SourceAccount
from state._bulk import insert_rows
from state.tables import fact, pull, source_account, staged, stream, to_microseconds

FACT_COLUMNS = tuple(column.name for column in fact.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """What is remembered of a stream: where it stands and how big its last complete pull was."""

    stream_id: int
    cursor: str | None
    last_count: int | None


def open_stream(connection: Connection, *, source: str, name: str, topic: str, mode: str) -> StreamState:
    """Find or create a stream. A changed mode starts it from the beginning."""
    row = connection.execute(select(stream).where(stream.c.source == source, stream.c.name == name)).first()
    if row is None:
        connection.execute(insert(stream).values(source=source, name=name, topic=topic, mode=mode))
        return open_stream(connection, source=source, name=name, topic=topic, mode=mode)
    if (row.topic, row.mode) != (topic, mode):
        connection.execute(
            update(stream)
            .where(stream.c.stream_id == row.stream_id)
            .values(topic=topic, mode=mode, cursor=None)
        )
        return StreamState(stream_id=row.stream_id, cursor=None, last_count=None)
    return StreamState(stream_id=row.stream_id, cursor=row.cursor, last_count=row.last_count)


def begin_pull(connection: Connection, stream_id: int, now: datetime) -> int:
    """Start a pull; one that was cut off by a crash is recorded as failed and its waiting pages dropped."""
    connection.execute(
        update(pull)
        .where(pull.c.stream_id == stream_id, pull.c.outcome == "running")
        .values(outcome="failed", finished_at=now, failure="interrupted")
    )
    connection.execute(delete(staged).where(staged.c.stream_id == stream_id))
    result = connection.execute(
        insert(pull).values(stream_id=stream_id, started_at=now, outcome="running", facts=0)
    )
    (pull_id,) = result.inserted_primary_key or (None,)
    if not isinstance(pull_id, int):
        raise StateError("the database gave a new pull no number")
    return pull_id


def store_page(
    connection: Connection,
    *,
    stream_id: int,
    pull_id: int,
    source: str,
    facts: Sequence[Fact],
    accounts: Sequence[SourceAccount],
    now: datetime,
) -> None:
    """Let a page of a snapshot or window wait for the rest of its pull."""
    rows = (_row(stream_id, item, now) for item in facts)
    insert_rows(connection, staged, FACT_COLUMNS, rows, replace_on=("stream_id", "source_id"))
    _remember_accounts(connection, source, facts, accounts)
    connection.execute(update(pull).where(pull.c.pull_id == pull_id).values(facts=pull.c.facts + len(facts)))


def store_cursor_page(
    connection: Connection,
    *,
    stream_id: int,
    pull_id: int,
    source: str,
    facts: Sequence[Fact],
    accounts: Sequence[SourceAccount],
    cursor: str | None,
    now: datetime,
) -> int:
    """Store a page that counts at once, with its cursor; returns how many facts were new or changed."""
    # A page may list a record twice; the newest version of it counts.
    newest: dict[str, Fact] = {}
    for item in facts:
        other = newest.get(item.source_id)
        if other is None or item.source_version >= other.source_version:
            newest[item.source_id] = item
    store_page(
        connection,
        stream_id=stream_id,
        pull_id=pull_id,
        source=source,
        facts=list(newest.values()),
        accounts=accounts,
        now=now,
    )
    changed = _merge(connection, stream_id, now)
    connection.execute(delete(staged).where(staged.c.stream_id == stream_id))
    if cursor is not None:
        connection.execute(update(stream).where(stream.c.stream_id == stream_id).values(cursor=cursor))
    return changed


def waiting_count(connection: Connection, stream_id: int) -> int:
    """Count the facts that wait for the end of a snapshot or window."""
    statement = select(func.count()).select_from(staged).where(staged.c.stream_id == stream_id)
    return connection.scalar(statement) or 0


def complete_pull(
    connection: Connection,
    *,
    stream_id: int,
    pull_id: int,
    mode: str,
    cursor: str | None,
    now: datetime,
    unchanged: bool = False,
    window_start: datetime | None = None,
) -> int:
    """Make a finished pull count; returns how many facts are new, changed or withdrawn."""
    changed = 0
    values: dict[str, object] = {}
    if mode != "cursor" and not unchanged:
        values["last_count"] = waiting_count(connection, stream_id)
        changed = _merge(connection, stream_id, now) + _withdraw(connection, stream_id, now, window_start)
        connection.execute(delete(staged).where(staged.c.stream_id == stream_id))
    if cursor is not None:
        values["cursor"] = cursor
    if values:
        connection.execute(update(stream).where(stream.c.stream_id == stream_id).values(**values))
    connection.execute(
        update(pull).where(pull.c.pull_id == pull_id).values(outcome="complete", finished_at=now)
    )
    return changed


def fail_pull(
    connection: Connection,
    *,
    stream_id: int,
    pull_id: int,
    failure: str,
    now: datetime,
    expected: int | None = None,
    delivered: int | None = None,
) -> None:
    """Record that a pull did not complete; what it had staged is dropped, what counted before stays."""
    connection.execute(delete(staged).where(staged.c.stream_id == stream_id))
    connection.execute(
        update(pull)
        .where(pull.c.pull_id == pull_id)
        .values(
            outcome="failed",
            finished_at=now,
            failure=failure[:2000],
            expected=expected,
            delivered=delivered,
        )
    )


def forget_counts(connection: Connection, source: str) -> None:
    """Forget how big the last pulls of a source were: its next one is believed whatever its size."""
    connection.execute(update(stream).where(stream.c.source == source).values(last_count=None))


def _row(stream_id: int, item: Fact, now: datetime) -> tuple[object, ...]:
    return (
        stream_id,
        item.source_id,
        to_microseconds(item.known_at or now),
        item.source_version,
        item.account_key,
        to_microseconds(item.observed_at),
        item.metric,
        item.value,
        orjson.dumps(item.body, option=orjson.OPT_SORT_KEYS).decode() if item.body is not None else None,
        item.deleted,
    )


def _merge(connection: Connection, stream_id: int, now: datetime) -> int:
    """Append the staged facts that are new or differ from the newest stored version.

    A first version is known when its source declared it; a correction of what was already stored cannot
    have been known before it was read, so it is dated now (or just after the version it corrects).
    """
    result = connection.execute(
        text(
            """
            INSERT INTO fact (stream_id, source_id, known_at, source_version, account_key, observed_at,
                              metric, value, body, deleted)
            SELECT s.stream_id, s.source_id,
                   CASE WHEN l.known_at IS NULL OR s.known_at > l.known_at THEN s.known_at
                        WHEN l.known_at >= :now THEN l.known_at + 1 ELSE :now END,
                   s.source_version, s.account_key, s.observed_at, s.metric, s.value, s.body, s.deleted
            FROM staged s
            LEFT JOIN fact l ON l.stream_id = s.stream_id AND l.source_id = s.source_id
                 AND l.known_at = (SELECT max(m.known_at) FROM fact m
                                   WHERE m.stream_id = s.stream_id AND m.source_id = s.source_id)
            WHERE s.stream_id = :stream_id
              AND (l.source_id IS NULL
                   OR (s.source_version >= l.source_version
                       AND (s.value IS DISTINCT FROM l.value OR s.body IS DISTINCT FROM l.body
                            OR s.deleted IS DISTINCT FROM l.deleted
                            OR s.account_key IS DISTINCT FROM l.account_key)))
            """.replace("IS DISTINCT FROM", _distinct(connection))
        ),
        {"stream_id": stream_id, "now": to_microseconds(now)},
    )
    return result.rowcount


def _withdraw(connection: Connection, stream_id: int, now: datetime, window_start: datetime | None) -> int:
    """Append a deletion for every living fact that a complete listing (of the window) no longer has."""
    result = connection.execute(
        text(
            """
            INSERT INTO fact (stream_id, source_id, known_at, source_version, account_key, observed_at,
                              metric, value, body, deleted)
            SELECT f.stream_id, f.source_id, CASE WHEN f.known_at >= :now THEN f.known_at + 1 ELSE :now END,
                   f.source_version, f.account_key, f.observed_at, f.metric, NULL, NULL, :yes
            FROM fact f
            WHERE f.stream_id = :stream_id AND f.deleted = :no AND f.observed_at >= :start
              AND f.known_at = (SELECT max(m.known_at) FROM fact m
                                WHERE m.stream_id = f.stream_id AND m.source_id = f.source_id)
              AND NOT EXISTS (SELECT 1 FROM staged s
                              WHERE s.stream_id = f.stream_id AND s.source_id = f.source_id)
            """
        ),
        {
            "stream_id": stream_id,
            "now": to_microseconds(now),
            "start": to_microseconds(window_start) if window_start else -(2**62),
            "yes": True,
            "no": False,
        },
    )
    return result.rowcount


def _distinct(connection: Connection) -> str:
    # SQLite before 3.39 (Debian 12 has 3.40, but Python may bring an older one) knows only IS NOT.
    return "IS NOT" if connection.dialect.name == "sqlite" else "IS DISTINCT FROM"


def _remember_accounts(
    connection: Connection, source: str, facts: Iterable[Fact], accounts: Sequence[SourceAccount]
) -> None:
    described = [
        (
            source,
            item.account_key,
            item.name,
            item.external_id,
            orjson.dumps(sorted(item.domains)).decode(),
            "new",
        )
        for item in accounts
    ]
    insert_rows(
        connection,
        source_account,
        ("source", "account_key", "name", "external_id", "domains", "outcome"),
        described,
        ignore_existing=True,
    )
    if described:
        _update_descriptions(connection, source, accounts)
    known = {item.account_key for item in accounts}
    named = {item.account_key for item in facts if item.account_key} - known
    insert_rows(
        connection,
        source_account,
        ("source", "account_key", "name", "external_id", "domains", "outcome"),
        ((source, key, "", "", "[]", "new") for key in sorted(named)),
        ignore_existing=True,
    )


def _update_descriptions(connection: Connection, source: str, accounts: Sequence[SourceAccount]) -> None:
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    connection.exec_driver_sql(
        f"UPDATE source_account SET name = {mark}, external_id = {mark}, domains = {mark}"
        f" WHERE source = {mark} AND account_key = {mark}",
        [
            (a.name, a.external_id, orjson.dumps(sorted(a.domains)).decode(), source, a.account_key)
            for a in accounts
        ],
    )
