"""The whole score of every account, and the hierarchy above them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from scoring.definition import ScoringModel
from tests.scoring.reference.adjust import (
    BANDS,
    Cuts,
    Forces,
    OverrideNow,
    PulseNow,
    RulesNow,
    Walked,
    cuts_of,
    number_or_band,
    override_now,
    pulse_now,
    rules_now,
    walk,
)
from tests.scoring.reference.bands import BandStep, Situation, step
from tests.scoring.reference.family import rolled
from tests.scoring.reference.profiles import Passage, Settings, all_settings, chosen, passage
from tests.scoring.reference.values import (
    FULL,
    Cohort,
    Inputs,
    Memory,
    Reading,
    Scored,
    known_day,
    known_text,
    local_day,
    on_edge,
    seen_field,
    tenure_days,
    to_units,
)
from tests.scoring.reference.weigh import (
    Combined,
    Part,
    combine,
    held_now,
    part_of,
    proximity,
    seen,
    taken_away,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is the same for all accounts."""

    model: ScoringModel
    as_of: datetime
    refreshed_at: datetime | None
    zone: ZoneInfo
    key: str
    """Names model and topics together; another one bands everybody anew."""
    cohort: Cohort


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One account before its family is known."""

    memory: Memory | None
    passage: Passage
    settings: Settings
    near: float
    parts: Mapping[str, Part]
    combined: Combined
    confidence: float
    lost: frozenset[str]
    publishable: bool
    rules: RulesNow
    pulse: PulseNow
    override: OverrideNow
    forces: Forces
    readings: Mapping[str, Reading]
    event_edges: frozenset[str]


def score(accounts: Mapping[str, Inputs], run: Run, memories: Mapping[str, Memory]) -> dict[str, Scored]:
    """Score every account; accounts without a memory were never scored."""
    every = all_settings(run.model)
    judged = {name: _judge(inputs, run, every, memories.get(name)) for name, inputs in accounts.items()}
    own: dict[str, int] = {}
    for name, one in judged.items():
        if one.publishable and one.combined.composite is not None:
            own[name] = walk(to_units(one.combined.composite), one.forces).units
    families = rolled(run.model, {name: inputs.fields for name, inputs in accounts.items()}, own)
    return {name: _published(one, run, families.get(name)) for name, one in judged.items()}


def _judge(inputs: Inputs, run: Run, every: Mapping[str, Settings], memory: Memory | None) -> Judged:
    model, fields = run.model, inputs.fields
    today = local_day(run.as_of, run.zone)
    name = chosen(model, fields, today, run.zone)
    settings, way = every[name], passage(model, every, name, memory, run.key, run.as_of)
    tenure = tenure_days(fields, today, run.zone)
    segment = known_text(fields, "segment")
    former = memory.held if memory else {}
    parts = {
        signal.id: part_of(
            signal,
            seen(signal, inputs.readings[signal.id], former, run.as_of),
            model,
            tenure,
            segment,
            run.cohort,
        )
        for signal in settings.signals.values()
    }
    renewal_on = known_day(fields, "renewal_on", run.zone)
    near = proximity(model.renewal, None if renewal_on is None else float((renewal_on - today).days))
    combined = combine(model, settings, way.weights, parts, near)
    row = {signal: part.value for signal, part in parts.items()} | {
        f"account.{field}": seen_field(value, today, run.zone) for field, value in fields.items()
    }
    rules = rules_now(model, row, memory, run.as_of, today)
    pulse = pulse_now(model, fields, run.as_of, run.zone)
    override = override_now(model, fields, run.as_of, run.zone)
    missing = any(part.required and part.applicable and part.points is None for part in parts.values())
    lost = taken_away(parts, way.weights, memory, run.key)
    maturity = 1.0
    if model.min_tenure and tenure is not None:
        maturity = min(1.0, max(0.0, tenure / model.min_tenure.days))
    return Judged(
        memory=memory,
        passage=way,
        settings=settings,
        near=near,
        parts=parts,
        combined=combined,
        confidence=combined.confidence * maturity,
        lost=lost,
        publishable=combined.composite is not None
        and combined.coverage >= settings.min_coverage
        and not missing
        and not lost,
        rules=rules,
        pulse=pulse,
        override=override,
        forces=_forces(model, inputs, cuts_of(settings.bands, model.quantum), rules, pulse, override),
        readings=inputs.readings,
        event_edges=frozenset(
            f"events.{name}"
            for name, points in inputs.events.items()
            if points is not None and on_edge(points)
        ),
    )


def _forces(
    model: ScoringModel, inputs: Inputs, cuts: Cuts, rules: RulesNow, pulse: PulseNow, override: OverrideNow
) -> Forces:
    return Forces(
        events={rule.id: to_units(inputs.events.get(rule.id) or 0.0) for rule in model.points},
        points_limit=to_units(model.points_limit),
        pulse=pulse,
        floors={
            rule.id: number_or_band(rule.at_least, cuts, top=False)
            for rule in model.floors
            if rules.on(f"floor.{rule.id}")
        },
        caps={
            rule.id: number_or_band(rule.at_most, cuts, top=True)
            for rule in model.caps
            if rules.on(f"cap.{rule.id}")
        },
        override=override.band,
        cuts=cuts,
    )


def _published(one: Judged, run: Run, family: int | None) -> Scored:
    composite = one.combined.composite if one.publishable else None
    known = composite is not None or family is not None
    own = FULL if composite is None else to_units(composite)
    start = own if family is None else family
    walked = walk(start, one.forces) if known else None
    beneath = walk(start, one.forces, by_hand=False) if known else None
    told = Situation(
        cuts=one.forces.cuts,
        rules=run.model.hysteresis,
        ceiling=walked.ceiling if walked else None,
        override=one.override.band is not None,
        now=run.as_of,
        refreshed_at=run.refreshed_at,
        key=run.key,
    )
    stood = step(one.memory, walked.units if walked else None, told)
    rows = _rows(one, composite, own, family, walked)
    like = _like_for_like(one, run, stood, composite, walked)
    edges = set(one.event_edges | (walked.edges if walked else frozenset()))
    if composite is not None:
        edges |= {"units"} if on_edge(composite) else set()
        edges |= {name for name, drag in _drags(one).items() if on_edge(drag)}
    return Scored(
        units=walked.units if walked else None,
        auto_units=beneath.units if beneath else None,
        composite=composite,
        coverage=float(one.combined.coverage),
        confidence=one.confidence,
        mixed=one.publishable and one.combined.mixed,
        profile=one.passage.profile,
        near=one.near,
        rows=rows,
        states=one.rules.states,
        pulse_state=one.pulse.state,
        override_state=one.override.state,
        entered_from=stood.entered_from,
        pending_band=stood.pending,
        migrated=stood.migrated,
        data_change=_data_change(one, stood, walked, like, edges),
        flapping=stood.flapping,
        points={name: part.points for name, part in one.parts.items()},
        weights=one.combined.weights,
        fresh={name: part.fresh for name, part in one.parts.items()},
        memory=_remembered(one, run, stood, composite, scored=known),
        edges=frozenset(edges),
    )


def _drags(one: Judged) -> dict[str, float]:
    drags: dict[str, float] = {}
    for name, weight in one.combined.weights.items():
        points = one.parts[name].points
        drags[name] = weight * (100 - (0.0 if points is None else points))
    return drags


def _rows(
    one: Judged, composite: float | None, own: int, family: int | None, walked: Walked | None
) -> dict[str, int]:
    if walked is None:
        return {}
    rows = {} if composite is None else {name: -to_units(drag) for name, drag in _drags(one).items()}
    rows |= walked.rows
    if family is not None:
        rows["family"] = family - own
    rows["rounding"] = walked.units - FULL - sum(rows.values())
    return rows


def _hundredths(one: Judged, composite: float | None) -> dict[str, int]:
    """Give the points of the signals that count, in hundredths."""
    if composite is None:
        return {}
    found = {name: one.parts[name].points for name in one.combined.weights}
    return {name: math.floor(points * 100 + 0.5) for name, points in found.items() if points is not None}


def _like_for_like(
    one: Judged, run: Run, stood: BandStep, composite: float | None, walked: Walked | None
) -> int | None:
    """Give what the score would be if only signals had moved it that count now and counted when last settled.

    Both days are weighed as today. None: nothing is common. The score itself where the same signals count.
    """
    former = one.memory
    if walked is None or composite is None or former is None or former.settled_composite is None:
        return walked.units if walked else None
    counted = _hundredths(one, composite)
    if counted.keys() == former.settled.keys() or not stood.continues:
        return walked.units
    common = counted.keys() & former.settled.keys()
    now = {name: part if name in common else _without(part) for name, part in one.parts.items()}
    then = {
        name: replace(part, points=former.settled[name] / 100) if name in common else part
        for name, part in now.items()
    }
    means = [
        combine(run.model, one.settings, one.passage.weights, parts, one.near, gate=False).composite
        for parts in (now, then)
    ]
    if means[0] is None or means[1] is None:
        return None
    whole = to_units(composite) - to_units(former.settled_composite)
    return walked.units - (whole - (to_units(means[0]) - to_units(means[1])))


def _without(part: Part) -> Part:
    return replace(part, applicable=False, points=None)


def _data_change(
    one: Judged, stood: BandStep, walked: Walked | None, like: int | None, edges: set[str]
) -> bool:
    """Say whether a band changed only because other signals count than when it was last settled."""
    if stood.moved is None or walked is None or not stood.continues:
        return False
    if one.memory is None or one.memory.settled_composite is None or not one.publishable:
        return False
    cuts = one.forces.cuts
    before, after = stood.moved
    worse = BANDS.index(after) < BANDS.index(before)
    crossed = cuts.bottom({"red": "yellow", "yellow": "green"}[after] if worse else after)
    if one.override.band is not None or (worse and walked.ceiling is not None and walked.ceiling < crossed):
        return False
    if one.memory.settled.keys() == one.combined.weights.keys():
        return False
    if like is None:
        return True
    if abs(like - crossed) < 5:
        edges.add("data_change")
    return like >= crossed if worse else like < crossed


def _remembered(one: Judged, run: Run, stood: BandStep, composite: float | None, *, scored: bool) -> Memory:
    former = one.memory
    live = {name for name, part in one.parts.items() if part.points is not None} | one.lost
    settled, settled_composite = _hundredths(one, composite), composite
    if not (scored and stood.pending is None and stood.band in BANDS):
        kept = former if former is not None and stood.continues else None
        settled = dict(kept.settled) if kept else {}
        settled_composite = kept.settled_composite if kept else None
    return Memory(
        model=run.key if scored or former is None or former.model is None else former.model,
        band=stood.band,
        band_since=stood.band_since,
        known_band=stood.known_band,
        known_since=stood.known_since,
        unknown_since=stood.unknown_since,
        yellow=stood.yellow,
        green=stood.green,
        refreshed_at=run.refreshed_at or (former.refreshed_at if former else None),
        rule_since=one.rules.since,
        rule_until=one.rules.until,
        live=frozenset(live),
        settled=settled,
        settled_composite=settled_composite,
        flips=stood.flips,
        profile=one.passage.profile,
        profile_since=one.passage.since,
        profile_from=one.passage.origin,
        held=held_now(run.model, one.readings, former.held if former else {}, run.as_of),
    )
