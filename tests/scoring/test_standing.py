"""Priority and the list of work."""

from datetime import date, timedelta
from typing import Any

import polars as pl

from scoring.cohort import freeze
from scoring.definition import Renewal
from scoring.frames import COHORT_SCHEMA
from scoring.standing import median_arr, priority, work_list
from tests.scoring.builders import NOW, a_model, a_signal, accounts, scored, signal_frame

MODEL = a_model(a_signal("s"), renewal=Renewal(far=timedelta(days=120), near=timedelta(days=30)))


def a_cohort(median: float | None) -> pl.DataFrame:
    row: dict[str, Any] = {"signal": "account.arr", "segment": "", "n": 30, "median": median}
    other = {**row, "segment": "x", "median": 7.0}
    empty = dict.fromkeys(COHORT_SCHEMA)
    return pl.DataFrame([{**empty, **other}, {**empty, **row}], schema=dict(COHORT_SCHEMA))


def priorities(book: pl.DataFrame, *rows: dict[str, Any], cohort: pl.DataFrame | None) -> list[float | None]:
    return priority(scored(MODEL, *rows, book=book), book, cohort=cohort)["priority"].to_list()


def test_priority_is_risk_times_nearness_times_size_times_trust() -> None:
    half_way = date(2026, 3, 2) + timedelta(days=75)  # between 120 and 30 days
    book = accounts("A", arr=[40_000.0], renewal_on=[half_way])
    held = {"s": 30, "s.state": "source_down", "s.down_days": 2.8, "s.age_days": 2.8}

    found = priorities(book, held, cohort=a_cohort(10_000.0))

    # 0.7 · 1.5 · √4 · (½ + ½ · 0.6): a source that has been down for 2.8 of 7 days leaves a confidence of 0.6
    assert found == [1.68]


def test_what_is_not_known_about_money_counts_as_the_median() -> None:
    book = accounts("A", "B", "C", arr=[None, float("nan"), 90_000.0])
    rows = [{"s": 60}] * 3

    assert priorities(book, *rows, cohort=a_cohort(10_000.0)) == [0.4, 0.4, 1.2]
    assert priorities(book, *rows, cohort=a_cohort(1.0)) == [0.4, 0.4, 120.0]
    assert priorities(book, *rows, cohort=a_cohort(0.0)) == [0.4, 0.4, 0.4]
    assert priorities(book, *rows, cohort=a_cohort(None)) == [0.4, 0.4, 0.4]
    assert priorities(book, *rows, cohort=None) == [0.4, 0.4, 0.4]
    assert priorities(accounts("A"), {"s": 60}, cohort=a_cohort(10_000.0)) == [0.4]


def test_who_pays_nothing_or_less_has_no_priority() -> None:
    book = accounts("A", "B", arr=[0.0, -5.0])

    assert priorities(book, {"s": 10}, {"s": 10}, cohort=a_cohort(10_000.0)) == [0.0, 0.0]


def test_the_median_is_that_of_everybody_in_the_frozen_cohort() -> None:
    book = accounts(*"ABC", arr=[10.0, 30.0, 500.0], segment=["x", "x", "y"])
    rows = [{"s": 50}] * 3
    frozen = freeze(scored(MODEL, *rows, book=book, detail=True), signal_frame(MODEL, *rows), book)

    assert median_arr(frozen) == 30.0
    assert median_arr(frozen.clear()) is None


def test_the_list_begins_with_what_matters_most_and_ends_with_what_is_unknown() -> None:
    soon = NOW.date() + timedelta(days=10)
    book = accounts(
        *"ABCDE",
        arr=[1_000.0, 100_000.0, 10_000.0, 10_000.0, 10_000.0],
        renewal_on=[None, None, soon, None, None],
    )

    frame = work_list(
        scored(MODEL, {"s": 0}, {"s": 70}, {"s": 70}, {"s": None}, {"s": 70}, book=book),
        book,
        cohort=a_cohort(10_000.0),
    )

    # 1 · √0.1; 0.3 · √10; 0.3 · 2; nothing known; 0.3
    assert frame.select("place", "account_id", "priority").rows() == [
        (1, "B", 0.948683),
        (2, "C", 0.6),
        (3, "A", 0.316228),
        (4, "E", 0.3),
        (5, "D", None),
    ]
    assert frame.row(1, named=True) == {
        "place": 2,
        "account_id": "C",
        "priority": 0.6,
        "score": 70.0,
        "band": "yellow",
        "confidence": 1.0,
        "near": 1.0,
        "arr": 10_000.0,
    }


def test_equal_priorities_stand_in_the_order_of_ids_whatever_order_they_came_in() -> None:
    book = accounts(*"CAB")
    frame = scored(MODEL, *({"account_id": name, "s": 50} for name in "CAB"), book=book)

    assert work_list(frame, book, cohort=None)["account_id"].to_list() == ["A", "B", "C"]


def test_an_account_has_the_same_priority_alone_and_in_a_crowd() -> None:
    names = [f"{place:02}" for place in range(40)]
    book = accounts(*names, arr=[1_000.0 * place / 7 for place in range(40)])
    frame = scored(
        MODEL, *({"account_id": name, "s": 2.3 * place} for place, name in enumerate(names)), book=book
    )

    crowd = priority(frame, book, cohort=a_cohort(3_333.0))
    alone = [priority(row, book, cohort=a_cohort(3_333.0)) for row in frame.iter_slices(1)]

    assert pl.concat(alone).equals(crowd)
