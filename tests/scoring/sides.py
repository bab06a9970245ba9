"""Accounts at instants, for tests of what explains, compares and improves scores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from scoring.definition import ScoringModel
from scoring.explain import Explanation, explain
from scoring.health import score
from scoring.memory import previous_schema
from scoring.side import Side
from tests.scoring.builders import BERLIN, NOW, signal_frame
from tests.scoring.reference import comparing, worlds

TYPES: dict[type, Any] = {str: pl.String, float: pl.Float64, int: pl.Int64, bool: pl.Boolean, date: pl.Date}


def a_side(
    model: ScoringModel,
    row: Mapping[str, Any],
    *,
    fields: Mapping[str, Any] | None = None,
    as_of: datetime = NOW,
    previous: pl.DataFrame | None = None,
    cohort: pl.DataFrame | None = None,
) -> Side:
    """One account, "A": its signals as in `signal_frame`, also `events.<id>` and `<id>.text`, and its fields."""
    signals = signal_frame(model, {"account_id": "A", **row})
    extra: dict[str, Any] = dict.fromkeys((f"events.{rule.id}" for rule in model.points), pl.Float64)
    extra |= {name: pl.String for name in row if name.endswith(".text")}
    signals = signals.with_columns(
        pl.Series(name, [row.get(name)], dtype=kind) for name, kind in extra.items()
    )
    book = {name: pl.Series([value], dtype=TYPES[type(value)]) for name, value in (fields or {}).items()}
    return Side(
        account_id="A",
        signals=signals,
        accounts=pl.DataFrame({"account_id": ["A"], **book}),
        model=model,
        as_of=as_of,
        timezone=BERLIN,
        refreshed_at=as_of,
        previous=previous,
        cohort=cohort,
    )


def memory(side: Side) -> pl.DataFrame:
    """What the scoring of a side leaves for the next one."""
    return side.scored().select(list(previous_schema(side.model)))


def told(side: Side, **settings: Any) -> Explanation:
    """Explain the one account of a side."""
    (found,) = explain(
        side.scored(),
        side.signals,
        side.model,
        accounts=side.accounts,
        cohort=side.cohort,
        as_of=side.as_of,
        timezone=side.timezone,
        **settings,
    )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """One run over a random world: what the score was given, and what came out."""

    model: ScoringModel
    signals: pl.DataFrame
    accounts: pl.DataFrame
    cohort: pl.DataFrame
    as_of: datetime
    refreshed_at: datetime
    previous: pl.DataFrame | None
    scored: pl.DataFrame

    def side(self, account_id: str) -> Side:
        """Give one account of it."""
        return Side(
            account_id=account_id,
            signals=self.signals,
            accounts=self.accounts,
            model=self.model,
            as_of=self.as_of,
            timezone=worlds.ZONE,
            refreshed_at=self.refreshed_at,
            previous=self.previous,
            cohort=self.cohort,
        )


def lived(seed: int, *, accounts: int, runs: int) -> Iterator[Lived]:
    """Let a random world live; the medians of its cohorts are the means of their values."""
    previous: pl.DataFrame | None = None
    for evaluation in worlds.evaluations(seed, accounts=accounts, runs=runs):
        model = evaluation.model
        fields = {name: inputs.fields for name, inputs in evaluation.accounts.items()}
        signals = comparing.signals_frame(model, evaluation.accounts)
        book = comparing.accounts_frame(fields, evaluation.columns)
        cohort = comparing.cohort_frame(evaluation.cohort).with_columns(pl.col("mean").alias("reference"))
        scored = score(
            signals,
            book,
            model,
            as_of=evaluation.as_of,
            refreshed_at=evaluation.refreshed_at,
            timezone=worlds.ZONE,
            previous=previous,
            cohort=cohort,
            detail=True,
        )
        yield Lived(
            model=model,
            signals=signals,
            accounts=book,
            cohort=cohort,
            as_of=evaluation.as_of,
            refreshed_at=evaluation.refreshed_at,
            previous=previous,
            scored=scored,
        )
        previous = scored.select(list(previous_schema(model)))
