"""Matching, between the configuration, the pure rules of `connectors.matching` and state."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from connectors.matching import MatchRules, match
from crmhealth.settings import Matching
from scoring.model import Account
from state import accounts as stored_accounts
from state.accounts import Match


def match_source(
    connection: Connection, source: str, rules: Matching, accounts: Sequence[Account], now: datetime
) -> None:
    """Decide which account of ours every account of a source is; remember decision and evidence."""
    found = match(
        stored_accounts.source_accounts(connection, source),
        accounts,
        MatchRules(
            manual=rules.manual,
            external_id_field=rules.external_id,
            source_id_field=rules.source_id,
            use_domains=rules.domains,
            ignore_domains=frozenset(rules.ignore_domains),
        ),
        stored_accounts.links(connection, source),
    )
    decided = [
        Match(
            account_key=item.account_key,
            account_id=item.account_id,
            outcome="matched",
            method=item.method,
            evidence=item.evidence,
        )
        for item in found.decisions
    ]
    undecided = [
        Match(
            account_key=item.account_key, account_id=None, outcome=outcome, method=None, evidence=item.reason
        )
        for outcome, items in (("unmatched", found.unmatched), ("ambiguous", found.ambiguous))
        for item in items
    ]
    ignored = [
        Match(
            account_key=key, account_id=None, outcome="ignored", method="manual", evidence="ignored by hand"
        )
        for key in found.ignored
    ]
    stored_accounts.remember_matches(connection, source, [*decided, *undecided, *ignored], now)


def _undecided(account_key: str, outcome: str, evidence: str) -> Match:
    return Match(account_key=account_key, account_id=None, outcome=outcome, method=None, evidence=evidence)
