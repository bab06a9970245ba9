"""Arithmetic that gives an account the same bits alone, in a crowd, and in any order of rows.

Two things in polars do not. A sum of floats depends on the order and grouping of rows, so sums are taken over
integers of a millionth. And a column divided by a literal, or by a column that polars knows to be constant, is
multiplied by the reciprocal, but truly divided where there is one row: 3.25 / 7 then ends in two different
digits. `divided` always takes the reciprocal.

Refuses nothing; but no other module of scoring divides one column by something with `/`.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce
from operator import add

import polars as pl

PARTS_PER_UNIT = 1_000_000
LARGEST = 1e15
"""Numbers beyond this are refused as damaged."""


def divided(value: pl.Expr, by: pl.Expr | float) -> pl.Expr:
    """Divide; the result may be one bit off the true quotient, but is so everywhere."""
    return value * (1.0 / by)


def reciprocal(by: pl.Expr) -> pl.Expr:
    """Give 1/by, and 0 where `by` is not above 0; `a * reciprocal(b)` has the bits of `divided(a, b)`."""
    return pl.when(by > 0).then(1.0 / by).otherwise(0.0)


def cut_off(value: pl.Expr, kind: type[pl.Int16 | pl.Int32]) -> pl.Expr:
    """Cut numbers off to integers, towards zero. They must fit: nothing is checked, which makes it fast."""
    return value.cast(kind, strict=False, wrap_numerical=True)


def to_parts(value: pl.Expr) -> pl.Expr:
    """Turn numbers into integers of a millionth; what is no finite number becomes null."""
    return (
        pl.when(value.is_finite() & (value.abs() <= LARGEST))
        .then((value * PARTS_PER_UNIT).round())
        .cast(pl.Int128)
    )


def from_parts(parts: pl.Expr) -> pl.Expr:
    """Turn integers of a millionth back into numbers; rounding repairs what the reciprocal costs."""
    return divided(parts.cast(pl.Float64), PARTS_PER_UNIT).round(6)


def exact_sum(column: str) -> pl.Expr:
    """Add up a column exactly; null where there is nothing to add."""
    parts = to_parts(pl.col(column))
    return pl.when(parts.count() > 0).then(from_parts(parts.sum()))


def days(duration: pl.Expr) -> pl.Expr:
    """Turn a duration into days, to a tenth of a millisecond."""
    return divided(duration.dt.total_microseconds().cast(pl.Float64), 86_400e6).round(9)


def shares(weights: Sequence[float]) -> list[float]:
    """Scale weights to a sum of 1 in exact fractions: multiplying all of them changes no bit."""
    exact = [Fraction(repr(float(weight))) for weight in weights]
    total = sum(exact, Fraction(0)) or Fraction(1)
    return [float(weight / total) for weight in exact]


def total(terms: Iterable[pl.Expr]) -> pl.Expr:
    """Add in the given order; polars' own horizontal sum promises none."""
    return reduce(add, terms)
