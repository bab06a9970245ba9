"""Episodes and tasks on both databases."""

from datetime import UTC, date, datetime

from state import runs, tasks
from state.database import Database
from state.tasks import StoredTask

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def want(database: Database, key: str = "a1:red:1:1:1", subject: str = "call") -> None:
    with database.transaction() as connection:
        tasks.open_episode(connection, account_id="a1", number=1, band="red", baseline=False, at=NOW)
        tasks.want(
            connection,
            StoredTask(
                task_key=key,
                account_id="a1",
                crm="crm",
                crm_id="1",
                playbook="red",
                episode=1,
                subject=subject,
                body="why",
                owner_id="",
                due_on=date(2026, 3, 4),
                status="wanted",
                crm_task_id=None,
                wanted_at=NOW,
                attempted_at=None,
                opened_at=None,
            ),
        )


def waiting(database: Database) -> list[tuple[str, str]]:
    with database.reading() as connection:
        return [(task.task_key, task.status) for task in tasks.waiting(connection)]


def test_a_key_that_is_wanted_twice_is_one_task_with_its_latest_words(database: Database) -> None:
    want(database)
    want(database, subject="another")

    with database.reading() as connection:
        assert [task.subject for task in tasks.of_account(connection, "a1")] == ["another"]


def test_the_words_of_a_task_that_was_asked_for_are_left_alone(database: Database) -> None:
    want(database)
    with database.transaction() as connection:
        tasks.attempt(connection, ["a1:red:1:1:1"], NOW)
    want(database, subject="another")

    with database.reading() as connection:
        assert [task.subject for task in tasks.of_account(connection, "a1")] == ["call"]


def test_an_attempted_task_waits_until_it_is_confirmed(database: Database) -> None:
    want(database)
    with database.transaction() as connection:
        tasks.attempt(connection, ["a1:red:1:1:1"], NOW)
    attempted = waiting(database)
    with database.transaction() as connection:
        tasks.confirm(connection, [("a1:red:1:1:1", "T1")], NOW)

    assert attempted == [("a1:red:1:1:1", "attempted")]
    assert waiting(database) == []


def test_the_end_of_an_episode_withdraws_what_was_never_asked_for_and_nothing_else(
    database: Database,
) -> None:
    want(database)
    want(database, key="a1:red:1:2:1")
    with database.transaction() as connection:
        tasks.attempt(connection, ["a1:red:1:1:1"], NOW)
        tasks.close_episode(connection, account_id="a1", number=1, at=NOW)

    assert waiting(database) == [("a1:red:1:1:1", "attempted")]
    with database.reading() as connection:
        assert tasks.open_episodes(connection) == {}
        assert tasks.last_episodes(connection) == {"a1": 1}


def test_a_slot_is_run_once(database: Database) -> None:
    with database.transaction() as connection:
        first = runs.begin(connection, job="cycle", slot="2026-03-02T06:30", as_of=NOW, now=NOW)
        assert first is not None
        runs.finish(connection, first, outcome="done", summary={}, now=NOW)
    with database.transaction() as connection:
        second = runs.begin(connection, job="cycle", slot="2026-03-02T06:30", as_of=NOW, now=NOW)

    assert second is None


def test_a_slot_that_a_crash_cut_short_is_run_again(database: Database) -> None:
    with database.transaction() as connection:
        first = runs.begin(connection, job="cycle", slot="2026-03-02T06:30", as_of=NOW, now=NOW)
    with database.transaction() as connection:
        second = runs.begin(connection, job="cycle", slot="2026-03-02T06:30", as_of=NOW, now=NOW)

    assert second == first


def test_a_run_that_was_cut_off_is_recorded_as_such(database: Database) -> None:
    with database.transaction() as connection:
        runs.begin(connection, job="cycle", slot=None, as_of=NOW, now=NOW)
    with database.transaction() as connection:
        runs.begin(connection, job="cycle", slot=None, as_of=NOW, now=NOW)

    with database.reading() as connection:
        assert [run.outcome for run in runs.latest(connection)] == ["running", "interrupted"]
