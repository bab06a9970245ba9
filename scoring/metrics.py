"""Facts to signals: what is known about every account at the moment that is scored.

What each kind gives, and what it means that there is nothing (docs/scoring.md shows the same table):

    metric, kind                                     there is nothing for the account
    series: latest, recency, trend, slope, baseline  NO_DATA (also where too little is there to compare with)
    series: sum, mean, active_days/_share/_weeks     0 if the source knows the account, else NO_DATA
    tickets.open, .opened, .oldest_open_days, .load  0 if the source knows the account, else NO_DATA
    tickets.resolution_days, .rating, .sentiment     NO_DATA
    surveys.latest, .mean, .nps, .rating             NO_DATA
    surveys.count                                    0 if the source knows the account, else NO_DATA
    subscriptions.monthly_amount, .seats, .count     0 if it has any subscription, else NO_DATA
    subscriptions.days_to_renewal, .term_months      NO_DATA (subscriptions.cancelling as well)
    invoices.overdue_days, .overdue_amount           0 if the source knows the account, else NO_DATA
    account.<field>                                  NO_DATA; a text that is no number, or no word of its Map,
                                                     is INVALID
    divided (`per`)                                  NOT_APPLICABLE where the divisor is absent or 0
    events.<rule>                                    0; null where its source has never answered

A topic that no source delivers makes its signals NOT_APPLICABLE: one source is enough to begin with. A topic
that was never read completely is SOURCE_DOWN without a value: nobody has answered yet, so nothing is missing.
While a source is down the last picture is held as it was: SOURCE_DOWN where there was a value, and NO_DATA
where there was none, for silence must not take away what stands in for missing data either. `applies` stands
above all of this: where it is not true, the signal is NOT_APPLICABLE.

Refuses to fill in, to average over accounts, and to look beyond as_of. What it knows of other accounts (the
mean of a segment, for `prior = "segment"`) was frozen before and arrives as an argument.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from scoring import events
from scoring.account_fields import field, local_date, matching, number, words
from scoring.curves import SMALLEST_COHORT, Map
from scoring.definition import DAY, ScoringModel, Signal
from scoring.exact import days, divided
from scoring.frames import INSTANT, STATE
from scoring.model import TOPICS, InputState
from scoring.moment import Moment, moments
from scoring.records import is_shrunk_by_account, prior, read_records
from scoring.series import KINDS, read_series


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What sources said, as known at the moment that is scored; shapes in `scoring.frames`."""

    numbers: pl.DataFrame
    records: Mapping[str, pl.DataFrame]
    matched: Mapping[str, pl.DataFrame]
    streams: pl.DataFrame


def signals(
    facts: Facts,
    accounts: pl.DataFrame,
    model: ScoringModel,
    *,
    as_of: datetime,
    timezone: ZoneInfo,
    cohort: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Compute every signal and the events of every points rule for every account, in the order of `accounts`.

    Raises ConfigError where the `applies` of a signal does not fit the types of the account fields it names.
    """
    as_of = as_of.astimezone(UTC)
    wide = _of_accounts(accounts, model, as_of, timezone)
    rows = wide.select("row", "account_id")
    seen_at = moments(facts.streams, as_of, timezone)
    for topic in sorted({signal.topic for signal in model.signals}):
        wanted = [signal for signal in model.signals if signal.topic == topic]
        moment = seen_at.get(topic)
        if moment is None:
            continue
        if topic == "account":
            read = _read_accounts(accounts, wanted, moment)
        else:
            read = _read(facts, rows.hstack(_towards(accounts, wanted, cohort)), topic, wanted, moment)
        wide = wide.join(read, on="row", how="left", maintain_order="left")
    happened = events.read_events(facts.numbers, facts.records, rows, model.points, seen_at)
    return wide.join(happened, on="row", how="left", maintain_order="left").select(
        "account_id",
        *(
            column
            for signal in model.signals
            for column in _columns(signal, signal.topic in seen_at, seen_at.get(signal.topic), wide.columns)
        ),
        *(f"events.{rule.id}" for rule in model.points),
    )


def lookback(model: ScoringModel) -> timedelta:
    """Say how far back from as_of numbers are needed, so that earlier ones need not be loaded.

    Counts from the oldest picture that is still of use: held for a source that is down, or about to expire.
    """
    of_signals = [
        KINDS[signal.kind].lookback(signal) + signal.effective_freshness.expire_after
        for signal in model.signals
        if signal.topic != "account" and signal.topic not in TOPICS
    ]
    of_rules = [events.lookback(rule) for rule in model.points if events.topic(rule.metric) not in TOPICS]
    return max((*of_signals, *of_rules), default=timedelta(0)) + model.hold_for + 2 * DAY


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


def _of_accounts(
    accounts: pl.DataFrame, model: ScoringModel, as_of: datetime, timezone: ZoneInfo
) -> pl.DataFrame:
    """Give row, account_id, ~tenure in days, and per signal <id>.applies and <id>.per where fields decide."""
    today = local_date(as_of, timezone)
    tenure = -field(accounts, "created_on", today, timezone).cast(pl.Float64)
    wide = accounts.select(
        "account_id",
        tenure.alias("~tenure"),
        *(
            number(accounts, signal.per.removeprefix("account."), today, timezone).alias(f"{signal.id}.per")
            for signal in model.signals
            if signal.per.startswith("account.")
        ),
    ).with_columns(
        matching(accounts, signal.applies, today, timezone, key=f"model.signal[{signal.id}].applies").alias(
            f"{signal.id}.applies"
        )
        for signal in model.signals
        if signal.applies
    )
    return wide.with_row_index("row")


def _read(
    facts: Facts, rows: pl.DataFrame, topic: str, wanted: Sequence[Signal], moment: Moment
) -> pl.DataFrame:
    matched = facts.matched.get(topic, rows.clear()).select("account_id")
    if topic in TOPICS:
        records = facts.records.get(topic, _NO_RECORDS)
        return read_records(records, matched, rows, topic, wanted, moment)
    return read_series(facts.numbers.filter(pl.col("topic") == topic), matched, rows, wanted, moment)


_NO_RECORDS = pl.DataFrame(schema={"account_id": pl.String, "source_id": pl.String, "observed_at": INSTANT})


def _read_accounts(accounts: pl.DataFrame, wanted: Sequence[Signal], moment: Moment) -> pl.DataFrame:
    today = local_date(moment.at, moment.timezone)
    columns: list[pl.Expr] = []
    for signal in wanted:
        if isinstance(signal.normalise, Map):
            word = words(accounts, signal.name, today, moment.timezone)
            columns += [
                word.alias(f"{signal.id}.text"),
                _points_of(word, signal.normalise).alias(f"{signal.id}.value"),
            ]
        else:
            value = number(accounts, signal.name, today, moment.timezone)
            columns.append(value.alias(f"{signal.id}.value"))
    return accounts.select(pl.int_range(pl.len(), dtype=pl.get_index_type()).alias("row"), *columns)


def _points_of(word: pl.Expr, curve: Map) -> pl.Expr:
    """Turn a word into its points; one that is not listed is as unusable as a number that is not finite."""
    known = {key.strip(): float(value) for key, value in curve.values.items()}
    found = word.replace_strict(
        list(known), list(known.values()), default=float("nan"), return_dtype=pl.Float64
    )
    return pl.when(word.is_not_null()).then(found)


def _towards(accounts: pl.DataFrame, wanted: Sequence[Signal], cohort: pl.DataFrame | None) -> pl.DataFrame:
    """Give <id>.towards per signal that is shrunk towards its segment: the segment's mean, else everybody's."""
    segment = (
        pl.col("segment").cast(pl.String) if "segment" in accounts.columns else pl.lit(None, dtype=pl.String)
    )
    columns = []
    for signal in wanted:
        if is_shrunk_by_account(signal):
            means = _means(cohort, signal)
            towards = pl.lit(means.pop("", prior(signal)))
            for name, mean in sorted(means.items()):
                towards = pl.when((segment == name).fill_null(False)).then(mean).otherwise(towards)
            columns.append(towards.alias(f"{signal.id}.towards"))
    return accounts.select("account_id", *columns).drop("account_id")


def _means(cohort: pl.DataFrame | None, signal: Signal) -> dict[str, float]:
    """Give the frozen means of a signal by segment ("" is everybody), where enough accounts had one."""
    if cohort is None:
        return {}
    enough = cohort.filter(
        (pl.col("signal") == signal.id) & (pl.col("n") >= SMALLEST_COHORT) & pl.col("mean").is_finite()
    )
    return dict(enough.select(pl.col("segment").fill_null(""), "mean").iter_rows())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What was read of one signal, as columns of the wide frame; a column nobody made has the usual answer."""

    signal: Signal
    present: Collection[str]

    def part(self, name: str, otherwise: pl.Expr) -> pl.Expr:
        column = f"{self.signal.id}.{name}"
        return pl.col(column) if column in self.present else otherwise

    @property
    def value(self) -> pl.Expr:
        value = self.part("value", _NOTHING)
        return divided(value, self.part("per", _NOTHING)).round(12) if self.signal.per else value

    @property
    def outside(self) -> pl.Expr:
        """Say that the signal is not meant for the account."""
        return ~self.part("applies", pl.lit(True))

    @property
    def undivided(self) -> pl.Expr:
        """Say that there is nothing to divide by."""
        if not self.signal.per:
            return pl.lit(False)
        per = self.part("per", _NOTHING)
        return ~(per.is_finite() & (per != 0)).fill_null(False)

    @property
    def young(self) -> pl.Expr:
        return (pl.col("~tenure") < self.signal.min_tenure / DAY).fill_null(False)


def _columns(
    signal: Signal, delivered: bool, moment: Moment | None, present: Collection[str]
) -> list[pl.Expr]:
    """Give value, prior, state and ages of one signal, and the word that was found if it has a Map."""
    seen = _Seen(signal=signal, present=present)
    columns = _unread(seen, delivered) if moment is None else _read_at(seen, moment)
    if isinstance(signal.normalise, Map):
        columns["text"] = seen.part("text", pl.lit(None, dtype=pl.String))
    return [column.alias(f"{signal.id}.{part}") for part, column in columns.items()]


def _unread(seen: _Seen, delivered: bool) -> dict[str, pl.Expr]:
    """Give the columns of a signal whose topic no source delivers, or none has ever answered for."""
    # facts that nobody has read cannot be divided by either: only a field of the account says "not applicable"
    undivided = seen.undivided if seen.signal.per.startswith("account.") else pl.lit(False)
    state = (
        pl.when(seen.outside | undivided | (not delivered))
        .then(_state(InputState.NOT_APPLICABLE))
        .when(seen.young)
        .then(_state(InputState.NOT_MATURE))
        .otherwise(_state(InputState.SOURCE_DOWN))
    )
    return {
        "value": _NOTHING,
        "prior": _NOTHING,
        "state": state.cast(STATE),
        "age_days": _NOTHING,
        "down_days": pl.lit(0.0),
        "silent": pl.lit(delivered),
    }


def _read_at(seen: _Seen, moment: Moment) -> dict[str, pl.Expr]:
    """Give the columns of a signal whose topic was read."""
    value = seen.value
    sound = value.is_finite().fill_null(False)
    observed_at = seen.part("observed_at", pl.lit(moment.at, dtype=INSTANT))
    age = days(pl.lit(moment.as_of, dtype=INSTANT) - observed_at)
    left_out = seen.outside | seen.undivided
    state = (
        pl.when(left_out)
        .then(_state(InputState.NOT_APPLICABLE))
        .when(seen.young)
        .then(_state(InputState.NOT_MATURE))
        .when(value.is_null())
        .then(_state(InputState.NO_DATA))
        .when(~sound)
        .then(_state(InputState.INVALID))
        .when(pl.lit(moment.down))
        .then(_state(InputState.SOURCE_DOWN))
        .when(value == 0)
        .then(_state(InputState.ZERO))
        .otherwise(_state(InputState.VALUE))
    )
    usable = sound & ~seen.young & ~left_out
    prior_of = _NOTHING if seen.signal.per else seen.part("prior", _NOTHING)
    return {
        "value": pl.when(usable).then(value),
        "prior": pl.when(usable).then(prior_of),
        "state": state.cast(STATE),
        "age_days": pl.when(usable).then(age.clip(0, None)),
        "down_days": pl.lit(moment.down_days),
        "silent": pl.lit(moment.silent),
    }


_NOTHING = pl.lit(None, dtype=pl.Float64)


def _state(state: InputState) -> pl.Expr:
    return pl.lit(state.value)
