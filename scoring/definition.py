"""What the admin writes in `[model]`: categories, signals, curves, caps, bands, as frozen values.

Refuses to read TOML and to know pydantic: the application validates a table into `ScoringModel`. What types
cannot say (an unknown category, unordered knots) is found by `scoring.problems`. Durations are `timedelta`.

`__pydantic_config__` is a plain dict that pydantic looks for on a standard dataclass. It refuses unknown keys
and spells three fields as TOML does: `[[model.signal]]` fills `signals`, `for = "24h"` fills `for_`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from typing import ClassVar, Literal, TypeAlias

_SPELLINGS = {"categories": "category", "signals": "signal", "caps": "cap", "for_": "for"}


def toml_name(attribute: str) -> str:
    """Give the key an admin writes for this attribute."""
    return _SPELLINGS.get(attribute, attribute)


_STRICT: dict[str, object] = {"extra": "forbid", "alias_generator": toml_name}

DAY = timedelta(days=1)
UNITS_PER_POINT = 10_000
"""Published points are kept as integers of 0.0001, so that sums are exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """0 points at `bad`, 100 at `good`, straight between, clamped outside; bad > good: less is better."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    type: Literal["linear"] = "linear"
    bad: float
    good: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Piecewise:
    """Knots (value, points) in rising order of value, straight between, clamped outside."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    type: Literal["piecewise"] = "piecewise"
    knots: tuple[tuple[float, float], ...]


Curve: TypeAlias = Linear | Piecewise
"""Turns a signal's value into 0..100 points; a new curve is one class here and one entry in `normalise`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How the weight of a value fades with its age: full, then halving, then gone."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    fresh_for: timedelta
    half_life: timedelta
    expire_after: timedelta


FRESHNESS: Mapping[str, Freshness] = {
    topic: Freshness(
        fresh_for=timedelta(days=fresh),
        half_life=timedelta(days=half),
        expire_after=timedelta(days=expire),
    )
    for topic, fresh, half, expire in (
        ("tickets", 2, 7, 21),
        ("surveys", 90, 90, 365),
        ("subscriptions", 7, 14, 60),
        ("invoices", 7, 14, 60),
        ("account", 7, 14, 60),
        ("", 2, 7, 30),
    )
}
"""Freshness of a signal that names none, by topic; "" stands for every series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A group of signals that speaks with one weight."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    id: str
    label: str
    weight: float


Gaps: TypeAlias = Literal["zero", "skip"]
OnNoData: TypeAlias = Literal["exclude", "worst", "required"] | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One number about an account, and how it turns into points."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    id: str
    label: str
    category: str
    weight: float = 1.0
    """Within its category; 0 keeps the signal out of the score, for use in caps only."""
    metric: str
    """topic.name: "usage.wau", "tickets.open", "account.arr"."""
    kind: str = ""
    """How a series becomes one number; empty means the latest. Record metrics have no kind."""
    window: timedelta | None = None
    min_baseline: float = 0.0
    """A trend over a smaller per-day mean than this is NO_DATA, never infinite."""
    gaps: Gaps = "zero"
    """A day without a number: nothing happened ("zero", for events) or not measured ("skip", for gauges)."""
    where: Mapping[str, str | bool | float | tuple[str, ...]] = field(default_factory=dict)
    """Only records whose fields have these values."""
    prior: float = 0.5
    """What a rating is shrunk towards while there are few."""
    prior_count: float = 5.0
    """How many ratings the prior counts for."""
    normalise: Curve
    freshness: Freshness | None = None
    on_no_data: OnNoData = "exclude"
    """A number is the points to count instead."""
    min_tenure: timedelta = timedelta(0)
    """Accounts younger than this are NOT_MATURE for this signal."""
    unit: str = ""
    format: Literal["number", "percent", "days", "money", "flag"] = "number"
    leading: bool = False
    """Warns ahead (usage) rather than confirms (an invoice)."""

    @property
    def topic(self) -> str:
        """Name the topic this signal is computed from."""
        return self.metric.partition(".")[0]

    @property
    def name(self) -> str:
        """Name the metric inside its topic."""
        return self.metric.partition(".")[2]

    @property
    def effective_freshness(self) -> Freshness:
        """Give the freshness that counts: its own, or that of its topic."""
        return self.freshness or FRESHNESS.get(self.topic, FRESHNESS[""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Once `when` has held for `for`, the score is at most a number, or a band's top less one quantum."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    id: str
    when: str
    """A condition over signal ids and `account.<field>`; false over missing data."""
    for_: timedelta = timedelta(0)
    at_most: Literal["red", "yellow"] | float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCut:
    """A band starts at `min` and ends where the next one starts."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    name: Literal["red", "yellow", "green"]
    min: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hysteresis:
    """What keeps a band from flickering; dwells are elapsed time, not numbers of runs."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    up_margin: float = 4.0
    """Improve only this far above the cut …"""
    up_dwell: timedelta = 2 * DAY
    """… for this long."""
    down_dwell: timedelta = DAY
    """Worsen after this long below the cut, seen in at least two refreshes of the data …"""
    jump: float = 10.0
    """… or at once when this far below it, or capped."""
    unknown_after: timedelta = 2 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """How the weight of categories grows as `account.renewal_on` comes near."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    far: timedelta = 120 * DAY
    near: timedelta = 30 * DAY
    grace: timedelta = 30 * DAY
    """A date further in the past than this is taken for not maintained and boosts nothing."""
    boost: Mapping[str, float] = field(default_factory=dict)
    """Category id to what is added to its weight, as a share of it, when renewal is near."""


DEFAULT_BANDS = (
    BandCut(name="red", min=0),
    BandCut(name="yellow", min=50),
    BandCut(name="green", min=75),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringModel:
    """Everything that decides a score besides the facts."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    version: str
    bands: tuple[BandCut, ...] = DEFAULT_BANDS
    hysteresis: Hysteresis = field(default_factory=Hysteresis)
    min_coverage: float = 0.5
    min_category_coverage: float = 0.5
    hold_for: timedelta = 7 * DAY
    """How long a source that is down keeps its last values and their weight."""
    min_tenure: timedelta = timedelta(0)
    """Confidence in a younger account is scaled down in proportion."""
    quantum: float = 1.0
    """Published precision in points."""
    categories: tuple[Category, ...]
    signals: tuple[Signal, ...]
    caps: tuple[Cap, ...] = ()
    renewal: Renewal = field(default_factory=Renewal)

    def cut(self, band: Literal["yellow", "green"]) -> int:
        """Give where this band begins, in units of 0.0001 points."""
        return next(units(cut.min) for cut in self.bands if cut.name == band)

    @property
    def quantum_units(self) -> int:
        """Give the published precision in units of 0.0001 points."""
        return units(self.quantum)

    def ceiling(self, cap: Cap) -> int:
        """Give the highest score a cap allows, in units: a number, or the top of a band less one quantum."""
        match cap.at_most:
            case "red":
                return self.cut("yellow") - self.quantum_units
            case "yellow":
                return self.cut("green") - self.quantum_units
            case number:
                return units(number)

    def topics(self) -> frozenset[str]:
        """List the topics whose sources this model needs."""
        return frozenset(signal.topic for signal in self.signals)


def units(points: float) -> int:
    """Convert points to integers of 0.0001."""
    return round(points * UNITS_PER_POINT)


_WORDS_ONLY = frozenset({"label", "reason", "unit", "format", "leading"})
"""Fields that change sentences, never a number: rewording must not start a new model version."""


def model_hash(model: ScoringModel) -> str:
    """Identify everything in a model that can change a number; order of tables and wording do not count."""
    canonical = json.dumps(_canonical(model), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _canonical(value: object) -> object:
    if is_dataclass(value):
        return {
            item.name: _canonical(getattr(value, item.name))
            for item in fields(value)
            if item.name not in _WORDS_ONLY
        }
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [_canonical(item) for item in value]
        if value and isinstance(value[0], Category | Signal | Cap):
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        return items
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value
