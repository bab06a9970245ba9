"""Kinds of series metrics: how the daily numbers of an account become one number.

A day without a number means that nothing happened (`gaps = "zero"`) to an account that the source knows; an
account it does not know is NO_DATA, whatever the kind. With `gaps = "skip"` such days are left out.

Refuses to look at a day that is not over, or that the source has delivered for nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

import polars as pl

from scoring.definition import DAY, Signal
from scoring.exact import divided, from_parts, to_parts
from scoring.frames import INSTANT
from scoring.moment import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one kind gives for one signal, as expressions over the daily numbers of one account.

    Columns are day, parts and observed_at, one row per day. A null value is NO_DATA.
    """

    value: pl.Expr
    observed_at: pl.Expr
    prior: pl.Expr
    absent: float | None
    """The value of an account that the source knows but has no number of this metric for."""


_NOTHING = pl.lit(None, dtype=pl.Float64)


def _window_days(signal: Signal) -> int:
    return (signal.window or DAY) // DAY


def _between(days: tuple[date, date]) -> pl.Expr:
    return pl.col("day").is_between(pl.lit(days[0]), pl.lit(days[1]))


def _sum(days: tuple[date, date]) -> pl.Expr:
    return from_parts(pl.when(_between(days)).then(pl.col("parts")).sum())


def _count(days: tuple[date, date]) -> pl.Expr:
    return _between(days).sum()


def _mean(signal: Signal, days: tuple[date, date]) -> pl.Expr:
    if signal.gaps == "zero":
        return divided(_sum(days), _window_days(signal))
    return pl.when(_count(days) > 0).then(divided(_sum(days), _count(days)))


def _seen_at(signal: Signal, moment: Moment) -> pl.Expr:
    """When a window was true: at its end where gaps are zeros, else at the last number in it."""
    end = pl.lit(moment.day_end, dtype=INSTANT)
    if signal.gaps == "zero":
        return end
    return pl.when(_between(moment.window(signal.window or DAY))).then(pl.col("observed_at")).max()


def _latest(signal: Signal, moment: Moment) -> Reading:
    return Reading(
        value=from_parts(pl.col("parts").sort_by("day").last()),
        observed_at=pl.col("observed_at").max(),
        prior=_NOTHING,
        absent=None,
    )


def _sum_kind(signal: Signal, moment: Moment) -> Reading:
    days = moment.window(signal.window or DAY)
    zero = signal.gaps == "zero"
    return Reading(
        value=_sum(days) if zero else pl.when(_count(days) > 0).then(_sum(days)),
        observed_at=_seen_at(signal, moment),
        prior=_NOTHING,
        absent=0.0 if zero else None,
    )


def _mean_kind(signal: Signal, moment: Moment) -> Reading:
    return Reading(
        value=_mean(signal, moment.window(signal.window or DAY)),
        observed_at=_seen_at(signal, moment),
        prior=_NOTHING,
        absent=0.0 if signal.gaps == "zero" else None,
    )


def _trend(signal: Signal, moment: Moment) -> Reading:
    window = signal.window or DAY
    last, prior = _mean(signal, moment.window(window)), _mean(signal, moment.window(window, back=1))
    # a ratio to nothing is no trend: too small a baseline says nothing, it never says infinity
    enough = (prior > 0) & (prior >= signal.min_baseline)
    return Reading(
        value=pl.when(enough).then((divided(last, prior) - 1).round(9)),
        observed_at=_seen_at(signal, moment),
        prior=pl.when(enough).then(prior),
        absent=None,
    )


def _active_days(signal: Signal, moment: Moment) -> Reading:
    days = moment.window(signal.window or DAY)
    return Reading(
        value=(_between(days) & (pl.col("parts") > 0)).sum().cast(pl.Float64),
        observed_at=pl.lit(moment.day_end, dtype=INSTANT),
        prior=_NOTHING,
        absent=0.0,
    )


def _recency(signal: Signal, moment: Moment) -> Reading:
    last_active = pl.when(pl.col("parts") > 0).then(pl.col("day")).max()
    return Reading(
        value=(pl.lit(moment.last_day) - last_active).dt.total_days().cast(pl.Float64),
        observed_at=pl.lit(moment.day_end, dtype=INSTANT),
        prior=_NOTHING,
        absent=None,
    )


WindowUse: TypeAlias = Literal["none", "allowed", "needed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way from a series to a number."""

    read: Callable[[Signal, Moment], Reading]
    window: WindowUse = "needed"
    windows: int = 1
    """How many windows it looks at; windows that are compared must hold the same weekdays."""
    reach: timedelta = timedelta(0)
    """How far back it looks besides."""

    def lookback(self, signal: Signal) -> timedelta:
        """Say how many days of numbers this kind needs before the last complete day."""
        return self.windows * (signal.window or timedelta(0)) + self.reach


KINDS: Mapping[str, Kind] = {
    "": Kind(read=_latest, window="none"),
    "latest": Kind(read=_latest, window="none"),
    "sum": Kind(read=_sum_kind),
    "mean": Kind(read=_mean_kind),
    "trend": Kind(read=_trend, windows=2),
    "active_days": Kind(read=_active_days),
    "recency": Kind(read=_recency, window="none", reach=400 * DAY),
}


def read_series(
    numbers: pl.DataFrame,
    matched: pl.DataFrame,
    rows: pl.DataFrame,
    signals: Sequence[Signal],
    moment: Moment,
) -> pl.DataFrame:
    """Compute the signals of one topic from its numbers.

    `rows` maps account_id to row. The result has row and, per signal, <id>.value, .prior and .observed_at, for
    the accounts the source knows.
    """
    day = moment.local_days(pl.col("observed_at") - timedelta(microseconds=1))
    daily = (
        numbers.lazy()
        .filter(pl.col("observed_at") <= moment.as_of)
        .join(rows.lazy(), on="account_id", how="inner")
        .select("row", "metric", "observed_at", day.alias("day"), to_parts(pl.col("value")).alias("parts"))
        .filter((pl.col("day") <= moment.last_day) & pl.col("parts").is_not_null())
        .group_by("row", "metric", "day")
        .agg(pl.col("parts").sum(), pl.col("observed_at").max())
        .collect()
    )
    listed = matched.join(rows, on="account_id", how="inner").select("row")
    result = pl.concat([daily.select("row"), listed]).unique().sort("row")
    for metric in sorted({signal.name for signal in signals}):
        wanted = [signal for signal in signals if signal.name == metric]
        readings = [(signal.id, KINDS[signal.kind].read(signal, moment)) for signal in wanted]
        found = (
            daily.lazy()
            .filter(pl.col("metric") == metric)
            .group_by("row")
            .agg(
                pl.lit(True).first().alias("~found"),
                *(
                    expression.first().alias(f"{name}.{part}")
                    if expression is _NOTHING
                    else expression.alias(f"{name}.{part}")
                    for name, reading in readings
                    for part, expression in (
                        ("value", reading.value),
                        ("prior", reading.prior),
                        ("observed_at", reading.observed_at),
                    )
                ),
            )
            .collect()
        )
        result = result.join(found, on="row", how="left", maintain_order="left").with_columns(
            expression
            for name, reading in readings
            if reading.absent is not None
            for expression in (
                pl.when(pl.col("~found").is_null())
                .then(reading.absent)
                .otherwise(pl.col(f"{name}.value"))
                .alias(f"{name}.value"),
                pl.when(pl.col("~found").is_null())
                .then(pl.lit(moment.day_end, dtype=INSTANT))
                .otherwise(pl.col(f"{name}.observed_at"))
                .alias(f"{name}.observed_at"),
            )
        )
        result = result.drop("~found")
    return result
