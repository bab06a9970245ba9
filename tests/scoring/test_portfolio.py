"""The whole base and its segments."""

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.portfolio import portfolio
from tests.scoring.builders import a_model, a_signal, accounts, scored

MODEL = a_model(a_signal("s"), a_signal("t", category="other"))
BANDS = ("red", "yellow", "green", "unknown")


def a_base() -> tuple[pl.DataFrame, pl.DataFrame]:
    book = accounts(
        *"ABCDEF",
        segment=["x", "x", "x", "y", None, "y"],
        arr=[100.0, 300.0, None, 50.0, 200.0, float("nan")],
    )
    rows: list[dict[str, Any]] = [
        {"s": 20, "t": 40},  # 30
        {"s": 60, "t": 60},
        {"s": 90, "t": None},  # half of it is known, at confidence ½
        {"s": None, "t": None},
        {"s": 80, "t": 91},  # 85.5, published as 86
        {"s": 90, "t": 90, "s.age_days": 9.0, "t.age_days": 9.0},  # a week over: half as sure
    ]
    return scored(MODEL, *rows, book=book), book


def test_the_whole_comes_first_and_then_every_segment_by_name() -> None:
    frame = portfolio(*a_base())

    assert frame["segment"].to_list() == [None, "", "x", "y"]
    assert frame["accounts"].to_list() == [6, 1, 3, 2]
    assert frame["scored"].to_list() == [5, 1, 3, 1]


def test_means_are_of_those_that_have_a_score_plain_and_by_money() -> None:
    frame = portfolio(*a_base())

    # (30 + 60 + 90 + 86 + 90) / 5, 86, (30 + 60 + 90) / 3, 90
    assert frame["mean"].to_list() == [71.2, 86.0, 60.0, 90.0]
    # (100 · 30 + 300 · 60 + 200 · 86) / 600, 86, (100 · 30 + 300 · 60) / 400, no money known beside a score
    assert frame["arr_mean"].to_list() == [63.6667, 86.0, 52.5, None]


def test_bands_are_counted_with_their_share_and_their_money() -> None:
    whole = portfolio(*a_base()).row(0, named=True)

    assert [whole[band] for band in BANDS] == [1, 1, 3, 1]
    assert [whole[f"{band}_share"] for band in BANDS] == [0.166667, 0.166667, 0.5, 0.166667]
    assert [whole[f"arr_{band}"] for band in BANDS] == [100.0, 300.0, 200.0, 50.0]
    assert (whole["arr"], whole["arr_at_risk"]) == (650.0, 400.0)


def test_what_is_known_of_a_segment_stands_beside() -> None:
    frame = portfolio(*a_base())

    assert frame["coverage"].to_list() == [0.75, 1.0, 0.833333, 0.5]
    # F is at exactly ½ and C as well, which is not low
    assert frame["confidence_low"].to_list() == [0, 0, 0, 0]


def test_a_score_that_should_be_verified_first_is_counted_and_no_score_is_none() -> None:
    old = {"s": 90, "t": 90, "s.age_days": 10.0, "t.age_days": 10.0}
    book = accounts("A", "B", segment=["x", "y"])

    assert portfolio(scored(MODEL, old, {"s": None}), book)["confidence_low"].to_list() == [1, 1, 0]


def test_a_base_without_money_and_segments_has_two_equal_rows() -> None:
    frame = portfolio(scored(MODEL, {"s": 90, "t": 90}), accounts("A"))

    assert frame["segment"].to_list() == [None, ""]
    assert frame.drop("segment").row(0) == frame.drop("segment").row(1)
    assert frame.row(0, named=True)["arr"] == 0.0


def test_money_that_is_less_than_nothing_or_not_finite_is_none() -> None:
    book = accounts("A", "B", "C", arr=[-50.0, float("inf"), 10.0])

    whole = portfolio(scored(MODEL, *[{"s": 20, "t": 20}] * 2, {"s": 90, "t": 90}), book).row(0, named=True)

    assert (whole["arr"], whole["arr_red"], whole["arr_at_risk"], whole["arr_mean"]) == (10.0, 0.0, 0.0, 90.0)


def test_an_empty_base_is_one_row_of_nothing() -> None:
    frame = portfolio(scored(MODEL, {"s": 1}).clear(), accounts("A").clear())

    assert frame.select("segment", "accounts", "mean", "red_share", "arr", "coverage").rows() == [
        (None, 0, None, 0.0, 0.0, 0.0)
    ]


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(0, 100)), st.sampled_from("xyz"), st.integers(0, 10**9)),
        min_size=1,
        max_size=25,
    )
)
@settings(max_examples=60, deadline=None)
def test_segments_add_up_to_the_whole_to_the_cent_in_any_order(
    rows: list[tuple[int | None, str, int]],
) -> None:
    names = [f"{place:02}" for place in range(len(rows))]
    book = accounts(*names, segment=[row[1] for row in rows], arr=[row[2] / 100 for row in rows])
    frame = scored(
        MODEL,
        *({"account_id": name, "s": row[0], "t": row[0]} for name, row in zip(names, rows, strict=True)),
        book=book,
    )

    found = portfolio(frame, book)

    whole, parts = found.row(0, named=True), found.tail(-1)
    for name in ("accounts", "scored", *BANDS, "confidence_low"):
        assert parts[name].sum() == whole[name]
    for name in ("arr", *(f"arr_{band}" for band in BANDS)):
        assert sum(round(value * 100) for value in parts[name]) == round(whole[name] * 100)
    assert portfolio(frame.reverse(), book.reverse()).equals(found)
