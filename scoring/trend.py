"""Direction of the published score."""

from datetime import datetime

import polars as pl


def trend(scored: pl.DataFrame, snapshots: pl.DataFrame, *, as_of: datetime) -> pl.DataFrame:
    """Give account_id, delta (points, null without a comparison) and trend (a `model.Trend`)."""
    raise NotImplementedError
