"""Signals to a composite: what is live, with which points and weight, and how much of it is known."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from scoring.definition import Freshness, Renewal, ScoringModel, Signal
from tests.scoring.reference.curves import worth
from tests.scoring.reference.profiles import Settings, Weights
from tests.scoring.reference.values import DAY, Cohort, Memory, Reading, days_between, exact

Held = Mapping[str, tuple[float, datetime]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One signal on its way into the score."""

    applicable: bool
    points: float | None
    """Null where it does not count, for whatever reason."""
    fresh: float
    known: float
    """What it adds to confidence, as a share of its nominal weight."""
    value: float | None
    """What conditions see."""
    silent: bool
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """A composite and the effective weights behind it."""

    composite: float | None
    weights: Mapping[str, float]
    coverage: Fraction
    confidence: float
    mixed: bool


def held_now(model: ScoringModel, readings: Mapping[str, Reading], former: Held, now: datetime) -> Held:
    """Remember the last good value of every account field."""
    good = {
        signal.id: (readings[signal.id].value, now)
        for signal in model.signals
        if signal.topic == "account" and readings[signal.id].state in ("value", "zero")
    }
    known = {name: (value, at) for name, (value, at) in good.items() if value is not None}
    return {**former, **known}


def seen(signal: Signal, reading: Reading, former: Held, now: datetime) -> Reading:
    """Put the last good value in the place of an unusable one, as if its source were down since then."""
    if reading.state != "invalid" or signal.topic != "account" or signal.id not in former:
        return reading
    value, at = former[signal.id]
    gone = days_between(now, at)
    return replace(reading, value=value, state="source_down", age_days=gone, down_days=gone)


def part_of(
    signal: Signal, reading: Reading, model: ScoringModel, tenure: float | None, segment: str, cohort: Cohort
) -> Part:
    """Say what one signal brings."""
    applicable = reading.state not in ("not_applicable", "not_mature")
    hold = model.hold_for / DAY
    kept = reading.down_days <= hold
    points: float | None = None
    value: float | None = None
    fresh, known = 1.0, 0.0
    if reading.state in ("value", "zero", "source_down") and reading.value is not None:
        age = None if reading.age_days is None else reading.age_days - reading.down_days
        fresh = freshness(signal.effective_freshness, age)
        if kept and fresh > 0:
            value = reading.value
            points = worth(
                signal.normalise, value, tenure=tenure, signal=signal.id, segment=segment, cohort=cohort
            )
            known = fresh * (1 - reading.down_days / hold)
    elif reading.state == "no_data" and kept:
        points = substitute(signal)
    return Part(
        applicable=applicable,
        points=points,
        fresh=fresh,
        known=known,
        value=value,
        silent=reading.silent,
        required=signal.on_no_data == "required",
    )


def substitute(signal: Signal) -> float | None:
    """Give the points that stand in for missing data."""
    if signal.on_no_data == "worst":
        return 0.0
    return None if isinstance(signal.on_no_data, str) else float(signal.on_no_data)


def freshness(rule: Freshness, age: float | None) -> float:
    """Give what is left of the weight of a value that is so many days old."""
    if age is None or age <= rule.fresh_for / DAY:
        return 1.0
    if age > rule.expire_after / DAY:
        return 0.0
    return math.exp2(-(age - rule.fresh_for / DAY) / (rule.half_life / DAY))


def proximity(renewal: Renewal, days: float | None) -> float:
    """Say how near renewal is, 0..1."""
    if days is None or days < -(renewal.grace / DAY) or days >= renewal.far / DAY:
        return 0.0
    if days <= renewal.near / DAY:
        return 1.0
    return (renewal.far / DAY - days) / (renewal.far / DAY - renewal.near / DAY)


def combine(
    model: ScoringModel,
    settings: Settings,
    nominal: Weights,
    parts: Mapping[str, Part],
    near: float,
    *,
    only: Iterable[str] | None = None,
) -> Combined:
    """Weigh everything that is live; `only` leaves out all other signals as if they did not apply."""
    chosen = set(parts) if only is None else set(only)
    parts = {
        name: part if name in chosen else replace(part, applicable=False, points=None)
        for name, part in parts.items()
    }
    inside: dict[str, list[str]] = {name: [] for name in nominal.categories}
    for name, signal in settings.signals.items():
        if parts[name].applicable:
            inside[signal.category].append(name)
    coverage, confidence = _known(nominal, parts, inside)
    boosted = {
        name: float(weight) * (1 + float(nominal.boost[name]) * near)
        for name, weight in nominal.categories.items()
    }
    means: dict[str, float] = {}
    strength: dict[str, float] = {}
    for category, names in inside.items():
        live = [name for name in names if parts[name].points is not None]
        applicable = sum((nominal.signals[name] for name in names), Fraction())
        there = sum((nominal.signals[name] for name in live), Fraction())
        strength[category] = math.fsum(float(nominal.signals[name]) * parts[name].fresh for name in live)
        if strength[category] > 0 and there >= exact(model.min_category_coverage) * applicable:
            means[category] = (
                math.fsum(
                    float(nominal.signals[name]) * parts[name].fresh * _points(parts[name]) for name in live
                )
                / strength[category]
            )
    if model.redistribute == "flat":
        raw = {
            name: boosted[settings.signals[name].category] * float(nominal.signals[name]) * part.fresh
            for name, part in parts.items()
            if part.applicable and part.points is not None
        }
    else:
        raw = {
            name: boosted[category] * float(nominal.signals[name]) * parts[name].fresh / strength[category]
            for category in means
            for name in inside[category]
            if parts[name].points is not None
        }
    whole = math.fsum(raw.values())
    weights = {name: weight / whole for name, weight in raw.items() if weight > 0}
    return Combined(
        composite=math.fsum(weight * _points(parts[name]) for name, weight in weights.items())
        if weights
        else None,
        weights=weights,
        coverage=coverage,
        confidence=confidence,
        mixed=_spread({name: boosted[name] for name in means}, means) > 25,
    )


def _points(part: Part) -> float:
    return 0.0 if part.points is None else part.points


def _known(
    nominal: Weights, parts: Mapping[str, Part], inside: Mapping[str, list[str]]
) -> tuple[Fraction, float]:
    shares: dict[str, Fraction] = {}
    for category, names in inside.items():
        whole = sum((nominal.signals[name] for name in names), Fraction())
        for name in names:
            if whole:
                shares[name] = nominal.categories[category] * nominal.signals[name] / whole
    total = sum(shares.values(), Fraction())
    if not total:
        return Fraction(), 0.0
    live = sum((share for name, share in shares.items() if parts[name].points is not None), Fraction())
    known = math.fsum(float(share / total) * parts[name].known for name, share in shares.items())
    return live / total, known


def _spread(weights: Mapping[str, float], means: Mapping[str, float]) -> float:
    whole = math.fsum(weights.values())
    if whole <= 0:
        return 0.0
    centre = math.fsum(weights[name] * means[name] for name in means) / whole
    return math.sqrt(math.fsum(weights[name] * (means[name] - centre) ** 2 for name in means) / whole)


def lost(parts: Mapping[str, Part], memory: Memory | None, key: str) -> bool:
    """Say whether a silence has taken away what the account was judged by, or comes before its first judgement."""
    judged = memory is not None and memory.model == key
    return any(
        part.silent
        and part.applicable
        and part.points is None
        and (not judged or memory is None or name in memory.live)
        for name, part in parts.items()
    )
