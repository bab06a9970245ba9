"""Gateways on real clients, pointed at the stand-ins."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from pydantic import SecretStr

from connectors import Context
from connectors.crm import hubspot, salesforce
from sandbox.server import Running
from sync.crm.hubspot import HubspotCrm
from sync.crm.salesforce import SalesforceCrm

WAITS: list[float] = []


def context(name: str, waits: list[float] | None = None) -> Context:
    """Make a context whose waits take no time and are written down."""
    taken = waits if waits is not None else []
    return Context(
        source=name, timezone=ZoneInfo("UTC"), folder=Path(), sleep=taken.append, jitter=lambda: 0.5
    )


def salesforce_session(running: Running, waits: list[float] | None = None) -> salesforce.SalesforceSession:
    settings = salesforce.Settings.model_construct(
        url="https://acme.my.salesforce.com",
        client_id=SecretStr("sandbox-key"),
        client_secret=SecretStr("sandbox-secret"),
        base_url=running.urls["salesforce"],
    )
    return salesforce.SalesforceSession(settings=settings, context=context("salesforce", waits))


def salesforce_crm(running: Running, waits: list[float] | None = None) -> SalesforceCrm:
    taken = waits if waits is not None else []
    return SalesforceCrm(
        salesforce_session(running, taken),
        key_field="Health_Task_Key__c",
        sleep=taken.append,
        jitter=lambda: 0.5,
    )


def hubspot_session(
    running: Running, waits: list[float] | None = None, **changes: Any
) -> hubspot.HubspotSession:
    settings = hubspot.Settings.model_construct(
        token=SecretStr("sandbox-token"), base_url=running.urls["hubspot"], **changes
    )
    return hubspot.HubspotSession(settings=settings, context=context("hubspot", waits))


def hubspot_crm(running: Running, waits: list[float] | None = None, **changes: Any) -> HubspotCrm:
    return HubspotCrm(hubspot_session(running, waits, **changes), key_property="health_task_key")


def tell(running: Running, path: str, body: object) -> Any:
    """Steer the stand-ins through their control API."""
    answer = httpx.post(f"{running.control}/{path}", json=body, timeout=60).raise_for_status()
    return answer.json() if answer.content else None


def truth(running: Running, system: str, object_name: str) -> list[Mapping[str, Any]]:
    """Give everything a stand-in holds of an object."""
    answer = httpx.get(
        f"{running.control}/{system}/records", params={"object": object_name}, timeout=60
    ).raise_for_status()
    records: list[Mapping[str, Any]] = answer.json()["records"]
    return records


def counts(running: Running, system: str) -> Mapping[str, int]:
    """Give how many requests of each kind a stand-in has seen."""
    answer = httpx.get(f"{running.control}/requests", timeout=60).raise_for_status()
    counted: Mapping[str, int] = answer.json()["counts"][system]
    return counted


def seeded(running: Running, system: str, count: int = 3) -> list[str]:
    """Put accounts into a CRM and give their ids."""
    if system == "salesforce":
        records = [{"Name": f"Acme {n}"} for n in range(count)]
        ids = tell(running, "salesforce/records", {"object": "Account", "records": records})["ids"]
    else:
        records = [{"name": f"Acme {n}"} for n in range(count)]
        ids = tell(running, "hubspot/records", {"object": "companies", "records": records})["ids"]
    return [str(crm_id) for crm_id in ids]
