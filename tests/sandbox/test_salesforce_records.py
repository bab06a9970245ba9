"""The Salesforce stand-in: describe, single records, and what a write is refused for."""

from typing import Any

import httpx
import pytest

from sandbox.server import Running
from tests.sandbox.worlds import ACME, BORA, GONE, REP


def account(salesforce: httpx.Client, record_id: str = ACME) -> dict[str, Any]:
    found: dict[str, Any] = salesforce.get(f"/sobjects/Account/{record_id}").json()
    return found


def test_describe_tells_types_lengths_and_permissions(salesforce: httpx.Client) -> None:
    answer = salesforce.get("/sobjects/Account/describe/")

    fields = {field["name"]: field for field in answer.json()["fields"]}
    score, band, reasons = fields["Health_Score__c"], fields["Health_Band__c"], fields["Health_Reasons__c"]
    assert (score["label"], score["type"], score["precision"], score["scale"]) == (
        "Health Score",
        "double",
        3,
        0,
    )
    assert (band["type"], band["restrictedPicklist"]) == ("picklist", True)
    assert [value["value"] for value in band["picklistValues"]] == ["Green", "Yellow", "Red", "Unknown"]
    assert (reasons["type"], reasons["length"], reasons["updateable"]) == ("string", 255, True)
    assert fields["External_Key__c"]["externalId"]
    assert fields["External_Key__c"]["idLookup"]
    assert not fields["CreatedDate"]["updateable"]
    assert fields["OwnerId"]["relationshipName"] == "Owner"


def test_a_field_without_permission_is_absent_everywhere(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    control.post(
        "/salesforce/fields", json={"object": "Account", "name": "Health_Score__c", "visible": False}
    )

    described = salesforce.get("/sobjects/Account/describe").json()["fields"]
    query = salesforce.get("/query", params={"q": "SELECT Health_Score__c FROM Account"})
    written = salesforce.patch(f"/sobjects/Account/{ACME}", json={"Health_Score__c": 1})

    assert "Health_Score__c" not in [field["name"] for field in described]
    assert "No such column 'Health_Score__c' on entity 'Account'" in query.json()[0]["message"]
    assert (written.status_code, written.json()) == (
        400,
        [
            {
                "message": "No such column 'Health_Score__c' on sobject of type Account",
                "errorCode": "INVALID_FIELD",
            }
        ],
    )


def test_a_field_that_may_only_be_read_says_so(salesforce: httpx.Client, control: httpx.Client) -> None:
    control.post(
        "/salesforce/fields", json={"object": "Account", "name": "Health_Score__c", "writable": False}
    )

    described = salesforce.get("/sobjects/Account/describe").json()["fields"]
    written = salesforce.patch(f"/sobjects/Account/{ACME}", json={"Health_Score__c": 1})

    assert [f["updateable"] for f in described if f["name"] == "Health_Score__c"] == [False]
    assert written.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert written.json()[0]["fields"] == ["Health_Score__c"]


def test_an_updated_record_shows_values_as_the_original_does(salesforce: httpx.Client) -> None:
    answer = salesforce.patch(
        f"/sobjects/Account/{ACME}",
        json={
            "Health_Score__c": 77.4,
            "Health_Band__c": "Green",
            "Health_Reasons__c": "  usage up  ",
            "Health_Computed_At__c": "2026-11-21T20:00:00.123Z",
            "Renewal_Date__c": "2027-02-28",
        },
    )

    after = account(salesforce)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (after["Health_Score__c"], type(after["Health_Score__c"])) == (77.0, float)
    assert after["Health_Reasons__c"] == "usage up"
    assert after["Health_Computed_At__c"] == "2026-11-21T20:00:00.000+0000"
    assert after["Renewal_Date__c"] == "2027-02-28"
    assert after["CreatedDate"] == "2024-09-10T13:57:45.000+0000"
    assert after["attributes"] == {"type": "Account", "url": f"/services/data/v66.0/sobjects/Account/{ACME}"}


def test_a_whole_number_can_be_shown_without_decimals(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    control.post("/switches", json={"salesforce": {"number_as_float": False}})
    salesforce.patch(f"/sobjects/Account/{ACME}", json={"Health_Score__c": 77})

    assert type(account(salesforce)["Health_Score__c"]) is int
    assert account(salesforce)["ARR__c"] == 12000.0


def test_an_empty_text_clears_a_field(salesforce: httpx.Client) -> None:
    salesforce.patch(f"/sobjects/Account/{ACME}", json={"Type": "", "ARR__c": None})

    assert account(salesforce)["Type"] is None
    assert account(salesforce)["ARR__c"] is None


@pytest.mark.parametrize(
    "values, code, message",
    [
        (
            {"Health_Reasons__c": "x" * 256},
            "STRING_TOO_LONG",
            "Health Reasons: data value too large: " + "x" * 256 + " (max length=255)",
        ),
        (
            {"Health_Band__c": "Purple"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Health Band: bad value for restricted picklist field: Purple",
        ),
        (
            {"Health_Score__c": 1000},
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Health Score: value outside of valid range on numeric field: 1000",
        ),
        ({"Name": None}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"),
        ({"OwnerId": "0055f000000NobOdy"}, "MALFORMED_ID", "Owner ID: id value of incorrect type: 0055f000000NobOdy"),
        ({"OwnerId": "0055f000000Nobo"}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        ({"Id": ACME}, "INVALID_FIELD", "The Id field should not be specified in the sobject data."),
        (
            {"OwnerId": GONE},
            "INACTIVE_OWNER_OR_USER",
            f"operation performed with inactive user [{GONE}] as owner of account",
        ),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused(
    salesforce: httpx.Client, values: dict[str, Any], code: str, message: str
) -> None:
    before = account(salesforce)

    answer = salesforce.patch(f"/sobjects/Account/{ACME}", json=values)

    assert answer.status_code == 400
    assert (answer.json()[0]["errorCode"], answer.json()[0]["message"]) == (code, message)
    assert account(salesforce) == before


@pytest.mark.parametrize(
    "values",
    [
        {"Health_Score__c": "77"},
        {"Health_Score__c": True},
        {"Name": 5},
        {"Renewal_Date__c": "2027-02-28T00:00:00Z"},
        {"Renewal_Date__c": "2027-02-30"},
        {"Health_Computed_At__c": "2026-11-21"},
        {"Health_Computed_At__c": "2026-11-21T20:00:00"},
        {"Health_Computed_At__c": "2026-11-21T20:00:00.123456Z"},
    ],
)
def test_a_value_of_the_wrong_json_type_does_not_parse(
    salesforce: httpx.Client, values: dict[str, Any]
) -> None:
    answer = salesforce.patch(f"/sobjects/Account/{ACME}", json=values)

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert "Cannot deserialize instance of" in answer.json()[0]["message"]


def test_what_is_unverified_about_values_can_be_switched(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    switches = {"numeric_text_accepted": True, "microseconds_accepted": True, "text_trimmed": False}
    control.post("/switches", json={"salesforce": switches})

    salesforce.patch(
        f"/sobjects/Account/{ACME}",
        json={
            "Health_Score__c": "77",
            "Health_Computed_At__c": "2026-11-21T20:00:00.123456Z",
            "Segment__c": " a ",
        },
    )

    after = account(salesforce)
    assert (after["Health_Score__c"], after["Segment__c"]) == (77.0, " a ")
    assert after["Health_Computed_At__c"] == "2026-11-21T20:00:00.000+0000"


def test_a_body_that_is_no_json_is_a_parser_error(salesforce: httpx.Client) -> None:
    answer = salesforce.patch(
        f"/sobjects/Account/{ACME}", content=b"{", headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_an_unknown_record_and_a_deleted_one_are_told_apart(salesforce: httpx.Client) -> None:
    salesforce.delete(f"/sobjects/Account/{ACME}")

    deleted = salesforce.patch(f"/sobjects/Account/{ACME}", json={"Type": "Other"})
    unknown = salesforce.patch("/sobjects/Account/0015f000000Nobo", json={"Type": "Other"})
    unread = salesforce.get("/sobjects/Account/0015f000000Nobo")

    assert (deleted.status_code, deleted.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    assert (unknown.status_code, unknown.json()[0]["errorCode"]) == (404, "INVALID_CROSS_REFERENCE_KEY")
    assert (unread.status_code, unread.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_a_merged_account_is_deleted_and_names_the_winner(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    control.post("/salesforce/merge", json={"primary": ACME, "other": BORA})

    gone = salesforce.patch(f"/sobjects/Account/{BORA}", json={"Type": "Other"})
    every = salesforce.get(
        "/queryAll", params={"q": f"SELECT MasterRecordId, IsDeleted FROM Account WHERE Id = '{BORA}'"}
    )

    assert gone.json()[0]["errorCode"] == "ENTITY_IS_DELETED"
    assert (every.json()["records"][0]["MasterRecordId"], every.json()["records"][0]["IsDeleted"]) == (
        ACME,
        True,
    )


def test_a_short_id_is_as_good_as_a_long_one_but_case_matters(salesforce: httpx.Client) -> None:
    short = salesforce.get(f"/sobjects/Account/{ACME[:15]}")
    other_case = salesforce.get(f"/sobjects/Account/{ACME[:15].lower()}")

    assert short.json()["Id"] == ACME
    assert other_case.status_code == 404


def test_an_external_id_may_contain_an_encoded_slash(salesforce: httpx.Client) -> None:
    found = salesforce.get("/sobjects/Account/External_Key__c/a%2F1")
    spaced = salesforce.get("/sobjects/Account/External_Key__c/b%202")
    no_key = salesforce.get("/sobjects/Account/Segment__c/x")

    assert (found.json()["Id"], spaced.json()["Id"]) == (ACME, BORA)
    assert no_key.json()[0] == {
        "message": "Provided external ID field does not exist or is not accessible: Segment__c",
        "errorCode": "NOT_FOUND",
    }


def test_an_upsert_creates_once_and_updates_after_that(salesforce: httpx.Client) -> None:
    first = salesforce.patch("/sobjects/Account/External_Key__c/new%2F7", json={"Name": "New"})
    second = salesforce.patch("/sobjects/Account/External_Key__c/new%2F7", json={"Name": "Newer"})

    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (second.status_code, second.json()["created"]) == (200, False)
    assert second.json()["id"] == first.json()["id"]
    assert account(salesforce, first.json()["id"])["External_Key__c"] == "new/7"


def test_an_external_id_that_several_records_have_is_ambiguous(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    records = [{"Name": "One", "External_Key__c": "twin"}, {"Name": "Two", "External_Key__c": "TWIN"}]
    ids = control.post("/salesforce/records", json={"object": "Account", "records": records}).json()["ids"]

    answer = salesforce.patch("/sobjects/Account/External_Key__c/twin", json={"Name": "x"})

    assert answer.status_code == 300
    assert answer.json() == [f"/services/data/v66.0/sobjects/Account/{each}" for each in ids]


def test_every_validation_rule_that_fires_is_told(salesforce: httpx.Client, control: httpx.Client) -> None:
    for message, field in (("ARR is missing", "ARR__c"), ("Ask finance first", "")):
        rule = {"object": "Account", "where": "ARR__c = null AND Name LIKE 'Ac%'", "message": message}
        control.post("/salesforce/validation_rules", json={**rule, "field": field})

    answer = salesforce.patch(f"/sobjects/Account/{ACME}", json={"ARR__c": None})
    other = salesforce.patch(f"/sobjects/Account/{ACME}", json={"ARR__c": 1})

    assert answer.status_code == 400
    assert [(each["errorCode"], each["message"], each["fields"]) for each in answer.json()] == [
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "ARR is missing", ["ARR__c"]),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Ask finance first", []),
    ]
    assert other.status_code == 204


def test_a_task_takes_its_defaults_and_derives_what_nobody_can_set(salesforce: httpx.Client) -> None:
    values = {"Subject": "Call", "WhatId": ACME, "OwnerId": REP, "ActivityDate": "2026-12-01"}
    made = salesforce.post("/sobjects/Task/", json=values)
    path = f"/sobjects/Task/{made.json()['id']}"
    opened = salesforce.get(path).json()
    salesforce.patch(path, json={"Status": "Completed"})
    refused = salesforce.patch(path, json={"AccountId": BORA})

    assert (made.status_code, made.json()["success"]) == (201, True)
    assert made.headers["Location"] == f"/services/data/v66.0{path}"
    assert opened["AccountId"] == ACME
    assert (opened["Status"], opened["Priority"], opened["IsClosed"]) == ("Not Started", "Normal", False)
    assert salesforce.get(path).json()["IsClosed"] is True
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_task_cannot_belong_to_somebody_who_left(salesforce: httpx.Client) -> None:
    answer = salesforce.post("/sobjects/Task", json={"Subject": "Call", "WhatId": ACME, "OwnerId": GONE})

    assert answer.json()[0]["errorCode"] == "INACTIVE_OWNER_OR_USER"
    assert answer.json()[0]["message"].endswith("as owner of task")


def test_a_task_key_is_unique_only_where_the_org_says_so(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    task = {"Subject": "Call", "WhatId": ACME, "Health_Task_Key__c": "k1"}
    first, second = (salesforce.post("/sobjects/Task", json=task) for _ in range(2))
    control.post("/switches", json={"salesforce": {"task_key_unique": True, "task_key_external_id": False}})
    third = salesforce.post("/sobjects/Task", json=task)
    by_key = salesforce.get("/sobjects/Task/Health_Task_Key__c/k1")

    assert (first.status_code, second.status_code) == (201, 201)
    assert third.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    assert first.json()["id"] in third.json()[0]["message"]
    assert by_key.status_code == 404


def test_the_history_of_our_fields_tells_who_wrote_what(salesforce: httpx.Client, running: Running) -> None:
    salesforce.patch(f"/sobjects/Account/{ACME}", json={"Health_Score__c": 40, "Type": "Other"})
    salesforce.patch(f"/sobjects/Account/{ACME}", json={"Health_Score__c": 41})
    salesforce.patch(f"/sobjects/Account/{ACME}", json={"Health_Score__c": 41})

    history = running.core.systems["salesforce"].truth("Account")["history"]

    assert [(each["field"], each["old"], each["new"]) for each in history] == [
        ("Health_Score__c", None, 40.0),
        ("Health_Score__c", 40.0, 41.0),
    ]
    assert {each["id"] for each in history} == {ACME}
