"""What stands beside the ledger: what does not count and why, and what is odd about a score."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from scoring.contradiction import contradictions
from scoring.definition import Category, Hysteresis, Profile
from scoring.explain import Explanation
from scoring.rules import Cap, Floor
from tests.scoring.builders import NOW, a_model, a_signal
from tests.scoring.sides import a_side, memory, told

DAY = timedelta(days=1)
PULSE = {"pulse": "10", "pulse_on": date(2026, 3, 1), "pulse_note": "gone"}
OVERRIDE = {"override": "red", "override_reason": "they said so", "override_until": date(2026, 3, 9)}


def noted(fields: dict[str, Any]) -> Explanation:
    return told(a_side(a_model(a_signal("a")), {"a": 60}, fields=fields))


@pytest.mark.parametrize(
    "changes, item, text",
    [
        ({"pulse_note": ""}, "pulse:no_note", "Pulse does not count: no note"),
        ({"pulse_on": "?"}, "pulse:no_date", "Pulse does not count: no date"),
        (
            {"pulse": "so-so "},
            "pulse:not_understood",
            "Pulse does not count: “so-so” is not understood",
        ),
        (
            {"pulse_on": date(2026, 1, 2)},
            "pulse:expired",
            "Pulse does not count any more: it is of 2026-01-02",
        ),
    ],
)
def test_a_pulse_that_does_not_count_says_why(changes: dict[str, Any], item: str, text: str) -> None:
    reason = noted({**PULSE, **changes})

    assert reason.gaps == (text,)
    assert item in reason.basis
    assert text in reason.long


@pytest.mark.parametrize(
    "changes, item, text",
    [
        ({"override_reason": " "}, "no_note", "Set by hand, but does not count: no reason"),
        ({"override_until": "?"}, "no_date", "Set by hand, but does not count: no end"),
        (
            {"override_until": date(2026, 9, 1)},
            "too_long",
            "Set by hand, but does not count: its end 2026-09-01 is more than 90 d ahead",
        ),
        (
            {"override": "blue"},
            "not_understood",
            "Set by hand, but does not count: “blue” is not understood",
        ),
        ({"override_until": date(2026, 3, 2)}, "expired", "Set by hand until 2026-03-02: over"),
    ],
)
def test_an_override_that_does_not_count_says_why(changes: dict[str, Any], item: str, text: str) -> None:
    reason = noted({**OVERRIDE, **changes})

    assert reason.gaps == (text,)
    assert f"override:{item}" in reason.basis


def test_what_was_never_written_is_no_gap() -> None:
    assert noted({"segment": "x"}).gaps == ()


def test_a_rule_that_cannot_be_judged_says_what_it_lacks() -> None:
    model = a_model(
        a_signal("a"),
        a_signal("b", label="Open tickets", weight=0),
        caps=(
            Cap(id="one", when="b > 3", at_most="red", reason="Many tickets"),
            Cap(id="two", when="b > 3 and account.last_visit < -90", at_most="red", reason="Nobody there"),
        ),
        floors=(Floor(id="new", when="account.vip", at_least="yellow", reason="Known people"),),
    )

    reason = told(a_side(model, {"a": 60, "b": None}, fields={"vip": True}))

    assert reason.gaps == (
        "“Many tickets” cannot be judged: Open tickets is not known",
        "“Nobody there” cannot be judged: Open tickets is not known",
    )


def test_a_field_that_is_empty_is_named_as_what_a_rule_lacks() -> None:
    model = a_model(
        a_signal("a"),
        caps=(Cap(id="visit", when="account.last_visit_on < -90", at_most="red", reason="Nobody there"),),
    )
    side = a_side(model, {"a": 60}, fields={"last_visit_on": date(2026, 1, 1)})
    empty = side.accounts.with_columns(last_visit_on=None).cast(
        {"last_visit_on": side.accounts.schema["last_visit_on"]}
    )

    reason = told(replace(side, accounts=empty))

    assert reason.gaps == ("“Nobody there” cannot be judged: last visit on is not known",)


def test_a_value_that_is_held_for_a_source_that_is_down_is_noted() -> None:
    row = {"a": 60, "a.state": "source_down", "a.down_days": 3.4, "a.age_days": 3.4}

    reason = told(a_side(a_model(a_signal("a", label="Logins")), row))

    assert reason.notes == ("Logins: source down for 3 d, what it said last counts",)
    assert reason.basis == ("drag:a",)


def test_categories_that_contradict_each_other_are_named_with_their_scores() -> None:
    model = a_model(
        a_signal("a", category="usage", metric="tickets.open"),
        a_signal("b", category="usage", metric="tickets.opened", window=7 * DAY, weight=3),
        a_signal("c", category="help", metric="tickets.load"),
    )

    reason = told(a_side(model, {"a": 80, "b": 100, "c": 20}))

    assert reason.notes == ("Mixed signals: Usage 95, Help 20",)
    assert "mixed" in reason.basis


def test_promoters_who_do_not_use_it_are_a_contradiction() -> None:
    nps = a_signal("nps", label="NPS", metric="surveys.latest", where={"kind": "nps"}, category="voice")
    model = a_model(
        a_signal("logins", category="usage", weight=3),
        a_signal("depth", category="usage"),
        nps,
        categories=(
            Category(id="usage", label="Usage", weight=1),
            Category(id="voice", label="Voice", weight=1),
        ),
    )

    def named(**values: float) -> tuple[str, ...]:
        return tuple(item for item in told(a_side(model, values)).basis if item.startswith("contra"))

    # (3 · 40 + 39.8) / 4 = 39.95, and 40 with one more fifth
    reason = told(a_side(model, {"logins": 40, "depth": 39.8, "nps": 9}))

    assert reason.notes == ("Contradiction: NPS 9, but use is worth 40 of 100",)
    assert named(logins=40, depth=39.8, nps=9) == ("contradiction:nps",)
    assert named(logins=40, depth=40, nps=9) == ()
    assert named(logins=40, depth=39.8, nps=8.9) == ()


def test_ratings_contradict_from_80_points_on_and_signals_that_do_not_count_never() -> None:
    model = a_model(
        a_signal("logins"),
        a_signal("stars", label="Rating", metric="tickets.rating"),
        a_signal("nps", metric="account.nps"),
        min_coverage=0,
        min_category_coverage=0,
    )

    def found(row: dict[str, Any]) -> list[str]:
        side = a_side(model, row)
        joined = side.scored().join(side.signals, on="account_id").row(0, named=True)
        return [one.signal_id for one in contradictions(joined, model)]

    assert found({"logins": 10, "stars": 80, "nps": 3}) == ["stars"]
    assert found({"logins": 10, "stars": 79.9, "nps": 9}) == ["nps"]
    assert found({"logins": None, "stars": 80, "nps": 9}) == []
    assert found({"logins": 10, "stars": 90, "stars.age_days": 400.0, "nps": 3}) == []


def test_a_band_that_changes_all_the_time_is_noted() -> None:
    model = a_model(
        a_signal("a"),
        hysteresis=Hysteresis(flapping=2, up_dwell=timedelta(0), down_dwell=timedelta(0), jump=0),
    )
    previous, at = None, NOW
    for value in (80, 20, 80):
        previous, at = memory(a_side(model, {"a": value}, as_of=at, previous=previous)), at + DAY

    reason = told(a_side(model, {"a": 80}, as_of=at, previous=previous))

    assert reason.notes == (
        "The band changed 2 times in 30 d: changes must last twice as long, no task is opened",
    )
    assert "flapping" in reason.basis


def test_a_change_of_data_is_not_laid_at_the_door_of_the_account() -> None:
    model = a_model(a_signal("a"), a_signal("b"), min_coverage=0, min_category_coverage=0)
    before = memory(a_side(model, {"a": 100, "b": 40}))

    reason = told(a_side(model, {"a": None, "b": 40}, as_of=NOW + DAY, previous=before))

    assert "Band moved because other data counts, not because of the account" in reason.notes
    assert reason.basis == ("drag:b",)


def test_a_profile_is_named_and_until_when_weights_pass_over() -> None:
    model = a_model(
        a_signal("a"),
        profiles=(
            Profile(id="big", label="Large accounts", when="account.segment = 'big'", min_coverage=0.4),
        ),
    )
    small = memory(a_side(model, {"a": 60}, fields={"segment": "small"}))
    side = a_side(model, {"a": 60}, fields={"segment": "big"}, as_of=NOW + DAY, previous=small)
    later = a_side(model, {"a": 60}, fields={"segment": "big"}, as_of=NOW + 20 * DAY, previous=memory(side))

    passing, settled = told(side), told(later)

    # from 3 March, 06:00, for fourteen days
    assert passing.notes == (
        "Judged as “Large accounts”; weights pass over from all others until 2026-03-17",
    )
    assert settled.notes == ("Judged as “Large accounts”",)
    assert passing.basis == settled.basis == ("drag:a", "profile:big")
