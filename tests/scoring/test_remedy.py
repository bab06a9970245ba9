"""What would bring an account back: golden examples by hand, and the smallest of all single changes by brute force."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any, Literal

import polars as pl
import pytest

from scoring.curves import ByTenure, Linear, Map, Piecewise, Steps, TenureBucket
from scoring.definition import Hierarchy, ScoringModel, Signal
from scoring.remedy import Remedy, remedies
from scoring.rules import Cap, Pulse
from tests.scoring.builders import NOW, a_model, a_signal, scored
from tests.scoring.sides import a_side, memory

DAY = timedelta(days=1)
Target = Literal["yellow", "green"]


def said(model: ScoringModel, row: dict[str, Any], target: Target, **fields: Any) -> list[str]:
    return [one.sentence for one in remedies(a_side(model, row, fields=fields), target)]


def test_the_smallest_change_of_one_signal_is_enough() -> None:
    model = a_model(a_signal("users", weight=3), a_signal("logins"))

    (found,) = remedies(a_side(model, {"users": 27, "logins": 60}), "yellow")

    # (3 · 27 + 60) / 4 = 35.25; 54 are 4 above the cut: 53.5 and more are published as 54
    assert found.sentence == "To yellow: Users from 27 to 52"
    assert found.score == 54
    assert found.points == 25
    assert found.only_once == ()
    assert [(move.signal_id, move.before, move.after) for move in found.moves] == [("users", 27, 52)]


def test_what_moves_fewest_points_comes_first() -> None:
    urgent = a_signal("urgent", metric="tickets.open", normalise=Linear(bad=4, good=0))
    model = a_model(a_signal("users"), urgent)

    # (40 + 25) / 2; users would need 82 points, urgent 67, which is one ticket with 75
    assert said(model, {"users": 40, "urgent": 3}, "yellow") == [
        "To yellow: Users from 40 to 82",
        "To yellow: Urgent from 3 to 1",
    ]


def test_a_trend_is_given_as_the_level_it_leads_to() -> None:
    seed = Piecewise(knots=((-0.5, 0), (-0.3, 50), (-0.1, 80), (0.0, 90), (0.2, 100)))
    users = a_signal("wau", label="Weekly active users", kind="trend", window=14 * DAY, normalise=seed)

    # 53.5 points are at −0.3 + 3.5 / 150 = −27.67 %, 29.66 of 41
    assert said(a_model(users), {"wau": 27 / 41 - 1, "wau.prior": 41.0}, "yellow") == [
        "To yellow: Weekly active users from 27 to 29.7"
    ]


def test_two_signals_are_moved_where_one_is_not_enough() -> None:
    model = a_model(a_signal("a", weight=2), a_signal("b"), a_signal("c"))

    # all of a makes 50; 14 points of another make 53.5
    assert said(model, {"a": 0, "b": 0, "c": 0}, "yellow") == [
        "To yellow: A from 0 to 100 and B from 0 to 14",
        "To yellow: A from 0 to 100 and C from 0 to 14",
    ]
    assert said(model, {"a": 0, "b": 0, "c": 0}, "green") == []


def test_an_account_that_is_there_needs_nothing_and_an_unknown_one_gets_nothing() -> None:
    model = a_model(a_signal("a"))

    assert said(model, {"a": 54}, "yellow") == []
    assert said(model, {"a": None}, "yellow") == []


def test_who_is_about_to_leave_a_band_needs_no_margin_to_stay() -> None:
    model = a_model(a_signal("a"))
    green = memory(a_side(model, {"a": 80}))

    falling = a_side(model, {"a": 70}, as_of=NOW + DAY / 4, previous=green)

    assert [one.sentence for one in remedies(falling, "green")] == ["To green: A from 70 to 75"]
    assert said(model, {"a": 70}, "green") == ["To green: A from 70 to 79"]


def test_a_cap_that_stands_against_it_is_named() -> None:
    late = Cap(id="late", when="account.overdue > 30", at_most="red", reason="Invoice overdue")
    model = a_model(a_signal("a"), caps=(late,))

    assert said(model, {"a": 80}, "yellow", overdue=31.0) == [
        "To yellow: only once “Invoice overdue” is over"
    ]
    assert said(model, {"a": 40}, "yellow", overdue=31.0) == [
        "To yellow: A from 40 to 54, only once “Invoice overdue” is over"
    ]
    assert said(model, {"a": 40}, "yellow", overdue=30.0) == ["To yellow: A from 40 to 54"]


def test_a_cap_that_a_signal_holds_is_left_by_moving_it() -> None:
    urgent = a_signal("urgent", metric="tickets.open", weight=0)
    model = a_model(
        a_signal("users"),
        urgent,
        caps=(Cap(id="many", when="urgent > 2", at_most="red", reason="Many urgent tickets"),),
    )

    assert said(model, {"users": 80, "urgent": 5}, "yellow") == ["To yellow: Urgent from 5 to 2"]
    assert said(model, {"users": 40, "urgent": 5}, "yellow") == [
        "To yellow: Urgent from 5 to 2 and Users from 40 to 54"
    ]


def test_a_cap_that_goes_on_for_a_while_must_be_over_first() -> None:
    urgent = a_signal("urgent", metric="tickets.open", weight=0)
    many = Cap(id="many", when="urgent > 2", hold=3 * DAY, at_most="red", reason="Many urgent tickets")
    model = a_model(a_signal("users"), urgent, caps=(many,))
    before = memory(a_side(model, {"users": 80, "urgent": 5}))

    mended = a_side(model, {"users": 80, "urgent": 0}, as_of=NOW + DAY, previous=before)

    assert [one.sentence for one in remedies(mended, "yellow")] == [
        "To yellow: only once “Many urgent tickets” is over"
    ]


def test_what_is_set_by_hand_stands_against_everything() -> None:
    by_hand = {"override": "red", "override_reason": "they left", "override_until": date(2026, 3, 9)}

    assert said(a_model(a_signal("a")), {"a": 40}, "yellow", **by_hand) == [
        "To yellow: A from 40 to 54, only once it is no longer set to red by hand (until 2026-03-09)"
    ]


def test_a_severe_pulse_stands_against_it_and_a_mild_one_only_counts() -> None:
    model = a_model(a_signal("a"), pulse=Pulse(severe=20.0))
    note = {"pulse_on": date(2026, 3, 1), "pulse_note": "they are angry"}

    # three quarters of 65 and a quarter of 20 are 53.75; of 72 and 0 they are 54
    assert said(model, {"a": 40}, "yellow", pulse="20", **note) == [
        "To yellow: A from 40 to 65, only once the severe pulse is over"
    ]
    assert said(model, {"a": 40}, "yellow", pulse="21", **note) == ["To yellow: A from 40 to 65"]


def test_a_word_moves_with_everything_that_looks_at_it() -> None:
    plan = a_signal(
        "plan",
        label="Plan",
        metric="account.plan",
        normalise=Map(values={"free": 40, "basic": 60, "pro": 90}),
    )
    model = a_model(
        plan, caps=(Cap(id="low", when="account.plan <> 'pro'", at_most=55.0, reason="Not on pro"),)
    )
    row = {"plan": 40, "plan.text": "free"}

    assert said(model, row, "yellow", plan="free") == ["To yellow: Plan from “free” to “basic”"]
    assert said(model, row, "green", plan="free") == ["To green: Plan from “free” to “pro”"]


def test_values_are_as_round_as_they_are_written() -> None:
    share = a_signal("weeks", kind="active_weeks", window=28 * DAY, normalise=Linear(bad=0, good=1))
    part = a_signal("part", format="percent", normalise=Linear(bad=0, good=1))
    money = a_signal("money", normalise=Linear(bad=1000, good=200_000, scale="log"))
    stepped = a_signal("stepped", normalise=Steps(below=10, steps=((3.5, 60), (7, 90))))

    assert said(a_model(share), {"weeks": 0.25}, "yellow") == [
        "To yellow: Weeks from 1 of 4 weeks to 3 of 4 weeks"
    ]
    assert said(a_model(part), {"part": 0.2}, "yellow") == ["To yellow: Part from 20 % to 54 %"]
    # 53.5 points are at 17,038
    assert said(a_model(money), {"money": 2000}, "yellow") == ["To yellow: Money from 2,000 to 18,000"]
    assert said(a_model(stepped), {"stepped": 1}, "yellow") == ["To yellow: Stepped from 1 to 3.5"]


def test_the_curve_of_its_age_counts() -> None:
    curve = ByTenure(
        buckets=(
            TenureBucket(below=90 * DAY, curve=Linear(bad=0, good=20)),
            TenureBucket(curve=Linear(bad=0, good=100)),
        )
    )
    model = a_model(a_signal("a", normalise=curve))

    assert said(model, {"a": 2}, "yellow", created_on=date(2026, 2, 1)) == ["To yellow: A from 2 to 10.8"]
    assert said(model, {"a": 2}, "yellow", created_on=date(2025, 2, 1)) == ["To yellow: A from 2 to 54"]


def test_nobody_is_asked_to_move_the_calendar_or_what_is_not_known() -> None:
    model = a_model(
        a_signal("a"),
        a_signal("renewal", metric="account.renewal_on", weight=9),
        a_signal("term", metric="subscriptions.days_to_renewal", weight=9),
        a_signal("nps", on_no_data=0.0, weight=9),
    )

    assert (
        said(model, {"a": 10, "renewal": 20, "term": 20, "nps": None}, "yellow", renewal_on=NOW.date()) == []
    )


def test_a_parent_gets_none_for_its_score_comes_from_beneath() -> None:
    model = a_model(a_signal("a"), hierarchy=Hierarchy(mode="min"))
    side = a_side(model, {"a": 20}, fields={"parent": ""})
    below = a_side(model, {"account_id": "B", "a": 10}, fields={"parent": "A"})
    below = replace(below, accounts=below.accounts.with_columns(account_id=pl.lit("B")), account_id="B")
    family = replace(
        side,
        signals=pl.concat([side.signals, below.signals]),
        accounts=pl.concat([side.accounts, below.accounts]),
    )

    assert remedies(family, "yellow") == []
    assert [one.sentence for one in remedies(replace(family, account_id="B"), "yellow")] == [
        "To yellow: A from 10 to 54"
    ]


@pytest.mark.parametrize("seed", range(12))
def test_no_single_change_on_a_grid_is_smaller(seed: int) -> None:
    chance = Random(seed)
    model = random_model(chance)
    row = {signal.id: float(chance.randrange(0, 101)) for signal in model.signals}
    target: Target = chance.choice(("yellow", "green"))
    now = scored(model, row)
    need = model.cut(target) // 10_000
    if {"red": 0, "yellow": 1, "green": 2}[now["band"][0]] < {"yellow": 1, "green": 2}[target]:
        need += 4

    found = {
        one.moves[0].signal_id: one for one in remedies(a_side(model, row), target, most=9) if is_single(one)
    }

    smallest = (
        {}
        if now["score"][0] >= need
        else {
            signal.id: best
            for signal in model.signals
            if (best := by_brute_force(model, row, signal, need)) is not None
        }
    )
    assert {name: round(one.points, 6) for name, one in found.items()} == smallest
    for name, one in found.items():
        assert scored(model, {**row, name: one.moves[0].after})["score"][0] == one.score >= need


def is_single(found: Remedy) -> bool:
    return len(found.moves) == 1 and not found.only_once


def by_brute_force(model: ScoringModel, row: dict[str, float], signal: Signal, need: int) -> float | None:
    """Try every whole number."""
    tried = [{**row, "account_id": str(n), signal.id: float(n)} for n in range(-3, 104)]
    frame = scored(model, *tried, detail=True)
    was = scored(model, row, detail=True)[f"{signal.id}.score"][0]
    moves = [
        round(abs(points - was), 6)
        for score, points in frame.select("score", f"{signal.id}.score").iter_rows()
        if score >= need
    ]
    return min(moves, default=None)


def random_model(chance: Random) -> ScoringModel:
    """Draw a model of signals that are whole numbers."""
    curves = (
        Linear(bad=0, good=100),
        Linear(bad=90, good=10),
        Linear(bad=0, good=100, scale="log"),
        Piecewise(knots=((0, 20), (40, 90), (70, 100), (100, 30))),
        Steps(below=0, steps=((20, 50), (50, 80), (80, 100))),
    )
    signals = [
        a_signal(
            name, metric="tickets.open", weight=chance.choice((1, 2, 5)), normalise=chance.choice(curves)
        )
        for name in "abcd"[: chance.randrange(1, 5)]
    ]
    edge = chance.choice((30, 50, 70))
    cap = Cap(
        id="c", when=f"a {chance.choice('<>')} {edge}", at_most=chance.choice(("red", "yellow")), reason="C"
    )
    return a_model(*signals, caps=(cap,) if chance.random() < 0.6 else ())
