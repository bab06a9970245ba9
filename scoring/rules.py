"""What moves a score besides its signals, as frozen values: points for events, pulse, floors, caps, override.

They are applied in this order (scoring.md c.0): event points, pulse, floors, caps, override. The arithmetic is
in `scoring.adjust`; this module refuses to compute anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import ClassVar, Literal

from scoring.curves import STRICT

DAY = timedelta(days=1)
_SPELLED: dict[str, object] = {**STRICT, "alias_generator": lambda name: "for" if name == "for_" else name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Once `when` has held for `for`, the score is at most a number, or a band's top less one quantum."""

    __pydantic_config__: ClassVar[dict[str, object]] = _SPELLED

    id: str
    when: str
    """A condition over signal ids and `account.<field>`; false over missing data."""
    for_: timedelta = timedelta(0)
    hold: timedelta = timedelta(0)
    """It stays on this long after the condition has ceased to be true."""
    until: date | None = None
    """It ends with the day before this one, in the business time zone."""
    at_most: Literal["red", "yellow"] | float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Once `when` has held for `for`, the score is at least a number, or where a band begins. Caps win."""

    __pydantic_config__: ClassVar[dict[str, object]] = _SPELLED

    id: str
    when: str
    for_: timedelta = timedelta(0)
    hold: timedelta = timedelta(0)
    until: date | None = None
    at_least: Literal["yellow", "green"] | float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsRule:
    """Points for every event of a kind, which fade; each event of a source counts once.

    Of a series (`metric = "web.pricing_views"`) the events are days, and `when` compares `value`; days_in_a_row
    asks for so many consecutive days of the business time zone, which then are one event, dated by the last
    of them (a longer run is still one event; another one needs a day in between that does not match). `then`
    names a second series that must be above 0 on that day or at most `within` later; the event is dated by that
    day. Of records (`metric = "surveys"`) every record that fulfils `when`, over the fields of its topic, is one.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    id: str
    reason: str
    metric: str
    when: str
    days_in_a_row: int = 1
    then: str = ""
    within: timedelta = 7 * DAY
    points: float
    """Positive or negative, per event, on the day it happens."""
    expires: timedelta | None = None
    """Fades in a straight line to nothing after this long …"""
    half_life: timedelta | None = None
    """… or by half each time this long has passed. Exactly one of the two is given."""
    at_most: float = 10.0
    """The most this rule may add or take, all events together, in points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What the account's own people think of it: account fields pulse, pulse_on, pulse_note, pulse_author.

    It moves the score by `weight` of the way towards the pulse while it is fresh, less and less until it
    expires, and by no more than one band upwards. Without a date, or without the note that is asked for, it
    does not count, and the explanation says so.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    weight: float = 0.25
    fresh: timedelta = 30 * DAY
    expires: timedelta = 90 * DAY
    """A pulse of at most 10 or at least 90 points ends with `fresh`."""
    require_note: bool = True
    scale: Mapping[str, float] = field(default_factory=dict)
    """The CRM's words as points 0..100; a number is taken as it is."""
    severe: float | None = None
    """A pulse of so few points or fewer also keeps the score in red …"""
    severe_for: timedelta = 30 * DAY
    """… for this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A band set by hand for a time: account fields override, override_reason, override_until, override_author.

    Reason and end are mandatory, and the end may lie no further ahead than `longest`; whatever lacks one of
    them does not count, and the explanation says so. The score goes on beneath.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    longest: timedelta = 90 * DAY
    words: Mapping[str, Literal["red", "yellow", "green"]] = field(default_factory=dict)
    """The CRM's words for bands, where they are not red, yellow and green."""
