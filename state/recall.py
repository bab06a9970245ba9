"""Facts as they were known at some instant, and how current they were: what scoring and replay read.

Refuses to change anything. Only streams that are named count: what a source that is no longer configured once
said is history, not evidence.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import orjson
from sqlalchemy import Connection, func, select, text

from state.tables import from_microseconds, pull, stream, to_microseconds

StreamName: TypeAlias = tuple[str, str]
"""(source, stream) as configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicReading:
    """How current the facts of one topic of one source are, at some instant."""

    source: str
    stream: str
    topic: str
    complete_at: datetime | None
    """Start of the last complete pull; None: there was none yet."""
    down: bool
    """The newest pull did not complete."""
    failure: str | None
    expected: int | None = None
    """Of a newest listing that was not believed because it shrank: how much the one before had …"""
    delivered: int | None = None
    """… and how much this one had."""


def readings(connection: Connection, as_of: datetime) -> list[TopicReading]:
    """Say for every stream how current it was at `as_of`."""
    complete = (
        select(pull.c.stream_id, func.max(pull.c.started_at).label("complete_at"))
        .where(pull.c.outcome == "complete", pull.c.started_at <= as_of)
        .group_by(pull.c.stream_id)
        .subquery()
    )
    newest = (
        select(pull.c.stream_id, func.max(pull.c.pull_id).label("pull_id"))
        .where(pull.c.outcome != "running", pull.c.started_at <= as_of)
        .group_by(pull.c.stream_id)
        .subquery()
    )
    rows = connection.execute(
        select(
            stream.c.source,
            stream.c.name,
            stream.c.topic,
            complete.c.complete_at,
            pull.c.outcome,
            pull.c.failure,
            pull.c.expected,
            pull.c.delivered,
        )
        .outerjoin(complete, complete.c.stream_id == stream.c.stream_id)
        .outerjoin(newest, newest.c.stream_id == stream.c.stream_id)
        .outerjoin(pull, pull.c.pull_id == newest.c.pull_id)
        .order_by(stream.c.source, stream.c.name)
    )
    return [
        TopicReading(
            source=row.source,
            stream=row.name,
            topic=row.topic,
            complete_at=row.complete_at,
            down=row.outcome == "failed",
            failure=row.failure if row.outcome == "failed" else None,
            expected=row.expected if row.outcome == "failed" else None,
            delivered=row.delivered if row.outcome == "failed" else None,
        )
        for row in rows
    ]


NUMBERS_SQL = """
SELECT a.account_id, s.topic, f.metric, f.observed_at, f.value, s.source, s.name
FROM fact f
JOIN stream s ON s.stream_id = f.stream_id
JOIN source_account a ON a.source = s.source AND a.account_key = f.account_key
WHERE f.metric <> '' AND f.known_at <= :as_of AND f.observed_at > :since AND f.observed_at <= :as_of
  AND f.deleted = :no AND a.account_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM fact g WHERE g.stream_id = f.stream_id AND g.source_id = f.source_id
                  AND g.known_at > f.known_at AND g.known_at <= :as_of)
"""

RECORDS_SQL = """
SELECT a.account_id, s.source, f.source_id, f.observed_at, f.body, s.name
FROM fact f
JOIN stream s ON s.stream_id = f.stream_id
JOIN source_account a ON a.source = s.source AND a.account_key = f.account_key
WHERE s.topic = :topic AND f.metric = '' AND f.known_at <= :as_of
  AND f.deleted = :no AND a.account_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM fact g WHERE g.stream_id = f.stream_id AND g.source_id = f.source_id
                  AND g.known_at > f.known_at AND g.known_at <= :as_of)
"""


def numbers(
    connection: Connection, *, as_of: datetime, since: datetime, streams: Collection[StreamName]
) -> list[tuple[str, str, str, int, float | None]]:
    """Load the dated numbers known at `as_of` of all matched accounts, observed after `since`.

    Only those of `streams` count: what a source that is no longer configured once said is history. Rows are
    (account_id, topic, metric, observed_at in microseconds, value), as the frame builder wants them.
    """
    rows = connection.execute(
        text(NUMBERS_SQL),
        {"as_of": to_microseconds(as_of), "since": to_microseconds(since), "no": False},
    )
    return [(r[0], r[1], r[2], r[3], r[4]) for r in rows if (r[5], r[6]) in streams]


def records(
    connection: Connection, *, topic: str, as_of: datetime, streams: Collection[StreamName]
) -> list[tuple[str, str, datetime, dict[str, object]]]:
    """Load the records of one topic known at `as_of`: (account_id, source_id, observed_at, body)."""
    rows = connection.execute(
        text(RECORDS_SQL), {"topic": topic, "as_of": to_microseconds(as_of), "no": False}
    )
    return [
        (r[0], f"{r[1]}:{r[2]}", from_microseconds(r[3]), orjson.loads(r[4]) if r[4] else {})
        for r in rows
        if (r[1], r[5]) in streams
    ]
