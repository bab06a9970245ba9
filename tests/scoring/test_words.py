"""Numbers as people write them, and one phrase per kind of signal."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scoring.curves import Map
from scoring.words import ago, changed_by, day, gap, number, percent, reading, shown, signed
from tests.scoring.builders import a_signal

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    "value, text",
    [
        (41.0, "41"),
        (1250.4, "1,250"),
        (3.25, "3.3"),
        (0.255, "0.26"),
        (0.0, "0"),
        (-0.0, "0"),
        (-3.0, "−3"),
        (2.675, "2.7"),
    ],
)
def test_numbers_are_written_as_people_read_them(value: float, text: str) -> None:
    assert number(value) == text


def test_signs_and_percentages() -> None:
    assert percent(27 / 41 - 1) == "−34 %"
    assert percent(-0.0) == "0 %"
    assert changed_by(0.2) == "+20 %"
    assert signed(Decimal("-9.15")) == "−9.2"
    assert signed(Decimal("-0.04")) == "0.0"


def test_ages_are_whole_days_and_hours_in_the_first_one() -> None:
    assert ago(3.9) == "3 d"
    assert ago(1.0) == "1 d"
    assert ago(0.26) == "6 h"


def test_an_instant_has_the_day_it_falls_on_here() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)

    assert day(late, ZoneInfo("Europe/Berlin")) == "2026-03-02"
    assert day(date(2026, 3, 1), ZoneInfo("Europe/Berlin")) == "2026-03-01"
    assert day("soon", ZoneInfo("Europe/Berlin")) == ""


SAID: list[tuple[dict[str, Any], float, dict[str, Any], str]] = [
    ({"kind": "latest"}, 41, {}, "41"),
    ({"kind": "latest", "unit": "seats"}, 41, {}, "41 seats"),
    ({"format": "percent"}, 0.345, {}, "35 %"),
    ({"format": "days"}, 12, {}, "12 d"),
    ({"format": "flag"}, 1, {}, "yes"),
    ({"kind": "trend", "window": 14 * DAY}, -0.25, {"prior": 40.0}, "40 → 30 (−25 % vs prior 14 d)"),
    (
        {"kind": "trend", "window": 14 * DAY, "unit": "h"},
        0.5,
        {"prior": 2.0},
        "2 → 3 h (+50 % vs prior 14 d)",
    ),
    ({"kind": "trend", "window": 14 * DAY}, 0.0, {}, "0 % (vs prior 14 d)"),
    ({"kind": "slope"}, -0.024, {}, "falling 2.4 % a week"),
    ({"kind": "slope"}, 0.12, {}, "rising 12 % a week"),
    ({"kind": "slope"}, 0.0002, {}, "steady"),
    ({"kind": "baseline"}, -10, {"prior": 12.0}, "far below its usual (12 a day)"),
    ({"kind": "baseline"}, -2.5, {"prior": 12.0}, "below its usual (12 a day)"),
    ({"kind": "baseline"}, 1.5, {}, "a little above its usual"),
    ({"kind": "baseline"}, 0.9, {"prior": 0.5}, "as usual (0.5 a day)"),
    ({"kind": "active_weeks", "window": 28 * DAY}, 0.75, {}, "3 of 4 weeks"),
    ({"kind": "active_share", "window": 28 * DAY}, 0.25, {}, "7 of 28 days"),
    ({"per": "account.licences", "format": "percent"}, 0.45, {}, "45 % of licences"),
    ({"per": "usage.paid_seats"}, 0.45, {}, "0.45 (÷ paid seats)"),
    ({"per": "usage.paid_seats", "unit": "per seat"}, 0.45, {}, "0.45 per seat"),
    ({"normalise": Map(values={"pro": 90})}, 90, {"word": "pro"}, "“pro”"),
    ({"normalise": Map(values={"true": 90})}, 90, {"word": "true"}, "yes"),
    ({"normalise": Map(values={"pro": 90})}, 90, {}, "90 points"),
]


@pytest.mark.parametrize("settings, value, around, text", SAID)
def test_values_are_written_as_their_kind_is_read(
    settings: dict[str, Any], value: float, around: dict[str, Any], text: str
) -> None:
    assert shown(a_signal("s", **settings), value, **around) == text


def test_a_reading_says_how_old_it_is_once_that_matters() -> None:
    signal = a_signal("s", label="Logins")
    row = {"s.state": "value", "s.value": 12.0, "s.age_days": 1.0}

    assert reading(signal, row) == "Logins 12"
    assert reading(signal, {**row, "s.age_days": 2.5}) == "Logins 12, 2 d old"
    assert reading(signal, {**row, "s.state": "source_down", "s.age_days": 0.3}) == "Logins 12, 7 h old"


@pytest.mark.parametrize(
    "row, text",
    [
        ({"s.state": "no_data", "s.down_days": 0.0}, "Plan: no data"),
        ({"s.state": "no_data", "s.down_days": 9.5}, "Plan: source down for 9 d"),
        ({"s.state": "source_down", "s.down_days": 0.0}, "Plan: source never answered"),
        ({"s.state": "invalid", "s.down_days": 0.0, "s.text": "Foo"}, "Plan: unusable value “Foo”"),
        ({"s.state": "value", "s.down_days": 0.0, "s.age_days": 61.0}, "Plan: too old (61 d)"),
        (
            {"s.state": "value", "s.down_days": 0.0, "s.age_days": 1.0},
            "Plan: not counted, too little is known of Contract",
        ),
        ({"s.state": "not_applicable", "s.down_days": 0.0}, None),
    ],
)
def test_a_gap_says_why_a_signal_did_not_count(row: dict[str, object], text: str | None) -> None:
    assert gap(a_signal("s", label="Plan", metric="account.plan"), row, "Contract") == text
