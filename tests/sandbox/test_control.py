"""The control API: clock, log, switches, seeds, truth, snapshots."""

from typing import Any

import httpx
import pytest

from sandbox.server import Running
from tests.sandbox.worlds import ACME, BORA


def test_the_control_api_is_on_every_port_and_not_counted(running: Running) -> None:
    for url in running.urls.values():
        status = httpx.get(f"{url}/_sandbox/status/").json()

        assert status["urls"] == dict(running.urls)
        assert status["requests"]["salesforce"] == {"read": 0, "write": 0, "login": 0, "changed": 0}


def test_writes_are_told_from_reads_whatever_their_method(
    salesforce: httpx.Client, hubspot: httpx.Client, control: httpx.Client
) -> None:
    salesforce.get("/query", params={"q": "SELECT Id FROM Account"})
    salesforce.patch(f"/sobjects/Account/{ACME}", json={"Type": "Other"})
    salesforce.patch(f"/sobjects/Account/{ACME}", json={"Type": 5})
    hubspot.post("/crm/v3/objects/companies/search", json={})
    hubspot.post("/crm/v3/objects/companies/batch/read", json={"inputs": [{"id": "501"}]})
    hubspot.post("/crm/v4/associations/tasks/companies/batch/read", json={"inputs": [{"id": "1"}]})
    hubspot.patch("/crm/objects/2026-09/companies/501", json={"properties": {"segment": "x"}})

    counted = control.get("/requests").json()

    assert counted["counts"]["salesforce"] == {"read": 1, "write": 2, "login": 1, "changed": 1}
    assert counted["counts"]["hubspot"] == {"read": 3, "write": 1, "login": 0, "changed": 1}
    last = counted["latest"][-1]
    assert (last["system"], last["kind"], last["method"], last["status"], last["changed"]) == (
        "hubspot", "write", "PATCH", 200, 1,
    )  # fmt: skip
    assert last["path"] == "/crm/objects/2026-09/companies/501"


def test_the_log_can_be_reset(salesforce: httpx.Client, control: httpx.Client) -> None:
    salesforce.get("/limits")

    control.delete("/requests")

    counted = control.get("/requests").json()
    assert counted["counts"]["salesforce"]["read"] == 0
    assert counted["latest"] == []


def test_the_clock_can_be_set_frozen_and_advanced(salesforce: httpx.Client, control: httpx.Client) -> None:
    control.post("/switches", json={"salesforce": {"session_seconds": 10**9}})
    control.post("/clock", json={"now": "2026-12-01T12:00:00+01:00", "frozen": True})
    moved = control.post("/clock", json={"advance_seconds": 90}).json()

    salesforce.patch(f"/sobjects/Account/{ACME}", json={"Type": "Other"})

    changed = salesforce.get(f"/sobjects/Account/{ACME}").json()
    assert moved == {"now": "2026-12-01T11:01:30+00:00", "frozen": True}
    assert changed["LastModifiedDate"] == changed["SystemModstamp"] == "2026-12-01T11:01:30.000+0000"


def test_a_running_clock_runs_on_from_where_it_was_set(control: httpx.Client) -> None:
    control.post("/clock", json={"now": "2026-12-01T12:00:00Z"})

    now = control.get("/clock").json()["now"]

    assert "2026-12-01T12:00:00" < now < "2026-12-01T12:10:00"


def test_a_restored_snapshot_takes_back_every_change_and_can_be_used_again(
    salesforce: httpx.Client, hubspot: httpx.Client, control: httpx.Client, running: Running
) -> None:
    control.post("/switches", json={"salesforce": {"session_seconds": 10**9}})
    control.post("/clock", json={"now": "2026-12-01T12:00:00Z", "frozen": True})
    before = _everything(running)
    snapshot = control.post("/snapshot").json()["id"]

    seen = []
    for _ in range(2):
        salesforce.patch(f"/sobjects/Account/{ACME}", json={"Health_Score__c": 5, "External_Key__c": "other"})
        made = salesforce.post("/sobjects/Task", json={"Subject": "Call", "WhatId": ACME}).json()["id"]
        salesforce.delete(f"/sobjects/Account/{BORA}")
        hubspot.patch("/crm/v3/objects/companies/501", json={"properties": {"health_score": "5"}})
        task = hubspot.post(
            "/crm/v3/objects/tasks", json={"properties": {"hs_timestamp": "1796083200000"}}
        ).json()
        hubspot.put(f"/crm/v4/objects/tasks/{task['id']}/associations/default/companies/501")
        control.post("/clock", json={"advance_seconds": 60})
        control.post("/salesforce/fields", json={"object": "Account", "name": "New__c", "type": "boolean"})
        seen.append((made, task["id"]))
        assert _everything(running) != before
        restored = control.post("/restore", json={"id": snapshot})
        assert restored.status_code == 204
        assert _everything(running) == before

    # Ids start again too, and a lookup built before the restore does not remember what is gone.
    assert seen[0] == seen[1]
    assert salesforce.get("/sobjects/Account/External_Key__c/a%2F1").json()["Id"] == ACME
    assert salesforce.get("/sobjects/Account/External_Key__c/other").status_code == 404
    assert control.get("/clock").json()["now"] == "2026-12-01T12:00:00+00:00"


def _everything(running: Running) -> list[Any]:
    salesforce, hubspot = running.core.systems["salesforce"], running.core.systems["hubspot"]
    return [
        *(salesforce.truth(name) for name in ("Account", "Task", "User")),
        *(hubspot.truth(name) for name in ("companies", "tasks", "owners")),
    ]


def test_a_session_survives_a_restore(salesforce: httpx.Client, control: httpx.Client) -> None:
    snapshot = control.post("/snapshot").json()["id"]

    control.post("/restore", json={"id": snapshot})

    assert salesforce.get("/limits").status_code == 200


def test_seeds_go_past_limits_and_merge_by_id(salesforce: httpx.Client, control: httpx.Client) -> None:
    records = [{"Id": ACME, "Health_Score__c": 5000}, {"Name": "Fresh", "Health_Reasons__c": "x" * 300}]
    ids = control.post("/salesforce/records", json={"object": "Account", "records": records}).json()["ids"]

    truth = control.get("/salesforce/records", params={"object": "Account"}).json()

    by_id = {row["Id"]: row for row in truth["records"]}
    assert ids[0] == ACME
    assert (by_id[ACME]["Health_Score__c"], by_id[ACME]["Name"]) == (5000.0, "Acme")
    assert len(by_id[ids[1]]["Health_Reasons__c"]) == 300
    assert truth["history"] == []
    assert salesforce.get(f"/sobjects/Account/{ids[1]}").json()["Name"] == "Fresh"


def test_a_new_field_can_be_written_at_once(
    salesforce: httpx.Client, hubspot: httpx.Client, control: httpx.Client
) -> None:
    spec = {"name": "Tier__c", "label": "Tier", "type": "picklist", "values": ["A", "B"], "restricted": True}
    control.post("/salesforce/fields", json={"object": "Account", **spec})
    control.post("/hubspot/fields", json={"name": "tier", "type": "enumeration", "options": ["a", "b"]})

    good = salesforce.patch(f"/sobjects/Account/{ACME}", json={"Tier__c": "A"})
    bad = salesforce.patch(f"/sobjects/Account/{ACME}", json={"Tier__c": "C"})
    hub = hubspot.patch("/crm/v3/objects/companies/501", json={"properties": {"tier": "c"}})

    assert (good.status_code, bad.status_code, hub.status_code) == (204, 400, 400)


@pytest.mark.parametrize(
    "path, body, word",
    [
        ("/clock", {"now": "soon"}, "Invalid isoformat"),
        ("/clock", {"then": 1}, "unknown: then"),
        ("/restore", {"id": "nothing"}, "no snapshot"),
        ("/switches", {"salesforce": {"colour": "red"}}, "no switch 'colour'"),
        ("/switches", {"salesforce": {"number_as_float": 1}}, "is a bool"),
        ("/switches", {"sap": {}}, "no system 'sap'"),
        ("/salesforce/records", {"object": "Nope", "records": []}, "INVALID_TYPE"),
        ("/salesforce/records", {"object": "Account", "records": [{"Nmae": 1}]}, "has no Nmae"),
        ("/salesforce/fields", {"object": "Account", "name": "X__c", "size": 1}, "knows no size"),
        (
            "/salesforce/validation_rules",
            {"object": "Account", "where": "x", "message": ""},
            "MALFORMED_QUERY",
        ),
        ("/salesforce/magic", {}, "no 'magic' here"),
        ("/hubspot/records", {"object": "companies", "records": [{"nmae": 1}]}, "have no nmae"),
        ("/hubspot/magic", {}, "no 'magic' here"),
        ("/hubspot/records", [], "expected an object"),
    ],
)
def test_a_mistake_at_the_controls_is_a_sentence(
    control: httpx.Client, path: str, body: Any, word: str
) -> None:
    answer = control.post(path, json=body)

    assert answer.status_code == 400
    assert word in answer.json()["error"]


def test_an_unknown_control_is_not_found(control: httpx.Client) -> None:
    assert control.get("/nothing").status_code == 404
    assert control.delete("/snapshot").status_code == 405
