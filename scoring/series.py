"""Kinds of series metrics: how the daily numbers of an account become one number.

A day without a number means that nothing happened (`gaps = "zero"`) to an account that the source knows; an
account it does not know is NO_DATA, whatever the kind. With `gaps = "skip"` such days are left out.

A kind is a function from a signal and the days to expressions; what it asks about days is computed once per
metric. Kinds that compare weeks are in `scoring.weeks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from scoring.days import Days, Span, daily_numbers
from scoring.definition import DAY, Signal
from scoring.exact import divided
from scoring.frames import INSTANT
from scoring.moment import Moment
from scoring.reading import Kind, Reading
from scoring.reading import WindowUse as WindowUse
from scoring.weeks import BASELINE, HISTORY, SHORTEST_BASELINE, SLOPE_WEEKS, active_weeks, baseline, slope

_WEEK = 7 * DAY


def _window(signal: Signal) -> timedelta:
    return signal.window or DAY


def _mean_of(signal: Signal, days: Days, span: Span) -> pl.Expr:
    if signal.gaps == "zero":
        return divided(days.total(span), _window(signal) // DAY)
    return pl.when(days.count(span) > 0).then(divided(days.total(span), days.count(span)))


def _seen_at(signal: Signal, days: Days, span: Span) -> pl.Expr:
    """Say when a window was true: at its end where gaps are zeros, else at the last number in it."""
    return days.end() if signal.gaps == "zero" else days.seen_at(span)


def _latest(signal: Signal, days: Days) -> Reading:
    value, observed_at = days.latest()
    return Reading(value=value, observed_at=observed_at)


def _sum(signal: Signal, days: Days) -> Reading:
    span = days.moment.window(_window(signal))
    zero = signal.gaps == "zero"
    return Reading(
        value=days.total(span) if zero else pl.when(days.count(span) > 0).then(days.total(span)),
        observed_at=_seen_at(signal, days, span),
        absent=0.0 if zero else None,
    )


def _mean(signal: Signal, days: Days) -> Reading:
    span = days.moment.window(_window(signal))
    return Reading(
        value=_mean_of(signal, days, span),
        observed_at=_seen_at(signal, days, span),
        absent=0.0 if signal.gaps == "zero" else None,
    )


def _trend(signal: Signal, days: Days) -> Reading:
    window, moment = _window(signal), days.moment
    last = _mean_of(signal, days, moment.window(window))
    prior = _mean_of(signal, days, moment.window(window, back=1))
    # a ratio to nothing is no trend: too small a baseline says nothing, it never says infinity
    enough = (prior > 0) & (prior >= signal.min_baseline)
    return Reading(
        value=pl.when(enough).then((divided(last, prior) - 1).round(9)),
        observed_at=_seen_at(signal, days, moment.window(window)),
        prior=pl.when(enough).then(prior),
    )


def _active_days(signal: Signal, days: Days) -> Reading:
    active = days.active(days.moment.window(_window(signal)))
    return Reading(value=active.cast(pl.Float64), observed_at=days.end(), absent=0.0)


def _active_share(signal: Signal, days: Days) -> Reading:
    active = days.active(days.moment.window(_window(signal))).cast(pl.Float64)
    share = divided(active, _window(signal) // DAY).round(9)
    return Reading(value=share, observed_at=days.end(), absent=0.0)


def _recency(signal: Signal, days: Days) -> Reading:
    since = (pl.lit(days.moment.last_day) - days.last_active()).dt.total_days()
    return Reading(value=since.cast(pl.Float64), observed_at=days.end())


_GAPS = frozenset({"gaps"})
_BOTH = frozenset({"gaps", "min_baseline"})

KINDS: Mapping[str, Kind] = {
    "": Kind(read=_latest, window="none"),
    "latest": Kind(read=_latest, window="none"),
    "sum": Kind(read=_sum, uses=_GAPS),
    "mean": Kind(read=_mean, uses=_GAPS),
    "trend": Kind(read=_trend, windows=2, whole_weeks=True, divisible=False, uses=_BOTH),
    "active_days": Kind(read=_active_days),
    "active_share": Kind(read=_active_share, divisible=False),
    "active_weeks": Kind(read=active_weeks, whole_weeks=True, shortest=_WEEK, divisible=False),
    "recency": Kind(read=_recency, window="none", reach=HISTORY, divisible=False),
    "slope": Kind(read=slope, window="none", reach=SLOPE_WEEKS * _WEEK, divisible=False, uses=_BOTH),
    "baseline": Kind(
        read=baseline,
        window="allowed",
        windows=0,
        whole_weeks=True,
        shortest=SHORTEST_BASELINE,
        longest=BASELINE,
        reach=HISTORY,
        divisible=False,
        uses=_GAPS,
    ),
}
"""Every way to make one number of a series, by the name a model uses for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    value: pl.Expr
    absent: pl.Expr | None = None
    """Where the source knows the account, but not this metric of it."""


def divisor(signal: Signal) -> str:
    """Name the other metric of the same topic that a signal is divided by; "" where there is none."""
    return "" if signal.per.startswith("account.") else signal.per.rpartition(".")[2]


def read_series(
    numbers: pl.DataFrame,
    matched: pl.DataFrame,
    rows: pl.DataFrame,
    signals: Sequence[Signal],
    moment: Moment,
) -> pl.DataFrame:
    """Compute the signals of one topic from its numbers.

    `rows` maps account_id to row. The result has row and, per signal, <id>.value, .prior and .observed_at, and
    <id>.per where it is divided by another metric, for the accounts the source knows.
    """
    daily = daily_numbers(numbers, rows, moment)
    listed = matched.join(rows, on="account_id", how="inner").select("row")
    result = pl.concat([daily.select("row"), listed]).unique().sort("row")
    for metric in sorted(
        {signal.name for signal in signals} | {divisor(signal) for signal in signals} - {""}
    ):
        days = Days(moment)
        columns = list(_columns(metric, signals, days))
        found = (
            daily.lazy()
            .filter(pl.col("metric") == metric)
            .group_by("row")
            .agg(pl.len().alias("~found"), *days.asked())
            .collect()
        )
        for step in days.kept():
            found = found.with_columns(step)
        found = found.select("row", "~found", *(column.value.alias(column.name) for column in columns))
        result = result.join(found, on="row", how="left", maintain_order="left").with_columns(
            pl.when(pl.col("~found").is_null())
            .then(column.absent)
            .otherwise(pl.col(column.name))
            .alias(column.name)
            for column in columns
            if column.absent is not None
        )
        result = result.drop("~found")
    return result


def _columns(metric: str, signals: Sequence[Signal], days: Days) -> Iterator[_Column]:
    """Give everything that is read from one metric: signals, and what others are divided by."""
    for signal in signals:
        if metric not in (signal.name, divisor(signal)):
            continue
        reading = KINDS[signal.kind].read(signal, days)
        absent = None if reading.absent is None else pl.lit(reading.absent)
        if signal.name == metric:
            yield _Column(name=f"{signal.id}.value", value=reading.value, absent=absent)
            yield _Column(name=f"{signal.id}.prior", value=reading.prior)
            end = None if absent is None else pl.lit(days.moment.day_end, dtype=INSTANT)
            yield _Column(name=f"{signal.id}.observed_at", value=reading.observed_at, absent=end)
        if divisor(signal) == metric:
            yield _Column(name=f"{signal.id}.per", value=reading.value, absent=absent)
