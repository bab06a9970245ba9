"""Scores to words: ledger rows, the three biggest drags and drivers, a short and a long text."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from scoring.definition import ScoringModel


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of the ledger: what it is, and the points it adds or takes."""

    id: str
    label: str
    points: Decimal
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one account has its score; rows add up to `score` exactly (none while unknown)."""

    account_id: str
    score: Decimal | None
    rows: tuple[LedgerRow, ...]
    drags: tuple[LedgerRow, ...]
    drivers: tuple[LedgerRow, ...]
    caps: tuple[LedgerRow, ...]
    gaps: tuple[str, ...]
    short: str
    long: str
    basis: tuple[str, ...]
    """Ids of what the texts name, in order: equal basis means equal reasons, whatever the numbers."""


def explain(
    scored: pl.DataFrame,
    signals: pl.DataFrame,
    model: ScoringModel,
    *,
    short_length: int = 255,
    long_length: int = 4000,
) -> Sequence[Explanation]:
    """Explain the accounts of `scored` (made with detail=True), in its order."""
    raise NotImplementedError
