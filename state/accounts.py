"""Accounts of ours, and which account of every source and CRM each of them is.

An account's id is made from the master CRM's id when it is first seen and never changes. Decisions of
matching are kept with method and evidence; what could not be decided is kept too, so that it can be listed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import orjson
from sqlalchemy import Connection, func, select

from scoring.model import SourceAccount
from state.tables import source_account, to_microseconds

MASTER = "master"
"""The method of a link that needs no matching: the account book's own record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What matching decided about one account of a source. `account_id` is None unless it matched."""

    account_key: str
    account_id: str | None
    outcome: str
    """matched, unmatched, ambiguous or ignored."""
    method: str | None
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchCount:
    """How many accounts of a source ended how."""

    source: str
    outcome: str
    count: int


def account_id_for(crm: str, crm_id: str) -> str:
    """Make the permanent id of the account that the master CRM knows as `crm_id`."""
    return "a" + blake2b(f"{crm}:{crm_id}".encode(), digest_size=10).hexdigest()


def source_accounts(connection: Connection, source: str) -> list[SourceAccount]:
    """List what a source knows of its accounts."""
    rows = connection.execute(
        select(source_account).where(source_account.c.source == source).order_by(source_account.c.account_key)
    )
    return [
        SourceAccount(
            account_key=row.account_key,
            name=row.name,
            external_id=row.external_id,
            domains=tuple(orjson.loads(row.domains)),
        )
        for row in rows
    ]


def links(connection: Connection, source: str) -> dict[str, str]:
    """Give account_key -> account_id for the matched accounts of a source or CRM."""
    rows = connection.execute(
        select(source_account.c.account_key, source_account.c.account_id).where(
            source_account.c.source == source, source_account.c.account_id.is_not(None)
        )
    )
    return {row.account_key: row.account_id for row in rows}


def remember_matches(connection: Connection, source: str, matches: Iterable[Match], now: datetime) -> None:
    """Keep decisions of matching; only what changed is written."""
    stored = {
        row.account_key: (row.account_id, row.outcome, row.method, row.evidence)
        for row in connection.execute(
            select(
                source_account.c.account_key,
                source_account.c.account_id,
                source_account.c.outcome,
                source_account.c.method,
                source_account.c.evidence,
            ).where(source_account.c.source == source)
        )
    }
    rows = [
        (m.account_id, m.outcome, m.method, m.evidence, to_microseconds(now), source, m.account_key)
        for m in matches
        if stored.get(m.account_key) != (m.account_id, m.outcome, m.method, m.evidence)
    ]
    if not rows:
        return
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    connection.exec_driver_sql(
        f"UPDATE source_account SET account_id = {mark}, outcome = {mark}, method = {mark},"
        f" evidence = {mark}, decided_at = {mark} WHERE source = {mark} AND account_key = {mark}",
        rows,
    )


def link_master(connection: Connection, crm: str, crm_ids: Sequence[str], now: datetime) -> None:
    """Link every record of the master's account book to the account that is made from it."""
    remember_matches(
        connection,
        crm,
        (
            Match(
                account_key=crm_id,
                account_id=account_id_for(crm, crm_id),
                outcome="matched",
                method=MASTER,
                evidence="record of the account book",
            )
            for crm_id in crm_ids
        ),
        now,
    )


def masters(connection: Connection) -> set[str]:
    """Name the CRMs whose records accounts were made from."""
    rows = connection.execute(
        select(source_account.c.source).where(source_account.c.method == MASTER).distinct()
    )
    return {row.source for row in rows}


def match_counts(connection: Connection) -> list[MatchCount]:
    """Count matched, unmatched, ambiguous and ignored accounts of every source."""
    rows = connection.execute(
        select(source_account.c.source, source_account.c.outcome, func.count())
        .group_by(source_account.c.source, source_account.c.outcome)
        .order_by(source_account.c.source, source_account.c.outcome)
    )
    return [MatchCount(source=row[0], outcome=row[1], count=row[2]) for row in rows]


def undecided(connection: Connection, source: str) -> Mapping[str, str]:
    """List the accounts of a source that are not matched: account_key -> evidence."""
    rows = connection.execute(
        select(source_account.c.account_key, source_account.c.outcome, source_account.c.evidence)
        .where(source_account.c.source == source, source_account.c.outcome.in_(("unmatched", "ambiguous")))
        .order_by(source_account.c.account_key)
    )
    return {row.account_key: f"{row.outcome}: {row.evidence or ''}" for row in rows}
