"""The one score in other clothes: out of ten, words, letters, stars, rank, percentile, colour."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.definition import Formats, ScoringModel
from scoring.formats import formats
from tests.scoring.builders import a_model, a_signal, accounts, remembered, scored

MODEL = a_model(a_signal("s"), quantum=0.1)


def written(
    *scores: float | None, model: ScoringModel = MODEL, segment: list[str | None] | None = None
) -> pl.DataFrame:
    frame = scored(model, *({"account_id": f"{place:03}", "s": value} for place, value in enumerate(scores)))
    book = frame.select("account_id")
    return formats(frame, book if segment is None else book.with_columns(segment=pl.Series(segment)), model)


@pytest.mark.parametrize(
    "score, out_of_ten",
    [(0, 1), (0.1, 1), (10, 1), (10.1, 2), (20, 2), (49.9, 5), (50, 5), (50.1, 6), (99.9, 10), (100, 10)],
)
def test_every_started_ten_is_one_more_out_of_ten_and_nothing_is_one(score: float, out_of_ten: int) -> None:
    assert written(score)["scale10"].to_list() == [out_of_ten]


@pytest.mark.parametrize(
    "score, letter, stars",
    [
        (100, "A", 5),
        (90, "A", 5),
        (89.9, "B", 4),
        (80, "B", 4),
        (79.9, "C", 4),
        (75, "C", 4),
        (74.9, "C", 3),
        (69.9, "D", 3),
        (59.9, "F", 3),
        (50, "F", 3),
        (49.9, "F", 2),
        (25, "F", 2),
        (24.9, "F", 1),
        (0, "F", 1),
    ],
)
def test_letters_and_stars_begin_where_they_say(score: float, letter: str, stars: int) -> None:
    assert written(score).select("letter", "stars").rows() == [(letter, stars)]


def test_letters_may_be_others_in_any_order() -> None:
    model = a_model(a_signal("s"), formats=Formats(letters={"lost": 0, "won": 70, "open": 30}))

    assert written(10, 30, 69, 70, model=model)["letter"].to_list() == ["lost", "open", "open", "won"]


def test_an_unknown_score_is_a_word_and_never_a_number() -> None:
    assert written(None).drop("account_id").rows() == [
        (None, None, "unknown", "unknown", None, None, None, None, None, "unknown")
    ]


def test_words_follow_the_band_and_one_that_is_not_named_keeps_the_usual_one() -> None:
    model = a_model(a_signal("s"), formats=Formats(words={"yellow": "monitor"}))

    assert written(90, 60, 20, None, model=model)["word"].to_list() == [
        "healthy",
        "monitor",
        "at risk",
        "unknown",
    ]


def test_the_word_waits_for_the_band_while_the_letter_shows_the_score() -> None:
    before = scored(MODEL, {"s": 78})
    dipped = scored(MODEL, {"s": 69}, previous=remembered(before))

    frame = formats(dipped, accounts("A"), MODEL)

    assert frame.select("band", "word", "letter").rows() == [("green", "healthy", "D")]


def test_equal_scores_share_a_rank_and_the_next_one_is_left_out() -> None:
    frame = written(90, 80, 80, 70)

    assert frame["rank"].to_list() == [1, 2, 2, 4]
    assert frame["rank_of"].to_list() == [4, 4, 4, 4]
    # (less + ½ · equal) of 4
    assert frame["percentile"].to_list() == [87.5, 50.0, 50.0, 12.5]


def test_ranks_count_inside_the_segment_and_those_without_one_are_a_segment_of_their_own() -> None:
    frame = written(90, 80, 70, 60, None, 50, segment=["x", "y", "x", None, "x", ""])

    assert frame.select("rank", "rank_of").rows() == [(1, 2), (1, 1), (2, 2), (1, 2), (None, None), (2, 2)]


def test_equal_means_equal_as_published() -> None:
    model = a_model(a_signal("s"), quantum=1)

    assert written(70.2, 69.6, model=model)["rank"].to_list() == [1, 1]


def test_colours_are_cut_by_percentile_and_not_by_score() -> None:
    weak = written(*range(10))

    # percentiles 5, 15, 25, … 95
    assert weak["colour"].to_list() == ["red"] * 2 + ["yellow"] * 4 + ["green"] * 4
    assert set(weak["band"]) == {"red"}


def test_a_percentile_on_the_cut_has_the_better_colour() -> None:
    model = a_model(a_signal("s"), formats=Formats(colours=(12.5, 87.5)))

    assert written(90, 80, 80, 70, model=model)["colour"].to_list() == ["green", "yellow", "yellow", "yellow"]


def test_one_account_alone_is_placed_among_the_published_scores_of_all() -> None:
    book = accounts(*"ABCD", segment=["x", "x", "y", "x"])
    everybody = scored(MODEL, {"s": 90}, {"s": 80}, {"s": 99}, {"s": 70})
    published = everybody.join(book, on="account_id").select("segment", "score")

    alone = formats(everybody.head(2).tail(1), book, MODEL, among=published)

    assert alone.equals(formats(everybody, book, MODEL).filter(pl.col("account_id") == "B"))


def test_a_new_score_is_placed_among_those_that_are_published_without_being_one_of_them() -> None:
    published = pl.DataFrame({"segment": ["", "", None], "score": [50.0, 60.0, None]})

    frame = formats(scored(MODEL, {"s": 55}), accounts("A"), MODEL, among=published)

    assert frame.select("percentile", "rank", "rank_of").rows() == [(50.0, 2, 2)]


def test_nobody_to_compare_with_is_no_place() -> None:
    published = pl.DataFrame({"segment": ["y"], "score": [50.0]})

    frame = formats(scored(MODEL, {"s": 55}), accounts("A", segment=["x"]), MODEL, among=published)

    assert frame.select("percentile", "rank", "rank_of", "colour").rows() == [(None, None, None, "unknown")]


def test_an_empty_book_has_no_formats() -> None:
    assert formats(scored(MODEL, {"s": 1}).clear(), accounts("A"), MODEL).height == 0


@given(st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(["x", "y", None])), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_rank_and_percentile_are_those_of_counting(rows: list[tuple[int, str | None]]) -> None:
    frame = written(*(score / 10 for score, _ in rows), segment=[segment for _, segment in rows])

    for (score, segment), line in zip(rows, frame.iter_rows(named=True), strict=True):
        others = [value for value, name in rows if name == segment]
        less, equal = sum(value < score for value in others), others.count(score)
        assert line["rank"] == 1 + sum(value > score for value in others)
        assert line["percentile"] == round(100 * (less + equal / 2) / len(others), 4)


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30, unique=True))
@settings(max_examples=40, deadline=None)
def test_no_way_to_write_a_score_turns_two_of_them_round(scores: list[int]) -> None:
    frame = written(*(score / 10 for score in sorted(scores)))

    for name, rising in (("scale10", True), ("stars", True), ("percentile", True), ("letter", False)):
        values = frame[name].to_list()
        assert all((a <= b) if rising else (a >= b) for a, b in pairwise(values))


def test_the_order_of_accounts_changes_no_place() -> None:
    frame = scored(MODEL, {"s": 50}, {"s": 70}, {"s": 50}, {"s": None})
    book = accounts(*"ABCD", segment=["x", "x", "x", "y"])

    turned = formats(frame.reverse(), book.sample(fraction=1, shuffle=True, seed=1), MODEL)

    assert turned.reverse().equals(formats(frame, book, MODEL))
