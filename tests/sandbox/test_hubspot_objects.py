"""The HubSpot stand-in: single records, values, listing, owners, properties, associations, merges."""

from typing import Any

import httpx
import pytest

from sandbox.server import Running

COMPANIES = "/crm/v3/objects/companies"
TASK = {"hs_timestamp": "2026-11-24T17:00:00Z", "hs_task_subject": "Call", "health_task_key": "k1"}
TO_ACME = {
    "to": {"id": "501"},
    "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}],
}


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v3/objects/companies/501",
        "/crm/v3/objects/0-2/501",
        "/crm/objects/2026-03/companies/501",
        "/crm/objects/2026-09/companies/501",
    ],
)
def test_old_and_dated_paths_mean_the_same(hubspot: httpx.Client, path: str) -> None:
    answer = hubspot.get(path, params={"properties": ["health_score,domain", "nonsense"]})

    assert answer.json()["id"] == "501"
    assert answer.json()["properties"]["domain"] == "acme.example"
    assert answer.json()["properties"]["health_score"] is None
    assert "nonsense" not in answer.json()["properties"]
    assert "name" not in answer.json()["properties"]


def test_old_paths_can_be_switched_off(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/switches", json={"hubspot": {"old_paths": False}})

    assert hubspot.get("/crm/v3/objects/companies/501").status_code == 404
    assert hubspot.get("/crm/objects/2026-09/companies/501").status_code == 200


def test_a_token_that_is_not_known_is_refused(running: Running) -> None:
    answer = httpx.get(running.urls["hubspot"] + COMPANIES, headers={"Authorization": "Bearer other"})

    assert answer.status_code == 401
    assert answer.json()["category"] == "INVALID_AUTHENTICATION"
    assert answer.json()["correlationId"]


def test_a_missing_scope_is_named(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/switches", json={"hubspot": {"missing_scopes": ["crm.objects.companies.write"]}})

    read = hubspot.get(f"{COMPANIES}/501")
    written = hubspot.patch(f"{COMPANIES}/501", json={"properties": {"health_score": "1"}})

    assert read.status_code == 200
    assert (written.status_code, written.json()["category"]) == (403, "MISSING_SCOPES")
    assert written.json()["errors"][0]["context"] == {
        "requiredGranularScopes": ["crm.objects.companies.write"]
    }


def test_a_changed_record_gives_strings_back(hubspot: httpx.Client) -> None:
    answer = hubspot.patch(
        f"{COMPANIES}/501",
        json={
            "properties": {
                "health_score": "42.0",
                "health_band": "red",
                "renewal_date": "1796083200000",
                "health_computed_at": "1796083200500",
            }
        },
    )

    changed = answer.json()["properties"]
    assert (answer.status_code, changed["health_score"], changed["health_band"]) == (200, "42.0", "red")
    assert changed["renewal_date"] == "2026-12-01"
    assert changed["health_computed_at"] == "2026-12-01T00:00:00.500Z"
    assert answer.json()["updatedAt"].endswith("Z")
    assert changed["hs_object_id"] == "501"


def test_an_instant_with_an_offset_is_stored_in_utc_without_empty_decimals(hubspot: httpx.Client) -> None:
    answer = hubspot.patch(
        f"{COMPANIES}/501", json={"properties": {"health_computed_at": "2026-11-21T22:00:00.000+02:00"}}
    )

    assert answer.json()["properties"]["health_computed_at"] == "2026-11-21T20:00:00Z"


def test_numbers_can_be_read_back_in_another_form(hubspot: httpx.Client, control: httpx.Client) -> None:
    control.post("/switches", json={"hubspot": {"numbers_normalised": True}})

    answer = hubspot.patch(f"{COMPANIES}/501", json={"properties": {"health_score": "42.0"}})

    assert answer.json()["properties"]["health_score"] == "42"


def test_an_empty_string_clears_a_property(hubspot: httpx.Client) -> None:
    hubspot.patch(f"{COMPANIES}/501", json={"properties": {"external_key": ""}})

    answer = hubspot.get(f"{COMPANIES}/501", params={"properties": "external_key"})
    assert answer.json()["properties"]["external_key"] is None


@pytest.mark.parametrize(
    "name, value, code, message",
    [
        ("missing", "1", "PROPERTY_DOESNT_EXIST", 'Property "missing" does not exist'),
        ("health_score", "many", "INVALID_INTEGER", "many was not a valid number"),
        ("health_score", "1e3", "INVALID_INTEGER", "1e3 was not a valid number"),
        ("health_score", "NaN", "INVALID_INTEGER", "NaN was not a valid number"),
        (
            "health_band",
            "Red",
            "INVALID_OPTION",
            "Red was not one of the allowed options: [green, yellow, red, unknown]",
        ),
        ("renewal_date", "1796083200500", "INVALID_DATE", "1796083200500 is not midnight UTC"),
        ("renewal_date", "2026-02-30", "INVALID_DATE", "2026-02-30 was not a valid date"),
        ("health_computed_at", "yesterday", "INVALID_DATE", "yesterday was not a valid datetime"),
        (
            "hs_object_id",
            "7",
            "READ_ONLY_VALUE",
            '"hs_object_id" is a read only property; its value cannot be set.',
        ),
        ("hubspot_owner_id", "99", "INVALID_OWNER_ID", "Owner 99 does not exist"),
        ("hubspot_owner_id", "72", "INVALID_OWNER_ID", "Owner 72 does not exist"),
        ("health_score", 42, "INVALID_TYPE", "health_score was not a string"),
        ("health_score", None, "INVALID_TYPE", "health_score was not a string"),
        (
            "health_reasons",
            "x" * 65_537,
            "PROPERTY_VALUE_TOO_LONG",
            "health_reasons is too long: 65537 of at most 65536 characters",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    hubspot: httpx.Client, name: str, value: Any, code: str, message: str
) -> None:
    answer = hubspot.patch(f"{COMPANIES}/501", json={"properties": {name: value, "segment": "x"}})

    after = hubspot.get(f"{COMPANIES}/501", params={"properties": "segment"}).json()
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert answer.json()["message"].startswith("Property values were not valid: [{")
    assert answer.json()["errors"] == [
        {"message": message, "code": code, "context": {"propertyName": [name]}}
    ]
    assert after["properties"]["segment"] is None


def test_scalars_and_owners_who_left_are_taken_where_switched_so(
    hubspot: httpx.Client, control: httpx.Client
) -> None:
    control.post("/switches", json={"hubspot": {"scalars_accepted": True, "archived_owner_refused": False}})

    answer = hubspot.patch(
        f"{COMPANIES}/501", json={"properties": {"health_score": 42, "hubspot_owner_id": "72"}}
    )

    assert answer.json()["properties"]["health_score"] == "42"
    assert answer.json()["properties"]["hubspot_owner_id"] == "72"


def test_a_list_ends_without_a_cursor_and_leaves_archived_records_out(hubspot: httpx.Client) -> None:
    hubspot.delete(f"{COMPANIES}/502")

    first = hubspot.get(COMPANIES, params={"limit": 1}).json()
    after = first["paging"]["next"]["after"]
    second = hubspot.get(COMPANIES, params={"limit": 1, "after": after}).json()
    archived = hubspot.get(COMPANIES, params={"archived": "true"}).json()
    too_many = hubspot.get(COMPANIES, params={"limit": 101})

    assert [row["id"] for row in first["results"] + second["results"]] == ["501", "503"]
    assert "paging" not in second
    assert [(row["id"], row["archived"]) for row in archived["results"]] == [("502", True)]
    assert too_many.status_code == 400


def test_a_task_needs_its_due_date_and_takes_its_company_along(hubspot: httpx.Client) -> None:
    without = hubspot.post("/crm/v3/objects/tasks", json={"properties": {"hs_task_subject": "Call"}})
    made = hubspot.post("/crm/v3/objects/tasks", json={"properties": TASK, "associations": [TO_ACME]})

    linked = hubspot.get(f"/crm/v4/objects/tasks/{made.json()['id']}/associations/companies").json()
    back = hubspot.get("/crm/v4/objects/companies/501/associations/tasks").json()
    inline = hubspot.get("/crm/v3/objects/tasks", params={"associations": "companies"}).json()
    assert (without.status_code, without.json()["category"]) == (400, "VALIDATION_ERROR")
    assert made.status_code == 201
    types = [{"category": "HUBSPOT_DEFINED", "typeId": 192, "label": None}]
    assert linked == {"results": [{"toObjectId": 501, "associationTypes": types}]}
    assert back["results"][0]["associationTypes"][0]["typeId"] == 191
    assert inline["results"][0]["associations"] == {
        "companies": {"results": [{"id": "501", "type": "task_to_company"}]}
    }


@pytest.mark.parametrize(
    "association",
    [
        {**TO_ACME, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 191}]},
        {**TO_ACME, "to": {"id": "999"}},
        {"to": {"id": "501"}},
    ],
)
def test_a_task_with_a_wrong_association_is_not_made(
    hubspot: httpx.Client, association: dict[str, Any]
) -> None:
    answer = hubspot.post("/crm/v3/objects/tasks", json={"properties": TASK, "associations": [association]})

    assert answer.status_code in (400, 404)
    assert hubspot.get("/crm/v3/objects/tasks").json()["results"] == []


@pytest.mark.parametrize("old", [True, False])
def test_associations_are_made_twice_without_harm_and_read_in_batches(
    hubspot: httpx.Client, old: bool
) -> None:
    objects, links = (
        ("/crm/v4/objects", "/crm/v4/associations")
        if old
        else ("/crm/objects/2026-09", "/crm/associations/2026-09")
    )
    task = hubspot.post("/crm/v3/objects/tasks", json={"properties": TASK}).json()["id"]
    for _ in range(2):
        made = hubspot.put(f"{objects}/tasks/{task}/associations/default/companies/501")
    pairs = {"inputs": [{"from": {"id": task}, "to": {"id": "502"}}]}
    hubspot.post(f"{links}/tasks/companies/batch/associate/default", json=pairs)

    read = hubspot.post(f"{links}/tasks/companies/batch/read", json={"inputs": [{"id": task}, {"id": "1"}]})

    assert made.json()["results"][0]["associationSpec"]["associationTypeId"] == 192
    assert read.status_code == (207 if old else 200)
    assert [end["toObjectId"] for end in read.json()["results"][0]["to"]] == [501, 502]
    assert read.json()["errors"][0]["context"]["fromObjectId"] == ["1"]


@pytest.mark.parametrize("merged_id, status", [("redirect", 200), ("not_found", 404)])
def test_the_id_of_a_merged_company_leads_to_the_survivor_or_nowhere(
    hubspot: httpx.Client, control: httpx.Client, merged_id: str, status: int
) -> None:
    control.post("/switches", json={"hubspot": {"merged_id": merged_id}})
    hubspot.post(f"{COMPANIES}/merge", json={"primaryObjectId": "501", "objectIdToMerge": "502"})

    answer = hubspot.get(f"{COMPANIES}/502")
    survivor = hubspot.get(f"{COMPANIES}/501", params={"properties": "hs_merged_object_ids"}).json()
    listed = [row["id"] for row in hubspot.get(COMPANIES).json()["results"]]

    assert answer.status_code == status
    assert status == 404 or answer.json()["id"] == "501"
    assert survivor["properties"]["hs_merged_object_ids"] == "502"
    assert listed == ["501", "503"]


def test_owners_are_listed_by_page_and_those_who_left_apart(
    hubspot: httpx.Client, control: httpx.Client
) -> None:
    more = [{"id": "80", "email": "b@sandbox.example", "user_id": 8000}]
    control.post("/hubspot/records", json={"object": "owners", "records": more})

    first = hubspot.get("/crm/v3/owners/", params={"limit": 1}).json()
    second = hubspot.get(
        "/crm/v3/owners", params={"limit": 1, "after": first["paging"]["next"]["after"]}
    ).json()
    gone = hubspot.get("/crm/owners/2026-09", params={"archived": "true"}).json()
    by_email = hubspot.get("/crm/v3/owners", params={"email": "b@sandbox.example"}).json()
    by_user = hubspot.get("/crm/v3/owners/7100", params={"idProperty": "userId"}).json()

    assert [owner["id"] for owner in first["results"] + second["results"]] == ["71", "80"]
    assert "paging" not in second
    assert [(owner["id"], owner["userId"]) for owner in gone["results"]] == [("72", None)]
    assert [owner["id"] for owner in by_email["results"]] == ["80"]
    assert by_user["id"] == "71"


def test_properties_tell_type_options_and_permissions(hubspot: httpx.Client) -> None:
    listed = hubspot.get("/crm/properties/2026-09/companies").json()["results"]
    band = hubspot.get("/crm/v3/properties/companies/health_band").json()

    known = {each["name"]: each for each in listed}
    assert known["health_band"] == band
    assert [option["value"] for option in band["options"]] == ["green", "yellow", "red", "unknown"]
    assert (band["type"], band["fieldType"], band["hasUniqueValue"]) == ("enumeration", "select", False)
    assert known["hs_object_id"]["modificationMetadata"]["readOnlyValue"] is True
    assert hubspot.get("/crm/v3/properties/companies/nope").status_code == 404


def test_a_property_is_made_once_in_a_group_that_exists(hubspot: httpx.Client) -> None:
    path, spec = "/crm/v3/properties/companies", {"name": "pulse", "label": "Pulse", "type": "enumeration"}
    option = {"label": "Up", "value": "up", "displayOrder": 0, "hidden": False}
    whole = {**spec, "fieldType": "select", "groupName": "care", "options": [option]}

    no_group = hubspot.post(path, json=whole)
    group = hubspot.post(f"{path}/groups", json={"name": "care", "label": "Care", "displayOrder": -1})
    mismatch = hubspot.post(path, json={**whole, "fieldType": "date"})
    no_hidden = hubspot.post(path, json={**whole, "options": [{"label": "Up", "value": "up"}]})
    made = hubspot.post(path, json=whole)
    again = hubspot.post(path, json=whole)
    changed = hubspot.patch(f"{path}/pulse", json={"options": [{**option, "value": "down"}]})

    assert [each.status_code for each in (no_group, group, mismatch, no_hidden)] == [400, 201, 400, 400]
    assert (made.status_code, again.status_code) == (201, 409)
    assert [each["value"] for each in changed.json()["options"]] == ["down"]


def test_too_many_properties_make_an_address_too_long(hubspot: httpx.Client) -> None:
    names = ",".join(f"property_number_{number}" for number in range(1000))

    assert hubspot.get(f"{COMPANIES}/501", params={"properties": names}).status_code == 414


def test_the_account_tells_its_time_zone_and_the_history_who_wrote(
    hubspot: httpx.Client, running: Running, control: httpx.Client
) -> None:
    control.post("/switches", json={"hubspot": {"time_zone": "Europe/Berlin"}})
    hubspot.patch(f"{COMPANIES}/501", json={"properties": {"health_score": "42", "segment": "x"}})

    details = hubspot.get("/account-info/v3/details").json()
    history = running.core.systems["hubspot"].truth("companies")["history"]

    assert details["timeZone"] == "Europe/Berlin"
    assert [(each["id"], each["field"], each["old"], each["new"]) for each in history] == [
        ("501", "health_score", None, "42")
    ]
