"""The band machine once more, in plain Python and for one account: written from the rules, not from the code."""

from dataclasses import dataclass, replace
from datetime import datetime

from scoring.definition import ScoringModel, units


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One cut: is the account above it, and since when has it been on its way to the other side?"""

    above: bool
    since: datetime | None = None
    refreshes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the machine remembers of one account."""

    band: str
    band_since: datetime
    known: str | None
    known_since: datetime | None
    unknown_since: datetime | None
    clocks: tuple[Clock, Clock] | None
    refreshed_at: datetime


def step(
    memory: Memory | None,
    score: int | None,
    ceiling: int | None,
    model: ScoringModel,
    now: datetime,
    refreshed_at: datetime,
) -> Memory:
    """Advance one account by one evaluation."""
    rules = model.hysteresis
    cuts = (model.cut("yellow"), model.cut("green"))
    fresh = memory is None or refreshed_at != memory.refreshed_at
    if score is None:
        if memory is None:
            return Memory(
                band="unknown",
                band_since=now,
                known=None,
                known_since=None,
                unknown_since=now,
                clocks=None,
                refreshed_at=refreshed_at,
            )
        since = memory.unknown_since or now
        memory = replace(memory, unknown_since=since, refreshed_at=refreshed_at)
        if memory.band == "unknown" or now - since >= rules.unknown_after:
            started = memory.band_since if memory.band == "unknown" else now
            quiet = memory.clocks and (
                Clock(above=memory.clocks[0].above),
                Clock(above=memory.clocks[1].above),
            )
            memory = replace(memory, band="unknown", band_since=started, clocks=quiet)
        return memory

    if memory is None or memory.clocks is None:
        clocks = (Clock(above=score >= cuts[0]), Clock(above=score >= cuts[1]))
    else:
        first, second = (
            tick(clock, score, ceiling, cut, model, now, fresh=fresh)
            for clock, cut in zip(memory.clocks, cuts, strict=True)
        )
        clocks = (first, second)
    band = ["red", "yellow", "green"][clocks[0].above + clocks[1].above]
    return Memory(
        band=band,
        band_since=memory.band_since if memory and memory.band == band else now,
        known=band,
        known_since=memory.known_since if memory and memory.known == band else now,
        unknown_since=None,
        clocks=clocks,
        refreshed_at=refreshed_at,
    )


def tick(
    clock: Clock,
    score: int,
    ceiling: int | None,
    cut: int,
    model: ScoringModel,
    now: datetime,
    *,
    fresh: bool,
) -> Clock:
    """Advance one cut by one evaluation."""
    rules = model.hysteresis
    leaving = score < cut if clock.above else score >= cut + units(rules.up_margin)
    if not leaving:
        return Clock(above=clock.above)
    since = clock.since or now
    refreshes = 1 if clock.since is None else (clock.refreshes or 0) + fresh
    if clock.above:
        deep = score <= cut - units(rules.jump) or (ceiling is not None and ceiling < cut)
        crossed = deep or (now - since >= rules.down_dwell and refreshes >= 2)
    else:
        crossed = now - since >= rules.up_dwell
    return (
        Clock(above=not clock.above)
        if crossed
        else Clock(above=clock.above, since=since, refreshes=refreshes)
    )
