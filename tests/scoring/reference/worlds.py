"""Random lives of accounts under a random model: what is known of them in consecutive runs.

A seed is a world. Ages come in quarters of days and scores lie near cuts, so that thresholds are met exactly.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from scoring.curves import (
    Curve,
    Growth,
    HalfLife,
    Linear,
    Map,
)
from scoring.definition import (
    ScoringModel,
    Signal,
)
from tests.scoring.reference.models import RATINGS, SEGMENTS, WORDS, model
from tests.scoring.reference.values import DAY, Cohort, CohortRow, FieldValue, Inputs, Reading


@dataclass(slots=True)
class Life:
    """One account on its way: a level per signal, and what befalls it."""

    levels: dict[str, float]
    swing: float
    """How far a level moves in one run, as a standard deviation."""
    readings: dict[str, Reading]
    fields: dict[str, FieldValue]


def born(chance: Random, model: ScoringModel, others: Sequence[str], today: date) -> Life:
    """Draw an account."""
    middle = chance.choice((20, 48, 52, 60, 74, 77, 90))
    fields: dict[str, FieldValue] = {
        "segment": chance.choice((*SEGMENTS, *SEGMENTS, None)),
        "arr": chance.choice((None, 0.0, 12_000.0, 60_000.0, 500_000.0, -5.0, 100.5, math.nan)),
        "vip": chance.choice((None, True, False)),
        "renewal_on": chance.choice((None, today + chance.randrange(-40, 140) * DAY)),
        "created_on": chance.choice(
            (None, today - chance.choice((-3, 5, 20, 29, 30, 88, 89, 90, 91, 400)) * DAY)
        ),
        "parent": chance.choice((None, None, "", "nobody", chance.choice(others))),
    }
    return Life(
        levels={signal.id: float(middle) for signal in model.signals},
        swing=chance.choice((3, 6, 25)),
        readings={},
        fields=fields | by_hand(chance, model, today),
    )


def by_hand(chance: Random, model: ScoringModel, today: date) -> dict[str, FieldValue]:
    """Draw what people write: a pulse and an override."""
    words: tuple[FieldValue, ...] = ("good", "bad", "awful", "42", "7.5", " 95 ", "so-so", "", "120")
    if model.pulse.scale == RATINGS:
        words = (1.0, 2.0, 3.0, 4.0, 5.0, 42.5)
    pulse = chance.choice((None, None, None, *words))
    override = chance.choice((*[None] * 9, "red", "yellow", "green", "Rot", "blue", " Gut "))
    return {
        "pulse": pulse,
        "pulse_on": chance.choice(
            (None, *(today - days * DAY for days in (-2, 0, 4, 5, 6, 29, 30, 31, 60, 89, 90, 91)))
        ),
        "pulse_note": chance.choice((None, " ", "seen it", "seen it", "seen it")),
        "pulse_author": chance.choice((None, "Kim")),
        "override": override,
        "override_reason": chance.choice((None, "", "they said so", "they said so", "they said so")),
        "override_until": chance.choice(
            (None, *(today + days * DAY for days in (-1, 0, 1, 2, 9, 10, 11, 90, 91)))
        ),
        "override_author": None,
    }


def lived(chance: Random, model: ScoringModel, life: Life, hours: int, today: date) -> Inputs:
    """Move one account on, and give what is known about it now."""
    for signal in model.signals:
        life.levels[signal.id] = min(110.0, max(-10.0, life.levels[signal.id] + chance.gauss(0, life.swing)))
        former = life.readings.get(signal.id)
        life.readings[signal.id] = _next(chance, signal, life.levels[signal.id], former, hours)
    if chance.random() < 0.2:
        life.fields |= by_hand(chance, model, today)
    if chance.random() < 0.05:
        life.fields["segment"] = chance.choice((*SEGMENTS, None))
    events = {
        rule.id: chance.choice((None, 0.0, 2.5, -3.25, 1.23456, -9.9999, 10.0)) for rule in model.points
    }
    return Inputs(readings=dict(life.readings), events=events, fields=dict(life.fields))


def _next(chance: Random, signal: Signal, level: float, former: Reading | None, hours: int) -> Reading:
    if former is not None and former.state == "source_down" and chance.random() < 0.8:
        gone = hours / 24
        age = None if former.age_days is None else former.age_days + gone
        return replace(former, down_days=former.down_days + gone, age_days=age)
    state = chance.choices(
        ("value", "no_data", "not_applicable", "not_mature", "source_down", "invalid"),
        (86, 5, 2, 2, 3, 2),
    )[0]
    if state == "value":
        value = (
            worded(chance) if isinstance(signal.normalise, Map) else leveled(chance, signal.normalise, level)
        )
        age = chance.choice((0.0, 0.0, 0.25, 0.25, 0.25, 1.5, 2.0, 2.25, 5.5, 9.0, 22.0, 31.0))
        silent = age > 5 and chance.random() < 0.5
        return Reading(value=value, state="zero" if value == 0 else "value", age_days=age, silent=silent)
    if state == "source_down":
        gone = chance.choice((0.0, 0.25, 1.0, 1.75, 2.0, 6.75, 7.0, 7.25))
        known = former is not None and former.value is not None
        if known and former is not None:
            age = chance.choice((0.25, 3.0)) + gone
            return Reading(value=former.value, state=state, age_days=age, down_days=gone, silent=True)
        if chance.random() < 0.5:
            return Reading(state="no_data", down_days=gone, silent=True)
        return Reading(state=state, down_days=gone, silent=True)
    if state == "invalid" and signal.topic != "account":
        state = "no_data"
    return Reading(state=state, silent=state == "no_data" and chance.random() < 0.1)


def worded(chance: Random) -> float:
    """Draw the points of a word."""
    return chance.choice(tuple(WORDS.values()))


def leveled(chance: Random, curve: Curve, level: float) -> float:
    """Draw a value that is worth about so many points, for the curves that are simple."""
    match curve:
        case Growth():
            value = level / 50 - 1
        case HalfLife():
            value = max(-2.0, 100 - level)
        case Linear(bad=90):
            value = 90 - level * 0.8
        case _:
            value = level
    return chance.choice(
        (round(value), round(value, 1), round(value, 3), value, 0.0 if level < 30 else value)
    )


def cohort(chance: Random, model: ScoringModel) -> Cohort:
    """Draw how everybody was spread when it was frozen; sometimes there were too few."""
    rows: dict[tuple[str, str], CohortRow] = {}
    for signal in model.signals:
        for segment in ("", *SEGMENTS):
            if chance.random() < 0.2:
                continue
            n = chance.choice((19, 20, 50))
            rows[signal.id, segment] = spread(sorted(chance.choices(range(0, 101, 5), k=n)))
    return rows


def spread(values: Sequence[float]) -> CohortRow:
    """Describe some values as a frozen cohort."""
    n, distinct = len(values), sorted(set(values))
    less = {value: sum(other < value for other in values) for value in distinct}
    equal = {value: sum(other == value for other in values) for value in distinct}
    return CohortRow(
        n=n,
        mean=sum(values) / n,
        values=tuple(float(value) for value in distinct),
        at=tuple((less[value] + equal[value] / 2) / n for value in distinct),
        between=tuple((less[value] + equal[value]) / n for value in distinct),
    )


def changed(chance: Random, before: ScoringModel) -> ScoringModel:
    """Draw another version of a model, with the same signals."""
    weights = (0.5, 1, 4)
    return replace(
        before,
        version="next",
        signals=tuple(replace(signal, weight=chance.choice(weights)) for signal in before.signals),
        profiles=chance.choice((before.profiles, ())),
        caps=before.caps[:1],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One run over all accounts."""

    model: ScoringModel
    cohort: Cohort
    as_of: datetime
    refreshed_at: datetime
    accounts: Mapping[str, Inputs]
    columns: Sequence[str]
    """The account fields the book has at all."""


START = datetime(2026, 3, 2, 5, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")


def evaluations(seed: int, *, accounts: int, runs: int) -> Iterator[Evaluation]:
    """Let a world live: a model, a book of accounts, and what is known of them in consecutive runs."""
    chance = Random(seed)
    now, refreshed_at, version = START, START, model(chance)
    names = [f"a{place}" for place in range(accounts)]
    today = now.astimezone(ZONE).date()
    lives = {name: born(chance, version, names, today) for name in names}
    crowd = cohort(chance, version) if chance.random() < 0.8 else {}
    columns = [name for name in lives[names[0]].fields if chance.random() < 0.95]
    for turn in range(runs):
        hours = chance.choice((1, 6, 24, 24, 24, 48)) if turn else 0
        now += timedelta(hours=hours)
        refreshed_at = now if chance.random() < 0.8 else refreshed_at
        version = changed(chance, version) if turn and chance.random() < 0.05 else version
        today = now.astimezone(ZONE).date()
        there = {
            name: _with_columns(lived(chance, version, life, hours, today), columns)
            for name, life in lives.items()
            if chance.random() < 0.98
        }
        yield Evaluation(
            model=version,
            cohort=crowd,
            as_of=now,
            refreshed_at=refreshed_at,
            accounts=there,
            columns=columns,
        )


def _with_columns(inputs: Inputs, columns: Sequence[str]) -> Inputs:
    fields = {name: value for name, value in inputs.fields.items() if name in columns}
    return replace(inputs, fields=fields)
