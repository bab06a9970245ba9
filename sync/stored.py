"""Plans on their way into the database and out again; what comes out is what went in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection

from scoring.errors import Finding
from state import runs, scores
from state.runs import StoredPlan
from state.scores import StoredScore
from sync.values import Adoption, EpisodeChange, Plan, RecordChange, TaskChange, Transition

KINDS: Mapping[str, TypeAdapter[Any]] = MappingProxyType(
    {
        "transition": TypeAdapter(Transition),
        "record": TypeAdapter(RecordChange),
        "adoption": TypeAdapter(Adoption),
        "episode": TypeAdapter(EpisodeChange),
        "task": TypeAdapter(TaskChange),
    }
)
_SCORES = TypeAdapter(list[StoredScore])


def store(
    connection: Connection,
    plan: Plan,
    judged: Sequence[StoredScore],
    findings: Sequence[Finding],
    *,
    configuration: str,
    now: datetime,
) -> int:
    """Keep a plan and the scores it was made from; it is ready, or refused where there are findings."""
    return runs.store_plan(
        connection,
        as_of=plan.as_of,
        status="refused" if findings else "ready",
        baseline=plan.baseline,
        scored=plan.scored,
        findings=[orjson.loads(orjson.dumps(finding)) for finding in findings],
        configuration=configuration,
        scores=_SCORES.dump_json(list(judged)),
        rows=_rows(plan),
        now=now,
    )


def restored(stored: StoredPlan) -> Plan:
    """Make the plan again that was stored."""
    parts: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for kind, body in stored.rows:
        parts[kind].append(KINDS[kind].validate_json(body))
    return Plan(
        as_of=stored.as_of,
        baseline=stored.baseline,
        transitions=tuple(parts["transition"]),
        records=tuple(parts["record"]),
        adoptions=tuple(parts["adoption"]),
        episodes=tuple(parts["episode"]),
        tasks=tuple(parts["task"]),
        scored=stored.scored,
    )


def restored_scores(stored: StoredPlan) -> list[StoredScore]:
    """Give the scores a stored plan was made from."""
    return _SCORES.validate_json(stored.scores)


def is_stale(connection: Connection, stored: StoredPlan) -> bool:
    """Tell whether accounts have been scored again since a plan was made."""
    newest = scores.last_as_of(connection)
    return newest is not None and newest > stored.as_of


def _rows(plan: Plan) -> Iterator[tuple[str, str]]:
    groups: Iterable[tuple[str, Iterable[object]]] = (
        ("transition", plan.transitions),
        ("record", plan.records),
        ("adoption", plan.adoptions),
        ("episode", plan.episodes),
        ("task", plan.tasks),
    )
    for kind, items in groups:
        for item in items:
            yield kind, orjson.dumps(item).decode()
