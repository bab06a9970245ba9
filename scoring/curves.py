"""Curves: from a signal's value to 0..100 points, each with its formula beside it.

A new curve is one class here, one entry in `_FORMULAS`, and what can be wrong with it in
`scoring.problems`. Every formula is an expression over one row, so an account has the same points alone and in
a crowd; the only thing a curve may know of others is a *frozen* cohort, which arrives as an argument.

Refuses to decide what a missing value means: null stays null.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any, ClassVar, Literal, TypeAlias

import polars as pl
from polars.expr.whenthen import ChainedThen, Then

STRICT: dict[str, object] = {"extra": "forbid"}
_DAY = timedelta(days=1)

Scale: TypeAlias = Literal["", "log", "asinh"]
"""What a value is put through before the curve: log1p for heavy tails, asinh where it may be negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """0 points at `bad`, 100 at `good`, straight between, clamped outside; bad > good: less is better."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    type: Literal["linear"] = "linear"
    bad: float
    good: float
    scale: Scale = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piecewise:
    """Knots (value, points) in rising order of value, straight between, clamped outside."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    type: Literal["piecewise"] = "piecewise"
    knots: tuple[tuple[float, float], ...]
    scale: Scale = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Steps (from, points) in rising order: [from, next from) has these points, everything below has `below`."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    type: Literal["steps"] = "steps"
    below: float
    steps: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfLife:
    """100 points at 0, half at `days`, a quarter at twice as many: for days since something happened."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    type: Literal["half_life"] = "half_life"
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """50 points for no change, 100 for twice as much, 0 for nothing left: for kind = "trend"."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    type: Literal["growth"] = "growth"


SimpleCurve: TypeAlias = Linear | Piecewise | Steps | HalfLife | Growth


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """Points for each word of an account field; yes/no fields have the words "true" and "false".

    A word that is not listed makes the signal INVALID, never 0.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    type: Literal["map"] = "map"
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """100·(less + ½·equal)/n among the frozen cohort; `otherwise` where it has fewer than 20 accounts."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    type: Literal["percentile"] = "percentile"
    better: Literal["high", "low"] = "high"
    within: Literal["segment", "all"] = "segment"
    otherwise: SimpleCurve


@dataclass(frozen=True, slots=True, kw_only=True)
class TenureBucket:
    """The curve for accounts younger than `below`; the last bucket names no age and is for all others."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    below: timedelta | None = None
    curve: SimpleCurve


@dataclass(frozen=True, slots=True, kw_only=True)
class ByTenure:
    """Another curve by how long an account has been a customer; an unknown tenure counts as long."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    type: Literal["by_tenure"] = "by_tenure"
    buckets: tuple[TenureBucket, ...]


Curve: TypeAlias = Linear | Piecewise | Steps | HalfLife | Growth | Map | Percentile | ByTenure
"""Turns a signal's value into 0..100 points."""

SMALLEST_COHORT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How the values of one signal were spread in a frozen cohort.

    `at[i]` is the share (0..1) of a value equal to `values[i]`, `between[i]` of one above it and below the
    next; both are (less + ½·equal)/n.
    """

    n: int
    values: Sequence[float]
    at: Sequence[float]
    between: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a curve may look at besides the value."""

    tenure_days: pl.Expr
    segment: pl.Expr
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    """Of this signal, by segment; "" is everybody."""


def points(curve: Curve, value: pl.Expr, frame: Frame) -> pl.Expr:
    """Turn a value into 0..100 points; null stays null."""
    return _FORMULAS[type(curve)](curve, value, frame)


def _scaled(scale: Scale, value: pl.Expr) -> pl.Expr:
    match scale:
        case "log":
            return value.clip(0, None).log1p()
        case "asinh":
            return value.arcsinh()
        case _:
            return value


def scaled(scale: Scale, value: float) -> float:
    """Put a number of the model through the scale of its curve."""
    match scale:
        case "log":
            return math.log1p(max(value, 0.0))
        case "asinh":
            return math.asinh(value)
        case _:
            return value


def _linear(curve: Linear, value: pl.Expr, frame: Frame) -> pl.Expr:
    knots = sorted([(scaled(curve.scale, curve.bad), 0.0), (scaled(curve.scale, curve.good), 100.0)])
    return _through(knots, _scaled(curve.scale, value))


def _piecewise(curve: Piecewise, value: pl.Expr, frame: Frame) -> pl.Expr:
    knots = [(scaled(curve.scale, x), y) for x, y in curve.knots]
    return _through(knots, _scaled(curve.scale, value))


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


def _steps(curve: Steps, value: pl.Expr, frame: Frame) -> pl.Expr:
    chain: Then | ChainedThen = pl.when(value < curve.steps[0][0]).then(float(curve.below))
    for (_, height), (end, _) in pairwise(curve.steps):
        chain = chain.when(value < end).then(float(height))
    return chain.when(value.is_not_null()).then(float(curve.steps[-1][1]))


def _half_life(curve: HalfLife, value: pl.Expr, frame: Frame) -> pl.Expr:
    return 100 * (value.clip(0, None) * (-math.log(2) / curve.days)).exp()


def _growth(curve: Growth, value: pl.Expr, frame: Frame) -> pl.Expr:
    return (50 * (1 + value)).clip(0, 100)


def _map(curve: Map, value: pl.Expr, frame: Frame) -> pl.Expr:
    # words became points when the account field was read
    return value


def _percentile(curve: Percentile, value: pl.Expr, frame: Frame) -> pl.Expr:
    absolute = points(curve.otherwise, value, frame)
    chosen = {
        segment: known
        for segment, known in sorted(frame.distributions.items())
        if known.n >= SMALLEST_COHORT and bool(segment) == (curve.within == "segment")
    }
    result = absolute
    for segment, known in chosen.items():
        share = _share(known, value)
        ranked = 100 * (share if curve.better == "high" else 1 - share)
        inside = (frame.segment == segment).fill_null(False) if segment else pl.lit(True)
        result = pl.when(inside & value.is_not_null()).then(ranked).otherwise(result)
    return result


def _share(known: Distribution, value: pl.Expr) -> pl.Expr:
    """Look a value up among the sorted values of a cohort."""
    values = pl.lit(pl.Series(values=list(known.values), dtype=pl.Float64))
    at = pl.lit(pl.Series(values=list(known.at), dtype=pl.Float64))
    between = pl.lit(pl.Series(values=[0.0, *known.between], dtype=pl.Float64))
    filled = value.fill_null(0.0)
    left = values.search_sorted(filled, side="left")
    right = values.search_sorted(filled, side="right")
    last = len(known.values) - 1
    return pl.when(right > left).then(at.gather(left.clip(0, last))).otherwise(between.gather(left))


def _by_tenure(curve: ByTenure, value: pl.Expr, frame: Frame) -> pl.Expr:
    *younger, oldest = curve.buckets
    result = points(oldest.curve, value, frame)
    for bucket in reversed(younger):
        assert bucket.below is not None
        young = (frame.tenure_days < bucket.below / _DAY).fill_null(False)
        result = pl.when(young).then(points(bucket.curve, value, frame)).otherwise(result)
    return result


_FORMULAS: dict[type, Callable[[Any, pl.Expr, Frame], pl.Expr]] = {
    Linear: _linear,
    Piecewise: _piecewise,
    Steps: _steps,
    HalfLife: _half_life,
    Growth: _growth,
    Map: _map,
    Percentile: _percentile,
    ByTenure: _by_tenure,
}
