"""What is worth a second look in a model that is valid: advice, each with its key and what to do instead.

Found in the model alone; what only data shows is in `scoring.lints_data`. Refuses to stop anybody: a model with
lints loads and scores, and weights are never changed by themselves.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from scoring.curves import Percentile
from scoring.definition import DAY, UNITS_PER_POINT, ScoringModel, Signal
from scoring.exact import shares
from scoring.limits import by_strictness
from scoring.profiles import ordered_signals, resolved, used_categories
from scoring.ranges import implies, never_true
from scoring.rules import Cap, Floor

HEAVY, LIGHT = 50.0, 2.0
"""Percent of the score above which one signal decides, and below which it makes no difference (c.16)."""
DOMINANT = 80.0
"""Percent of its category above which the other signals in it hardly matter."""
MANY_SIGNALS = 25
REVIEW_WITHIN = timedelta(days=180)
FINEST = 0.1
"""Points; no data is good for more precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """One thing to look at: `key` as an admin writes it, what about it, and what may be done.

    A warning is most likely a mistake; advice is a matter of judgement.
    """

    key: str
    message: str
    remedy: str
    level: Literal["warning", "advice"]


def lints(
    model: ScoringModel,
    *,
    today: date,
    account_fields: Collection[str] | None = None,
    answered: Collection[str] | None = None,
) -> list[Lint]:
    """List what a valid model should be looked over for.

    `account_fields` are the fields the account book is mapped to, `answered` the bands that have a playbook
    ("red", or its trigger, "entered_red"); None leaves these checks out.
    """
    return [
        *_of_weights(model),
        *_of_balance(model),
        *_of_bands(model),
        *(lint for cap in by_strictness(model) for lint in _of_cap(cap, model, today)),
        *(lint for floor in model.floors for lint in _of_floor(floor, model, today)),
        *_of_renewal(model, account_fields),
        *_of_playbooks(answered),
        *_of_review(model, today),
    ]


def effective_percentages(model: ScoringModel, profile: str = "") -> Mapping[str, float]:
    """Give what every signal weighs in the whole score (percent, 100 in sum) when all of them have data.

    Under a profile, or "" for the model itself; without the boost of a near renewal.
    """
    chosen = resolved(model, profile)
    categories = used_categories(chosen)
    found: dict[str, float] = {}
    for category, share in zip(categories, shares([item.weight for item in categories]), strict=True):
        inside = ordered_signals(chosen, category)
        parts = shares([signal.weight for signal in inside])
        found |= {signal.id: round(100 * share * part, 9) for signal, part in zip(inside, parts, strict=True)}
    return found


def weighing(model: ScoringModel) -> list[Signal]:
    """List the signals that are part of the score; others are there for conditions only."""
    weight = {category.id: category.weight for category in model.categories}
    return [signal for signal in model.signals if signal.weight > 0 and weight.get(signal.category, 0) > 0]


def _of_weights(model: ScoringModel) -> Iterator[Lint]:
    told: set[tuple[str, bool]] = set()
    for profile in ("", *(item.id for item in model.profiles)):
        where = f"model.profile[{profile}].signal" if profile else "model.signal"
        weighs = {signal.id for signal in weighing(resolved(model, profile))}
        for name, percent in effective_percentages(model, profile).items():
            heavy, light = percent > HEAVY, percent < LIGHT and name in weighs
            if (heavy or light) and (name, heavy) not in told:
                told.add((name, heavy))
                yield _too_heavy(where, name, percent) if heavy else _too_light(where, name, percent)
    for category in used_categories(model):
        inside = [signal for signal in ordered_signals(model, category) if signal.weight > 0]
        for signal, share in zip(inside, shares([item.weight for item in inside]), strict=True):
            if len(inside) > 1 and 100 * share > DOMINANT:
                yield Lint(
                    key=f"model.signal[{signal.id}].weight",
                    message=f"is {100 * share:.3g} % of its category, so the others in it hardly matter",
                    remedy="level the weights, or remove the others",
                    level="advice",
                )


def _too_heavy(where: str, name: str, percent: float) -> Lint:
    return Lint(
        key=f"{where}[{name}].weight",
        message=f"{percent:.3g} % of the score hang on this one signal",
        remedy="lower its weight, or add signals beside it",
        level="warning",
    )


def _too_light(where: str, name: str, percent: float) -> Lint:
    return Lint(
        key=f"{where}[{name}].weight",
        message=f"is {percent:.2g} % of the score and makes no difference",
        remedy="raise its weight, use it in a cap with weight 0, or remove it",
        level="advice",
    )


def _of_balance(model: ScoringModel) -> Iterator[Lint]:
    counted = weighing(model)
    if counted and not any(signal.leading for signal in counted):
        yield Lint(
            key="model.signal",
            message="none is leading: nothing warns ahead of what has already happened",
            remedy="add usage or tickets, and mark what warns ahead with leading = true",
            level="warning",
        )
    if counted and all(signal.leading for signal in counted):
        yield Lint(
            key="model.signal",
            message="all are leading: nothing confirms what they warn of",
            remedy="add what has happened: surveys, payments, renewals",
            level="advice",
        )
    if len(model.signals) > MANY_SIGNALS:
        yield Lint(
            key="model.signal",
            message=f"there are {len(model.signals)}; each one is explained, maintained and validated",
            remedy=f"keep the {MANY_SIGNALS} that tell accounts apart best",
            level="advice",
        )
    if counted and all(isinstance(signal.normalise, Percentile) for signal in counted):
        yield Lint(
            key="model.signal",
            message="all are percentiles: somebody is always last, however well everybody does",
            remedy="give at least one of them a curve with numbers of its own",
            level="warning",
        )


def _of_bands(model: ScoringModel) -> Iterator[Lint]:
    rules = model.hysteresis
    absent = [name for name in ("up_margin", "up_dwell", "down_dwell") if not getattr(rules, name)]
    if absent:
        yield Lint(
            key="model.hysteresis",
            message=f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} 0: bands will flicker",
            remedy='write up_margin = 4, up_dwell = "2d" and down_dwell = "1d"',
            level="warning" if len(absent) == 3 else "advice",
        )
    if model.quantum < FINEST:
        yield Lint(
            key="model.quantum",
            message=f"{model.quantum:g} points look more precise than any data is",
            remedy="write 1, or 0.1",
            level="advice",
        )


def _of_cap(cap: Cap, model: ScoringModel, today: date) -> Iterator[Lint]:
    stricter = [
        other
        for other in by_strictness(model)
        if _rank(other, model) < _rank(cap, model) and _covers(other, cap)
    ]
    if model.ceiling(cap) >= 100 * UNITS_PER_POINT:
        why = "it allows every score"
    elif stricter:
        why = f"cap[{stricter[0].id}] is on whenever it is, and stricter"
    else:
        why = _without_effect(cap, model, today)
    if why:
        yield _idle(f"model.cap[{cap.id}]", f"can never bite: {why}")


def _rank(cap: Cap, model: ScoringModel) -> tuple[int, str]:
    return model.ceiling(cap), cap.id


def _of_floor(floor: Floor, model: ScoringModel, today: date) -> Iterator[Lint]:
    bottom = model.bottom(floor)
    below = [cap for cap in by_strictness(model) if model.ceiling(cap) < bottom and _covers(cap, floor)]
    above = [
        other
        for other in model.floors
        if (-model.bottom(other), other.id) < (-bottom, floor.id) and _covers(other, floor)
    ]
    if bottom <= 0:
        why = "every score is as high"
    elif below:
        why = f"cap[{below[0].id}] is on whenever it is, and lower; caps win"
    elif above:
        why = f"floor[{above[0].id}] is on whenever it is, and higher"
    else:
        why = _without_effect(floor, model, today)
    if why:
        yield _idle(f"model.floor[{floor.id}]", f"can never lift: {why}")


def _covers(rule: Cap | Floor, other: Cap | Floor) -> bool:
    """Say whether a rule is certainly on whenever the other one is."""
    lasts = rule.until is None or (other.until is not None and other.until <= rule.until)
    return implies(other.when, rule.when) and rule.for_ <= other.for_ and rule.hold >= other.hold and lasts


def _without_effect(rule: Cap | Floor, model: ScoringModel, today: date) -> str:
    if rule.until is not None and rule.until <= today:
        return f"it ended on {rule.until:%Y-%m-%d}"
    return (
        "its condition asks for a number the signal cannot have"
        if never_true(rule.when, model.signals)
        else ""
    )


def _idle(key: str, message: str) -> Lint:
    return Lint(key=key, message=message, remedy="correct it, or remove it", level="warning")


def _of_renewal(model: ScoringModel, account_fields: Collection[str] | None) -> Iterator[Lint]:
    boosts = [model.renewal.boost, *(profile.boost or {} for profile in model.profiles)]
    if (
        account_fields is not None
        and "renewal_on" not in account_fields
        and any(value > 0 for boost in boosts for value in boost.values())
    ):
        yield Lint(
            key="model.renewal.boost",
            message="never counts: the account book does not say when renewals are",
            remedy="map renewal_on in the master's [crm.<name>.read], or remove boost",
            level="warning",
        )


def _of_playbooks(answered: Collection[str] | None) -> Iterator[Lint]:
    if answered is None:
        return
    bands = {name.removeprefix("entered_") for name in answered}
    for band in ("red", "yellow", "green"):
        if band not in bands:
            yield Lint(
                key="playbook",
                message=f"nothing is done when an account turns {band}",
                remedy=f"add a [[playbook]] for {band}",
                level="warning" if band == "red" else "advice",
            )


def _of_review(model: ScoringModel, today: date) -> Iterator[Lint]:
    if model.reviewed_on is None:
        yield Lint(
            key="model.reviewed_on",
            message="nobody has said when the model was last reviewed",
            remedy="look whether it is still right and write the day",
            level="advice",
        )
    elif today - model.reviewed_on > REVIEW_WITHIN:
        yield Lint(
            key="model.reviewed_on",
            message=f"the last review was {(today - model.reviewed_on) // DAY} days ago",
            remedy="look whether it is still right and write the day",
            level="warning",
        )
