"""Episodes and tasks: written down before the CRM is asked; a crash leaves one task, not none or two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, insert, select, update

from state.tables import episode, task

WAITING = ("wanted", "attempted")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTask:
    """One task for ever: status is wanted, attempted (asked for, not confirmed), open or withdrawn."""

    task_key: str
    account_id: str
    crm: str
    crm_id: str
    playbook: str
    episode: int
    subject: str
    body: str
    owner_id: str
    due_on: date
    status: str
    crm_task_id: str | None
    wanted_at: datetime
    attempted_at: datetime | None
    opened_at: datetime | None


def open_episodes(connection: Connection) -> dict[str, int]:
    """Give account_id -> number of the episode that is open."""
    rows = connection.execute(
        select(episode.c.account_id, episode.c.number).where(episode.c.closed_at.is_(None))
    )
    return {row.account_id: row.number for row in rows}


def last_episodes(connection: Connection) -> dict[str, int]:
    """Give account_id -> number of its last episode."""
    rows = connection.execute(
        select(episode.c.account_id, func.max(episode.c.number)).group_by(episode.c.account_id)
    )
    return {row[0]: row[1] for row in rows}


def open_episode(
    connection: Connection, *, account_id: str, number: int, band: str, baseline: bool, at: datetime
) -> None:
    """Begin an episode; one that is open already stays as it is."""
    exists = connection.scalar(
        select(func.count()).where(episode.c.account_id == account_id, episode.c.number == number)
    )
    if not exists:
        connection.execute(
            insert(episode).values(
                account_id=account_id, number=number, band=band, opened_at=at, baseline=baseline
            )
        )


def close_episode(
    connection: Connection, *, account_id: str, number: int, at: datetime
) -> list[tuple[str, str, str]]:
    """End an episode, and withdraw its tasks that were never asked for: gives (crm, crm_id, key) of each."""
    mine = (task.c.account_id == account_id) & (task.c.episode == number) & (task.c.status == "wanted")
    withdrawn = connection.execute(select(task.c.crm, task.c.crm_id, task.c.task_key).where(mine)).all()
    connection.execute(
        update(episode)
        .where(episode.c.account_id == account_id, episode.c.number == number, episode.c.closed_at.is_(None))
        .values(closed_at=at)
    )
    connection.execute(update(task).where(mine).values(status="withdrawn"))
    return [(row.crm, row.crm_id, row.task_key) for row in withdrawn]


def want(connection: Connection, wanted: StoredTask) -> None:
    """Write down a task before anybody is asked to open it.

    A key that exists stays one task. While nobody has been asked to open it, its words, owner and due date
    are brought up to date; afterwards it is left alone.
    """
    status = connection.scalar(select(task.c.status).where(task.c.task_key == wanted.task_key))
    if status == "wanted":
        connection.execute(
            update(task)
            .where(task.c.task_key == wanted.task_key)
            .values(subject=wanted.subject, body=wanted.body, owner_id=wanted.owner_id, due_on=wanted.due_on)
        )
    if status is not None:
        return
    connection.execute(
        insert(task).values({column.name: getattr(wanted, column.name) for column in task.columns})
    )


def waiting(connection: Connection, crm: str | None = None) -> list[StoredTask]:
    """List the tasks that are wanted and not known to be open."""
    statement = select(task).where(task.c.status.in_(WAITING)).order_by(task.c.crm_id, task.c.task_key)
    if crm is not None:
        statement = statement.where(task.c.crm == crm)
    return [StoredTask(**row._mapping) for row in connection.execute(statement)]


def of_account(connection: Connection, account_id: str) -> list[StoredTask]:
    """List all tasks of one account, oldest first."""
    statement = select(task).where(task.c.account_id == account_id).order_by(task.c.wanted_at)
    return [StoredTask(**row._mapping) for row in connection.execute(statement)]


def counts(connection: Connection) -> dict[str, int]:
    """Count tasks by status."""
    rows = connection.execute(select(task.c.status, func.count()).group_by(task.c.status))
    return {row[0]: row[1] for row in rows}


def attempt(connection: Connection, keys: Sequence[str], at: datetime) -> None:
    """Mark tasks as asked for, before the call."""
    connection.execute(
        update(task).where(task.c.task_key.in_(keys)).values(status="attempted", attempted_at=at)
    )


def confirm(connection: Connection, opened: Iterable[tuple[str, str]], at: datetime) -> None:
    """Mark tasks as open: (key, the CRM's id)."""
    for key, crm_task_id in opened:
        connection.execute(
            update(task)
            .where(task.c.task_key == key)
            .values(status="open", crm_task_id=crm_task_id, opened_at=at)
        )


def withdraw(connection: Connection, keys: Sequence[str]) -> None:
    """Mark tasks as no longer wanted; they surely do not exist."""
    connection.execute(update(task).where(task.c.task_key.in_(keys)).values(status="withdrawn"))


def want_again(connection: Connection, key: str) -> None:
    """Mark a task that was surely not opened as wanted again."""
    connection.execute(update(task).where(task.c.task_key == key).values(status="wanted", attempted_at=None))
