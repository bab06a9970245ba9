"""Record metrics: how the tickets, subscriptions and invoices of an account become one number.

Records are seen as of the moment of their topic: what is dated later has not happened yet, so a ticket closed
tomorrow is open today. Dates of plans (due, renewal, end of a cancelled contract) may lie ahead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from scoring.definition import Signal
from scoring.exact import days, divided, exact_sum
from scoring.frames import INSTANT
from scoring.model import TOPICS, FieldType
from scoring.moment import Moment
from scoring.series import WindowUse

Empty: TypeAlias = Literal["zero", "zero if any", "no data"]
"""What no matching record means for an account the source knows: the number 0; 0 if it has other records of
the topic; or nothing at all."""

_TYPES: Mapping[FieldType, pl.DataType | type[pl.DataType]] = {
    "text": pl.String,
    "number": pl.Float64,
    "instant": INSTANT,
    "bool": pl.Boolean,
}

_BEGINS: Mapping[str, str] = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMetric:
    """Which records count, what number they make, and what it means that there are none."""

    counts: Callable[[Signal, Moment], pl.Expr]
    value: Callable[[Signal, Moment], pl.Expr]
    empty: Empty
    window: WindowUse = "none"


def _is_one_of(column: str, words: Sequence[str]) -> pl.Expr:
    return pl.col(column).str.to_lowercase().is_in(words).fill_null(False)


def _in_window(column: str, signal: Signal, moment: Moment) -> pl.Expr:
    if signal.window is None:
        return moment.happened(pl.col(column))
    first, last = moment.window(signal.window)
    return moment.local_days(pl.col(column)).is_between(pl.lit(first), pl.lit(last)).fill_null(False)


def _days_since(column: str, moment: Moment) -> pl.Expr:
    return (pl.lit(moment.today) - moment.local_days(pl.col(column))).dt.total_days().cast(pl.Float64)


def _open(signal: Signal, moment: Moment) -> pl.Expr:
    over = moment.happened(pl.col("closed_at")) | (
        pl.col("closed_at").is_null() & _is_one_of("status", _CLOSED)
    )
    return moment.happened(pl.col("opened_at")) & ~over


def _rated(signal: Signal, moment: Moment) -> pl.Expr:
    return _in_window("rated_at", signal, moment) & pl.col("rating").is_finite().fill_null(False)


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


def _shrunk_mean(signal: Signal, moment: Moment) -> pl.Expr:
    return divided(exact_sum("rating") + signal.prior_count * signal.prior, pl.len() + signal.prior_count)


RECORD_METRICS: Mapping[str, RecordMetric] = {
    "tickets.open": RecordMetric(counts=_open, value=_number, empty="zero"),
    "tickets.opened": RecordMetric(
        counts=lambda signal, moment: _in_window("opened_at", signal, moment),
        value=_number,
        empty="zero",
        window="needed",
    ),
    # Not in whole days: "urgent for more than 24 hours" must not wait for midnight.
    "tickets.oldest_open_days": RecordMetric(
        counts=_open,
        value=lambda signal, moment: days(pl.lit(moment.at, dtype=INSTANT) - pl.col("opened_at").min()),
        empty="zero",
    ),
    "tickets.rating": RecordMetric(counts=_rated, value=_shrunk_mean, empty="no data", window="allowed"),
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
        counts=_active,
        value=lambda signal, moment: exact_sum("monthly_amount"),
        empty="zero if any",
    ),
    "invoices.overdue_days": RecordMetric(
        counts=_overdue, value=lambda signal, moment: _days_since("due_at", moment).max(), empty="zero"
    ),
    "invoices.overdue_amount": RecordMetric(
        counts=_overdue,
        value=lambda signal, moment: exact_sum("amount_due"),
        empty="zero",
    ),
}
"""Every number that can be made of records, by the name a model uses for it."""


def read_records(
    records: pl.DataFrame,
    matched: pl.DataFrame,
    rows: pl.DataFrame,
    topic: str,
    signals: Sequence[Signal],
    moment: Moment,
) -> pl.DataFrame:
    """Compute the signals of one topic from its records.

    `rows` maps account_id to row. The result has row and <id>.value per signal, for the accounts it knows.
    """
    begins = _BEGINS[topic]
    known = (
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
    having = known.select(pl.col("row").unique())
    listed = matched.join(rows, on="account_id", how="inner").select("row")
    result = pl.concat([having, listed]).unique().sort("row")
    result = result.join(
        having.with_columns(pl.lit(True).alias("~any")), on="row", how="left", maintain_order="left"
    )
    for signal in signals:
        metric, name = RECORD_METRICS[signal.metric], f"{signal.id}.value"
        found = (
            known.lazy()
            .filter(metric.counts(signal, moment) & _where(signal))
            .group_by("row")
            .agg(metric.value(signal, moment).alias(name), pl.lit(True).first().alias("~counted"))
            .collect()
        )
        result = result.join(found, on="row", how="left", maintain_order="left")
        if metric.empty != "no data":
            zero = pl.lit(True) if metric.empty == "zero" else pl.col("~any").fill_null(False)
            result = result.with_columns(
                pl.when(pl.col("~counted").is_null() & zero).then(0.0).otherwise(pl.col(name)).alias(name)
            )
        result = result.drop("~counted")
    return result.drop("~any")


def _where(signal: Signal) -> pl.Expr:
    result = pl.lit(True)
    for name, wanted in sorted(signal.where.items()):
        values = wanted if isinstance(wanted, tuple) else (wanted,)
        result = result & pl.col(name).is_in(values).fill_null(False)
    return result
