"""A small company whose second cycle opens tasks: what the crash runs play again and again.

Two CRMs, usage and tickets from files. On the first day everybody is well; on the second, three accounts have
collapsed so far that they turn red at once.
"""

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

FIRST = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
THIRD = SECOND + timedelta(hours=1)
ACCOUNTS = 8
COLLAPSED = 3

WRITTEN: Mapping[str, Mapping[str, str]] = {
    "salesforce": {
        "score": "Health_Score__c",
        "band": "Health_Band__c",
        "trend": "Health_Trend__c",
        "reasons": "Health_Reasons__c",
        "computed_at": "Health_Computed_At__c",
    },
    "hubspot": {
        "score": "health_score",
        "band": "health_band",
        "trend": "health_trend",
        "reasons": "health_reasons",
        "computed_at": "health_computed_at",
    },
}
KEYS = {"salesforce": "Health_Task_Key__c", "hubspot": "health_task_key"}
OBJECTS = {"salesforce": "Account", "hubspot": "companies"}
TASKS = {"salesforce": "Task", "hubspot": "tasks"}

CONFIG = """
[daemon]
state = "{state}"

[crm.salesforce]
master = {salesforce_master}
url = "https://acme.my.salesforce.com"
client_id = "env:SALESFORCE_CLIENT_ID"
client_secret = "env:SALESFORCE_CLIENT_SECRET"
base_url = "{salesforce}"
task = {{ key = "Health_Task_Key__c" }}
match = {{ own_field = "key", external_id = "key", domains = false }}
[crm.salesforce.read]
name = "Name"
key = "External_Key__c"
[crm.salesforce.write]
Health_Score__c = "score"
Health_Band__c = {{ output = "band", values = {{ red = "Red", yellow = "Yellow", green = "Green", unknown = "Unknown" }} }}
Health_Trend__c = {{ output = "trend", values = {{ up = "Up", steady = "Steady", down = "Down", new = "New" }} }}
Health_Reasons__c = {{ output = "reasons", length = 255 }}
Health_Computed_At__c = "computed_at"

[crm.hubspot]
master = {hubspot_master}
token = "env:HUBSPOT_TOKEN"
base_url = "{hubspot}"
settle_seconds = {settle}
task = {{ key = "health_task_key" }}
match = {{ own_field = "key", external_id = "key", domains = false }}
[crm.hubspot.read]
name = "name"
key = "external_key"
[crm.hubspot.write]
health_score = "score"
health_band = "band"
health_trend = "trend"
health_reasons = {{ output = "reasons", length = 255 }}
health_computed_at = "computed_at"

[sources.product]
type = "files"
settle_seconds = 0
match = {{ source_id = "key", domains = false }}
[[sources.product.streams]]
name = "usage"
kind = "daily"
path = "usage.csv"
account = "account"
date = "day"
metrics = {{ users = {{ column = "users", aggregate = "sum" }} }}
[[sources.product.streams]]
name = "tickets"
kind = "records"
topic = "tickets"
path = "tickets.csv"
id = "id"
account = "account"
fields = {{ opened_at = "opened", severity = "severity" }}

[model]
version = "crash-1"
[[model.category]]
id = "usage"
label = "Usage"
weight = 60
[[model.category]]
id = "support"
label = "Support"
weight = 40
[[model.signal]]
id = "users"
label = "Active users"
category = "usage"
metric = "usage.users"
normalise = {{ type = "linear", bad = 0, good = 20 }}
[[model.signal]]
id = "urgent"
label = "Urgent tickets"
category = "support"
metric = "tickets.open"
where = {{ severity = "urgent" }}
normalise = {{ type = "linear", bad = 4, good = 0 }}

[[playbook]]
id = "turned_red"

[guard]
band_changes_percent = 90
newly_red_percent = 90
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One company in one folder, with the stand-ins it talks to."""

    folder: Path
    urls: Mapping[str, str]
    master: str
    state_url: str = ""
    settle_seconds: float = 0.3
    names: Sequence[str] = field(default_factory=lambda: [f"acc-{n}" for n in range(ACCOUNTS)])

    @property
    def config(self) -> Path:
        return self.folder / "crmhealth.toml"

    @property
    def database(self) -> Path:
        return self.folder / "state.db"

    def prepare(self) -> None:
        """Seed both CRMs, write the configuration and the files of the first day."""
        self.tell("switches", {"hubspot": {"search_delay_seconds": 0.1, "limits": False}})
        for system, name_field, key_field in (
            ("salesforce", "Name", "External_Key__c"),
            ("hubspot", "name", "external_key"),
        ):
            records = [{name_field: name.title(), key_field: name} for name in self.names]
            self.tell(f"{system}/records", {"object": OBJECTS[system], "records": records})
        self.config.write_text(
            CONFIG.format(
                state=self.state_url or f"sqlite:///{self.database}",
                salesforce=self.urls["salesforce"],
                hubspot=self.urls["hubspot"],
                salesforce_master=str(self.master == "salesforce").lower(),
                hubspot_master=str(self.master == "hubspot").lower(),
                settle=self.settle_seconds,
            )
        )
        self.write_files(collapsed=())

    def second_day(self) -> None:
        """Let three accounts collapse."""
        self.write_files(collapsed=self.names[:COLLAPSED])
        self.tell("clock", {"now": SECOND.isoformat()})

    def write_files(self, collapsed: Sequence[str]) -> None:
        with (self.folder / "usage.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["account", "day", "users"])
            for n, name in enumerate(self.names):
                writer.writerow([name, FIRST.date() - timedelta(days=1), 12 + n])
                if collapsed:
                    users = 0 if name in collapsed else 12 + n - n % 2
                    writer.writerow([name, FIRST.date(), users])
        with (self.folder / "tickets.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "account", "opened", "severity"])
            writer.writerow(["0", self.names[-1], FIRST.date() - timedelta(days=3), "normal"])
            for n, name in enumerate(name for name in collapsed for _ in range(5)):
                writer.writerow([n + 1, name, FIRST.date(), "urgent"])

    def keep_state(self) -> Path:
        """Copy the database aside (SQLite; it was closed cleanly)."""
        kept = self.folder / "kept.db"
        shutil.copy(self.database, kept)
        return kept

    def restore_state(self) -> None:
        """Put the copy back."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.database}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.folder / "kept.db", self.database)

    # --- the stand-ins -------------------------------------------------------------------------------

    def tell(self, path: str, body: object) -> Any:
        answer = httpx.post(f"{self.urls['control']}/{path}", json=body, timeout=60).raise_for_status()
        return answer.json() if answer.content else None

    def truth(self, system: str, object_name: str) -> list[dict[str, Any]]:
        answer = httpx.get(
            f"{self.urls['control']}/{system}/records", params={"object": object_name}, timeout=60
        ).raise_for_status()
        return [record.get("properties", {}) | record for record in answer.json()["records"]]

    def writes(self) -> dict[str, int]:
        counts = httpx.get(f"{self.urls['control']}/requests", timeout=60).json()["counts"]
        return {system: counts[system]["write"] for system in OBJECTS}
