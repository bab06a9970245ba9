"""Why a score changed: golden examples by hand, and an exact sum on random pairs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import polars as pl
import pytest

from scoring.change import Change, change, compared
from scoring.curves import Linear, Map
from scoring.definition import Category, Hierarchy, Profile, Renewal, ScoringModel
from scoring.rules import Cap, PointsRule
from scoring.steps import End, end, walk
from tests.scoring.builders import NOW, a_model, a_signal
from tests.scoring.reference import worlds
from tests.scoring.sides import a_side, lived, memory

DAY = timedelta(days=1)
SHOP = a_model(
    a_signal("users", category="usage", weight=3),
    a_signal("days", category="usage"),
    a_signal("urgent", category="support", normalise=Linear(bad=4, good=0)),
    categories=(
        Category(id="usage", label="Usage", weight=60),
        Category(id="support", label="Support", weight=40),
    ),
)


def rows(found: Change) -> list[tuple[str, str]]:
    return [(row.id, str(row.points)) for row in found.rows]


def test_behaviour_and_weight_are_told_apart() -> None:
    before = a_side(SHOP, {"users": 80, "days": 50, "urgent": 0})
    after = a_side(SHOP, {"users": 60, "days": 50, "urgent": None}, as_of=NOW + DAY)

    found = change(before, after)

    # 0.45 · 80 + 0.15 · 50 + 0.4 · 100 = 83.5, then 0.75 · 60 + 0.25 · 50 = 57.5; R = 70.5
    # users: 0.6 · −20; weights: 0.3 · −0.5, 0.1 · −20.5 and −0.4 · 29.5
    assert rows(found) == [("behaviour.users", "-12"), ("coverage.urgent", "-14")]
    assert found.text == "84 → 58: Urgent no longer counts (no data): −14.0; Users 80 → 60: −12.0"
    split = {one.id: (round(one.behaviour, 9), round(one.weight["coverage"], 9)) for one in found.signals}
    assert split == {"users": (-12, -0.15), "days": (0, -2.05), "urgent": (0, -11.8)}
    assert found.points == -26


def test_each_signal_that_counts_otherwise_has_its_share_by_itself() -> None:
    model = replace(SHOP, min_coverage=0.0)
    before = a_side(model, {"users": 80, "days": 50, "urgent": None})
    after = a_side(model, {"users": None, "days": 50, "urgent": 3}, as_of=NOW + DAY)

    found = change(before, after)

    # 72.5; then urgent counts as well: 43.5 + 10 = 53.5; then usage no longer does, with a quarter of its weight
    # (0.25 < 0.5): 25. R = 48.75: urgent first, by its id
    assert rows(found) == [("coverage.urgent", "-19"), ("coverage.users", "-28.5"), ("rounding", "-0.5")]
    assert found.text == ("73 → 25: Users no longer counts (no data): −28.5; Urgent counts now: −19.0")


def test_near_renewal_is_a_weight() -> None:
    model = a_model(
        a_signal("use", category="usage"),
        a_signal("terms", category="contract"),
        categories=(
            Category(id="usage", label="Usage", weight=60),
            Category(id="contract", label="Contract", weight=40),
        ),
        renewal=Renewal(boost={"contract": 1.0}),
    )
    fields = {"renewal_on": NOW.date() + 120 * DAY}
    before = a_side(model, {"use": 90, "terms": 30}, fields=fields)
    after = a_side(model, {"use": 90, "terms": 30}, fields=fields, as_of=NOW + 90 * DAY)

    found = change(before, after)

    # 0.6 · 90 + 0.4 · 30 = 66, then (0.6 · 90 + 0.8 · 30) / 1.4 = 55.7142857
    assert rows(found) == [("renewal", "-10.2857"), ("rounding", "0.2857")]
    assert found.text == "66 → 56: Renewal nears (120 → 30 d): −10.3"


def test_old_data_is_a_weight() -> None:
    model = a_model(a_signal("a"), a_signal("b"))
    before = a_side(model, {"a": 100, "b": 40})
    after = a_side(model, {"a": 100, "a.age_days": 9.0, "b": 40}, as_of=NOW + DAY)

    found = change(before, after)

    # seven days over two: half the weight, so 70 becomes (50 + 40) / 1.5
    assert rows(found) == [("freshness", "-10")]
    assert found.text == "70 → 60: Older or newer data (A): −10.0"


def test_another_model_comes_first() -> None:
    model = a_model(a_signal("a"), a_signal("b"))
    heavy = replace(
        model, version="two", signals=(a_signal("a", weight=3), a_signal("b"), a_signal("c", weight=4))
    )
    before = a_side(model, {"a": 100, "b": 40})
    after = a_side(heavy, {"a": 80, "b": 40, "c": 70}, as_of=NOW + DAY)

    found = change(before, after)

    # 70; a weighs 3/8 instead of 1/2 and falls by 20; now it is (240 + 40 + 280) / 8 = 70
    # −20 · 0.4375 = −8.75; the weights: −0.125 · 20, −0.375 · −30 and 0.5 · 0
    assert rows(found) == [("behaviour.a", "-8.75"), ("model", "8.75")]
    assert found.text == "70 → 70: A 100 → 80: −8.8; Another model “test” → “two”: +8.8"


def profiled() -> ScoringModel:
    return a_model(
        a_signal("a", category="one"),
        a_signal("b", category="two"),
        profiles=(Profile(id="big", label="Large", when="account.segment = 'big'", weights={"one": 3}),),
    )


def test_weights_that_pass_over_are_told_from_another_profile() -> None:
    model, row = profiled(), {"a": 100, "b": 0}
    small = a_side(model, row, fields={"segment": "small"})
    switched = a_side(model, row, fields={"segment": "big"}, as_of=NOW + DAY, previous=memory(small))
    half = a_side(model, row, fields={"segment": "big"}, as_of=NOW + 8 * DAY, previous=memory(switched))
    anew = a_side(model, row, fields={"segment": "big"}, as_of=NOW + DAY)

    # one of two, then half of the way to three of four
    assert rows(change(small, switched)) == []
    assert change(small, switched).text == "50 → 50: nothing of note"
    assert rows(change(switched, half)) == [("profile", "12.5"), ("rounding", "0.5")]
    assert change(switched, half).text == "50 → 63: Weights pass over to those of “Large”: +12.5"
    assert change(small, anew).text == "50 → 75: Judged as “Large” instead of all others: +25.0"


def test_every_other_row_is_compared_with_itself() -> None:
    model = a_model(
        a_signal("a"),
        points=(
            PointsRule(
                id="p", reason="Praise", metric="surveys", when="score > 8", points=5, expires=30 * DAY
            ),
        ),
        caps=(
            Cap(id="late", when="account.overdue > 30", at_most=45.0, reason="Invoice overdue"),
            Cap(id="gone", when="account.overdue > 90", at_most=30.0, reason="Nobody pays"),
        ),
    )
    before = a_side(model, {"a": 60, "events.p": 4.0}, fields={"overdue": 31.0})
    after = a_side(
        model,
        {"a": 60, "events.p": 1.0},
        as_of=NOW + DAY,
        fields={
            "overdue": 91.0,
            "pulse": "80",
            "pulse_on": date(2026, 3, 1),
            "pulse_note": "all well",
            "override": "yellow",
            "override_reason": "they promised",
            "override_until": date(2026, 3, 9),
        },
    )

    found = change(before, after)

    # 64 capped to 45; then 61, of which the pulse makes 65.75, capped to 30, by hand 50
    assert rows(found) == [
        ("events.p", "-3"),
        ("pulse", "4.75"),
        ("cap.gone", "-35.75"),
        ("cap.late", "19"),
        ("override", "20"),
    ]
    assert found.text == (
        "45 → 50: Nobody pays: −35.8; Set to yellow by hand until 2026-03-09: they promised: +20.0; "
        "“Invoice overdue” is over: +19.0; Pulse 80 of 100 on 2026-03-01: all well: +4.8; "
        "Praise +4.0 → +1.0: −3.0"
    )


def test_words_and_curves_that_change_are_told() -> None:
    plan = a_signal(
        "plan", label="Plan", metric="account.plan", normalise=Map(values={"pro": 90, "free": 10})
    )
    model = a_model(plan, a_signal("a", label="Logins"))
    bent = replace(model, signals=(plan, replace(model.signals[1], normalise=Linear(bad=0, good=50))))
    before = a_side(model, {"plan": 90, "plan.text": "pro", "a": 40})
    after = a_side(bent, {"plan": 10, "plan.text": "free", "a": 40}, as_of=NOW + DAY)

    found = change(before, after)

    assert found.text == (
        "65 → 45: Plan “pro” → “free”: −40.0; Logins 40, worth 80 instead of 40 of 100: +20.0"
    )


def test_what_stands_in_for_missing_data_is_no_value() -> None:
    model = a_model(a_signal("nps", label="NPS", on_no_data=40.0), a_signal("a"))
    before = a_side(model, {"nps": 90, "a": 50})
    after = a_side(model, {"nps": None, "a": 50}, as_of=NOW + DAY)

    assert change(before, after).text == "70 → 45: NPS 90 → no data: −25.0"


def test_without_a_score_on_both_sides_there_is_no_split() -> None:
    model = a_model(a_signal("a"))
    known, unknown = a_side(model, {"a": 50}), a_side(model, {"a": None}, as_of=NOW + DAY)

    fell, rose, never = change(known, unknown), change(unknown, known), change(unknown, unknown)

    assert (fell.before, fell.after, fell.rows, fell.points) == (Decimal(50), None, (), None)
    assert fell.text == "It was 50; now there is no score"
    assert rose.text == "There was no score before; now it is 50"
    assert never.text == "There was no score, and there is none"


def test_a_parent_changes_with_the_accounts_beneath_it() -> None:
    model = a_model(a_signal("a"), hierarchy=Hierarchy(mode="min"))
    top, low = a_side(model, {"a": 80}), a_side(model, {"account_id": "B", "a": 70})
    book = pl.DataFrame({"account_id": ["A", "B"], "parent": [None, "A"]})

    def family(lowest: float) -> Change:
        beneath = low.signals.with_columns(pl.lit(lowest).alias("a.value"))
        both = replace(top, signals=pl.concat([top.signals, beneath]), accounts=book)
        first = replace(top, signals=pl.concat([top.signals, low.signals]), accounts=book)
        return change(first, replace(both, as_of=NOW + DAY))

    assert rows(family(45.0)) == [("family", "-25")]
    assert family(45.0).text == "70 → 45: Accounts beneath −10.0 → −35.0: −25.0"
    assert family(90.0).text == "70 → 80: Accounts beneath no longer count: +10.0"


@pytest.mark.parametrize("seed", range(18))
def test_rows_add_up_exactly_on_random_pairs_and_the_walk_ends_where_the_score_does(seed: int) -> None:
    for then, now in pairs(seed):
        found = compared(then, now)

        assert found.points is not None
        assert sum((row.points for row in found.rows), Decimal(0)) == found.points
        assert all(row.points for row in found.rows)
        if found.signals:
            moved = composite(now) - composite(then)
            assert abs(sum(one.total for one in found.signals) - moved) <= 1e-9
            *_, last, renewed = walk(then, now)
            if then.row["near"] == now.row["near"]:
                assert last.weights == pytest.approx(renewed.weights, abs=1e-12)


def pairs(seed: int) -> Iterator[tuple[End, End]]:
    """Take two accounts of a random world, as they were in consecutive runs; some under another model or profile."""
    first, second = lived(seed, accounts=60, runs=2)
    known = {
        name for name, score in first.scored.select("account_id", "score").iter_rows() if score is not None
    }
    names = [name for name in second.scored.drop_nulls("score")["account_id"] if name in known]
    for name in names[:2]:
        after = second.side(name)
        if seed % 3 == 0:
            after = replace(after, model=worlds.changed(Random(seed), second.model), previous=None)
        if seed % 3 == 1 and "segment" in after.accounts.columns:
            other = pl.lit("small" if after.book["segment"] == "large" else "large").alias("segment")
            after = replace(after, accounts=after.accounts.with_columns(other), previous=None)
        now = end(after)
        if now.row["score_units"] is not None:
            yield end(first.side(name)), now


def composite(one: End) -> float:
    value = one.row["composite"]
    assert isinstance(value, float)
    return value
