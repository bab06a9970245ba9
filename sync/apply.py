"""Carries out an accepted plan: fields first, tasks second, each batch remembered before the next.

Salesforce locks the parent account while a task is written, so the two never overlap. What a crash can
interrupt is ordered so that nothing is lost and nothing happens twice: a field write may be repeated (it sets
the same values), a task is looked up by its key before it is created, and is marked as attempted before the
call that creates it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from scoring.errors import CredentialsError, PayloadError, RejectedError, TransientError, UnansweredError
from sync.ports import Crm
from sync.values import FieldUpdate, Outcome, OutcomeStatus, Plan, RecordChange, TaskChange

Item = TypeVar("Item")

NOT_SETTLED = "an earlier attempt to open it went unanswered; it is looked for before repeating"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAttempt:
    """A wanted task as state knows it: when its creation was last attempted, None if never."""

    change: TaskChange
    attempted_at: datetime | None
    over: bool = False
    """Its episode has ended: it is looked for, but not created any more."""


class Memory(Protocol):
    """Where `apply` writes down what happened, one transaction per call."""

    def remember_records(self, changes: Sequence[RecordChange], outcomes: Mapping[str, Outcome]) -> None:
        """Keep acknowledged values, and what was refused or left open; outcomes are keyed by crm_id."""

    def waiting_tasks(self, crm: str) -> Sequence[TaskAttempt]:
        """List the tasks of one CRM that are wanted and not known to be open."""

    def remember_attempt(self, crm: str, keys: Sequence[str], at: datetime) -> None:
        """Mark tasks as attempted, before the call that creates them."""

    def withdraw_tasks(self, changes: Sequence[TaskChange]) -> None:
        """Give up tasks whose episode is over and that surely do not exist."""

    def remember_tasks(self, changes: Sequence[TaskChange], outcomes: Mapping[str, Outcome]) -> None:
        """Keep which tasks are open and which were refused; outcomes are keyed by task key."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """How the inputs of one run ended."""

    ended: Counter[OutcomeStatus] = field(default_factory=Counter)
    tasks_opened: int = 0
    tasks_found: int = 0
    unreachable: dict[str, str] = field(default_factory=dict)
    """CRM -> why it could not be used."""

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Add how these inputs ended."""
        self.ended.update(outcome.status for outcome in outcomes)


def apply_plan(
    plan: Plan,
    crms: Sequence[Crm],
    memory: Memory,
    *,
    clock: Callable[[], datetime],
    stopped: Callable[[], bool],
    progress: Callable[[int], None],
) -> Tally:
    """Write what the plan says, batch by batch. One CRM that cannot be reached does not stop the others.

    Stops between two batches when `stopped()` says so; what is left is found again by the next run.
    """
    tally = Tally()
    for step in (_apply_records, _apply_tasks):
        for crm in crms:
            if crm.name in tally.unreachable:
                continue
            try:
                step(plan, crm, memory, tally, clock=clock, stopped=stopped, progress=progress)
            except (CredentialsError, TransientError, RejectedError, PayloadError) as exc:
                tally.unreachable[crm.name] = str(exc)
    return tally


def _apply_records(
    plan: Plan,
    crm: Crm,
    memory: Memory,
    tally: Tally,
    *,
    clock: Callable[[], datetime],
    stopped: Callable[[], bool],
    progress: Callable[[int], None],
) -> None:
    mine = [change for change in plan.records if change.crm == crm.name]
    left = len(mine)
    try:
        for batch in _batches(mine, crm.batch_size):
            if stopped():
                return
            outcomes = _write(crm, batch, memory, tally)
            memory.remember_records(batch, outcomes)
            tally.count(outcomes.values())
            progress(len(batch))
            left -= len(batch)
    except UnansweredError:
        left -= min(left, crm.batch_size)
        raise
    finally:
        if left:
            tally.ended[OutcomeStatus.DEFERRED] += left


def _write(crm: Crm, batch: Sequence[RecordChange], memory: Memory, tally: Tally) -> Mapping[str, Outcome]:
    """Write one batch; without an answer its records are remembered as unknown before the CRM is left alone."""
    updates = [
        FieldUpdate(crm_id=change.crm_id, values={c.field: c.after for c in change.changes})
        for change in batch
    ]
    try:
        return {outcome.ref: outcome for outcome in crm.write(updates)}
    except UnansweredError as exc:
        unknown = {change.crm_id: _unanswered(change.crm_id, exc.detail) for change in batch}
        memory.remember_records(batch, unknown)
        tally.count(unknown.values())
        raise


def _apply_tasks(
    plan: Plan,
    crm: Crm,
    memory: Memory,
    tally: Tally,
    *,
    clock: Callable[[], datetime],
    stopped: Callable[[], bool],
    progress: Callable[[int], None],
) -> None:
    waiting = memory.waiting_tasks(crm.name)
    for batch in _batches(waiting, crm.batch_size):
        if stopped():
            tally.ended[OutcomeStatus.DEFERRED] += len(batch)
            continue
        found = crm.find_tasks([attempt.change.task for attempt in batch])
        already = [
            Outcome(ref=key, status=OutcomeStatus.ACKNOWLEDGED, created_id=task_id)
            for key, task_id in found.items()
        ]
        now = clock()
        settle = timedelta(seconds=crm.settle_seconds)
        unsettled = [
            _unanswered(attempt.change.task.key, NOT_SETTLED)
            for attempt in batch
            if attempt.change.task.key not in found
            and attempt.attempted_at is not None
            and now - attempt.attempted_at < settle
        ]
        done = {outcome.ref: outcome for outcome in (*already, *unsettled)}
        over = [a.change for a in batch if a.over and a.change.task.key not in done]
        missing = [a.change for a in batch if not a.over and a.change.task.key not in done]
        if done:
            settled = [attempt.change for attempt in batch if attempt.change.task.key in done]
            memory.remember_tasks(settled, done)
        if over:
            memory.withdraw_tasks(over)
        opened: Sequence[Outcome] = ()
        if missing:
            memory.remember_attempt(crm.name, [change.task.key for change in missing], now)
            opened = crm.open_tasks([change.task for change in missing])
            memory.remember_tasks(missing, {outcome.ref: outcome for outcome in opened})
        tally.tasks_found += len(already)
        tally.tasks_opened += sum(1 for o in opened if o.status is OutcomeStatus.ACKNOWLEDGED)
        tally.count([*already, *unsettled, *opened])
        progress(len(batch))


def _unanswered(ref: str, why: str) -> Outcome:
    return Outcome(ref=ref, status=OutcomeStatus.UNKNOWN, code="UNANSWERED", message=why)


def _batches(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
