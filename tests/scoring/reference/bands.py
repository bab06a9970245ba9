"""The band machine, one account and one step at a time."""

from dataclasses import dataclass
from datetime import datetime

from scoring.definition import Hysteresis
from tests.scoring.reference.adjust import BANDS, Cuts
from tests.scoring.reference.values import Clock, Memory, to_units


@dataclass(frozen=True, slots=True, kw_only=True)
class BandStep:
    """Where an account stands after one evaluation."""

    band: str
    band_since: datetime
    known_band: str | None
    known_since: datetime | None
    unknown_since: datetime | None
    yellow: Clock | None
    green: Clock | None
    entered_from: str | None
    pending: str | None
    migrated: bool
    first: bool
    flapping: bool
    flips: tuple[datetime, ...]
    moved: tuple[str, str] | None
    """From one known band to another, if that happened now by the machine itself."""

    @property
    def settled(self) -> bool:
        """Say that no clock runs."""
        return self.yellow is None and self.green is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the machine is told besides the score."""

    cuts: Cuts
    rules: Hysteresis
    ceiling: int | None
    override: bool
    now: datetime
    refreshed_at: datetime
    key: str


def step(memory: Memory | None, units: int | None, told: Situation) -> BandStep:
    """Give the band after one more evaluation."""
    flips = tuple(
        flip for flip in (memory.flips if memory else ()) if told.now - flip < told.rules.flapping_within
    )
    flapping = len(flips) >= told.rules.flapping
    if units is None:
        return _without_score(memory, told, flips, flapping)
    fresh = memory is None or memory.model != told.key or memory.known_band is None
    if fresh:
        return _banded_anew(memory, units, told, flips, flapping)
    assert memory is not None
    assert memory.known_band is not None
    level = BANDS.index(memory.known_band)
    yellow_up, yellow = _cut(level >= 1, memory.yellow, told.cuts.yellow, units, told, memory, flapping)
    green_up, green = _cut(level >= 2, memory.green, told.cuts.green, units, told, memory, flapping)
    known = BANDS[yellow_up + (yellow_up and green_up)]
    known_since = memory.known_since if known == memory.known_band else told.now
    heading = BANDS[_after(yellow_up, yellow) + (_after(yellow_up, yellow) and _after(green_up, green))]
    return _stepped(
        memory,
        told,
        known,
        known_since=known_since,
        yellow=yellow,
        green=green,
        pending=heading if (yellow or green) else None,
        flips=flips,
        flapping=flapping,
        moved=(memory.known_band, known) if known != memory.known_band else None,
    )


def _after(above: bool, clock: Clock | None) -> bool:
    return above if clock is None else not above


def _cut(
    above: bool, clock: Clock | None, cut: int, units: int, told: Situation, memory: Memory, flapping: bool
) -> tuple[bool, Clock | None]:
    """Say whether an account is above a cut now, and which clock runs against that."""
    rules, times = told.rules, 2 if flapping else 1
    if told.override:
        return units >= cut, None
    other = units < cut if above else units >= cut + to_units(rules.up_margin)
    if not other:
        return above, None
    if clock is None:
        clock = Clock(since=told.now, refreshes=1)
    elif told.refreshed_at > memory.refreshed_at:
        clock = Clock(since=clock.since, refreshes=clock.refreshes + 1)
    spent = told.now - clock.since
    if above:
        deep = units <= cut - to_units(rules.jump)
        capped = told.ceiling is not None and told.ceiling < cut
        turned = deep or capped or (spent >= times * rules.down_dwell and clock.refreshes >= 2)
    else:
        turned = spent >= times * rules.up_dwell
    return (not above, None) if turned else (above, clock)


def _stepped(
    memory: Memory | None,
    told: Situation,
    known: str,
    *,
    known_since: datetime | None,
    flips: tuple[datetime, ...],
    flapping: bool,
    yellow: Clock | None = None,
    green: Clock | None = None,
    pending: str | None = None,
    migrated: bool = False,
    first: bool = False,
    moved: tuple[str, str] | None = None,
) -> BandStep:
    before = memory.band if memory else None
    changed = before != known
    return BandStep(
        band=known,
        band_since=told.now if changed or memory is None else memory.band_since,
        known_band=known,
        known_since=known_since,
        unknown_since=None,
        yellow=yellow,
        green=green,
        entered_from=before if changed else None,
        pending=pending,
        migrated=migrated,
        first=first,
        flapping=flapping,
        flips=(*flips, told.now) if changed and before is not None else flips,
        moved=moved,
    )


def _banded_anew(
    memory: Memory | None, units: int, told: Situation, flips: tuple[datetime, ...], flapping: bool
) -> BandStep:
    known = told.cuts.band(units)
    same = memory is not None and memory.known_band == known
    return _stepped(
        memory,
        told,
        known,
        known_since=memory.known_since if memory is not None and same else told.now,
        flips=flips,
        flapping=flapping,
        migrated=memory is None or memory.model != told.key,
        first=True,
    )


def _without_score(
    memory: Memory | None, told: Situation, flips: tuple[datetime, ...], flapping: bool
) -> BandStep:
    band = memory.band if memory else "unknown"
    unknown_since = (memory.unknown_since if memory else None) or told.now
    entered_from: str | None = None
    since = memory.band_since if memory else told.now
    if band != "unknown" and told.now - unknown_since >= told.rules.unknown_after:
        entered_from, band, since = band, "unknown", told.now
        flips = (*flips, told.now)
    return BandStep(
        band=band,
        band_since=since,
        known_band=memory.known_band if memory else None,
        known_since=memory.known_since if memory else None,
        unknown_since=unknown_since,
        yellow=None,
        green=None,
        entered_from=entered_from,
        pending=None,
        migrated=False,
        first=False,
        flapping=flapping,
        flips=flips,
        moved=None,
    )
