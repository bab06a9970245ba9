"""Where the published score is heading: against 7, 30 and 90 days ago, a sudden fall, days until red.

A comparison is with the latest snapshot at or before that day, no more than three days older. Direction has a
dead band, and a forecast needs eight weeks that agree and a high confidence.

Refuses to call noise a direction, and to compare with a day that was not scored. Scores of another model are
no snapshots to compare with: whoever calls leaves them out.
"""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import polars as pl

from scoring.definition import UNITS_PER_POINT, ScoringModel, units
from scoring.exact import divided
from scoring.model import Band, Trend
from scoring.profiles import resolved
from scoring.rules import DAY
from scoring.weeks import AGREEMENT, SMALLEST_SLOPE

_TOLERANCE = timedelta(days=3)
_DEAD_BAND = units(3)
COMPARED = (7, 30, 90)
"""Days back of each comparison."""
REACH = timedelta(days=max(COMPARED)) + _TOLERANCE
"""How far back snapshots are needed."""
FALL, FALL_WITHIN = units(15), timedelta(days=14)
"""A fall of so much within this time is an alert, whatever the band."""
_WEEK, _TICK = 7 * DAY, timedelta(microseconds=1)
_ROOM = 2**20
"""More than there are scores (1,000,001 units); with the microseconds of REACH it fits into 63 bits."""
_EARLIER = range(1, 8)
"""Weeks back from now: together with the score of now, eight."""
_PAIRS = [(earlier, later) for later, earlier in combinations((0, *_EARLIER), 2)]
_ALL_SPANS = 420
"""Divisible by every number of weeks that may lie between two of eight."""
SURE = 0.8
"""Confidence from which on a forecast is shown."""
FURTHEST_DAYS = 90
"""A line through eight weeks says nothing about what is further away."""


def trend(scored: pl.DataFrame, snapshots: pl.DataFrame, *, as_of: datetime) -> pl.DataFrame:
    """Give account_id, delta (points, null without a comparison) and trend, in the order of `scored`.

    The comparison is the latest snapshot between 33 and 30 days ago.
    """
    known = _beside(scored.select("account_id", "score"), _before(_past(snapshots, as_of), 30, "then"))
    change = _units(pl.col("score")) - pl.col("then")
    return known.select("account_id", _points(change).alias("delta"), _direction(change).alias("trend"))


def trends(
    scored: pl.DataFrame, snapshots: pl.DataFrame, model: ScoringModel, *, as_of: datetime
) -> pl.DataFrame:
    """Give every comparison with the past, in the order of `scored`; shapes as in `scoring.frames`.

    account_id, delta_7, delta_30 and delta_90 (points; null without a comparison), trend (up, steady, down or
    new, over 30 days), fall (points lost since the highest score of the last 14 days, or since the one that
    held when they began), falling (a fall of 15 or more), and days_to_red: whole days until the line through
    the last eight weeks is below the yellow cut; null unless confidence is high, the weeks agree, the band is
    not red already, and it is no further than 90 days away.
    """
    past = _past(snapshots, as_of)
    now = _units(pl.col("score"))
    known = _beside(
        scored.select("account_id", "score", "band", "confidence", "profile"),
        *(_before(past, days, f"before {days}") for days in COMPARED),
        _highest(past),
        *(_last(past, week * _WEEK, (week + 1) * _WEEK - _TICK, f"week {week}") for week in _EARLIER),
    )
    known = known.with_columns(now.alias("week 0"), _yellow_cut(model).alias("cut")).with_columns(
        _rise(earlier, later).alias(f"rise {earlier} {later}") for earlier, later in _PAIRS
    )
    change = {days: now - pl.col(f"before {days}") for days in COMPARED}
    fall = (pl.col("highest") - now).clip(0, None)
    return known.select(
        "account_id",
        *(_points(change[days]).alias(f"delta_{days}") for days in COMPARED),
        _direction(change[30]).alias("trend"),
        _points(fall).alias("fall"),
        (fall >= FALL).fill_null(False).alias("falling"),
        _days_to_red(now).alias("days_to_red"),
    )


def _past(snapshots: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Give account_id, age and moment: a number that is greater the later, and then the higher, a score was.

    The greatest of some moments is found much faster than the last of some sorted rows.
    """
    age = pl.lit(as_of.astimezone(UTC)) - pl.col("at")
    later = (pl.lit(REACH) - age).dt.total_microseconds()
    return (
        snapshots.lazy()
        .filter(pl.col("score").is_not_null() & age.is_between(timedelta(0), REACH))
        .select("account_id", age.alias("age"), (later * _ROOM + _units(pl.col("score"))).alias("moment"))
        .collect()
    )


def _last(past: pl.DataFrame, youngest: timedelta, oldest: timedelta, name: str) -> pl.DataFrame:
    """Give account_id and the latest score (units) of these ages, both included."""
    inside = past.filter(pl.col("age").is_between(youngest, oldest))
    return inside.group_by("account_id").agg((pl.col("moment").max() % _ROOM).alias(name))


def _before(past: pl.DataFrame, days: int, name: str) -> pl.DataFrame:
    """Give account_id and the latest score at or before so many days ago."""
    return _last(past, days * DAY, days * DAY + _TOLERANCE, name)


def _highest(past: pl.DataFrame) -> pl.DataFrame:
    """Give account_id and highest: of the last 14 days, and of the score that held when they began."""
    within = past.filter(pl.col("age") <= FALL_WITHIN)
    scores = [
        within.select("account_id", (pl.col("moment") % _ROOM).alias("highest")),
        _before(past, FALL_WITHIN // DAY, "highest"),
    ]
    return pl.concat(scores).group_by("account_id").agg(pl.col("highest").max())


def _beside(accounts: pl.DataFrame, *found: pl.DataFrame) -> pl.DataFrame:
    for frame in found:
        accounts = accounts.join(frame, on="account_id", how="left", maintain_order="left")
    return accounts


def _units(score: pl.Expr) -> pl.Expr:
    return (score * UNITS_PER_POINT).round().cast(pl.Int64)


def _points(change: pl.Expr) -> pl.Expr:
    return divided(change.cast(pl.Float64), UNITS_PER_POINT).round(4)


def _direction(change: pl.Expr) -> pl.Expr:
    return (
        pl.when(change.is_null())
        .then(pl.lit(Trend.NEW.value))
        .when(change >= _DEAD_BAND)
        .then(pl.lit(Trend.UP.value))
        .when(change <= -_DEAD_BAND)
        .then(pl.lit(Trend.DOWN.value))
        .otherwise(pl.lit(Trend.STEADY.value))
    )


def _yellow_cut(model: ScoringModel) -> pl.Expr:
    """Give where yellow begins under the profile that counts for an account."""
    result: pl.Expr = pl.lit(model.cut("yellow"))
    for profile in model.profiles:
        cut = resolved(model, profile.id).cut("yellow")
        result = pl.when(pl.col("profile") == profile.id).then(cut).otherwise(result)
    return result


def _rise(earlier: int, later: int) -> pl.Expr:
    """Give the rise a week between two weeks (counted back from now), in 420ths of a unit."""
    return (pl.col(f"week {later}") - pl.col(f"week {earlier}")) * (_ALL_SPANS // (earlier - later))


def _days_to_red(now: pl.Expr) -> pl.Expr:
    """Follow the median of the rises between all pairs of weeks (Theil and Sen) down to the yellow cut."""
    rises = [pl.col(f"rise {earlier} {later}") for earlier, later in _PAIRS]
    weeks = pl.sum_horizontal(pl.col(f"week {week}").is_not_null().cast(pl.Int32) for week in (0, *_EARLIER))
    direction, pairs = _count([rise < 0 for rise in rises]), _count([rise.is_not_null() for rise in rises])
    direction = direction - _count([rise > 0 for rise in rises])
    agreed = direction * AGREEMENT[1] >= pairs * AGREEMENT[0]
    # twice a median of whole numbers is a whole number
    twice = -2 * pl.concat_arr(rise.cast(pl.Float64) for rise in rises).arr.median()
    steep = twice.round().cast(pl.Int64)
    above = now - pl.col("cut")
    days = above * (2 * 7 * _ALL_SPANS) // pl.when(steep > 0).then(steep) + 1
    shown = (
        (weeks >= SMALLEST_SLOPE)
        & agreed
        & (above >= 0)
        & (pl.col("confidence") >= SURE)
        & (pl.col("band").cast(pl.String) != Band.RED.value)
        & (days <= FURTHEST_DAYS)
    )
    return pl.when(shown).then(days).cast(pl.Int32)


def _count(flags: list[pl.Expr]) -> pl.Expr:
    return pl.sum_horizontal(flag.fill_null(False).cast(pl.Int32) for flag in flags)
