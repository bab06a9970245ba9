"""Writes down what a plan decides and what became of it: `sync.apply.Memory` over the state database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from state import models, records, scores, tasks
from state.database import Database
from state.records import Acknowledgement
from state.scores import Judged
from state.tasks import StoredTask
from sync.apply import TaskAttempt
from sync.values import LEFT, NewTask, Outcome, OutcomeStatus, Plan, RecordChange, Remembered, TaskChange

GONE_CODES = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND", "OBJECT_NOT_FOUND"})
"""A record that left and is refused with one of these shows nothing of ours to anybody: it is done."""


def accept(connection: Connection, plan: Plan, judged: Judged, now: datetime) -> None:
    """Make an accepted plan true for us, before any CRM is asked: scores, episodes, tasks that are wanted."""
    models.remember_model(connection, judged.model, now)
    if judged.cohort is not None:
        models.remember_cohort(connection, judged.model.model_hash, plan.as_of, judged.cohort)
    for name, beside in judged.side_scores.items():
        scores.remember_side(connection, name, beside)
    scores.remember(connection, judged.scores)
    present = {score.account_id for score in judged.scores}
    scores.forget_others(connection, present)
    wanted = {change.account_id for change in plan.records}
    records.forget_rejections(connection, present | wanted)
    for episode in plan.episodes:
        if episode.change == "opened":
            tasks.open_episode(
                connection,
                account_id=episode.account_id,
                number=episode.number,
                band=episode.band.value,
                baseline=episode.baseline,
                at=plan.as_of,
            )
        else:
            withdrawn = tasks.close_episode(
                connection, account_id=episode.account_id, number=episode.number, at=plan.as_of
            )
            for crm, crm_id, key in withdrawn:
                records.clear_rejection(connection, crm, crm_id, key)
    for change in plan.tasks:
        tasks.want(connection, _stored(change, now))
    by_crm: dict[str, list[Acknowledgement]] = {}
    for adoption in plan.adoptions:
        by_crm.setdefault(adoption.crm, []).append(
            Acknowledgement(
                crm_id=adoption.crm_id,
                account_id=adoption.account_id,
                values=adoption.values,
                fingerprint=adoption.fingerprint,
            )
        )
    for crm, adopted in by_crm.items():
        records.acknowledge(connection, crm, adopted, now)


def remembered(connection: Connection, crms: Iterable[str]) -> dict[tuple[str, str], Remembered]:
    """Load what is known of every CRM record, as planning wants it."""
    return {
        (crm, crm_id): Remembered(
            crm=crm,
            crm_id=crm_id,
            account_id=record.account_id,
            acknowledged=record.acknowledged,
            fingerprint=record.fingerprint,
            observed=record.observed,
        )
        for crm in crms
        for crm_id, record in records.load(connection, crm).items()
    }


def waiting(connection: Connection, names: Mapping[str, str], crm: str | None = None) -> list[TaskAttempt]:
    """List the tasks that are wanted and not known to be open; `names` gives account names."""
    open_episodes = tasks.open_episodes(connection)
    return [
        TaskAttempt(
            change=TaskChange(
                task=NewTask(
                    key=stored.task_key,
                    crm_id=stored.crm_id,
                    subject=stored.subject,
                    body=stored.body,
                    owner_id=stored.owner_id,
                    due_on=stored.due_on,
                ),
                crm=stored.crm,
                account_id=stored.account_id,
                account_name=names.get(stored.account_id, ""),
                playbook=stored.playbook,
                episode=stored.episode,
                reason="not yet open",
            ),
            attempted_at=stored.attempted_at,
            over=open_episodes.get(stored.account_id) != stored.episode,
        )
        for stored in tasks.waiting(connection, crm)
    ]


class Ledger:
    """The memory of one run."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def remember_records(self, changes: Sequence[RecordChange], outcomes: Mapping[str, Outcome]) -> None:
        """Enter acknowledged values; keep why the others were not."""
        now = self._clock()
        with self._database.transaction() as connection:
            confirmed: dict[str, list[Acknowledgement]] = {}
            unproven: dict[str, list[str]] = {}
            for change in changes:
                outcome = outcomes[change.crm_id]
                gone = change.fingerprint == LEFT and outcome.code in GONE_CODES
                if outcome.status is OutcomeStatus.ACKNOWLEDGED or gone:
                    confirmed.setdefault(change.crm, []).append(
                        Acknowledgement(
                            crm_id=change.crm_id,
                            account_id=change.account_id,
                            values={item.field: item.after for item in change.changes},
                            fingerprint=change.fingerprint,
                        )
                    )
                else:
                    unproven.setdefault(change.crm, []).append(change.crm_id)
                    _refuse(
                        connection, change.crm, change.crm_id, records.FIELDS, change.account_id, outcome, now
                    )
            for crm, items in confirmed.items():
                records.acknowledge(connection, crm, items, now)
            for crm, crm_ids in unproven.items():
                records.reopen(connection, crm, crm_ids)

    def waiting_tasks(self, crm: str) -> Sequence[TaskAttempt]:
        """List the tasks of one CRM that are wanted and not known to be open."""
        with self._database.reading() as connection:
            return waiting(connection, {}, crm)

    def remember_attempt(self, crm: str, keys: Sequence[str], at: datetime) -> None:
        """Mark tasks as attempted, before the call."""
        with self._database.transaction() as connection:
            tasks.attempt(connection, keys, at)

    def withdraw_tasks(self, changes: Sequence[TaskChange]) -> None:
        """Give up tasks whose episode is over and that surely do not exist."""
        with self._database.transaction() as connection:
            tasks.withdraw(connection, [change.task.key for change in changes])
            for change in changes:
                records.clear_rejection(connection, change.crm, change.task.crm_id, change.task.key)

    def remember_tasks(self, changes: Sequence[TaskChange], outcomes: Mapping[str, Outcome]) -> None:
        """Keep which tasks are open; one that was surely refused is wanted again."""
        now = self._clock()
        with self._database.transaction() as connection:
            for change in changes:
                key = change.task.key
                outcome = outcomes[key]
                if outcome.status is OutcomeStatus.ACKNOWLEDGED and outcome.created_id:
                    tasks.confirm(connection, [(key, outcome.created_id)], now)
                    records.clear_rejection(connection, change.crm, change.task.crm_id, key)
                    continue
                if outcome.status in (OutcomeStatus.REJECTED, OutcomeStatus.DEFERRED):
                    tasks.want_again(connection, key)
                _refuse(connection, change.crm, change.task.crm_id, key, change.account_id, outcome, now)


def _refuse(
    connection: Connection,
    crm: str,
    crm_id: str,
    subject: str,
    account_id: str,
    outcome: Outcome,
    now: datetime,
) -> None:
    records.reject(
        connection,
        crm=crm,
        crm_id=crm_id,
        subject=subject,
        account_id=account_id,
        outcome=outcome.status.value,
        code=outcome.code or "NO_CODE",
        message=outcome.message,
        field=outcome.field,
        now=now,
    )


def _stored(change: TaskChange, now: datetime) -> StoredTask:
    return StoredTask(
        task_key=change.task.key,
        account_id=change.account_id,
        crm=change.crm,
        crm_id=change.task.crm_id,
        playbook=change.playbook,
        episode=change.episode,
        subject=change.task.subject,
        body=change.task.body,
        owner_id=change.task.owner_id,
        due_on=change.task.due_on,
        status="wanted",
        crm_task_id=None,
        wanted_at=now,
        attempted_at=None,
        opened_at=None,
    )
