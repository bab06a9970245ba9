"""Stripe: subscriptions and open invoices."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from pydantic import ValidationError

from connectors._stripe_shapes import InvoicePage, Item, SubscriptionPage
from connectors.stripe import Stripe, StripeSettings, monthly_amount
from scoring.errors import CredentialsError, PayloadError, RejectedError, TransientError
from scoring.model import Fact, SourceAccount
from tests.connectors.fakes import NOW, FakeTime, a_context, accounts_of, facts_of, pulled
from tests.contracts.connector_contract import ConnectorContract, Scenario

PAYLOADS = Path(__file__).parents[1] / "payloads" / "stripe"
SHARED = Path(__file__).parents[3] / "shared" / "fixtures" / "stripe"
BASE = "https://api.stripe.com/v1/"


def payload(name: str) -> Any:
    """Read a recorded answer."""
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def settings(**changes: object) -> StripeSettings:
    """Make settings from what an admin would write."""
    written = {"api_key": "env:STRIPE", "metadata_key": "crm_id", **changes}
    return StripeSettings.model_validate(written, context={"resolve": lambda _: "rk_live_x"})


def a_source(time: FakeTime, **changes: object) -> Stripe:
    """Build the connector."""
    return Stripe(settings=settings(**changes), context=a_context(source="billing", time=time))


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def stripe(time: FakeTime) -> Iterator[Stripe]:
    source = a_source(time)
    yield source
    source.close()


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        second = {"starting_after": "sub_leaving"}
        router.get("subscriptions", params=second).respond(json=payload("subscriptions_2"))
        router.get("subscriptions", name="subscriptions").respond(json=payload("subscriptions_1"))
        router.get("subscription_items", name="items").respond(json=payload("subscription_items_2"))
        router.get("invoices", name="invoices").respond(json=payload("invoices"))
        yield router


class TestStripeContract(ConnectorContract):
    @pytest.fixture
    def scenario(self, stripe: Stripe, wire: respx.MockRouter) -> Scenario:
        def fail(request: httpx.Request) -> httpx.Response:
            if "starting_after" in request.url.params or request.url.path.endswith("invoices"):
                return httpx.Response(500)
            return httpx.Response(200, json=payload("subscriptions_1"))

        def break_down() -> None:
            wire.routes.clear()
            wire.route().mock(side_effect=fail)

        return Scenario(type="stripe", connector=stripe, break_down=break_down, now=NOW)


def bodies(facts: list[Fact]) -> dict[str, dict[str, Any]]:
    """List the bodies of facts by their ids."""
    return {fact.source_id: dict(fact.body or {}) for fact in facts}


def test_all_statuses_are_asked_for_page_by_page(stripe: Stripe, wire: respx.MockRouter) -> None:
    pages = pulled(stripe, "subscriptions")

    assert [page.last for page in pages] == [False, True]
    assert dict(wire["subscriptions"].calls[0].request.url.params) == {
        "status": "all",
        "limit": "100",
        "expand[]": "data.customer",
    }
    assert wire["subscriptions"].calls[0].request.headers["stripe-version"] == "2025-03-31.basil"


def test_a_subscription_renews_with_the_first_of_its_items(stripe: Stripe, wire: respx.MockRouter) -> None:
    facts = facts_of(pulled(stripe, "subscriptions"))

    assert bodies(facts)["sub_yearly"] == {
        "started_at": "2026-01-01T00:00:00+00:00",
        "renewal_at": "2026-12-01T00:00:00+00:00",
        "cancel_at": None,
        "ended_at": None,
        "status": "active",
        "monthly_amount": 1010.0,  # 10 x 1,200.00 a year + 30.00 a quarter, without what is metered
        "currency": "EUR",
        "seats": 11,
    }
    assert facts[0].account_key == "cus_acme"


def test_a_pending_cancellation_takes_effect_at_the_end_of_the_period(
    stripe: Stripe, wire: respx.MockRouter
) -> None:
    found = bodies(facts_of(pulled(stripe, "subscriptions")))

    assert found["sub_leaving"]["cancel_at"] == "2026-12-01T00:00:00+00:00"
    assert found["sub_old_shape"]["cancel_at"] == "2027-01-15T08:00:00+00:00"


def test_a_paused_collection_is_a_paused_subscription(stripe: Stripe, wire: respx.MockRouter) -> None:
    assert bodies(facts_of(pulled(stripe, "subscriptions")))["sub_leaving"]["status"] == "paused"


def test_an_ended_subscription_has_ended_when_it_did_not_when_it_was_asked_for(
    stripe: Stripe, wire: respx.MockRouter
) -> None:
    gone = bodies(facts_of(pulled(stripe, "subscriptions")))["sub_gone"]

    assert gone["ended_at"] == "2026-06-01T00:00:00+00:00"
    assert gone["renewal_at"] is None
    assert gone["monthly_amount"] is None  # tiered


def test_items_beyond_the_first_page_are_asked_for(stripe: Stripe, wire: respx.MockRouter) -> None:
    old = bodies(facts_of(pulled(stripe, "subscriptions")))["sub_old_shape"]

    assert dict(wire["items"].calls.last.request.url.params) == {
        "subscription": "sub_old_shape",
        "limit": "100",
        "starting_after": "si_6",
    }
    assert old["monthly_amount"] == 50.0
    assert old["seats"] == 7
    assert old["renewal_at"] == "2026-12-01T00:00:00+00:00"  # from the subscription itself


def test_a_currency_without_decimals_is_not_divided(stripe: Stripe, wire: respx.MockRouter) -> None:
    found = bodies(facts_of(pulled(stripe, "subscriptions")))

    assert (found["sub_leaving"]["monthly_amount"], found["sub_leaving"]["currency"]) == (10_000.0, "JPY")


def test_customers_come_in_all_three_shapes(stripe: Stripe, wire: respx.MockRouter) -> None:
    assert accounts_of(pulled(stripe, "subscriptions")) == [
        SourceAccount(
            account_key="cus_acme",
            name="Acme GmbH",
            external_id="0018d00000ABCdEAAX",
            domains=("acme.example",),
        ),
        SourceAccount(account_key="cus_beta", external_id="0018d00000FghIjAAC"),  # of the subscription
        SourceAccount(account_key="cus_gone"),
        SourceAccount(account_key="cus_text"),
    ]


def test_no_address_of_a_person_is_in_a_fact(stripe: Stripe, wire: respx.MockRouter) -> None:
    pages = pulled(stripe, "subscriptions") + pulled(stripe, "invoices")

    assert "@" not in repr(pages)


def test_open_invoices_say_what_remains_to_be_paid(stripe: Stripe, wire: respx.MockRouter) -> None:
    facts = facts_of(pulled(stripe, "invoices"))

    assert wire["invoices"].calls.last.request.url.params["status"] == "open"
    assert bodies(facts)["in_sent"] == {
        "created_at": "2026-09-01T00:00:00+00:00",
        "due_at": "2026-10-01T00:00:00+00:00",
        "paid_at": None,
        "status": "open",
        "amount_due": 40.5,
        "currency": "EUR",
        "attempts": 0,
    }


def test_an_invoice_that_could_not_be_collected_is_due_since_it_was_final(
    stripe: Stripe, wire: respx.MockRouter
) -> None:
    found = bodies(facts_of(pulled(stripe, "invoices")))

    assert found["in_failed"]["due_at"] == "2026-09-01T01:00:00+00:00"
    assert found["in_failed"]["amount_due"] == 12.345
    assert found["in_failed"]["attempts"] == 2
    assert found["in_fresh"]["due_at"] is None


def test_an_invoice_names_its_account_by_its_subscriptions_metadata_in_both_shapes(
    stripe: Stripe, wire: respx.MockRouter
) -> None:
    pages = pulled(stripe, "invoices")

    assert [(each.account_key, each.external_id) for each in accounts_of(pages)] == [
        ("cus_acme", "0018d00000ABCdEAAX"),
        ("cus_text", "old"),
    ]
    assert [fact.account_key for fact in facts_of(pages)] == ["cus_acme", "cus_text", ""]


@pytest.mark.parametrize("stream, name", [("subscriptions", "subscriptions_2"), ("invoices", "invoices")])
def test_test_mode_is_refused_unless_allowed(time: FakeTime, stream: str, name: str) -> None:
    page = payload(name)
    for each in page["data"]:
        each["livemode"] = False
    with respx.mock(base_url=BASE, assert_all_called=False) as wire:
        wire.get(stream).respond(json=page)
        wire.get("subscription_items").respond(json=payload("subscription_items_2"))
        strict, lenient = a_source(time), a_source(time, allow_test_mode=True)

        with pytest.raises(CredentialsError, match="allow_test_mode"):
            pulled(strict, stream)
        assert facts_of(pulled(lenient, stream))
    strict.close()
    lenient.close()


@pytest.mark.parametrize("verdict, calls", [("true", 2), ("false", 1)])
def test_stripes_own_verdict_on_repeating_comes_first(stripe: Stripe, verdict: str, calls: int) -> None:
    status = 400 if verdict == "true" else 500
    with respx.mock(base_url=BASE) as wire:
        route = wire.get("invoices").mock(
            side_effect=[
                httpx.Response(status, headers={"Stripe-Should-Retry": verdict}),
                httpx.Response(200, json=payload("invoices")),
            ]
        )
        if verdict == "true":
            assert pulled(stripe, "invoices")
        else:
            with pytest.raises(TransientError):
                pulled(stripe, "invoices")

    assert route.call_count == calls


def test_a_listing_that_cannot_go_on_is_an_error(stripe: Stripe) -> None:
    with respx.mock(base_url=BASE) as wire:
        wire.get("invoices").respond(json={"data": [], "has_more": True})

        with pytest.raises(PayloadError):
            pulled(stripe, "invoices")


def test_check_names_what_the_key_may_not_read(stripe: Stripe, wire: respx.MockRouter) -> None:
    wire["invoices"].respond(403, json={"error": {"type": "invalid_request_error", "message": "no"}})

    subscriptions, invoices = stripe.check()

    assert subscriptions.ok
    assert not invoices.ok
    assert "read access to invoices" in invoices.detail


def test_check_says_that_a_key_is_of_test_mode(stripe: Stripe, wire: respx.MockRouter) -> None:
    page = payload("invoices")
    page["data"][0]["livemode"] = False
    wire["invoices"].respond(json=page)

    assert [result.ok for result in stripe.check()] == [True, False]


def test_a_forbidden_stream_does_not_silence_the_other(stripe: Stripe, wire: respx.MockRouter) -> None:
    wire["invoices"].respond(403)

    with pytest.raises(RejectedError) as caught:
        pulled(stripe, "invoices")

    assert caught.value.field == "invoices"
    assert facts_of(pulled(stripe, "subscriptions"))


def an_item(**price: Any) -> Item:
    """Make an item of one price."""
    quantity = price.pop("quantity", 1)
    recurring = {"interval": "month", **price.pop("recurring", {})}
    return Item.model_validate(
        {"id": "si", "quantity": quantity, "price": {"unit_amount": 1000, "recurring": recurring, **price}}
    )


@pytest.mark.parametrize(
    "item, expected",
    [
        (an_item(), "10.00"),
        (an_item(recurring={"interval": "year"}), "0.83"),
        (an_item(recurring={"interval_count": 6}), "1.67"),
        (an_item(recurring={"interval": "week"}), "43.45"),
        (an_item(recurring={"interval": "week", "interval_count": 2}), "21.73"),
        (an_item(recurring={"interval": "day"}), "304.17"),
        (an_item(unit_amount=None, unit_amount_decimal="0.5", quantity=1000), "5.00"),
        (an_item(quantity=21, transform_quantity={"divide_by": 10, "round": "up"}), "30.00"),
        (an_item(quantity=29, transform_quantity={"divide_by": 10, "round": "down"}), "20.00"),
        (an_item(quantity=0), "0.00"),
    ],
)
def test_a_price_is_brought_to_a_month(item: Item, expected: str) -> None:
    assert monthly_amount([item], "usd") == Decimal(expected)


def test_an_amount_that_is_partly_unknown_is_unknown() -> None:
    tiered = an_item(unit_amount=None)
    metered = an_item(recurring={"usage_type": "metered"})

    assert monthly_amount([an_item(), tiered], "usd") is None
    assert monthly_amount([an_item(), metered], "usd") == Decimal("10.00")
    assert monthly_amount([metered], "usd") is None
    assert monthly_amount([], "usd") is None


@pytest.mark.parametrize(
    "changes",
    [{"api_key": "rk_live_literal"}, {"api_key": None}, {"base_url": "http://x.example"}, {"mode": 1}],
)
def test_settings_that_could_not_work_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the vendor's example objects are not beside the checkout")
def test_the_vendors_example_objects_have_the_shape_we_read() -> None:
    examples = json.loads((SHARED / "fixtures3.json").read_text(encoding="utf-8"))["resources"]

    subscriptions = SubscriptionPage.model_validate({"data": [examples["subscription"]], "has_more": False})
    invoices = InvoicePage.model_validate({"data": [examples["invoice"]], "has_more": False})

    assert subscriptions.data[0].items.data[0].current_period_end is not None
    assert invoices.data[0].amount_remaining == 1000
