"""Direction of the published score over 30 days, with a dead band.

Refuses to call noise a direction, and to compare with a day that was not scored.
"""

from datetime import UTC, datetime, timedelta

import polars as pl

from scoring.definition import units
from scoring.exact import divided
from scoring.model import Trend

_BACK = timedelta(days=30)
_TOLERANCE = timedelta(days=3)
_DEAD_BAND = units(3)


def trend(scored: pl.DataFrame, snapshots: pl.DataFrame, *, as_of: datetime) -> pl.DataFrame:
    """Give account_id, delta (points, null without a comparison) and trend, in the order of `scored`.

    The comparison is the latest snapshot between 33 and 30 days ago.
    """
    latest = as_of.astimezone(UTC) - _BACK
    then = (
        snapshots.lazy()
        .filter(pl.col("at").is_between(latest - _TOLERANCE, latest))
        .filter(pl.col("score").is_not_null())
        .group_by("account_id")
        .agg(pl.col("score").sort_by("at").last().alias("then"))
    )
    change = (pl.col("score") * 10_000).round() - (pl.col("then") * 10_000).round()
    direction = (
        pl.when(change.is_null())
        .then(pl.lit(Trend.NEW.value))
        .when(change >= _DEAD_BAND)
        .then(pl.lit(Trend.UP.value))
        .when(change <= -_DEAD_BAND)
        .then(pl.lit(Trend.DOWN.value))
        .otherwise(pl.lit(Trend.STEADY.value))
    )
    return (
        scored.lazy()
        .select("account_id", "score")
        .join(then, on="account_id", how="left", maintain_order="left")
        .select("account_id", divided(change, 10_000).round(4).alias("delta"), direction.alias("trend"))
        .collect()
    )
