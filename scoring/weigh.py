"""Signals to what counts of them: points (s), weight in their category (w), certainty (c) and whether they live.

Columns that begin with "~" are steps on the way: `~<id>.f` freshness factor, `~<id>.live`, `~<id>.s`, `~<id>.w`,
`~<id>.c`, `~<id>.n` (nominal share in its category where it applies, else 0), `~<id>.h` (the same where it is
live, else 0), `~<id>.lost`.

Refuses to guess what is missing: only what the model says about missing data counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Signals for which a rule makes no difference in the rows at hand, so that it need not be computed.

    On a good day nothing is down and most values are fresh: leaving these steps out saves half the time and
    changes no bit, because each would multiply by one or add nothing.
    """

    calm: frozenset[str]
    """No source of theirs is down or silent."""
    applicable: frozenset[str]
    """They apply to every row."""
    fresh: frozenset[str]
    """No value is older than its `fresh_for`."""
    one_model: bool
    """Nobody was ever judged under another model."""


NOTHING_PLAIN = Plain(calm=frozenset(), applicable=frozenset(), fresh=frozenset(), one_model=False)


def plain(rows: pl.DataFrame, model: ScoringModel) -> Plain:
    """Look which steps the rows can do without."""
    calm, applicable, fresh = set[str](), set[str](), set[str]()
    for signal in model.signals:
        name = signal.id
        state = rows[f"{name}.state"].to_physical()
        if not rows[f"{name}.silent"].any() and not (rows[f"{name}.down_days"].max() or 0.0):
            calm.add(name)
        if not ((state >= _OUTSIDE[0]) & (state <= _OUTSIDE[1])).any():
            applicable.add(name)
        oldest = rows[f"{name}.age_days"].max()
        if not isinstance(oldest, float) or oldest <= signal.effective_freshness.fresh_for / DAY:
            fresh.add(name)
    judged_before = rows.height - rows["was.model_hash"].null_count()
    return Plain(
        calm=frozenset(calm),
        applicable=frozenset(applicable),
        fresh=frozenset(fresh),
        one_model=rows["~same_model"].sum() == judged_before,
    )


_CODES = [state.value for state in InputState]
_OUTSIDE = (
    _CODES.index(InputState.NOT_APPLICABLE.value),
    _CODES.index(InputState.NOT_MATURE.value),
)
"""The codes of the two states, side by side, that leave a signal out of everything."""


def weigh(
    frame: pl.LazyFrame,
    weights: Weights,
    distributions: Mapping[str, Mapping[str, Distribution]],
    simple: Plain,
) -> pl.LazyFrame:
    """Add the steps of every signal."""
    model = weights.now
    ordered = ordered_signals(model)
    frame = frame.with_columns(e for signal in ordered for e in _facts(signal, model, simple))
    context = {
        signal.id: Frame(
            tenure_days=pl.col("~tenure_days"),
            segment=pl.col("~segment"),
            distributions=distributions.get(signal.id, {}),
        )
        for signal in model.signals
    }
    frame = frame.with_columns(
        e for signal in ordered for e in _counted(signal, model, weights, context[signal.id], simple)
    )
    return frame.with_columns(_lost(signal, place, simple) for place, signal in enumerate(ordered))


def _facts(signal: Signal, model: ScoringModel, simple: Plain) -> list[pl.Expr]:
    name, hold_days = signal.id, model.hold_for / DAY
    calm = name in simple.calm
    down = pl.col(f"{name}.down_days")
    seen = pl.col(f"{name}.value").is_not_null()
    if not calm:
        seen = seen & (down <= hold_days)
    # What counts is the weight at the last complete read. Rounding to a tenth of a second keeps it the
    # same to the bit however long the source has been down since.
    age = pl.col(f"{name}.age_days") if calm else pl.col(f"{name}.age_days") - down
    factor = pl.lit(1.0)
    if name not in simple.fresh:
        factor = freshness(signal.effective_freshness, age.round(6))
    facts = [seen.alias(f"~{name}.seen"), pl.when(seen).then(factor).otherwise(0.0).alias(f"~{name}.f")]
    if substitute(signal) is not None:
        empty = pl.col(f"{name}.state") == InputState.NO_DATA.value
        held = empty if calm else empty & (down <= hold_days)
        facts.append(held.alias(f"~{name}.substituted"))
    return facts


def _counted(
    signal: Signal, model: ScoringModel, weights: Weights, frame: Frame, simple: Plain
) -> list[pl.Expr]:
    name = signal.id
    share = weights.of_signal(signal)
    fresh = pl.col(f"~{name}.f")
    alive = pl.col(f"~{name}.seen") if name in simple.fresh else fresh > 0
    curve = points(signal.normalise, pl.col(f"{name}.value"), frame)
    score: pl.Expr = pl.when(alive).then(curve).otherwise(0.0)
    # a factor is 0 or 1 where nothing is old
    weight = pl.when(alive).then(share).otherwise(0.0) if name in simple.fresh else share * fresh
    certain, live = weight, alive
    instead = substitute(signal)
    if instead is not None:
        substituted = pl.col(f"~{name}.substituted")
        live = alive | substituted
        score = pl.when(substituted).then(instead).otherwise(score)
        weight = pl.when(substituted).then(share).otherwise(weight)
    if name not in simple.calm:
        certain = certain * (1 - divided(pl.col(f"{name}.down_days"), model.hold_for / DAY))
    code = pl.col(f"{name}.state").to_physical()
    outside, nominal = pl.lit(False), share
    if name not in simple.applicable:
        outside = (code == _OUTSIDE[0]) | (code == _OUTSIDE[1])
        nominal = pl.when(outside).then(0.0).otherwise(share)
    return [
        live.alias(f"~{name}.live"),
        score.alias(f"~{name}.s"),
        weight.alias(f"~{name}.w"),
        certain.alias(f"~{name}.c"),
        nominal.alias(f"~{name}.n"),
        pl.when(live).then(nominal).otherwise(0.0).alias(f"~{name}.h"),
        (~outside).alias(f"~{name}.applies"),
    ]


def _lost(signal: Signal, place: int, simple: Plain) -> pl.Expr:
    """Say whether an outage has taken a signal away: it counted when the account was last judged.

    What it said is not known any more, so a score without it is no news about the customer: the account has
    none until it is back (like for like, scoring c.11). An account that was never judged is not judged for
    the first time while a topic is silent.
    """
    if signal.id in simple.calm:
        return pl.lit(False).alias(f"~{signal.id}.lost")
    never_judged = pl.col("was.known_band").is_null()
    counted = pl.col("~same_model") & ((pl.col("was.live").fill_null(0) // (1 << place)) % 2 == 1)
    gone = pl.col(f"{signal.id}.silent") & ~pl.col(f"~{signal.id}.live") & (pl.col(f"~{signal.id}.n") > 0)
    return (gone & (counted | never_judged)).alias(f"~{signal.id}.lost")


_NO_BIT = pl.lit(0, dtype=pl.Int64)


def live_bits(model: ScoringModel) -> pl.Expr:
    """Give the memory `live`: bit i says that the i-th signal by id counted, or was lost to an outage."""
    result: pl.Expr = pl.lit(0, dtype=pl.Int64)
    for place, signal in enumerate(ordered_signals(model)):
        counts = pl.col(f"~{signal.id}.live") | pl.col(f"~{signal.id}.lost")
        result = result + pl.when(counts).then(pl.lit(1 << place, dtype=pl.Int64)).otherwise(_NO_BIT)
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
