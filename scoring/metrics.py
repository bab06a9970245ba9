"""Facts to signals: what is known about every account at the moment that is scored.

What each kind gives, and what it means that there is nothing (docs/scoring.md shows the same table):

    metric, kind                                     there is nothing for the account
    series: latest, recency, trend                   NO_DATA (trend also where the baseline is too small)
    series: sum, mean, active_days                   0 if the source knows the account, else NO_DATA
    tickets.open, .opened, .oldest_open_days         0 if the source knows the account, else NO_DATA
    tickets.rating                                   NO_DATA
    subscriptions.days_to_renewal, .cancelling       NO_DATA
    subscriptions.monthly_amount                     0 if it has any subscription, else NO_DATA
    invoices.overdue_days, .overdue_amount           0 if the source knows the account, else NO_DATA
    account.<field>                                  NO_DATA

A topic that no source delivers makes its signals NOT_APPLICABLE: one source is enough to begin with. A topic
that was never read completely is SOURCE_DOWN without a value: nobody has answered yet, so nothing is missing.
While a source is down the last picture is held as it was: SOURCE_DOWN where there was a value, and NO_DATA
where there was none, for silence must not take away what stands in for missing data either.

Refuses to fill in, to average over accounts, and to look beyond as_of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from scoring.account_fields import field, local_date
from scoring.definition import DAY, ScoringModel, Signal
from scoring.exact import days
from scoring.frames import INSTANT, STATE
from scoring.model import TOPICS, InputState
from scoring.moment import Moment, moments
from scoring.records import read_records
from scoring.series import KINDS, read_series


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What sources said, as known at the moment that is scored; shapes in `scoring.frames`."""

    numbers: pl.DataFrame
    records: Mapping[str, pl.DataFrame]
    matched: Mapping[str, pl.DataFrame]
    streams: pl.DataFrame


def signals(
    facts: Facts, accounts: pl.DataFrame, model: ScoringModel, *, as_of: datetime, timezone: ZoneInfo
) -> pl.DataFrame:
    """Compute every signal of the model for every account, in the order of `accounts`."""
    as_of = as_of.astimezone(UTC)
    tenure = -field(accounts, "created_on", local_date(as_of, timezone), timezone).cast(pl.Float64)
    wide = accounts.select("account_id", tenure.alias("~tenure")).with_row_index("row")
    rows = wide.select("row", "account_id")
    seen_at = moments(facts.streams, as_of, timezone)
    for topic in sorted(model.topics()):
        wanted = [signal for signal in model.signals if signal.topic == topic]
        moment = seen_at.get(topic)
        if moment is None:
            continue
        wide = wide.join(
            _read(facts, accounts, rows, topic, wanted, moment), on="row", how="left", maintain_order="left"
        )
    return wide.select(
        "account_id",
        *(
            column
            for signal in model.signals
            for column in _columns(signal, signal.topic in seen_at, seen_at.get(signal.topic), wide.columns)
        ),
    )


def lookback(model: ScoringModel) -> timedelta:
    """Say how far back from as_of numbers are needed, so that earlier ones need not be loaded.

    Counts from the oldest picture that is still of use: held for a source that is down, or about to expire.
    """
    needs = [
        KINDS[signal.kind].lookback(signal) + signal.effective_freshness.expire_after
        for signal in model.signals
        if signal.topic != "account" and signal.topic not in TOPICS
    ]
    return max(needs, default=timedelta(0)) + model.hold_for + 2 * DAY


def newest(numbers: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Give topic and newest_at: the newest day-end at or before as_of among all numbers of a topic."""
    return (
        numbers.lazy()
        .filter(pl.col("observed_at") <= as_of.astimezone(UTC))
        .group_by("topic")
        .agg(pl.col("observed_at").max().alias("newest_at"))
        .sort("topic")
        .collect()
    )


def _read(
    facts: Facts,
    accounts: pl.DataFrame,
    rows: pl.DataFrame,
    topic: str,
    wanted: Sequence[Signal],
    moment: Moment,
) -> pl.DataFrame:
    if topic == "account":
        return _read_accounts(accounts, wanted, moment)
    matched = facts.matched.get(topic, rows.clear()).select("account_id")
    if topic in TOPICS:
        records = facts.records.get(topic, _NO_RECORDS)
        return read_records(records, matched, rows, topic, wanted, moment)
    return read_series(facts.numbers.filter(pl.col("topic") == topic), matched, rows, wanted, moment)


_NO_RECORDS = pl.DataFrame(schema={"account_id": pl.String, "source_id": pl.String, "observed_at": INSTANT})


def _read_accounts(accounts: pl.DataFrame, wanted: Sequence[Signal], moment: Moment) -> pl.DataFrame:
    today = local_date(moment.at, moment.timezone)
    fields = {signal.id: field(accounts, signal.name, today, moment.timezone) for signal in wanted}
    # text that is no number is as unusable as a number that is not finite
    return accounts.select(
        pl.int_range(pl.len(), dtype=pl.get_index_type()).alias("row"),
        *(
            pl.when(value.is_not_null())
            .then(value.cast(pl.Float64, strict=False).fill_null(float("nan")))
            .alias(f"{name}.value")
            for name, value in fields.items()
        ),
    )


def _columns(signal: Signal, delivered: bool, moment: Moment | None, present: Sequence[str]) -> list[pl.Expr]:
    """Give value, prior, state and ages of one signal."""
    name = signal.id
    nothing = pl.lit(None, dtype=pl.Float64)
    if moment is None:
        state = InputState.SOURCE_DOWN if delivered else InputState.NOT_APPLICABLE
        return [
            nothing.alias(f"{name}.value"),
            nothing.alias(f"{name}.prior"),
            pl.lit(state.value, dtype=STATE).alias(f"{name}.state"),
            nothing.alias(f"{name}.age_days"),
            pl.lit(0.0).alias(f"{name}.down_days"),
            pl.lit(delivered).alias(f"{name}.silent"),
        ]
    raw = pl.col(f"{name}.value")
    young = (pl.col("~tenure") < signal.min_tenure / DAY).fill_null(False)
    sound = raw.is_finite().fill_null(False)
    usable = sound & ~young
    observed_at = (
        pl.col(f"{name}.observed_at")
        if f"{name}.observed_at" in present
        else pl.lit(moment.at, dtype=INSTANT)
    )
    age = days(pl.lit(moment.as_of, dtype=INSTANT) - observed_at)
    state_of = (
        pl.when(young)
        .then(pl.lit(InputState.NOT_MATURE.value))
        .when(raw.is_null())
        .then(pl.lit(InputState.NO_DATA.value))
        .when(~sound)
        .then(pl.lit(InputState.INVALID.value))
        .when(pl.lit(moment.down))
        .then(pl.lit(InputState.SOURCE_DOWN.value))
        .when(raw == 0)
        .then(pl.lit(InputState.ZERO.value))
        .otherwise(pl.lit(InputState.VALUE.value))
    )
    prior = pl.col(f"{name}.prior") if f"{name}.prior" in present else nothing
    return [
        pl.when(usable).then(raw).alias(f"{name}.value"),
        pl.when(usable).then(prior).alias(f"{name}.prior"),
        state_of.cast(STATE).alias(f"{name}.state"),
        pl.when(usable).then(age.clip(0, None)).alias(f"{name}.age_days"),
        pl.lit(moment.down_days).alias(f"{name}.down_days"),
        pl.lit(moment.silent).alias(f"{name}.silent"),
    ]
