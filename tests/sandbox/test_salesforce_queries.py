"""SOQL as the Salesforce stand-in understands it."""

from typing import Any

import httpx
import pytest

from tests.sandbox.worlds import ACME, BORA, CIRO

UNKNOWN_COLUMN = (
    "\nSELECT Id, Nope FROM Account\n           ^\nERROR at Row:1:Column:12\n"
    "No such column 'Nope' on entity 'Account'. If you are attempting to use a custom field, be sure to append "
    "the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate "
    "names."
)


def rows(salesforce: httpx.Client, query: str, path: str = "/query/") -> list[dict[str, Any]]:
    answer = salesforce.get(path, params={"q": query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["records"]
    return found


def names(salesforce: httpx.Client, where: str, tail: str = "") -> list[str]:
    return [
        row["Name"] for row in rows(salesforce, f"SELECT Name FROM Account WHERE {where} ORDER BY Id {tail}")
    ]


@pytest.mark.parametrize(
    "where, expected",
    [
        ("Name = 'ACME'", ["Acme"]),
        ("Name != 'acme'", ["Bora O'Neil", "ciro"]),
        ("Name = 'Bora O\\'Neil'", ["Bora O'Neil"]),
        ("Type != 'Other'", ["Acme", "Bora O'Neil", "ciro"]),
        ("Type = null", ["Bora O'Neil"]),
        ("Type = ''", ["Bora O'Neil"]),
        ("Type != null", ["Acme", "ciro"]),
        ("ARR__c > 500.5", ["Acme"]),
        ("ARR__c >= 500.5", ["Acme", "ciro"]),
        ("ARR__c < 12000", ["ciro"]),
        ("Name LIKE 'b%o_neil'", ["Bora O'Neil"]),
        ("Name LIKE '%c%'", ["Acme", "ciro"]),
        ("NOT Name LIKE '%c%'", ["Bora O'Neil"]),
        (f"Id IN ('{ACME[:15]}', '{CIRO}')", ["Acme", "ciro"]),
        (f"Id NOT IN ('{ACME}')", ["Bora O'Neil", "ciro"]),
        (f"Id > '{ACME}'", ["Bora O'Neil", "ciro"]),
        ("Type IN ('Customer', null)", ["Acme", "Bora O'Neil", "ciro"]),
        ("(Name = 'acme' OR Name = 'ciro') AND ARR__c < 1000", ["ciro"]),
        ("Owner.IsActive = false", ["Bora O'Neil"]),
        ("Account.Owner.Email LIKE 'ada@%'", ["Acme", "ciro"]),
        ("Renewal_Date__c = 2027-01-31", ["Acme"]),
        ("CreatedDate < 2024-09-10T15:57:46+02:00", ["Acme"]),
        ("CreatedDate >= TODAY", ["Bora O'Neil", "ciro"]),
        ("CreatedDate = LAST_N_DAYS:3", ["Bora O'Neil", "ciro"]),
        ("CreatedDate < LAST_N_DAYS:3", ["Acme"]),
        ("CreatedDate != LAST_N_DAYS:3", ["Acme"]),
        ("Renewal_Date__c != NEXT_N_DAYS:3", ["Acme", "Bora O'Neil", "ciro"]),
        ("IsDeleted = false AND Name <> 'ciro'", ["Acme", "Bora O'Neil"]),
    ],
)
def test_conditions_find_what_the_original_would_find(
    salesforce: httpx.Client, where: str, expected: list[str]
) -> None:
    assert names(salesforce, where) == expected


def test_a_parent_is_shown_inside_its_child_and_a_missing_one_is_null(salesforce: httpx.Client) -> None:
    found = rows(
        salesforce, f"select id, owner.isactive, Owner.Name, Parent.Name from account where id = '{BORA}'"
    )

    owner = found[0]["Owner"]
    assert (owner["IsActive"], owner["Name"]) == (False, "Ida Gone")
    assert owner["attributes"]["type"] == "User"
    assert owner["attributes"]["url"].endswith(f"/sobjects/User/{owner['attributes']['url'][-18:]}")
    assert found[0]["Parent"] is None
    assert found[0]["Id"] == BORA


def test_empty_fields_sort_first_unless_told_otherwise(salesforce: httpx.Client) -> None:
    first = rows(salesforce, "SELECT Name FROM Account ORDER BY ARR__c")
    last = rows(salesforce, "SELECT Name FROM Account ORDER BY ARR__c DESC NULLS LAST")
    two_keys = rows(salesforce, "SELECT Name FROM Account ORDER BY Type NULLS LAST, Name DESC")

    assert [row["Name"] for row in first] == ["Bora O'Neil", "ciro", "Acme"]
    assert [row["Name"] for row in last] == ["Acme", "ciro", "Bora O'Neil"]
    assert [row["Name"] for row in two_keys] == ["ciro", "Acme", "Bora O'Neil"]


def test_limit_and_offset_cut_the_result(salesforce: httpx.Client) -> None:
    assert names(salesforce, "Name != null", "LIMIT 1 OFFSET 1") == ["Bora O'Neil"]


def test_counts_and_groups(salesforce: httpx.Client) -> None:
    plain = salesforce.get(
        "/query", params={"q": "SELECT COUNT() FROM Account WHERE Type = 'Customer'"}
    ).json()
    total = rows(salesforce, "SELECT COUNT(Id), MAX(ARR__c) most FROM Account")
    groups = rows(salesforce, "SELECT Type, COUNT(Id) n, SUM(ARR__c) FROM Account GROUP BY Type")

    assert plain == {"totalSize": 2, "done": True, "records": []}
    assert total == [{"attributes": {"type": "AggregateResult"}, "expr0": 3, "most": 12000.0}]
    assert [(row["Type"], row["n"], row["expr0"]) for row in groups] == [
        ("Customer", 2, 12500.5),
        (None, 1, None),
    ]


def test_deleted_records_are_found_only_by_query_all(salesforce: httpx.Client) -> None:
    salesforce.delete(f"/sobjects/Account/{ACME}")

    assert names(salesforce, "Name = 'acme'") == []
    assert len(rows(salesforce, "SELECT Id FROM Account WHERE Name = 'acme'", "/queryAll")) == 1


def test_pages_follow_one_another_through_locators(salesforce: httpx.Client, control: httpx.Client) -> None:
    records = [{"Name": f"n{number}"} for number in range(450)]
    control.post("/salesforce/records", json={"object": "Account", "records": records})

    seen, answer = [], salesforce.get(
        "/query", params={"q": "SELECT Name FROM Account ORDER BY Id"},
        headers={"Sforce-Query-Options": "batchSize=200"},
    ).json()  # fmt: skip
    sizes = [len(answer["records"])]
    seen += answer["records"]
    while not answer["done"]:
        answer = salesforce.get(
            str(salesforce.base_url.copy_with(raw_path=answer["nextRecordsUrl"].encode()))
        ).json()
        sizes.append(len(answer["records"]))
        seen += answer["records"]

    assert sizes == [200, 200, 53]
    assert answer["totalSize"] == 453
    assert len({row["Name"] for row in seen}) == 453


def test_a_locator_expires(salesforce: httpx.Client, control: httpx.Client) -> None:
    records = [{"Name": f"n{number}"} for number in range(300)]
    control.post("/salesforce/records", json={"object": "Account", "records": records})
    first = salesforce.get(
        "/query", params={"q": "SELECT Id FROM Account"}, headers={"Sforce-Query-Options": "batchSize=200"}
    ).json()
    control.post("/clock", json={"advance_seconds": 901})

    answer = salesforce.get("/query/" + first["nextRecordsUrl"].rpartition("/")[2])

    assert answer.json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_two_long_texts_make_pages_smaller(salesforce: httpx.Client, control: httpx.Client) -> None:
    control.post(
        "/salesforce/fields",
        json={"object": "Account", "name": "Notes__c", "type": "textarea", "length": 32000},
    )
    records = [{"Name": f"n{number}"} for number in range(300)]
    control.post("/salesforce/records", json={"object": "Account", "records": records})

    answer = salesforce.get("/query", params={"q": "SELECT Health_Details__c, Notes__c FROM Account"}).json()

    assert (answer["totalSize"], len(answer["records"]), answer["done"]) == (303, 200, False)


@pytest.mark.parametrize(
    "query, code, message",
    [
        (
            "SELECT Id, Nope FROM Account",
            "INVALID_FIELD",
            UNKNOWN_COLUMN,
        ),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        (
            "SELECT Id FROM Account WHERE Boss.Name = 'x'",
            "INVALID_FIELD",
            "Didn't understand relationship 'Boss'",
        ),
        ("SELECT FROM Account", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY", "unexpected token: '''"),
        ("SELECT Id FROM Account WHERE Name = x", "MALFORMED_QUERY", "unexpected token: 'x'"),
        ("SELECT Id FROM Account LIMIT 1 LIMIT 2", "MALFORMED_QUERY", "unexpected token: 'LIMIT'"),
        (
            "SELECT Id FROM Account WHERE Name = 'a' AND Type = 'b' OR Type = 'c'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM Account WHERE ARR__c = '5'", "INVALID_FIELD", "must be of type currency"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        (
            "SELECT Id FROM Account WHERE CreatedDate > 2026-01-01",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        ("SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Account WHERE Health_Details__c = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Account ORDER BY Health_Details__c", "INVALID_FIELD", "can not be sorted"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "must be grouped"),
        ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY", "does not support aggregate operator"),
    ],
)
def test_a_query_that_is_wrong_says_where(
    salesforce: httpx.Client, query: str, code: str, message: str
) -> None:
    answer = salesforce.get("/query", params={"q": query})

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert message in answer.json()[0]["message"]
