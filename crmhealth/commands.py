"""What each command does: build, call, show. The sentences for people are made here and in `render`."""

import getpass
import json as standard_json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from crmhealth import cycle as cycles
from crmhealth import doctor
from crmhealth.config import Settings, json_schema
from crmhealth.cycle import CycleReport
from crmhealth.judging import Judgement, judge
from crmhealth.render import Output
from crmhealth.wiring import open_world, system_clock
from state import accounts as stored_accounts
from state import facts as stored_facts
from state import records as stored_records
from state import runs as stored_runs
from state import scores as stored_scores
from state import tasks as stored_tasks
from sync.values import OutcomeStatus, Plan

SHOWN_ACCOUNTS = 10


def check(settings: Settings, *, json: bool, offline: bool) -> int:
    """Say what works and what does not; 0, 2 for what the admin must mend, 4 for what does not answer."""
    output = Output(json=json)
    if offline:
        results = [doctor.Result(subject="configuration", status="ok", detail="no problem found")]
    else:
        with open_world(settings, writing=False) as world:
            results = doctor.examine(world)
    if json:
        output.document({"ok": all(r.status == "ok" for r in results), "results": results})
    else:
        for result in results:
            mark = {"ok": "ok     ", "wrong": "WRONG  ", "unreachable": "NO ANSWER"}[result.status]
            remedy = f"; {result.remedy}" if result.remedy else ""
            output.line(f"{mark} {result.subject}: {result.detail}{remedy}")
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
    with open_world(settings, writing=False) as world, world.database.reading() as connection:
        judgement = judge(connection, settings, as_of=as_of or _last_pull(connection) or system_clock())
    rows = sorted(
        judgement.rows.values(), key=lambda row: (row["score"] is None, row["score"], row["account_id"])
    )
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
                        "trend": judgement.trends.get(str(row["account_id"])),
                        "reasons": judgement.explanations[str(row["account_id"])].short,
                    }
                    for row in rows
                ],
            }
        )
        return 0
    _show_bands(output, judgement)
    output.table(
        "Lowest scores",
        ("account", "score", "band", "confidence", "why"),
        [
            (
                judgement.accounts[str(row["account_id"])].name,
                row["score"],
                row["band"],
                _percent(row["confidence"]),
                judgement.explanations[str(row["account_id"])].short,
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
            moment = as_of or _last_pull(connection) or system_clock()
        made, rows, found, _ = cycles.plan(world, moment)
        plan_id = cycles.store_plan(world, made, rows, found)
        calls = calls_needed(made, {crm.name: crm.batch_size for crm in world.crms})
    if json:
        output.document(
            {"plan": plan_id, "as_of": made.as_of, "calls": calls, "findings": found, **_plan_document(made)}
        )
    else:
        _show_plan(output, made, plan_id, calls, details=details)
        if found:
            output.findings(found, plan_id)
    return 3 if found else 0


def apply(settings: Settings, plan_id: int | None, *, json: bool) -> int:
    """Carry out a stored plan."""
    output = Output(json=json)
    with output.progress() as progress, open_world(settings, progress=progress) as world:
        report = cycles.apply_stored(world, plan_id)
    if isinstance(report, str):
        output.failure("plan", report, "`crmhealth status` shows the plans")
        return 3
    _show_report(output, report)
    return report.exit_code


def approve(settings: Settings, plan_id: int, *, json: bool) -> int:
    """Release a refused plan."""
    output = Output(json=json)
    with open_world(settings) as world:
        reason = cycles.approve(world, plan_id, by=getpass.getuser())
    if reason is not None:
        output.failure("plan", reason, "`crmhealth status` shows the plans")
        return 3
    if json:
        output.document({"ok": True, "plan": plan_id, "status": "approved"})
    else:
        output.line(f"Plan {plan_id} is approved. Carry it out with: crmhealth apply {plan_id}")
    return 0


def cycle(settings: Settings, *, json: bool, as_of: datetime | None) -> int:
    """Make one whole pass."""
    output = Output(json=json)
    with output.progress() as progress, open_world(settings, progress=progress) as world:
        report = cycles.cycle(world, as_of or system_clock())
    assert report is not None  # without a slot no run is ever a repetition
    _show_report(output, report)
    return report.exit_code


def run(settings: Settings) -> int:
    """Be the daemon."""
    from crmhealth.daemon import serve

    return serve(settings)


def status(settings: Settings, *, json: bool) -> int:
    """Show where everything stands."""
    output = Output(json=json)
    with open_world(settings, writing=False) as world, world.database.reading() as connection:
        document: dict[str, Any] = {
            "runs": stored_runs.latest(connection, 5),
            "last_scored_at": stored_scores.last_as_of(connection),
            "bands": stored_scores.band_counts(connection),
            "streams": stored_facts.readings(connection, system_clock()),
            "matching": stored_accounts.match_counts(connection),
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
    _show_rejects(output, document["rejects"][:SHOWN_ACCOUNTS], len(document["rejects"]))
    return 0


def rejects(settings: Settings, *, json: bool) -> int:
    """List everything refused, deferred or unanswered."""
    output = Output(json=json)
    with open_world(settings, writing=False) as world, world.database.reading() as connection:
        found = stored_records.rejections(connection)
    if json:
        output.document({"rejects": found})
    elif not found:
        output.line("Nothing is refused.")
    else:
        _show_rejects(output, found, len(found))
    return 1 if found else 0


def explain(settings: Settings, account: str, *, json: bool) -> int:
    """Show the ledger of one account."""
    output = Output(json=json)
    with open_world(settings, writing=False) as world, world.database.reading() as connection:
        as_of = stored_scores.last_as_of(connection)
        if as_of is None:
            output.failure("explain", "nothing has been scored yet", "run `crmhealth cycle` first")
            return 1
        account_id = _find_account(connection, settings, account, as_of)
        if account_id is None:
            output.failure(
                "explain", f"no account {account!r}", "give an account id, a CRM id or the exact name"
            )
            return 1
        judgement = judge(connection, settings, as_of=as_of, only=account_id)
        published = stored_scores.current_of(connection, account_id)
        history = stored_scores.history_of(connection, account_id, 5)
        opened = stored_tasks.of_account(connection, account_id)
    explanation = judgement.explanations[account_id]
    described = judgement.accounts[account_id]
    if json:
        output.document(
            {
                "account_id": account_id,
                "crm_id": described.crm_id,
                "name": described.name,
                "as_of": as_of,
                "score": published.score if published else None,
                "band": published.band if published else None,
                "confidence": published.confidence if published else None,
                "rows": [
                    {"id": row.id, "label": row.label, "points": str(row.points), "sentence": row.sentence}
                    for row in explanation.rows
                ],
                "gaps": explanation.gaps,
                "history": history,
                "tasks": opened,
            }
        )
        return 0
    output.line(f"{described.name} ({described.crm_id}) as of {as_of.isoformat(timespec='minutes')}")
    if published is None or published.score is None:
        output.line("No score: there is not enough data.")
    else:
        output.styled(
            f"Score {published.score:g}, {_coloured(published.band)}, confidence {_percent(published.confidence)}"
        )
        output.table(
            "Ledger",
            ("points", "what", "why"),
            [(f"{row.points:+.4f}", row.label, row.sentence) for row in explanation.rows],
        )
        total = sum(row.points for row in explanation.rows)
        output.line(f"Sum of the rows: {total:.4f}")
    for gap in explanation.gaps:
        output.line(f"Missing: {gap}")
    output.table("History", ("as of", "score", "band"), [(h[0].date(), h[1], h[2]) for h in history])
    output.table("Tasks", ("task", "status", "due"), [(t.subject, t.status, t.due_on) for t in opened])
    return 0


def schema() -> int:
    """Print the JSON Schema of the configuration."""
    sys.stdout.write(standard_json.dumps(json_schema(), indent=2, default=str) + "\n")
    return 0


def calls_needed(made: Plan, batch_sizes: dict[str, int]) -> dict[str, int]:
    """Count the write calls a plan takes, by CRM."""
    calls: dict[str, int] = {}
    for name, size in batch_sizes.items():
        fields = sum(1 for change in made.records if change.crm == name)
        tasks = sum(1 for change in made.tasks if change.crm == name)
        calls[name] = -(-fields // size) - (-tasks // size)
    return calls


# --- showing -----------------------------------------------------------------------------------------


def _last_pull(connection: Any) -> datetime | None:
    complete = [
        reading.complete_at
        for reading in stored_facts.readings(connection, datetime.max.replace(tzinfo=UTC))
        if reading.complete_at is not None
    ]
    return max(complete, default=None)


def _find_account(connection: Any, settings: Settings, wanted: str, as_of: datetime) -> str | None:
    from crmhealth import book

    for account in book.load(connection, settings.master, as_of):
        if wanted in (account.account_id, account.crm_id, account.name):
            return account.account_id
    for crm in settings.crms:
        links = stored_accounts.links(connection, crm.name)
        if wanted in links:
            return links[wanted]
    return None


def _show_bands(output: Output, judgement: Judgement) -> None:
    counts: dict[str, int] = {}
    for row in judgement.rows.values():
        counts[str(row["band"])] = counts.get(str(row["band"]), 0) + 1
    shown = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    output.line(
        f"{len(judgement.rows)} accounts as of {judgement.as_of.isoformat(timespec='minutes')}: {shown}"
    )


def _show_plan(output: Output, made: Plan, plan_id: int, calls: dict[str, int], *, details: bool) -> None:
    output.line(
        f"Plan {plan_id} as of {made.as_of.isoformat(timespec='minutes')}, {made.scored} accounts scored"
    )
    if made.baseline:
        output.line("First publication: a baseline; accounts that are already red get no task.")
    by_crm: dict[str, int] = {}
    for change in made.records:
        by_crm[change.crm] = by_crm.get(change.crm, 0) + 1
    for name, count in sorted(by_crm.items()):
        output.line(f"  {name}: {count} records to write in {calls.get(name, 0)} calls")
    output.line(f"  {len(made.tasks)} tasks to open, {len(made.transitions)} band changes")
    if made.is_empty:
        output.line("  nothing to write")
    for task in made.tasks[: None if details else SHOWN_ACCOUNTS]:
        output.line(f"  task: {task.task.subject} (due {task.task.due_on}): {task.reason}")
    if details:
        output.table(
            "Fields",
            ("crm", "account", "field", "before", "after"),
            [
                (record.crm, record.account_name, change.field, change.before, change.after)
                for record in made.records
                for change in record.changes
            ],
        )
    elif made.records:
        output.line("  every field, old and new: crmhealth plan --details")


def _plan_document(made: Plan) -> dict[str, object]:
    return {
        "baseline": made.baseline,
        "scored": made.scored,
        "transitions": made.transitions,
        "records": made.records,
        "adoptions": made.adoptions,
        "episodes": made.episodes,
        "tasks": made.tasks,
    }


def _show_report(output: Output, report: CycleReport) -> None:
    ended = {status.value: report.tally.ended[status] for status in OutcomeStatus}
    if output.json:
        output.document(
            {
                **report.summary(),
                "exit_code": report.exit_code,
                "outcome": report.outcome,
                "as_of": report.as_of,
                "plan": report.plan_id,
                "findings": report.findings,
                "streams": report.pull.streams if report.pull else [],
            }
        )
        return
    if report.plan is not None:
        changes = report.plan.transitions
        red = [t for t in changes if t.after.value == "red"]
        kind = "baseline" if report.plan.baseline else "cycle"
        output.line(
            f"{kind} as of {report.as_of.isoformat(timespec='minutes')}: {report.plan.scored} accounts scored, "
            f"{len(report.plan.records)} records to write, {len(red)} newly red"
        )
    for stream in report.pull.failed if report.pull else ():
        output.line(f"  {stream.source}.{stream.stream} did not complete: {stream.failure}")
    for name, reason in report.tally.unreachable.items():
        output.line(f"  {name} could not be reached: {reason}")
    if report.findings and not report.applied:
        output.findings(report.findings, report.plan_id)
        return
    counts = ", ".join(f"{count} {name}" for name, count in ended.items() if count)
    output.line(f"  {counts or 'nothing to write'}; {report.tally.tasks_opened} tasks opened")
    if ended["rejected"] or ended["unknown"] or ended["deferred"]:
        output.line("  crmhealth rejects lists what was not accepted, and why")


def _show_rejects(output: Output, found: Sequence[stored_records.Rejection], total: int) -> None:
    output.table(
        f"Not accepted ({total})",
        ("crm", "record", "what", "outcome", "code", "message", "since", "times"),
        [
            (r.crm, r.crm_id, r.subject, r.outcome, r.code, r.message, r.first_at.date(), r.times)
            for r in found
        ],
    )


def _percent(share: object) -> str:
    return "–" if share is None else f"{float(str(share)):.0%}"


def _coloured(band: str) -> str:
    from crmhealth.render import band as coloured

    return coloured(band)
