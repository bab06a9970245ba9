"""Reasons: ledger rows that add up, sentences from raw values, texts that fit their fields."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.curves import Piecewise
from scoring.definition import ScoringModel
from scoring.explain import Explanation, explain, fitted
from scoring.rules import Cap
from scoring.words import number, percent, signed
from tests.scoring.builders import a_model, a_signal, scored, signal_frame

DAY = timedelta(days=1)
SEED = Piecewise(knots=((-0.5, 0), (-0.3, 50), (-0.1, 80), (0.0, 90), (0.2, 100)))
MODEL = a_model(
    a_signal(
        "wau", label="Weekly active users", kind="trend", window=14 * DAY, normalise=SEED, category="use"
    ),
    a_signal("logins", label="Active days", category="use"),
    a_signal("urgent", label="Open urgent tickets", category="help"),
    a_signal("unpaid", label="Oldest invoice overdue for", format="days", category="pay"),
    caps=(
        Cap(id="churn", when="unpaid > 30", at_most="red", reason="Invoice overdue for more than 30 days"),
    ),
)


def explained(model: ScoringModel, *rows: dict[str, Any], **lengths: int) -> list[Explanation]:
    return list(explain(scored(model, *rows, detail=True), signal_frame(model, *rows), model, **lengths))


def test_the_sentence_of_a_trend_names_both_numbers_and_what_it_costs() -> None:
    row = {"wau": 27 / 41 - 1, "wau.prior": 41.0, "logins": 100, "urgent": 100, "unpaid": 0}

    (reason,) = explained(MODEL, row)

    sentence = next(item.sentence for item in reason.rows if item.id == "wau")
    assert sentence == "Weekly active users 41 → 27 (−34 % vs prior 14 d): −10.1"


def test_rows_start_at_100_and_add_up_to_the_score() -> None:
    row = {"wau": 0.0, "wau.prior": 10.0, "logins": 33.3, "urgent": 70, "unpaid": 6.66}

    free, capped = explained(MODEL, row, {**row, "unpaid": 66.6})

    ids = ["start", "logins", "unpaid", "urgent", "wau"]
    assert [item.id for item in free.rows] == [*ids, "rounding"]
    assert [item.id for item in capped.rows] == [*ids, "churn"]
    assert sum(item.points for item in free.rows) == free.score == Decimal(46)
    assert sum(item.points for item in capped.rows) == capped.score == Decimal(49)


def test_the_three_biggest_drags_and_drivers_are_shown_in_order_ties_by_id() -> None:
    model = a_model(*(a_signal(name) for name in "edcbaf"))

    (reason,) = explained(model, {"a": 20, "b": 20, "c": 90, "d": 20, "e": 20, "f": 95})

    assert [item.id for item in reason.drags] == ["a", "b", "d"]
    assert [item.id for item in reason.drivers] == ["f", "c"]
    assert reason.drivers[0].sentence == "F 95: +5.8"
    assert reason.short == "A 20: −13.3; B 20: −13.3; D 20: −13.3"


def test_a_cap_comes_first_because_it_decides() -> None:
    (reason,) = explained(MODEL, {"wau": 0.2, "wau.prior": 10.0, "logins": 90, "urgent": 95, "unpaid": 40})

    assert reason.short.startswith("Invoice overdue for more than 30 days: −")
    assert [item.id for item in reason.caps] == ["churn"]


def test_the_basis_stays_when_numbers_move_and_changes_with_the_reasons() -> None:
    model = a_model(
        *(a_signal(name) for name in "abcd"),
        caps=(Cap(id="low", when="a < 30", at_most="red", reason="Low"),),
    )

    first, moved, mended, capped = explained(
        model,
        {"a": 40, "b": 90, "c": 50, "d": 100},
        {"a": 45, "b": 95, "c": 40, "d": 100},
        {"a": 45, "b": 100, "c": 40, "d": 100},
        {"a": 20, "b": 95, "c": 100, "d": 100},
    )

    assert first.basis == moved.basis == ("drag:a", "drag:b", "drag:c", "driver:b", "driver:d")
    assert first.short != moved.short
    assert mended.basis == ("drag:a", "drag:c", "driver:b", "driver:d")
    assert capped.basis == ("cap:low", "drag:a", "drag:b", "driver:b", "driver:c", "driver:d")


def test_an_unknown_account_says_what_is_missing_instead_of_a_number() -> None:
    row = {
        "wau": None,
        "logins": 50,
        "logins.age_days": 40.5,
        "urgent": 3,
        "urgent.state": "source_down",
        "urgent.down_days": 9.2,
        "urgent.age_days": 9.2,
        "unpaid": None,
        "unpaid.state": "invalid",
    }

    (reason,) = explained(MODEL, row)

    assert reason.score is None
    assert reason.rows == ()
    assert reason.gaps == (
        "Active days: too old (40 d)",
        "Oldest invoice overdue for: unusable value",
        "Open urgent tickets: source down for 9 d",
        "Weekly active users: no data",
    )
    assert reason.short.startswith("Not enough data; Active days: too old (40 d)")
    assert reason.basis == ("gap:logins", "gap:unpaid", "gap:urgent", "gap:wau")


def test_what_does_not_apply_is_no_gap() -> None:
    row = {
        "wau": None,
        "wau.state": "not_mature",
        "logins": 50,
        "urgent": None,
        "urgent.state": "not_applicable",
    }

    (reason,) = explained(MODEL, {**row, "unpaid": 50})

    assert reason.gaps == ()


def test_a_held_value_says_how_old_it_is() -> None:
    row = {"logins": 50, "logins.state": "source_down", "logins.down_days": 3.2, "logins.age_days": 3.2}

    (reason,) = explained(a_model(a_signal("logins", label="Active days")), row)

    assert reason.short == "Active days 50, 3 d old: −50.0"


def test_what_stands_in_for_missing_data_is_not_passed_off_as_a_value() -> None:
    (reason,) = explained(
        a_model(a_signal("nps", label="NPS", on_no_data=40.0), min_coverage=0), {"nps": None}
    )

    assert reason.short == "NPS: no data: −60.0"


def test_a_perfect_account_has_something_to_say_too() -> None:
    (reason,) = explained(a_model(a_signal("a", label="Logins")), {"a": 100})

    assert reason.short == "Nothing takes points off"
    assert reason.long.splitlines() == [
        "Score 100, green.",
        "Speaks for the account (against a neutral 60):",
        "- Logins 100: +40.0",
    ]


@pytest.mark.parametrize("length", [20, 60, 80, 255])
def test_the_short_text_fits_and_drops_whole_sentences(length: int) -> None:
    row = {"wau": -0.4, "wau.prior": 1250.0, "logins": 10, "urgent": 20, "unpaid": 0}

    (whole,) = explained(MODEL, row)
    (reason,) = explained(MODEL, row, short_length=length, long_length=length)

    assert len(reason.short) <= length
    assert len(reason.long) <= length
    assert reason.short.endswith("…") or whole.short.startswith(reason.short)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab −;.", max_size=60), st.integers(1, 70))
def test_shortening_never_cuts_a_word(text: str, length: int) -> None:
    result = fitted(text, length)

    assert len(result) <= length
    if result != text and " " in text[: length - 1].strip(" ;,:"):
        kept = result.removesuffix("…").split(" ")
        assert text.split(" ")[: len(kept) - 1] == kept[:-1]


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
    assert signed(Decimal("-9.15")) == "−9.2"
    assert signed(Decimal("-0.04")) == "0.0"


def test_explaining_a_few_of_many_gives_the_same_texts() -> None:
    rows = [
        {
            "account_id": str(n),
            "wau": n / 50 - 1,
            "wau.prior": 10.0,
            "logins": n,
            "urgent": 100 - n,
            "unpaid": n,
        }
        for n in range(50)
    ]
    frame, signals = scored(MODEL, *rows, detail=True), signal_frame(MODEL, *rows)

    everyone = explain(frame, signals, MODEL)
    some = explain(frame[10:13], signals, MODEL)

    assert list(some) == list(everyone[10:13])
    assert all(sum(i.points for i in one.rows) == one.score for one in everyone if one.score is not None)
