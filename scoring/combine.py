"""Weighed signals to categories and to one composite, with coverage and confidence.

Columns `~~<category>.W` (weight that counts), `.S` (its score), and `~<id>.e`: the effective weight of every
signal; they add up to 1 where there is a composite. A weight of 0 makes the rest of a category 0, never NaN, so
sums need no conditions. Refuses to publish without enough coverage.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_

import polars as pl

from scoring.definition import Category, ScoringModel, Signal
from scoring.exact import divided, reciprocal, total
from scoring.profiles import Weights, ordered_signals, used_categories
from scoring.rules import DAY

MIXED = 25.0
"""Weighted standard deviation between category scores above which they contradict each other (c.12)."""
NOISE = 1e-9
"""Shares are compared with their limits up to the noise of binary fractions."""


def combine(frame: pl.LazyFrame, weights: Weights) -> pl.LazyFrame:
    """Add ~composite, composite (null where it is not publishable), coverage, confidence, mixed and `~<id>.e`."""
    model = weights.now
    frame = effective(frame, weights, gated=True)
    frame = frame.with_columns(_coverage(model, weights))
    publishable = _all(
        [
            pl.col("~composite").is_not_null(),
            pl.col("coverage") >= model.min_coverage - NOISE,
            *(~_absent(s) for s in ordered_signals(model) if s.on_no_data == "required"),
            *(~pl.col(f"~{s.id}.lost") for s in ordered_signals(model)),
        ]
    )
    return frame.with_columns(
        pl.when(publishable).then(pl.col("~composite")).alias("composite"),
        pl.min_horizontal("~certain", "coverage").alias("confidence"),
        (publishable & (_spread(model) > MIXED**2)).fill_null(False).alias("mixed"),
    )


def effective(frame: pl.LazyFrame, weights: Weights, *, gated: bool) -> pl.LazyFrame:
    """Add category scores and weights, the effective weight of every signal, and ~composite.

    Without `gated`, a category counts as soon as one of its signals does: to compare like with like.
    """
    model = weights.now
    categories = used_categories(model)
    sums: list[pl.Expr] = []
    for category in categories:
        inside = ordered_signals(model, category)
        weight = total(pl.col(f"~{s.id}.w") for s in inside)
        sums += [
            total(pl.col(f"~{s.id}.h") for s in inside).alias(f"~~{category.id}.live"),
            total(pl.col(f"~{s.id}.n") for s in inside).alias(f"~~{category.id}.applies"),
            weight.alias(f"~~{category.id}.w"),
            reciprocal(weight).alias(f"~~{category.id}.per"),
            (total(pl.col(f"~{s.id}.w") * pl.col(f"~{s.id}.s") for s in inside) * reciprocal(weight)).alias(
                f"~~{category.id}.S"
            ),
        ]
    frame = frame.with_columns(sums)
    frame = frame.with_columns(
        _boosted(category, weights, model, gated=gated).alias(f"~~{category.id}.W") for category in categories
    )
    whole = total(_mass(category, model) for category in categories)
    frame = frame.with_columns(whole.alias("~W"), reciprocal(whole).alias("~per"))
    frame = frame.with_columns((_rate(c, model) * pl.col("~per")).alias(f"~~{c.id}.unit") for c in categories)
    weighted = total(_mass(c, model) * pl.col(f"~~{c.id}.S") for c in categories)
    composite = (weighted * pl.col("~per")).clip(0, 100)
    return frame.with_columns(
        pl.when(pl.col("~W") > 0).then(composite).alias("~composite"),
        *(
            (pl.col(f"~{signal.id}.w") * pl.col(f"~~{signal.category}.unit")).alias(f"~{signal.id}.e")
            for signal in ordered_signals(model)
        ),
    )


def _boosted(category: Category, weights: Weights, model: ScoringModel, *, gated: bool) -> pl.Expr:
    """Give the weight of a category, 0 where too little of it is known."""
    share, boost = weights.of_category(category), weights.boost(category)
    weight = share if boost is None else share * (1 + boost * pl.col("near"))
    known = pl.col(f"~~{category.id}.w") > 0
    if gated and model.redistribute == "category":
        live, applies = pl.col(f"~~{category.id}.live"), pl.col(f"~~{category.id}.applies")
        known = known & (live >= model.min_category_coverage * applies - NOISE)
    return pl.when(known).then(weight).otherwise(0.0)


def _mass(category: Category, model: ScoringModel) -> pl.Expr:
    """Give what a category weighs among all: its weight, or with redistribute = "flat" what is live of it."""
    weight = pl.col(f"~~{category.id}.W")
    return weight if model.redistribute == "category" else weight * pl.col(f"~~{category.id}.w")


def _rate(category: Category, model: ScoringModel) -> pl.Expr:
    """Give what one part of weight inside a category is worth among all."""
    weight = pl.col(f"~~{category.id}.W")
    return weight * pl.col(f"~~{category.id}.per") if model.redistribute == "category" else weight


def _coverage(model: ScoringModel, weights: Weights) -> list[pl.Expr]:
    """Give coverage and ~certain (c.12): shares of the nominal weight of what applies."""
    covered, certain, nominal = [], [], []
    for category in used_categories(model):
        share = weights.of_category(category)
        live, applies = pl.col(f"~~{category.id}.live"), pl.col(f"~~{category.id}.applies")
        sure = total(pl.col(f"~{s.id}.c") for s in ordered_signals(model, category))
        covered.append(share * live * reciprocal(applies))
        certain.append(share * sure * reciprocal(applies))
        nominal.append(pl.when(applies > 0).then(share).otherwise(0.0))
    tenure = model.min_tenure / DAY
    ripe: pl.Expr = pl.lit(1.0)
    if tenure:
        ripe = divided(pl.col("~tenure_days"), tenure).clip(0, 1).fill_null(1.0)
    whole = total(nominal)

    def share_of(parts: Sequence[pl.Expr]) -> pl.Expr:
        return total(parts) * reciprocal(whole)

    return [share_of(covered).alias("coverage"), (share_of(certain) * ripe).alias("~certain")]


def _spread(model: ScoringModel) -> pl.Expr:
    away: Callable[[Category], pl.Expr] = lambda c: pl.col(f"~~{c.id}.S") - pl.col("~composite")  # noqa: E731
    return total(_mass(c, model) * away(c) * away(c) for c in used_categories(model)) * pl.col("~per")


def _absent(signal: Signal) -> pl.Expr:
    return pl.col(f"~{signal.id}.applies") & ~pl.col(f"~{signal.id}.live")


def _all(conditions: Sequence[pl.Expr]) -> pl.Expr:
    return ~reduce(or_, (~condition for condition in conditions))
