"""The command `explain`: why one account has its score, in rows that add up to what was published.

It finds the account by what people call it, judges the day it is asked about again, by the model and the past
that counted then, and refuses to explain what does not come out as it was published.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from crmhealth import book, models
from crmhealth.judging import Judgement, judge
from crmhealth.render import Output
from crmhealth.render import band as coloured
from crmhealth.reports import percent
from crmhealth.settings import Settings
from crmhealth.wiring import open_world
from scoring.change import Change, ChangeRow, change
from scoring.definition import model_hash
from scoring.explain import Explanation
from scoring.ledger import LedgerRow
from scoring.model import Account
from scoring.remedy import Remedy, Target, remedies
from state import accounts as stored_accounts
from state import runs as stored_runs
from state import scores as stored_scores
from state import tasks as stored_tasks
from state.recall import StreamName
from state.tasks import StoredTask
from sync import stored


@dataclass(frozen=True, kw_only=True)
class _Told:
    """One account at one published moment."""

    as_of: datetime
    judgement: Judgement
    account: Account
    explanation: Explanation

    @property
    def row(self) -> Mapping[str, object]:
        return self.judgement.rows[self.account.account_id]


def explain(
    settings: Settings,
    account: str,
    *,
    json: bool,
    as_of: datetime | None = None,
    since: datetime | None = None,
) -> int:
    """Show the ledger of one account as it was published, and why it changed since another day."""
    output = Output(json=json)
    with open_world(settings, alone=None) as world, world.database.reading() as connection:
        moment = _published(connection, as_of)
        if moment is None:
            output.failure("explain", *_nothing_scored(as_of))
            return 1
        found, was_known = _find_accounts(connection, settings, account, moment)
        if len(found) != 1:
            output.failure("explain", *_not_one(account, found, was_known))
            return 1
        account_id = found[0].account_id
        now = _tell(connection, settings, world.streams, account_id, moment)
        before = None
        if since is not None:
            earlier = _published(connection, since)
            if earlier is None or earlier >= moment:
                output.failure("explain", *_nothing_before(since, moment))
                return 1
            before = _tell(connection, settings, world.streams, account_id, earlier)
        history = stored_scores.history_of(connection, account_id, 5)
        opened = stored_tasks.of_account(connection, account_id)
    if isinstance(now, str):
        output.failure("explain", now, "run `crmhealth cycle` first")
        return 1
    if isinstance(before, str):
        output.failure("explain", before, "name a later day with --since")
        return 1
    changed = None
    if before is not None:
        changed = change(before.judgement.side(account_id), now.judgement.side(account_id))
    ways = [
        way
        for target in _better(str(now.row["band"]))
        for way in remedies(now.judgement.side(account_id), target)
    ]
    if json:
        output.document(_document(now, before, changed, ways, history, opened))
    else:
        _show(output, now, before, changed, ways, history, opened)
    return 0


def _published(connection: Connection, at: datetime | None) -> datetime | None:
    """Give the moment of the newest scoring that was published, at an instant or before it."""
    if at is None:
        return stored_scores.last_as_of(connection)
    return stored_runs.published_at(connection, at)


def _nothing_scored(as_of: datetime | None) -> tuple[str, str]:
    if as_of is None:
        return "nothing has been scored yet", "run `crmhealth cycle` first"
    return f"nothing had been published by {as_of.date()}", "name a later day with --as-of"


def _nothing_before(since: datetime, moment: datetime) -> tuple[str, str]:
    return (
        f"nothing was published by {since.date()} that is older than {moment.isoformat(timespec='minutes')}",
        "name another day with --since",
    )


def _tell(
    connection: Connection, settings: Settings, streams: Collection[StreamName], account_id: str, at: datetime
) -> _Told | str:
    """Judge a published moment again, by the model and the memory it had; a sentence says why it cannot be."""
    body = stored_runs.scores_at(connection, at)
    rows = stored.restored_scores(body) if body is not None else []
    kept = next((row for row in rows if row.account_id == account_id), None)
    if kept is None:
        return f"this account was not scored on {at.date()}"
    made_under = str(kept.memory.get("model_hash")).partition(":")[0]
    model = models.used(connection, made_under, settings.model) if kept.score is not None else settings.model
    if model is None:
        return "the model this score was made with is not remembered"
    judgement = judge(
        connection, settings, as_of=at, streams=streams, model=model, replay=True, only=account_id
    )
    if account_id not in judgement.rows:
        return f"this account was not in the book on {at.date()}"
    if judgement.rows[account_id]["score"] != kept.score:
        return (
            "sources or settings have changed since this was published, so it cannot be explained as it was"
        )
    return _Told(
        as_of=at,
        judgement=judgement,
        account=judgement.accounts[account_id],
        explanation=judgement.explained([account_id])[account_id],
    )


def _better(band: str) -> tuple[Target, ...]:
    """Name the bands above one."""
    above: Mapping[str, tuple[Target, ...]] = {"red": ("yellow", "green"), "yellow": ("green",)}
    return above.get(band, ())


def _document(
    now: _Told,
    before: _Told | None,
    changed: Change | None,
    ways: Sequence[Remedy],
    history: Sequence[object],
    opened: Sequence[object],
) -> dict[str, object]:
    told = now.explanation
    return {
        "account_id": now.account.account_id,
        "crm_id": now.account.crm_id,
        "name": now.account.name,
        "as_of": now.as_of,
        "model": {"version": now.judgement.model.version, "hash": model_hash(now.judgement.model)},
        "score": now.row["score"],
        "band": now.row["band"],
        "confidence": now.row["confidence"],
        "rows": [_row(row) for row in told.rows],
        "drivers": [_row(row) for row in told.drivers],
        "gaps": told.gaps,
        "notes": told.notes,
        "remedies": [
            {"to": way.target, "sentence": way.sentence, "score": str(way.score), "only_once": way.only_once}
            for way in ways
        ],
        "change": None
        if changed is None or before is None
        else {
            "since": before.as_of,
            "before": None if changed.before is None else str(changed.before),
            "after": None if changed.after is None else str(changed.after),
            "rows": [{"kind": row.kind, **_row(row)} for row in changed.rows],
            "text": changed.text,
        },
        "history": history,
        "tasks": opened,
    }


def _row(row: LedgerRow | ChangeRow) -> dict[str, str]:
    return {"id": row.id, "label": row.label, "points": str(row.points), "sentence": row.sentence}


def _show(
    output: Output,
    now: _Told,
    before: _Told | None,
    changed: Change | None,
    ways: Sequence[Remedy],
    history: Sequence[tuple[datetime, float | None, str]],
    opened: Sequence[StoredTask],
) -> None:
    told = now.explanation
    output.line(f"{now.account.name} ({now.account.crm_id}) as of {now.as_of.isoformat(timespec='minutes')}")
    if told.score is None:
        output.line("No score: there is not enough data.")
    else:
        output.line(
            f"Score {told.score.normalize():f}, ",
            coloured(str(now.row["band"])),
            f", confidence {percent(now.row['confidence'])}",
        )
        output.table(
            "Ledger",
            ("points", "what", "why"),
            [(f"{row.points:+.4f}", row.label, row.sentence) for row in told.rows],
        )
        output.line(f"Sum of the rows: {sum(row.points for row in told.rows):.4f}")
        output.table(
            "Speaks for the account",
            ("points", "what", "why"),
            [(f"{row.points:+.4f}", row.label, row.sentence) for row in told.drivers],
        )
    for gap in told.gaps:
        output.line(f"Missing: {gap}")
    for note in told.notes:
        output.line(f"Note: {note}")
    for way in ways:
        output.line(way.sentence)
    if changed is not None and before is not None:
        output.line(f"Since {before.as_of.isoformat(timespec='minutes')}: {changed.text.splitlines()[0]}")
        output.table(
            "Change",
            ("points", "because of", "why"),
            [(f"{row.points:+.4f}", row.kind, row.sentence) for row in changed.rows],
        )
    output.table("History", ("as of", "score", "band"), [(h[0].date(), h[1], h[2]) for h in history])
    output.table("Tasks", ("task", "status", "due"), [(t.subject, t.status, t.due_on) for t in opened])


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
