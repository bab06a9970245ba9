"""The command `explain`: why one account has its score, in rows that add up to what was published.

It finds the account by what people call it, and refuses to explain a score by a model that did not make it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from crmhealth import book
from crmhealth.judging import judge
from crmhealth.render import Output
from crmhealth.render import band as coloured
from crmhealth.reports import percent
from crmhealth.settings import Settings
from crmhealth.wiring import open_world
from scoring.definition import model_hash
from scoring.model import Account
from state import accounts as stored_accounts
from state import scores as stored_scores
from state import tasks as stored_tasks


def explain(settings: Settings, account: str, *, json: bool) -> int:
    """Show the ledger of one account."""
    output = Output(json=json)
    with open_world(settings, alone=None) as world, world.database.reading() as connection:
        as_of = stored_scores.last_as_of(connection)
        if as_of is None:
            output.failure("explain", "nothing has been scored yet", "run `crmhealth cycle` first")
            return 1
        found, was_known = _find_accounts(connection, settings, account, as_of)
        if len(found) != 1:
            output.failure("explain", *_not_one(account, found, was_known))
            return 1
        account_id = found[0].account_id
        published = stored_scores.current_of(connection, account_id)
        if _scored_by_another(published, settings):
            # Its rows would add up to a score that nobody has published.
            output.failure(
                "explain", "the model has changed since the last scoring", "run `crmhealth cycle` first"
            )
            return 1
        judgement = judge(connection, settings, as_of=as_of, streams=world.streams, only=account_id)
        history = stored_scores.history_of(connection, account_id, 5)
        opened = stored_tasks.of_account(connection, account_id)
    explanation = judgement.explained([account_id])[account_id]
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
        output.line(
            f"Score {published.score:g}, ",
            coloured(published.band),
            f", confidence {percent(published.confidence)}",
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


def _scored_by_another(published: stored_scores.StoredScore | None, settings: Settings) -> bool:
    """Tell whether a published score is of another model than the one that is configured."""
    if published is None or published.score is None:
        return False
    made_under = str(published.memory.get("model_hash")).partition(":")[0]
    return made_under != model_hash(settings.model)


def _find_accounts(
    connection: Connection, settings: Settings, wanted: str, as_of: datetime
) -> tuple[list[Account], bool]:
    """Find accounts of the book by an id or else by name, and tell whether the id ever was an account's."""
    accounts = book.load(connection, settings.master, as_of)
    links = [stored_accounts.links(connection, crm.name) for crm in settings.crms]
    ids = {wanted, *(linked[wanted] for linked in links if wanted in linked)}
    found = [account for account in accounts if account.account_id in ids or account.crm_id == wanted]
    was_known = any(wanted in linked or wanted in linked.values() for linked in links)
    return found or [account for account in accounts if account.name == wanted], was_known


def _not_one(wanted: str, found: Sequence[Account], was_known: bool) -> tuple[str, str]:
    """Say why a word does not name one account, and what would."""
    if found:
        crm_ids = ", ".join(account.crm_id for account in found)
        return f"{len(found)} accounts are {wanted!r}: {crm_ids}", "give one of these CRM ids"
    if was_known:
        return (
            f"{wanted!r} is no account any more; the master CRM no longer lists it",
            "`where` of the master says which accounts there are",
        )
    return f"no account {wanted!r}", "give an account id, a CRM id or the exact name"
