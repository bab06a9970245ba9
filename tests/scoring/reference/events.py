"""Points rules: which events there were, and what they are still worth."""

import math
from collections.abc import Sequence
from datetime import date, datetime

from scoring.model import TOPICS
from scoring.rules import PointsRule
from tests.scoring.reference.conditions import evaluate
from tests.scoring.reference.facts import Days, Moment, Record, end_of
from tests.scoring.reference.records import BEGINS, instant
from tests.scoring.reference.values import DAY

FURTHEST = 400
SMALLEST = 0.05


def of_series(rule: PointsRule, days: Days, then: Days | None, moment: Moment) -> float:
    """Give the points of the days that fulfil a rule; `then` holds the days of the second series that are over."""
    matching = sorted(
        day
        for day, value in days.items()
        if day <= moment.last_day and evaluate(rule.when, {"value": value}) is True
    )
    events = _runs(matching, rule.days_in_a_row)
    if then is not None:
        events = [found for day in events if (found := _followed(day, rule, then, moment)) is not None]
    return together(rule, [end_of(day, moment.zone) for day in events], moment)


def _runs(days: Sequence[date], wanted: int) -> list[date]:
    """Give the days on which a run becomes long enough; a single day is an event of its own."""
    if wanted == 1:
        return list(days)
    found: list[date] = []
    long, former = 0, None
    for day in days:
        long = long + 1 if former is not None and day - former == DAY else 1
        former = day
        if long == wanted:
            found.append(day)
    return found


def _followed(day: date, rule: PointsRule, then: Days, moment: Moment) -> date | None:
    after = [
        other
        for other, value in then.items()
        if day <= other <= min(day + rule.within, moment.last_day) and value > 0
    ]
    return min(after, default=None)


def of_records(rule: PointsRule, topic: str, records: Sequence[Record], moment: Moment) -> float:
    """Give the points of the records that fulfil a rule."""
    instants = []
    for record in records:
        at = instant(record, BEGINS[topic])
        row = {
            name: value if isinstance(value, str | bool | float | int) else None
            for name, kind in TOPICS[topic].items()
            if kind != "instant" and ((value := record.get(name)) is not None)
        }
        usable = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        if at is not None and at <= moment.at and evaluate(rule.when, usable) is True:
            instants.append(at)
    return together(rule, instants, moment)


def together(rule: PointsRule, instants: Sequence[datetime], moment: Moment) -> float:
    """Add up what events are worth now, within the limit of the rule."""
    millionths = 0
    for at in instants:
        age = (moment.at - at) / DAY
        if 0 <= age <= FURTHEST:
            millionths += round(_worth(rule, age) * 1_000_000)
    return max(-rule.at_most, min(rule.at_most, millionths / 1_000_000))


def _worth(rule: PointsRule, age: float) -> float:
    if rule.half_life is not None:
        points = rule.points * math.exp2(-age / (rule.half_life / DAY))
        return points if abs(points) >= SMALLEST else 0.0
    assert rule.expires is not None
    return rule.points * max(0.0, 1 - age / (rule.expires / DAY))
