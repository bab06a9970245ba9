"""Two scorings side by side."""

from typing import Any

import polars as pl

from scoring.movers import compare
from tests.scoring.builders import a_model, a_signal, scored

MODEL = a_model(a_signal("s"), quantum=0.5)


def side(**scores: Any) -> pl.DataFrame:
    return scored(MODEL, *({"account_id": name, "s": value} for name, value in scores.items()))


BEFORE = side(a=90, b=80, c=60, d=60, e=20, f=None, gone=70)
AFTER = side(a=90, b=60, c=30, d=80, e=22, f=40, new=None)


def test_every_pair_of_bands_is_counted_and_one_side_alone_is_absent() -> None:
    assert compare(BEFORE, AFTER).bands.rows() == [
        ("red", "red", 1),
        ("yellow", "red", 1),
        ("yellow", "green", 1),
        ("yellow", "absent", 1),
        ("green", "yellow", 1),
        ("green", "green", 1),
        ("unknown", "red", 1),
        ("absent", "unknown", 1),
    ]


def test_who_moved_most_comes_first_and_ties_stand_by_id() -> None:
    found = compare(BEFORE, AFTER)

    assert found.movers.rows() == [
        ("c", 60.0, 30.0, -30.0, "yellow", "red"),
        ("b", 80.0, 60.0, -20.0, "green", "yellow"),
        ("d", 60.0, 80.0, 20.0, "yellow", "green"),
        ("e", 20.0, 22.0, 2.0, "red", "red"),
    ]
    assert compare(BEFORE, AFTER, most=2).movers["account_id"].to_list() == ["c", "b"]


def test_who_would_turn_red_is_listed_worst_first_with_whether_a_task_would_open() -> None:
    # at nine days half of its weight is gone, at twelve more than half
    after = scored(
        MODEL,
        {"account_id": "b", "s": 31, "s.age_days": 9.0},
        {"account_id": "c", "s": 30},
        {"account_id": "a", "s": 10, "s.age_days": 12.0},
        {"account_id": "e", "s": 1},
    )

    found = compare(BEFORE, after).into_red

    assert found.select("account_id", "before", "after", "band_before", "task").rows() == [
        ("a", 90.0, 10.0, "green", False),
        ("c", 60.0, 30.0, "yellow", True),
        ("b", 80.0, 31.0, "green", True),
    ]


def test_an_account_that_is_new_and_red_turns_red() -> None:
    found = compare(side(a=90), side(a=90, b=20)).into_red

    assert found.select("account_id", "before", "after", "delta", "band_before").rows() == [
        ("b", None, 20.0, None, "absent")
    ]


def test_shares_are_of_the_accounts_of_their_side() -> None:
    assert compare(BEFORE, AFTER).shares.rows() == [
        ("red", 1, 3, 0.142857, 0.428571),
        ("yellow", 3, 1, 0.428571, 0.142857),
        ("green", 2, 2, 0.285714, 0.285714),
        ("unknown", 1, 1, 0.142857, 0.142857),
    ]


def test_the_distribution_has_ten_steps_and_the_last_one_holds_a_hundred() -> None:
    found = compare(side(a=0, b=9.5, c=10, d=89.5), side(a=90, b=100, c=99.5, d=None)).distribution

    assert found["from"].to_list() == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert found["before"].to_list() == [2, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    assert found["after"].to_list() == [0, 0, 0, 0, 0, 0, 0, 0, 0, 3]


def test_the_mean_change_is_of_those_scored_on_both_sides() -> None:
    found = compare(BEFORE, AFTER)

    # (0 − 20 − 30 + 20 + 2) / 5; b, c, d and f changed their band, gone and new are on one side only
    assert (found.mean_change, found.moved) == (-5.6, 4)


def test_scores_of_the_past_are_enough_to_say_what_moved() -> None:
    before = pl.DataFrame({"account_id": ["a", "b"], "score": [90.0, 20.0], "band": ["green", "red"]})
    after = pl.DataFrame({"account_id": ["b", "a"], "score": [20.0, 45.0], "band": ["red", "red"]})

    found = compare(before, after)

    assert found.movers["account_id"].to_list() == ["a"]
    assert found.into_red.select("account_id", "task").rows() == [("a", True)]


def test_a_red_account_nothing_is_known_of_comes_last_and_opens_no_task() -> None:
    before = pl.DataFrame({"account_id": ["a", "b"], "score": [90.0, 80.0], "band": ["green", "green"]})
    after = pl.DataFrame(
        {"account_id": ["a", "b"], "score": [None, 20.0], "band": ["red", "red"], "confidence": [None, 1.0]}
    )

    assert compare(before, after).into_red.select("account_id", "task").rows() == [("b", True), ("a", False)]


def test_two_equal_scorings_have_no_movers() -> None:
    found = compare(BEFORE, BEFORE.reverse())

    assert (found.moved, found.mean_change, found.movers.height, found.into_red.height) == (0, 0.0, 0, 0)


def test_nobody_beside_nobody_is_no_comparison() -> None:
    found = compare(BEFORE.clear(), AFTER.clear())

    assert (found.moved, found.mean_change, found.bands.height) == (0, None, 0)
    assert found.shares["before_share"].to_list() == [0.0] * 4
