"""Models and frozen cohorts: what a past day must be judged by, kept for good."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from state._bulk import insert_rows
from state.tables import cohort, model, to_microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredModel:
    """One model as it was used; its hash stands for everything in it that can change a number."""

    model_hash: str
    version: str
    definition: str
    """As JSON."""


def remember_model(connection: Connection, used: StoredModel, now: datetime) -> None:
    """Keep a model; one that is known stays as it is."""
    if model_of(connection, used.model_hash) is None:
        insert_rows(
            connection,
            model,
            ("model_hash", "version", "definition", "first_used_at"),
            [(used.model_hash, used.version, used.definition, to_microseconds(now))],
        )


def model_of(connection: Connection, model_hash: str) -> StoredModel | None:
    """Give a model by its hash."""
    row = connection.execute(select(model).where(model.c.model_hash == model_hash)).first()
    if row is None:
        return None
    return StoredModel(model_hash=row.model_hash, version=row.version, definition=row.definition)


def hashes_of(connection: Connection, version: str) -> list[str]:
    """List the hashes under which a version name has been used, oldest first."""
    rows = connection.execute(
        select(model.c.model_hash).where(model.c.version == version).order_by(model.c.first_used_at)
    )
    return [row[0] for row in rows]


def remember_cohort(connection: Connection, model_hash: str, frozen_at: datetime, body: bytes) -> None:
    """Keep a frozen cohort."""
    insert_rows(
        connection,
        cohort,
        ("model_hash", "frozen_at", "body"),
        [(model_hash, to_microseconds(frozen_at), body)],
        replace_on=("model_hash", "frozen_at"),
    )


def cohort_at(connection: Connection, model_hash: str, at: datetime) -> tuple[datetime, bytes] | None:
    """Give the newest cohort of a model that was frozen at or before an instant."""
    row = connection.execute(
        select(cohort.c.frozen_at, cohort.c.body)
        .where(cohort.c.model_hash == model_hash, cohort.c.frozen_at <= at)
        .order_by(cohort.c.frozen_at.desc())
        .limit(1)
    ).first()
    return None if row is None else (row[0], row[1])
