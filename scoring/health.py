"""Signals to one score: weights, coverage, adjustments, rounding, band and ledger, for all accounts at once.

The order is fixed (scoring.md c.0): curve → freshness → category → composite with renewal boost → event points →
pulse → floors → caps → override → quantise → band. Every step is an expression over one row of a wide frame. No
row looks at another, so an account has the same result alone as among a million, to the bit; the only
exceptions are the frozen cohort, which is an argument, and parents in a hierarchy, which look at their own
subtree. Signals, categories and rules are taken in the order of their ids, so the order in the file does not
matter either.

Refuses to read a clock, to guess what is missing, and to publish a number without enough coverage.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from scoring.account_fields import beside, field, local_date
from scoring.adjust import by_hand, publish, row_columns
from scoring.bands import advance, flips
from scoring.cohort import distributions
from scoring.combine import combine
from scoring.curves import Distribution
from scoring.definition import ScoringModel, model_hash
from scoring.family import roll_up
from scoring.like import data_changes, moved, settled
from scoring.limits import judged, named_fields, prefix, rules
from scoring.memory import beside_memory, previous_schema
from scoring.normalise import proximity
from scoring.profiles import Weights, chosen, followed, ordered_signals, resolved
from scoring.weigh import NOTHING_PLAIN, kept_values, last_good, live_bits, plain, weigh

SLICE = 1_000_000
"""Accounts judged at a time: their steps on the way need about 2 kB each. The result does not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """What is the same for every account of one scoring."""

    model: ScoringModel
    model_id: str
    as_of: datetime
    today: date
    refreshed_at: datetime | None
    distributions: Mapping[str, Mapping[str, Distribution]]
    unusable: bool
    """Some account field holds a value that cannot be used."""
    slice_size: int


def score(
    signals: pl.DataFrame,
    accounts: pl.DataFrame,
    model: ScoringModel,
    *,
    as_of: datetime,
    refreshed_at: datetime | None,
    timezone: ZoneInfo,
    previous: pl.DataFrame | None = None,
    topics: Collection[str] | None = None,
    cohort: pl.DataFrame | None = None,
    detail: bool = False,
    slice_size: int = SLICE,
) -> pl.DataFrame:
    """Score every account of `signals`, in its order; the columns are described in `scoring.frames`.

    `topics` are those that sources are there for: another set of them is another model, and bands everybody
    anew, quietly. `refreshed_at` is the instant of the newest complete read. Raises ConfigError where a
    condition does not fit the types of the account fields it names.
    """
    as_of, refreshed_at = as_of.astimezone(UTC), refreshed_at and refreshed_at.astimezone(UTC)
    today = local_date(as_of, timezone)
    beside_signals = _account_columns(accounts, model, today, timezone)
    moment = _Moment(
        model=model,
        model_id=model_hash(model) if topics is None else f"{model_hash(model)}:{','.join(sorted(topics))}",
        as_of=as_of,
        today=today,
        refreshed_at=refreshed_at,
        distributions=distributions(cohort, model),
        unusable=_any_unusable(signals, model),
        slice_size=slice_size,
    )
    wide = beside_memory(beside(signals, beside_signals), previous, model).with_columns(
        chosen(model), pl.lit(None, dtype=pl.Int32).alias("~rolled")
    )
    wide = wide.with_columns(followed(model, moment.model_id, as_of))
    own = _by_profile(wide, moment, detail=detail)
    if model.hierarchy.mode == "own" or "parent" not in accounts.columns:
        return own
    rolled = roll_up(own, accounts, model)
    return _with_parents(wide, own, rolled, moment, detail=detail)


def _any_unusable(signals: pl.DataFrame, model: ScoringModel) -> bool:
    return any(
        bool((signals[f"{signal.id}.state"] == "invalid").any())
        for signal in model.signals
        if signal.topic == "account"
    )


def _account_columns(
    accounts: pl.DataFrame, model: ScoringModel, today: date, timezone: ZoneInfo
) -> pl.DataFrame:
    segment = pl.col("segment").cast(pl.String) if "segment" in accounts.columns else pl.lit(None, pl.String)
    return accounts.select(
        "account_id",
        field(accounts, "renewal_on", today, timezone).cast(pl.Float64).alias("~renewal_days"),
        (-field(accounts, "created_on", today, timezone).cast(pl.Float64)).alias("~tenure_days"),
        segment.alias("~segment"),
        *(
            field(accounts, name, today, timezone).alias(f"account.{name}")
            for name in dict.fromkeys(named_fields(model))
        ),
        *by_hand(accounts, model, today, timezone),
    )


def _by_profile(wide: pl.DataFrame, moment: _Moment, *, detail: bool) -> pl.DataFrame:
    """Judge the accounts of each profile by its own weights, and put them back into their order."""
    plain = Weights(now=moment.model)
    if not moment.model.profiles or wide.is_empty():
        return _in_slices(wide, moment, plain, _columns(moment.model, detail=detail))
    parts = wide.with_row_index("~row").partition_by(
        "profile", "profile_from", as_dict=True, maintain_order=True
    )
    columns = ["~row", *_columns(moment.model, detail=detail)]
    judged_parts = [
        _in_slices(part, moment, _weights(moment.model, *names), columns) for names, part in parts.items()
    ]
    return pl.concat(judged_parts).sort("~row").drop("~row")


def _weights(model: ScoringModel, profile: str, before: str | None) -> Weights:
    known = {item.id for item in model.profiles}
    # a profile that is gone from the model has no weights to come from
    old = resolved(model, before) if before == "" or before in known else None
    return Weights(now=resolved(model, profile), before=old)


def _in_slices(
    part: pl.DataFrame, moment: _Moment, weights: Weights, columns: Sequence[str | pl.Expr]
) -> pl.DataFrame:
    """Judge so many accounts at a time that their columns stay close to the processor."""
    wanted = [*columns, moved().alias("data_change")]
    scored = pl.concat(
        _pipeline(rows, moment, weights).select(wanted).collect() for rows in _slices(part, moment.slice_size)
    )
    asked = scored["data_change"]
    if not asked.any():
        return scored
    answers = pl.concat(
        data_changes(_pipeline(rows, moment, weights).collect(), weights)
        for rows in _slices(part.filter(asked), moment.slice_size)
    )
    return scored.with_columns(asked.scatter(asked.arg_true(), answers))


def _slices(rows: pl.DataFrame, size: int) -> Iterable[pl.DataFrame]:
    return rows.iter_slices(size) if not rows.is_empty() else [rows]


def _pipeline(rows: pl.DataFrame, moment: _Moment, weights: Weights) -> pl.LazyFrame:
    model = weights.now
    frame = rows.lazy().with_columns(
        *kept_values(model, moment.as_of), proximity(model.renewal, pl.col("~renewal_days")).alias("near")
    )
    if moment.unusable:
        frame = last_good(frame, model, moment.as_of)
    # an unusable value has just been given an age: nothing is plain about it
    simple = NOTHING_PLAIN if moment.unusable else plain(rows, model)
    frame = weigh(frame, weights, moment.distributions, simple)
    schema = {name: kind for name, kind in rows.schema.items() if name.startswith("account.")}
    frame = judged(frame, schema, model, moment.as_of, moment.today)
    frame = combine(frame, weights)
    frame = publish(frame, model, pulse="~pulse" in rows.columns, override="~override" in rows.columns)
    frame = advance(
        frame,
        model,
        model_hash=moment.model_id,
        one_model=simple.one_model,
        as_of=moment.as_of,
        refreshed_at=moment.refreshed_at,
    )
    return frame.with_columns(live_bits(model).alias("live"), flips(moment.as_of), *settled(model))


def _with_parents(
    wide: pl.DataFrame, own: pl.DataFrame, rolled: pl.DataFrame, moment: _Moment, *, detail: bool
) -> pl.DataFrame:
    """Judge parents again, with what their subtree makes of them in the place of their own composite."""
    found = wide.drop("~rolled").with_row_index("~at").join(rolled, on="account_id", how="inner")
    if found.is_empty():
        return own
    again = _by_profile(found.sort("~at").drop("~at"), moment, detail=detail)
    places = found["~at"].sort()
    leaves = own.with_row_index("~at").filter(~pl.col("~at").is_in(places.implode()))
    return pl.concat([leaves, again.insert_column(0, places)]).sort("~at").drop("~at")


def _columns(model: ScoringModel, *, detail: bool) -> list[str | pl.Expr]:
    details: list[str | pl.Expr] = []
    for signal in ordered_signals(model) if detail else ():
        name = signal.id
        counts = pl.col(f"{name}.points").is_not_null()
        details += [
            pl.when(counts).then(pl.col(f"~{name}.s")).alias(f"{name}.score"),
            pl.when(counts).then(pl.col(f"~{name}.e")).alias(f"{name}.weight"),
            pl.col(f"~{name}.f").alias(f"{name}.fresh"),
        ]
    return [
        "account_id",
        "score",
        "score_units",
        "auto_score",
        "composite",
        "coverage",
        "confidence",
        "mixed",
        "near",
        *row_columns(model),
        *(f"{prefix(rule)}.state" for rule in rules(model)),
        "pulse_state",
        "override_state",
        "rounding",
        *details,
        "entered_from",
        "pending_band",
        "migrated",
        "flapping",
        *(name for name in previous_schema(model) if name != "account_id"),
    ]
