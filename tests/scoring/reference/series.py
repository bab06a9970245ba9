"""Daily numbers to one number, kind by kind."""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import combinations

from scoring.definition import Signal
from tests.scoring.reference.facts import Days, Moment
from tests.scoring.reference.values import DAY

GAUGES = {"sum", "mean", "trend", "slope", "baseline"}
Measured = tuple[float | None, float | None, float | None]
"""Value, prior, age in days; the value None: nothing there."""


def measured(days: Days, signal: Signal, moment: Moment, *, known: bool) -> Measured:
    """Give what a series says about an account, from the days that are over and have numbers."""
    age = moment.age_of_day(moment.last_day)
    if signal.kind in ("", "latest"):
        newest = max(days, default=None)
        return (None, None, None) if newest is None else (days[newest], None, moment.age_of_day(newest))
    if signal.kind == "recency":
        active = max((day for day, value in days.items() if value > 0), default=None)
        return (None, None, None) if active is None else (float((moment.last_day - active).days), None, age)
    prior: float | None = None
    if signal.kind == "trend":
        value, prior = trend(days, signal, moment.last_day)
        reach = length(signal)
    elif signal.kind == "slope":
        value, reach = slope(days, signal, moment.last_day), 56
    elif signal.kind == "baseline":
        value, prior = baseline(days, signal, moment.last_day)
        reach = 7
    else:
        value, reach = counted(days, signal, moment.last_day) if known else None, length(signal)
    if signal.gaps == "skip" and signal.kind in GAUGES and value is not None:
        # what is measured now and then was true when it was measured
        age = moment.age_of_day(max(day for day in days if (moment.last_day - day).days < reach))
    return value, prior, None if value is None else age


def length(signal: Signal) -> int:
    """Give the window in days."""
    assert signal.window is not None
    return signal.window // DAY


def window(days: Days, last: date, count: int) -> list[float]:
    """Give the numbers of the `count` days that end with `last`."""
    wanted = (last - timedelta(days=back) for back in range(count - 1, -1, -1))
    return [days[day] for day in wanted if day in days]


def total(numbers: Sequence[float]) -> float:
    """Add up numbers of whole millionths exactly: weeks that are equal must not differ in a last bit."""
    return round(math.fsum(numbers), 6)


def counted(days: Days, signal: Signal, last: date) -> float | None:
    """Give kinds that know a zero: sum, mean, active days and weeks."""
    count = length(signal)
    inside = window(days, last, count)
    match signal.kind:
        case "sum":
            return total(inside) if inside or signal.gaps == "zero" else None
        case "mean":
            return mean(inside, signal, count)
        case "active_days":
            return float(sum(value > 0 for value in inside))
        case "active_share":
            return sum(value > 0 for value in inside) / count
        case "active_weeks":
            weeks = count // 7
            return sum(any(value > 0 for value in week) for week in in_weeks(days, last, weeks)) / weeks
    raise ValueError(signal.kind)


def mean(inside: Sequence[float], signal: Signal, count: int) -> float | None:
    """Give the mean per day, over all days or over those that were measured."""
    if signal.gaps == "skip":
        return total(inside) / len(inside) if inside else None
    return total(inside) / count


def trend(days: Days, signal: Signal, last: date) -> tuple[float | None, float | None]:
    """Compare a window with the one before."""
    count = length(signal)
    now = mean(window(days, last, count), signal, count)
    before = mean(window(days, last - timedelta(days=count), count), signal, count)
    if now is None or before is None or before <= 0 or before < signal.min_baseline:
        return None, None
    return now / before - 1, before


def in_weeks(days: Days, last: date, weeks: int) -> list[list[float]]:
    """Give the numbers of the last whole weeks, the oldest first."""
    return [window(days, last - timedelta(days=7 * back), 7) for back in range(weeks - 1, -1, -1)]


def slope(days: Days, signal: Signal, last: date) -> float | None:
    """Give Theil and Sen's slope of eight weekly totals, as a share of their median."""
    weeks = enumerate(in_weeks(days, last, 8))
    points = [(place, total(week)) for place, week in weeks if week or signal.gaps == "zero"]
    if len(points) < 6:
        return None
    pairs = list(combinations(points, 2))
    agreement = sum((y2 > y1) - (y2 < y1) for (_, y1), (_, y2) in pairs) / len(pairs)
    middle = median([total for _, total in points])
    if abs(agreement) < 0.4 or middle <= 0 or middle < 7 * signal.min_baseline:
        return None
    return median([(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs]) / middle


def baseline(days: Days, signal: Signal, last: date) -> tuple[float | None, float | None]:
    """Compare the last week with the weeks before, in robust standard deviations."""
    this_week = window(days, last, 7)
    if not this_week and signal.gaps == "skip":
        return None, None
    count = 12 if signal.window is None else length(signal) // 7
    start = last - timedelta(days=7)
    first = min(days, default=None)
    totals: list[float] = []
    for back in range(count):
        newest = start - timedelta(days=7 * back)
        week = window(days, newest, 7)
        begun = first is not None and first <= newest - timedelta(days=6)
        if week or (signal.gaps == "zero" and begun):
            totals.append(total(week))
    if len(totals) < 6:
        return None, None
    middle = median(totals)
    spread = median([abs(total - middle) for total in totals])
    score = (total(this_week) - middle) / (1.4826 * spread + 1e-9 * max(1.0, abs(middle)))
    return min(10.0, max(-10.0, score)), middle / 7


def median(values: Sequence[float]) -> float:
    """Give the middle of some numbers, or of the middle two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
