"""What goes into the reference and what comes out of it, as plain values of one account."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TypeAlias
from zoneinfo import ZoneInfo

FieldValue: TypeAlias = str | float | bool | date | datetime | None
Fields: TypeAlias = Mapping[str, FieldValue]

DAY = timedelta(days=1)
FULL = 1_000_000
"""100 points in units of 0.0001."""
EDGE = 1e-7
"""A float this close (in units) to where rounding turns may fall on either side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One signal of one account."""

    value: float | None = None
    state: str = "no_data"
    age_days: float | None = None
    down_days: float = 0.0
    silent: bool = False
    prior: float | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that is known about one account."""

    readings: Mapping[str, Reading]
    events: Mapping[str, float | None]
    fields: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Since when a score has been on the other side of a cut, and in how many refreshes."""

    since: datetime
    refreshes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of one account between runs; the columns of PREVIOUS_SCHEMA, decoded."""

    model: str | None = None
    band: str = "unknown"
    band_since: datetime
    known_band: str | None = None
    known_since: datetime | None = None
    unknown_since: datetime | None = None
    yellow: Clock | None = None
    green: Clock | None = None
    refreshed_at: datetime | None
    rule_since: Mapping[str, datetime] = field(default_factory=dict)
    rule_until: Mapping[str, datetime] = field(default_factory=dict)
    live: frozenset[str] = frozenset()
    settled: Mapping[str, int] = field(default_factory=dict)
    """Hundredths of points of the signals that counted when the band was last settled …"""
    settled_composite: float | None = None
    """… and the composite they made."""
    flips: tuple[datetime, ...] = ()
    profile: str = ""
    profile_since: datetime | None = None
    profile_from: str | None = None
    held: Mapping[str, tuple[float, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortRow:
    """How one signal was spread in one segment ("" is everybody) when the cohort was frozen."""

    n: int
    mean: float | None
    values: tuple[float, ...] = ()
    at: tuple[float, ...] = ()
    between: tuple[float, ...] = ()


Cohort: TypeAlias = Mapping[tuple[str, str], CohortRow]
SMALLEST_COHORT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the reference says about one account; rows are units, 0 where nothing counted."""

    units: int | None
    auto_units: int | None
    composite: float | None
    coverage: float
    confidence: float
    mixed: bool
    profile: str
    near: float
    rows: Mapping[str, int]
    states: Mapping[str, str]
    pulse_state: str
    override_state: str
    entered_from: str | None
    pending_band: str | None
    migrated: bool
    data_change: bool
    flapping: bool
    points: Mapping[str, float | None]
    weights: Mapping[str, float]
    fresh: Mapping[str, float]
    memory: Memory
    edges: frozenset[str]
    """Rows (and "units") that rounding may have turned either way."""


def exact(number: float) -> Fraction:
    """Take a number as the decimal that somebody wrote."""
    return Fraction(repr(float(number)))


def to_units(points: float) -> int:
    """Round half up to units of 0.0001 points."""
    return math.floor(points * 10_000 + 0.5)


def on_edge(points: float) -> bool:
    """Say whether the last bits of a float decide how it is rounded to units."""
    place = points * 10_000 + 0.5
    return abs(place - round(place)) < EDGE


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Give the business day of an instant."""
    return instant.astimezone(zone).date()


def days_between(later: datetime, earlier: datetime) -> float:
    """Give elapsed days."""
    return (later - earlier) / DAY


def seen_field(value: FieldValue, today: date, zone: ZoneInfo) -> float | str | bool | None:
    """Give an account field as conditions see it: dates are days until, what is not finite is not known."""
    if isinstance(value, datetime):
        value = local_day(value, zone)
    if isinstance(value, date):
        return float((value - today).days)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def known_day(fields: Fields, name: str, zone: ZoneInfo) -> date | None:
    """Give an account's date field as a day."""
    value = fields.get(name)
    if isinstance(value, datetime):
        return local_day(value, zone)
    return value if isinstance(value, date) else None


def known_number(fields: Fields, name: str) -> float | None:
    """Give an account's number, None where there is none that can be used."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def known_text(fields: Fields, name: str) -> str:
    """Give an account's text without blanks around it; numbers as they are written, "" for nothing."""
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(float(value)).removesuffix(".0")
    return str(value).strip()


def tenure_days(fields: Fields, today: date, zone: ZoneInfo) -> float | None:
    """Give how long an account has been a customer, in business days."""
    created = known_day(fields, "created_on", zone)
    return None if created is None else float((today - created).days)
