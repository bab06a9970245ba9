"""The daemon as a process: slots, one instance, a clean stop."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmhealth.daemon import due_slot
from crmhealth.settings import Daemon, Settings
from sandbox.server import run_in_thread
from tests.crashes.scenario import Scenario

CREDENTIALS = {
    "SALESFORCE_CLIENT_ID": "sandbox-key",
    "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
    "HUBSPOT_TOKEN": "sandbox-token",
}


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scenario]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with run_in_thread() as running:
        made = Scenario(
            folder=tmp_path, urls={**running.urls, "control": running.control}, master="salesforce"
        )
        made.prepare()
        minute = (datetime.now(UTC) - timedelta(minutes=2)).strftime("%H:%M")
        text = made.config.read_text().replace("[daemon]", f'[daemon]\ncycle_at = ["{minute}"]')
        made.config.write_text(text)
        yield made


@contextmanager
def daemon(company: Scenario) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-m", "crmhealth", "run", "--config", str(company.config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def until(process: "subprocess.Popen[str]", event: str) -> list[str]:
    """Read log lines up to the one that names an event."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if event in line:
            return lines
    raise AssertionError(f"the daemon ended without {event}:\n{''.join(lines)}")


def test_a_due_slot_is_run_at_start_and_sigterm_ends_the_daemon_cleanly(company: Scenario) -> None:
    with daemon(company) as process:
        until(process, "slot_finished")
        process.send_signal(signal.SIGTERM)
        lines = until(process, "daemon_stopped")
        code = process.wait(timeout=30)

    assert code == 0
    assert lines
    assert all(record["Health_Band__c"] == "Unknown" for record in company.truth("salesforce", "Account"))


def test_a_slot_is_run_once_however_often_the_daemon_starts(company: Scenario) -> None:
    with daemon(company) as process:
        until(process, "slot_finished")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    before = company.writes()

    with daemon(company) as process:
        first = until(process, "daemon_started")
        process.send_signal(signal.SIGTERM)
        rest = until(process, "daemon_stopped")

    assert not any("slot_finished" in line for line in first + rest)
    assert company.writes() == before


def test_a_second_daemon_is_refused_and_one_that_was_killed_leaves_no_lock(company: Scenario) -> None:
    with daemon(company) as process:
        until(process, "slot_finished")
        with daemon(company) as second:
            refused = second.wait(timeout=60)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    with daemon(company) as third:
        until(third, "daemon_started")

    assert refused == 5


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-02T04:59:00+00:00", "2026-03-01T18:00"),
        ("2026-03-02T05:30:00+00:00", "2026-03-02T06:30"),
        ("2026-03-02T16:59:00+00:00", "2026-03-02T06:30"),
        ("2026-03-02T17:00:00+00:00", "2026-03-02T18:00"),
    ],
)
def test_the_newest_slot_that_has_passed_is_due(now: str, expected: str) -> None:
    assert due_slot(settings("06:30", "18:00"), datetime.fromisoformat(now)) == expected


def test_a_slot_that_was_missed_long_ago_is_not_made_up_for() -> None:
    assert due_slot(settings("06:30"), datetime.fromisoformat("2026-03-02T18:31:00+00:00")) is None


def test_the_hour_that_happens_twice_in_autumn_is_one_slot() -> None:
    before, after = "2026-10-25T00:45:00+00:00", "2026-10-25T01:45:00+00:00"

    slots = {due_slot(settings("02:30"), datetime.fromisoformat(now)) for now in (before, after)}

    assert slots == {"2026-10-25T02:30"}


def settings(*times: str) -> Settings:
    """Make settings of which only the daemon's part is there."""
    others: dict[str, Any] = dict.fromkeys(
        ("folder", "crms", "sources", "model", "side_scores", "playbooks", "guard")
    )
    return Settings(daemon=Daemon(timezone="Europe/Berlin", cycle_at=times), **others)
