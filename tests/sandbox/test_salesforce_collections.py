"""sObject collections of the Salesforce stand-in: one call, many results."""

from typing import Any

import httpx
import pytest

from tests.sandbox.worlds import ACME, BORA, CIRO

UNKNOWN = "0015f000000NobodyAAA"


def update(salesforce: httpx.Client, *records: dict[str, Any], **more: Any) -> httpx.Response:
    typed = [{"attributes": {"type": "Account"}, **record} for record in records]
    return salesforce.patch("/composite/sobjects", json={"records": typed, **more})


def scores(salesforce: httpx.Client) -> list[float | None]:
    query = "SELECT Health_Score__c FROM Account ORDER BY Id"
    return [
        each["Health_Score__c"] for each in salesforce.get("/query", params={"q": query}).json()["records"]
    ]


def test_results_stand_in_request_order_and_a_failed_one_has_no_id(salesforce: httpx.Client) -> None:
    answer = update(
        salesforce,
        {"id": ACME, "Health_Score__c": 77},
        {"id": BORA, "Nonsense__c": 1},
        {"Id": CIRO, "Health_Score__c": 12},
        {"Health_Score__c": 5},
        {"id": UNKNOWN, "Health_Score__c": 5},
    )

    assert answer.status_code == 200
    good, column, other_good, no_id, unknown = answer.json()
    assert good == {"id": ACME, "success": True, "errors": []}
    message = "No such column 'Nonsense__c' on sobject of type Account"
    assert column == {
        "success": False,
        "errors": [{"statusCode": "INVALID_FIELD", "message": message, "fields": []}],
    }
    assert other_good["id"] == CIRO
    assert no_id["errors"][0]["statusCode"] == "MISSING_ARGUMENT"
    assert no_id["errors"][0]["message"] == "Id not specified in an update call"
    assert unknown["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
    assert scores(salesforce) == [77.0, None, 12.0]


def test_all_or_none_takes_everything_back(salesforce: httpx.Client, control: httpx.Client) -> None:
    answer = update(
        salesforce, {"id": ACME, "Health_Score__c": 77}, {"id": BORA, "Health_Score__c": 7777}, allOrNone=True
    )

    codes = [result["errors"][0]["statusCode"] for result in answer.json()]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "NUMBER_OUTSIDE_VALID_RANGE"]
    assert scores(salesforce) == [None, None, None]
    assert control.get("/requests").json()["counts"]["salesforce"]["changed"] == 0


def test_more_than_200_records_or_none_are_refused(salesforce: httpx.Client) -> None:
    many = update(salesforce, *[{"id": ACME, "Health_Score__c": 1}] * 201)
    none = update(salesforce)

    assert (many.status_code, many.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    assert none.json() == [
        {"message": "At least 1 record is required", "errorCode": "REQUIRED_FIELD_MISSING"}
    ]


def test_one_id_may_be_updated_only_so_often_in_a_call(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    control.post("/switches", json={"salesforce": {"duplicate_updates_allowed": 1}})

    answer = update(salesforce, {"id": ACME, "Health_Score__c": 1}, {"id": ACME[:15], "Health_Score__c": 2})

    assert [result["success"] for result in answer.json()] == [True, False]
    assert answer.json()[1]["errors"][0]["statusCode"] == "LIMIT_EXCEEDED"


@pytest.mark.parametrize("per_record, status", [(True, 200), (False, 400)])
def test_a_wrong_json_type_fails_its_record_or_the_whole_call(
    salesforce: httpx.Client, control: httpx.Client, per_record: bool, status: int
) -> None:
    control.post("/switches", json={"salesforce": {"type_mismatch_per_record": per_record}})

    answer = update(salesforce, {"id": ACME, "Health_Score__c": "x"})

    assert answer.status_code == status
    if per_record:
        assert answer.json()[0]["errors"][0]["statusCode"] == "INVALID_TYPE_ON_FIELD_IN_RECORD"
    else:
        assert answer.json()[0]["errorCode"] == "JSON_PARSER_ERROR"


def test_an_upsert_by_task_key_is_safe_to_repeat(salesforce: httpx.Client) -> None:
    task = {"attributes": {"type": "Task"}, "Health_Task_Key__c": "k1", "Subject": "Call", "WhatId": ACME}

    first, second = (
        salesforce.patch("/composite/sobjects/Task/Health_Task_Key__c", json={"records": [task]})
        for _ in range(2)
    )

    assert first.json() == [{"id": first.json()[0]["id"], "success": True, "errors": [], "created": True}]
    assert second.json() == [{"id": first.json()[0]["id"], "success": True, "errors": [], "created": False}]


def test_an_upsert_tells_ambiguous_and_repeated_keys(salesforce: httpx.Client) -> None:
    task = {"attributes": {"type": "Task"}, "Health_Task_Key__c": "k1", "Subject": "Call"}
    for _ in range(2):
        salesforce.post("/composite/sobjects", json={"records": [task]})

    answer = salesforce.patch(
        "/composite/sobjects/Task/Health_Task_Key__c",
        json={"records": [task, {**task, "Health_Task_Key__c": "k2"}, {**task, "Health_Task_Key__c": "K2"}]},
    )

    ambiguous, fresh, repeated = answer.json()
    assert ambiguous["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    assert fresh["created"] is True
    assert repeated["errors"][0]["statusCode"] == "DUPLICATE_VALUE"


def test_an_upsert_needs_an_external_id_and_one_type(salesforce: httpx.Client) -> None:
    account = {"attributes": {"type": "Account"}, "Name": "x"}

    no_key = salesforce.patch("/composite/sobjects/Account/Segment__c", json={"records": [account]})
    by_id = salesforce.patch("/composite/sobjects/Account/Id", json={"records": [{**account, "Id": None}]})
    mixed = salesforce.patch(
        "/composite/sobjects/Account/External_Key__c",
        json={"records": [{"attributes": {"type": "Task"}, "External_Key__c": "k"}]},
    )

    assert no_key.status_code == 404
    assert by_id.json()[0]["created"] is True
    assert mixed.json()[0]["errors"][0]["statusCode"] == "INVALID_TYPE"
