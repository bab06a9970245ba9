"""Which settings count for an account: the model's own, with what its profile changes, while weights pass over."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from scoring.definition import BandCut, Profile, ScoringModel, Signal, SignalChange
from tests.scoring.reference.conditions import evaluate
from tests.scoring.reference.values import Fields, Memory, exact, seen_field


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Nominal weights, as shares: of signals in their category, of categories among each other."""

    signals: Mapping[str, Fraction]
    categories: Mapping[str, Fraction]
    boost: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A model as one profile has it."""

    signals: Mapping[str, Signal]
    bands: tuple[BandCut, ...]
    min_coverage: Fraction
    weights: Weights


def all_settings(model: ScoringModel) -> dict[str, Settings]:
    """Give the settings of every profile; "" is the model itself."""
    by_id = {profile.id: profile for profile in model.profiles}
    chains: dict[str, list[Profile]] = {"": []}
    chains |= {name: _line(profile, by_id) for name, profile in by_id.items()}
    return {name: _settings(model, chain) for name, chain in chains.items()}


def _line(profile: Profile, by_id: Mapping[str, Profile]) -> list[Profile]:
    ancestors = _line(by_id[profile.inherits], by_id) if profile.inherits else []
    return [*ancestors, profile]


def _settings(model: ScoringModel, chain: list[Profile]) -> Settings:
    signals = {signal.id: signal for signal in model.signals}
    categories = {category.id: category.weight for category in model.categories}
    boost, bands, min_coverage = dict(model.renewal.boost), model.bands, model.min_coverage
    for profile in chain:
        categories |= profile.weights
        boost = dict(boost if profile.boost is None else profile.boost)
        bands = profile.bands or bands
        min_coverage = min_coverage if profile.min_coverage is None else profile.min_coverage
        for change in profile.signals:
            signals[change.id] = _changed(signals[change.id], change)
    return Settings(
        signals=signals,
        bands=bands,
        min_coverage=exact(min_coverage),
        weights=_weights(signals, categories, boost),
    )


def _changed(signal: Signal, change: SignalChange) -> Signal:
    return replace(
        signal,
        weight=signal.weight if change.weight is None else change.weight,
        normalise=change.normalise or signal.normalise,
        on_no_data=signal.on_no_data if change.on_no_data is None else change.on_no_data,
    )


def _weights(
    signals: Mapping[str, Signal], categories: Mapping[str, float], boost: Mapping[str, float]
) -> Weights:
    inside = {
        name: sum(
            (exact(signal.weight) for signal in signals.values() if signal.category == name), Fraction()
        )
        for name in categories
    }
    whole = sum((exact(weight) for weight in categories.values()), Fraction())
    return Weights(
        signals={
            name: exact(signal.weight) / inside[signal.category] if inside[signal.category] else Fraction()
            for name, signal in signals.items()
        },
        categories={name: exact(weight) / whole for name, weight in categories.items()},
        boost={name: exact(boost.get(name, 0.0)) for name in categories},
    )


def chosen(model: ScoringModel, fields: Fields, today: date, zone: ZoneInfo) -> str:
    """Give the first profile whose condition is true, "" where none is."""
    row = {f"account.{name}": seen_field(value, today, zone) for name, value in fields.items()}
    return next((profile.id for profile in model.profiles if evaluate(profile.when, row) is True), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Where an account is on its way from one profile to another."""

    profile: str
    since: datetime | None
    origin: str | None
    weights: Weights


def passage(
    model: ScoringModel,
    every: Mapping[str, Settings],
    name: str,
    memory: Memory | None,
    key: str,
    now: datetime,
) -> Passage:
    """Give the weights that count now, on the straight line between the former profile's and this one's."""
    to = every[name].weights
    if memory is None or memory.model != key:
        return Passage(profile=name, since=now, origin=None, weights=to)
    origin, since = memory.profile_from, memory.profile_since
    if name != memory.profile:
        origin, since = memory.profile if memory.known_band else None, now
    if origin is None or since is None or now - since >= model.cross_fade:
        return Passage(profile=name, since=since, origin=None, weights=to)
    way = Fraction((now - since) / model.cross_fade)
    source = every[origin].weights
    return Passage(
        profile=name,
        since=since,
        origin=origin,
        weights=Weights(
            signals=_between(source.signals, to.signals, way),
            categories=_between(source.categories, to.categories, way),
            boost=_between(source.boost, to.boost, way),
        ),
    )


def _between(
    source: Mapping[str, Fraction], to: Mapping[str, Fraction], way: Fraction
) -> dict[str, Fraction]:
    return {name: (1 - way) * source[name] + way * to[name] for name in to}
