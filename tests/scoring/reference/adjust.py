"""After the composite, in units: events, pulse, floors, caps, override, rounding."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from scoring.definition import BandCut, ScoringModel
from scoring.rules import Cap, Floor
from tests.scoring.reference.conditions import Row, evaluate
from tests.scoring.reference.values import (
    DAY,
    FULL,
    Fields,
    Memory,
    known_day,
    known_number,
    known_text,
    local_day,
    on_edge,
    to_units,
)

BANDS = ("red", "yellow", "green")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Where bands begin, in units."""

    yellow: int
    green: int
    quantum: int

    def band(self, units: int) -> str:
        """Give the band of a score."""
        return "green" if units >= self.green else "yellow" if units >= self.yellow else "red"

    def bottom(self, band: str) -> int:
        """Give the lowest score of a band."""
        return {"red": 0, "yellow": self.yellow, "green": self.green}[band]

    def top(self, band: str) -> int:
        """Give the highest score of a band."""
        return {"red": self.yellow - self.quantum, "yellow": self.green - self.quantum, "green": FULL}[band]


def cuts_of(bands: tuple[BandCut, ...], quantum: float) -> Cuts:
    """Read where bands begin."""
    starts = {cut.name: to_units(cut.min) for cut in bands}
    return Cuts(yellow=starts["yellow"], green=starts["green"], quantum=to_units(quantum))


@dataclass(frozen=True, slots=True, kw_only=True)
class PulseNow:
    """What the pulse does today."""

    state: str
    points: float = 0.0
    share: float = 0.0
    """How far the score moves towards the pulse, 0..1."""
    severe: bool = False


def pulse_now(model: ScoringModel, fields: Fields, as_of: datetime, zone: ZoneInfo) -> PulseNow:
    """Judge a pulse by its date, its note and its words."""
    rule = model.pulse
    word = known_text(fields, "pulse")
    if not word:
        return PulseNow(state="none")
    points = _pulse_points(rule.scale, word)
    if points is None:
        return PulseNow(state="not_understood")
    day = known_day(fields, "pulse_on", zone)
    if day is None:
        return PulseNow(state="no_date")
    if rule.require_note and not known_text(fields, "pulse_note"):
        return PulseNow(state="no_note")
    age = max(0.0, float((local_day(as_of, zone) - day).days))
    share = _faded(points, age, rule.fresh / DAY, rule.expires / DAY)
    return PulseNow(
        state="on" if share > 0 else "expired",
        points=points,
        share=share * rule.weight,
        severe=rule.severe is not None and points <= rule.severe and age <= rule.severe_for / DAY,
    )


def _pulse_points(scale: Mapping[str, float], word: str) -> float | None:
    if word in scale:
        return scale[word]
    try:
        number = float(word)
    except ValueError:
        return None
    return min(100.0, max(0.0, number)) if math.isfinite(number) else None


def _faded(points: float, age: float, fresh: float, expires: float) -> float:
    if age <= fresh:
        return 1.0
    if age >= expires or points <= 10 or points >= 90:
        return 0.0
    return (expires - age) / (expires - fresh)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideNow:
    """What the override does today."""

    state: str
    band: str | None = None


def override_now(model: ScoringModel, fields: Fields, as_of: datetime, zone: ZoneInfo) -> OverrideNow:
    """Judge an override by its reason, its end and its word."""
    word = known_text(fields, "override")
    today = local_day(as_of, zone)
    until = known_day(fields, "override_until", zone)
    if not word:
        return OverrideNow(state="none")
    band = model.override.words.get(word, word.lower())
    if band not in BANDS:
        return OverrideNow(state="not_understood")
    if not known_text(fields, "override_reason"):
        return OverrideNow(state="no_note")
    if until is None:
        return OverrideNow(state="no_date")
    if until - today > model.override.longest:
        return OverrideNow(state="too_long")
    if until <= today:
        return OverrideNow(state="expired")
    return OverrideNow(state="on", band=band)


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesNow:
    """States of all caps and floors by "cap.id" and "floor.id", and what they remember."""

    states: Mapping[str, str]
    since: Mapping[str, datetime]
    until: Mapping[str, datetime]

    def on(self, name: str) -> bool:
        """Say whether a rule counts."""
        return self.states[name] == "on"


def rules_now(model: ScoringModel, row: Row, memory: Memory | None, now: datetime, today: date) -> RulesNow:
    """Move every cap's and floor's clocks on."""
    states: dict[str, str] = {}
    since: dict[str, datetime] = {}
    until: dict[str, datetime] = {}
    named: list[tuple[str, Cap | Floor]] = [(f"cap.{rule.id}", rule) for rule in model.caps]
    named += [(f"floor.{rule.id}", rule) for rule in model.floors]
    for name, rule in named:
        truth = evaluate(rule.when, row)
        kept = memory.rule_until.get(name) if memory else None
        first = (memory.rule_since.get(name) if memory else None) or now
        ripe = truth is True and now - first >= rule.for_
        if truth is True:
            since[name] = first
        if ripe:
            kept = now + rule.hold
        if kept is not None and kept > now:
            until[name] = kept
        if rule.until is not None and today >= rule.until:
            states[name] = "off"
        elif ripe or (kept is not None and now < kept):
            states[name] = "on"
        else:
            states[name] = "waiting" if truth is True else "missing" if truth is None else "off"
    return RulesNow(states=states, since=since, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forces:
    """Everything that moves an account's score after its composite."""

    events: Mapping[str, int]
    points_limit: int
    pulse: PulseNow
    floors: Mapping[str, int]
    """The floors that are on."""
    caps: Mapping[str, int]
    """The caps that are on."""
    override: str | None
    cuts: Cuts


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What became of a score on the way."""

    units: int
    rows: Mapping[str, int]
    ceiling: int | None
    """The strictest cap that is on."""
    edges: frozenset[str] = field(default_factory=frozenset)


def walk(start: int, forces: Forces, *, by_hand: bool = True) -> Walked:
    """Take a score in units through all steps; `by_hand=False` leaves out pulse and override."""
    rows: dict[str, int] = {f"events.{name}": units for name, units in forces.events.items()}
    edges: set[str] = set()
    cuts = forces.cuts
    wanted = sum(forces.events.values())
    limited = max(-forces.points_limit, min(forces.points_limit, wanted))
    score = max(0, min(FULL, start + limited))
    rows["events.limit"] = score - start - wanted
    pulse = forces.pulse
    if by_hand and pulse.share > 0:
        moved = _pulsed(score, pulse, cuts, edges)
        rows["pulse"] = moved - score
        score = moved
    if forces.floors:
        name = min(forces.floors, key=lambda each: (-forces.floors[each], each))
        rows[f"floor.{name}"] = max(0, forces.floors[name] - score)
        score += rows[f"floor.{name}"]
    ceilings = [(limit, 0, f"cap.{name}") for name, limit in forces.caps.items()]
    if by_hand and pulse.severe:
        ceilings.append((cuts.top("red"), 1, "pulse_cap"))
    lowest = min(ceilings, default=None)
    if lowest is not None:
        rows[lowest[2]] = min(0, lowest[0] - score)
        score += rows[lowest[2]]
    if by_hand and forces.override is not None:
        clamped = min(max(score, cuts.bottom(forces.override)), cuts.top(forces.override))
        rows["override"] = clamped - score
        score = clamped
    published = (2 * score + cuts.quantum) // (2 * cuts.quantum) * cuts.quantum
    return Walked(
        units=published,
        rows=rows,
        ceiling=None if lowest is None else lowest[0],
        edges=frozenset(edges),
    )


def _pulsed(score: int, pulse: PulseNow, cuts: Cuts, edges: set[str]) -> int:
    points = (1 - pulse.share) * (score / 10_000) + pulse.share * pulse.points
    if on_edge(points):
        edges.add("pulse")
    moved = to_units(points)
    if moved > score:
        place = min(BANDS.index(cuts.band(score)) + 1, 2)
        moved = max(score, min(moved, cuts.top(BANDS[place])))
    return moved


def number_or_band(limit: str | float, cuts: Cuts, *, top: bool) -> int:
    """Give the limit of a cap (top of its band) or of a floor (bottom of its band)."""
    if isinstance(limit, str):
        return cuts.top(limit) if top else cuts.bottom(limit)
    return to_units(limit)


def arr_of(fields: Fields) -> float | None:
    """Give an account's ARR where it is a positive number."""
    number = known_number(fields, "arr")
    return number if number is not None and number > 0 else None
