"""Signals to what counts of them: points (s), weight in their category (w), certainty (c) and whether they live.

Columns that begin with "~" are steps on the way: `~<id>.f` freshness factor, `~<id>.live`, `~<id>.s`, `~<id>.w`,
`~<id>.c`, `~<id>.n` (nominal share in its category where it applies, else 0), `~<id>.lost`.

Refuses to guess what is missing: only what the model says about missing data counts.
"""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from scoring.curves import Distribution, Frame, points
from scoring.definition import ScoringModel, Signal
from scoring.exact import days, divided
from scoring.frames import INSTANT
from scoring.memory import account_signals
from scoring.model import InputState
from scoring.normalise import freshness
from scoring.profiles import Weights, ordered_signals
from scoring.rules import DAY


def last_good(wide: pl.LazyFrame, model: ScoringModel, as_of: datetime) -> pl.LazyFrame:
    """Put the last good value in the place of an unusable one, as if its source were down since (c.1)."""
    now = pl.lit(as_of, dtype=INSTANT)
    for signal in account_signals(model):
        name = signal.id
        bad = pl.col(f"{name}.state") == InputState.INVALID.value
        value, at = pl.col(f"was.held.{name}"), pl.col(f"was.held.{name}@").cast(INSTANT)
        ago = days(now - at).clip(0, None)
        held = bad & value.is_not_null()
        wide = wide.with_columns(
            pl.when(held).then(value).otherwise(pl.col(f"{name}.value")).alias(f"{name}.value"),
            pl.when(held).then(ago).otherwise(pl.col(f"{name}.age_days")).alias(f"{name}.age_days"),
            pl.when(held).then(ago).otherwise(pl.col(f"{name}.down_days")).alias(f"{name}.down_days"),
            (pl.col(f"{name}.silent") | held).alias(f"{name}.silent"),
        )
    return wide


def kept_values(model: ScoringModel, as_of: datetime) -> list[pl.Expr]:
    """Give the memory `held`: the last good value of every account field, and when it was true."""
    now = int(as_of.timestamp() * 1_000_000)
    parts: list[pl.Expr] = []
    for signal in account_signals(model):
        name = signal.id
        good = pl.col(f"{name}.value").is_not_null() & (
            pl.col(f"{name}.state") != InputState.INVALID.value
        ).fill_null(False)
        at = now - (pl.col(f"{name}.age_days").fill_null(0.0) * 86_400e6).round().cast(pl.Int64)
        parts += [
            pl.when(good).then(pl.col(f"{name}.value")).otherwise(pl.col(f"was.held.{name}")).alias(name),
            pl.when(good).then(at).otherwise(pl.col(f"was.held.{name}@")).alias(f"{name}@"),
        ]
    return [pl.struct(parts).alias("held")] if parts else []


def weigh(
    frame: pl.LazyFrame,
    weights: Weights,
    model_id: str,
    distributions: Mapping[str, Mapping[str, Distribution]],
) -> pl.LazyFrame:
    """Add the steps of every signal."""
    model = weights.now
    frame = frame.with_columns(
        expression for signal in ordered_signals(model) for expression in _facts(signal, model)
    )
    context = {
        signal.id: Frame(
            tenure_days=pl.col("~tenure_days"),
            segment=pl.col("~segment"),
            distributions=distributions.get(signal.id, {}),
        )
        for signal in model.signals
    }
    frame = frame.with_columns(
        expression
        for signal in ordered_signals(model)
        for expression in _counted(signal, model, weights, context[signal.id])
    )
    return frame.with_columns(_lost(signal, place, model_id) for place, signal in _places(model))


def _places(model: ScoringModel) -> list[tuple[int, Signal]]:
    return list(enumerate(ordered_signals(model)))


def _facts(signal: Signal, model: ScoringModel) -> list[pl.Expr]:
    name, hold_days = signal.id, model.hold_for / DAY
    down = pl.col(f"{name}.down_days")
    # What counts is the weight at the last complete read. Rounding to a tenth of a second keeps it the
    # same to the bit however long the source has been down since.
    age = (pl.col(f"{name}.age_days") - down).round(6)
    seen = pl.col(f"{name}.value").is_not_null() & (down <= hold_days)
    fresh = pl.when(seen).then(freshness(signal.effective_freshness, age)).otherwise(0.0)
    facts = [fresh.alias(f"~{name}.f")]
    if substitute(signal) is not None:
        empty = pl.col(f"{name}.state") == InputState.NO_DATA.value
        facts.append((empty & (down <= hold_days)).alias(f"~{name}.substituted"))
    return facts


def _counted(signal: Signal, model: ScoringModel, weights: Weights, frame: Frame) -> list[pl.Expr]:
    name = signal.id
    share = weights.of_signal(signal)
    fresh = pl.col(f"~{name}.f")
    alive = fresh > 0
    curve = points(signal.normalise, pl.col(f"{name}.value"), frame)
    score: pl.Expr = pl.when(alive).then(curve).otherwise(0.0)
    weight, live = share * fresh, alive
    instead = substitute(signal)
    if instead is not None:
        substituted = pl.col(f"~{name}.substituted")
        live = alive | substituted
        score = pl.when(substituted).then(instead).otherwise(score)
        weight = share * pl.when(substituted).then(1.0).otherwise(fresh)
    held = 1 - divided(pl.col(f"{name}.down_days"), model.hold_for / DAY)
    outside = pl.col(f"{name}.state").is_in([InputState.NOT_APPLICABLE.value, InputState.NOT_MATURE.value])
    return [
        live.alias(f"~{name}.live"),
        score.alias(f"~{name}.s"),
        weight.alias(f"~{name}.w"),
        (share * fresh * held).alias(f"~{name}.c"),
        pl.when(outside).then(0.0).otherwise(share).alias(f"~{name}.n"),
        (~outside).alias(f"~{name}.applies"),
    ]


def _lost(signal: Signal, place: int, model_id: str) -> pl.Expr:
    """Say whether an outage has taken a signal away: it counted when the account was last judged.

    What it said is not known any more, so a score without it is no news about the customer: the account has
    none until it is back (like for like, scoring c.11). An account that was never judged is not judged for
    the first time while a topic is silent.
    """
    same_model = (pl.col("was.model_hash") == model_id).fill_null(False)
    never_judged = pl.col("was.known_band").is_null()
    counted = same_model & ((pl.col("was.live").fill_null(0) // (1 << place)) % 2 == 1)
    gone = pl.col(f"{signal.id}.silent") & ~pl.col(f"~{signal.id}.live") & (pl.col(f"~{signal.id}.n") > 0)
    return (gone & (counted | never_judged)).alias(f"~{signal.id}.lost")


def live_bits(model: ScoringModel) -> pl.Expr:
    """Give the memory `live`: bit i says that the i-th signal by id counted, or was lost to an outage."""
    result: pl.Expr = pl.lit(0, dtype=pl.Int64)
    for place, signal in _places(model):
        counts = pl.col(f"~{signal.id}.live") | pl.col(f"~{signal.id}.lost")
        result = result + counts.cast(pl.Int64) * (1 << place)
    return result


def substitute(signal: Signal) -> float | None:
    """Give the points that stand in for missing data, None where nothing does."""
    match signal.on_no_data:
        case "exclude" | "required":
            return None
        case "worst":
            return 0.0
        case number:
            return float(number)
