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
    good: dict[str, tuple[float, datetime]] = {}
    for signal in model.signals:
        reading = readings[signal.id]
        if signal.topic == "account" and reading.state != "invalid" and reading.value is not None:
            good[signal.id] = (reading.value, now - (reading.age_days or 0.0) * DAY)
    return {**former, **good}


def seen(signal: Signal, reading: Reading, former: Held, now: datetime) -> Reading:
    """Put the last good value in the place of an unusable one, as if its source were down since then."""
    if reading.state != "invalid" or signal.topic != "account" or signal.id not in former:
        return reading
    value, at = former[signal.id]
    gone = days_between(now, at)
    return replace(reading, value=value, state="source_down", age_days=gone, down_days=gone, silent=True)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One category of one account: what applies in it, and what of that is live."""

    live: Mapping[str, float]
    """Signal to its weight inside the category, less what age has taken."""
    applicable: Fraction
    there: Fraction
    known: float
    weight: Fraction
    boosted: float

    @property
    def strength(self) -> float:
        """Give the weight that is live."""
        return math.fsum(self.live.values())


def groups(settings: Settings, nominal: Weights, parts: Mapping[str, Part], near: float) -> dict[str, Group]:
    """Sort what is known of an account into categories."""
    found: dict[str, Group] = {}
    for category, weight in nominal.categories.items():
        names = [
            name
            for name, signal in settings.signals.items()
            if signal.category == category and parts[name].applicable
        ]
        live = [name for name in names if parts[name].points is not None]
        applicable = sum((nominal.signals[name] for name in names), Fraction())
        there = applicable
        if len(live) < len(names):
            there = sum((nominal.signals[name] for name in live), Fraction())
        found[category] = Group(
            live={name: float(nominal.signals[name]) * parts[name].fresh for name in live},
            applicable=applicable,
            there=there,
            known=math.fsum(float(nominal.signals[name]) * parts[name].known for name in names),
            weight=weight,
            boosted=float(weight) * (1 + float(nominal.boost[category]) * near),
        )
    return found


def combine(
    model: ScoringModel,
    settings: Settings,
    nominal: Weights,
    parts: Mapping[str, Part],
    near: float,
    *,
    gate: bool = True,
) -> Combined:
    """Weigh everything that is live; without `gate` a category counts as soon as one of its signals does."""
    flat = model.redistribute == "flat"
    least = exact(model.min_category_coverage) if gate and not flat else Fraction()
    every = groups(settings, nominal, parts, near)
    counted = {
        category: group
        for category, group in every.items()
        if group.strength > 0 and group.there >= least * group.applicable
    }
    raw = {
        name: group.boosted * weight / (1.0 if flat else group.strength)
        for group in counted.values()
        for name, weight in group.live.items()
    }
    whole = math.fsum(raw.values())
    weights = {name: weight / whole for name, weight in raw.items() if weight > 0}
    coverage, confidence = _known(every.values())
    means = {
        category: math.fsum(weight * _points(parts[name]) for name, weight in group.live.items())
        / group.strength
        for category, group in counted.items()
    }
    mass = {category: math.fsum(raw[name] for name in group.live) for category, group in counted.items()}
    composite = math.fsum(weight * _points(parts[name]) for name, weight in weights.items())
    return Combined(
        composite=composite if weights else None,
        weights=weights,
        coverage=coverage,
        confidence=confidence,
        mixed=_spread(mass, means) > 25,
    )


def _points(part: Part) -> float:
    return 0.0 if part.points is None else part.points


def _known(every: Iterable[Group]) -> tuple[Fraction, float]:
    """Give coverage and confidence: shares of the nominal weight of what applies."""
    relevant = [group for group in every if group.applicable]
    whole = sum((group.weight for group in relevant), Fraction())
    if not whole:
        return Fraction(), 0.0
    live = sum((group.weight * group.there / group.applicable for group in relevant), Fraction())
    known = math.fsum(float(group.weight / group.applicable) * group.known for group in relevant)
    return live / whole, known / float(whole)


def _spread(weights: Mapping[str, float], means: Mapping[str, float]) -> float:
    whole = math.fsum(weights.values())
    if whole <= 0:
        return 0.0
    centre = math.fsum(weights[name] * means[name] for name in means) / whole
    return math.sqrt(math.fsum(weights[name] * (means[name] - centre) ** 2 for name in means) / whole)


def taken_away(
    parts: Mapping[str, Part], nominal: Weights, memory: Memory | None, key: str
) -> frozenset[str]:
    """List the signals a silence has taken away: they counted before, or nobody has judged the account yet."""
    former = memory.live if memory is not None and memory.model == key else frozenset()
    first = memory is None or memory.known_band is None
    return frozenset(
        name
        for name, part in parts.items()
        if part.silent and part.applicable and part.points is None
        if nominal.signals[name] and (first or name in former)
    )
