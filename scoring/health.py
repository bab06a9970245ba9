"""Signals to one score: weights, coverage, adjustments, rounding, band and ledger, for all accounts at once.

The order is fixed (scoring.md c.0): curve → freshness → category → composite with renewal boost → event points →
pulse → floors → caps → override → quantise → band. Every step is an expression over one row of a wide frame. No
row looks at another, so an account has the same result alone as among a million, to the bit; the only
exceptions are the frozen cohort, which is an argument, and parents in a hierarchy, which look at their own
subtree. Signals, categories and rules are taken in the order of their ids, so the order in the file does not
matter either.

Refuses to read a clock, to guess what is missing, and to publish a number without enough coverage.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from scoring.account_fields import beside, field, local_date
from scoring.adjust import (
    OVERRIDE_FIELDS,
    PULSE_FIELDS,
    publish,
    read_override,
    read_pulse,
    row_columns,
)
from scoring.bands import advance, flips
from scoring.cohort import distributions
from scoring.combine import combine
from scoring.curves import Distribution
from scoring.definition import ScoringModel, model_hash
from scoring.family import roll_up
from scoring.like import data_changes, settled
from scoring.limits import judged, named_fields, prefix, rules
from scoring.memory import beside_memory, previous_schema
from scoring.normalise import proximity
from scoring.profiles import Weights, chosen, followed, ordered_signals, resolved
from scoring.weigh import kept_values, last_good, live_bits, weigh


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """What is the same for every account of one scoring."""

    model: ScoringModel
    model_id: str
    as_of: datetime
    today: date
    refreshed_at: datetime | None
    distributions: Mapping[str, Mapping[str, Distribution]]
    present: pl.Schema
    """The account fields, as `account.<field>`."""


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
) -> pl.DataFrame:
    """Score every account of `signals`, in its order; the columns are described in `scoring.frames`.

    `topics` are those that sources are there for: another set of them is another model, and bands everybody
    anew, quietly. `refreshed_at` is the instant of the newest complete read. Raises ConfigError where a
    condition does not fit the types of the account fields it names.
    """
    as_of, refreshed_at = as_of.astimezone(UTC), refreshed_at and refreshed_at.astimezone(UTC)
    today = local_date(as_of, timezone)
    beside_signals = _account_columns(accounts, model, today, timezone)
    wide = beside(signals, beside_signals)
    moment = _Moment(
        model=model,
        model_id=model_hash(model) if topics is None else f"{model_hash(model)}:{','.join(sorted(topics))}",
        as_of=as_of,
        today=today,
        refreshed_at=refreshed_at,
        distributions=distributions(cohort, model),
        present=beside_signals.schema,
    )
    frame = beside_memory(wide, previous, model)
    frame = frame.with_columns(
        chosen(model), proximity(model.renewal, pl.col("~renewal_days")).alias("near")
    ).with_columns(followed(model, moment.model_id, as_of))
    if _any_unusable(signals, model):
        frame = last_good(frame, model, as_of)
    every = frame.with_columns(
        *kept_values(model, as_of), pl.lit(None, dtype=pl.Int32).alias("~rolled")
    ).collect()
    own = _by_profile(every, moment, detail=detail)
    if model.hierarchy.mode == "own" or "parent" not in accounts.columns:
        return own
    rolled = roll_up(own, accounts, model)
    return _with_parents(every, own, rolled, moment, detail=detail)


def _any_unusable(signals: pl.DataFrame, model: ScoringModel) -> bool:
    return any(
        bool((signals[f"{signal.id}.state"] == "invalid").any())
        for signal in model.signals
        if signal.topic == "account"
    )


def _account_columns(
    accounts: pl.DataFrame, model: ScoringModel, today: date, timezone: ZoneInfo
) -> pl.DataFrame:
    noted = [
        name
        for fields in (PULSE_FIELDS, OVERRIDE_FIELDS)
        if fields[0] in accounts.columns
        for name in fields
        if name in accounts.columns
    ]
    names = list(dict.fromkeys([*named_fields(model), *noted]))
    segment = pl.col("segment").cast(pl.String) if "segment" in accounts.columns else pl.lit(None, pl.String)
    return accounts.select(
        "account_id",
        field(accounts, "renewal_on", today, timezone).cast(pl.Float64).alias("~renewal_days"),
        (-field(accounts, "created_on", today, timezone).cast(pl.Float64)).alias("~tenure_days"),
        segment.alias("~segment"),
        *(field(accounts, name, today, timezone).alias(f"account.{name}") for name in names),
    )


def _by_profile(every: pl.DataFrame, moment: _Moment, *, detail: bool) -> pl.DataFrame:
    """Judge the accounts of each profile by its own weights, and put them back into their order."""
    columns = _columns(moment.model, detail=detail)
    if not moment.model.profiles:
        return _judge(every, moment, Weights(now=moment.model)).select(columns)
    parts = every.with_row_index("~row").partition_by(
        "profile", "profile_from", as_dict=True, include_key=True, maintain_order=True
    )
    judged_parts = [
        _judge(
            part,
            moment,
            Weights(
                now=resolved(moment.model, str(profile)),
                before=None if before is None else resolved(moment.model, str(before)),
            ),
        ).select("~row", *columns)
        for (profile, before), part in parts.items()
    ]
    if not judged_parts:
        return _judge(every, moment, Weights(now=moment.model)).select(columns)
    return pl.concat(judged_parts).sort("~row").drop("~row")


def _judge(part: pl.DataFrame, moment: _Moment, weights: Weights) -> pl.DataFrame:
    model = weights.now
    frame = weigh(part.lazy(), weights, moment.model_id, moment.distributions)
    schema = {name: kind for name, kind in part.schema.items() if name.startswith("account.")}
    frame = judged(frame, schema, model, moment.as_of, moment.today)
    frame = combine(frame, weights)
    pulse, override = "account.pulse" in moment.present, "account.override" in moment.present
    if pulse:
        frame = frame.with_columns(read_pulse(model.pulse, moment.present))
    if override:
        frame = frame.with_columns(read_override(model, moment.present))
    frame = publish(frame, model, pulse=pulse, override=override)
    frame = advance(
        frame,
        model,
        model_hash=moment.model_id,
        as_of=moment.as_of,
        refreshed_at=moment.refreshed_at,
    )
    scored = frame.with_columns(
        live_bits(model).alias("live"),
        flips(model, moment.as_of),
        *settled(model),
        *(_shown(signal.id) for signal in ordered_signals(model)),
    ).collect()
    return scored.with_columns(data_changes(scored, weights))


def _shown(name: str) -> pl.Expr:
    counts = pl.col(f"{name}.points").is_not_null()
    return pl.struct(
        pl.when(counts).then(pl.col(f"~{name}.s")).alias("score"),
        pl.when(counts).then(pl.col(f"~{name}.e")).alias("weight"),
        pl.col(f"~{name}.f").alias("fresh"),
    ).alias(f"~{name}.detail")


def _with_parents(
    every: pl.DataFrame, own: pl.DataFrame, rolled: pl.DataFrame, moment: _Moment, *, detail: bool
) -> pl.DataFrame:
    """Judge parents again, with what their subtree makes of them in the place of their own composite."""
    found = every.drop("~rolled").with_row_index("~at").join(rolled, on="account_id", how="inner")
    if found.is_empty():
        return own
    again = _by_profile(found.sort("~at").drop("~at"), moment, detail=detail)
    places = found["~at"].sort()
    leaves = own.with_row_index("~at").filter(~pl.col("~at").is_in(places.implode()))
    return pl.concat([leaves, again.insert_column(0, places)]).sort("~at").drop("~at")


def _columns(model: ScoringModel, *, detail: bool) -> list[str | pl.Expr]:
    details: list[str | pl.Expr] = []
    if detail:
        details = [
            pl.col(f"~{signal.id}.detail").struct.field(part).alias(f"{signal.id}.{part}")
            for signal in ordered_signals(model)
            for part in ("score", "weight", "fresh")
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
        "data_change",
        "flapping",
        *(name for name in previous_schema(model) if name != "account_id"),
    ]
