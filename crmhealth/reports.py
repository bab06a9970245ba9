"""Plans, reports and refusals as people see them."""

from collections.abc import Mapping, Sequence

from crmhealth.cycle import CycleReport
from crmhealth.judging import Judgement
from crmhealth.render import Output
from state import records as stored_records
from sync.values import OutcomeStatus, Plan

SHOWN_ACCOUNTS = 10
"""How many rows of a list are shown without --details."""


def calls_needed(made: Plan, batch_sizes: dict[str, int]) -> dict[str, int]:
    """Count the write calls a plan takes, by CRM."""
    calls: dict[str, int] = {}
    for name, size in batch_sizes.items():
        fields = sum(1 for change in made.records if change.crm == name)
        tasks = sum(1 for change in made.tasks if change.crm == name)
        calls[name] = -(-fields // size) - (-tasks // size)
    return calls


def show_bands(output: Output, judgement: Judgement) -> None:
    counts: dict[str, int] = {}
    for row in judgement.rows.values():
        counts[str(row["band"])] = counts.get(str(row["band"]), 0) + 1
    shown = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    output.line(
        f"{len(judgement.rows)} accounts as of {judgement.as_of.isoformat(timespec='minutes')}: {shown}"
    )


def show_plan(output: Output, made: Plan, plan_id: int, calls: dict[str, int], *, details: bool) -> None:
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


def plan_document(made: Plan) -> dict[str, object]:
    return {
        "baseline": made.baseline,
        "scored": made.scored,
        "transitions": made.transitions,
        "records": made.records,
        "adoptions": made.adoptions,
        "episodes": made.episodes,
        "tasks": made.tasks,
    }


def show_report(output: Output, report: CycleReport) -> None:
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


def show_rejects(output: Output, found: Sequence[stored_records.Rejection], total: int) -> None:
    output.table(
        f"Not accepted ({total})",
        ("crm", "record", "what", "outcome", "code", "message", "since", "times"),
        [
            (r.crm, r.crm_id, r.subject, r.outcome, r.code, r.message, r.first_at.date(), r.times)
            for r in found
        ],
    )


def show_undecided(output: Output, found: Sequence[Mapping[str, str]]) -> None:
    """Show the first accounts of every source that belong to no account of ours, and why."""
    for source in dict.fromkeys(item["source"] for item in found):
        own = [item for item in found if item["source"] == source]
        shown = own[:SHOWN_ACCOUNTS]
        output.table(
            f"Of {source}, no account of ours ({len(own)})",
            ("account", "why"),
            [(item["account"], item["evidence"]) for item in shown],
        )
        if len(shown) < len(own):
            output.line(f"  {len(own) - len(shown)} more: crmhealth status --json")


def percent(share: object) -> str:
    return "–" if share is None else f"{float(str(share)):.0%}"
