"""The demonstration: the real program with the real vendor clients, against local stand-ins of every system.

A made-up company lives through a few weeks, one cycle a day. Nothing here is scripted but the time that
passes: who turns red, and why, comes out of the facts. The only module that knows the sandbox.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from crmhealth import logs
from crmhealth.config import load
from crmhealth.cycle import CycleReport, cycle
from crmhealth.render import Output
from crmhealth.secrets import resolver
from crmhealth.settings import Settings
from crmhealth.wiring import Stop, open_world
from sandbox.server import Running, make_core, run_in_thread
from sandbox.world import Fate, World
from scoring.model import Band
from sync.values import TaskChange

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HALF_A_YEAR = timedelta(days=182)
SHOWN = 12
SECRETS: Mapping[str, str] = {
    "salesforce_client_id": "sandbox-key",
    "salesforce_client_secret": "sandbox-secret",
    "hubspot_token": "sandbox-token",
    "zendesk_token": "sandbox-token",
    "stripe_key": "rk_live_sandbox",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything the demonstration plays on."""

    folder: Path
    world: World
    running: Running
    settings: Settings

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Ask the stand-ins what they have been asked."""
        answer = httpx.get(f"{self.running.control}/requests", timeout=60).raise_for_status()
        counted: Mapping[str, Mapping[str, int]] = answer.json()["counts"]
        return counted

    def writes(self) -> int:
        """Count the write calls that both CRMs have seen."""
        counts = self.counts()
        return sum(counts[name]["write"] for name in ("salesforce", "hubspot"))

    def records(self, system: str, object_name: str) -> Sequence[Mapping[str, Any]]:
        """Look into a stand-in as nobody outside can."""
        answer = httpx.get(
            f"{self.running.control}/{system}/records", params={"object": object_name}, timeout=60
        ).raise_for_status()
        return [item.get("properties", {}) | item for item in answer.json()["records"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedRed:
    """An account that turned red, and the day it did."""

    day: datetime
    task: TaskChange
    before: str


def demo(*, keep: bool, accounts: int, weeks: int, seed: int) -> int:
    """Live through the weeks and show what came of them; the exit code is 0 where all went as promised."""
    logs.configure(sys.stderr, quiet=True)
    output = Output(json=False)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crmhealth-demo-"))
        stage = stack.enter_context(set_stage(Path(folder), accounts=accounts, seed=seed))
        output.line(f"{accounts} customer accounts, three sources, Salesforce and HubSpot; {weeks} weeks.")
        reports, reds = live(stage, days=weeks * 7)
        stage.world.advance(stage.world.at + timedelta(hours=1))
        before = stage.writes()
        with open_world(stage.settings) as again:
            last = cycle(again, stage.world.at)
        unneeded = stage.writes() - before
        show(output, stage, reports, reds)
        output.line()
        output.line(
            f"The next cycle, an hour later, has {unneeded} write calls to make (counted by the CRMs)."
        )
        well = unneeded == 0 and last is not None and last.exit_code == 0
        if keep:
            stay(output, stage)
    return 0 if well and all(report.exit_code in (0, 3) for report in reports) else 1


@contextmanager
def set_stage(folder: Path, *, accounts: int, seed: int, start: datetime = START) -> Iterator[Stage]:
    """Start the stand-ins with a customer base in them, and write the configuration that points at them."""
    core = make_core(now=start, frozen_clock=True, seed=seed)
    warehouse = folder / "warehouse.db"
    world = World(seed=seed, accounts=accounts, start=start, warehouse=warehouse)
    world.populate(core)
    # Weeks pass in seconds here; limits per minute of real time would stop the demonstration, not a vendor.
    for name in ("hubspot", "zendesk", "stripe"):
        core.system(name).switch({"limits": False})
    with run_in_thread(core) as running:
        secrets = folder / "secrets"
        secrets.mkdir()
        for name, value in {**SECRETS, "warehouse_url": f"sqlite:///{warehouse}"}.items():
            (secrets / name).write_text(value, encoding="utf-8")
        text = (Path(__file__).parent / "demo.toml").read_text(encoding="utf-8")
        for name, url in running.urls.items():
            text = text.replace(f"@{name}@", url)
        config = folder / "crmhealth.toml"
        config.write_text(text, encoding="utf-8")
        settings = load(config, resolve=resolver({}, folder))
        yield Stage(folder=folder, world=world, running=running, settings=settings)


def live(stage: Stage, *, days: int) -> tuple[list[CycleReport], list[TurnedRed]]:
    """Let the days pass, one cycle each, with a progress bar."""
    reports: list[CycleReport] = []
    reds: list[TurnedRed] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Output(json=False).errors) as bar,
        open_world(stage.settings, stop=Stop()) as world,
    ):
        task = bar.add_task("days lived", total=days)
        for number in range(days):
            if number:
                stage.world.advance(stage.world.at + DAY)
            report = cycle(world, stage.world.at)
            assert report is not None
            reports.append(report)
            reds += turned_red(report)
            bar.update(task, advance=1, description=f"{stage.world.at.date()}, {len(reds)} turned red")
    return reports, reds


def turned_red(report: CycleReport) -> list[TurnedRed]:
    """List the accounts whose task this cycle opened."""
    if report.plan is None or not report.applied:
        return []
    before = {move.account_id: move.before for move in report.plan.transitions if move.after is Band.RED}
    return [
        TurnedRed(day=report.as_of, task=task, before=str((before[task.account_id] or Band.UNKNOWN).value))
        for task in report.plan.tasks
        if task.account_id in before
    ]


def show(output: Output, stage: Stage, reports: Sequence[CycleReport], reds: Sequence[TurnedRed]) -> None:
    """Show who turned red and why, what the records look like now, and the task that was opened."""
    first = reports[0].plan
    at_first = {} if first is None else {move.account_id: move.after.value for move in first.transitions}
    counted = {name: list(at_first.values()).count(name) for name in ("green", "yellow", "red", "unknown")}
    output.line()
    output.line(
        "First publication, a baseline without tasks: "
        + ", ".join(f"{count} {name}" for name, count in counted.items())
    )
    refused = [report for report in reports if report.findings and not report.applied]
    for report in refused:
        output.line(f"{report.as_of.date()}: refused by the guard: {report.findings[0].message}")
    fates = {fate.salesforce_id: fate for fate in stage.world.truth()}
    output.line()
    output.line(f"Turned red since: {len(reds)}, one task each")
    for red in reds[-SHOWN:]:
        fate = future(fates.get(red.task.task.crm_id), red.day)
        output.line(f"  {red.day.date()}  {red.task.account_name}, {red.before} before; {fate}")
        output.line(f"              {red.task.reason}")
    if not reds:
        return
    chosen = reds[-1]
    output.line()
    crm_id = chosen.task.task.crm_id
    account = next(item for item in stage.records("salesforce", "Account") if item["Id"] == crm_id)
    show_record(output, f"Salesforce, Account {crm_id}", account, stage.settings.master.table.write)
    companies = stage.records("hubspot", "companies")
    company = next((item for item in companies if item.get("salesforce_account_id") == crm_id), None)
    if company is not None:
        mapped = next(crm.table.write for crm in stage.settings.crms if crm.name == "hubspot")
        show_record(output, f"HubSpot, company {company['id']}", company, mapped)
    tasks = [
        item
        for item in stage.records("salesforce", "Task")
        if item["Health_Task_Key__c"] == chosen.task.task.key
    ]
    output.line()
    output.table(
        f"Salesforce, tasks with this key ({len(tasks)})",
        ("subject", "due", "status", "owner", "key"),
        [
            (t["Subject"], t["ActivityDate"], t["Status"], t["OwnerId"], t["Health_Task_Key__c"])
            for t in tasks
        ],
    )


def show_record(output: Output, title: str, record: Mapping[str, Any], mapping: Mapping[str, object]) -> None:
    """Show the fields of ours that a record holds."""
    rows = [("name", record.get("Name", record.get("name"))), *((name, record.get(name)) for name in mapping)]
    output.table(title, ("field", "value"), rows)


def future(fate: Fate | None, day: datetime) -> str:
    """Say what will become of an account in the next half year; only the demonstration can know."""
    if fate is None or fate.leaves_on is None or fate.leaves_on > (day + HALF_A_YEAR).date():
        return "will stay"
    return f"will leave on {fate.leaves_on} ({fate.reason or 'no reason given'})"


def stay(output: Output, stage: Stage) -> None:
    """Leave everything running and say how to look around, until interrupted."""
    import signal

    config = stage.folder / "crmhealth.toml"
    output.line()
    output.line("Everything is still running. To look around, in another terminal:")
    for name, url in stage.running.urls.items():
        output.line(f"  {name:11}{url}")
    output.line(f"  {'control':11}{stage.running.control}/status")
    here = Path(sys.argv[0])
    program = str(here.resolve()) if here.name == "crmhealth" else f"{sys.executable} -m crmhealth"
    at = stage.world.at.isoformat()
    customers = (r["Name"] for r in stage.records("salesforce", "Account") if r["Type"] == "Customer")
    for command in (
        "status",
        f"explain '{next(customers)}'",
        f"plan --details --as-of {at}",
        f"cycle --as-of {at}",
    ):
        output.line(f"  {program} {command} --config {config}")
    output.line("Stop with Ctrl-C.")
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.request())
    while not stop.requested():
        stop.sleep(3600)
