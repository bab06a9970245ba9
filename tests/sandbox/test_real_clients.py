"""The stand-ins under the vendors' own clients, unmodified."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import urllib3
from hubspot import HubSpot
from hubspot.crm.objects import ApiException
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession, SalesforceMalformedRequest
from simple_salesforce.format import format_soql

from sandbox.faults import Action, Fault, Match
from sandbox.server import Running
from tests.sandbox.worlds import ACME, BORA, REP


class Loopback(HTTPAdapter):
    """Sends what is meant for https://anything to the sandbox, with a timeout."""

    def __init__(self, base: str) -> None:
        self._base = base
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        split = urlsplit(request.url or "")
        request.url = f"{self._base}{split.path}" + (f"?{split.query}" if split.query else "")
        kwargs["timeout"] = (2, 10)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def sf(running: Running) -> Iterator[Any]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", Loopback(running.urls["salesforce"]))
        yield Salesforce(
            consumer_key="sandbox-key",
            consumer_secret="sandbox-secret",
            domain="acme.my",
            session=session,
            version="66.0",
        )


@pytest.fixture
def hs(running: Running) -> HubSpot:
    retry = urllib3.Retry(total=0, respect_retry_after_header=False)
    return HubSpot(access_token="sandbox-token", host=running.urls["hubspot"], retry=retry)


def test_simple_salesforce_logs_in_describes_and_queries(sf: Any, running: Running) -> None:
    described = sf.Account.describe()
    found = sf.query(format_soql("SELECT Id, Owner.IsActive FROM Account WHERE Name = {}", "Bora O'Neil"))
    limits = sf.limits()

    assert "Health_Score__c" in [field["name"] for field in described["fields"]]
    assert found["records"][0]["Id"] == BORA
    assert found["records"][0]["Owner"]["IsActive"] is False
    assert limits["DailyApiRequests"]["Max"] == 100_000
    assert sf.api_usage["api-usage"].used == 3
    assert running.core.log.count("salesforce", "login") == 1


def test_simple_salesforce_pages_through_everything(sf: Any, running: Running) -> None:
    records = [{"Name": f"n{number}"} for number in range(4100)]
    running.core.systems["salesforce"].seed("Account", records)

    names = [row["Name"] for row in sf.query_all_iter("SELECT Name FROM Account ORDER BY Id")]

    assert len(set(names)) == len(names) == 4103


def test_simple_salesforce_updates_collections_and_single_records(sf: Any) -> None:
    rows = [
        {"attributes": {"type": "Account"}, "id": ACME, "Health_Score__c": 77, "Health_Band__c": "Green"},
        {"attributes": {"type": "Account"}, "id": BORA, "Health_Band__c": "Purple"},
    ]

    results = sf.restful("composite/sobjects", method="PATCH", json={"allOrNone": False, "records": rows})
    status = sf.Account.update(BORA, {"Health_Score__c": 5})
    made = sf.Task.create({"Subject": "Call", "WhatId": ACME, "OwnerId": REP, "Health_Task_Key__c": "a b/1"})

    assert [result["success"] for result in results] == [True, False]
    assert results[1]["errors"][0]["statusCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert status == 204
    assert sf.Account.get(ACME)["Health_Score__c"] == 77.0
    assert (
        sf.query("SELECT Id FROM Task WHERE Health_Task_Key__c = 'a b/1'")["records"][0]["Id"] == made["id"]
    )


def test_simple_salesforce_upserts_tasks_by_key(sf: Any) -> None:
    path = "composite/sobjects/Task/Health_Task_Key__c"
    rows = [{"attributes": {"type": "Task"}, "Health_Task_Key__c": "k1", "Subject": "Call", "WhatId": ACME}]

    first, second = (sf.restful(path, method="PATCH", json={"records": rows}) for _ in range(2))

    assert (first[0]["created"], second[0]["created"]) == (True, False)
    assert first[0]["id"] == second[0]["id"]


def test_simple_salesforce_renews_a_session_that_expired(sf: Any, running: Running) -> None:
    sf.query("SELECT Id FROM Account")
    running.core.faults.add(Fault(system="salesforce", action=Action(do="expire_session")))

    found = sf.query("SELECT Id FROM Account")

    assert found["totalSize"] == 3
    assert running.core.log.count("salesforce", "login") == 2


def test_simple_salesforce_raises_its_own_errors(sf: Any, running: Running) -> None:
    with pytest.raises(SalesforceMalformedRequest) as malformed:
        sf.query("SELECT Nope FROM Account")
    direct = Salesforce(
        session_id="00D5f0000000001!none", instance_url="https://acme.my.salesforce.com", session=sf.session,
        version="66.0",
    )  # fmt: skip
    with pytest.raises(SalesforceExpiredSession):
        direct.query("SELECT Id FROM Account")

    content: Any = malformed.value.content
    assert content[0]["errorCode"] == "INVALID_FIELD"


def test_a_naive_retry_of_a_dropped_create_makes_two_tasks(sf: Any, running: Running) -> None:
    match = Match(method="POST", path="sobjects/Task")
    running.core.faults.add(Fault(system="salesforce", match=match, action=Action(do="drop_after")))
    task = {"Subject": "Call", "WhatId": ACME}

    with pytest.raises(requests.ConnectionError):
        sf.Task.create(task)
    sf.Task.create(task)

    assert sf.query("SELECT COUNT() FROM Task")["totalSize"] == 2


def test_hubspot_client_updates_and_reads_batches(hs: HubSpot) -> None:
    objects = hs.crm.objects
    inputs = [
        {"id": "501", "properties": {"health_score": "42", "health_band": "red"}},
        {"id": "502", "properties": {"health_score": "80"}},
    ]

    updated = objects.batch_api.update("companies", {"inputs": inputs})
    read = objects.batch_api.read(
        "companies", {"inputs": [{"id": "501"}, {"id": "9"}], "properties": ["health_score", "segment"]}
    )
    one = objects.basic_api.get_by_id("companies", "502", properties=["health_score", "domain"])

    assert {row.id: row.properties["health_score"] for row in updated.results} == {"501": "42", "502": "80"}
    assert read.results[0].properties["segment"] is None
    assert (read.num_errors, read.errors[0].context) == (1, {"ids": ["9"]})
    assert one.properties["health_score"] == "80"
    assert one.created_at.year >= 2026


def test_hubspot_client_lists_searches_and_pages(hs: HubSpot) -> None:
    first = hs.crm.objects.basic_api.get_page("companies", limit=2)
    rest = hs.crm.objects.basic_api.get_page("companies", limit=2, after=first.paging.next.after)
    wanted = {"propertyName": "domain", "operator": "EQ", "value": "bora.example"}
    found = hs.crm.objects.search_api.do_search("companies", {"filterGroups": [{"filters": [wanted]}]})

    assert [row.id for row in first.results + rest.results] == ["501", "502", "503"]
    assert rest.paging is None
    assert [row.id for row in found.results] == ["502"]


def test_hubspot_client_makes_tasks_with_associations(hs: HubSpot) -> None:
    to_acme = {
        "to": {"id": "501"},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}],
    }
    task = {
        "objectWriteTraceId": "t1",
        "properties": {"hs_timestamp": "2026-11-24T17:00:00Z", "health_task_key": "k1"},
        "associations": [to_acme],
    }

    made = hs.crm.objects.batch_api.create("tasks", {"inputs": [task]})
    links = hs.crm.associations.v4.basic_api.get_page("tasks", made.results[0].id, "companies")
    batch = hs.crm.associations.v4.batch_api.get_page(
        "tasks", "companies", {"inputs": [{"id": made.results[0].id}]}
    )

    assert [end.to_object_id for end in links.results] == ["501"]
    assert batch.results[0].to[0].association_types[0].type_id == 192


def test_hubspot_client_reads_properties_owners_and_errors(hs: HubSpot) -> None:
    properties = hs.crm.properties.core_api.get_all("companies")
    owners = hs.crm.owners.owners_api.get_page(limit=100)
    with pytest.raises(ApiException) as refused:
        hs.crm.objects.basic_api.update("companies", "501", {"properties": {"health_band": "Red"}})

    band = next(each for each in properties.results if each.name == "health_band")
    assert [option.value for option in band.options] == ["green", "yellow", "red", "unknown"]
    assert [owner.id for owner in owners.results] == ["71"]
    assert refused.value.status == 400
    assert json.loads(refused.value.body)["errors"][0]["code"] == "INVALID_OPTION"


def test_hubspot_client_meets_a_dropped_connection(hs: HubSpot, running: Running) -> None:
    running.core.faults.add(
        Fault(system="hubspot", action=Action(do="drop_after"), match=Match(method="PATCH"))
    )

    with pytest.raises(urllib3.exceptions.HTTPError):
        hs.crm.objects.basic_api.update("companies", "501", {"properties": {"health_score": "1"}})

    assert hs.crm.objects.basic_api.get_by_id("companies", "501", properties=["health_score"]).properties[
        "health_score"
    ] == "1"  # fmt: skip
