"""The contract, on every gateway."""

from collections.abc import Iterator, Mapping

import pytest

from sandbox.server import Running
from sync.crm.memory import MemoryCrm
from sync.values import Value
from tests.contracts.crm_contract import CrmContract
from tests.sync.crm import sessions


class TestMemoryCrm(CrmContract):
    score_field, text_field = "score", "reasons"
    crm: MemoryCrm

    @pytest.fixture(autouse=True)
    def _make(self) -> None:
        self.ids = ("1", "2", "3")
        self.crm = MemoryCrm(records={crm_id: {} for crm_id in self.ids})

    def shown(self, crm_id: str) -> Mapping[str, Value]:
        return self.crm.records[crm_id]

    def tasks(self) -> list[str]:
        return list(self.crm.tasks)


class TestSalesforceCrm(CrmContract):
    score_field, text_field = "Health_Score__c", "Health_Reasons__c"

    @pytest.fixture(autouse=True)
    def _make(self, stand_ins: Running) -> Iterator[None]:
        self.running = stand_ins
        first, second, third = sessions.seeded(stand_ins, "salesforce")
        self.ids = (first, second, third)
        self.crm = sessions.salesforce_crm(stand_ins)
        yield
        self.crm._session.close()

    def shown(self, crm_id: str) -> Mapping[str, Value]:
        return next(
            record
            for record in sessions.truth(self.running, "salesforce", "Account")
            if record["Id"] == crm_id
        )

    def tasks(self) -> list[str]:
        return [record["Health_Task_Key__c"] for record in sessions.truth(self.running, "salesforce", "Task")]


class TestHubspotCrm(CrmContract):
    score_field, text_field = "health_score", "health_reasons"
    api_version = "v3"

    @pytest.fixture(autouse=True)
    def _make(self, stand_ins: Running) -> Iterator[None]:
        self.running = stand_ins
        first, second, third = sessions.seeded(stand_ins, "hubspot")
        self.ids = (first, second, third)
        self.crm = sessions.hubspot_crm(stand_ins, api_version=self.api_version)
        yield
        self.crm._session.close()

    def shown(self, crm_id: str) -> Mapping[str, Value]:
        record = next(
            record
            for record in sessions.truth(self.running, "hubspot", "companies")
            if str(record["id"]) == crm_id
        )
        properties: Mapping[str, Value] = record.get("properties", record)
        return properties

    def tasks(self) -> list[str]:
        return [
            record.get("properties", record)["health_task_key"]
            for record in sessions.truth(self.running, "hubspot", "tasks")
        ]


class TestHubspotCrmOnDatedPaths(TestHubspotCrm):
    api_version = "2026-09"
