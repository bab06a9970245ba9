"""Curves worked out one value at a time."""

import math
from bisect import bisect_right
from itertools import pairwise

from scoring.curves import (
    ByTenure,
    Curve,
    Growth,
    HalfLife,
    Linear,
    Map,
    Percentile,
    Piecewise,
    Steps,
)
from tests.scoring.reference.values import DAY, SMALLEST_COHORT, Cohort


def worth(
    curve: Curve, value: float, *, tenure: float | None, signal: str, segment: str, cohort: Cohort
) -> float:
    """Give the points 0..100 of a value."""
    match curve:
        case Map():
            return value  # a word's points are its value already
        case Percentile():
            row = cohort.get((signal, segment if curve.within == "segment" else ""))
            nowhere = curve.within == "segment" and not segment
            if row is None or nowhere or row.n < SMALLEST_COHORT:
                return _simple(curve.otherwise, value)
            share = _share(row.values, row.at, row.between, value)
            return 100 * (share if curve.better == "high" else 1 - share)
        case ByTenure():
            for bucket in curve.buckets:
                if bucket.below is None or (tenure is not None and tenure < bucket.below / DAY):
                    return _simple(bucket.curve, value)
            raise ValueError("the last bucket is for all others")
        case _:
            return _simple(curve, value)


def _share(
    values: tuple[float, ...], at: tuple[float, ...], between: tuple[float, ...], value: float
) -> float:
    place = bisect_right(values, value) - 1
    if place < 0:
        return 0.0
    return at[place] if values[place] == value else between[place]


def _simple(curve: Linear | Piecewise | Steps | HalfLife | Growth, value: float) -> float:
    match curve:
        case Linear():
            bad, good = _scaled(curve.scale, curve.bad), _scaled(curve.scale, curve.good)
            return 100 * min(1.0, max(0.0, (_scaled(curve.scale, value) - bad) / (good - bad)))
        case Piecewise():
            knots = [(_scaled(curve.scale, x), y) for x, y in curve.knots]
            return through(knots, _scaled(curve.scale, value))
        case Steps():
            points = curve.below
            for start, height in curve.steps:
                if value >= start:
                    points = height
            return points
        case HalfLife():
            return 100.0 if value <= 0 else 100 * 2 ** (-value / curve.days)
        case Growth():
            return min(100.0, max(0.0, 50 * (1 + value)))


def _scaled(scale: str, value: float) -> float:
    if scale == "log":
        return math.log1p(value) if value > -1 else -math.inf
    if scale == "asinh":
        return math.asinh(value)
    return value


def through(knots: list[tuple[float, float]], value: float) -> float:
    """Go through knots in straight lines, flat outside."""
    if value <= knots[0][0]:
        return knots[0][1]
    for (x0, y0), (x1, y1) in pairwise(knots):
        if value <= x1:
            return y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    return knots[-1][1]
