"""Fault scripts: which requests are struck, and what the client then meets."""

from typing import Any

import httpx
import pytest

from sandbox.faults import FaultScript, hashed_share, read_fault
from tests.sandbox.worlds import ACME, BORA, CIRO

ACCOUNT = f"/sobjects/Account/{ACME}"
COMPANY = "/crm/v3/objects/companies/501"


def script(control: httpx.Client, action: dict[str, Any] | str, **more: Any) -> None:
    answer = control.post("/faults", json={"system": "salesforce", "action": action, **more})
    assert answer.status_code == 200, answer.text


def update(salesforce: httpx.Client, value: float = 7) -> httpx.Response:
    records = [
        {"attributes": {"type": "Account"}, "id": record_id, "Health_Score__c": value}
        for record_id in (ACME, BORA, CIRO)
    ]
    return salesforce.patch("/composite/sobjects", json={"records": records})


def score(salesforce: httpx.Client) -> float | None:
    found: float | None = salesforce.get(ACCOUNT).json()["Health_Score__c"]
    return found


def test_a_connection_dropped_before_leaves_nothing_behind(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    script(control, "drop_before", match={"method": "PATCH", "path": "composite/sobjects"})

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        update(salesforce)

    assert score(salesforce) is None
    assert update(salesforce).status_code == 200


def test_a_connection_dropped_after_has_written_everything(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    script(control, "drop_after", match={"method": "PATCH", "body": "Health_Score__c"})

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        update(salesforce)

    counted = control.get("/requests").json()
    assert score(salesforce) == 7.0
    assert counted["counts"]["salesforce"]["changed"] == 3
    assert (counted["latest"][-1]["status"], counted["latest"][-1]["struck_by"]) == (None, ["drop_after"])


@pytest.mark.parametrize(
    "action, status, kind, body",
    [
        ({"do": "status", "status": 503}, 503, "application/json", b'"errorCode":"SERVER_UNAVAILABLE"'),
        ({"do": "status", "status": 500}, 500, "application/json", b'"errorCode":"UNKNOWN_EXCEPTION"'),
        (
            {"do": "status", "status": 502, "body": "<h1>Bad Gateway</h1>"},
            502,
            "text/html",
            b"<h1>Bad Gateway</h1>",
        ),
        ({"do": "status", "status": 504, "body": {"a": 1}}, 504, "application/json", b'{"a":1}'),
        ({"do": "status", "status": 420}, 420, "text/html", b""),
        ({"do": "odd_body"}, 200, "text/html", b"<h1>We are setting things up.</h1>"),
        ({"do": "odd_body", "body": []}, 200, "application/json", b"[]"),
        ({"do": "empty_results"}, 200, "application/json", b"[]"),
    ],
)
def test_an_odd_answer_is_given_instead_of_doing_anything(
    salesforce: httpx.Client,
    control: httpx.Client,
    action: dict[str, Any],
    status: int,
    kind: str,
    body: bytes,
) -> None:
    script(control, action)

    answer = update(salesforce)

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(kind)
    assert body in answer.content
    assert score(salesforce) is None


def test_an_odd_answer_can_come_after_the_work_is_done(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    script(control, {"do": "status", "status": 502, "commit": True})

    answer = update(salesforce)

    assert answer.status_code == 502
    assert score(salesforce) == 7.0


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3"}])
def test_hubspot_has_too_many_requests_with_and_without_a_time_to_wait(
    hubspot: httpx.Client, control: httpx.Client, headers: dict[str, str]
) -> None:
    control.post(
        "/faults", json={"system": "hubspot", "action": {"do": "status", "status": 429, "headers": headers}}
    )

    answer = hubspot.get(COMPANY)

    assert (answer.status_code, answer.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert answer.headers.get("Retry-After") == headers.get("Retry-After")


def test_a_delay_outlasts_an_impatient_client_who_cannot_know_what_happened(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    script(control, {"do": "delay", "seconds": 0.5, "commit": True})

    with pytest.raises(httpx.ReadTimeout):
        salesforce.patch(ACCOUNT, json={"Health_Score__c": 7}, timeout=0.05)

    assert score(salesforce) == 7.0


def test_a_short_delay_changes_nothing_else(salesforce: httpx.Client, control: httpx.Client) -> None:
    script(control, {"do": "delay", "seconds": 0.01})

    assert update(salesforce).status_code == 200
    assert control.get("/requests").json()["latest"][-1]["struck_by"] == ["delay"]


def test_an_expired_session_stays_expired_at_salesforce(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    script(control, "expire_session", match={"path": "/sobjects/"})

    answers = [salesforce.get(ACCOUNT) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json()[0]["errorCode"] == "INVALID_SESSION_ID"


def test_an_expired_token_is_refused_once_at_hubspot(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/faults", json={"system": "hubspot", "action": "expire_session"})

    first, second = hubspot.get(COMPANY), hubspot.get(COMPANY)

    assert (first.status_code, first.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert second.status_code == 200


def test_locked_rows_fail_alone(salesforce: httpx.Client, control: httpx.Client) -> None:
    script(control, {"do": "lock_row", "ids": [BORA]})

    first, second = update(salesforce).json(), update(salesforce).json()

    assert [result["success"] for result in first] == [True, False, True]
    assert first[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert first[1]["errors"][0]["message"].endswith(f"this record or 1 records: {BORA}")
    assert [result["success"] for result in second] == [True, True, True]


def test_a_locked_account_stops_its_new_task(salesforce: httpx.Client, control: httpx.Client) -> None:
    script(control, {"do": "lock_row", "object": "Task"})

    answer = salesforce.post("/sobjects/Task", json={"Subject": "Call", "WhatId": ACME})

    assert answer.json()[0]["message"].endswith(ACME)


def test_a_share_of_records_is_refused_and_always_the_same_ones(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    ids = control.post(
        "/salesforce/records",
        json={"object": "Account", "records": [{"Name": f"n{number}"} for number in range(200)]},
    ).json()["ids"]
    records = [{"attributes": {"type": "Account"}, "id": each, "Health_Score__c": 1} for each in ids]
    action = {
        "do": "reject_record",
        "share": 0.1,
        "code": "DUPLICATES_DETECTED",
        "message": "Use one of these",
    }
    script(control, action, times=None)

    first, second = (
        salesforce.patch("/composite/sobjects", json={"records": records}).json() for _ in range(2)
    )

    refused = [place for place, result in enumerate(first) if not result["success"]]
    assert refused == [place for place, each in enumerate(ids) if hashed_share(each) < 0.1]
    assert 0 < len(refused) < 50
    assert first[refused[0]]["errors"] == [
        {"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these", "fields": []}
    ]
    assert second == first


def test_a_rejected_company_refuses_its_batch_at_hubspot(
    hubspot: httpx.Client, control: httpx.Client
) -> None:
    action = {"do": "reject_record", "ids": ["502"], "object": "companies"}
    control.post("/faults", json={"system": "hubspot", "action": action, "times": None})

    both = [{"id": each, "properties": {"health_score": "1"}} for each in ("501", "502")]
    batch = hubspot.post("/crm/v3/objects/companies/batch/update", json={"inputs": both})
    alone = hubspot.post("/crm/v3/objects/companies/batch/update", json={"inputs": both[:1]})

    assert (batch.status_code, batch.json()["category"]) == (400, "VALIDATION_ERROR")
    assert alone.status_code == 200


def test_a_batch_at_hubspot_can_silently_do_nothing(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/faults", json={"system": "hubspot", "action": "empty_results"})
    inputs = [{"id": "501", "properties": {"health_score": "1"}}]

    answer = hubspot.post("/crm/v3/objects/companies/batch/update", json={"inputs": inputs})

    read = hubspot.get(COMPANY, params={"properties": "health_score"}).json()
    assert (answer.status_code, answer.json()["results"]) == (200, [])
    assert read["properties"]["health_score"] is None


def test_a_locked_record_at_hubspot_is_a_423(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/faults", json={"system": "hubspot", "action": "lock_row"})

    assert hubspot.patch(COMPANY, json={"properties": {"health_score": "1"}}).status_code == 423


@pytest.mark.parametrize(
    "when, expected",
    [
        ({}, "x......."),
        ({"times": 2}, "xx......"),
        ({"times": None}, "xxxxxxxx"),
        ({"times": 1, "skip": 2}, "..x....."),
        ({"times": None, "every": 3}, "x..x..x."),
        ({"times": 2, "skip": 1, "every": 3}, ".x..x..."),
        ({"times": None, "probability": 0.0}, "........"),
    ],
)
def test_a_fault_strikes_when_its_counters_say_so(when: dict[str, Any], expected: str) -> None:
    faults = FaultScript()
    faults.add(read_fault({"action": "drop_before", **when}))

    struck = ["x" if faults.strike("salesforce", "GET", "/a", b"") else "." for _ in range(8)]

    assert "".join(struck) == expected


def test_chance_repeats_for_a_seed_and_starts_anew_when_cleared() -> None:
    faults = FaultScript(seed=7)

    def drawn() -> list[bool]:
        faults.clear()
        faults.add(read_fault({"action": "drop_before", "times": None, "probability": 0.5}))
        return [bool(faults.strike("salesforce", "GET", "/a", b"")) for _ in range(50)]

    first = drawn()

    assert 5 < sum(first) < 45
    assert drawn() == first


@pytest.mark.parametrize(
    "spec, word",
    [
        ({"action": "explode"}, "action.do"),
        ({}, "action.do"),
        ({"action": "drop_before", "tims": 2}, "tims"),
        ({"action": {"do": "status", "code_": 2}}, "code_"),
        ({"action": "drop_before", "match": {"path": "("}}, "regular expression"),
        ({"action": "drop_before", "every": 0}, "every"),
        ({"action": "drop_before", "times": "2"}, "times"),
        ({"action": "drop_before", "system": "sap"}, "no system 'sap'"),
    ],
)
def test_a_script_with_a_mistake_is_refused(control: httpx.Client, spec: dict[str, Any], word: str) -> None:
    answer = control.post("/faults", json=spec)

    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert control.get("/faults").json()["faults"] == []


def test_several_faults_strike_together_and_can_be_taken_away(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    faults = [
        {"action": {"do": "delay", "seconds": 0.001}, "match": {"path": "query"}},
        {"action": {"do": "status", "status": 503}, "match": {"path": "query"}, "times": None},
    ]
    listed = control.post("/faults", json=faults).json()["faults"]

    struck = salesforce.get("/query", params={"q": "SELECT Id FROM Account"})
    seen = control.get("/faults").json()["faults"]
    control.delete("/faults")
    after = salesforce.get("/query", params={"q": "SELECT Id FROM Account"})

    assert len(listed) == 2
    assert (struck.status_code, after.status_code) == (503, 200)
    assert [(each["met"], each["struck"]) for each in seen] == [(1, 1), (1, 1)]
