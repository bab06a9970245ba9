"""Signals to one score."""

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from scoring.definition import ScoringModel


def score(
    signals: pl.DataFrame,
    accounts: pl.DataFrame,
    model: ScoringModel,
    *,
    as_of: datetime,
    refreshed_at: datetime | None,
    timezone: ZoneInfo,
    previous: pl.DataFrame | None = None,
    detail: bool = False,
) -> pl.DataFrame:
    """Score every account of `signals`; columns in `scoring.frames`."""
    raise NotImplementedError
