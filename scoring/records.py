"""Record metrics: how the tickets, subscriptions, invoices and surveys of an account become one number.

Records are seen as of the moment of their topic: what is dated later has not happened yet, so a ticket closed
tomorrow is open today. Dates of plans (due, renewal, end of a cancelled contract) may lie ahead.

Numbers that are none (not finite, absurdly large) are left out one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, TypeAlias

import polars as pl

from scoring.definition import DAY, Signal
from scoring.exact import LARGEST, days, divided, exact_sum
from scoring.frames import INSTANT
from scoring.model import TOPICS, FieldType
from scoring.moment import Moment
from scoring.reading import WindowUse
from scoring.series import divisor

Empty: TypeAlias = Literal["zero", "zero if any", "no data"]
"""What no matching record means for an account the source knows: the number 0; 0 if it has other records of
the topic; or nothing at all."""

_TYPES: Mapping[FieldType, pl.DataType | type[pl.DataType]] = {
    "text": pl.String,
    "number": pl.Float64,
    "instant": INSTANT,
    "bool": pl.Boolean,
}

BEGINS: Mapping[str, str] = {
    "tickets": "opened_at",
    "subscriptions": "started_at",
    "invoices": "created_at",
    "surveys": "answered_at",
}
"""A record that begins later than the moment is not there yet; one that names no beginning always was."""

# Words for "over" where a source delivers a status without the instant of the change.
_CLOSED = ("closed", "solved", "resolved", "done")
_ENDED = ("canceled", "cancelled", "ended", "expired", "incomplete", "incomplete_expired")
_SETTLED = ("paid", "void", "voided", "draft", "deleted")

PROMOTER, DETRACTOR = 9.0, 6.0
"""Answers to "how likely are you to recommend us" (0..10) from and up to which they count."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMetric:
    """Which records count, what number they make, and what it means that there are none."""

    counts: Callable[[Signal, Moment], pl.Expr]
    value: Callable[[Signal, Moment], pl.Expr]
    empty: Empty
    window: WindowUse = "none"
    seen_at: str = ""
    """The field whose newest instant says when the number was true; "" is the moment of the last read."""
    uses: frozenset[str] = frozenset()
    """Which of the settings `severity`, `age_scale`, `prior` and `prior_count` change what it gives."""
    neutral: float | None = None
    """What it is shrunk towards if the segment's mean is asked for and not known yet; None: not shrunk."""
    divisible: bool = False
    """Whether a ratio (`per`) of it means anything: counts and amounts do, means and ages do not."""
    keeps_neutral: bool = False
    """No other number can be given as prior: the one of the model is a rating, and this is none."""


def _is_one_of(column: str, words: Sequence[str]) -> pl.Expr:
    return pl.col(column).str.to_lowercase().is_in(words).fill_null(False)


def _usable(column: str) -> pl.Expr:
    return (pl.col(column).is_finite() & (pl.col(column).abs() <= LARGEST)).fill_null(False)


def _in_window(column: str, signal: Signal, moment: Moment) -> pl.Expr:
    if signal.window is None:
        return moment.happened(pl.col(column))
    first, last = moment.window(signal.window)
    return moment.local_days(pl.col(column)).is_between(pl.lit(first), pl.lit(last)).fill_null(False)


def _dated(column: str, *usable: str) -> Callable[[Signal, Moment], pl.Expr]:
    """Count records whose instant lies in the window, if all of these numbers are there."""

    def counts(signal: Signal, moment: Moment) -> pl.Expr:
        result = _in_window(column, signal, moment)
        for name in usable:
            result = result & _usable(name)
        return result

    return counts


def _days_since(column: str, moment: Moment) -> pl.Expr:
    return (pl.lit(moment.today) - moment.local_days(pl.col(column))).dt.total_days().cast(pl.Float64)


def _open(signal: Signal, moment: Moment) -> pl.Expr:
    over = moment.happened(pl.col("closed_at")) | (
        pl.col("closed_at").is_null() & _is_one_of("status", _CLOSED)
    )
    return moment.happened(pl.col("opened_at")) & ~over


def _resolved(signal: Signal, moment: Moment) -> pl.Expr:
    sound = (pl.col("opened_at") <= pl.col("closed_at")).fill_null(False)
    return _in_window("closed_at", signal, moment) & sound


def _active(signal: Signal, moment: Moment) -> pl.Expr:
    over = (
        moment.happened(pl.col("ended_at"))
        | moment.happened(pl.col("cancel_at"))
        | (pl.col("ended_at").is_null() & pl.col("cancel_at").is_null() & _is_one_of("status", _ENDED))
    )
    return ~over


def _overdue(signal: Signal, moment: Moment) -> pl.Expr:
    settled = moment.happened(pl.col("paid_at")) | (
        pl.col("paid_at").is_null() & _is_one_of("status", _SETTLED)
    )
    return ~settled & moment.happened(pl.col("due_at"))


def _number(signal: Signal, moment: Moment) -> pl.Expr:
    return pl.len().cast(pl.Float64)


def _added(column: str) -> Callable[[Signal, Moment], pl.Expr]:
    return lambda signal, moment: exact_sum(column)


def _mean_days(signal: Signal, moment: Moment) -> pl.Expr:
    length = (pl.col("closed_at") - pl.col("opened_at")).dt.total_microseconds().sum()
    return divided(divided(length.cast(pl.Float64), pl.len()), DAY / _MICROSECOND).round(9)


def _load(signal: Signal, moment: Moment) -> pl.Expr:
    """Add up severity · (1 + age ÷ age_scale), from whole microseconds per severity."""
    age = (pl.lit(moment.at, dtype=INSTANT) - pl.col("opened_at")).dt.total_microseconds()
    named = sorted(signal.severity)
    others = ~pl.col("severity").is_in(named).fill_null(False)
    result = _aged(others, age, signal)
    for name in named:
        these = (pl.col("severity") == name).fill_null(False)
        result = result + float(signal.severity[name]) * _aged(these, age, signal)
    return result.round(9)


def _aged(these: pl.Expr, age: pl.Expr, signal: Signal) -> pl.Expr:
    """Count some tickets, each as 1 + age ÷ age_scale."""
    ages = pl.when(these).then(age).sum().cast(pl.Float64)
    return these.sum().cast(pl.Float64) + divided(ages, signal.age_scale / _MICROSECOND)


def _plain_mean(signal: Signal, moment: Moment) -> pl.Expr:
    return divided(exact_sum("score"), pl.len()).round(9)


def _shrunk(column: str) -> Callable[[Signal, Moment], pl.Expr]:
    """Give the mean of a column, shrunk towards the prior of the account while there are few values."""

    def value(signal: Signal, moment: Moment) -> pl.Expr:
        # every record of an account holds the same prior
        towards = pl.col(f"{signal.id}.towards").first() if is_shrunk_by_account(signal) else prior(signal)
        added = exact_sum(column) + signal.prior_count * towards
        return divided(added, pl.len() + signal.prior_count).round(12)

    return value


def is_shrunk_by_account(signal: Signal) -> bool:
    """Say whether a mean is shrunk towards that of the account's segment."""
    metric = RECORD_METRICS.get(signal.metric)
    return signal.prior == "segment" and metric is not None and metric.neutral is not None


def prior(signal: Signal) -> float:
    """Give the number a mean is shrunk towards, where that of a segment is not asked for or not known."""
    metric = RECORD_METRICS[signal.metric]
    if isinstance(signal.prior, str) or metric.keeps_neutral:
        return metric.neutral or 0.0
    return signal.prior


def _latest_score(signal: Signal, moment: Moment) -> pl.Expr:
    # of two answers of the same instant the better one, whatever the order of rows
    return pl.col("score").sort_by("answered_at", "score").last()


def _net_promoters(signal: Signal, moment: Moment) -> pl.Expr:
    net = (pl.col("score") >= PROMOTER).sum().cast(pl.Float64) - (pl.col("score") <= DETRACTOR).sum()
    return divided(100 * net, pl.len()).round(9)


_ANSWERED = _dated("answered_at", "score")
_SHRUNK = frozenset({"prior", "prior_count"})

RECORD_METRICS: Mapping[str, RecordMetric] = {
    "tickets.open": RecordMetric(counts=_open, value=_number, empty="zero", divisible=True),
    "tickets.opened": RecordMetric(
        counts=_dated("opened_at"), value=_number, empty="zero", window="needed", divisible=True
    ),
    # Not in whole days: "urgent for more than 24 hours" must not wait for midnight.
    "tickets.oldest_open_days": RecordMetric(
        counts=_open,
        value=lambda signal, moment: days(pl.lit(moment.at, dtype=INSTANT) - pl.col("opened_at").min()),
        empty="zero",
    ),
    "tickets.load": RecordMetric(
        counts=_open, value=_load, empty="zero", uses=frozenset({"severity", "age_scale"}), divisible=True
    ),
    "tickets.resolution_days": RecordMetric(
        counts=_resolved, value=_mean_days, empty="no data", window="allowed"
    ),
    "tickets.rating": RecordMetric(
        counts=_dated("rated_at", "rating"),
        value=_shrunk("rating"),
        empty="no data",
        window="allowed",
        uses=_SHRUNK,
        neutral=0.5,
    ),
    "tickets.sentiment": RecordMetric(
        counts=_dated("opened_at", "sentiment"),
        value=_shrunk("sentiment"),
        empty="no data",
        window="allowed",
        uses=_SHRUNK,
        neutral=0.0,
        keeps_neutral=True,
    ),
    "surveys.latest": RecordMetric(
        counts=_ANSWERED, value=_latest_score, empty="no data", window="allowed", seen_at="answered_at"
    ),
    "surveys.mean": RecordMetric(
        counts=_ANSWERED, value=_plain_mean, empty="no data", window="allowed", seen_at="answered_at"
    ),
    "surveys.nps": RecordMetric(
        counts=_ANSWERED, value=_net_promoters, empty="no data", window="allowed", seen_at="answered_at"
    ),
    "surveys.rating": RecordMetric(
        counts=_ANSWERED,
        value=_shrunk("score"),
        empty="no data",
        window="allowed",
        seen_at="answered_at",
        uses=_SHRUNK,
        neutral=0.5,
    ),
    "surveys.count": RecordMetric(
        counts=_dated("answered_at"), value=_number, empty="zero", window="allowed", divisible=True
    ),
    "subscriptions.days_to_renewal": RecordMetric(
        counts=lambda signal, moment: _active(signal, moment) & pl.col("renewal_at").is_not_null(),
        value=lambda signal, moment: -_days_since("renewal_at", moment).max(),
        empty="no data",
    ),
    "subscriptions.cancelling": RecordMetric(
        counts=_active,
        value=lambda signal, moment: (
            (pl.col("cancel_at").is_not_null() | pl.col("ended_at").is_not_null()).any().cast(pl.Float64)
        ),
        empty="no data",
    ),
    "subscriptions.monthly_amount": RecordMetric(
        counts=_active, value=_added("monthly_amount"), empty="zero if any", divisible=True
    ),
    "subscriptions.seats": RecordMetric(
        counts=_active, value=_added("seats"), empty="zero if any", divisible=True
    ),
    "subscriptions.count": RecordMetric(counts=_active, value=_number, empty="zero if any", divisible=True),
    "subscriptions.term_months": RecordMetric(
        counts=lambda signal, moment: _active(signal, moment) & _usable("term_months"),
        value=lambda signal, moment: pl.col("term_months").max(),
        empty="no data",
    ),
    "invoices.overdue_days": RecordMetric(
        counts=_overdue, value=lambda signal, moment: _days_since("due_at", moment).max(), empty="zero"
    ),
    "invoices.overdue_amount": RecordMetric(
        counts=_overdue, value=_added("amount_due"), empty="zero", divisible=True
    ),
}
"""Every number that can be made of records, by the name a model uses for it."""


def known_records(records: pl.DataFrame, rows: pl.DataFrame, topic: str, moment: Moment) -> pl.DataFrame:
    """Give the records that are there at the moment, with every column of `rows` and field of the topic."""
    begins = BEGINS[topic]
    return (
        records.lazy()
        .filter(~(pl.col("observed_at") > moment.as_of).fill_null(False))
        .join(rows.lazy(), on="account_id", how="inner")
        .with_columns(
            (
                pl.col(name).cast(_TYPES[kind])
                if name in records.columns
                else pl.lit(None, dtype=_TYPES[kind])
            ).alias(name)
            for name, kind in TOPICS[topic].items()
        )
        .filter(pl.col(begins).is_null() | moment.happened(pl.col(begins)))
        .collect()
    )


def read_records(
    records: pl.DataFrame,
    matched: pl.DataFrame,
    rows: pl.DataFrame,
    topic: str,
    signals: Sequence[Signal],
    moment: Moment,
) -> pl.DataFrame:
    """Compute the signals of one topic from its records.

    `rows` maps account_id to row, and holds <id>.towards where the prior of a signal is that of a segment. The
    result has row and, per signal, <id>.value, .observed_at where it is that of a record, and .per where it is
    divided by another metric, for the accounts the source knows.
    """
    known = known_records(records, rows, topic, moment)
    having = known.select(pl.col("row").unique())
    listed = matched.join(rows, on="account_id", how="inner").select("row")
    result = pl.concat([having, listed]).unique().sort("row")
    result = result.join(
        having.with_columns(pl.lit(True).alias("~any")), on="row", how="left", maintain_order="left"
    )
    for signal in signals:
        result = _with(result, known, signal, moment, f"{signal.id}.value")
        if below := divisor(signal):
            # of all records: the share of urgent tickets is urgent ones per all
            whole = replace(signal, metric=f"{topic}.{below}", where={})
            result = _with(result, known, whole, moment, f"{signal.id}.per")
    return result.drop("~any")


def _with(
    result: pl.DataFrame, known: pl.DataFrame, signal: Signal, moment: Moment, name: str
) -> pl.DataFrame:
    """Add one column: a metric of the records that count; beside a value, when it was true, if records say so."""
    metric = RECORD_METRICS[signal.metric]
    seen = []
    if metric.seen_at and name.endswith(".value"):
        seen = [pl.col(metric.seen_at).max().alias(f"{signal.id}.observed_at")]
    found = (
        known.lazy()
        .filter(metric.counts(signal, moment) & _where(signal))
        .group_by("row")
        .agg(metric.value(signal, moment).alias(name), pl.lit(True).first().alias("~counted"), *seen)
        .collect()
    )
    result = result.join(found, on="row", how="left", maintain_order="left")
    if metric.empty != "no data":
        zero = pl.lit(True) if metric.empty == "zero" else pl.col("~any").fill_null(False)
        result = result.with_columns(
            pl.when(pl.col("~counted").is_null() & zero).then(0.0).otherwise(pl.col(name)).alias(name)
        )
    return result.drop("~counted")


def _where(signal: Signal) -> pl.Expr:
    result = pl.lit(True)
    for name, wanted in sorted(signal.where.items()):
        values = wanted if isinstance(wanted, tuple) else (wanted,)
        result = result & pl.col(name).is_in(values).fill_null(False)
    return result
