"""The usage warehouse: a file that others read while it grows."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

import sandbox
from connectors.sql import Sql, SqlSettings
from sandbox.core import ControlError
from sandbox.server import make_core
from sandbox.world import World
from tests.connectors.fakes import a_context, accounts_of, facts_of, pulled

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the warehouse is."""
    return tmp_path / "warehouse.sqlite"


@pytest.fixture
def world(path: Path) -> World:
    """A world of 50 with a warehouse and nothing else."""
    world = World(seed=4, accounts=50, start=START, warehouse=path)
    world.populate(make_core(now=START, frozen_clock=True, systems=["salesforce"]))
    return world


def read_only(path: Path) -> sqlite3.Connection:
    """Open the warehouse as a client that may only read."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)


def test_it_holds_complete_days_and_at_least_120_of_them(path: Path, world: World) -> None:
    with closing(read_only(path)) as client:
        first, last, days = client.execute(
            "SELECT min(day), max(day), count(DISTINCT day) FROM daily_usage"
        ).fetchone()
        (accounts,) = client.execute("SELECT count(*) FROM accounts").fetchone()
        odd = client.execute(
            "SELECT * FROM daily_usage JOIN accounts USING (account_key)"
            " WHERE active_users < 0 OR active_users > seats OR (active_users = 0 AND events > 0)"
        ).fetchall()

    assert (last, days, accounts) == ("2026-05-03", 126, 50)
    assert first == "2025-12-29"
    assert odd == []


def test_a_day_is_written_when_it_is_over(path: Path, world: World) -> None:
    def last_day() -> str:
        with closing(read_only(path)) as client:
            (day,) = client.execute("SELECT max(day) FROM daily_usage").fetchone()
        return str(day)

    world.advance(datetime(2026, 5, 4, 23, 59, 59, tzinfo=UTC))
    before_midnight = last_day()
    world.advance(datetime(2026, 5, 5, tzinfo=UTC))

    assert (before_midnight, last_day()) == ("2026-05-03", "2026-05-04")


def test_a_reader_is_not_disturbed_while_it_grows(path: Path, world: World) -> None:
    with closing(read_only(path)) as client:
        reading = client.execute("SELECT day FROM daily_usage ORDER BY day")
        first = reading.fetchone()
        world.advance(START + timedelta(days=2))
        rest = reading.fetchall()
        (last,) = client.execute("SELECT max(day) FROM daily_usage").fetchone()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            client.execute("DELETE FROM daily_usage")

    assert first == ("2025-12-29",)
    assert rest[-1] == ("2026-05-03",)
    assert last == "2026-05-05"


def test_a_window_of_days_is_found_by_its_index(path: Path, world: World) -> None:
    with closing(read_only(path)) as client:
        plan = client.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM daily_usage WHERE day >= '2026-05-01'"
        ).fetchall()

    assert "SEARCH daily_usage USING PRIMARY KEY (day>?)" in plan[0][-1]


def test_weekends_are_quiet(path: Path, world: World) -> None:
    with closing(read_only(path)) as client:
        by_weekday = dict(
            client.execute("SELECT strftime('%w', day), sum(active_users) FROM daily_usage GROUP BY 1")
        )

    assert by_weekday["0"] < by_weekday["3"] / 2


def test_a_file_of_somebody_else_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE accounts (id)")
        connection.execute("INSERT INTO accounts VALUES (1)")
        connection.commit()
    world = World(seed=4, accounts=50, start=START, warehouse=path)

    with pytest.raises(ControlError, match="not a warehouse"):
        world.populate(make_core(now=START, frozen_clock=True, systems=["salesforce"]))

    with closing(read_only(path)) as client:
        assert client.execute("SELECT * FROM accounts").fetchall() == [(1,)]


def test_a_warehouse_is_begun_anew_by_another_world(path: Path, world: World) -> None:
    smaller = World(seed=9, accounts=10, start=START - timedelta(days=7), warehouse=path)

    smaller.populate(make_core(now=START, frozen_clock=True, systems=["salesforce"]))

    with closing(read_only(path)) as client:
        assert client.execute("SELECT count(*) FROM accounts").fetchone() == (10,)
        assert client.execute("SELECT max(day) FROM daily_usage").fetchone() == ("2026-04-26",)


def test_started_alone_it_says_where_its_warehouse_is(path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--json", "--accounts", "12", "--now", "2026-05-04T08:00:00Z"]
    with subprocess.Popen(
        [*command, "--warehouse", str(path)], cwd=Path(sandbox.__file__).parents[1], stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        where = json.loads(started.stdout.readline())
        started.terminate()
        started.communicate(timeout=20)

    assert where["warehouse"] == str(path)
    with closing(read_only(path)) as client:
        assert client.execute("SELECT count(*) FROM accounts").fetchone() == (12,)


def test_the_sql_connector_reads_it(path: Path, world: World) -> None:
    columns = {"account": "account_key", "date": "day"}
    written = {
        "url": "env:WAREHOUSE",
        "streams": [
            {
                "name": "accounts", "kind": "accounts", "account": "account_key", "external_id": "salesforce_id",
                "account_name": "name", "domains": ["domain"],
                "query": "SELECT account_key, name, domain, salesforce_id FROM accounts",
            },
            {
                "name": "usage", "kind": "daily", "topic": "usage", **columns, "metrics": {"active_users": {"column": "active_users", "aggregate": "single"}},
                "query": "SELECT day, account_key, active_users FROM daily_usage WHERE day >= :since AND day < :until",
            },
        ],
    }  # fmt: skip
    address = f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true"
    settings = SqlSettings.model_validate(written, context={"resolve": lambda _: address})
    connector = Sql(settings=settings, context=a_context(path.parent, timezone="UTC"))

    accounts = accounts_of(pulled(connector, "accounts", now=START))
    first = facts_of(pulled(connector, "usage", now=START))
    again = facts_of(pulled(connector, "usage", now=START))
    connector.close()

    assert {each.external_id for each in accounts} == {each.salesforce_id for each in world.truth()}
    assert len(first) > 120 * 40
    assert again == first
