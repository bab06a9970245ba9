"""The Zendesk stand-in over HTTP, and with the connector that will read the original."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors import Since
from connectors.zendesk import Zendesk as Connector
from connectors.zendesk import ZendeskSettings
from sandbox.server import Running
from sandbox.zendesk.switches import Switches
from scoring.errors import CredentialsError
from tests.connectors.fakes import a_context, accounts_of, facts_of, pulled

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
EXPORT = "/api/v2/incremental/tickets/cursor.json"
AUTH = ("admin@sandbox.example/token", "sandbox-token")


def seconds(**ago: float) -> int:
    """Tell the unix second this long before now."""
    return int((NOW - timedelta(**ago)).timestamp())


def a_ticket(number: int, *, generated: int, **more: object) -> dict[str, Any]:
    """Make a ticket as it is seeded."""
    times = {"created_at": seconds(days=20), "updated_at": generated, "generated_timestamp": generated}
    return {"id": number, "organization_id": 7, "requester_id": 70, **times, **more}


@pytest.fixture
def zendesk(running: Running) -> Iterator[httpx.Client]:
    """A client of the stand-in, which holds five tickets at noon of a frozen day."""
    core = running.core
    core.clock.set(NOW, frozen=True)
    system = core.systems["zendesk"]
    system.switch({**asdict(Switches()), "limits": False})
    system.seed(
        "organizations", [{"id": 7, "name": "Acme", "external_id": "X1", "domain_names": ["acme.example"]}]
    )
    system.seed("users", [{"id": 70, "name": "Ada", "email": "ada@acme.example", "organization_id": 7}])
    # 11 and 12 tie on purpose; 13 was opened first and touched last.
    system.seed(
        "tickets",
        [
            a_ticket(11, generated=seconds(days=3)),
            a_ticket(12, generated=seconds(days=3)),
            a_ticket(13, generated=seconds(hours=1), updated_at=seconds(days=9)),
            a_ticket(14, generated=seconds(days=2), status="solved", solved_at=seconds(days=2), score="bad"),
            a_ticket(15, generated=seconds(days=1), priority="urgent", organization_id=None),
        ],
    )
    with httpx.Client(base_url=running.urls["zendesk"], auth=AUTH) as client:
        yield client


def exported(client: httpx.Client, **params: str | int) -> list[dict[str, Any]]:
    """Follow the export to its end and give its pages."""
    pages = [client.get(EXPORT, params=params or {"start_time": seconds(days=30)}).raise_for_status().json()]
    while not pages[-1]["end_of_stream"]:
        pages.append(client.get(pages[-1]["after_url"]).raise_for_status().json())
    return pages


def ids(pages: list[dict[str, Any]]) -> list[int]:
    """List the tickets of pages."""
    return [ticket["id"] for page in pages for ticket in page["tickets"]]


def a_connector(running: Running) -> Connector:
    """Build the real connector on the stand-in."""
    written = {
        "base_url": f"{running.urls['zendesk']}/",
        "email": "admin@sandbox.example",
        "api_token": "env:ZENDESK",
    }
    resolve = {"resolve": lambda _: "sandbox-token"}
    return Connector(settings=ZendeskSettings.model_validate(written, context=resolve), context=a_context())


def test_who_may_not_export_is_told_so(zendesk: httpx.Client, running: Running) -> None:
    stranger = httpx.get(
        f"{running.urls['zendesk']}{EXPORT}", params={"start_time": 0}, auth=("a/token", "b")
    )
    bearer = {"Authorization": "Bearer sandbox-oauth"}
    by_oauth = httpx.get(f"{running.urls['zendesk']}{EXPORT}", params={"start_time": 0}, headers=bearer)
    running.core.systems["zendesk"].switch({"admin": False})
    agent = zendesk.get(EXPORT, params={"start_time": 0})

    assert (stranger.status_code, stranger.json()["error"]) == (401, "Couldn't authenticate you")
    assert by_oauth.status_code == 200
    assert (agent.status_code, agent.json()["error"]["title"]) == (403, "Forbidden")
    assert zendesk.get("/api/v2/organizations.json").status_code == 200


def test_the_export_goes_by_generated_timestamp_and_ends_where_it_says(zendesk: httpx.Client) -> None:
    pages = exported(zendesk, start_time=seconds(days=30), per_page=2)

    assert [ids([page]) for page in pages] == [[11, 12], [14, 15], [13]]
    assert [page["end_of_stream"] for page in pages] == [False, False, True]
    assert all(page["after_cursor"] for page in pages)
    assert pages[0]["after_url"].startswith(str(zendesk.base_url).rstrip("/"))


def test_a_start_counts_itself_in_and_a_cursor_goes_on_after_ties(zendesk: httpx.Client) -> None:
    from_start = exported(zendesk, start_time=seconds(days=3))
    first = zendesk.get(EXPORT, params={"start_time": seconds(days=3), "per_page": 1}).json()

    assert ids(from_start) == [11, 12, 14, 15, 13]
    assert ids(exported(zendesk, cursor=first["after_cursor"])) == [12, 14, 15, 13]


def test_a_touch_by_the_system_is_exported_though_updated_at_stays(
    zendesk: httpx.Client, control: httpx.Client, running: Running
) -> None:
    before = exported(zendesk)[-1]
    updated = next(each for each in before["tickets"] if each["id"] == 11)["updated_at"]

    control.post("/zendesk/touch", json={"id": 11}).raise_for_status()
    running.core.clock.advance(120)

    (touched,) = exported(zendesk, cursor=before["after_cursor"])[-1]["tickets"]
    assert (touched["id"], touched["updated_at"]) == (11, updated)
    assert touched["generated_timestamp"] == seconds()


def test_the_last_minute_is_not_in_it_yet(zendesk: httpx.Client, running: Running) -> None:
    running.core.systems["zendesk"].seed("tickets", [a_ticket(16, generated=seconds(seconds=59))])
    at_once = exported(zendesk)
    running.core.clock.advance(1)
    a_second_later = exported(zendesk, cursor=at_once[-1]["after_cursor"])

    assert 16 not in ids(at_once)
    assert ids(a_second_later) == [16]


def test_a_start_that_is_too_recent_is_refused(zendesk: httpx.Client, running: Running) -> None:
    refused = zendesk.get(EXPORT, params={"start_time": seconds(seconds=30)})
    accepted = zendesk.get(EXPORT, params={"start_time": seconds(seconds=90)})
    running.core.systems["zendesk"].switch({"too_recent_seconds": 300})
    stricter = zendesk.get(EXPORT, params={"start_time": seconds(seconds=90)})

    assert (refused.status_code, refused.json()["error"]) == (422, "InvalidValue")
    assert accepted.json()["tickets"] == []
    assert "older than 5 minutes" in stricter.json()["description"]


def test_a_deleted_ticket_is_exported_as_deleted(
    zendesk: httpx.Client, control: httpx.Client, running: Running
) -> None:
    cursor = exported(zendesk)[-1]["after_cursor"]
    control.post("/zendesk/delete", json={"id": 14}).raise_for_status()
    running.core.clock.advance(120)

    (deleted,) = exported(zendesk, cursor=cursor)[-1]["tickets"]

    assert (deleted["id"], deleted["status"], deleted["subject"]) == (14, "deleted", "SCRUBBED")


def test_an_empty_page_need_not_be_the_last(zendesk: httpx.Client, running: Running) -> None:
    running.core.systems["zendesk"].switch({"empty_pages": 2})

    pages = exported(zendesk, start_time=seconds(days=30), per_page=2)

    assert [len(page["tickets"]) for page in pages] == [2, 0, 2, 0, 1]
    assert [page["end_of_stream"] for page in pages] == [False] * 4 + [True]
    assert len({page["after_cursor"] for page in pages}) == len(pages)
    assert ids(pages) == [11, 12, 14, 15, 13]


def test_what_is_wanted_beside_tickets_comes_with_them(zendesk: httpx.Client) -> None:
    start = {"start_time": str(seconds(days=30))}
    page = zendesk.get(EXPORT, params={**start, "include": "users,metric_sets"}).json()
    alone = zendesk.get(EXPORT, params=start).json()

    by_id = {ticket["id"]: ticket for ticket in page["tickets"]}
    assert [user["email"] for user in page["users"]] == ["ada@acme.example"]
    assert by_id[14]["metric_set"]["solved_at"] == "2026-05-02T12:00:00Z"
    assert by_id[14]["satisfaction_rating"] == {"score": "bad"}
    assert "users" not in alone
    assert "metric_set" not in alone["tickets"][0]


def test_the_export_has_a_limit_of_its_own(zendesk: httpx.Client, running: Running) -> None:
    system = running.core.systems["zendesk"]
    system.switch({"limits": True, "export_per_minute": 2, "simulated_minutes": True})

    answers = [zendesk.get(EXPORT, params={"start_time": 0}) for _ in range(3)]
    organizations = zendesk.get("/api/v2/organizations.json")
    running.core.clock.advance(61)
    later = zendesk.get(EXPORT, params={"start_time": 0})

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].headers["zendesk-ratelimit-incremental-exports"].startswith("total=2; remaining=0;")
    assert organizations.headers["x-rate-limit-remaining"] == "697"
    assert (organizations.status_code, later.status_code) == (200, 200)


def test_organizations_end_with_an_empty_page(zendesk: httpx.Client, running: Running) -> None:
    system = running.core.systems["zendesk"]
    system.seed("organizations", [{"id": 9, "name": "Bora"}, {"id": 8, "name": "Ciro"}])

    pages = [zendesk.get("/api/v2/organizations.json", params={"page[size]": 2}).json()]
    while pages[-1]["meta"]["has_more"]:
        pages.append(zendesk.get(pages[-1]["links"]["next"]).json())

    assert [[each["id"] for each in page["organizations"]] for page in pages] == [[7, 8], [9], []]
    assert pages[-1]["links"]["next"] is None
    assert pages[0]["organizations"][0]["external_id"] == "X1"
    assert zendesk.get("/api/v2/organizations.json", params={"page[size]": 101}).status_code == 400


def test_the_connector_reads_everything_once(
    zendesk: httpx.Client, control: httpx.Client, running: Running
) -> None:
    running.core.systems["zendesk"].switch({"empty_pages": 2})
    connector = a_connector(running)

    organizations = accounts_of(pulled(connector, "organizations", now=NOW))
    first = pulled(connector, "tickets", now=NOW)
    again = pulled(connector, "tickets", first[-1].cursor, NOW)
    control.post("/zendesk/touch", json={"id": 12}).raise_for_status()
    running.core.clock.advance(120)
    after_a_touch = pulled(connector, "tickets", again[-1].cursor, NOW + timedelta(seconds=120))
    checks = connector.check()
    connector.close()

    assert [(each.account_key, each.external_id, each.domains) for each in organizations] == [
        ("7", "X1", ("acme.example",))
    ]
    assert sorted(fact.source_id for fact in facts_of(first)) == ["11", "12", "13", "14", "15"]
    assert {fact.account_key for fact in facts_of(first)} == {"7", "domain:acme.example"}
    assert facts_of(again) == []
    assert [fact.source_id for fact in facts_of(after_a_touch)] == ["12"]
    assert all(check.ok for check in checks)


def test_the_connector_takes_a_too_recent_start_for_nothing_new(
    zendesk: httpx.Client, running: Running
) -> None:
    running.core.systems["zendesk"].switch({"too_recent_seconds": 86400})
    connector = a_connector(running)

    pages = list(connector.pull("tickets", Since(cursor=None, now=NOW, lookback=timedelta(0))))
    connector.close()

    assert [(list(page.facts), page.last) for page in pages] == [([], True)]


def test_credentials_that_expire_stop_the_connector(zendesk: httpx.Client, running: Running) -> None:
    running.core.systems["zendesk"].switch({"api_token": "another"})
    connector = a_connector(running)

    with pytest.raises(CredentialsError):
        pulled(connector, "tickets", now=NOW)
    connector.close()
