"""Advice about models that are valid: what only accounts show."""

from typing import Any

import polars as pl
import pytest

from scoring.curves import Linear
from scoring.definition import Profile, ScoringModel
from scoring.lints_data import data_lints
from tests.scoring.builders import a_model, a_signal, accounts, scored, signal_frame

MODEL = a_model(a_signal("a"), a_signal("b"))
SPREAD = [float(20 + (37 * n) % 80) for n in range(100)]
"""A hundred values from 20 to 99 in no order."""
OTHER = [float(20 + (53 * n + 11 * (n % 7)) % 80) for n in range(100)]
"""A hundred others that have nothing to do with them."""


def looked_over(
    model: ScoringModel = MODEL, book: pl.DataFrame | None = None, **columns: list[Any]
) -> list[tuple[str, str, str]]:
    length = len(next(iter(columns.values())))
    rows = [
        {"account_id": f"{n:03}", **{name.replace("__", "."): values[n] for name, values in columns.items()}}
        for n in range(length)
    ]
    frame = scored(model, *rows, detail=True)
    return [
        (lint.key, lint.level, lint.message)
        for lint in data_lints(model, signal_frame(model, *rows), frame, book)
    ]


def test_two_signals_that_differ_and_are_spread_are_fine() -> None:
    assert looked_over(a=SPREAD, b=OTHER) == []


@pytest.mark.parametrize("known, dead", [(10, False), (9, True)])
def test_a_signal_without_data_for_more_than_nine_of_ten_accounts_is_dead(known: int, dead: bool) -> None:
    thin = [value if n < known else None for n, value in enumerate(OTHER)]

    found = looked_over(a=SPREAD, b=thin)

    message = "has data for only 9 % of the accounts it applies to"
    assert found == ([("model.signal[b]", "warning", message)] if dead else [])


def test_accounts_a_signal_is_not_meant_for_do_not_make_it_dead() -> None:
    thin = [value if n < 30 else None for n, value in enumerate(OTHER)]
    states = ["value" if n < 30 else "not_applicable" for n in range(100)]

    assert looked_over(a=SPREAD, b=thin, b__state=states) == []


def test_an_outage_does_not_make_a_signal_dead() -> None:
    states = ["source_down"] * 100

    assert looked_over(a=SPREAD, b=[None] * 100, b__state=states) == []


def test_a_signal_that_applies_to_nobody_is_told() -> None:
    states = ["not_applicable"] * 100

    assert looked_over(a=SPREAD, b=[None] * 100, b__state=states) == [
        ("model.signal[b]", "advice", "applies to no account")
    ]


@pytest.mark.parametrize("others, dead", [(5, False), (4, True)])
def test_a_signal_with_one_value_for_more_than_95_of_100_tells_nobody_apart(others: int, dead: bool) -> None:
    same = [80.0 if n >= others else float(n) for n in range(100)]

    found = looked_over(a=SPREAD, b=same)

    message = "is 80 for 96 % of the accounts and tells few of them apart"
    assert found == ([("model.signal[b]", "advice", message)] if dead else [])


def test_a_signal_that_only_caps_use_may_be_the_same_for_nearly_all() -> None:
    model = a_model(a_signal("a"), a_signal("b", weight=0))

    assert looked_over(model, a=SPREAD, b=[0.0] * 100) == []


def test_two_signals_that_rank_accounts_alike_are_twins_even_where_one_falls() -> None:
    falling = a_model(a_signal("a"), a_signal("b", normalise=Linear(bad=100, good=0)))
    curved = [value * value / 100 for value in SPREAD]

    (same, *_), (opposite, *_) = looked_over(a=SPREAD, b=curved), looked_over(falling, a=SPREAD, b=curved)

    assert same == ("model.signal[b]", "advice", "says nearly the same as a (rank correlation 1.00)")
    assert opposite == ("model.signal[b]", "advice", "says nearly the same as a (rank correlation -1.00)")


@pytest.mark.parametrize("turned, twins", [(20, False), (50, True)])
def test_ranks_are_compared_with_ties_in_the_middle(turned: int, twins: bool) -> None:
    steps = [float(20 * (1 + n % 5)) for n in range(100)]
    near = [value if n % turned else 120 - value for n, value in enumerate(steps)]

    # five groups of 20; where 5 of the lowest have become the highest the correlation is 0.80, where 2 have, 0.92
    message = "says nearly the same as a (rank correlation 0.92)"
    assert looked_over(a=steps, b=near) == ([("model.signal[b]", "advice", message)] if twins else [])


def test_too_few_common_accounts_are_no_twins() -> None:
    few = [value if n < 19 else None for n, value in enumerate(SPREAD)]

    assert looked_over(a=SPREAD, b=few) == []


@pytest.mark.parametrize(
    "red, expected",
    [
        (40, []),
        (41, [("model.bands", "warning", "41 % of the accounts are red: more than anybody can look after")]),
        (2, []),
        (
            1,
            [("model.bands", "advice", "1 % of the accounts are red: hardly anything would ever be noticed")],
        ),
    ],
)
def test_neither_half_of_all_nor_nobody_should_be_red(red: int, expected: list[tuple[str, str, str]]) -> None:
    model = a_model(a_signal("a"))
    scores = [10.0 + 0.1 * n if n < red else 60.0 + 0.3 * n for n in range(100)]

    assert looked_over(model, a=scores) == expected


def test_unknown_accounts_are_neither_red_nor_not() -> None:
    model = a_model(a_signal("a"))
    scores = [10.0 + n if n < 20 else 60.0 + 0.5 * n if n < 50 else None for n in range(100)]

    assert looked_over(model, a=scores) == []


def test_segments_that_are_judged_very_differently_may_want_thresholds_of_their_own() -> None:
    model = a_model(a_signal("a"))
    scores = [10.0 + 0.2 * n if n < 30 else 60.0 + 0.3 * n for n in range(100)]
    book = accounts(*(f"{n:03}" for n in range(100)), segment=["Small"] * 40 + ["Large"] * 60)
    profiled = a_model(a_signal("a"), profiles=(Profile(id="p", when="account.arr > 1"),))

    assert looked_over(model, book, a=scores) == [
        (
            "model.profile",
            "advice",
            "75 % of segment Small are red and 0 % of Large: the same thresholds may not suit both",
        )
    ]
    assert looked_over(profiled, book, a=scores) == looked_over(model, a=scores) == []


@pytest.mark.parametrize(
    "segment, why",
    [
        (["Small"] * 100, "there is but one segment"),
        (["Small"] * 81 + ["Large"] * 19, "19 accounts are too few to compare"),
        (["Small"] * 40 + [None] * 60, "accounts without a segment are none"),
        (["Small", "Large"] * 50, "both have as many red ones"),
    ],
)
def test_segments_are_compared_only_where_they_differ_and_are_large_enough(
    segment: list[str | None], why: str
) -> None:
    model = a_model(a_signal("a"))
    scores = [10.0 + 0.2 * n if n < 40 else 60.0 + 0.3 * n for n in range(100)]

    found = looked_over(model, accounts(*(f"{n:03}" for n in range(100)), segment=segment), a=scores)

    assert found == [], why


@pytest.mark.parametrize("accounts_known, told", [(49, False), (50, True)])
def test_that_nobody_is_red_means_something_from_fifty_accounts_on(accounts_known: int, told: bool) -> None:
    model = a_model(a_signal("a"))

    found = looked_over(model, a=[60.0 + 0.5 * n for n in range(accounts_known)])

    assert [key for key, _, _ in found] == (["model.bands"] if told else [])


def test_a_signal_that_never_changes_is_nobodys_twin() -> None:
    found = looked_over(a=SPREAD, b=[80.0] * 100)

    assert [key for key, _, message in found if "nearly the same" in message] == []


def test_nothing_is_concluded_from_fewer_than_twenty_accounts() -> None:
    assert looked_over(a=[1.0] * 19, b=[None] * 19) == []
    assert len(looked_over(a=[1.0] * 20, b=[None] * 20)) == 3


def test_the_order_of_accounts_changes_no_lint() -> None:
    rows = [{"account_id": f"{n:03}", "a": SPREAD[n], "b": SPREAD[n]} for n in range(100)]
    forwards, backwards = (
        data_lints(MODEL, signal_frame(MODEL, *some), scored(MODEL, *some, detail=True))
        for some in (rows, rows[::-1])
    )

    assert forwards == backwards
    assert len(forwards) == 1
