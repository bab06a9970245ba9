"""Facts on SQLite and PostgreSQL alike."""

from datetime import UTC, datetime, timedelta

from scoring.model import Fact, SourceAccount
from state import accounts, facts, recall
from state.database import Database

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def a_ticket(number: int = 1, *, status: str = "open", version: int = 1, account: str = "org-1") -> Fact:
    return Fact(
        topic="tickets",
        source_id=str(number),
        source_version=version,
        account_key=account,
        observed_at=NOW,
        body={"status": status},
    )


def a_number(day: int, value: float, account: str = "org-1") -> Fact:
    return Fact(
        topic="usage",
        source_id=f"{account}|wau|{day}",
        account_key=account,
        metric="wau",
        value=value,
        observed_at=NOW - day * DAY,
    )


def store_cursor(
    database: Database, page: list[Fact], *, cursor: str | None = None, now: datetime = NOW
) -> int:
    with database.transaction() as connection:
        stream = facts.open_stream(connection, source="desk", name="tickets", topic="tickets", mode="cursor")
        pull_id = facts.begin_pull(connection, stream.stream_id, now)
        changed = facts.store_cursor_page(
            connection,
            stream_id=stream.stream_id,
            pull_id=pull_id,
            source="desk",
            facts=page,
            accounts=[SourceAccount(account_key="org-1")],
            cursor=cursor,
            now=now,
        )
        link(connection, "desk", "org-1")
        return changed


def store_snapshot(
    database: Database,
    page: list[Fact],
    *,
    now: datetime = NOW,
    complete: bool = True,
    window_start: datetime | None = None,
) -> int:
    with database.transaction() as connection:
        stream = facts.open_stream(connection, source="files", name="usage", topic="usage", mode="snapshot")
        pull_id = facts.begin_pull(connection, stream.stream_id, now)
        facts.store_page(
            connection,
            stream_id=stream.stream_id,
            pull_id=pull_id,
            source="files",
            facts=page,
            accounts=[SourceAccount(account_key="org-1")],
            now=now,
        )
        link(connection, "files", "org-1")
        if not complete:
            return 0
        return facts.complete_pull(
            connection,
            stream_id=stream.stream_id,
            pull_id=pull_id,
            mode="snapshot",
            cursor=None,
            now=now,
            window_start=window_start,
        )


def link(connection: object, source: str, key: str) -> None:
    accounts.remember_matches(
        connection,  # type: ignore[arg-type]  # a Connection; the helper is called inside transactions only
        source,
        [accounts.Match(account_key=key, account_id="a1", outcome="matched", method="manual", evidence="")],
        NOW,
    )


def tickets(database: Database, as_of: datetime = NOW + 30 * DAY) -> list[object]:
    with database.reading() as connection:
        return [
            body["status"]
            for *_, body in recall.records(
                connection, topic="tickets", as_of=as_of, streams={("desk", "tickets")}
            )
        ]


def numbers(database: Database, as_of: datetime = NOW + 30 * DAY) -> list[float]:
    with database.reading() as connection:
        rows = recall.numbers(connection, as_of=as_of, since=NOW - 100 * DAY, streams={("files", "usage")})
        return sorted(row[4] or 0.0 for row in rows)


def test_a_changed_fact_is_a_new_version_and_the_old_one_can_be_replayed(database: Database) -> None:
    store_cursor(database, [a_ticket(status="open", version=1)], now=NOW)
    store_cursor(database, [a_ticket(status="solved", version=2)], now=NOW + DAY)

    assert tickets(database, as_of=NOW + DAY) == ["solved"]
    assert tickets(database, as_of=NOW + DAY / 2) == ["open"]
    assert tickets(database, as_of=NOW - DAY) == []


def test_the_same_fact_again_is_no_new_version(database: Database) -> None:
    first = store_cursor(database, [a_ticket()])
    second = store_cursor(database, [a_ticket()], now=NOW + DAY)

    assert (first, second) == (1, 0)


def test_an_older_version_never_replaces_a_newer_one(database: Database) -> None:
    store_cursor(database, [a_ticket(status="solved", version=5)])

    changed = store_cursor(database, [a_ticket(status="open", version=4)], now=NOW + DAY)

    assert changed == 0
    assert tickets(database) == ["solved"]


def test_of_two_versions_in_one_page_the_newer_counts(database: Database) -> None:
    store_cursor(database, [a_ticket(status="solved", version=2), a_ticket(status="open", version=1)])

    assert tickets(database) == ["solved"]


def test_a_deleted_ticket_is_gone_and_comes_back_when_it_is_restored(database: Database) -> None:
    store_cursor(database, [a_ticket(version=1)])
    gone = Fact(
        topic="tickets",
        source_id="1",
        source_version=2,
        account_key="org-1",
        observed_at=NOW,
        deleted=True,
    )
    store_cursor(database, [gone], now=NOW + DAY)
    after_deletion = tickets(database)
    store_cursor(database, [a_ticket(status="open", version=3)], now=NOW + 2 * DAY)

    assert after_deletion == []
    assert tickets(database) == ["open"]


def test_a_page_and_its_cursor_are_stored_together(database: Database) -> None:
    store_cursor(database, [a_ticket()], cursor="page-2")

    with database.transaction() as connection:
        stream = facts.open_stream(connection, source="desk", name="tickets", topic="tickets", mode="cursor")
    assert stream.cursor == "page-2"


def test_a_broken_transaction_stores_neither_page_nor_cursor(database: Database) -> None:
    class Crash(Exception):
        pass

    try:
        with database.transaction() as connection:
            stream = facts.open_stream(
                connection, source="desk", name="tickets", topic="tickets", mode="cursor"
            )
            pull_id = facts.begin_pull(connection, stream.stream_id, NOW)
            facts.store_cursor_page(
                connection,
                stream_id=stream.stream_id,
                pull_id=pull_id,
                source="desk",
                facts=[a_ticket()],
                accounts=[],
                cursor="page-2",
                now=NOW,
            )
            raise Crash
    except Crash:
        pass

    with database.transaction() as connection:
        stream = facts.open_stream(connection, source="desk", name="tickets", topic="tickets", mode="cursor")
    assert stream.cursor is None
    assert tickets(database) == []


def test_what_a_complete_listing_no_longer_has_is_withdrawn(database: Database) -> None:
    store_snapshot(database, [a_number(1, 10.0), a_number(2, 20.0)])

    changed = store_snapshot(database, [a_number(1, 10.0)], now=NOW + DAY)

    assert changed == 1
    assert numbers(database) == [10.0]
    assert numbers(database, as_of=NOW + DAY / 2) == [10.0, 20.0]


def test_an_incomplete_listing_replaces_nothing(database: Database) -> None:
    store_snapshot(database, [a_number(1, 10.0), a_number(2, 20.0)])

    store_snapshot(database, [a_number(1, 99.0)], now=NOW + DAY, complete=False)

    assert numbers(database) == [10.0, 20.0]


def test_pages_of_a_pull_that_was_cut_off_are_dropped_by_the_next_one(database: Database) -> None:
    store_snapshot(database, [a_number(1, 99.0), a_number(3, 99.0)], complete=False)

    store_snapshot(database, [a_number(1, 10.0)], now=NOW + DAY)

    assert numbers(database) == [10.0]


def test_a_window_withdraws_only_what_lies_inside_it(database: Database) -> None:
    store_snapshot(database, [a_number(1, 10.0), a_number(20, 20.0)])

    store_snapshot(database, [a_number(2, 30.0)], now=NOW + DAY, window_start=NOW - 5 * DAY)

    assert numbers(database) == [20.0, 30.0]


def test_a_backfilled_fact_is_known_when_it_was_declared_and_its_correction_when_it_was_read(
    database: Database,
) -> None:
    declared = NOW - 10 * DAY
    early = Fact(
        topic="usage",
        source_id="n",
        account_key="org-1",
        metric="wau",
        value=1.0,
        observed_at=declared,
        known_at=declared,
    )
    late = Fact(
        topic="usage",
        source_id="n",
        account_key="org-1",
        metric="wau",
        value=2.0,
        observed_at=declared,
        known_at=declared,
    )
    store_snapshot(database, [early])
    store_snapshot(database, [late], now=NOW + DAY)

    assert numbers(database, as_of=NOW - 9 * DAY) == [1.0]
    assert numbers(database, as_of=NOW + DAY) == [2.0]


def test_a_stream_is_down_until_a_pull_completes_again(database: Database) -> None:
    store_snapshot(database, [a_number(1, 10.0)])
    with database.transaction() as connection:
        stream = facts.open_stream(connection, source="files", name="usage", topic="usage", mode="snapshot")
        pull_id = facts.begin_pull(connection, stream.stream_id, NOW + DAY)
        facts.fail_pull(
            connection, stream_id=stream.stream_id, pull_id=pull_id, failure="HTTP 503", now=NOW + DAY
        )
    with database.reading() as connection:
        (down,) = recall.readings(connection, NOW + DAY)
        (before,) = recall.readings(connection, NOW)
    store_snapshot(database, [a_number(1, 10.0)], now=NOW + 2 * DAY)
    with database.reading() as connection:
        (back,) = recall.readings(connection, NOW + 2 * DAY)

    assert (down.down, down.complete_at, down.failure) == (True, NOW, "HTTP 503")
    assert (before.down, before.complete_at) == (False, NOW)
    assert (back.down, back.complete_at) == (False, NOW + 2 * DAY)


def test_what_a_source_said_that_is_no_longer_configured_does_not_count(database: Database) -> None:
    store_snapshot(database, [a_number(1, 10.0)])

    with database.reading() as connection:
        rows = recall.numbers(
            connection, as_of=NOW + DAY, since=NOW - 100 * DAY, streams={("files", "another")}
        )

    assert rows == []
