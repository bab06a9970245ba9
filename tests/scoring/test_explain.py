"""Reasons: ledger rows that add up, sentences for each of them, texts that fit their fields."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.curves import Piecewise
from scoring.definition import Hierarchy, ScoringModel
from scoring.explain import Explanation, explain
from scoring.frames import COHORT_SCHEMA
from scoring.rules import Cap, Floor, PointsRule, Pulse
from scoring.words import fitted
from tests.scoring.builders import NOW, a_model, a_signal, scored, signal_frame
from tests.scoring.sides import a_side, memory, told

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


def explained(
    model: ScoringModel, *rows: dict[str, Any], short_length: int = 255, long_length: int = 4000
) -> list[Explanation]:
    frame = scored(model, *rows, detail=True)
    seen = signal_frame(model, *rows)
    return list(explain(frame, seen, model, short_length=short_length, long_length=long_length))


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
    assert [item.id for item in capped.rows] == [*ids, "cap.churn"]
    assert sum(item.points for item in free.rows) == free.score == Decimal(46)
    assert sum(item.points for item in capped.rows) == capped.score == Decimal(49)


def test_the_three_biggest_drags_and_drivers_are_shown_in_order_ties_by_id() -> None:
    model = a_model(*(a_signal(name) for name in "edcbaf"))

    (reason,) = explained(model, {"a": 20, "b": 20, "c": 90, "d": 20, "e": 20, "f": 95})

    assert [item.id for item in reason.drags] == ["a", "b", "d"]
    assert [item.id for item in reason.drivers] == ["f", "c"]
    assert reason.drivers[0].sentence == "F 95: +5.8 (against 60, neutral)"
    assert reason.short == "A 20: −13.3; B 20: −13.3; D 20: −13.3"


def test_a_cap_comes_first_because_it_decides() -> None:
    (reason,) = explained(MODEL, {"wau": 0.2, "wau.prior": 10.0, "logins": 90, "urgent": 95, "unpaid": 40})

    assert reason.short.startswith("Invoice overdue for more than 30 days: −")
    assert [item.id for item in reason.caps] == ["cap.churn"]


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

    assert first.basis == moved.basis == ("drag:a", "drag:b", "drag:c", "driver:d")
    assert first.short != moved.short
    assert mended.basis == ("drag:a", "drag:c", "driver:b", "driver:d")
    assert capped.basis == ("cap:low", "drag:a", "drag:b", "driver:c", "driver:d")


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
        "Speaks for the account:",
        "- Logins 100: +40.0 (against 60, neutral)",
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


def cohort(*rows: tuple[str, str, int, float]) -> pl.DataFrame:
    """Medians of points: (signal, segment, n, median)."""
    frame = pl.DataFrame(rows, schema=["signal", "segment", "n", "reference"], orient="row")
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in COHORT_SCHEMA.items()
    )


def test_drivers_are_measured_against_the_median_of_the_segment_else_of_all_else_neutral() -> None:
    model = a_model(*(a_signal(name) for name in "abcd"))
    frozen = cohort(
        ("a", "Enterprise", 20, 70), ("a", "", 400, 10), ("b", "Enterprise", 19, 0), ("b", "", 400, 50)
    )
    side = a_side(model, {"a": 90, "b": 90, "c": 90, "d": 0}, fields={"segment": "Enterprise"}, cohort=frozen)

    reason = told(side)

    # a, b and c all cost 2.5, and two of them stand among the three drags
    assert [item.id for item in reason.drags] == ["d", "a", "b"]
    assert [item.sentence for item in reason.drivers] == ["C 90: +7.5 (against 60, neutral)"]


def test_the_words_of_a_driver_say_against_what() -> None:
    model = a_model(*(a_signal(name) for name in "abc"))
    frozen = cohort(("a", "Enterprise", 20, 70), ("b", "", 400, 50.5))
    side = a_side(model, {"a": 100, "b": 100, "c": 100}, fields={"segment": "Enterprise"}, cohort=frozen)

    reason = told(side)

    assert [item.sentence for item in reason.drivers] == [
        "B 100: +16.5 (against 50.5, the median of all)",
        "C 100: +13.3 (against 60, neutral)",
        "A 100: +10.0 (against 70, the median of Enterprise)",
    ]


def test_a_signal_that_drags_never_speaks_for_the_account() -> None:
    (reason,) = explained(a_model(a_signal("a"), a_signal("b")), {"a": 90, "b": 100})

    assert [item.id for item in reason.drags] == ["a"]
    assert [item.id for item in reason.drivers] == ["b"]


EVERYTHING = a_model(
    a_signal("a"),
    points=(
        PointsRule(
            id="praise", reason="Praise", metric="surveys", when="score > 8", points=5, expires=30 * DAY
        ),
        PointsRule(
            id="visit", reason="Visits", metric="usage.v", when="value > 1", points=9, expires=30 * DAY
        ),
    ),
    pulse=Pulse(severe=5.0, scale={"bad": 10.0, "awful": 0.0}),
    floors=(Floor(id="vip", when="account.tier = 'gold'", at_least=40.0, reason="Gold customers"),),
    caps=(Cap(id="late", when="account.overdue > 30", at_most=45.0, reason="Invoice overdue"),),
    quantum=0.5,
)
BY_HAND = {
    "pulse": "bad",
    "pulse_on": date(2026, 3, 1),
    "pulse_note": "sponsor\nleft",
    "pulse_author": "Kim",
    "override": "Yellow",
    "override_reason": "renewed early",
    "override_until": date(2026, 4, 1),
    "override_author": "Lee",
}


def test_every_step_has_a_row_and_they_add_up() -> None:
    row = {"a": 30.3, "events.praise": 5.0, "events.visit": 9.0}
    fields = {**BY_HAND, "tier": "gold", "overdue": 31.0}

    reason = told(a_side(EVERYTHING, row, fields=fields))

    # 30.3 + 14, of which 10 count, are 40.3; a pulse of 10 makes 0.75 · 40.3 + 0.25 · 10 of it; then floor 40
    # (it is below the cap), and by hand to 50
    assert [(item.id, item.points, item.sentence) for item in reason.rows] == [
        ("start", Decimal(100), "Start: 100"),
        ("a", Decimal("-69.7"), "A 30.3: −69.7"),
        ("events.praise", Decimal(5), "Praise: +5.0"),
        ("events.visit", Decimal(9), "Visits: +9.0"),
        ("events.limit", Decimal(-4), "Limit of all events together: −4.0"),
        ("pulse", Decimal("-7.575"), "Pulse 10 of 100 by Kim on 2026-03-01: sponsor left: −7.6"),
        ("floor.vip", Decimal("7.275"), "Gold customers: +7.3"),
        (
            "override",
            Decimal(10),
            "Set to yellow by hand by Lee until 2026-04-01: renewed early: +10.0",
        ),
    ]
    assert reason.score == sum(item.points for item in reason.rows) == 50
    assert reason.basis == (
        "drag:a",
        "event:praise",
        "event:visit",
        "floor:vip",
        "override",
        "pulse",
    )


def test_the_long_text_says_what_decides_before_what_costs() -> None:
    row = {"a": 88.3, "events.praise": 5.0, "events.visit": 0.0}
    fields = {"pulse": "awful", "pulse_on": date(2026, 3, 1), "pulse_note": "gone", "overdue": 31.0}

    reason = told(a_side(EVERYTHING, row, fields=fields))

    # 93.3 and a pulse of 0 make 69.975; the cap at 45 is stricter than that of the pulse at 49.5
    assert reason.long.splitlines() == [
        "Score 45, red.",
        "Capped by:",
        "- Invoice overdue: −25.0",
        "Counted with it:",
        "- Praise: +5.0",
        "- Pulse 0 of 100 on 2026-03-01: gone: −23.3",
        "Takes points off (of 100):",
        "- A 88.3: −11.7",
        "Did not count:",
        "- “Gold customers” cannot be judged",
    ]
    assert reason.short == "Invoice overdue: −25.0; Pulse 0 of 100 on 2026-03-01: gone: −23.3; A 88.3: −11.7"


def test_a_severe_pulse_keeps_the_score_in_red_and_says_so() -> None:
    row = {"a": 100, "events.praise": None, "events.visit": None}
    fields = {"pulse": "awful", "pulse_on": date(2026, 3, 1), "pulse_note": "gone", "tier": "silver"}

    reason = told(a_side(EVERYTHING, row, fields={**fields, "overdue": 0.0}))

    assert reason.score == Decimal("49.5")
    assert [item.sentence for item in reason.caps] == [
        "Pulse 0 of 100 on 2026-03-01: gone keeps it in red: −25.5"
    ]
    assert "pulse_cap" in reason.basis


def test_what_is_set_by_hand_is_named_even_where_it_moves_nothing() -> None:
    row = {"a": 60, "events.praise": None, "events.visit": None}
    fields = {name: value for name, value in BY_HAND.items() if name.startswith("override")}

    reason = told(
        a_side(EVERYTHING, row, fields={**fields, "override_author": "", "tier": "", "overdue": 0.0})
    )

    assert reason.score == 60
    assert reason.short == "Set to yellow by hand until 2026-04-01: renewed early: 0.0; A 60: −40.0"
    assert reason.basis == ("drag:a", "override")


def test_a_parent_says_what_the_accounts_beneath_make_of_it() -> None:
    model = a_model(a_signal("a"), hierarchy=Hierarchy(mode="min"))
    rows = [{"account_id": "top", "a": 71.2}, {"account_id": "low", "a": 34}]
    book = pl.DataFrame({"account_id": ["top", "low"], "parent": [None, "top"]})
    frame = scored(model, *rows, book=book, detail=True)

    parent, child = explain(frame, signal_frame(model, *rows), model, accounts=book)

    assert [item.sentence for item in parent.rows] == [
        "Start: 100",
        "A 71.2: −28.8",
        "Accounts beneath: the lowest is 34, its own is 71.2: −37.2",
    ]
    assert parent.score == child.score == 34
    assert parent.basis == ("drag:a", "family")
    assert parent.short == "Accounts beneath: the lowest is 34, its own is 71.2: −37.2; A 71.2: −28.8"


def test_a_held_value_stands_in_for_an_unusable_one_in_its_sentence() -> None:
    model = a_model(a_signal("seats", label="Seats", metric="account.seats"))
    before = a_side(model, {"seats": 40})
    bad = {"seats": None, "seats.state": "invalid"}

    reason = told(a_side(model, bad, as_of=NOW + 3 * DAY, previous=memory(before)))

    assert reason.score == 40
    assert reason.short == "Seats 40, 3 d old: −60.0"
    assert reason.notes == ("Seats: unusable value; last good one from 3 d ago",)
