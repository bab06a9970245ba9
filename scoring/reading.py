"""What a kind of series metric gives for one signal. Refuses to know any kind."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

import polars as pl

from scoring.days import Days
from scoring.definition import Signal

NOTHING = pl.lit(None, dtype=pl.Float64)

WindowUse: TypeAlias = Literal["none", "allowed", "needed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One signal as expressions over what was asked about the days of an account. Null is NO_DATA."""

    value: pl.Expr
    observed_at: pl.Expr
    prior: pl.Expr = NOTHING
    absent: float | None = None
    """The value of an account that the source knows but has no number of this metric for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way from a series to a number, and what an admin may ask of it."""

    read: Callable[[Signal, Days], Reading]
    window: WindowUse = "needed"
    windows: int = 1
    """How many windows it looks at."""
    whole_weeks: bool = False
    """Windows that are compared, or cut into weeks, must hold the same weekdays."""
    shortest: timedelta = timedelta(days=1)
    longest: timedelta | None = None
    """What a window may be."""
    reach: timedelta = timedelta(0)
    """How far back it looks besides."""
    divisible: bool = True
    """Whether a ratio (`per`) of it means anything: counts and amounts do, changes and ages do not."""
    uses: frozenset[str] = frozenset()
    """Which of `gaps` and `min_baseline` change what it gives."""

    def lookback(self, signal: Signal) -> timedelta:
        """Say how many days of numbers this kind needs before the last complete day."""
        return self.windows * (signal.window or timedelta(0)) + self.reach
