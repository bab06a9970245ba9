"""Kills a cycle at every instant that matters, and looks whether the next one makes everything right.

    python -m tests.crashes.harness [--master hubspot] [--kills 50] [--every 1] [--only POST] [--seed 1]

A cycle that opens tasks is run in forks of this process, which has everything imported. It is killed before
and after every commit and every request to a CRM, all of them enumerated in a run beforehand, and then at
random moments between the first and the last. After each death the next cycle runs; then the CRMs, by their
own account, must hold what an undisturbed run leaves there, with one task per key, and state must agree.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Everything a cycle needs is imported before the first fork. Nothing of polars may run in this process: its
# threads would not survive a fork.
import hubspot.crm.objects
import hubspot.crm.properties
import urllib3.connectionpool
from sqlalchemy.engine.default import DefaultDialect

import connectors.crm.hubspot
import connectors.crm.salesforce
import connectors.files
import crmhealth.commands
import crmhealth.cycle
import sync.crm.hubspot
import sync.crm.salesforce
from crmhealth import cli
from tests.crashes.check import differences
from tests.crashes.scenario import FIRST, SECOND, THIRD, Scenario

PRELOADED = (connectors, crmhealth, hubspot, sync)
SECRETS = {
    "SALESFORCE_CLIENT_ID": "sandbox-key",
    "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
    "HUBSPOT_TOKEN": "sandbox-token",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One commit or request of the undisturbed run, and when it happened."""

    name: str
    seconds: float


class Deaths:
    """Counts effects in a child, and dies at the one it was told."""

    def __init__(self, at: tuple[int, str] | None, journal: Path | None) -> None:
        self._at = at
        self._journal = journal
        self._count = 0
        self._started = time.monotonic()

    def install(self) -> None:
        """Stand before and after every commit and every request to a CRM."""
        commit, urlopen = DefaultDialect.do_commit, urllib3.connectionpool.HTTPConnectionPool.urlopen

        def do_commit(dialect: Any, connection: Any) -> None:
            self._around("commit", lambda: commit(dialect, connection))  # type: ignore[no-untyped-call]

        def request(pool: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            return self._around(f"{method} {url[:60]}", lambda: urlopen(pool, method, url, *args, **kwargs))

        DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]
        urllib3.connectionpool.HTTPConnectionPool.urlopen = request  # type: ignore[method-assign,assignment]

    def _around(self, name: str, effect: Callable[[], Any]) -> Any:
        self._count += 1
        if self._journal is not None:
            with self._journal.open("a") as file:
                file.write(json.dumps([name, time.monotonic() - self._started]) + "\n")
        self._die("before")
        result = effect()
        self._die("after")
        return result

    def _die(self, phase: str) -> None:
        if self._at == (self._count, phase):
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Run what the arguments ask for; 1 if anything was lost, doubled or left behind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--master", choices=("salesforce", "hubspot"), default="salesforce")
    parser.add_argument("--kills", type=int, default=50, help="random SIGKILLs after the enumerated ones")
    parser.add_argument("--every", type=int, default=1, help="take only every n-th enumerated instant")
    parser.add_argument("--only", default="", help="take only instants whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.update(SECRETS)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, stand_ins() as urls:
        scenario = Scenario(folder=Path(folder), urls=urls, master=options.master)
        failures, instants, kills = play(scenario, options)
    for failure in failures:
        sys.stdout.write(f"FAILED {failure}\n")
    sys.stdout.write(
        json.dumps(
            {
                "master": options.master,
                "instants": instants,
                "kills": kills,
                "failures": len(failures),
                "seconds": round(time.monotonic() - started, 1),
            }
        )
        + "\n"
    )
    return 1 if failures else 0


@contextlib.contextmanager
def stand_ins() -> Iterator[Mapping[str, str]]:
    """Run the stand-ins in a process of their own: they must outlive every death."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--json", "--frozen-clock", "--now", FIRST.isoformat()],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def play(scenario: Scenario, options: argparse.Namespace) -> tuple[list[str], int, int]:
    """Prepare, enumerate, kill, compare; gives failures, number of instants and of random kills."""
    scenario.prepare()
    run_cycle(scenario, FIRST.isoformat())
    scenario.second_day()
    scenario.keep_state()
    snapshot = scenario.tell("snapshot", {})["id"]
    journal = scenario.folder / "journal"
    run_cycle(scenario, SECOND.isoformat(), journal=journal)
    run_cycle(scenario, THIRD.isoformat())
    effects = [
        Effect(name=name, seconds=at) for name, at in map(json.loads, journal.read_text().splitlines())
    ]
    undisturbed = differences(scenario, None)
    if isinstance(undisturbed, list):
        return [f"undisturbed: {problem}" for problem in undisturbed], 0, 0

    def once(label: str, die: Callable[[], None]) -> list[str]:
        scenario.restore_state()
        scenario.tell("restore", {"id": snapshot})
        die()
        time.sleep(scenario.settle_seconds + 0.1)
        run_cycle(scenario, THIRD.isoformat())
        found = differences(scenario, undisturbed)
        return [f"{label}: {problem}" for problem in found] if isinstance(found, list) else []

    failures: list[str] = []
    points = [
        (n, phase)
        for n, effect in enumerate(effects, 1)
        for phase in ("before", "after")
        if options.only in effect.name
    ][:: options.every]
    for n, phase in points:
        label = f"{phase} effect {n} ({effects[n - 1].name})"
        failures += once(label, lambda at=(n, phase): run_cycle(scenario, SECOND.isoformat(), at=at))  # type: ignore[misc]
    rng = random.Random(options.seed)
    first, last = effects[0].seconds, effects[-1].seconds
    for number in range(options.kills):
        moment = rng.uniform(first, last)
        failures += once(
            f"random kill {number} after {moment:.3f} s",
            lambda moment=moment: run_cycle(scenario, SECOND.isoformat(), kill_after=moment),  # type: ignore[misc]
        )
    return failures, len(points), options.kills


def run_cycle(
    scenario: Scenario,
    as_of: str,
    *,
    at: tuple[int, str] | None = None,
    journal: Path | None = None,
    kill_after: float | None = None,
) -> None:
    """Run one cycle in a fork. Raises RuntimeError if one that should finish did not."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            with (scenario.folder / "output").open("a") as output:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                Deaths(at, journal).install()
                code = cli.main(["cycle", "--json", "--config", str(scenario.config), "--as-of", as_of])
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    may_die = at is not None or kill_after is not None
    if os.waitstatus_to_exitcode(status) != 0 and not may_die:
        output_text = (scenario.folder / "output").read_text()[-3000:]
        raise RuntimeError(f"a cycle ended with {os.waitstatus_to_exitcode(status)}:\n{output_text}")


if __name__ == "__main__":
    sys.exit(main())
