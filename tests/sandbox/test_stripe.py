"""The Stripe stand-in over HTTP, and with the connector that will read the original."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.stripe import Stripe as Connector
from connectors.stripe import StripeSettings
from sandbox.server import Running
from sandbox.stripe.switches import Switches
from scoring.errors import CredentialsError
from tests.connectors.fakes import a_context, accounts_of, facts_of, pulled

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
START, END = int(NOW.timestamp()) - 1000, int((NOW + timedelta(days=29)).timestamp())
BASIL, OLD = {"Stripe-Version": "2025-03-31.basil"}, {"Stripe-Version": "2024-06-20"}
SEATS = {"id": "si_1", "quantity": 3, "unit_amount": 5000}


@pytest.fixture
def stripe(running: Running) -> Iterator[httpx.Client]:
    """A client of the stand-in: two customers, three subscriptions, three invoices."""
    core = running.core
    core.clock.set(NOW, frozen=True)
    system = core.systems["stripe"]
    system.switch({**asdict(Switches()), "limits": False})
    period = {"current_period_start": START, "current_period_end": END}
    system.seed(
        "customers",
        [
            {
                "id": "cus_a",
                "name": "Acme",
                "email": "pay@acme.example",
                "metadata": {"sf": "001A"},
                "created": 1,
            },
            {"id": "cus_b", "name": "Bora", "email": "pay@bora.example", "created": 2},
        ],
    )
    ended = {"status": "canceled", "ended_at": START, "canceled_at": START}
    system.seed(
        "subscriptions",
        [
            {"id": "sub_old", "customer": "cus_a", "created": 10, "items": [SEATS], **period, **ended},
            {"id": "sub_new", "customer": "cus_a", "created": 30, "items": [SEATS], **period},
            {
                "id": "sub_yen",
                "customer": "cus_b",
                "created": 20,
                "currency": "jpy",
                "cancel_at": END,
                "items": [{"id": "si_2", "quantity": 2, "unit_amount": 900}, {"id": "si_3", "metered": True}],
                **period,
            },
        ],
    )
    due = {"amount_due": 15000, "finalized_at": START}
    system.seed(
        "invoices",
        [
            {
                "id": "in_1",
                "customer": "cus_a",
                "subscription": "sub_new",
                "created": 40,
                "due_date": START,
                **due,
            },
            {"id": "in_2", "customer": "cus_b", "created": 50, "status": "paid", "paid_at": START, **due},
            {"id": "in_3", "customer": "cus_b", "created": 60, "attempt_count": 2, "currency": "jpy", **due},
        ],
    )
    headers = {"Authorization": "Bearer rk_live_sandbox"}
    with httpx.Client(base_url=f"{running.urls['stripe']}/v1", headers=headers) as client:
        yield client


def listed(client: httpx.Client, path: str, **params: str | int) -> list[str]:
    """List the ids of one page."""
    return [each["id"] for each in client.get(path, params=params).raise_for_status().json()["data"]]


def first(client: httpx.Client, path: str, headers: dict[str, str]) -> dict[str, Any]:
    """Give the first object of a list in the shape of a version."""
    found: dict[str, Any] = client.get(path, headers=headers).json()["data"][0]
    return found


def a_connector(running: Running, **more: object) -> Connector:
    """Build the real connector on the stand-in."""
    written = {
        "base_url": f"{running.urls['stripe']}/", "api_key": "env:STRIPE", "metadata_key": "sf", **more
    }  # fmt: skip
    resolve = {"resolve": lambda _: "rk_live_sandbox"}
    return Connector(settings=StripeSettings.model_validate(written, context=resolve), context=a_context())


def test_a_key_that_is_wrong_or_may_not_read_is_told_so(stripe: httpx.Client, running: Running) -> None:
    url = f"{running.urls['stripe']}/v1/customers"
    wrong = httpx.get(url, headers={"Authorization": "Bearer rk_live_another_0123456789"})
    missing = httpx.get(url)
    running.core.systems["stripe"].switch({"missing_permissions": ["customers"]})
    forbidden = stripe.get("/subscriptions", params={"expand[]": "data.customer"})

    assert (wrong.status_code, missing.status_code, forbidden.status_code) == (401, 401, 403)
    assert wrong.json()["error"]["type"] == "invalid_request_error"
    assert "0123456789" not in wrong.text
    assert "customers" in forbidden.json()["error"]["message"]
    assert stripe.get("/subscriptions").status_code == 200


def test_lists_are_newest_first_and_leave_out_what_was_cancelled(stripe: httpx.Client) -> None:
    assert listed(stripe, "/subscriptions") == ["sub_new", "sub_yen"]
    assert listed(stripe, "/subscriptions", status="all") == ["sub_new", "sub_yen", "sub_old"]
    assert listed(stripe, "/subscriptions", status="canceled") == ["sub_old"]
    assert listed(stripe, "/subscriptions", status="ended") == ["sub_old"]
    assert listed(stripe, "/subscriptions", customer="cus_b") == ["sub_yen"]
    assert listed(stripe, "/invoices") == ["in_3", "in_2", "in_1"]
    assert listed(stripe, "/invoices", status="open") == ["in_3", "in_1"]


def test_a_list_goes_on_after_its_last_id(stripe: httpx.Client) -> None:
    first_page = stripe.get("/subscriptions", params={"status": "all", "limit": 2}).json()
    after = {"status": "all", "limit": 2, "starting_after": first_page["data"][-1]["id"]}
    second_page = stripe.get("/subscriptions", params=after).json()

    assert (first_page["object"], first_page["has_more"], second_page["has_more"]) == ("list", True, False)
    assert [each["id"] for each in second_page["data"]] == ["sub_old"]


@pytest.mark.parametrize(
    "params, code",
    [
        ({"updated": "1"}, "parameter_unknown"),
        ({"starting_after": "sub_none"}, "resource_missing"),
        ({"limit": "101"}, None),
        ({"status": "gone"}, None),
        ({"expand[]": "data.owner"}, None),
    ],
)
def test_what_it_does_not_know_is_refused(
    stripe: httpx.Client, params: dict[str, str], code: str | None
) -> None:
    refused = stripe.get("/subscriptions", params=params)

    assert refused.status_code == 400
    assert refused.json()["error"].get("code") == code


def test_periods_and_parents_stand_where_the_version_has_them(stripe: httpx.Client, running: Running) -> None:
    new, old = first(stripe, "/subscriptions", BASIL), first(stripe, "/subscriptions", OLD)
    invoice = "/invoices?customer=cus_a"
    new_invoice, old_invoice = first(stripe, invoice, BASIL), first(stripe, invoice, OLD)
    running.core.systems["stripe"].switch({"old_shapes": True})
    forced = first(stripe, "/subscriptions", BASIL)

    assert "current_period_end" not in new
    assert new["items"]["data"][0]["current_period_end"] == END
    assert old["current_period_end"] == forced["current_period_end"] == END
    assert "current_period_end" not in old["items"]["data"][0]
    assert new_invoice["parent"]["subscription_details"]["subscription"] == "sub_new"
    assert "subscription" not in new_invoice
    assert old_invoice["subscription"] == "sub_new"
    assert stripe.get("/invoices", headers={"Stripe-Version": "latest"}).status_code == 400


def test_prices_without_one_amount_have_none(stripe: httpx.Client, running: Running) -> None:
    items = [
        {"id": "si_t", "tiered": True, "unit_amount": 1},
        {"id": "si_f", "unit_amount_decimal": "0.5"},
        {"id": "si_m", "metered": True, "unit_amount": 2},
    ]
    running.core.systems["stripe"].seed("subscriptions", [{"id": "sub_new", "items": items}])

    tiered, fraction, metered = stripe.get("/subscriptions/sub_new").json()["items"]["data"]

    assert (tiered["price"]["billing_scheme"], tiered["price"]["unit_amount"]) == ("tiered", None)
    assert tiered["price"]["unit_amount_decimal"] is None
    assert (fraction["price"]["unit_amount"], fraction["price"]["unit_amount_decimal"]) == (None, "0.5")
    assert metered["price"]["recurring"]["usage_type"] == "metered"
    assert "quantity" not in metered


def test_items_are_a_list_that_goes_on(stripe: httpx.Client, running: Running) -> None:
    items = [{"id": f"si_{number:02}", "unit_amount": 1} for number in range(12)]
    running.core.systems["stripe"].seed("subscriptions", [{"id": "sub_new", "items": items}])

    shown = stripe.get("/subscriptions/sub_new").json()["items"]
    rest = stripe.get(
        "/subscription_items",
        params={"subscription": "sub_new", "starting_after": shown["data"][-1]["id"]},
    ).json()

    assert (len(shown["data"]), shown["has_more"]) == (10, True)
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (["si_10", "si_11"], False)
    assert stripe.get("/subscription_items").json()["error"]["param"] == "subscription"


def test_of_a_deleted_customer_a_stub_is_left(stripe: httpx.Client, control: httpx.Client) -> None:
    control.post("/stripe/delete_customer", json={"id": "cus_b"}).raise_for_status()

    expanded = stripe.get("/invoices", params={"expand[]": "data.customer", "customer": "cus_b"}).json()

    stub = {"id": "cus_b", "object": "customer", "deleted": True}
    assert expanded["data"][0]["customer"] == stub
    assert stripe.get("/customers/cus_b").json() == stub
    assert listed(stripe, "/customers") == ["cus_a"]
    assert listed(stripe, "/subscriptions", status="canceled") == ["sub_yen", "sub_old"]


def test_too_many_calls_of_one_endpoint_are_refused(stripe: httpx.Client, running: Running) -> None:
    switches = {"limits": True, "endpoint_per_second": 2, "requests_per_second": 100, "should_retry": "true"}
    running.core.systems["stripe"].switch(switches)

    answers = [stripe.get("/invoices") for _ in range(8)]

    # However slow this machine is, eight calls do not take three seconds.
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["error"]["code"] == "rate_limit"
    assert refused[0].headers["stripe-should-retry"] == "true"
    assert answers[0].status_code == 200


def test_a_scripted_fault_speaks_as_the_original(stripe: httpx.Client, control: httpx.Client) -> None:
    control.post("/faults", json={"system": "stripe", "action": {"do": "status", "status": 409}})
    control.post("/faults", json={"system": "stripe", "skip": 1, "action": "empty_results"})

    locked, empty = stripe.get("/customers"), stripe.get("/customers")

    assert (locked.status_code, locked.json()["error"]["code"]) == (409, "lock_timeout")
    assert (empty.json()["data"], empty.json()["has_more"]) == ([], False)


def test_the_connector_reads_everything_and_the_same_twice(stripe: httpx.Client, running: Running) -> None:
    connector = a_connector(running)

    pages = pulled(connector, "subscriptions", now=NOW)
    again = pulled(connector, "subscriptions", now=NOW)
    invoices = facts_of(pulled(connector, "invoices", now=NOW))
    checks = connector.check()
    connector.close()

    bodies = {fact.source_id: fact.body or {} for fact in facts_of(pages)}
    assert {name: body["status"] for name, body in bodies.items()} == {
        "sub_new": "active", "sub_yen": "active", "sub_old": "canceled",
    }  # fmt: skip
    assert bodies["sub_new"]["monthly_amount"] == 150.0
    assert bodies["sub_yen"]["monthly_amount"] == 1800.0
    assert bodies["sub_yen"]["cancel_at"] == "2026-06-02T12:00:00+00:00"
    assert {(each.account_key, each.external_id, each.domains) for each in accounts_of(pages)} == {
        ("cus_a", "001A", ("acme.example",)), ("cus_b", "", ("bora.example",)),
    }  # fmt: skip
    assert facts_of(again) == facts_of(pages)
    assert {fact.source_id: (fact.body or {})["amount_due"] for fact in invoices} == {
        "in_1": 150.0, "in_3": 15000.0,
    }  # fmt: skip
    assert all(check.ok for check in checks)


def test_the_connector_reads_the_shapes_before_basil_alike(stripe: httpx.Client, running: Running) -> None:
    connector = a_connector(running)

    new = facts_of(pulled(connector, "subscriptions", now=NOW))
    running.core.systems["stripe"].switch({"old_shapes": True})
    old = facts_of(pulled(connector, "subscriptions", now=NOW))
    connector.close()

    assert old == new


def test_the_connector_refuses_a_test_mode_account(stripe: httpx.Client, running: Running) -> None:
    running.core.systems["stripe"].switch({"livemode": False})
    refusing, allowing = a_connector(running), a_connector(running, allow_test_mode=True)

    with pytest.raises(CredentialsError):
        pulled(refusing, "invoices", now=NOW)
    assert len(facts_of(pulled(allowing, "invoices", now=NOW))) == 2
    refusing.close()
    allowing.close()
