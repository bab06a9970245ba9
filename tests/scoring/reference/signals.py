"""Facts to signals and event points of every account."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from scoring.curves import Map
from scoring.definition import ScoringModel, Signal
from scoring.model import TOPICS
from scoring.rules import PointsRule
from tests.scoring.reference import events, records, series
from tests.scoring.reference.conditions import evaluate
from tests.scoring.reference.facts import Moment, Record, Shelf, World, moment
from tests.scoring.reference.values import (
    DAY,
    Cohort,
    Fields,
    FieldValue,
    Inputs,
    Reading,
    known_number,
    known_text,
    local_day,
    seen_field,
    tenure_days,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A world seen at one instant."""

    world: World
    shelf: Shelf
    as_of: datetime
    zone: ZoneInfo
    cohort: Cohort
    records: Mapping[tuple[str, str], Sequence[Record]]
    """By account and topic, those that exist at the instant."""

    @property
    def today(self) -> date:
        """Give the business day."""
        return local_day(self.as_of, self.zone)


def signals(
    world: World, model: ScoringModel, *, as_of: datetime, zone: ZoneInfo, cohort: Cohort
) -> dict[str, Inputs]:
    """Give what is known about every account of the book."""
    there: dict[tuple[str, str], list[Record]] = {}
    for topic, rows in world.records.items():
        for record in rows:
            observed_at = record["observed_at"]
            assert isinstance(observed_at, datetime)
            if observed_at <= as_of:
                there.setdefault((str(record["account_id"]), topic), []).append(record)
    scene = Scene(
        world=world, shelf=Shelf.of(world, zone), as_of=as_of, zone=zone, cohort=cohort, records=there
    )
    return {
        account: Inputs(
            readings={signal.id: _reading(scene, signal, account, fields) for signal in model.signals},
            events={rule.id: _events(scene, rule, account) for rule in model.points},
            fields=fields,
        )
        for account, fields in world.book.items()
    }


def _reading(scene: Scene, signal: Signal, account: str, fields: Fields) -> Reading:
    if signal.topic != "account" and signal.topic not in scene.world.streams:
        return Reading(state="not_applicable")
    now = moment(scene.world, signal.topic, scene.as_of, scene.zone)
    silent, down = now is None or now.silent, 0.0 if now is None else now.down_days
    text = known_text(fields, signal.name) or None if isinstance(signal.normalise, Map) else None
    plain = Reading(silent=silent, down_days=down, text=text)
    row = {f"account.{name}": seen_field(value, scene.today, scene.zone) for name, value in fields.items()}
    if signal.applies and evaluate(signal.applies, row) is not True:
        return replace(plain, state="not_applicable")
    tenure = tenure_days(fields, scene.today, scene.zone)
    if tenure is not None and tenure < signal.min_tenure / DAY:
        return replace(plain, state="not_mature")
    if now is None:
        return replace(plain, state="source_down")
    value, prior, age, invalid = _measured(scene, signal, account, fields, now)
    if invalid:
        return replace(plain, state="invalid")
    if signal.per:
        below = _below(scene, signal, account, fields, now)
        if below is None or below == 0:
            return replace(plain, state="not_applicable")
        value = None if value is None else value / below
    if value is None:
        return replace(plain, state="no_data")
    state = "source_down" if now.down else "zero" if value == 0 else "value"
    return replace(plain, state=state, value=value, prior=prior, age_days=age)


def _measured(
    scene: Scene, signal: Signal, account: str, fields: Fields, now: Moment
) -> tuple[float | None, float | None, float | None, bool]:
    if signal.topic == "account":
        value, invalid = _field(signal, fields, now)
        return value, None, now.age_days, invalid
    known = scene.shelf.knows(scene.world, account, signal.topic, scene.as_of)
    if signal.topic in TOPICS:
        rows = scene.records.get((account, signal.topic), ())
        prior = records.prior_of(signal, known_text(fields, "segment"), scene.cohort)
        found, age = records.measured(rows, signal, now, known=known, prior=prior)
        return found, None, age, False
    days = scene.shelf.days.get((account, signal.metric), {})
    return *series.measured(days, signal, now, known=known), False


def _below(scene: Scene, signal: Signal, account: str, fields: Fields, now: Moment) -> float | None:
    if signal.per.startswith("account."):
        return known_number(fields, signal.per.removeprefix("account."))
    metric = signal.per if "." in signal.per else f"{signal.topic}.{signal.per}"
    return _measured(scene, replace(signal, metric=metric, per=""), account, fields, now)[0]


def _field(signal: Signal, fields: Fields, now: Moment) -> tuple[float | None, bool]:
    """Give an account field as a number, and whether it is there but cannot be used."""
    raw: FieldValue = fields.get(signal.name)
    if raw is None:
        return None, False
    if isinstance(signal.normalise, Map):
        word = known_text(fields, signal.name)
        if not word:
            return None, False
        points = signal.normalise.values.get(word)
        return points, points is None
    if isinstance(raw, date):
        days = seen_field(raw, now.today, now.zone)
        return (float(days) if isinstance(days, float) else None), False
    if isinstance(raw, str) and not raw.strip():
        return None, False
    try:
        number = float(raw)
    except ValueError:
        return None, True
    return (number, False) if math.isfinite(number) else (None, True)


def _events(scene: Scene, rule: PointsRule, account: str) -> float | None:
    topic, _, _ = rule.metric.partition(".")
    if topic not in scene.world.streams:
        return None
    now = moment(scene.world, topic, scene.as_of, scene.zone)
    if now is None:
        return None
    if topic in TOPICS:
        return events.of_records(rule, topic, scene.records.get((account, topic), ()), now)
    days = scene.shelf.days.get((account, rule.metric), {})
    then = scene.shelf.days.get((account, rule.then), {}) if rule.then else None
    return events.of_series(rule, days, then, now)
