"""Zendesk: the cursor export, and organizations."""

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from pydantic import ValidationError

from connectors import Since
from connectors._zendesk_shapes import OrganizationPage, TicketPage
from connectors.zendesk import Zendesk, ZendeskSettings
from scoring.errors import CredentialsError, PayloadError, RejectedError, TransientError
from scoring.model import SourceAccount
from tests.connectors.fakes import NOW, FakeTime, a_context, accounts_of, facts_of, pulled
from tests.contracts.connector_contract import ConnectorContract, Scenario

PAYLOADS = Path(__file__).parents[1] / "payloads" / "zendesk"
SHARED = Path(__file__).parents[3] / "shared" / "fixtures" / "zendesk"
BASE = "https://acme.zendesk.com/"
TICKETS = "/api/v2/incremental/tickets/cursor.json"
ORGANIZATIONS = "/api/v2/organizations.json"


def payload(name: str) -> Any:
    """Read a recorded answer."""
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def settings(**changes: object) -> ZendeskSettings:
    """Make settings from what an admin would write."""
    written = {"subdomain": "acme", "email": "ops@acme.example", "api_token": "env:ZENDESK", **changes}
    written = {key: value for key, value in written.items() if value is not None}
    return ZendeskSettings.model_validate(written, context={"resolve": lambda _: "t0ken"})


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def zendesk(time: FakeTime) -> Iterator[Zendesk]:
    source = a_source(time)
    yield source
    source.close()


def a_source(time: FakeTime, **changes: object) -> Zendesk:
    """Build the connector."""
    return Zendesk(settings=settings(**changes), context=a_context(time=time))


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        pages = {"cursor-1": "tickets_2", "cursor-2": "tickets_3"}
        for cursor, name in pages.items():
            router.get(TICKETS, params={"cursor": cursor}).respond(json=payload(name))
        ended = {"tickets": [], "after_cursor": "cursor-3", "end_of_stream": True}
        router.get(TICKETS, params={"cursor": "cursor-3"}).respond(json=ended)
        router.get(TICKETS, name="export").respond(json=payload("tickets_1"))
        router.get(ORGANIZATIONS, params={"page[after]": "o1"}).respond(json=payload("organizations_2"))
        router.get(ORGANIZATIONS, name="organizations").respond(json=payload("organizations_1"))
        yield router


def break_pages(wire: respx.MockRouter) -> None:
    """Let every listing fail after its first page."""

    def fail(request: httpx.Request) -> httpx.Response:
        continued = "cursor=" in request.url.query.decode() or "after" in request.url.query.decode()
        if continued:
            return httpx.Response(503)
        first = "tickets_1" if request.url.path == TICKETS else "organizations_1"
        return httpx.Response(200, json=payload(first))

    wire.routes.clear()
    wire.route().mock(side_effect=fail)


class TestZendeskContract(ConnectorContract):
    @pytest.fixture
    def scenario(self, zendesk: Zendesk, wire: respx.MockRouter) -> Scenario:
        return Scenario(type="zendesk", connector=zendesk, break_down=lambda: break_pages(wire), now=NOW)


def test_the_export_goes_on_over_an_empty_page_until_it_says_it_ends(
    zendesk: Zendesk, wire: respx.MockRouter
) -> None:
    pages = pulled(zendesk, "tickets")

    assert [len(page.facts) for page in pages] == [2, 0, 3]
    assert [page.cursor for page in pages] == ["cursor-1", "cursor-2", "cursor-3"]
    assert [page.last for page in pages] == [False, False, True]


def test_the_first_pull_starts_at_the_lookback_and_the_next_at_the_cursor(
    zendesk: Zendesk, wire: respx.MockRouter
) -> None:
    list(zendesk.pull("tickets", Since(cursor=None, now=NOW, lookback=timedelta(days=10))))
    first = wire["export"].calls[0].request
    pages = pulled(zendesk, "tickets", cursor="cursor-3")

    start = int((NOW - timedelta(days=10)).timestamp())
    assert dict(first.url.params) == {"start_time": str(start), "include": "metric_sets,users"}
    second = wire.calls.last.request
    assert dict(second.url.params) == {"cursor": "cursor-3", "include": "metric_sets,users"}
    assert (pages[-1].cursor, pages[-1].last, pages[-1].facts) == ("cursor-3", True, ())


@pytest.mark.parametrize(
    "lookback, start", [(timedelta(0), NOW - timedelta(seconds=305)), (timedelta(days=30_000), None)]
)
def test_the_start_is_neither_too_near_nor_before_the_epoch(
    zendesk: Zendesk, wire: respx.MockRouter, lookback: timedelta, start: Any
) -> None:
    list(zendesk.pull("tickets", Since(cursor=None, now=NOW, lookback=lookback)))

    sent = wire["export"].calls[0].request.url.params["start_time"]
    assert sent == (str(int(start.timestamp())) if start else "0")


@pytest.mark.parametrize(
    "description",
    ["Too recent start_time. Use a start_time older than 5 minutes", "Too recent start_time. ... 1 minute"],
)
@pytest.mark.parametrize("cursor", [None, "cursor-9"])
def test_too_recent_a_start_means_nothing_new(zendesk: Zendesk, description: str, cursor: str | None) -> None:
    with respx.mock(base_url=BASE) as wire:
        wire.get(TICKETS).respond(422, json={"error": "InvalidValue", "description": description})

        (page,) = pulled(zendesk, "tickets", cursor=cursor)

    assert (page.facts, page.last, page.cursor) == ((), True, cursor)


def test_another_422_is_an_error(zendesk: Zendesk) -> None:
    with respx.mock(base_url=BASE) as wire:
        wire.get(TICKETS).respond(422, json={"error": "InvalidValue", "description": "Invalid cursor"})

        with pytest.raises(RejectedError):
            pulled(zendesk, "tickets", cursor="old")


def test_a_ticket_becomes_a_fact_without_anything_people_wrote(
    zendesk: Zendesk, wire: respx.MockRouter
) -> None:
    facts = facts_of(pulled(zendesk, "tickets"))

    first, solved = facts[:2]
    assert first.body == {
        "opened_at": "2026-11-01T08:00:00+00:00",
        "closed_at": None,
        "status": "open",
        "severity": "urgent",
        "rating": None,
        "rated_at": None,
    }
    assert (first.source_id, first.account_key, first.source_version) == ("101", "501", 1793612345)
    assert solved.body == {
        "opened_at": "2026-10-20T08:00:00+00:00",
        "closed_at": "2026-10-22T12:00:00+00:00",
        "status": "solved",
        "severity": None,
        "rating": 1.0,
        "rated_at": "2026-11-03T10:00:00+00:00",
    }
    assert not any(word in repr(facts) for word in ("@", "Mia", "Tom", "Export stops"))


def test_a_rating_with_a_comment_counts_and_an_offer_does_not(
    zendesk: Zendesk, wire: respx.MockRouter
) -> None:
    bodies = {fact.source_id: fact.body for fact in facts_of(pulled(zendesk, "tickets")) if fact.body}

    assert (bodies["103"]["rating"], bodies["103"]["rated_at"]) == (0.0, "2026-11-08T07:00:00+00:00")
    assert bodies["101"]["rating"] is None


def sentiments(time: FakeTime, **changes: object) -> dict[str, object]:
    """Pull the recorded tickets and give the sentiment of each, "not asked" where its fact has none."""
    source = a_source(time, **changes)
    facts = facts_of(pulled(source, "tickets"))
    source.close()
    assert not any(word in repr(facts) for word in WRITTEN)
    return {fact.source_id: fact.body.get("sentiment", "not asked") for fact in facts if fact.body}


WRITTEN = ("Export stops", "Mia called", "Wonderful", "great help", "Terrible", "sentiment__", "Frage")
"""What people wrote in the recorded tickets."""


def test_the_sentiment_of_a_ticket_is_not_asked_for_unless_the_admin_says_how(
    time: FakeTime, wire: respx.MockRouter
) -> None:
    wire.get(TICKETS, name="export").respond(json=payload("tickets_with_words"))

    assert sentiments(time) == {
        "201": "not asked",
        "202": "not asked",
        "203": "not asked",
        "204": "not asked",
    }


def test_what_the_requester_wrote_is_rated_and_only_its_number_stays(
    time: FakeTime, wire: respx.MockRouter
) -> None:
    wire.get(TICKETS, name="export").respond(json=payload("tickets_with_words"))

    found = sentiments(time, sentiment="text")

    assert found == {"201": 0.9, "202": -1.0, "203": None, "204": None}


def test_a_field_of_the_tickets_may_say_how_the_customer_feels(
    time: FakeTime, wire: respx.MockRouter
) -> None:
    wire.get(TICKETS, name="export").respond(json=payload("tickets_with_words"))
    words = {"sentiment__positive": 1, "sentiment__negative": -0.5, "3": 0.0}

    found = sentiments(time, sentiment_field=360001, sentiment_words=words)

    assert found == {"201": 1.0, "202": -0.5, "203": 0.0, "204": None}


def test_without_the_optional_package_the_setting_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # how Python says that a package is not there
    monkeypatch.setitem(sys.modules, "textblob", None)

    with pytest.raises(ValidationError, match="not installed; install crmhealth\\[sentiment\\]") as caught:
        settings(sentiment="text")

    assert [error["loc"] for error in caught.value.errors()] == [("sentiment",)]
    assert settings().sentiment == ""


def test_a_metric_set_inside_the_ticket_is_read_too(zendesk: Zendesk, wire: respx.MockRouter) -> None:
    bodies = {fact.source_id: fact.body for fact in facts_of(pulled(zendesk, "tickets")) if fact.body}

    assert bodies["103"]["closed_at"] == "2026-11-06T12:00:00+00:00"


def test_a_deleted_ticket_is_a_newer_version_that_is_gone(zendesk: Zendesk, wire: respx.MockRouter) -> None:
    versions = [fact for fact in facts_of(pulled(zendesk, "tickets")) if fact.source_id == "101"]

    assert [(fact.deleted, fact.source_version) for fact in versions] == [
        (False, 1793612345),
        (True, 1793615000),
    ]
    assert versions[1].body is None


def test_a_ticket_without_organization_belongs_to_its_requesters_domain(
    zendesk: Zendesk, wire: respx.MockRouter
) -> None:
    pages = pulled(zendesk, "tickets")

    keys = {fact.source_id: fact.account_key for fact in facts_of(pages)}
    assert keys["103"] == "domain:beta.example"
    assert keys["104"] == ""
    assert accounts_of(pages) == [SourceAccount(account_key="domain:beta.example", domains=("beta.example",))]


def test_requesters_are_not_asked_for_where_domains_are_switched_off(
    time: FakeTime, wire: respx.MockRouter
) -> None:
    source = a_source(time, requester_domains=False)

    pages = pulled(source, "tickets")
    source.close()

    assert {call.request.url.params["include"] for call in wire.calls} == {"metric_sets"}
    assert accounts_of(pages) == []


def test_organizations_are_listed_to_the_empty_last_page(zendesk: Zendesk, wire: respx.MockRouter) -> None:
    pages = pulled(zendesk, "organizations")

    assert [page.last for page in pages] == [False, True]
    assert accounts_of(pages) == [
        SourceAccount(
            account_key="501",
            name="Acme",
            external_id="0018d00000abcdeaax",
            domains=("acme.example", "acme.test"),
        ),
        SourceAccount(account_key="502", name="Beta"),
    ]


def test_the_crm_id_may_be_in_an_organization_field(time: FakeTime, wire: respx.MockRouter) -> None:
    source = a_source(time, external_id_field="crm_id")

    accounts = accounts_of(pulled(source, "organizations"))
    source.close()

    assert [account.external_id for account in accounts] == ["0018d00000FghIjAAC", ""]


def test_a_link_to_another_host_is_not_followed(zendesk: Zendesk) -> None:
    page = payload("organizations_1")
    page["links"]["next"] = "https://acme.zendesk.com.evil.example/api/v2/organizations.json"
    with respx.mock(base_url=BASE) as wire:
        wire.get(ORGANIZATIONS).respond(json=page)

        with pytest.raises(PayloadError, match="another host"):
            pulled(zendesk, "organizations")


@pytest.mark.parametrize(
    "stream, path, page",
    [
        ("tickets", TICKETS, {"tickets": [], "after_cursor": None, "end_of_stream": False}),
        ("tickets", TICKETS, {"tickets": [], "after_cursor": "same", "end_of_stream": False}),
        ("tickets", TICKETS, {"tickets": []}),
        ("tickets", TICKETS, {"error": "x", "end_of_stream": True}),
        ("organizations", ORGANIZATIONS, {"organizations": [], "meta": {"has_more": True}, "links": {}}),
        ("organizations", ORGANIZATIONS, {"organizations": None, "meta": {"has_more": False}, "links": {}}),
    ],
)
def test_a_listing_that_cannot_end_or_has_another_shape_is_an_error(
    zendesk: Zendesk, stream: str, path: str, page: object
) -> None:
    with respx.mock(base_url=BASE) as wire:
        wire.get(path).respond(json=page)

        with pytest.raises(PayloadError):
            pulled(zendesk, stream)


def test_the_export_is_asked_ten_times_a_minute_at_most(zendesk: Zendesk, time: FakeTime) -> None:
    sent: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(time.seconds)
        number = len(sent)
        page = {"tickets": [], "after_cursor": f"c{number}", "end_of_stream": number == 25}
        return httpx.Response(200, json=page)

    with respx.mock(base_url=BASE) as wire:
        wire.get(TICKETS).mock(side_effect=answer)
        pulled(zendesk, "tickets")

    assert all(later - earlier >= 60 for earlier, later in zip(sent, sent[10:], strict=False))


def test_the_seconds_of_a_reset_header_are_waited(zendesk: Zendesk, time: FakeTime) -> None:
    with respx.mock(base_url=BASE) as wire:
        wire.get(ORGANIZATIONS).mock(
            side_effect=[
                httpx.Response(429, headers={"rate-limit-reset": "53"}),
                httpx.Response(200, json=payload("organizations_2")),
            ]
        )
        pulled(zendesk, "organizations")

    assert time.slept == [53.0]


def test_check_names_what_the_token_may_not_do(zendesk: Zendesk) -> None:
    with respx.mock(base_url=BASE) as wire:
        wire.get(ORGANIZATIONS).respond(json=payload("organizations_2"))
        wire.get(TICKETS).respond(403, json={"error": "Forbidden"})

        organizations, tickets = zendesk.check()

    assert organizations.ok
    assert not tickets.ok
    assert "needs an administrator's token" in tickets.detail


def test_check_takes_too_recent_a_start_for_permission(zendesk: Zendesk) -> None:
    with respx.mock(base_url=BASE) as wire:
        wire.get(ORGANIZATIONS).respond(json=payload("organizations_2"))
        wire.get(TICKETS).respond(422, json={"description": "Too recent start_time."})

        assert all(result.ok for result in zendesk.check())


def test_a_refused_login_is_said_so(zendesk: Zendesk) -> None:
    with respx.mock(base_url=BASE) as wire:
        wire.get(ORGANIZATIONS).respond(401)

        with pytest.raises(CredentialsError):
            zendesk.check()


@pytest.mark.parametrize(
    "changes, header",
    [
        ({}, "Basic b3BzQGFjbWUuZXhhbXBsZS90b2tlbjp0MGtlbg=="),
        ({"email": None, "api_token": None, "oauth_token": "env:X"}, "Bearer t0ken"),
    ],
)
def test_both_ways_to_log_in(
    time: FakeTime, wire: respx.MockRouter, changes: dict[str, object], header: str
) -> None:
    source = a_source(time, **changes)

    pulled(source, "organizations")
    source.close()

    assert wire.calls.last.request.headers["authorization"] == header


@pytest.mark.parametrize(
    "changes",
    [
        {"subdomain": None},
        {"subdomain": "acme.zendesk.com"},
        {"email": None},
        {"api_token": None},
        {"oauth_token": "env:X"},
        {"api_token": "a literal"},
        {"base_url": "http://acme.example/"},
        {"export_requests_per_minute": 0},
        {"colour": "red"},
        {"sentiment": "voice"},
        {"sentiment_field": "1"},
        {"sentiment_words": {"good": 1}},
        {"sentiment_field": "1", "sentiment_words": {"good": 1.5}},
        {"sentiment": "text", "sentiment_field": "1", "sentiment_words": {"good": 1}},
    ],
)
def test_settings_that_could_not_work_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded payloads are not beside the checkout")
def test_a_listing_recorded_from_zendesk_is_read_to_its_end(time: FakeTime) -> None:
    exchanges = json.loads((SHARED / "node_recorded_org_pagination.json").read_text(encoding="utf-8"))
    answers = [httpx.Response(each["status"], json=each["json"]) for each in exchanges]
    source = a_source(time, base_url="https://nodejsapi.zendesk.com/")
    with respx.mock(base_url="https://nodejsapi.zendesk.com/") as wire:
        route = wire.get(ORGANIZATIONS).mock(side_effect=answers)

        pages = pulled(source, "organizations")
    source.close()

    assert route.call_count == len(exchanges)
    assert pages[-1].last
    assert len(accounts_of(pages)) == sum(len(each["json"]["organizations"]) for each in exchanges)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded payloads are not beside the checkout")
def test_recorded_records_have_the_shape_we_read() -> None:
    ticket = json.loads((SHARED / "go_ticket.json").read_text(encoding="utf-8"))["ticket"]
    organizations = json.loads((SHARED / "go_organizations.json").read_text(encoding="utf-8"))[
        "organizations"
    ]

    tickets = TicketPage.model_validate({"tickets": [ticket], "end_of_stream": True})
    listing = OrganizationPage.model_validate(
        {"organizations": organizations, "meta": {"has_more": False}, "links": {}}
    )

    assert tickets.tickets[0].id == "2"
    assert listing.organizations[0].domain_names == ["hoth.com", "dantooine.com"]


def test_an_outage_in_the_middle_keeps_what_came_before(zendesk: Zendesk, wire: respx.MockRouter) -> None:
    break_pages(wire)
    pages: list[object] = []

    with pytest.raises(TransientError):
        pages.extend(zendesk.pull("tickets", Since(cursor=None, now=NOW)))

    assert len(pages) == 1
