"""Batches of the HubSpot stand-in: all or nothing, unless the account answers per record."""

from typing import Any

import httpx
import pytest

BATCH = "/crm/v3/objects/companies/batch"
TASKS = "/crm/v3/objects/tasks/batch"


def score(record_id: str, value: str = "42", **more: Any) -> dict[str, Any]:
    return {"id": record_id, "properties": {"health_score": value}, **more}


def task(key: str, **more: Any) -> dict[str, Any]:
    return {"properties": {"hs_timestamp": "2026-11-24T17:00:00Z", "health_task_key": key}, **more}


def scores(hubspot: httpx.Client) -> dict[str, str | None]:
    listed = hubspot.get("/crm/v3/objects/companies", params={"properties": "health_score"}).json()["results"]
    return {row["id"]: row["properties"]["health_score"] for row in listed}


def test_a_batch_answers_in_an_order_of_its_own(hubspot: httpx.Client) -> None:
    inputs = [score("501", "1"), score("502", "2"), score("503", "3", objectWriteTraceId="t3")]

    answer = hubspot.post(f"{BATCH}/update", json={"inputs": inputs})

    assert (answer.status_code, answer.json()["status"]) == (200, "COMPLETE")
    assert [row["id"] for row in answer.json()["results"]] == ["503", "502", "501"]
    assert answer.json()["results"][0]["objectWriteTraceId"] == "t3"
    assert "numErrors" not in answer.json()
    assert scores(hubspot) == {"501": "1", "502": "2", "503": "3"}


def test_one_bad_input_refuses_the_whole_batch(hubspot: httpx.Client) -> None:
    answer = hubspot.post(f"{BATCH}/update", json={"inputs": [score("501"), score("502", "bad")]})

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert scores(hubspot) == {"501": None, "502": None, "503": None}


@pytest.mark.parametrize("path, status", [(BATCH, 207), ("/crm/objects/2026-09/companies/batch", 200)])
def test_with_trace_ids_a_multi_status_batch_writes_the_good_ones(
    hubspot: httpx.Client, control: httpx.Client, path: str, status: int
) -> None:
    control.post("/switches", json={"hubspot": {"multi_status": ["update"]}})
    inputs = [score("501", objectWriteTraceId="t1"), score("502", "bad", objectWriteTraceId="t2")]

    answer = hubspot.post(f"{path}/update", json={"inputs": inputs})

    assert answer.status_code == status
    assert [row["id"] for row in answer.json()["results"]] == ["501"]
    assert answer.json()["numErrors"] == 1
    assert answer.json()["errors"][0]["context"]["objectWriteTraceId"] == ["t2"]
    assert scores(hubspot)["501"] == "42"


def test_without_a_trace_id_on_every_input_there_is_no_multi_status(
    hubspot: httpx.Client, control: httpx.Client
) -> None:
    control.post("/switches", json={"hubspot": {"multi_status": ["update"]}})
    inputs = [score("501", objectWriteTraceId="t1"), score("502", "bad")]

    assert hubspot.post(f"{BATCH}/update", json={"inputs": inputs}).status_code == 400


@pytest.mark.parametrize("switch, status, expected", [("multi_status", 207, "42"), ("not_found", 404, None)])
def test_an_unknown_id_in_a_batch_is_named(
    hubspot: httpx.Client, control: httpx.Client, switch: str, status: int, expected: str | None
) -> None:
    control.post("/switches", json={"hubspot": {"missing_in_batch": switch}})
    hubspot.delete("/crm/v3/objects/companies/502")

    answer = hubspot.post(f"{BATCH}/update", json={"inputs": [score("501"), score("502"), score("9")]})

    context = answer.json()["errors"][0]["context"] if status == 207 else answer.json()["context"]
    assert (answer.status_code, context) == (status, {"ids": ["502", "9"]})
    assert scores(hubspot)["501"] == expected


def test_the_same_id_twice_refuses_the_batch(hubspot: httpx.Client) -> None:
    answer = hubspot.post(f"{BATCH}/update", json={"inputs": [score("501"), score("501")]})

    assert answer.status_code == 400
    assert answer.json()["message"] == "Duplicate IDs found in batch input: [501]. IDs must be unique"
    assert answer.json()["context"] == {"ids": ["501"]}


def test_a_merged_id_beside_its_survivor_is_the_same_id_twice(hubspot: httpx.Client) -> None:
    hubspot.post("/crm/v3/objects/companies/merge", json={"primaryObjectId": "501", "objectIdToMerge": "502"})

    alone = hubspot.post(f"{BATCH}/update", json={"inputs": [score("502")]})
    both = hubspot.post(f"{BATCH}/update", json={"inputs": [score("501"), score("502")]})

    assert [row["id"] for row in alone.json()["results"]] == ["501"]
    assert both.status_code == 400


@pytest.mark.parametrize(
    "inputs", [[], [score(str(number)) for number in range(101)], [{"properties": {}}], "x"]
)
def test_a_batch_that_is_empty_too_long_or_no_list_is_refused(hubspot: httpx.Client, inputs: Any) -> None:
    assert hubspot.post(f"{BATCH}/update", json={"inputs": inputs}).status_code == 400


def test_reading_a_batch_names_what_is_missing_and_shows_empty_as_null(hubspot: httpx.Client) -> None:
    body = {"inputs": [{"id": "501"}, {"id": "9"}], "properties": ["health_score", "name"]}

    answer = hubspot.post(f"{BATCH}/read", json=body)

    assert answer.status_code == 207
    assert answer.json()["results"][0]["properties"]["health_score"] is None
    assert answer.json()["results"][0]["properties"]["name"] == "Acme"
    assert answer.json()["errors"][0]["context"] == {"ids": ["9"]}


@pytest.mark.parametrize("id_property", ["hs_object_id", "domain"])
def test_only_a_unique_property_can_be_an_id(hubspot: httpx.Client, id_property: str) -> None:
    answer = hubspot.post(f"{BATCH}/update", json={"inputs": [score("501", idProperty=id_property)]})

    assert answer.status_code == 400
    message = f"Unable to perform update/upsert by non-unique 0-2 property {id_property}"
    assert answer.json()["message"] == message


def test_a_misspelt_id_property_is_ignored(hubspot: httpx.Client) -> None:
    answer = hubspot.post(f"{BATCH}/update", json={"inputs": [score("501", id_property="nonsense")]})

    assert answer.status_code == 200


def test_an_upsert_by_a_unique_task_key_creates_once(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/switches", json={"hubspot": {"task_key_unique": True}})
    given = {**task("k1"), "id": "k1", "idProperty": "health_task_key"}
    ignored = {"associations": [{"to": {"id": "501"}, "types": []}]}

    first, second = (
        hubspot.post(f"{TASKS}/upsert", json={"inputs": [{**given, **ignored}]}) for _ in range(2)
    )
    read = hubspot.post(f"{TASKS}/read", json={"idProperty": "health_task_key", "inputs": [{"id": "k1"}]})
    created = hubspot.post(f"{TASKS}/create", json={"inputs": [task("k1")]})
    twins = hubspot.post(f"{TASKS}/create", json={"inputs": [task("k2"), task("k2")]})

    made = first.json()["results"][0]
    assert (made["new"], second.json()["results"][0]["new"]) == (True, False)
    assert second.json()["results"][0]["id"] == made["id"]
    assert [row["id"] for row in read.json()["results"]] == [made["id"]]
    assert hubspot.get(f"/crm/v4/objects/tasks/{made['id']}/associations/companies").json()["results"] == []
    assert (created.status_code, created.json()["category"]) == (409, "CONFLICT")
    assert twins.status_code == 409


def test_a_task_key_that_is_not_unique_cannot_be_upserted_by(hubspot: httpx.Client) -> None:
    given = {**task("k1"), "id": "k1", "idProperty": "health_task_key"}

    assert hubspot.post(f"{TASKS}/upsert", json={"inputs": [given]}).status_code == 400


def test_tasks_are_made_with_their_companies_and_errors_told_by_trace_id(hubspot: httpx.Client) -> None:
    to_acme = {
        "to": {"id": "501"},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}],
    }
    good = task("k1", objectWriteTraceId="t1", associations=[to_acme])
    bad = {"properties": {"health_task_key": "k2"}, "objectWriteTraceId": "t2"}

    answer = hubspot.post(f"{TASKS}/create", json={"inputs": [good, bad]})
    all_good = hubspot.post(f"{TASKS}/create", json={"inputs": [task("k3")]})

    made = answer.json()["results"][0]
    linked = hubspot.get(f"/crm/v4/objects/tasks/{made['id']}/associations/companies").json()["results"]
    assert (answer.status_code, made["objectWriteTraceId"]) == (207, "t1")
    assert answer.json()["errors"][0]["context"]["objectWriteTraceId"] == ["t2"]
    assert [end["toObjectId"] for end in linked] == [501]
    assert all_good.status_code == 201


def test_archiving_passes_over_what_is_not_there(hubspot: httpx.Client) -> None:
    answer = hubspot.post(f"{BATCH}/archive", json={"inputs": [{"id": "501"}, {"id": "9"}]})

    assert (answer.status_code, answer.content) == (204, b"")
    assert list(scores(hubspot)) == ["502", "503"]
