"""Score: from facts in state to what every record should show. Reads state, writes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import polars as pl
from sqlalchemy import Connection

from crmhealth import book, frames
from crmhealth.settings import Settings
from scoring.explain import Explanation, explain
from scoring.health import score
from scoring.metrics import signals
from scoring.model import Account, Band
from scoring.trend import trend
from state import accounts as stored_accounts
from state import recall
from state import scores as stored_scores
from state.recall import StreamName, TopicReading

TREND_BACK = timedelta(days=30)
TREND_TOLERANCE = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The scores of all accounts at one instant, with what explains them."""

    as_of: datetime
    accounts: Mapping[str, Account]
    readings: Sequence[TopicReading]
    scored: pl.DataFrame
    signals: pl.DataFrame
    trends: Mapping[str, str]
    explanations: Mapping[str, Explanation]

    @cached_property
    def rows(self) -> Mapping[str, Mapping[str, object]]:
        """Give score, band, confidence, entered_from and migrated by account_id."""
        columns = ("account_id", "score", "band", "confidence", "entered_from", "migrated")
        return {row["account_id"]: row for row in self.scored.select(columns).iter_rows(named=True)}

    def band(self, account_id: str) -> Band:
        return Band(str(self.rows[account_id]["band"]))


def judge(
    connection: Connection,
    settings: Settings,
    *,
    as_of: datetime,
    streams: Collection[StreamName],
    only: str | None = None,
) -> Judgement:
    """Score every account of the book as of an instant; `only` scores one account, to the same result.

    `streams` are those that are configured; what others once delivered does not count.
    """
    accounts = {
        account.account_id: account
        for account in book.load(connection, settings.master, as_of)
        if only is None or account.account_id == only
    }
    readings = [
        reading
        for reading in recall.readings(connection, as_of)
        if (reading.source, reading.stream) in streams
    ]
    matched = {
        source.name: sorted(set(stored_accounts.links(connection, source.name).values()))
        for source in settings.sources
    }
    frame = frames.accounts(accounts.values())
    last = stored_scores.last_as_of(connection)
    # The past had a memory of its own; today's would colour it. It is banded by the cuts alone.
    memory = frames.previous(connection) if last is None or as_of >= last else None
    facts = frames.facts(
        connection, settings.model, readings, matched, master=settings.master.name, as_of=as_of
    )
    signalled = signals(facts, frame, settings.model, as_of=as_of, timezone=settings.timezone)
    scored = score(
        signalled,
        frame,
        settings.model,
        as_of=as_of,
        refreshed_at=_refreshed_at(readings),
        timezone=settings.timezone,
        previous=memory,
        topics={reading.topic for reading in readings if reading.topic},
        detail=True,
    )
    snapshots = frames.snapshots(connection, at=as_of - TREND_BACK, tolerance=TREND_TOLERANCE)
    trends = trend(scored, snapshots, as_of=as_of)
    return Judgement(
        as_of=as_of,
        accounts=accounts,
        readings=readings,
        scored=scored,
        signals=signalled,
        trends=dict(trends.select("account_id", pl.col("trend").cast(pl.String)).iter_rows()),
        explanations={item.account_id: item for item in explain(scored, signalled, settings.model)},
    )


def _refreshed_at(readings: Sequence[TopicReading]) -> datetime | None:
    return max((reading.complete_at for reading in readings if reading.complete_at), default=None)
