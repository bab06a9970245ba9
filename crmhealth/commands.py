"""What each command does: build, call, show. The sentences for people are made here and in `render`."""

import getpass
import json as standard_json
import os
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from crmhealth import advice, doctor
from crmhealth import cycle as cycles
from crmhealth.judging import judge
from crmhealth.render import Output
from crmhealth.reports import (
    SHOWN_ACCOUNTS,
    calls_needed,
    percent,
    plan_document,
    show_bands,
    show_plan,
    show_rejects,
    show_report,
    show_undecided,
)
from crmhealth.schema import json_schema
from crmhealth.settings import Settings
from crmhealth.wiring import open_world, system_clock
from state import accounts as stored_accounts
from state import recall
from state import records as stored_records
from state import runs as stored_runs
from state import scores as stored_scores
from state import tasks as stored_tasks


def check(settings: Settings, *, json: bool) -> int:
    """Say what works and what does not; 0, 2 for what the admin must mend, 4 for what does not answer."""
    output = Output(json=json)
    with open_world(settings, alone=None, migrate=False) as world:
        results = doctor.examine(world)
        today = world.clock().astimezone(settings.timezone).date()
    if json:
        ok = all(r.status == "ok" for r in results)
        output.document({"ok": ok, "results": results, **advice.document(settings, today)})
    else:
        for result in results:
            mark = {"ok": "ok     ", "wrong": "WRONG  ", "unreachable": "NO ANSWER"}[result.status]
            remedy = f"; {result.remedy}" if result.remedy else ""
            output.line(f"{mark} {result.subject}: {result.detail}{remedy}")
        advice.show(output, settings, today)
    statuses = {result.status for result in results}
    return 2 if "wrong" in statuses else 4 if "unreachable" in statuses else 0


def pull(settings: Settings, *, json: bool, as_of: datetime | None) -> int:
    """Pull everything; 4 where a stream did not complete."""
    output = Output(json=json)
    with output.progress() as progress, open_world(settings, progress=progress) as world:
        report = cycles.pull(world, as_of or system_clock())
        counts = cycles.match_counts(world)
    if json:
        output.document({"streams": report.streams, "matching": counts})
    else:
        output.table(
            "Pulled",
            ("source", "stream", "facts read", "changed", "failure"),
            [(s.source, s.stream, s.facts, s.changed, s.failure) for s in report.streams],
        )
        output.table(
            "Accounts", ("source", "outcome", "count"), [(c.source, c.outcome, c.count) for c in counts]
        )
    return 4 if report.failed else 0


def score(settings: Settings, *, json: bool, as_of: datetime | None) -> int:
    """Score from what is stored and show it; nothing is remembered."""
    output = Output(json=json)
    with open_world(settings, alone=None) as world, world.database.reading() as connection:
        judgement = judge(
            connection,
            settings,
            as_of=as_of or _last_pull(connection) or system_clock(),
            streams=world.streams,
        )
    trends = dict(judgement.trends.select("account_id", "trend").iter_rows())
    rows = sorted(
        judgement.rows.values(), key=lambda row: (row["score"] is None, row["score"], row["account_id"])
    )
    told = judgement.explained([str(row["account_id"]) for row in (rows if json else rows[:SHOWN_ACCOUNTS])])
    if json:
        output.document(
            {
                "as_of": judgement.as_of,
                "accounts": [
                    {
                        "account_id": row["account_id"],
                        "crm_id": judgement.accounts[str(row["account_id"])].crm_id,
                        "name": judgement.accounts[str(row["account_id"])].name,
                        "score": row["score"],
                        "band": row["band"],
                        "confidence": row["confidence"],
                        "trend": trends[row["account_id"]],
                        "reasons": told[str(row["account_id"])].short,
                    }
                    for row in rows
                ],
            }
        )
        return 0
    show_bands(output, judgement)
    output.table(
        "Lowest scores",
        ("account", "score", "band", "confidence", "why"),
        [
            (
                judgement.accounts[str(row["account_id"])].name,
                row["score"],
                row["band"],
                percent(row["confidence"]),
                told[str(row["account_id"])].short,
            )
            for row in rows[:SHOWN_ACCOUNTS]
        ],
    )
    return 0


def plan(settings: Settings, *, json: bool, as_of: datetime | None, details: bool) -> int:
    """Make, show and keep a plan; 3 where the guard refuses it."""
    output = Output(json=json)
    with open_world(settings) as world:
        with world.database.reading() as connection:
            seen = (_last_pull(connection), stored_scores.last_as_of(connection))
            moment = as_of or max((at for at in seen if at), default=None) or system_clock()
        made, judged, found, _ = cycles.plan(world, moment)
        plan_id = cycles.store_plan(world, made, judged, found)
        calls = calls_needed(made, {crm.name: crm.batch_size for crm in world.crms})
    if json:
        output.document(
            {"plan": plan_id, "as_of": made.as_of, "calls": calls, "findings": found, **plan_document(made)}
        )
    else:
        show_plan(output, made, plan_id, calls, details=details)
        if found:
            output.findings(found, plan_id)
    return 3 if found else 0


def apply(settings: Settings, plan_id: int | None, *, json: bool) -> int:
    """Carry out a stored plan; 3 where it may not be, 1 where there is none."""
    output = Output(json=json)
    with output.progress() as progress, open_world(settings, progress=progress) as world:
        report = cycles.apply_stored(world, plan_id)
        with world.database.reading() as connection:
            known = stored_runs.load_plan(connection, plan_id) is not None
    if isinstance(report, str):
        output.failure("plan", report, "`crmhealth status` shows the plans")
        return 3 if known else 1
    show_report(output, report)
    return report.exit_code


def approve(settings: Settings, plan_id: int, *, json: bool) -> int:
    """Release a refused plan; 1 where there is none."""
    output = Output(json=json)
    with open_world(settings, alone=None) as world:
        reason = cycles.approve(world, plan_id, by=_operator())
    if reason is not None:
        output.failure("plan", reason, "`crmhealth status` shows the plans")
        return 1
    if json:
        output.document({"ok": True, "plan": plan_id, "status": "approved"})
    else:
        output.line(f"Plan {plan_id} is approved. Carry it out with: crmhealth apply {plan_id}")
    return 0


def _operator() -> str:
    """Name who is at work, as far as the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user who has no name
        return f"user {os.getuid()}"


def cycle(settings: Settings, *, json: bool, as_of: datetime | None) -> int:
    """Make one whole pass."""
    output = Output(json=json)
    with output.progress() as progress, open_world(settings, progress=progress) as world:
        report = cycles.cycle(world, as_of or system_clock())
    assert report is not None  # without a slot no run is ever a repetition
    show_report(output, report)
    return report.exit_code


def run(settings: Settings) -> int:
    """Be the daemon."""
    from crmhealth.daemon import serve

    return serve(settings)


def status(settings: Settings, *, json: bool) -> int:
    """Show where everything stands."""
    output = Output(json=json)
    with open_world(settings, alone=None) as world, world.database.reading() as connection:
        document: dict[str, Any] = {
            "runs": stored_runs.latest(connection, 5),
            "last_scored_at": stored_scores.last_as_of(connection),
            "bands": stored_scores.band_counts(connection),
            "streams": recall.readings(connection, system_clock()),
            "matching": stored_accounts.match_counts(connection),
            "undecided": _undecided(connection, settings),
            "tasks": stored_tasks.counts(connection),
            "open_red_episodes": len(stored_tasks.open_episodes(connection)),
            "rejects": stored_records.rejections(connection),
        }
        newest = stored_runs.load_plan(connection)
        document["plan"] = (
            None
            if newest is None
            else {
                "plan": newest.plan_id,
                "status": newest.status,
                "as_of": newest.as_of,
                "findings": newest.findings,
            }
        )
    if json:
        output.document(document)
        return 0
    output.line(f"Last scored: {document['last_scored_at'] or 'never'}")
    output.line(
        "Bands: " + (", ".join(f"{count} {name}" for name, count in document["bands"].items()) or "none")
    )
    output.line("Tasks: " + (", ".join(f"{n} {name}" for name, n in document["tasks"].items()) or "none"))
    if document["plan"]:
        output.line(f"Newest plan: {document['plan']['plan']} ({document['plan']['status']})")
    output.table(
        "Runs",
        ("run", "job", "as of", "outcome"),
        [(r.run_id, r.job, r.as_of.isoformat(timespec="minutes"), r.outcome) for r in document["runs"]],
    )
    output.table(
        "Sources",
        ("source", "stream", "complete at", "state"),
        [
            (
                r.source,
                r.stream,
                r.complete_at.isoformat(timespec="minutes") if r.complete_at else "never",
                r.failure or "ok",
            )
            for r in document["streams"]
        ],
    )
    output.table(
        "Accounts of sources",
        ("source", "outcome", "count"),
        [(c.source, c.outcome, c.count) for c in document["matching"]],
    )
    show_undecided(output, document["undecided"])
    show_rejects(output, document["rejects"][:SHOWN_ACCOUNTS], len(document["rejects"]))
    return 0


def rejects(settings: Settings, *, json: bool) -> int:
    """List everything refused, deferred or unanswered."""
    output = Output(json=json)
    with open_world(settings, alone=None) as world, world.database.reading() as connection:
        found = stored_records.rejections(connection)
    if json:
        output.document({"rejects": found})
    elif not found:
        output.line("Nothing is refused.")
    else:
        show_rejects(output, found, len(found))
    return 1 if found else 0


def schema() -> int:
    """Print the JSON Schema of the configuration."""
    sys.stdout.write(standard_json.dumps(json_schema(), indent=2, default=str) + "\n")
    return 0


def _last_pull(connection: Any) -> datetime | None:
    complete = [
        reading.complete_at
        for reading in recall.readings(connection, datetime.max.replace(tzinfo=UTC))
        if reading.complete_at is not None
    ]
    return max(complete, default=None)


def _undecided(connection: Connection, settings: Settings) -> list[dict[str, str]]:
    """List the accounts of every source, and of every CRM but the master, that are nobody's, and why."""
    names = [source.name for source in settings.sources]
    names += [crm.name for crm in settings.crms if not crm.table.master]
    return [
        {"source": name, "account": key, "evidence": evidence}
        for name in names
        for key, evidence in stored_accounts.undecided(connection, name).items()
    ]
