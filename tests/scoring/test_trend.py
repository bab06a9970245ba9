"""The 30-day direction of the published score."""

from datetime import timedelta

import polars as pl
import pytest

from scoring.frames import SNAPSHOTS_SCHEMA
from scoring.trend import trend
from tests.scoring.builders import NOW, a_model, a_signal, scored

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
