"""Carrying out a plan: every input ends, in order, and crashes or refusals cost nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from scoring.errors import CredentialsError, UnansweredError
from sync.apply import Tally, TaskAttempt, apply_plan
from sync.crm.memory import MemoryCrm
from sync.ports import Crm
from sync.values import (
    FieldChange,
    FieldUpdate,
    NewTask,
    Outcome,
    OutcomeStatus,
    RecordChange,
    TaskChange,
)
from tests.sync.builders import a_plan, task

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


@dataclass
class Notes:
    """A memory that writes everything down."""

    tasks: list[TaskAttempt] = field(default_factory=list)
    records: dict[str, OutcomeStatus] = field(default_factory=dict)
    attempts: list[str] = field(default_factory=list)
    opened: dict[str, OutcomeStatus] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def remember_records(self, changes: Sequence[RecordChange], outcomes: Mapping[str, Outcome]) -> None:
        self.order.append("records")
        self.records.update({change.crm_id: outcomes[change.crm_id].status for change in changes})

    def waiting_tasks(self, crm: str) -> Sequence[TaskAttempt]:
        return [item for item in self.tasks if item.change.crm == crm]

    def remember_attempt(self, crm: str, keys: Sequence[str], at: datetime) -> None:
        self.order.append("attempt")
        self.attempts += keys

    def withdraw_tasks(self, changes: Sequence[TaskChange]) -> None:
        self.order.append("withdrawn")

    def remember_tasks(self, changes: Sequence[TaskChange], outcomes: Mapping[str, Outcome]) -> None:
        self.order.append("tasks")
        self.opened.update({change.task.key: outcomes[change.task.key].status for change in changes})


def change(account: str, crm: str = "crm") -> RecordChange:
    return RecordChange(
        crm=crm,
        crm_id=f"{crm}-{account}",
        account_id=account,
        account_name=account,
        changes=(FieldChange(field="score", before=None, after=42),),
        fingerprint="f",
        reason="because",
    )


def carried_out(
    crms: Sequence[Crm], notes: Notes, records: Sequence[RecordChange] = (), stopped: bool = False
) -> Tally:
    return apply_plan(
        a_plan(records=tuple(records)),
        crms,
        notes,
        clock=lambda: NOW,
        stopped=lambda: stopped,
        progress=lambda count: None,
    )


def a_crm(name: str = "crm", accounts: Sequence[str] = ("a1", "a2", "a3"), batch_size: int = 2) -> MemoryCrm:
    return MemoryCrm(name=name, batch_size=batch_size, records={f"{name}-{a}": {} for a in accounts})


def test_records_go_out_in_batches_and_each_batch_is_remembered_before_the_next() -> None:
    crm, notes = a_crm(), Notes()

    tally = carried_out([crm], notes, [change("a1"), change("a2"), change("a3")])

    assert crm.write_calls == 2
    assert notes.order == ["records", "records"]
    assert tally.ended == {OutcomeStatus.ACKNOWLEDGED: 3}


def test_fields_are_written_before_tasks() -> None:
    crm, notes = a_crm(), Notes(tasks=[TaskAttempt(change=task(), attempted_at=None)])

    carried_out([crm], notes, [change("a1")])

    assert notes.order == ["records", "attempt", "tasks"]


def test_a_task_is_marked_as_attempted_before_it_is_created() -> None:
    class Dying(MemoryCrm):
        def open_tasks(self, tasks: Sequence[NewTask]) -> Sequence[Outcome]:
            raise KeyboardInterrupt

    notes = Notes(tasks=[TaskAttempt(change=task(), attempted_at=None)])

    with pytest.raises(KeyboardInterrupt):
        carried_out([Dying(name="crm")], notes)

    assert notes.attempts == [task().task.key]
    assert notes.opened == {}


def test_a_task_that_exists_already_is_found_and_not_created() -> None:
    crm = a_crm()
    crm.tasks[task().task.key] = task().task
    notes = Notes(tasks=[TaskAttempt(change=task(), attempted_at=NOW)])

    tally = carried_out([crm], notes)

    assert crm.write_calls == 0
    assert (tally.tasks_found, tally.tasks_opened) == (1, 0)
    assert notes.opened == {task().task.key: OutcomeStatus.ACKNOWLEDGED}


def test_an_attempt_that_may_still_be_invisible_is_not_repeated() -> None:
    crm = a_crm()
    crm.settle_seconds = 60
    recent, old = task("a1"), task("a2")
    notes = Notes(
        tasks=[
            TaskAttempt(change=recent, attempted_at=NOW - timedelta(seconds=59)),
            TaskAttempt(change=old, attempted_at=NOW - timedelta(seconds=61)),
        ]
    )

    carried_out([crm], notes)

    assert notes.opened == {
        recent.task.key: OutcomeStatus.UNKNOWN,
        old.task.key: OutcomeStatus.ACKNOWLEDGED,
    }
    assert list(crm.tasks) == [old.task.key]


def test_a_refused_record_does_not_stop_the_others() -> None:
    crm, notes = a_crm(), Notes()
    crm.refusals["crm-a2"] = "NO"

    tally = carried_out([crm], notes, [change("a1"), change("a2"), change("a3")])

    assert notes.records == {
        "crm-a1": OutcomeStatus.ACKNOWLEDGED,
        "crm-a2": OutcomeStatus.REJECTED,
        "crm-a3": OutcomeStatus.ACKNOWLEDGED,
    }
    assert tally.ended[OutcomeStatus.REJECTED] == 1


def test_every_record_of_a_crm_that_breaks_down_ends_and_the_other_crm_goes_on() -> None:
    class Broken(MemoryCrm):
        def write(self, updates: Sequence[FieldUpdate]) -> Sequence[Outcome]:
            if self.write_calls == 1:
                raise UnansweredError("broken", "the connection broke off")
            return MemoryCrm.write(self, updates)

    broken = Broken(name="broken", batch_size=1, records={f"broken-a{n}": {} for n in (1, 2, 3)})
    well, notes = a_crm("well"), Notes()
    records = [change(f"a{n}", name) for name in ("broken", "well") for n in (1, 2, 3)]

    tally = carried_out([broken, well], notes, records)

    assert tally.unreachable == {"broken": "broken: the connection broke off"}
    assert tally.ended == {
        OutcomeStatus.ACKNOWLEDGED: 4,
        OutcomeStatus.UNKNOWN: 1,
        OutcomeStatus.DEFERRED: 1,
    }
    assert notes.records["broken-a2"] is OutcomeStatus.UNKNOWN
    assert "broken-a3" not in notes.records


def test_a_crm_that_refuses_the_login_leaves_its_records_deferred() -> None:
    class Locked(MemoryCrm):
        def write(self, updates: Sequence[FieldUpdate]) -> Sequence[Outcome]:
            raise CredentialsError("crm", "no")

    notes = Notes(tasks=[TaskAttempt(change=task(), attempted_at=None)])

    tally = carried_out([Locked(name="crm", batch_size=2)], notes, [change("a1"), change("a2"), change("a3")])

    assert tally.ended == {OutcomeStatus.DEFERRED: 3}
    assert notes.attempts == []


def test_a_wish_to_stop_is_heard_between_batches() -> None:
    crm, notes = a_crm(), Notes()

    tally = carried_out([crm], notes, [change("a1"), change("a2"), change("a3")], stopped=True)

    assert crm.write_calls == 0
    assert tally.ended == {OutcomeStatus.DEFERRED: 3}
