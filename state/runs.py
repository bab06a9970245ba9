"""Runs and plans: what was done when, and what would be done if somebody agreed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from scoring.errors import StateError
from state._bulk import insert_rows
from state.tables import plan, plan_row, run

OPEN_STATUSES = ("ready", "approved")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One run of a job. outcome is running, done, incomplete, refused, failed or interrupted."""

    run_id: int
    job: str
    slot: str | None
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    summary: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan as it was stored. status is ready, refused, approved, applied or stale."""

    plan_id: int
    made_at: datetime
    as_of: datetime
    status: str
    baseline: bool
    scored: int
    findings: Sequence[Mapping[str, object]]
    configuration: str
    scores: bytes
    beside: bytes
    """Empty: kept by a version that did not have it."""
    rows: Sequence[tuple[str, str]]
    """(kind, body) in the order of the plan."""


def begin(
    connection: Connection, *, job: str, slot: str | None, as_of: datetime, now: datetime
) -> int | None:
    """Start a run; None when this (job, slot) has been run already. An older run still open was cut off."""
    connection.execute(
        update(run)
        .where(run.c.job == job, run.c.outcome == "running")
        .values(outcome="interrupted", finished_at=now)
    )
    cut_off = connection.execute(
        select(run.c.run_id).where(
            run.c.job == job, run.c.slot == slot, run.c.outcome.in_(("interrupted", "failed"))
        )
    ).scalar()
    if slot is not None and cut_off is not None:
        # A slot that a crash cut short is run again; the row is the same, so that it is run once at a time.
        connection.execute(
            update(run)
            .where(run.c.run_id == cut_off)
            .values(as_of=as_of, started_at=now, finished_at=None, outcome="running", summary={})
        )
        return int(cut_off)
    try:
        with connection.begin_nested():
            result = connection.execute(
                insert(run).values(
                    job=job, slot=slot, as_of=as_of, started_at=now, outcome="running", summary={}
                )
            )
    except IntegrityError:
        return None
    return _number(result.inserted_primary_key)


def finish(
    connection: Connection, run_id: int, *, outcome: str, summary: Mapping[str, object], now: datetime
) -> None:
    """Record how a run ended."""
    connection.execute(
        update(run)
        .where(run.c.run_id == run_id)
        .values(outcome=outcome, summary=dict(summary), finished_at=now)
    )


def latest(connection: Connection, limit: int = 10) -> list[StoredRun]:
    """List the newest runs, newest first."""
    rows = connection.execute(select(run).order_by(run.c.run_id.desc()).limit(limit))
    return [StoredRun(**row._mapping) for row in rows]


def store_plan(
    connection: Connection,
    *,
    as_of: datetime,
    status: str,
    baseline: bool,
    scored: int,
    findings: Sequence[Mapping[str, object]],
    configuration: str,
    scores: bytes,
    beside: bytes,
    rows: Iterable[tuple[str, str]],
    now: datetime,
) -> int:
    """Keep a plan; plans that were still open are stale from now on."""
    connection.execute(
        update(plan).where(plan.c.status.in_((*OPEN_STATUSES, "refused"))).values(status="stale")
    )
    result = connection.execute(
        insert(plan).values(
            made_at=now,
            as_of=as_of,
            status=status,
            baseline=baseline,
            scored=scored,
            findings=[dict(finding) for finding in findings],
            configuration=configuration,
            scores=scores,
            beside=beside,
        )
    )
    plan_id = _number(result.inserted_primary_key)
    insert_rows(
        connection,
        plan_row,
        ("plan_id", "position", "kind", "body"),
        ((plan_id, position, kind, body) for position, (kind, body) in enumerate(rows)),
    )
    return plan_id


def load_plan(connection: Connection, plan_id: int | None = None) -> StoredPlan | None:
    """Load a plan by number, or the newest one."""
    statement = select(plan).order_by(plan.c.plan_id.desc()).limit(1)
    if plan_id is not None:
        statement = select(plan).where(plan.c.plan_id == plan_id)
    found = connection.execute(statement).first()
    if found is None:
        return None
    rows = connection.execute(
        select(plan_row.c.kind, plan_row.c.body)
        .where(plan_row.c.plan_id == found.plan_id)
        .order_by(plan_row.c.position)
    )
    return StoredPlan(
        plan_id=found.plan_id,
        made_at=found.made_at,
        as_of=found.as_of,
        status=found.status,
        baseline=found.baseline,
        scored=found.scored,
        findings=found.findings,
        configuration=found.configuration,
        scores=found.scores,
        beside=found.beside or b"",
        rows=[(row.kind, row.body) for row in rows],
    )


def scores_before(connection: Connection, at: datetime) -> bytes | None:
    """Give the scores that the last plan carried out before an instant was made from."""
    found = connection.execute(
        select(plan.c.scores)
        .where(plan.c.status == "applied", plan.c.as_of < at)
        .order_by(plan.c.as_of.desc(), plan.c.plan_id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def scores_at(connection: Connection, at: datetime) -> bytes | None:
    """Give the scores that were published as of exactly this instant, by the last plan if there were several."""
    found = connection.execute(
        select(plan.c.scores)
        .where(plan.c.status == "applied", plan.c.as_of == at)
        .order_by(plan.c.plan_id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return None if found is None else bytes(found)


def published_at(connection: Connection, at: datetime) -> datetime | None:
    """Give the moment of the newest scoring that was published as of an instant or before it."""
    found = connection.execute(
        select(plan.c.as_of)
        .where(plan.c.status == "applied", plan.c.as_of <= at)
        .order_by(plan.c.as_of.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found if isinstance(found, datetime) else None


def set_plan_status(
    connection: Connection, plan_id: int, status: str, *, now: datetime, by: str | None = None
) -> None:
    """Move a plan on: approved, applied or stale."""
    values: dict[str, object] = {"status": status}
    if by is not None:
        values |= {"decided_at": now, "decided_by": by}
    connection.execute(update(plan).where(plan.c.plan_id == plan_id).values(**values))


def _number(key: object) -> int:
    if isinstance(key, Sequence) and isinstance(key[0], int):
        return key[0]
    raise StateError("the database gave a new row no number")
