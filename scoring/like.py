"""Like for like: whether a change of band comes from the account, or from which signals happened to count.

An account is *settled* when its band is not on the move; what counted then, and for how many points, is kept.
When the band changes later while other signals count, both days are compared over the signals that count on
both, with today's weights (scoring.md c.11). Refuses to undo a change: it only says what it is worth.
"""

from functools import reduce
from operator import or_

import polars as pl

from scoring.combine import effective
from scoring.definition import ScoringModel
from scoring.exact import cut_off
from scoring.normalise import to_units
from scoring.profiles import Weights, ordered_signals


def settled(model: ScoringModel) -> list[pl.Expr]:
    """Give the memory of the last settled evaluation: this one if no clock runs, else the one remembered."""
    resting = pl.col("pending_band").is_null() & (pl.col("~band") != "unknown")
    now = pl.col("score_units").is_not_null() & resting
    mine = pl.col("~continues")
    parts = [
        pl.when(now)
        .then(_hundredths(signal.id))
        .when(mine)
        .then(pl.col(f"was.settled.{signal.id}"))
        .alias(signal.id)
        for signal in ordered_signals(model)
    ]
    composite = pl.when(now).then(pl.col("composite")).when(mine).then(pl.col("was.settled_composite"))
    return [pl.struct(parts).alias("settled"), composite.alias("settled_composite")]


def _hundredths(name: str) -> pl.Expr:
    """Give the points of a signal times 100, rounded half-up; null where it does not count."""
    counts = pl.col(f"{name}.points").is_not_null()
    return pl.when(counts).then(cut_off(pl.col(f"~{name}.s") * 100 + 0.5, pl.Int16))


def moved() -> pl.Expr:
    """Say that the band changed in this run from one that was settled: a change worth comparing."""
    return (
        pl.col("~continues")
        & (pl.col("~from") != "unknown")
        & (pl.col("~band") != "unknown")
        & pl.col("was.settled_composite").is_not_null()
        & pl.col("composite").is_not_null()
    ).fill_null(False)


def data_changes(rows: pl.DataFrame, weights: Weights) -> pl.Series:
    """Say of rows that have `moved` whether other signals count than before, and the change is theirs only."""
    model = weights.now
    now = _over_common(rows, weights, then=False)
    then = _over_common(rows, weights, then=True)
    whole = to_units(pl.col("composite")) - to_units(pl.col("was.settled_composite"))
    like = pl.col("score_units") - (whole - (pl.col("~now") - pl.col("~then")))
    unlike = reduce(
        or_,
        (
            _hundredths(signal.id).is_null() != pl.col(f"was.settled.{signal.id}").is_null()
            for signal in model.signals
        ),
    )
    compared = rows.with_columns(now.alias("~now"), then.alias("~then"))
    return compared.select(data_change=unlike & _is_data_change(model, like)).to_series()


def _over_common(rows: pl.DataFrame, weights: Weights, *, then: bool) -> pl.Series:
    """Give the composite in units over the signals that count on both days."""
    columns = []
    for signal in ordered_signals(weights.now):
        name = signal.id
        remembered = pl.col(f"was.settled.{name}")
        common = _hundredths(name).is_not_null() & remembered.is_not_null()
        columns.append(pl.when(common).then(pl.col(f"~{name}.w")).otherwise(0.0).alias(f"~{name}.w"))
        if then:
            before = remembered.cast(pl.Float64) * 0.01
            columns.append(pl.when(common).then(before).otherwise(0.0).alias(f"~{name}.s"))
    frame = effective(rows.lazy().with_columns(columns), weights, gated=False)
    return frame.select(to_units(pl.col("~composite"))).collect().to_series()


def _is_data_change(model: ScoringModel, like: pl.Expr) -> pl.Expr:
    """Compare the like-for-like score with the cut that was crossed; a cap or a hand decides by itself."""
    before, after = pl.col("entered_from"), pl.col("band")
    yellow, green = model.cut("yellow"), model.cut("green")
    worse = (before == "green") | (after == "red")
    left = pl.when(after == "red").then(yellow).otherwise(green)
    entered = pl.when(after == "green").then(green).otherwise(yellow)
    forced = pl.col("~override").is_not_null() | (worse & (pl.col("ceiling_units") < left).fill_null(False))
    contradicted = pl.when(worse).then(like >= left).otherwise(like < entered).fill_null(True)
    return ~forced & contradicted
