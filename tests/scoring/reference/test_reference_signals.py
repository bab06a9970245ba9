"""The reference's signals, events and conditions, against values worked out by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scoring.rules import PointsRule
from tests.scoring.builders import a_model, a_signal
from tests.scoring.reference.conditions import evaluate
from tests.scoring.reference.facts import Number, Record, Stream, World, end_of
from tests.scoring.reference.signals import signals
from tests.scoring.reference.values import Reading

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
SUNDAY = date(2026, 3, 1)
DAY = timedelta(days=1)


def usage(*values: float) -> World:
    first = SUNDAY - (len(values) - 1) * DAY
    numbers = [
        Number(
            account="A", topic="usage", metric="number", observed_at=end_of(first + n * DAY, BERLIN), value=v
        )
        for n, v in enumerate(values)
    ]
    return World(
        numbers=numbers,
        records={},
        matched={},
        streams={"usage": Stream(complete_at=NOW)},
        book={"A": {}},
    )


def kind(world: World, name: str, **settings: Any) -> Reading:
    model = a_model(a_signal("s", kind=name, **settings))
    return signals(world, model, as_of=NOW, zone=BERLIN, cohort={})["A"].readings["s"]


def weekly(*totals: float) -> World:
    return usage(*(total / 7 for total in totals for _ in range(7)))


def test_a_trend_divides_two_windows() -> None:
    found = kind(usage(*[41.0] * 14, *[27.0] * 14), "trend", window=14 * DAY)

    assert found.value == pytest.approx(27 / 41 - 1)
    assert (found.prior, found.age_days) == (41.0, 0.25)


def test_one_holiday_week_leaves_the_slope_as_it_was() -> None:
    falling = [107.0, 105.0, 103.0, 101.0, 99.0, 97.0, 95.0, 93.0]

    straight = kind(weekly(*falling), "slope")
    holiday = kind(weekly(*falling[:4], 60.0, *falling[5:]), "slope")

    assert straight.value == pytest.approx(-2.0 / 100)
    assert holiday.value == pytest.approx(-2.0 / 99)  # the median falls a little


def test_a_slope_without_direction_is_no_data() -> None:
    assert kind(weekly(100, 90, 110, 95, 105, 92, 108, 100), "slope").state == "no_data"


def test_a_week_is_compared_with_the_weeks_before_in_robust_deviations() -> None:
    # weeks before 70, 84, 77, 70, 84, 77, 70, 84: median 77, absolute deviations 7,7,0,7,7,0,7,7 → 7
    found = kind(weekly(70, 84, 77, 70, 84, 77, 70, 84, 56), "baseline", window=56 * DAY)

    assert found.value == pytest.approx((56 - 77) / (1.4826 * 7))
    assert found.prior == pytest.approx(11)


def test_shares_of_days_and_weeks() -> None:
    world = usage(*[0.0] * 7, *[0.0] * 6, 3.0, *[1.0] * 4, 0.0, 0.0, 0.0, *[0.0] * 7)

    assert kind(world, "active_share", window=28 * DAY).value == pytest.approx(5 / 28)
    assert kind(world, "active_weeks", window=28 * DAY).value == 0.5


def events_of(world: World, rule: PointsRule) -> float | None:
    model = a_model(a_signal("s"), points=(rule,))
    return signals(world, model, as_of=NOW, zone=BERLIN, cohort={})["A"].events[rule.id]


def rule(**settings: Any) -> PointsRule:
    given = {"id": "r", "reason": "", "metric": "usage.number", "when": "value > 0", "points": 8.0}
    return PointsRule(**{**given, **settings})


def test_points_fade_by_half_or_in_a_straight_line() -> None:
    world = usage(1.0, *[0.0] * 10)  # ended 10.25 days ago

    assert events_of(world, rule(half_life=timedelta(days=10.25))) == pytest.approx(4)
    assert events_of(world, rule(expires=timedelta(days=41))) == pytest.approx(6)
    assert events_of(world, rule(half_life=timedelta(days=1))) == 0.0  # 8·2^−10.25 is less than 0.05


def test_three_days_in_a_row_are_one_event_on_the_third() -> None:
    world = usage(1, 1, 1, 1, 1, 0, 1, 1, 0)
    three = rule(days_in_a_row=3, expires=timedelta(days=100))

    # the third day ended 6.25 days ago
    assert events_of(world, three) == pytest.approx(8 * (1 - 6.25 / 100))


def test_a_rule_adds_no_more_than_it_may() -> None:
    assert events_of(usage(1, 1, 1, 1), rule(expires=timedelta(days=100), at_most=10.0)) == 10.0


def test_the_load_of_tickets_grows_with_severity_and_age() -> None:
    rows: list[Record] = [
        {"account_id": "A", "observed_at": NOW, "opened_at": NOW - 7 * DAY, "severity": "urgent"},
        {"account_id": "A", "observed_at": NOW, "opened_at": NOW, "severity": None},
    ]
    world = replace(usage(), records={"tickets": rows}, streams={"tickets": Stream(complete_at=NOW)})
    model = a_model(a_signal("s", metric="tickets.load", severity={"urgent": 3.0}))

    found = signals(world, model, as_of=NOW, zone=BERLIN, cohort={})["A"].readings["s"]

    assert found.value == pytest.approx(3 * 2 + 1 * 1)


def answers(*scores: float) -> World:
    rows: list[Record] = [
        {"account_id": "A", "observed_at": NOW, "answered_at": NOW - (5 + place) * DAY, "score": value}
        for place, value in enumerate(scores)
    ]
    return replace(usage(), records={"surveys": rows}, streams={"surveys": Stream(complete_at=NOW)})


@pytest.mark.parametrize(
    "metric, value", [("surveys.nps", 25.0), ("surveys.mean", 7.75), ("surveys.latest", 10.0)]
)
def test_answers_to_surveys_are_as_old_as_the_newest_of_them(metric: str, value: float) -> None:
    world = answers(10, 9, 8, 4)
    model = a_model(a_signal("s", metric=metric))

    found = signals(world, model, as_of=NOW, zone=BERLIN, cohort={})["A"].readings["s"]

    assert (found.value, found.age_days) == (value, 5.0)


@pytest.mark.parametrize(
    "text, truth",
    [
        ("a > 1", True),
        ("not a > 1 or missing > 0", None),
        ("a > 1 or missing > 0", True),
        ("a < 1 and missing > 0", False),
        ("a between 2 and 3 and t in ('x', 'it''s')", True),
        ("t not in ('x') and a <= -2", False),
        ("not (a = 2 and t <> 'x')", False),
        ("missing in (1, 2)", None),
        ("missing = missing", None),
    ],
)
def test_conditions_know_three_answers(text: str, truth: bool | None) -> None:
    assert evaluate(text, {"a": 2.0, "t": "it's"}) is truth
