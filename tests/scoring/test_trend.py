"""Where the published score is heading."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from scoring.definition import BandCut, Profile
from scoring.frames import SNAPSHOTS_SCHEMA
from scoring.trend import trend, trends
from tests.scoring.builders import NOW, a_model, a_signal, accounts, remembered, scored

MODEL = a_model(a_signal("s"), quantum=0.1)


def snapshots(*rows: tuple[float, float | None]) -> pl.DataFrame:
    """Past scores of account A: (days ago, score)."""
    return pl.DataFrame(
        [("A", NOW - timedelta(days=ago), score) for ago, score in rows],
        schema=dict(SNAPSHOTS_SCHEMA),
        orient="row",
    )


@pytest.mark.parametrize(
    "then, delta, direction",
    [
        (69.3, 3.0, "up"),
        (69.4, 2.9, "steady"),
        (72.3, 0.0, "steady"),
        (75.2, -2.9, "steady"),
        (75.3, -3.0, "down"),
    ],
)
def test_the_arrow_has_a_dead_band_of_three_points(then: float, delta: float, direction: str) -> None:
    frame = trend(scored(MODEL, {"s": 72.3}), snapshots((30, then)), as_of=NOW)

    assert frame.rows() == [("A", delta, direction)]


def test_the_comparison_is_the_latest_score_between_33_and_30_days_ago() -> None:
    past = snapshots((29, 10), (30.5, 60), (32, 90), (33.5, 20))

    assert trend(scored(MODEL, {"s": 70}), past, as_of=NOW).rows() == [("A", 10.0, "up")]


@pytest.mark.parametrize(
    "past", [snapshots(), snapshots((29, 50)), snapshots((34, 50)), snapshots((31, None))]
)
def test_without_a_score_to_compare_with_the_trend_is_new(past: pl.DataFrame) -> None:
    assert trend(scored(MODEL, {"s": 70}), past, as_of=NOW).rows() == [("A", None, "new")]


def test_an_unknown_score_has_no_direction() -> None:
    assert trend(scored(MODEL, {"s": None}), snapshots((30, 50)), as_of=NOW).rows() == [("A", None, "new")]


# --- every comparison ------------------------------------------------------------------------------------


def heading(past: pl.DataFrame, now: float | None = 70, **changes: Any) -> dict[str, Any]:
    frame = scored(MODEL, {"s": now, **changes})
    return trends(frame, past, MODEL, as_of=NOW).row(0, named=True)


def weekly(*scores: float | None) -> pl.DataFrame:
    """Scores of 7, 14, 21, … days ago."""
    return snapshots(*((7 * week, score) for week, score in enumerate(scores, start=1)))


def test_each_comparison_is_with_the_latest_score_of_its_own_day() -> None:
    past = snapshots((6, 1), (7, 69), (9, 2), (30, 60), (31, 3), (92, 75), (93.5, 4))

    found = heading(past)

    assert (found["delta_7"], found["delta_30"], found["delta_90"], found["trend"]) == (1.0, 10.0, -5.0, "up")


def test_without_a_past_there_is_nothing_to_compare_with() -> None:
    assert heading(snapshots()) == {
        "account_id": "A",
        "delta_7": None,
        "delta_30": None,
        "delta_90": None,
        "trend": "new",
        "fall": None,
        "falling": False,
        "days_to_red": None,
    }


def test_an_unknown_score_is_compared_with_nothing() -> None:
    found = heading(snapshots((1, 90), (7, 90), (30, 90)), now=None)

    assert (found["delta_7"], found["fall"], found["falling"], found["days_to_red"]) == (
        None,
        None,
        False,
        None,
    )


@pytest.mark.parametrize(
    "past, fall",
    [
        (snapshots((3, 84.9)), 14.9),
        (snapshots((3, 85)), 15.0),
        (snapshots((14, 85)), 15.0),
        (snapshots((16, 85), (12, 71)), 15.0),  # 85 still held when the two weeks began
        (snapshots((16, 85), (14, 71)), 1.0),
        (snapshots((18, 85)), None),
        (snapshots((0.5, 85)), 15.0),
        (snapshots((-1, 99)), None),
        (snapshots((3, 60), (5, 90), (8, 72)), 20.0),
        (snapshots((3, 60)), 0.0),
    ],
)
def test_a_fall_counts_from_the_highest_score_of_two_weeks(past: pl.DataFrame, fall: float | None) -> None:
    found = heading(past)

    assert found["fall"] == fall
    assert found["falling"] == (fall is not None and fall >= 15)


def test_a_sudden_fall_is_told_even_of_a_green_account() -> None:
    frame = scored(MODEL, {"s": 80})

    found = trends(frame, snapshots((5, 98)), MODEL, as_of=NOW).row(0, named=True)

    assert (frame["band"][0], found["falling"], found["trend"]) == ("green", True, "new")


def test_a_steady_decline_says_when_the_line_crosses_into_red() -> None:
    # 2 points a week, 20 above the cut: exactly 50 in ten weeks, below it a day later
    assert heading(weekly(72, 74, 76, 78, 80, 82, 84))["days_to_red"] == 71


def test_one_odd_week_moves_the_line_but_little() -> None:
    steady = heading(weekly(72, 74, 76, 78, 80, 82, 84))["days_to_red"]

    assert heading(weekly(72, 74, 40, 78, 80, 82, 84))["days_to_red"] == steady


@pytest.mark.parametrize(
    "why, past, changes",
    [
        ("five weeks are too few", weekly(72, 74, 76, 78), {}),
        ("an eighth week back is too old to be the sixth", weekly(72, 74, 76, 78, None, None, None, 84), {}),
        ("the weeks do not agree", weekly(60, 80, 62, 82, 64, 84, 66), {}),
        (
            "16 pairs of weeks fall and 8 rise: 8 of 28 is less than 0.4",
            weekly(88, 80, 60, 80, 84, 80, 88),
            {},
        ),
        ("it rises", weekly(69, 68, 67, 66, 65, 64, 63), {}),
        ("it stands still", weekly(70, 70, 70, 70, 70, 70, 70), {}),
        ("it is more than 90 days away", weekly(71, 72, 73, 74, 75, 76, 77), {}),
        ("it is red already", weekly(42, 44, 46, 48, 50, 52, 54), {"now": 40}),
        (
            "confidence is not high",
            weekly(72, 74, 76, 78, 80, 82, 84),
            {"s.state": "source_down", "s.down_days": 2.0, "s.age_days": 2.0},
        ),
    ],
)
def test_there_is_no_forecast_where_it_would_be_a_guess(why: str, past: pl.DataFrame, changes: Any) -> None:
    assert heading(past, **changes)["days_to_red"] is None, why


def test_weeks_that_mostly_agree_are_enough() -> None:
    # 19 pairs of weeks fall, 6 rise, 3 stand still; the median pair falls by 2.45 points a week
    assert heading(weekly(84, 60, 72, 88, 72, 84, 88))["days_to_red"] == 58


@pytest.mark.parametrize("now, days", [(62.8, 90), (62.9, None)])
def test_a_forecast_reaches_ninety_days(now: float, days: int | None) -> None:
    # a point a week: 12.8 points last 89.6 days
    past = weekly(*(now + week for week in range(1, 8)))

    assert heading(past, now=now)["days_to_red"] == days


@pytest.mark.parametrize("now, days", [(50, 1), (49.9, None)])
def test_a_yellow_account_at_the_cut_has_a_day_and_one_below_it_needs_no_forecast(
    now: float, days: int | None
) -> None:
    before = scored(MODEL, {"s": 60})
    frame = scored(MODEL, {"s": now}, previous=remembered(before))

    past = weekly(*(now + 2 * week for week in range(1, 8)))

    assert frame["band"].to_list() == ["yellow"]
    assert trends(frame, past, MODEL, as_of=NOW)["days_to_red"].to_list() == [days]


def test_this_week_and_five_others_are_enough() -> None:
    assert heading(weekly(None, 74, 76, 78, 80, 82))["days_to_red"] == 71


def test_six_weeks_are_enough_and_days_do_not_matter() -> None:
    weekly_only = weekly(72, 74, None, 78, 80, None, 84)
    daily = snapshots(*((ago, 70 + 2 * (ago // 7)) for ago in range(1, 56)))

    assert heading(weekly_only)["days_to_red"] == heading(daily)["days_to_red"] == 71


def test_the_line_ends_at_the_cut_of_the_profile_that_counts() -> None:
    cuts = (BandCut(name="red", min=0), BandCut(name="yellow", min=60), BandCut(name="green", min=80))
    model = replace(MODEL, profiles=(Profile(id="key", when="account.segment = 'Key'", bands=cuts),))
    book = accounts("A", segment=["Key"])

    frame = trends(scored(model, {"s": 70}, book=book), weekly(72, 74, 76, 78, 80, 82, 84), model, as_of=NOW)

    assert frame["days_to_red"].to_list() == [36]


def test_trend_and_trends_say_the_same_and_neither_looks_at_other_accounts_or_order() -> None:
    names = [f"{place:02}" for place in range(30)]
    past = pl.DataFrame(
        [
            (name, NOW - timedelta(days=ago), (place * 37 + ago * 11) % 1000 / 10)
            for place, name in enumerate(names)
            for ago in range(0, 95, 1 + place % 4)
        ],
        schema=dict(SNAPSHOTS_SCHEMA),
        orient="row",
    )
    frame = scored(MODEL, *({"account_id": name, "s": 3.1 * place} for place, name in enumerate(names)))

    crowd = trends(frame, past, MODEL, as_of=NOW)
    alone = pl.concat(
        trends(row, past.sample(fraction=1, shuffle=True, seed=2), MODEL, as_of=NOW)
        for row in frame.iter_slices(1)
    )

    assert alone.equals(crowd)
    assert trend(frame, past, as_of=NOW).rows() == crowd.select("account_id", "delta_30", "trend").rows()
