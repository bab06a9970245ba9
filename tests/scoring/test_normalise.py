"""Curves, freshness and renewal proximity, against values worked out by hand."""

import math
from datetime import date, timedelta
from itertools import pairwise, product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.curves import Curve, Frame, Linear, Piecewise, points
from scoring.definition import FRESHNESS, Category, Renewal
from scoring.normalise import freshness, proximity, quantise, to_units
from tests.scoring.builders import a_model, a_signal, accounts, scored

NOBODY_ELSE = Frame(tenure_days=pl.lit(None, dtype=pl.Float64), segment=pl.lit(None, dtype=pl.String))


def worth(curve: Curve, *values: float | None) -> list[float | None]:
    frame = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    return frame.select(points(curve, pl.col("x"), NOBODY_ELSE).alias("points"))["points"].to_list()


def test_a_straight_line_reproduces_the_published_example() -> None:
    # Natero: 18 minutes on a scale from 7 (bad) to 30 (good) are 48 points.
    (value,) = worth(Linear(bad=7, good=30), 18)

    assert value == pytest.approx(47.826, abs=0.001)
    assert scored(a_model(a_signal(normalise=Linear(bad=7, good=30))), {"s": 18})["score"].to_list() == [48.0]


def test_a_straight_line_is_clamped_and_can_run_down() -> None:
    assert worth(Linear(bad=0, good=10), -5, 0, 5, 10, 99, None) == [0, 0, 50, 100, 100, None]
    assert worth(Linear(bad=3, good=0), -1, 0, 3, 4) == [100, 100, 0, 0]


def test_a_curve_goes_through_its_knots_and_is_flat_outside() -> None:
    seed = Piecewise(knots=((-0.5, 0), (-0.3, 50), (-0.1, 80), (0.0, 90), (0.2, 100)))

    found = worth(seed, -1, -0.5, -0.4, -0.3, -0.1, 0, 0.1, 0.2, 5)

    assert found == pytest.approx([0, 0, 25, 50, 80, 90, 95, 100, 100])


def test_too_much_can_be_bad_too() -> None:
    hill = Piecewise(knots=((0, 0), (5, 100), (10, 20)))

    assert worth(hill, 0, 5, 7.5, 10, 50) == [0, 100, 60, 20, 20]


rising = st.lists(st.integers(-1000, 1000), min_size=2, max_size=6, unique=True).map(sorted)
numbers = st.floats(-1200, 1200, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(st.data(), rising, numbers, numbers)
def test_a_rising_curve_never_falls_not_even_by_a_bit(
    data: Any, xs: list[int], one: float, two: float
) -> None:
    heights = sorted(data.draw(st.lists(st.floats(0, 100), min_size=len(xs), max_size=len(xs))))
    curve = Piecewise(knots=tuple((x / 7, height) for x, height in zip(xs, heights, strict=True)))

    low, high = worth(curve, *sorted([one / 7, two / 7]))

    assert low is not None
    assert high is not None
    assert low <= high


def test_a_rising_curve_does_not_fall_where_segments_meet() -> None:
    for first, second, step in product(range(0, 60, 7), range(60, 100, 3), (0.1, 0.3, 0.7, 1.1)):
        knots = ((0.0, first / 7), (3 * step, second / 7), (7 * step, 100 / 7))
        low, high = worth(Piecewise(knots=knots), 3 * step, math.nextafter(3 * step, math.inf))
        assert low is not None
        assert high is not None
        assert low <= high


@pytest.mark.parametrize(
    "age, factor",
    [(0, 1), (2, 1), (9, 0.5), (16, 0.25), (30, 2 ** (-28 / 7)), (30.001, 0), (None, 1)],
)
def test_weight_halves_with_age_and_then_is_gone(age: float | None, factor: float) -> None:
    # usage: fresh for 2 days, half-life 7 days, expires after 30
    frame = pl.DataFrame({"age": [age]}, schema={"age": pl.Float64})

    found = frame.select(freshness(FRESHNESS[""], pl.col("age")).alias("f"))["f"].to_list()

    assert found == [pytest.approx(factor)]


@pytest.mark.parametrize(
    "days, near",
    [(200, 0), (120, 0), (90, 1 / 3), (60, 2 / 3), (30, 1), (0, 1), (-30, 1), (-31, 0), (None, 0)],
)
def test_renewal_comes_near_between_120_and_30_days(days: float | None, near: float) -> None:
    frame = pl.DataFrame({"days": [days]}, schema={"days": pl.Float64})

    found = frame.select(proximity(Renewal(), pl.col("days")).alias("near"))["near"].to_list()

    assert found == [pytest.approx(near)]


@pytest.mark.parametrize(
    "days, share", [(200, 0.15), (120, 0.15), (90, 0.190476), (60, 0.227273), (30, 0.260870), (5, 0.260870)]
)
def test_the_renewal_category_gains_weight_as_in_the_worked_table(days: int, share: float) -> None:
    # Weight 15 of 100, doubled when near: 15 % → 19 % (90 d) → 22.7 % (60 d) → 26.1 % (30 d).
    model = a_model(
        a_signal("use", category="usage"),
        a_signal("deal", category="renewal"),
        categories=weights(usage=85, renewal=15),
        renewal=Renewal(boost={"renewal": 1.0}),
    )
    book = accounts(renewal_on=[date(2026, 3, 2) + timedelta(days=days)])

    frame = scored(model, {"use": 50, "deal": 50}, book=book, detail=True)

    assert frame["deal.weight"].to_list() == [pytest.approx(share, abs=1e-6)]


def test_the_boost_is_continuous_over_the_days_so_there_is_no_cliff() -> None:
    model = a_model(
        a_signal("use", category="usage"),
        a_signal("deal", category="renewal"),
        categories=weights(usage=85, renewal=15),
        renewal=Renewal(boost={"renewal": 1.0}),
    )
    days = range(-20, 140)
    names = [f"{day:04d}" for day in range(len(days))]
    book = accounts(*names, renewal_on=[date(2026, 3, 2) + timedelta(days=day) for day in days])

    frame = scored(model, *({"account_id": name, "use": 75, "deal": 40} for name in names), book=book)

    composites = frame["composite"].to_list()
    assert composites[-1] == pytest.approx(69.75)
    assert composites[0] == pytest.approx(75 - 35 * 30 / 115)
    assert max(abs(b - a) for a, b in pairwise(composites)) < 0.1


def weights(**shares: float) -> tuple[Category, ...]:
    return tuple(Category(id=name, label=name, weight=share) for name, share in shares.items())


@pytest.mark.parametrize(
    "value, quantum, published",
    [
        (2.5, 1, 3),
        (69.5, 1, 70),
        (74.49999999999999, 1, 75),
        (74.4999, 1, 74),
        (62.25, 0.5, 62.5),
        (99.6, 1, 100),
        (0.00005, 0.0001, 0.0001),
        (0.00025, 0.0001, 0.0003),
    ],
)
def test_rounding_is_half_up_whatever_binary_fractions_do(
    value: float, quantum: float, published: float
) -> None:
    frame = pl.DataFrame({"x": [value]})

    units = frame.select(quantise(to_units(pl.col("x")), round(quantum * 10_000)).alias("q"))["q"].to_list()

    assert units == [round(published * 10_000)]
