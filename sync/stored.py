"""Plans on their way into the database and out again; what comes out is what went in."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection

from scoring.errors import Finding
from state import runs, scores
from state.models import StoredModel
from state.runs import StoredPlan
from state.scores import Judged, StoredScore
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """What is kept of a scoring besides the scores; bytes as text."""

    model: StoredModel
    cohort: str | None
    side_scores: Mapping[str, Sequence[StoredScore]]


_BESIDE = TypeAdapter(_Beside)


def store(
    connection: Connection,
    plan: Plan,
    judged: Judged,
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
        scores=zlib.compress(_SCORES.dump_json(list(judged.scores))),
        beside=zlib.compress(
            _BESIDE.dump_json(
                _Beside(
                    model=judged.model,
                    cohort=None if judged.cohort is None else b64encode(judged.cohort).decode(),
                    side_scores=dict(judged.side_scores),
                )
            )
        ),
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


def restored_judged(stored: StoredPlan) -> Judged:
    """Give what a stored plan was made from."""
    beside = _BESIDE.validate_json(zlib.decompress(stored.beside))
    return Judged(
        scores=restored_scores(stored.scores),
        model=beside.model,
        cohort=None if beside.cohort is None else b64decode(beside.cohort),
        side_scores=beside.side_scores,
    )


def restored_scores(kept: bytes) -> list[StoredScore]:
    """Give the scores that a plan has kept; earlier versions did not compress them."""
    plain = kept if kept.startswith(b"[") else zlib.decompress(kept)
    return _SCORES.validate_json(plain)


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
