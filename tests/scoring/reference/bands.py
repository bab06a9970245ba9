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
    flapping: bool
    flips: tuple[datetime, ...]
    continues: bool
    """It was judged before under the same model."""

    @property
    def moved(self) -> tuple[str, str] | None:
        """Give the known bands it went from and to in this run, if it went anywhere."""
        return (self.entered_from, self.band) if self.entered_from in BANDS and self.band in BANDS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the machine is told besides the score."""

    cuts: Cuts
    rules: Hysteresis
    ceiling: int | None
    override: bool
    now: datetime
    refreshed_at: datetime | None
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
    return _stepped(
        memory,
        told,
        known,
        known_since=known_since,
        yellow=yellow,
        green=green,
        pending=_heading(yellow_up, yellow, green_up, green),
        flips=flips,
        flapping=flapping,
        continues=True,
    )


def _heading(yellow_up: bool, yellow: Clock | None, green_up: bool, green: Clock | None) -> str | None:
    """Give the band an account has if every clock runs out."""
    if yellow is None and green is None:
        return None
    above_yellow = yellow_up != (yellow is not None)
    above_green = green_up != (green is not None)
    return BANDS[above_yellow + (above_yellow and above_green)]


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
    elif told.refreshed_at is not None and told.refreshed_at != memory.refreshed_at:
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
    continues: bool = False,
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
        flapping=flapping,
        flips=(*flips, told.now) if changed and before in BANDS else flips,
        continues=continues,
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
        migrated=memory is not None and memory.model != told.key,
    )


def _without_score(
    memory: Memory | None, told: Situation, flips: tuple[datetime, ...], flapping: bool
) -> BandStep:
    """Keep side and clocks for a while, for nothing is concluded; then say that nothing is known."""
    band = memory.band if memory else "unknown"
    unknown_since = (memory.unknown_since if memory else None) or told.now
    entered_from: str | None = None
    since = memory.band_since if memory else told.now
    if band != "unknown" and told.now - unknown_since >= told.rules.unknown_after:
        entered_from, band, since = band, "unknown", told.now
    stands = memory is not None and memory.model == told.key and band != "unknown"
    yellow = memory.yellow if memory and stands else None
    green = memory.green if memory and stands else None
    level = BANDS.index(band) if stands else 0
    return BandStep(
        band=band,
        band_since=since,
        known_band=memory.known_band if memory else None,
        known_since=memory.known_since if memory else None,
        unknown_since=unknown_since,
        yellow=yellow,
        green=green,
        entered_from=entered_from,
        pending=_heading(level >= 1, yellow, level >= 2, green),
        migrated=False,
        flapping=flapping,
        flips=flips,
        continues=memory is not None and memory.model == told.key and memory.known_band is not None,
    )
