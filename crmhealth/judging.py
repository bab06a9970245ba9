"""Score: from facts in state to what every record should show. Reads state, writes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection

from crmhealth import book, frames, models
from crmhealth.settings import Settings
from scoring.basis import basis
from scoring.cohort import FROZEN_FOR, freeze
from scoring.definition import ScoringModel, model_hash
from scoring.explain import Explanation, explain
from scoring.frames import COHORT_SCHEMA
from scoring.health import score
from scoring.metrics import Facts, signals
from scoring.model import Account, Band
from scoring.side import Side
from scoring.trend import trends
from state import accounts as stored_accounts
from state import models as stored_models
from state import recall, runs
from state import scores as stored_scores
from state.recall import StreamName, TopicReading
from state.scores import Judged
from sync import stored


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The scores of all accounts at one instant, with what explains them."""

    as_of: datetime
    model: ScoringModel
    accounts: Mapping[str, Account]
    readings: Sequence[TopicReading]
    book: pl.DataFrame
    scored: pl.DataFrame
    signals: pl.DataFrame
    cohort: pl.DataFrame
    frozen: bool
    """The cohort was made in this scoring."""
    trends: pl.DataFrame
    sides: Mapping[str, "SideJudgement"]
    """Scores beside health, by name."""
    timezone: ZoneInfo
    memory: pl.DataFrame | None
    """What the scoring before had left."""
    topics: frozenset[str]
    refreshed_at: datetime | None

    @cached_property
    def rows(self) -> Mapping[str, Mapping[str, object]]:
        """Give what writing looks at, by account_id."""
        columns = (
            "account_id",
            "score",
            "band",
            "confidence",
            "entered_from",
            "migrated",
            "data_change",
            "flapping",
        )
        return {row["account_id"]: row for row in self.scored.select(columns).iter_rows(named=True)}

    @cached_property
    def basis(self) -> Mapping[str, str]:
        """Give, by account_id, what the reasons would name: the same basis means the same reasons."""
        texts = basis(self.scored, self.signals, self.model, accounts=self.book, cohort=self.cohort)
        return dict(zip(self.scored["account_id"], texts, strict=True))

    def explained(self, account_ids: Collection[str]) -> Mapping[str, Explanation]:
        """Explain these accounts; sentences are made for nobody else."""
        wanted = self.scored.filter(pl.col("account_id").is_in(list(account_ids)))
        told = explain(
            wanted,
            self.signals,
            self.model,
            accounts=self.book,
            cohort=self.cohort,
            as_of=self.as_of,
            timezone=self.timezone,
        )
        return {item.account_id: item for item in told}

    def side(self, account_id: str) -> Side:
        """Give everything the score of one account was made of."""
        return Side(
            account_id=account_id,
            signals=self.signals,
            accounts=self.book,
            model=self.model,
            as_of=self.as_of,
            timezone=self.timezone,
            refreshed_at=self.refreshed_at,
            previous=self.memory,
            topics=self.topics,
            cohort=self.cohort,
        ).alone()

    def band(self, account_id: str) -> Band:
        return Band(str(self.rows[account_id]["band"]))

    def judged(self) -> Judged:
        """Give what is remembered of this scoring once its plan is accepted."""
        return Judged(
            scores=frames.stored_rows(self.scored, self.model, self.as_of),
            model=models.stored(self.model),
            cohort=frames.cohort_bytes(self.cohort) if self.frozen else None,
            side_scores={
                name: frames.stored_rows(side.scored, side.model, self.as_of)
                for name, side in self.sides.items()
            },
        )


@dataclass(frozen=True, kw_only=True)
class SideJudgement:
    """A score beside health, made by the same machinery from a model of its own."""

    model: ScoringModel
    scored: pl.DataFrame
    signals: pl.DataFrame


def judge(
    connection: Connection,
    settings: Settings,
    *,
    as_of: datetime,
    streams: Collection[StreamName],
    model: ScoringModel | None = None,
    replay: bool = False,
    only: str | None = None,
) -> Judgement:
    """Score every account of the book as of an instant; `only` scores one account, to the same result.

    `streams` are those that are configured; what others once delivered does not count. With `replay`, the past
    of the accounts is what it was before `as_of`, as the last plan carried out before it has kept it: a day that
    was published comes out as it was published. `model` is another one than that of the configuration.
    """
    model = model or settings.model
    alone = only if model.hierarchy.mode == "own" else None
    accounts = {
        account.account_id: account
        for account in book.load(connection, settings.master, as_of)
        if alone is None or account.account_id == alone
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
    topics = frozenset(reading.topic for reading in readings if reading.topic)

    def facts_for(wanted: ScoringModel) -> Facts:
        return frames.facts(connection, wanted, readings, matched, master=settings.master.name, as_of=as_of)

    def scored_with(
        facts: Facts, by: ScoringModel, memory: pl.DataFrame | None, cohort: pl.DataFrame | None
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        signalled = signals(facts, frame, by, as_of=as_of, timezone=settings.timezone, cohort=cohort)
        scored = score(
            signalled,
            frame,
            by,
            as_of=as_of,
            refreshed_at=_refreshed_at(readings),
            timezone=settings.timezone,
            previous=memory,
            topics=topics,
            cohort=cohort,
            detail=True,
        )
        return signalled, scored

    facts = facts_for(model)
    memory = _memory(connection, model, as_of, replay=replay)
    cohort, is_old = _cohort(connection, model, as_of)
    signalled, scored = scored_with(facts, model, memory, cohort)
    frozen = is_old and alone is None and not replay
    if frozen:
        cohort = freeze(scored, signalled, frame)
        signalled, scored = scored_with(facts, model, memory, cohort)
    sides = {}
    for name, side in settings.side_scores.items() if not replay else ():
        remembered = frames.previous(stored_scores.current_side(connection, name), side)
        side_signals, side_scored = scored_with(facts_for(side), side, remembered, None)
        sides[name] = SideJudgement(model=side, scored=side_scored, signals=side_signals)
    if only is not None:
        scored = scored.filter(pl.col("account_id") == only)
    past = frames.snapshots(connection, as_of=as_of, version=model.version)
    return Judgement(
        as_of=as_of,
        model=model,
        accounts=accounts,
        readings=readings,
        book=frame,
        scored=scored,
        signals=signalled,
        cohort=NO_COHORT if cohort is None else cohort,
        frozen=frozen,
        trends=trends(scored, past, model, as_of=as_of),
        sides=sides,
        timezone=settings.timezone,
        memory=memory,
        topics=topics,
        refreshed_at=_refreshed_at(readings),
    )


NO_COHORT = pl.DataFrame(schema=dict(COHORT_SCHEMA))


def _memory(
    connection: Connection, model: ScoringModel, as_of: datetime, *, replay: bool
) -> pl.DataFrame | None:
    """Give what the scoring before left; None where nothing was published before."""
    last = stored_scores.last_as_of(connection)
    if not replay and last is not None and as_of >= last:
        return frames.previous(stored_scores.current(connection), model)
    kept = runs.scores_before(connection, as_of)
    return None if kept is None else frames.previous(stored.restored_scores(kept), model)


def _cohort(connection: Connection, model: ScoringModel, as_of: datetime) -> tuple[pl.DataFrame | None, bool]:
    """Give the frozen cohort of a model, and whether it is time for a new one."""
    kept = stored_models.cohort_at(connection, model_hash(model), as_of)
    if kept is None:
        return None, True
    frozen_at, body = kept
    return frames.cohort_of(body), as_of - frozen_at >= FROZEN_FOR


def _refreshed_at(readings: Sequence[TopicReading]) -> datetime | None:
    return max((reading.complete_at for reading in readings if reading.complete_at), default=None)
