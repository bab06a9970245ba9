"""Profiles: which accounts are judged by other weights, curves or cuts, and how weights pass over.

Refuses to choose by anything but the account itself: the first profile whose condition is true counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from scoring.conditions import parse
from scoring.definition import Category, ScoringModel, Signal, SignalChange
from scoring.exact import divided, shares
from scoring.frames import INSTANT
from scoring.rules import DAY


def resolved(model: ScoringModel, profile_id: str) -> ScoringModel:
    """Give the model with the changes of a profile and of those it inherits; "" is the model itself."""
    if not profile_id:
        return model
    profile = next(item for item in model.profiles if item.id == profile_id)
    base = resolved(model, profile.inherits)
    changes = {change.id: change for change in profile.signals}
    return replace(
        base,
        categories=tuple(
            replace(category, weight=profile.weights.get(category.id, category.weight))
            for category in base.categories
        ),
        signals=tuple(
            _changed(signal, changes[signal.id]) if signal.id in changes else signal
            for signal in base.signals
        ),
        renewal=base.renewal if profile.boost is None else replace(base.renewal, boost=profile.boost),
        bands=base.bands if profile.bands is None else profile.bands,
        min_coverage=base.min_coverage if profile.min_coverage is None else profile.min_coverage,
    )


def _changed(signal: Signal, change: SignalChange) -> Signal:
    names = ("weight", "normalise", "on_no_data")
    given = {name: getattr(change, name) for name in names if getattr(change, name) is not None}
    return replace(signal, **given)


def chosen(model: ScoringModel) -> pl.Expr:
    """Say which profile counts for an account, from its `account.<field>` columns."""
    result: pl.Expr = pl.lit("")
    for profile in reversed(model.profiles):
        true = parse(profile.when).expression.cast(pl.Boolean).fill_null(False)
        result = pl.when(true).then(pl.lit(profile.id)).otherwise(result)
    return result.alias("profile")


def followed(model: ScoringModel, model_id: str, as_of: datetime) -> list[pl.Expr]:
    """Give profile_since, profile_from and `~faded`, the share (0..1) of the way its weights have come.

    And `~same_model`: the account was last judged under this very model.
    """
    now = pl.lit(as_of, dtype=INSTANT)
    same_model = (pl.col("was.model_hash") == model_id).fill_null(False)
    followed = same_model & pl.col("was.profile").is_not_null()
    stays = followed & (pl.col("was.profile") == pl.col("profile")).fill_null(False)
    since = pl.when(stays).then(pl.col("was.profile_since")).otherwise(now)
    before = (
        pl.when(stays)
        .then(pl.col("was.profile_from"))
        .when(followed & pl.col("was.known_band").is_not_null())
        .then(pl.col("was.profile"))
    )
    if model.cross_fade:
        elapsed = (now - since).dt.total_microseconds().cast(pl.Float64)
        way = divided(divided(elapsed, 86_400e6), model.cross_fade / DAY)
    else:
        way = pl.lit(1.0)
    passing = before.is_not_null() & (way < 1.0)
    return [
        same_model.alias("~same_model"),
        since.alias("profile_since"),
        pl.when(passing).then(before).alias("profile_from"),
        pl.when(passing).then(way).otherwise(1.0).alias("~faded"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Nominal weights of one profile, or of two of them while they pass over; a share is 0..1."""

    now: ScoringModel
    before: ScoringModel | None = None

    def of_category(self, category: Category) -> pl.Expr:
        """Give the share of a category among all."""
        return self._mixed(category.id, _category_shares)

    def of_signal(self, signal: Signal) -> pl.Expr:
        """Give the share of a signal inside its category."""
        return self._mixed(signal.id, lambda model: _signal_shares(model, signal.category))

    def boost(self, category: Category) -> pl.Expr | None:
        """Give what near renewal adds to the weight of a category, None where it is nothing."""
        models = [model for model in (self.now, self.before) if model is not None]
        if not any(model.renewal.boost.get(category.id) for model in models):
            return None
        return self._mixed(category.id, lambda model: model.renewal.boost)

    def _mixed(self, name: str, read: Callable[[ScoringModel], Mapping[str, float]]) -> pl.Expr:
        new = float(read(self.now).get(name, 0.0))
        if self.before is None:
            return pl.lit(new)
        old = float(read(self.before).get(name, 0.0))
        if old == new:
            return pl.lit(new)
        return (1 - pl.col("~faded")) * old + pl.col("~faded") * new


def used_categories(model: ScoringModel) -> list[Category]:
    """List the categories that have signals, by id."""
    used = {signal.category for signal in model.signals}
    return sorted((item for item in model.categories if item.id in used), key=lambda item: item.id)


def ordered_signals(model: ScoringModel, category: Category | None = None) -> list[Signal]:
    """List all signals, or those of a category, by id."""
    chosen_ones = (s for s in model.signals if category is None or s.category == category.id)
    return sorted(chosen_ones, key=lambda signal: signal.id)


def _category_shares(model: ScoringModel) -> Mapping[str, float]:
    categories = used_categories(model)
    return dict(zip((c.id for c in categories), shares([c.weight for c in categories]), strict=True))


def _signal_shares(model: ScoringModel, category_id: str) -> Mapping[str, float]:
    inside = [signal for signal in ordered_signals(model) if signal.category == category_id]
    return dict(zip((s.id for s in inside), shares([s.weight for s in inside]), strict=True))
