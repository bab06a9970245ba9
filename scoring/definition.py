"""What the admin writes in `[model]`: categories, signals, curves, caps, bands, as frozen values.

Refuses to read TOML and to know pydantic: the application validates a table into `ScoringModel`. What types
cannot say (an unknown category, unordered knots) is found by `scoring.problems`. Durations are `timedelta`.

`__pydantic_config__` is a plain dict that pydantic looks for on a standard dataclass. It refuses unknown keys
and spells three fields as TOML does: `[[model.signal]]` fills `signals`, `for = "24h"` fills `for_`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import date, timedelta
from typing import ClassVar, Literal, TypeAlias

from scoring.curves import Curve
from scoring.rules import DAY as DAY
from scoring.rules import Cap, Floor, Override, PointsRule, Pulse

_SPELLINGS = {
    "categories": "category",
    "signals": "signal",
    "caps": "cap",
    "floors": "floor",
    "profiles": "profile",
    "for_": "for",
}


def toml_name(attribute: str) -> str:
    """Give the key an admin writes for this attribute."""
    return _SPELLINGS.get(attribute, attribute)


_STRICT: dict[str, object] = {"extra": "forbid", "alias_generator": toml_name}

SEMANTICS = 2
"""Raised whenever the same model gives other numbers than before; it is part of every model's hash."""

UNITS_PER_POINT = 10_000
"""Published points are kept as integers of 0.0001, so that sums are exact."""


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
    per: str = ""
    """Divide by this: `account.<field>`, or another metric of the same topic and kind. 0 is NOT_APPLICABLE."""
    applies: str = ""
    """A condition over `account.<field>`; where it is not true the signal is NOT_APPLICABLE."""
    prior: float | Literal["segment"] = 0.5
    """What a rating is shrunk towards while there are few: a number, or the frozen mean of its segment."""
    prior_count: float = 5.0
    """How many ratings the prior counts for."""
    severity: Mapping[str, float] = field(default_factory=dict)
    """For tickets.load: what an open ticket of each severity weighs; others weigh 1."""
    age_scale: timedelta = 7 * DAY
    """For tickets.load: an open ticket weighs twice as much after this long, three times after twice as long."""
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
    flapping: int = 4
    """So many changes of band within `flapping_within` double the dwells, and no task is opened …"""
    flapping_within: timedelta = 30 * DAY
    """… until there are fewer."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalChange:
    """What a profile changes in one signal; what it does not name stays as it is."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    id: str
    weight: float | None = None
    normalise: Curve | None = None
    on_no_data: OnNoData | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is different for some accounts. The first one whose `when` is true counts; else the model itself.

    When an account comes under another profile, its weights pass over in a straight line in `cross_fade`.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    id: str
    label: str = ""
    when: str
    """A condition over `account.<field>`; dates are days until, so `account.created_on > -90` is a new customer."""
    inherits: str = ""
    """Another profile whose changes count as well, before this one's own."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Category id to its weight."""
    signals: tuple[SignalChange, ...] = ()
    boost: Mapping[str, float] | None = None
    bands: "tuple[BandCut, ...] | None" = None
    min_coverage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """How the score of a parent (`account.parent`) comes about: from its own signals, or from its subtree.

    The subtree is the account itself and everything beneath it, each account once, with its own score and ARR.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    mode: Literal["own", "arr_weighted_mean", "min", "pct_arr_red"] = "own"
    yellow_share: float = 0.10
    """For pct_arr_red: from this share of red ARR on the parent is yellow …"""
    red_share: float = 0.30
    """… and from this one red; the score runs straight between 100 at 0, the cuts, and 0 at 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """Other ways to write the one published score; none of them changes it."""

    __pydantic_config__: ClassVar[dict[str, object]] = _STRICT

    words: Mapping[Literal["red", "yellow", "green", "unknown"], str] = field(
        default_factory=lambda: {
            "red": "at risk",
            "yellow": "neutral",
            "green": "healthy",
            "unknown": "unknown",
        }
    )
    letters: Mapping[str, float] = field(
        default_factory=lambda: {"A": 90.0, "B": 80.0, "C": 70.0, "D": 60.0, "F": 0.0}
    )
    """Letter to the lowest score that has it."""
    colours: tuple[float, float] = (20.0, 60.0)
    """Colour by percentile: red below the first, yellow below the second, green from there on."""


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
    reviewed_on: date | None = None
    """When somebody last looked whether it is still right; a lint reminds after 180 days."""
    bands: tuple[BandCut, ...] = DEFAULT_BANDS
    hysteresis: Hysteresis = field(default_factory=Hysteresis)
    min_coverage: float = 0.5
    min_category_coverage: float = 0.5
    redistribute: Literal["category", "flat"] = "category"
    """Where the weight of a missing signal goes: to its category first, or to all signals alike."""
    hold_for: timedelta = 7 * DAY
    """How long a source that is down keeps its last values and their weight."""
    min_tenure: timedelta = timedelta(0)
    """Confidence in a younger account is scaled down in proportion."""
    quantum: float = 1.0
    """Published precision in points."""
    categories: tuple[Category, ...]
    signals: tuple[Signal, ...]
    caps: tuple[Cap, ...] = ()
    floors: tuple[Floor, ...] = ()
    points: tuple[PointsRule, ...] = ()
    points_limit: float = 10.0
    """The most that all events together may add or take."""
    renewal: Renewal = field(default_factory=Renewal)
    pulse: Pulse = field(default_factory=Pulse)
    override: Override = field(default_factory=Override)
    profiles: tuple[Profile, ...] = ()
    cross_fade: timedelta = 14 * DAY
    hierarchy: Hierarchy = field(default_factory=Hierarchy)
    formats: Formats = field(default_factory=Formats)

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

    def bottom(self, floor: Floor) -> int:
        """Give the lowest score a floor allows, in units: a number, or where a band begins."""
        match floor.at_least:
            case "yellow" | "green" as band:
                return self.cut(band)
            case number:
                return units(number)

    def topics(self) -> frozenset[str]:
        """List the topics whose sources this model needs."""
        used = {signal.topic for signal in self.signals}
        used |= {name.partition(".")[0] for rule in self.points for name in (rule.metric, rule.then) if name}
        return frozenset(used)


def units(points: float) -> int:
    """Convert points to integers of 0.0001."""
    return round(points * UNITS_PER_POINT)


_NO_NUMBERS = frozenset({"label", "reason", "unit", "format", "leading", "formats", "reviewed_on"})
"""Fields that never change a number: rewording must not start a new model version."""


def model_hash(model: ScoringModel) -> str:
    """Identify everything in a model that can change a number; order of tables and wording do not count.

    What is left at its default does not count either, so that an option that comes new is no new model.
    """
    canonical = json.dumps(
        [SEMANTICS, _canonical(model)], sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _canonical(value: object) -> object:
    if is_dataclass(value):
        return {
            item.name: _canonical(getattr(value, item.name))
            for item in fields(value)
            if item.name not in _NO_NUMBERS
            and (item.name == "type" or getattr(value, item.name) != _default(item))
        }
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [_canonical(item) for item in value]
        if value and isinstance(value[0], Category | Signal | Cap | Floor | PointsRule | SignalChange):
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        return items
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value


def _default(item: Field[object]) -> object:
    return item.default_factory() if item.default_factory is not MISSING else item.default
