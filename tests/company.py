"""A small company with two CRMs and two exported files, driven through the command line."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from crmhealth.cli import main
from sandbox.server import run_in_thread
from tests.crashes.scenario import FIRST, Scenario

DAY = timedelta(days=1)
CREDENTIALS = {
    "SALESFORCE_CLIENT_ID": "sandbox-key",
    "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
    "HUBSPOT_TOKEN": "sandbox-token",
}


class Company(Scenario):
    """The scenario, with the command line beside it."""

    def run(self, *words: str, as_of: datetime | None = None) -> tuple[int, dict[str, Any]]:
        """Run a command with --json; gives its exit code and document."""
        moment = ["--as-of", as_of.isoformat()] if as_of else []
        with (self.folder / "out").open("w") as out, pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdout", out)
            code = main([*words, "--config", str(self.config), "--json", *moment])
        text = (self.folder / "out").read_text()
        return code, json.loads(text) if text else {}

    def cycle(self, as_of: datetime) -> tuple[int, dict[str, Any]]:
        self.tell("clock", {"now": as_of.isoformat()})
        return self.run("cycle", as_of=as_of)

    def counted(self) -> int:
        return sum(self.writes().values())

    def fault(self, system: str, do: str, match: Mapping[str, str], **action: object) -> None:
        times = action.pop("times", None)
        self.tell(
            "faults",
            {"system": system, "match": dict(match), "times": times, "action": {"do": do, **action}},
        )

    def edit_config(self, before: str, after: str) -> None:
        text = self.config.read_text()
        assert before in text
        self.config.write_text(text.replace(before, after))

    def clear_faults(self) -> None:
        httpx.delete(f"{self.urls['control']}/faults").raise_for_status()

    def accounts(self) -> dict[str, dict[str, Any]]:
        return {record["External_Key__c"]: record for record in self.truth("salesforce", "Account")}

    def companies(self) -> dict[str, dict[str, Any]]:
        return {record["external_key"]: record for record in self.truth("hubspot", "companies")}


@contextmanager
def a_company(folder: Path, *, state_url: str = "") -> Iterator[Company]:
    """Start the stand-ins with the company in them, on its first day."""
    with run_in_thread(now=FIRST, frozen_clock=True) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        made = Company(
            folder=folder,
            urls={**running.urls, "control": running.control},
            master="salesforce",
            state_url=state_url,
        )
        made.prepare()
        yield made
