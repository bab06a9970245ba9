"""Scores: the current one of every account, what the next scoring needs of it, and the history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, func, select, text

from state._bulk import insert_rows
from state.models import StoredModel
from state.tables import from_microseconds, score, score_history, side_score, to_microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredScore:
    """The score of one account as it was remembered. `memory` is what the next scoring needs of it."""

    account_id: str
    as_of: datetime
    model_version: str
    score: float | None
    band: str
    confidence: float | None
    memory: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Everything that is remembered of a scoring once its plan is accepted."""

    scores: Sequence[StoredScore]
    model: StoredModel
    cohort: bytes | None = None
    """A cohort that was frozen in this scoring."""
    side_scores: Mapping[str, Sequence[StoredScore]] = field(default_factory=dict)
    """Scores beside health, by name."""


COLUMNS = ("account_id", "as_of", "model_version", "score", "band", "confidence")


def remember(connection: Connection, scores: Iterable[StoredScore]) -> None:
    """Replace the current scores, and append to the history those that moved, or whose last entry is old.

    The history is changed-only with at least one entry a day, so that "30 days ago" always has an answer.
    """
    rows = list(scores)
    last = {
        row[0]: (row[1], row[2], row[3])
        for row in connection.execute(select(score.c.account_id, score.c.score, score.c.band, score.c.as_of))
    }
    insert_rows(
        connection,
        score,
        (*COLUMNS, "memory"),
        ((*_columns(row), orjson.dumps(row.memory).decode()) for row in rows),
        replace_on=("account_id",),
    )

    def moved(row: StoredScore) -> bool:
        before = last.get(row.account_id)
        return before is None or before[:2] != (row.score, row.band) or before[2].date() != row.as_of.date()

    insert_rows(
        connection,
        score_history,
        COLUMNS,
        (_columns(row) for row in rows if moved(row)),
        replace_on=("account_id", "as_of"),
    )


def remember_side(connection: Connection, name: str, scores: Sequence[StoredScore]) -> None:
    """Replace the current scores beside health of one name."""
    connection.execute(delete(side_score).where(side_score.c.name == name))
    insert_rows(
        connection,
        side_score,
        ("name", *COLUMNS, "memory"),
        ((name, *_columns(row), orjson.dumps(row.memory).decode()) for row in scores),
    )


def current_side(connection: Connection, name: str) -> list[StoredScore]:
    """List the current scores beside health of one name."""
    rows = connection.execute(
        select(side_score).where(side_score.c.name == name).order_by(side_score.c.account_id)
    )
    return [_stored(row) for row in rows]


def forget_others(connection: Connection, account_ids: Iterable[str]) -> None:
    """Drop the current scores of accounts that are no longer in the book; their history stays."""
    keep = set(account_ids)
    stored = [row[0] for row in connection.execute(select(score.c.account_id))]
    for account_id in stored:
        if account_id not in keep:
            connection.execute(delete(score).where(score.c.account_id == account_id))


def current(connection: Connection) -> list[StoredScore]:
    """List the current score of every account."""
    return [_stored(row) for row in connection.execute(select(score).order_by(score.c.account_id))]


def current_of(connection: Connection, account_id: str) -> StoredScore | None:
    """Give the current score of one account."""
    row = connection.execute(select(score).where(score.c.account_id == account_id)).first()
    return None if row is None else _stored(row)


def band_counts(connection: Connection) -> dict[str, int]:
    """Count accounts by band."""
    rows = connection.execute(
        select(score.c.band, func.count()).group_by(score.c.band).order_by(score.c.band)
    )
    return {row[0]: row[1] for row in rows}


def last_as_of(connection: Connection) -> datetime | None:
    """Give the moment of the newest remembered scoring."""
    newest = connection.execute(
        select(score.c.as_of).order_by(score.c.as_of.desc()).limit(1)
    ).scalar_one_or_none()
    return newest if isinstance(newest, datetime) else None


def history_since(
    connection: Connection, since: datetime, until: datetime, model_version: str
) -> list[tuple[str, int, float]]:
    """Give the published scores of one model in [since, until): (account_id, microseconds, score)."""
    rows = connection.execute(
        text(
            """
            SELECT account_id, as_of, score FROM score_history
            WHERE as_of >= :since AND as_of < :until AND model_version = :version AND score IS NOT NULL
            """
        ),
        {
            "since": to_microseconds(since),
            "until": to_microseconds(until),
            "version": model_version,
        },
    )
    return [(row[0], row[1], row[2]) for row in rows]


def history_of(
    connection: Connection, account_id: str, limit: int = 60
) -> list[tuple[datetime, float | None, str]]:
    """Give the newest published scores of one account, newest first."""
    rows = connection.execute(
        select(score_history.c.as_of, score_history.c.score, score_history.c.band)
        .where(score_history.c.account_id == account_id)
        .order_by(score_history.c.as_of.desc())
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _columns(row: StoredScore) -> tuple[object, ...]:
    return (
        row.account_id,
        to_microseconds(row.as_of),
        row.model_version,
        row.score,
        row.band,
        row.confidence,
    )


def _stored(row: object) -> StoredScore:
    mapping = row._mapping  # type: ignore[attr-defined]  # SQLAlchemy's Row has it; its type is generic
    return StoredScore(
        account_id=mapping["account_id"],
        as_of=_moment(mapping["as_of"]),
        model_version=mapping["model_version"],
        score=mapping["score"],
        band=mapping["band"],
        confidence=mapping["confidence"],
        memory=orjson.loads(mapping["memory"]),
    )


def _moment(value: datetime | int) -> datetime:
    return from_microseconds(value) if isinstance(value, int) else value
