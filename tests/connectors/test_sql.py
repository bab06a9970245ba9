"""Queries on a database, here SQLite; PostgreSQL where a test database is named."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy
from pydantic import ValidationError
from sqlalchemy import exc

from connectors import Since
from connectors._tables import cell_text
from connectors.sql import Sql, SqlSettings
from scoring.errors import CredentialsError, CrmhealthError, PayloadError, RejectedError, TransientError
from scoring.model import SourceAccount
from tests.connectors.fakes import NOW, a_context, accounts_of, facts_of, pulled
from tests.contracts.connector_contract import ConnectorContract, Scenario

USAGE: Mapping[str, Any] = {
    "name": "usage",
    "query": "SELECT account, day, sum(clicks) AS clicks FROM usage "
    "WHERE day >= :since AND day < :until GROUP BY account, day",
    "kind": "daily",
    "account": "account",
    "date": "day",
    "metrics": {"clicks": {"column": "clicks", "aggregate": "single"}},
}
SEATS: Mapping[str, Any] = {
    "name": "seats",
    "query": "SELECT account, seats FROM customers",
    "kind": "daily",
    "topic": "licences",
    "account": "account",
    "metrics": {"seats": {"column": "seats", "aggregate": "single"}},
}
TICKETS: Mapping[str, Any] = {
    "name": "tickets",
    "query": "SELECT * FROM tickets",
    "kind": "records",
    "topic": "tickets",
    "id": "id",
    "account": "account",
    "observed_at": "opened",
    "fields": {"opened_at": "opened", "rating": "rating"},
}
CUSTOMERS: Mapping[str, Any] = {
    "name": "customers",
    "query": "SELECT account, name, web FROM customers",
    "kind": "accounts",
    "account": "account",
    "account_name": "name",
    "domains": "web",
}
SCHEMA = """
CREATE TABLE usage (account TEXT, day TEXT, clicks NUMERIC);
CREATE TABLE tickets (id TEXT, account TEXT, opened TEXT, rating NUMERIC);
CREATE TABLE customers (account TEXT, name TEXT, web TEXT, seats INTEGER);
INSERT INTO usage VALUES ('007', '2026-11-19', 3), ('007', '2026-11-20', 4.5), ('A-2', '2026-11-20', 0);
INSERT INTO usage VALUES ('007', '2026-11-21', 99), ('007', '2025-01-01', 1);
INSERT INTO tickets VALUES ('1', '007', '2026-11-01 09:30:00', NULL), ('2', NULL, '2026-11-02T08:00:00Z', 1);
INSERT INTO customers VALUES ('007', 'Bond', 'bond.example', 12), ('A-2', NULL, NULL, NULL);
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
    return path


def settings(url: str, *streams: Mapping[str, Any], **changes: object) -> SqlSettings:
    """Make settings from what an admin would write."""
    written = {"url": "env:WAREHOUSE", "streams": list(streams), **changes}
    return SqlSettings.model_validate(written, context={"resolve": lambda _: url})


def a_source(database: Path, *streams: Mapping[str, Any], **changes: object) -> Sql:
    """Build the connector on a SQLite file, named relative to the configuration's folder."""
    url = f"sqlite:///{database.name}"
    context = a_context(database.parent, source="warehouse")
    return Sql(settings=settings(url, *streams, **changes), context=context)


def execute(database: Path, statement: str) -> None:
    """Change the database behind the connector's back."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


class TestSqlContract(ConnectorContract):
    @pytest.fixture
    def scenario(self, database: Path) -> Scenario:
        def break_down() -> None:
            database.write_bytes(b"not a database" * 100)

        source = a_source(database, CUSTOMERS, USAGE, SEATS, TICKETS)
        return Scenario(type="sql", connector=source, break_down=break_down, now=NOW)


def test_the_days_of_the_window_are_asked_for_and_today_is_not(database: Path) -> None:
    pages = pulled(a_source(database, USAGE), "usage")

    facts = facts_of(pages)
    assert [(fact.source_id, fact.value) for fact in facts] == [
        ("007|clicks|2026-11-19", 3.0),
        ("007|clicks|2026-11-20", 4.5),
        ("A-2|clicks|2026-11-20", 0.0),
    ]
    assert facts[0].observed_at == datetime(2026, 11, 19, 23, tzinfo=UTC)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_at_an_end_of_the_calendar_is_refused_with_its_place(database: Path, day: str) -> None:
    execute(database, f"INSERT INTO usage VALUES ('B', '{day}', 1)")
    everything = {**USAGE, "query": "SELECT account, day, clicks FROM usage ORDER BY clicks"}

    with pytest.raises(PayloadError, match=r"usage row \d, column 'day'") as caught:
        pulled(a_source(database, everything), "usage")

    assert caught.value.detail == "is not a date"


def test_the_first_pull_reaches_back_and_the_next_to_the_last_one_less_the_window(database: Path) -> None:
    source = a_source(database, {**USAGE, "window_days": 3})
    far = Since(cursor=None, now=NOW, lookback=timedelta(days=1000))

    first = list(source.pull("usage", far))
    again = pulled(source, "usage", cursor=first[-1].cursor)
    after_a_month = pulled(source, "usage", cursor=first[-1].cursor, now=NOW + timedelta(days=30))

    assert "007|clicks|2025-01-01" in {fact.source_id for fact in facts_of(first)}
    # the window begins with 18 November, whose number is dated by its end
    assert again[-1].window_start == datetime(2026, 11, 18, 23, tzinfo=UTC)
    assert after_a_month[-1].window_start == again[-1].window_start
    assert "007|clicks|2026-11-21" in {fact.source_id for fact in facts_of(after_a_month)}


def test_the_window_starts_after_the_last_number_outside_it(database: Path) -> None:
    execute(database, "INSERT INTO usage VALUES ('007', '2026-11-17', 8)")
    source = a_source(database, {**USAGE, "window_days": 3})
    first = pulled(source, "usage")

    again = pulled(source, "usage", cursor=first[-1].cursor)

    outside = {fact.source_id for fact in facts_of(first)} - {fact.source_id for fact in facts_of(again)}
    start = again[-1].window_start
    assert outside == {"007|clicks|2026-11-17"}
    assert start is not None
    assert all(fact.observed_at < start for fact in facts_of(first) if fact.source_id in outside)
    assert all(fact.observed_at >= start for fact in facts_of(again))


def test_a_changed_query_is_asked_for_everything_again(database: Path) -> None:
    cursor = pulled(a_source(database, USAGE), "usage")[-1].cursor
    changed = a_source(database, {**USAGE, "query": USAGE["query"] + " ORDER BY 1"})

    pages = list(changed.pull("usage", Since(cursor=cursor, now=NOW, lookback=timedelta(days=1000))))

    assert "007|clicks|2025-01-01" in {fact.source_id for fact in facts_of(pages)}


def test_a_number_without_a_date_is_a_measure_of_now(database: Path) -> None:
    pages = pulled(a_source(database, SEATS), "seats")

    (fact,) = facts_of(pages)  # the missing number of the other account is no zero
    assert (fact.source_id, fact.value, fact.observed_at) == ("007|seats|2026-11-21", 12.0, NOW)
    assert pages[-1].window_start == datetime(2026, 11, 20, 23, tzinfo=UTC)


def test_naive_times_are_local_and_texts_are_times(database: Path) -> None:
    facts = facts_of(pulled(a_source(database, TICKETS), "tickets"))

    assert [dict(fact.body or {}) for fact in facts] == [
        {"opened_at": "2026-11-01T08:30:00+00:00", "rating": None},
        {"opened_at": "2026-11-02T08:00:00+00:00", "rating": 1.0},
    ]
    assert [fact.account_key for fact in facts] == ["007", ""]


def test_accounts_are_read(database: Path) -> None:
    assert accounts_of(pulled(a_source(database, CUSTOMERS), "customers")) == [
        SourceAccount(account_key="007", name="Bond", domains=("bond.example",)),
        SourceAccount(account_key="A-2"),
    ]


@pytest.mark.parametrize(
    "value, text",
    [
        (Decimal("12.50"), "12.50"),
        (7.0, "7"),
        (7.25, "7.25"),
        (True, "true"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (10**20, "100000000000000000000"),
        (None, None),
        ("x", "x"),
    ],
)
def test_every_cell_becomes_text(value: object, text: str | None) -> None:
    assert cell_text(value) == text


@pytest.mark.parametrize("value", [[1], {"a": 1}, (1,), b"x", memoryview(b"x")])
def test_a_nested_cell_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="nested"):
        cell_text(value)


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement", ["DELETE FROM usage", "DROP TABLE usage", "INSERT INTO usage VALUES ('x', 'y', 1)"]
)
def test_nothing_can_be_written(database: Path, statement: str) -> None:
    before = database.read_bytes()
    source = a_source(database, {**TICKETS, "query": statement})

    with pytest.raises(CrmhealthError):
        pulled(source, "tickets")

    assert database.read_bytes() == before


def test_two_statements_at_once_are_refused(database: Path) -> None:
    source = a_source(database, {**TICKETS, "query": "SELECT * FROM tickets; DELETE FROM tickets"})

    with pytest.raises(RejectedError):
        pulled(source, "tickets")


def test_a_mistyped_path_does_not_become_an_empty_database(database: Path) -> None:
    database.unlink()

    with pytest.raises(TransientError):
        pulled(a_source(database, TICKETS), "tickets")

    assert not database.exists()


def test_a_longer_result_than_allowed_is_an_error_not_a_cut(database: Path) -> None:
    with pytest.raises(PayloadError, match="more than 1 rows"):
        pulled(a_source(database, TICKETS, max_rows=1), "tickets")


def test_a_missing_column_is_named_with_those_there_are(database: Path) -> None:
    source = a_source(database, {**TICKETS, "account": "customer"})

    with pytest.raises(PayloadError) as caught:
        pulled(source, "tickets")

    assert caught.value.detail == "no column 'customer'; it has 'id', 'account', 'opened', 'rating'"


def test_a_day_that_comes_twice_is_refused(database: Path) -> None:
    source = a_source(
        database, {**USAGE, "query": "SELECT account, day, clicks FROM usage UNION ALL SELECT * FROM usage"}
    )

    with pytest.raises(PayloadError, match=r"usage row 1, .*same account and day"):
        pulled(source, "usage")


def test_check_runs_every_query_and_says_what_is_wrong(database: Path) -> None:
    results = a_source(database, USAGE, {**TICKETS, "query": "SELECT mood FROM tickets"}).check()

    assert [(result.subject, result.ok) for result in results] == [("usage", True), ("tickets", False)]
    assert results[1].detail == "no such column: mood"


@pytest.mark.parametrize(
    "url", ["nonsense", "postgres-of-old://host/x", "oracle://user:pa55@host/x", "sqlite+nothing:///x"]
)
def test_an_unusable_address_is_said_so_without_showing_it(url: str) -> None:
    source = Sql(settings=settings(url, TICKETS), context=a_context(source="warehouse"))

    with pytest.raises(CredentialsError) as caught:
        source.check()

    assert "pa55" not in str(caught.value)


def test_an_unreachable_server_is_transient_and_its_password_stays_secret() -> None:
    url = "postgresql+psycopg://user:pa55@127.0.0.1:1/x?connect_timeout=2"
    source = Sql(settings=settings(url, TICKETS), context=a_context(source="warehouse"))

    with pytest.raises(TransientError) as caught:
        pulled(source, "tickets")

    assert "pa55" not in str(caught.value)


def driver_errors() -> list[type[exc.SQLAlchemyError]]:
    """List every error class SQLAlchemy raises."""
    found = [value for value in vars(exc).values() if isinstance(value, type)]
    return sorted(
        {value for value in found if issubclass(value, exc.SQLAlchemyError)}, key=lambda value: value.__name__
    )


@pytest.mark.parametrize("error", driver_errors(), ids=lambda error: error.__name__)
def test_no_error_of_the_library_leaves_the_connector(
    database: Path, error: type[exc.SQLAlchemyError]
) -> None:
    from connectors._database import Database

    opened = Database(
        source="warehouse",
        url="sqlite://",
        folder=database.parent,
        timezone=a_context().timezone,
        timeout_seconds=1,
    )
    instance = error.__new__(error)
    if issubclass(error, exc.DBAPIError):
        instance = error("SELECT secret", {"p": "secret"}, Exception("it broke\nSELECT secret"))
    else:
        Exception.__init__(instance, "secret")

    translated = opened._translated(instance)
    opened.close()

    assert isinstance(translated, CrmhealthError)
    assert "secret" not in str(translated)


@pytest.mark.parametrize(
    "stream, complaint",
    [
        ({**USAGE, "query": "SELECT :account"}, ":account"),
        ({**TICKETS, "query": "SELECT * FROM tickets WHERE opened > :since"}, "would count as gone"),
        ({**CUSTOMERS, "query": "SELECT * FROM customers WHERE x < :until"}, "would count as gone"),
        ({**USAGE, "window_days": 0}, "window_days"),
        ({**USAGE, "covers_days": 7}, "covers_days is for files"),
        ({**USAGE, "path": "x"}, "path"),
    ],
)
def test_a_query_that_could_not_work_is_refused(stream: Mapping[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        settings("sqlite://", stream)


def test_casts_times_and_escapes_are_no_parameters() -> None:
    query = r"SELECT account, day::date, '12:30', '\:x' FROM usage WHERE day >= :since"

    assert settings("sqlite://", {**USAGE, "query": query}).streams[0].query == query


def test_a_literal_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="reference"):
        SqlSettings.model_validate({"url": "sqlite:///x.db", "streams": [TICKETS]})


# --- PostgreSQL ------------------------------------------------------------------------------------


def on_postgres(url: str, *streams: Mapping[str, Any], **changes: object) -> Sql:
    """Build the connector on the test server."""
    return Sql(settings=settings(url, *streams, **changes), context=a_context(source="warehouse"))


def test_postgres_dates_and_times_are_read_in_the_business_time_zone(postgres_url: str) -> None:
    query = (
        "SELECT 'A' AS account, d::date AS day, 2.5::numeric AS clicks FROM generate_series(:since, :until, '1 day') d "
        "WHERE d::timestamptz = timestamptz '2026-11-18 23:00+00'"
    )
    source = on_postgres(postgres_url, {**USAGE, "query": query})

    (fact,) = facts_of(pulled(source, "usage"))
    source.close()

    assert (fact.source_id, fact.value) == ("A|clicks|2026-11-19", 2.5)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE x (y int)", "SELECT set_config('transaction_read_only','off',false)"]
)
def test_postgres_cannot_be_written(statement: str, postgres_url: str) -> None:
    source = on_postgres(postgres_url, {**TICKETS, "query": statement})

    with pytest.raises((RejectedError, PayloadError)):
        pulled(source, "tickets")
    source.close()


def test_postgres_stops_a_query_that_takes_too_long(postgres_url: str) -> None:
    source = on_postgres(postgres_url, {**TICKETS, "query": "SELECT pg_sleep(60)"}, timeout_seconds=0.2)

    with pytest.raises(TransientError, match="statement timeout"):
        pulled(source, "tickets")
    source.close()


def test_a_wrong_password_for_postgres_is_said_so(postgres_url: str) -> None:
    url = sqlalchemy.make_url(postgres_url).set(username="nobody_we_know", password="wrong")
    rendered = url.render_as_string(hide_password=False)
    source = Sql(settings=settings(rendered, TICKETS), context=a_context(source="warehouse"))

    with pytest.raises(CredentialsError):
        pulled(source, "tickets")
    source.close()
