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
from tests.scoring.reference.conditions import Row, evaluate
from tests.scoring.reference.facts import Days, Moment, Record, World, by_account, by_day, moment
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
    """Everything about one account that is there at one instant."""

    fields: Fields
    row: Row
    """Its fields as conditions see them."""
    tenure: float | None
    moments: Mapping[str, Moment | None]
    """By topic some source delivers; None where it was never read."""
    days: Mapping[str, Days]
    """By "topic.metric": days that are over and delivered."""
    records: Mapping[str, Sequence[Record]]
    known: frozenset[str]
    """Topics whose sources know the account: by a list, or by something they said."""
    cohort: Cohort


def signals(
    world: World, model: ScoringModel, *, as_of: datetime, zone: ZoneInfo, cohort: Cohort
) -> dict[str, Inputs]:
    """Give what is known about every account of the book."""
    moments = {topic: moment(world, topic, as_of, zone) for topic in ("account", *world.streams)}
    days, there = by_day(world, zone), by_account(world, as_of)
    found: dict[str, Inputs] = {}
    for account, fields in world.book.items():
        scene = _scene(
            world, account, moments, days.get(account, {}), there.get(account, {}), cohort, as_of, zone
        )
        found[account] = Inputs(
            readings={signal.id: _reading(scene, signal) for signal in model.signals},
            events={rule.id: _events(scene, rule) for rule in model.points},
            fields=fields,
        )
    return found


def _scene(
    world: World,
    account: str,
    moments: Mapping[str, Moment | None],
    numbers: Mapping[str, Days],
    rows: Mapping[str, Sequence[Record]],
    cohort: Cohort,
    as_of: datetime,
    zone: ZoneInfo,
) -> Scene:
    fields, today = world.book[account], local_day(as_of, zone)
    days: dict[str, Days] = {}
    for metric, found in numbers.items():
        now = moments.get(metric.partition(".")[0])
        if now is not None:
            days[metric] = {day: value for day, value in found.items() if day <= now.last_day}
    there = {
        topic: records.begun(topic, found, now)
        for topic, found in rows.items()
        if (now := moments.get(topic)) is not None
    }
    listed = {topic for topic, names in world.matched.items() if account in names}
    spoken = {metric.partition(".")[0] for metric, found in days.items() if found}
    return Scene(
        fields=fields,
        row={f"account.{name}": seen_field(value, today, zone) for name, value in fields.items()},
        tenure=tenure_days(fields, today, zone),
        moments=moments,
        days=days,
        records=there,
        known=frozenset(listed | spoken | {topic for topic, found in there.items() if found}),
        cohort=cohort,
    )


def _reading(scene: Scene, signal: Signal) -> Reading:
    if signal.topic not in scene.moments:
        return Reading(state="not_applicable")
    now = scene.moments[signal.topic]
    silent, down = now is None or now.silent, 0.0 if now is None else now.down_days
    text = known_text(scene.fields, signal.name) or None if isinstance(signal.normalise, Map) else None
    plain = Reading(silent=silent, down_days=down, text=text)
    if signal.applies and evaluate(signal.applies, scene.row) is not True:
        return replace(plain, state="not_applicable")
    below = _below(scene, signal, now) if signal.per else None
    if signal.per and not below and (now is not None or signal.per.startswith("account.")):
        return replace(plain, state="not_applicable")
    if scene.tenure is not None and scene.tenure < signal.min_tenure / DAY:
        return replace(plain, state="not_mature")
    if now is None:
        return replace(plain, state="source_down")
    value, prior, age, invalid = _measured(scene, signal, now)
    if invalid:
        return replace(plain, state="invalid")
    value = value / below if value is not None and below else value
    if value is None:
        return replace(plain, state="no_data")
    # a zero that was computed may have the noise of binary fractions
    state = "source_down" if now.down else "zero" if round(value, 9) == 0 else "value"
    return replace(plain, state=state, value=value, prior=prior, age_days=age)


def _measured(
    scene: Scene, signal: Signal, now: Moment
) -> tuple[float | None, float | None, float | None, bool]:
    if signal.topic == "account":
        value, invalid = _field(signal, scene.fields, now)
        return value, None, now.age_days, invalid
    known = signal.topic in scene.known
    if signal.topic in TOPICS:
        rows = scene.records.get(signal.topic, ())
        prior = records.prior_of(signal, known_text(scene.fields, "segment"), scene.cohort)
        found, age = records.measured(rows, signal, now, known=known, prior=prior)
        return found, None, age, False
    return *series.measured(scene.days.get(signal.metric, {}), signal, now, known=known), False


def _below(scene: Scene, signal: Signal, now: Moment | None) -> float | None:
    if signal.per.startswith("account."):
        return known_number(scene.fields, signal.per.removeprefix("account."))
    if now is None:
        return None
    metric = signal.per if "." in signal.per else f"{signal.topic}.{signal.per}"
    return _measured(scene, replace(signal, metric=metric, per="", where={}), now)[0]


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


def _events(scene: Scene, rule: PointsRule) -> float | None:
    topic = rule.metric.partition(".")[0]
    now, later = (scene.moments.get(name.partition(".")[0]) for name in (topic, rule.then or topic))
    if now is None or later is None:
        return None
    if topic in TOPICS:
        return events.of_records(rule, topic, scene.records.get(topic, ()), now)
    then = scene.days.get(rule.then, {}) if rule.then else None
    return events.of_series(rule, scene.days.get(rule.metric, {}), then, now)
