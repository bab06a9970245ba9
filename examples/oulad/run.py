"""Runs one or more cycles on exported files against local stand-ins of both CRMs.

    python -m examples.oulad.run FOLDER                       # one cycle as of 2013-12-01
    python -m examples.oulad.run FOLDER 2013-12-01 2013-12-01 2013-12-15

FOLDER holds accounts.csv.gz, subscriptions.csv.gz, usage_daily.csv.gz and milestones.csv.gz. For every date it
prints what was planned, how it ended, and how many write calls the stand-ins counted.
"""

import csv
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from crmhealth.cli import main as crmhealth
from sandbox.server import Running, run_in_thread

HERE = Path(__file__).parent
SECRETS = {
    "SALESFORCE_CLIENT_ID": "sandbox-key",
    "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
    "HUBSPOT_TOKEN": "sandbox-token",
}


def main(arguments: Sequence[str]) -> int:
    """Run the cycles that the arguments ask for; the exit code is the worst of theirs."""
    if not arguments:
        sys.stderr.write(__doc__ or "")
        return 2
    inputs = Path(arguments[0]).resolve()
    dates = list(arguments[1:]) or ["2013-12-01"]
    os.environ.update(SECRETS)
    worst = 0
    with (
        tempfile.TemporaryDirectory() as scratch,
        run_in_thread(now=moment(dates[0]), frozen_clock=True) as running,
    ):
        seed(running, inputs)
        config = prepare(Path(scratch), inputs, running)
        for date in dates:
            worst = max(worst, one_cycle(running, config, date))
    return worst


def moment(date: str) -> datetime:
    """Give the noon of a day."""
    return datetime.fromisoformat(date).replace(hour=12, tzinfo=UTC)


def seed(running: Running, inputs: Path) -> None:
    """Put every account of the export into both CRMs, as an admin would have them."""
    terms = {row["account_id"]: row for row in rows(inputs / "subscriptions.csv.gz")}
    accounts = [row | terms[row["account_id"]] for row in rows(inputs / "accounts.csv.gz")]
    control(
        running,
        "salesforce/records",
        {
            "object": "Account",
            "records": [
                {
                    "Name": f"Enrolment {row['account_id']}",
                    "Segment__c": row["segment"],
                    "Term_Start__c": row["term_start"],
                    "Renewal_Date__c": row["renewal_date"],
                    "External_Key__c": row["account_id"],
                }
                for row in accounts
            ],
        },
    )
    control(
        running,
        "hubspot/records",
        {
            "object": "companies",
            "records": [
                {"name": f"Enrolment {row['account_id']}", "external_key": row["account_id"]}
                for row in accounts
            ],
        },
    )


def prepare(scratch: Path, inputs: Path, running: Running) -> Path:
    """Write the configuration with the addresses of the stand-ins, beside a link to the data."""
    (scratch / "data").symlink_to(inputs)
    text = (HERE / "crmhealth.toml").read_text(encoding="utf-8")
    for name, url in running.urls.items():
        text = text.replace(f"@{name.upper()}@", url)
    config = scratch / "crmhealth.toml"
    config.write_text(text, encoding="utf-8")
    return config


def one_cycle(running: Running, config: Path, date: str) -> int:
    """Run one cycle as of a date and print what the stand-ins saw of it."""
    now = moment(date)
    control(running, "clock", {"now": now.isoformat()})
    before = counted(running)
    sys.stdout.write(f"\n=== {date}\n")
    sys.stdout.flush()
    code = crmhealth(["cycle", "--config", str(config), "--as-of", now.isoformat()])
    after = counted(running)
    writes = {name: after[name] - before[name] for name in after}
    sys.stdout.write(f"write calls counted by the CRMs: {json.dumps(writes)}\n")
    return code


def counted(running: Running) -> dict[str, int]:
    """Ask the stand-ins how many write calls each has seen."""
    counts = httpx.get(f"{running.control}/requests").raise_for_status().json()["counts"]
    return {name: int(counts.get(name, {}).get("write", 0)) for name in ("salesforce", "hubspot")}


def control(running: Running, path: str, body: object) -> None:
    """Tell the stand-ins something."""
    httpx.post(f"{running.control}/{path}", json=body, timeout=120).raise_for_status()


def rows(path: Path) -> list[dict[str, str]]:
    """Read a gzipped CSV file."""
    with gzip.open(path, "rt", newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
