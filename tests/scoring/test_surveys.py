"""Surveys: answers to one number, dated by the newest answer that counts."""

from datetime import timedelta
from typing import Any

import pytest

from tests.scoring.builders import NOW, a_signal, accounts, facts, one, records, seen, streams

DAYS = timedelta(days=1)
AGO = {n: NOW - n * DAYS for n in range(200)}


def measured(
    metric: str, *rows: dict[str, Any], **settings: Any
) -> tuple[tuple[float | None, str], float | None]:
    """Value, state and age in days of one survey metric of account A, which the source knows."""
    known = facts(
        record_rows={"surveys": records("surveys", *rows)},
        matched={"surveys": ["A"]},
        stream_rows=streams(surveys=NOW),
    )
    frame = seen(known, a_signal(metric=metric, **settings), book=accounts("A"))
    return one(frame, "s"), frame["s.age_days"][0]


ANSWERS: list[dict[str, Any]] = [
    {"answered_at": AGO[5], "kind": "nps", "score": 10.0, "respondent": "a"},
    {"answered_at": AGO[10], "kind": "nps", "score": 6.0, "respondent": "b"},
    {"answered_at": AGO[20], "kind": "nps", "score": 8.0, "respondent": "c"},
    {"answered_at": AGO[90], "kind": "nps", "score": 0.0, "respondent": "a"},
    {"answered_at": AGO[2], "kind": "csat", "score": 1.0, "respondent": "a"},
    {"answered_at": AGO[3], "kind": "csat", "score": 0.0, "respondent": "b"},
    {"answered_at": AGO[1], "kind": "nps", "score": None, "respondent": "d"},
    {"answered_at": NOW + DAYS, "kind": "nps", "score": 1.0, "respondent": "e"},
    {"answered_at": None, "kind": "nps", "score": 1.0, "respondent": "f"},
]
NPS = {"kind": "nps"}


def test_the_latest_answer_that_has_a_score_counts_from_when_it_was_given() -> None:
    assert measured("surveys.latest", *ANSWERS, where=NPS) == ((10.0, "value"), 5.0)
    assert measured("surveys.latest", *ANSWERS[3:4]) == ((0.0, "zero"), 90.0)


def test_of_two_answers_of_the_same_instant_the_better_one_is_the_latest() -> None:
    pair: list[dict[str, Any]] = [
        {"answered_at": AGO[1], "score": 3.0},
        {"answered_at": AGO[1], "score": 7.0},
    ]

    assert (
        measured("surveys.latest", *pair) == measured("surveys.latest", *pair[::-1]) == ((7.0, "value"), 1.0)
    )


def test_the_mean_is_that_of_the_answers_in_the_window() -> None:
    assert measured("surveys.mean", *ANSWERS, where=NPS, window=30 * DAYS) == ((8.0, "value"), 5.0)
    assert measured("surveys.mean", *ANSWERS, where=NPS) == ((6.0, "value"), 5.0)


def test_nps_is_the_share_of_promoters_less_that_of_detractors() -> None:
    # of 10, 6, 8 one each way; with the 0 of long ago one more against
    assert measured("surveys.nps", *ANSWERS, where=NPS, window=30 * DAYS) == ((0.0, "zero"), 5.0)
    assert measured("surveys.nps", *ANSWERS, where=NPS) == ((-25.0, "value"), 5.0)


@pytest.mark.parametrize("score, nps", [(9.0, 100.0), (8.9, 0.0), (6.1, 0.0), (6.0, -100.0)])
def test_promoters_begin_at_nine_and_detractors_end_at_six(score: float, nps: float) -> None:
    assert measured("surveys.nps", {"answered_at": AGO[1], "score": score})[0][0] == nps


def test_a_rating_is_shrunk_while_there_are_few_answers() -> None:
    # (1 + 0 + 5 · 0.8) / (2 + 5)
    (value, _), age = measured("surveys.rating", *ANSWERS, where={"kind": "csat"}, prior=0.8)

    assert value == pytest.approx(5 / 7)
    assert age == 2.0


def test_the_count_takes_answers_without_a_score_as_well_and_is_as_new_as_the_reading() -> None:
    assert measured("surveys.count", *ANSWERS, where=NPS) == ((5.0, "value"), 0.0)
    assert measured("surveys.count", *ANSWERS, where=NPS, window=7 * DAYS) == ((2.0, "value"), 0.0)
    assert measured("surveys.count") == ((0.0, "zero"), 0.0)


@pytest.mark.parametrize("metric", ["surveys.latest", "surveys.mean", "surveys.nps", "surveys.rating"])
def test_nobody_has_answered_is_no_data(metric: str) -> None:
    assert measured(metric) == ((None, "no_data"), None)
    assert measured(metric, *ANSWERS[6:]) == ((None, "no_data"), None)


@pytest.mark.parametrize("damaged", [float("nan"), float("inf"), 1e300])
def test_a_damaged_score_is_left_out_and_not_counted_among_the_answers(damaged: float) -> None:
    rows: list[dict[str, Any]] = [
        {"answered_at": AGO[1], "score": damaged},
        {"answered_at": AGO[2], "score": 4.0},
    ]

    assert measured("surveys.mean", *rows) == ((4.0, "value"), 2.0)
