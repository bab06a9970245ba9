"""Weights as polars expressions: age to a factor, days to renewal to a boost, points to integers.

Refuses to look at more than one row: whatever is here gives an account the same result alone and in a crowd.
"""

import math

import polars as pl

from scoring.definition import Freshness, Renewal
from scoring.exact import cut_off, divided
from scoring.rules import DAY


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
    return cut_off((value * 10_000 + 0.5).floor(), pl.Int32)


def quantise(value_units: pl.Expr, quantum_units: int) -> pl.Expr:
    """Round units half-up to a multiple of the quantum."""
    return (2 * value_units + quantum_units) // (2 * quantum_units) * quantum_units
