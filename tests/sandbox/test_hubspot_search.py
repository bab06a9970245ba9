"""Search in the HubSpot stand-in, its delay and its limits; and the limits of all other calls."""

from typing import Any

import httpx
import pytest

SEARCH = "/crm/v3/objects/companies/search"


def search(hubspot: httpx.Client, *filters: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = hubspot.post(SEARCH, json={"filterGroups": [{"filters": list(filters)}], **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [row["id"] for row in found["results"]]


@pytest.mark.parametrize(
    "spec, expected",
    [
        ({"propertyName": "name", "operator": "EQ", "value": "ACME"}, ["501"]),
        ({"propertyName": "name", "operator": "NEQ", "value": "Acme"}, ["502", "503"]),
        ({"propertyName": "name", "operator": "IN", "values": ["acme", "ciro"]}, ["501", "503"]),
        ({"propertyName": "annualrevenue", "operator": "GTE", "value": "12000"}, ["501"]),
        ({"propertyName": "annualrevenue", "operator": "LT", "value": "12000"}, []),
        ({"propertyName": "segment", "operator": "HAS_PROPERTY"}, ["503"]),
        ({"propertyName": "segment", "operator": "NOT_HAS_PROPERTY"}, ["501", "502"]),
        ({"propertyName": "renewal_date", "operator": "LTE", "value": "2027-01-31"}, ["502"]),
        ({"propertyName": "renewal_date", "operator": "GT", "value": "1801353600000"}, []),
        (
            {
                "propertyName": "renewal_date",
                "operator": "BETWEEN",
                "value": "2027-01-01",
                "highValue": "2027-02-01",
            },
            ["502"],
        ),
        ({"propertyName": "hs_object_id", "operator": "GT", "value": "501"}, ["502", "503"]),
        (
            {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1700000000000"},
            ["501", "502", "503"],
        ),
    ],
)
def test_filters_find_what_they_say(hubspot: httpx.Client, spec: dict[str, Any], expected: list[str]) -> None:
    assert ids(search(hubspot, spec)) == expected


def test_a_merged_id_is_found_as_a_token_of_the_survivor(hubspot: httpx.Client) -> None:
    for other in ("502", "503"):
        body = {"primaryObjectId": "501", "objectIdToMerge": other}
        hubspot.post("/crm/v3/objects/companies/merge", json=body)

    found = search(
        hubspot, {"propertyName": "hs_merged_object_ids", "operator": "CONTAINS_TOKEN", "value": "503"}
    )

    assert ids(found) == ["501"]


def test_pages_follow_and_sorting_obeys(hubspot: httpx.Client) -> None:
    sorts = [{"propertyName": "hs_object_id", "direction": "DESCENDING"}]

    first = search(hubspot, limit=2, sorts=sorts)
    second = search(hubspot, limit=2, sorts=sorts, after=first["paging"]["next"]["after"])
    ascending = search(hubspot, sorts=["name"], properties=["name"])

    assert (first["total"], ids(first), ids(second)) == (3, ["503", "502"], ["501"])
    assert "paging" not in second
    assert [row["properties"]["name"] for row in ascending["results"]] == ["Acme", "Bora", "Ciro"]


def test_tasks_are_found_by_their_company(hubspot: httpx.Client) -> None:
    task = hubspot.post(
        "/crm/v3/objects/tasks", json={"properties": {"hs_timestamp": "1796083200000"}}
    ).json()
    hubspot.put(f"/crm/v4/objects/tasks/{task['id']}/associations/default/companies/501")
    spec = {"propertyName": "associations.company", "operator": "EQ", "value": "501"}

    answer = hubspot.post("/crm/v3/objects/tasks/search", json={"filterGroups": [{"filters": [spec]}]})

    assert ids(answer.json()) == [task["id"]]


def test_search_sees_a_record_as_it_was_a_while_ago(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/switches", json={"hubspot": {"search_delay_seconds": 3600.0}})
    hubspot.patch("/crm/v3/objects/companies/501", json={"properties": {"segment": "new"}})
    hubspot.post("/crm/v3/objects/companies", json={"properties": {"name": "Dora"}})

    early = search(hubspot, properties=["segment"])
    control.post("/switches", json={"hubspot": {"search_delay_seconds": 0.0}})
    late = search(hubspot, properties=["segment"])

    assert [row["properties"]["segment"] for row in early["results"]] == [None, None, "SMB"]
    assert [row["properties"]["segment"] for row in late["results"]] == ["new", None, "SMB", None]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 200, "after": "9801"},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "name", "operator": "EQ", "value": "x"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "name", "operator": "EQ", "value": "x" * 3000}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "nope", "operator": "EQ", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "name", "operator": "LIKE", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "annualrevenue", "operator": "GT", "value": "x"}]}]},
        {"sorts": ["name", "domain"]},
    ],
)
def test_a_search_beyond_its_bounds_is_refused(hubspot: httpx.Client, body: dict[str, Any]) -> None:
    answer = hubspot.post(SEARCH, json=body)

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_calls_tell_what_is_left_and_end_in_a_429(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/switches", json={"hubspot": {"limits": True, "burst_limit": 2, "burst_seconds": 600.0}})

    answers = [hubspot.get("/crm/v3/objects/companies/501") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["X-HubSpot-RateLimit-Max"] == "2"
    assert answers[0].headers["X-HubSpot-RateLimit-Remaining"] == "1"
    assert answers[0].headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "600000"
    assert answers[2].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert answers[2].json()["message"] == "You have reached your ten_secondly_rolling limit."
    assert "Retry-After" not in answers[2].headers


def test_searches_have_a_limit_of_their_own_and_no_headers(
    hubspot: httpx.Client, control: httpx.Client
) -> None:
    control.post("/switches", json={"hubspot": {"limits": True, "search_per_second": 0, "burst_limit": 190}})

    refused = hubspot.post(SEARCH, json={})
    other = hubspot.get("/crm/v3/objects/companies/501")

    assert (refused.status_code, refused.json()["policyName"]) == (429, "SECONDLY")
    assert not [name for name in refused.headers if name.startswith("x-hubspot")]
    assert other.status_code == 200


def test_the_daily_limit_starts_anew_at_midnight_of_the_account(
    hubspot: httpx.Client, control: httpx.Client
) -> None:
    switches = {"limits": True, "daily_limit": 1, "burst_limit": 1000, "time_zone": "America/New_York"}
    control.post("/switches", json={"hubspot": switches})
    control.post("/clock", json={"now": "2026-12-02T04:59:00Z", "frozen": True})

    first, second = (hubspot.get("/crm/v3/objects/companies/501") for _ in range(2))
    control.post("/clock", json={"advance_seconds": 120})
    next_day = hubspot.get("/crm/v3/objects/companies/501")

    assert first.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "0"
    assert (second.status_code, second.json()["policyName"]) == (429, "DAILY")
    assert next_day.status_code == 200


def test_a_429_names_seconds_only_where_switched_so(hubspot: httpx.Client, control: httpx.Client) -> None:
    switches = {
        "limits": True,
        "burst_limit": 1,
        "burst_seconds": 600.0,
        "retry_after": True,
        "daily_headers": False,
    }
    control.post("/switches", json={"hubspot": switches})

    answers = [hubspot.get("/crm/v3/objects/companies/501") for _ in range(2)]

    assert 0 < int(answers[1].headers["Retry-After"]) <= 600
    assert "X-HubSpot-RateLimit-Daily" not in answers[1].headers
