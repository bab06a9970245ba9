"""Which numbers a signal can have, and what simple comparisons of it say about each other.

Only single comparisons with a number (`urgent > 2`), and comparisons joined by `and`, are understood; about all
others nothing is concluded. Refuses to look at data: what can never be true is found before any account is.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from scoring.curves import Map
from scoring.definition import DAY, Signal

_NUMBER = r"-?\d+(?:\.\d+)?"
_COMPARISON = re.compile(rf"([A-Za-z_][\w.]*)\s*(<=|>=|<|>|=)\s*({_NUMBER})\Z")
_REVERSED = re.compile(rf"({_NUMBER})\s*(<=|>=|<|>|=)\s*([A-Za-z_][\w.]*)\Z")
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}
_NOT_UNDERSTOOD = re.compile(r"\b(or|not|in|between)\b|[()']", re.IGNORECASE)

Ends: TypeAlias = tuple[float, float]
_ANY: Ends = (-math.inf, math.inf)
_COUNT: Ends = (0.0, math.inf)
_OF_KIND: dict[str, Ends] = {
    "trend": (-1.0, math.inf),
    "active_share": (0.0, 1.0),
    "active_weeks": (0.0, 1.0),
    "recency": _COUNT,
    "baseline": (-10.0, 10.0),
}
_OF_METRIC: dict[str, Ends] = {
    "tickets.open": _COUNT,
    "tickets.opened": _COUNT,
    "tickets.oldest_open_days": _COUNT,
    "tickets.load": _COUNT,
    "tickets.resolution_days": _COUNT,
    "tickets.rating": (0.0, 1.0),
    "tickets.sentiment": (-1.0, 1.0),
    "surveys.nps": (-100.0, 100.0),
    "surveys.count": _COUNT,
    "subscriptions.cancelling": (0.0, 1.0),
    "subscriptions.count": _COUNT,
    "subscriptions.term_months": _COUNT,
    "invoices.overdue_days": _COUNT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`name` lies between two numbers; an open end does not belong to it."""

    name: str
    low: float = -math.inf
    low_open: bool = False
    high: float = math.inf
    high_open: bool = False

    def within(self, other: "Comparison") -> bool:
        """Say whether the other comparison is true wherever this one is."""
        lower = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        upper = self.high < other.high or (
            self.high == other.high and (self.high_open or not other.high_open)
        )
        return self.name == other.name and lower and upper

    def meets(self, ends: Ends) -> bool:
        """Say whether any number between these ends (both included) makes it true."""
        low, high = ends
        above = high > self.low or (high == self.low and not self.low_open)
        below = low < self.high or (low == self.high and not self.high_open)
        return above and below


def value_range(signal: Signal) -> Ends:
    """Give the smallest and the largest number a signal can have; infinite where nothing is known."""
    if isinstance(signal.normalise, Map):
        points = signal.normalise.values.values()
        return (min(points), max(points)) if points else _ANY
    if signal.per:
        return _ANY
    if signal.kind == "active_days":
        return 0.0, math.inf if signal.window is None else signal.window / DAY
    return _OF_KIND.get(signal.kind, _ANY) if signal.kind else _OF_METRIC.get(signal.metric, _ANY)


def never_true(condition: str, signals: Iterable[Signal]) -> bool:
    """Say whether no account can ever fulfil a condition, because a signal cannot have such a number."""
    ends = {signal.id: value_range(signal) for signal in signals}
    return any(not part.meets(ends[part.name]) for part in _parts(condition) if part.name in ends)


def implies(condition: str, other: str) -> bool:
    """Say whether the other condition is certainly true wherever this one is."""
    if _plain(condition) == _plain(other):
        return True
    wanted = _parts(other)
    return len(wanted) == 1 and any(part.within(wanted[0]) for part in _parts(condition))


def _plain(condition: str) -> str:
    return " ".join(condition.split())


def _parts(condition: str) -> list[Comparison]:
    """Give the comparisons that must all be true; none where the condition is not so simple."""
    if _NOT_UNDERSTOOD.search(condition):
        return []
    parts = [_comparison(part.strip()) for part in re.split(r"\s+and\s+", condition, flags=re.IGNORECASE)]
    known = [part for part in parts if part is not None]
    return known if len(known) == len(parts) else []


def _comparison(text: str) -> Comparison | None:
    if found := _COMPARISON.match(text):
        name, mark, number = found[1], found[2], float(found[3])
    elif found := _REVERSED.match(text):
        name, mark, number = found[3], _TURNED[found[2]], float(found[1])
    else:
        return None
    match mark:
        case "<" | "<=":
            return Comparison(name=name, high=number, high_open=mark == "<")
        case ">" | ">=":
            return Comparison(name=name, low=number, low_open=mark == ">")
        case _:
            return Comparison(name=name, low=number, high=number)
