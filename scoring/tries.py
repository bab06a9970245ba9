"""Values worth trying for a signal: round ones, as people would set them as a goal.

Along every part of the curve about a hundred of them, the knots, the words of a Map, zero, and what the conditions
of caps and floors compare with, on either side. A value is never finer than it is written, so the goal that is
written is the one that was tried: counts are whole, shares of days are days.

Refuses to know which of them helps.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from scoring.conditions import parse
from scoring.curves import (
    ByTenure,
    Curve,
    Distribution,
    Growth,
    HalfLife,
    Linear,
    Map,
    Percentile,
    Piecewise,
    Scale,
    Steps,
    scaled,
)
from scoring.definition import DAY, ScoringModel, Signal
from scoring.limits import rules
from scoring.words import number, shown, unit

_WHOLE = frozenset(
    {
        "tickets.open",
        "tickets.opened",
        "surveys.count",
        "subscriptions.seats",
        "subscriptions.count",
        "subscriptions.cancelling",
        "subscriptions.term_months",
    }
)
_WHOLE_KINDS = frozenset({"active_days", "recency"})
_FEWEST = 100
"""Along every part of a curve, so many values at least."""
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_TEXT = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One value for one signal."""

    signal_id: str
    value: float
    word: str = ""
    """The word of a Map that is worth this value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a signal is now, and what limits its values."""

    signal: Signal
    value: float
    prior: float | None
    word: str | None
    distributions: Mapping[str, Distribution]
    thresholds: tuple[float, ...]

    @property
    def is_level(self) -> bool:
        """Say that the value is a change, and people think of the level it leads to."""
        return self.signal.kind == "trend" and self.prior is not None and self.prior > 0

    def level(self, value: float) -> float:
        """Give what people think of: the level a change leads to, else the value itself."""
        return (self.prior or 0.0) * (1 + value) if self.is_level else value

    def change(self, level: float) -> float:
        """Give the value of a level."""
        return level / (self.prior or 1.0) - 1 if self.is_level else level

    def said(self, value: float, word: str | None) -> str:
        """Write a value as a goal."""
        signal = self.signal
        if self.is_level:
            return f"{number(self.level(value))}{unit(signal)}"
        if signal.kind == "baseline":
            return f"{number(value)} (distance from its usual)"
        return shown(signal, value, word=word)


def thresholds(signal: Signal, model: ScoringModel) -> tuple[float, ...]:
    """List the numbers in the conditions of caps and floors that name a signal."""
    found: set[float] = set()
    for rule in rules(model):
        if signal.id in parse(rule.when).names:
            found |= {float(text) for text in _NUMBER.findall(_TEXT.sub("", rule.when))}
    return tuple(sorted(found))


def tries(scope: Scope) -> list[Try]:
    """List the values worth trying, other than the one there is now."""
    name, curve = scope.signal.id, scope.signal.normalise
    if isinstance(curve, Map):
        return [
            Try(signal_id=name, value=float(points), word=word.strip())
            for word, points in curve.values.items()
            if word.strip() != scope.word
        ]
    values = {round(value, 9) + 0.0 for value in _values(scope)}
    lowest = min(0.0, scope.value, *_ends(curve, scope))
    return [
        Try(signal_id=name, value=value)
        for value in sorted(values)
        if value != scope.value and value >= lowest
    ]


def _ends(curve: Curve, scope: Scope) -> list[float]:
    return [end for start, stop, _ in _parts(curve, scope.distributions) for end in (start, stop)] or [0.0]


def _values(scope: Scope) -> Iterator[float]:
    yield 0.0
    for start, stop, scale in _parts(scope.signal.normalise, scope.distributions):
        yield from _along(scope, start, stop, scale)
    for edge in (*_edges(scope.signal.normalise), *scope.thresholds):
        level = scope.level(edge)
        step = _finest(scope, edge)
        yield from (scope.change(_on(level, step) + more) for more in (-step, 0.0, step))


def _along(scope: Scope, start: float, stop: float, scale: Scale) -> Iterator[float]:
    """Give round values between two ends, and a little beyond them."""
    if scale:
        # where a curve bends, what is round depends on the place
        low, high = scaled(scale, start), scaled(scale, stop)
        for place in range(_FEWEST + 1):
            value = _unscaled(scale, low + (high - low) * place / _FEWEST)
            yield _on(value, max(_finest(scope, value), _nice(abs(value) / 10)))
        return
    low, high = scope.level(start), scope.level(stop)
    step = max(_finest(scope, start, stop), _nice((high - low) / _FEWEST))
    for place in range(math.floor(low / step) - 1, math.ceil(high / step) + 2):
        yield scope.change(place * step)


def _finest(scope: Scope, *places: float) -> float:
    """Give how finely a value is written."""
    signal = scope.signal
    window = signal.window or DAY
    if signal.kind == "active_weeks":
        return 1 / (window // (7 * DAY))
    if signal.kind == "active_share":
        return 1 / (window // DAY)
    if _is_whole(signal):
        return 1.0
    if signal.format == "percent":
        return 0.01
    if signal.kind == "slope":
        return 0.001
    size = max(abs(scope.level(place)) for place in places)
    return 1.0 if size > 100 else 0.1 if size > 1 else 0.01


def _is_whole(signal: Signal) -> bool:
    if signal.per:
        return False
    return signal.metric in _WHOLE or signal.kind in _WHOLE_KINDS


def _nice(size: float) -> float:
    """Give the largest 1, 2 or 5 with zeros that is not above a size."""
    if size <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(size) + 1e-9)
    return next(power * factor for factor in (5.0, 2.0, 1.0) if power * factor <= size * (1 + 1e-9))


def _on(value: float, step: float) -> float:
    return round(value / step) * step


def _unscaled(scale: Scale, value: float) -> float:
    return math.expm1(value) if scale == "log" else math.sinh(value)


_Part: TypeAlias = tuple[float, float, Scale]


def _parts(curve: Curve, distributions: Mapping[str, Distribution]) -> Iterable[_Part]:
    """List where a curve rises or falls, from a value to a value."""
    match curve:
        case Linear():
            return [(min(curve.bad, curve.good), max(curve.bad, curve.good), curve.scale)]
        case Piecewise():
            return [(x0, x1, curve.scale) for (x0, _), (x1, _) in pairwise(curve.knots)]
        case HalfLife():
            return [(0.0, 2 * curve.days, ""), (2 * curve.days, 6 * curve.days, "")]
        case Growth():
            return [(-1.0, 1.0, "")]
        case Percentile():
            spread: list[_Part] = [
                (known.values[0], known.values[-1], "") for known in distributions.values() if known.values
            ]
            return [*spread, *_parts(curve.otherwise, distributions)]
        case ByTenure():
            return [part for bucket in curve.buckets for part in _parts(bucket.curve, distributions)]
        case _:
            return []


def _edges(curve: Curve) -> list[float]:
    """List where a curve jumps."""
    match curve:
        case Steps():
            return [start for start, _ in curve.steps]
        case Percentile():
            return _edges(curve.otherwise)
        case ByTenure():
            return [edge for bucket in curve.buckets for edge in _edges(bucket.curve)]
        case _:
            return []
