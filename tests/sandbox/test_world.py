"""The living customer base: who is in it, what becomes of them, and what the systems see of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import httpx
import polars as pl
import pytest

from connectors.stripe import Stripe, StripeSettings
from connectors.zendesk import Zendesk, ZendeskSettings
from sandbox.core import ControlError, Core
from sandbox.faults import Action, Fault
from sandbox.server import make_core, run_in_thread
from sandbox.world import Fate, World
from sandbox.world.customers import customers
from sandbox.world.usage import daily_usage
from tests.connectors.fakes import a_context, accounts_of, facts_of, pulled

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
WEEK = timedelta(days=7)


def a_world(accounts: int = 300, seed: int = 5, warehouse: Path | None = None) -> tuple[World, Core]:
    """Make a world that lives in a sandbox of its own."""
    core = make_core(now=START, frozen_clock=True)
    world = World(seed=seed, accounts=accounts, start=START, warehouse=warehouse)
    world.populate(core)
    return world, core


def records(core: Core, system: str, object_name: str) -> list[dict[str, Any]]:
    """Give all records of one type, as they truly are."""
    found: list[dict[str, Any]] = core.systems[system].truth(object_name)["records"]
    return found


def everything(core: Core) -> dict[str, Any]:
    """Give all records of all systems but for the moment HubSpot noticed a change."""
    return {
        "accounts": records(core, "salesforce", "Account"),
        "users": records(core, "salesforce", "User")[1:],  # the first is the org's own, from its start
        "companies": [
            {key: value for key, value in each["properties"].items() if key != "hs_lastmodifieddate"}
            for each in records(core, "hubspot", "companies")
        ],
        **{name: records(core, "zendesk", name) for name in ("organizations", "users", "tickets")},
        **{name: records(core, "stripe", name) for name in ("customers", "subscriptions", "invoices")},
    }


def sorted_by_id(found: dict[str, Any]) -> dict[str, Any]:
    """Sort records, as the order in which they came in is nobody's business."""
    return {name: sorted(rows, key=str) for name, rows in found.items()}


def leavers(world: World, *, until: datetime) -> list[Fate]:
    """List who has left by an instant."""
    return [each for each in world.truth() if each.leaves_on and each.leaves_on <= until.date()]


def day(number: date) -> int:
    """Give a date as the day number the world counts in."""
    return (number - date(1970, 1, 1)).days


def active_users(world: World, first: date, days: int) -> dict[str, float]:
    """Tell the mean daily active users of each account over some days."""
    run = range(day(first), day(first) + days)
    usage = daily_usage(world.chance, world.customers, run, day(START.date()))
    means = usage.group_by("account_key").agg(pl.col("active_users").mean())
    return dict(means.iter_rows())


@pytest.fixture(scope="module")
def lived() -> tuple[World, Core]:
    """A world after half a year; look, do not touch."""
    world, core = a_world(accounts=1500)
    world.advance(START + 26 * WEEK)
    return world, core


def test_the_same_seed_gives_the_same_data_in_one_step_or_in_many(tmp_path: Path) -> None:
    steps, other_core = a_world(60, warehouse=tmp_path / "steps.sqlite")
    leap, core = a_world(60, warehouse=tmp_path / "leap.sqlite")

    for number in range(1, 14):
        steps.advance(START + timedelta(days=number, hours=number % 5))
    steps.advance(START + timedelta(days=20))
    leap.advance(START + timedelta(days=20))

    assert sorted_by_id(everything(core)) == sorted_by_id(everything(other_core))
    assert usage_rows(tmp_path / "leap.sqlite") == usage_rows(tmp_path / "steps.sqlite")
    assert core.clock.now() == START + timedelta(days=20)


def usage_rows(path: Path) -> list[tuple[Any, ...]]:
    """Read all usage of a warehouse."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM daily_usage ORDER BY day, account_key").fetchall()


def test_another_seed_gives_other_data() -> None:
    one, other = a_world(40, seed=1)[1], a_world(40, seed=2)[1]

    assert everything(one)["accounts"] != everything(other)["accounts"]
    assert everything(one)["tickets"] != everything(other)["tickets"]


def test_an_outage_of_one_system_changes_nothing_else() -> None:
    calm, core = a_world(40)
    troubled, other_core = a_world(40)

    with run_in_thread(other_core) as running:
        other_core.faults.add(Fault(system="zendesk", action=Action(do="status"), times=None))
        for number in range(1, 8):
            troubled.advance(START + timedelta(days=number))
            assert httpx.get(f"{running.urls['zendesk']}/api/v2/organizations.json").status_code == 503
    calm.advance(START + WEEK)

    assert sorted_by_id(everything(core)) == sorted_by_id(everything(other_core))


def test_a_customer_is_the_same_one_everywhere() -> None:
    _world, core = a_world(200)
    accounts = {row["Id"]: row for row in records(core, "salesforce", "Account")}

    companies = [row["properties"] for row in records(core, "hubspot", "companies")]
    by_support = [row["external_id"] for row in records(core, "zendesk", "organizations")]
    by_billing = [
        row["metadata"].get("salesforce_account_id") for row in records(core, "stripe", "customers")
    ]

    assert {row["salesforce_account_id"] for row in companies} == set(accounts)
    for company in companies:
        account = accounts[company["salesforce_account_id"]]
        assert company["external_key"] == account["External_Key__c"]
        assert (company["name"], company["renewal_date"]) == (account["Name"], account["Renewal_Date__c"])
    assert {each for each in by_support if each} < set(accounts)
    assert {each for each in by_billing if each} < set(accounts)
    assert 0.75 < mean(each is not None for each in by_support) < 0.95
    assert 0.75 < mean(each is not None for each in by_billing) < 0.95


def test_the_book_of_accounts_has_the_flaws_of_a_real_one() -> None:
    _world, core = a_world(1000)
    accounts = records(core, "salesforce", "Account")
    users = {row["Id"]: row for row in records(core, "salesforce", "User")}
    websites = [row["Website"] for row in accounts if row["Website"]]

    assert len({row["Name"] for row in accounts}) == len(accounts)
    assert len(websites) < len(accounts)
    assert len(set(websites)) < len(websites)
    assert any(not users[row["OwnerId"]]["IsActive"] for row in accounts)
    assert {row["Segment__c"] for row in accounts} == {"Enterprise", "Mid-Market", "SMB"}
    assert {row["Stage__c"] for row in accounts} == {"Onboarding", "Live"}
    assert all(row["Renewal_Date__c"] > "2026-05-04" > row["Customer_Since__c"] for row in accounts)
    tickets = records(core, "zendesk", "tickets")
    assert any(row["organization_id"] is None for row in tickets)
    assert any(row["status"] == "deleted" for row in tickets)
    assert any(row["generated_timestamp"] > row["updated_at"] for row in tickets)
    assert {row["currency"] for row in records(core, "stripe", "subscriptions")} == {"usd", "eur", "jpy"}


def test_some_are_at_risk_and_every_week_a_few_more() -> None:
    world = World(seed=11, accounts=3000, start=START)

    at_risk: list[set[str]] = []
    for week in range(10):
        strained = world.strain(START + week * WEEK)
        at_risk.append({key for key, value in strained.items() if value > 0.4})
        assert 0.04 < len(at_risk[-1]) / len(strained) < 0.12

    newly = [len(now - before) for before, now in pairwise(at_risk)]
    assert min(newly) > 10


def test_usage_of_those_who_leave_falls_before_they_do() -> None:
    world = World(seed=5, accounts=3000, start=START)
    warned = [each for each in leavers(world, until=START + 20 * WEEK) if each.signs_from]
    sudden = [each for each in leavers(world, until=START + 20 * WEEK) if not each.signs_from]

    def change(fate: Fate) -> float:
        assert fate.leaves_on is not None
        before = active_users(world, fate.leaves_on - timedelta(days=140), 14).get(fate.account_key)
        last = active_users(world, fate.leaves_on - timedelta(days=14), 14)[fate.account_key]
        return last / before if before else 1.0

    fell = [change(each) < 0.6 for each in warned[:40]]
    fell_without_warning = [change(each) < 0.6 for each in sudden[:15]]

    assert mean(fell) > 0.75
    assert mean(fell_without_warning) < 0.4
    assert 0.1 < len(sudden) / (len(sudden) + len(warned)) < 0.3


def test_some_decline_and_recover() -> None:
    world = World(seed=5, accounts=2000, start=START)
    stay = {each.account_key for each in world.truth() if each.leaves_on is None}
    before, during, after = (world.strain(START + weeks * WEEK) for weeks in (0, 7, 20))

    recovered = [key for key in stay if before[key] < 0.1 and during[key] > 0.6 and after[key] < 0.1]

    assert len(recovered) > 10


def test_tickets_of_strained_customers_are_more_severe_and_worse_rated(lived: tuple[World, Core]) -> None:
    world, core = lived
    number = {each.salesforce_id: each.account_key for each in world.truth()}
    owners = {row["id"]: number.get(row["external_id"]) for row in records(core, "zendesk", "organizations")}
    strain: dict[date, dict[str, float]] = {}
    severe: dict[bool, list[bool]] = {True: [], False: []}
    bad: dict[bool, list[bool]] = {True: [], False: []}

    for ticket in records(core, "zendesk", "tickets"):
        created = datetime.fromtimestamp(ticket["created_at"], UTC)
        if created.date() not in strain:
            strain[created.date()] = world.strain(created)
        strained = strain[created.date()].get(owners.get(ticket["organization_id"]) or "", 0.0) > 0.5
        severe[strained].append(ticket["priority"] in ("urgent", "high"))
        if ticket["score"] in ("good", "bad"):
            bad[strained].append(ticket["score"] == "bad")

    assert mean(severe[True]) > mean(severe[False]) + 0.15
    assert mean(bad[True]) > mean(bad[False]) + 0.25


def test_who_leaves_is_gone_everywhere_and_not_before(lived: tuple[World, Core]) -> None:
    world, core = lived
    accounts = {row["Id"]: row for row in records(core, "salesforce", "Account")}
    subscriptions = {row["customer"]: row for row in records(core, "stripe", "subscriptions")}
    gone = {each.salesforce_id: each for each in leavers(world, until=world.at - WEEK)}

    for number, fate in enumerate(world.truth(), start=1):
        subscription = subscriptions[f"cus_{number:08}"]
        account = accounts[fate.salesforce_id]
        if fate.salesforce_id in gone:
            assert (account["Type"], account["Stage__c"]) == ("Other", "Churned")
            assert subscription["status"] == "canceled"
            ended = datetime.fromtimestamp(subscription["ended_at"], UTC).date()
            assert ended == fate.leaves_on
        elif fate.leaves_on is None or fate.leaves_on > world.at.date():
            assert account["Type"] == "Customer"
            assert subscription["status"] != "canceled"
    assert len(gone) > 20
    recent = active_users(world, world.at.date() - timedelta(days=1), 1)
    assert not recent.keys() & {each.account_key for each in gone.values()}


def test_some_who_leave_say_so_before(lived: tuple[World, Core]) -> None:
    world, core = lived
    coming = {f"cus_{number:08}" for number, each in enumerate(world.truth(), start=1) if each.leaves_on}

    cancelling = [
        row
        for row in records(core, "stripe", "subscriptions")
        if row["cancel_at"] is not None and row["status"] != "canceled"
    ]

    assert cancelling
    assert {row["customer"] for row in cancelling} <= coming
    assert {row["cancel_at_period_end"] for row in cancelling} == {True, False}
    assert all(row["cancel_at"] > world.at.timestamp() for row in cancelling)


def test_renewals_move_on_and_new_customers_settle(lived: tuple[World, Core]) -> None:
    world, core = lived
    accounts = [row for row in records(core, "salesforce", "Account") if row["Type"] == "Customer"]
    companies = {
        row["properties"]["salesforce_account_id"]: row["properties"]
        for row in records(core, "hubspot", "companies")
    }

    assert (
        min(row["Renewal_Date__c"] for row in accounts) >= (world.at - timedelta(days=7)).date().isoformat()
    )
    assert {row["Stage__c"] for row in accounts} == {"Live"}
    assert all(row["Renewal_Date__c"] == companies[row["Id"]]["renewal_date"] for row in accounts)
    moved = [row for row in accounts if row["SystemModstamp"] > "2026-05-05"]
    assert moved
    assert all(row["SystemModstamp"][10:19] == "T09:00:00" for row in moved)


def test_invoices_are_paid_late_more_often_under_strain_and_some_are_overdue(
    lived: tuple[World, Core],
) -> None:
    world, core = lived
    now = world.at.timestamp()
    invoices = records(core, "stripe", "invoices")
    overdue = [
        row
        for row in invoices
        if row["status"] == "open" and ((row["due_date"] or now) < now or row["attempt_count"])
    ]
    late = [row for row in invoices if row["due_date"] and (row["paid_at"] or 0) > row["due_date"]]
    sent = [row for row in invoices if row["due_date"] and row["paid_at"]]
    unpaid = {row["subscription"] for row in invoices if row["status"] != "paid" and row["attempt_count"]}
    past_due = {row["id"] for row in records(core, "stripe", "subscriptions") if row["status"] == "past_due"}

    assert {row["status"] for row in invoices} == {"open", "paid", "uncollectible"}
    assert overdue
    assert past_due
    assert past_due <= unpaid
    assert 0.02 < len(late) / len(sent) < 0.3
    assert all(row["created"] <= now and (row["paid_at"] or 0) <= now for row in invoices)


def test_nothing_in_the_systems_is_from_the_future(lived: tuple[World, Core]) -> None:
    world, core = lived
    now = world.at.timestamp()

    for row in records(core, "zendesk", "tickets"):
        assert row["created_at"] <= row["updated_at"] <= row["generated_timestamp"] <= now


def test_it_does_not_go_back(tmp_path: Path) -> None:
    world, _core = a_world(10)

    with pytest.raises(ControlError, match="does not go back"):
        world.advance(START - timedelta(seconds=1))
    with pytest.raises(ControlError, match="1 to"):
        World(seed=1, accounts=0, start=START)


def test_restoring_a_snapshot_takes_the_world_back(tmp_path: Path) -> None:
    world, core = a_world(50, warehouse=tmp_path / "w.sqlite")
    world.advance(START + WEEK)
    week_one, usage_one = everything(core), usage_rows(tmp_path / "w.sqlite")
    kept = core.snapshot()
    world.advance(START + 3 * WEEK)
    week_three, usage_three = everything(core), usage_rows(tmp_path / "w.sqlite")

    core.restore(kept)
    restored, usage_restored = everything(core), usage_rows(tmp_path / "w.sqlite")
    world.advance(START + 3 * WEEK)

    assert (restored, usage_restored) == (week_one, usage_one)
    assert week_three != week_one
    assert sorted_by_id(everything(core)) == sorted_by_id(week_three)
    assert usage_rows(tmp_path / "w.sqlite") == usage_three


def test_it_advances_through_the_control_api(tmp_path: Path) -> None:
    _world, core = a_world(20, warehouse=tmp_path / "w.sqlite")
    with run_in_thread(core) as running, httpx.Client(base_url=running.control) as control:
        by_days = control.post("/world/advance", json={"days": 2}).json()
        by_instant = control.post("/world/advance", json={"to": "2026-05-08T00:00:00Z"}).json()
        neither = control.post("/world/advance", json={})
        back = control.post("/world/advance", json={"to": "2026-05-01T00:00:00Z"})
        summary = control.get("/world").json()
        now = control.get("/clock").json()["now"]

    assert by_days["at"] == "2026-05-06T08:00:00+00:00"
    assert by_instant["at"] == summary["at"] == now == "2026-05-08T00:00:00+00:00"
    assert (neither.status_code, back.status_code) == (400, 400)
    assert (summary["accounts"], len(summary["fates"])) == (20, 20)


def test_a_sandbox_without_a_world_says_so(control: httpx.Client) -> None:
    refused = control.post("/world/advance", json={"days": 1})

    assert refused.status_code == 400
    assert "--accounts" in refused.json()["error"]


def test_a_hundred_thousand_customers_are_all_different() -> None:
    world = World(seed=1, accounts=100_000, start=START)

    usage = daily_usage(world.chance, world.customers, range(20_577, 20_578), 20_577)

    assert world.customers["name"].n_unique() == 100_000
    assert world.customers["salesforce_id"].n_unique() == 100_000
    assert len(usage) == 100_000
    assert usage["active_users"].max() is not None
    assert (
        customers(world.chance, 10, day(START.date()))["name"].to_list()
        == world.customers["name"][:10].to_list()
    )


@pytest.fixture
def served() -> Iterator[tuple[World, dict[str, str]]]:
    """A small world, and where its systems listen."""
    world, core = a_world(150)
    core.systems["zendesk"].switch({"limits": False})
    core.systems["stripe"].switch({"limits": False})
    with run_in_thread(core) as running:
        yield world, dict(running.urls)


def test_the_connectors_read_the_world_whole_and_then_only_what_is_new(
    served: tuple[World, dict[str, str]],
) -> None:
    world, urls = served
    resolve = {"resolve": {"env:Z": "sandbox-token", "env:S": "rk_live_sandbox"}.__getitem__}
    support = Zendesk(
        settings=ZendeskSettings.model_validate(
            {"base_url": f"{urls['zendesk']}/", "email": "admin@sandbox.example", "api_token": "env:Z"},
            context=resolve,
        ),
        context=a_context(),
    )
    billing = Stripe(
        settings=StripeSettings.model_validate(
            {"base_url": f"{urls['stripe']}/", "api_key": "env:S", "metadata_key": "salesforce_account_id"},
            context=resolve,
        ),
        context=a_context(),
    )

    organizations = accounts_of(pulled(support, "organizations", now=START))
    tickets = pulled(support, "tickets", now=START)
    again = pulled(support, "tickets", tickets[-1].cursor, START)
    subscriptions = pulled(billing, "subscriptions", now=START)
    same = pulled(billing, "subscriptions", now=START)
    world.advance(START + WEEK)
    a_week_later = pulled(support, "tickets", again[-1].cursor, world.at)
    invoices = facts_of(pulled(billing, "invoices", now=world.at))
    support.close()
    billing.close()

    known = {each.salesforce_id for each in world.truth()}
    assert {each.external_id for each in organizations} - {""} <= known
    assert len(facts_of(tickets)) > 200
    assert facts_of(again) == []
    assert len(facts_of(subscriptions)) == 150
    assert facts_of(same) == facts_of(subscriptions)
    assert {each.external_id for each in accounts_of(subscriptions)} - {""} <= known
    new = facts_of(a_week_later)
    assert 0 < len(new) < len(facts_of(tickets))
    assert all(
        START - timedelta(minutes=1) < fact.observed_at or fact.source_version > START.timestamp() - 60
        for fact in new
    )
    assert all((fact.body or {})["status"] == "open" for fact in invoices)
