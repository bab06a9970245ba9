"""Curves and weights as polars expressions: value to points, age to weight, days to renewal to boost.

Refuses to look at more than one row: whatever is here gives an account the same result alone and in a crowd.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import polars as pl
from polars.expr.whenthen import ChainedThen, Then

from scoring.definition import DAY, Curve, Freshness, Linear, Piecewise, Renewal
from scoring.exact import divided


def points(curve: Curve, value: pl.Expr) -> pl.Expr:
    """Turn a value into 0..100 points; null stays null."""
    return _CURVES[type(curve)](curve, value)


def _linear(curve: Linear, value: pl.Expr) -> pl.Expr:
    return _through(sorted([(curve.bad, 0.0), (curve.good, 100.0)]), value)


def _piecewise(curve: Piecewise, value: pl.Expr) -> pl.Expr:
    return _through(curve.knots, value)


def _through(knots: Sequence[tuple[float, float]], value: pl.Expr) -> pl.Expr:
    # Monotone to the last bit: the next segment begins where this one really ends in floating point, which
    # may be a hair beside the knot.
    height = float(knots[0][1])
    chain: Then | ChainedThen = pl.when(value <= knots[0][0]).then(height)
    for (x0, y0), (x1, y1) in pairwise(knots):
        slope = (y1 - y0) / (x1 - x0)
        chain = chain.when(value <= x1).then(height + (value - x0) * slope)
        height += (x1 - x0) * slope
    return chain.when(value.is_not_null()).then(height)


_CURVES: dict[type, Callable[[Any, pl.Expr], pl.Expr]] = {Linear: _linear, Piecewise: _piecewise}


def freshness(rule: Freshness, age_days: pl.Expr) -> pl.Expr:
    """Turn an age into a factor: 1 while fresh, then halving, then 0; an unknown age counts as fresh."""
    fresh, half, expire = rule.fresh_for / DAY, rule.half_life / DAY, rule.expire_after / DAY
    fading = ((age_days - fresh) * (-math.log(2) / half)).exp()
    return pl.when(age_days > expire).then(0.0).when(age_days > fresh).then(fading).otherwise(1.0)


def proximity(rule: Renewal, days: pl.Expr) -> pl.Expr:
    """Turn days to renewal into 0..1: far away, near, overdue for no longer than the grace period."""
    far, near, grace = rule.far / DAY, rule.near / DAY, rule.grace / DAY
    rising = divided(far - days, far - near).clip(0, 1)
    return pl.when(days < -grace).then(0.0).otherwise(rising.fill_null(0.0))


def to_units(value: pl.Expr) -> pl.Expr:
    """Round points half-up to integers of 0.0001.

    Also removes the noise of binary fractions (74.49999999999999 for 74.5) before anything is decided.
    """
    return (value * 10_000 + 0.5).floor().cast(pl.Int32)


def quantise(value_units: pl.Expr, quantum_units: int) -> pl.Expr:
    """Round units half-up to a multiple of the quantum."""
    return (2 * value_units + quantum_units) // (2 * quantum_units) * quantum_units
