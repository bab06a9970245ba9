"""Advice about models that are valid: what the model alone shows."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from scoring.curves import Linear, Map, Percentile
from scoring.definition import Category, Hysteresis, Profile, Renewal, ScoringModel, SignalChange
from scoring.lints import Lint, effective_percentages, lints
from scoring.problems import problems
from scoring.ranges import implies, never_true, value_range
from scoring.rules import Cap, Floor
from tests.scoring.builders import a_model, a_signal

TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)
SOUND = a_model(
    a_signal("a", leading=True, kind="active_share", window=28 * DAY, normalise=Linear(bad=0, good=1)),
    a_signal("b", metric="tickets.open"),
    a_signal("c", metric="account.arr"),
    reviewed_on=TODAY,
)


def found(model: ScoringModel, **settings: Any) -> list[tuple[str, str]]:
    return [(lint.key, lint.level) for lint in lints(model, today=TODAY, **settings)]


def told(model: ScoringModel, **settings: Any) -> list[str]:
    return [lint.message for lint in lints(model, today=TODAY, **settings)]


def weighed(*weights: float, **changes: Any) -> ScoringModel:
    names = "abcdefghijklmnopqrstuvwxyz"
    members = [
        a_signal(names[place], weight=weight, leading=place == 0) for place, weight in enumerate(weights)
    ]
    return a_model(*members, reviewed_on=TODAY, **changes)


def a_cap(name: str, when: str, at_most: Any = "yellow", **changes: Any) -> Cap:
    return Cap(id=name, when=when, at_most=at_most, reason=name, **changes)


def a_floor(name: str, when: str, at_least: Any = "yellow", **changes: Any) -> Floor:
    return Floor(id=name, when=when, at_least=at_least, reason=name, **changes)


def test_a_sound_model_has_no_lints() -> None:
    assert problems(SOUND) == []
    assert lints(SOUND, today=TODAY, account_fields=set(), answered={"red", "yellow", "green"}) == []


def test_effective_percentages_are_shares_of_the_category_times_shares_among_categories() -> None:
    model = a_model(
        a_signal("a", weight=3),
        a_signal("b", weight=1),
        a_signal("c", category="other"),
        a_signal("d", category="other", weight=0),
        categories=(Category(id="main", label="", weight=60), Category(id="other", label="", weight=40)),
    )

    assert effective_percentages(model) == {"a": 45.0, "b": 15.0, "c": 40.0, "d": 0.0}


def test_effective_percentages_under_a_profile_are_its_own() -> None:
    profile = Profile(
        id="new",
        when="account.created_on > -90",
        weights={"main": 3},
        signals=(SignalChange(id="b", weight=0),),
    )
    model = a_model(a_signal("a"), a_signal("b"), a_signal("c", category="other"), profiles=(profile,))

    assert effective_percentages(model) == {"a": 25.0, "b": 25.0, "c": 50.0}
    assert effective_percentages(model, "new") == {"a": 75.0, "b": 0.0, "c": 25.0}


@pytest.mark.parametrize(
    "model, expected",
    [
        (weighed(50, 25, 25), []),
        (weighed(51, 25, 24), [("model.signal[a].weight", "warning")]),
        (weighed(50, 48, 2), []),
        (weighed(50, 48.1, 1.9), [("model.signal[c].weight", "advice")]),
        (weighed(50, 50, 0), []),
        (weighed(80, 20), [("model.signal[a].weight", "warning")]),
        (weighed(0.81, 0.19), [("model.signal[a].weight", "warning"), ("model.signal[a].weight", "advice")]),
        (weighed(81, 19), [("model.signal[a].weight", "warning"), ("model.signal[a].weight", "advice")]),
    ],
)
def test_one_signal_should_neither_decide_alone_nor_weigh_nothing(
    model: ScoringModel, expected: list[tuple[str, str]]
) -> None:
    assert found(model) == expected


def test_a_category_of_one_signal_has_no_others_that_could_matter() -> None:
    model = a_model(
        a_signal("a", leading=True),
        a_signal("b", category="other"),
        a_signal("c", category="third"),
        reviewed_on=TODAY,
    )

    assert lints(model, today=TODAY) == []


def test_signals_that_weigh_nothing_are_there_for_caps_and_no_part_of_the_score() -> None:
    model = a_model(
        a_signal("a", leading=True),
        a_signal("beside_a", weight=0),
        a_signal("b", category="other"),
        a_signal("c", category="third"),
        a_signal("unused", category="nothing"),
        categories=tuple(
            Category(id=name, label="", weight=weight)
            for name, weight in (("main", 1), ("other", 1), ("third", 1), ("nothing", 0))
        ),
        reviewed_on=TODAY,
    )

    assert lints(model, today=TODAY) == []


def test_a_profile_is_looked_through_as_well_and_nothing_is_told_twice() -> None:
    def profile(name: str, **weights: float) -> Profile:
        changes = tuple(SignalChange(id=signal, weight=weight) for signal, weight in weights.items())
        return Profile(id=name, when="account.created_on > -90", signals=changes)

    balanced = weighed(40, 40, 20, profiles=(profile("new", b=90), profile("other", b=80)))
    heavy = weighed(60, 20, 20, profiles=(profile("new", b=30),))

    # 90 of 150 and 80 of 140; 60 of 100, and 60 of 110
    assert found(balanced) == [("model.profile[new].signal[b].weight", "warning")]
    assert found(heavy) == [("model.signal[a].weight", "warning")]


def test_a_model_should_both_warn_and_confirm() -> None:
    backwards = a_model(a_signal("a"), a_signal("b"), reviewed_on=TODAY)
    ahead = a_model(a_signal("a", leading=True), a_signal("b", leading=True), reviewed_on=TODAY)
    only_beside = a_model(
        a_signal("a"), a_signal("b"), a_signal("c", leading=True, weight=0), reviewed_on=TODAY
    )

    assert found(backwards) == [("model.signal", "warning")]
    assert found(ahead) == [("model.signal", "advice")]
    assert found(only_beside) == [("model.signal", "warning")]


def test_more_than_25_signals_are_many() -> None:
    def of(count: int) -> ScoringModel:
        return a_model(*(a_signal(f"s{n:02}", leading=n == 0) for n in range(count)), reviewed_on=TODAY)

    assert found(of(25)) == []
    assert told(of(26)) == ["there are 26; each one is explained, maintained and validated"]


def test_percentiles_alone_always_leave_somebody_last() -> None:
    relative = Percentile(otherwise=Linear(bad=0, good=1))
    alone = a_model(
        a_signal("a", normalise=relative, leading=True), a_signal("b", normalise=relative), reviewed_on=TODAY
    )
    beside = replace(alone, signals=(alone.signals[0], a_signal("b")))
    unweighed = replace(alone, signals=(*alone.signals, a_signal("c", weight=0)))

    assert found(alone) == found(unweighed) == [("model.signal", "warning")]
    assert found(beside) == []


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"up_margin": 0}, [("model.hysteresis", "advice")]),
        ({"up_dwell": 0 * DAY, "down_dwell": 0 * DAY}, [("model.hysteresis", "advice")]),
        ({"up_margin": 0, "up_dwell": 0 * DAY, "down_dwell": 0 * DAY}, [("model.hysteresis", "warning")]),
        ({"jump": 0}, []),
    ],
)
def test_bands_without_hysteresis_flicker(changes: Any, expected: list[tuple[str, str]]) -> None:
    assert found(replace(SOUND, hysteresis=Hysteresis(**changes))) == expected


def test_a_hundredth_of_a_point_is_false_precision() -> None:
    assert found(replace(SOUND, quantum=0.1)) == []
    assert found(replace(SOUND, quantum=0.05)) == [("model.quantum", "advice")]


@pytest.mark.parametrize(
    "reviewed_on, expected",
    [
        (TODAY - 180 * DAY, []),
        (TODAY - 181 * DAY, [("model.reviewed_on", "warning")]),
        (None, [("model.reviewed_on", "advice")]),
    ],
)
def test_a_model_wants_to_be_reviewed_every_half_year(
    reviewed_on: date | None, expected: list[tuple[str, str]]
) -> None:
    assert found(replace(SOUND, reviewed_on=reviewed_on)) == expected


@pytest.mark.parametrize(
    "caps, why",
    [
        ([a_cap("c", "b > 2", 100.0)], "can never bite: it allows every score"),
        ([a_cap("c", "b > 2", until=TODAY)], "can never bite: it ended on 2026-03-02"),
        (
            [a_cap("c", "a > 30")],
            "can never bite: its condition asks for a number the signal cannot have",
        ),
        (
            [a_cap("c", "b > 3", until=TODAY + DAY), a_cap("d", "b > 2", "red", until=TODAY + DAY)],
            "can never bite: cap[d] is on whenever it is, and stricter",
        ),
        (
            [a_cap("c", "b > 3"), a_cap("d", "b > 2", "red")],
            "can never bite: cap[d] is on whenever it is, and stricter",
        ),
        (
            [
                a_cap("c", "b > 2 and account.segment = 'x'"),
                a_cap("d", "b > 2 and account.segment = 'x'", 60.0),
            ],
            "can never bite: cap[d] is on whenever it is, and stricter",
        ),
    ],
)
def test_a_cap_that_can_never_bite_is_told(caps: list[Cap], why: str) -> None:
    assert told(replace(SOUND, caps=tuple(caps))) == [why]


@pytest.mark.parametrize(
    "caps",
    [
        [a_cap("c", "b > 2", until=TODAY + DAY)],
        [a_cap("c", "a > 0.3")],
        [a_cap("c", "b > 3"), a_cap("d", "b > 2", "red", for_=2 * DAY)],
        [a_cap("c", "b > 3", hold=DAY), a_cap("d", "b > 2", "red")],
        [a_cap("c", "b > 3"), a_cap("d", "b > 2", "red", until=TODAY + DAY)],
        [a_cap("c", "b > 2"), a_cap("d", "b > 3", "red")],
        [a_cap("c", "b > 2"), a_cap("d", "c > 3", "red")],
    ],
)
def test_a_cap_that_may_bite_some_day_is_left_alone(caps: list[Cap]) -> None:
    assert told(replace(SOUND, caps=tuple(caps))) == []


@pytest.mark.parametrize(
    "floor, why",
    [
        (a_floor("f", "b < 1", 0.0), "can never lift: every score is as high"),
        (
            a_floor("f", "a > 0.8", "green"),
            "can never lift: cap[low] is on whenever it is, and lower; caps win",
        ),
        (a_floor("f", "c > 1 and b < 5"), "can never lift: floor[high] is on whenever it is, and higher"),
        (a_floor("f", "b < 0"), "can never lift: its condition asks for a number the signal cannot have"),
        (a_floor("f", "b < 1", until=TODAY), "can never lift: it ended on 2026-03-02"),
    ],
)
def test_a_floor_that_can_never_lift_is_told(floor: Floor, why: str) -> None:
    model = replace(SOUND, caps=(a_cap("low", "a >= 0.5"),), floors=(a_floor("high", "c > 1", 60.0), floor))

    assert told(model) == [why]


def test_a_floor_above_a_cap_that_is_on_at_other_times_is_left_alone() -> None:
    model = replace(SOUND, caps=(a_cap("low", "b > 2", "red"),), floors=(a_floor("f", "a > 0.8", "green"),))

    assert lints(model, today=TODAY) == []


def test_a_floor_exactly_at_a_cap_lifts_as_far_as_that() -> None:
    model = replace(SOUND, caps=(a_cap("top", "b > 2", 60.0),), floors=(a_floor("f", "b > 3", 60.0),))

    assert lints(model, today=TODAY) == []


def test_a_boost_needs_a_renewal_date() -> None:
    boosted = replace(SOUND, renewal=Renewal(boost={"main": 1.0}))
    by_profile = replace(SOUND, profiles=(Profile(id="p", when="account.arr > 1", boost={"main": 1.0}),))

    for model in (boosted, by_profile):
        assert found(model, account_fields={"arr"}) == [("model.renewal.boost", "warning")]
        assert found(model, account_fields={"arr", "renewal_on"}) == found(model) == []
    assert found(replace(SOUND, renewal=Renewal(boost={"main": 0.0})), account_fields=set()) == []


def test_every_band_wants_a_playbook_and_red_most_of_all() -> None:
    assert found(SOUND, answered=set()) == [
        ("playbook", "warning"),
        ("playbook", "advice"),
        ("playbook", "advice"),
    ]
    assert told(SOUND, answered={"entered_red", "yellow"}) == ["nothing is done when an account turns green"]


def test_every_lint_says_what_to_do() -> None:
    model = a_model(a_signal("a"), caps=(a_cap("c", "a > 1", 100.0),), quantum=0.01)

    for lint in lints(model, today=TODAY, answered=set()):
        assert isinstance(lint, Lint)
        assert lint.key
        assert lint.remedy


# --- what comparisons say about each other ---------------------------------------------------------------


@pytest.mark.parametrize(
    "condition, other",
    [
        ("x > 3", "x > 2"),
        ("x > 2", "x >= 2"),
        ("x = 3", "x >= 3"),
        ("x < -1", "x <= -1"),
        ("x < 1", "x < 2"),
        ("x < 2", "x < 2.0"),
        ("x > 2", "x > 2.0"),
        ("3 < x", "x > 2"),
        ("x > 3 and y = 1", "x > 2"),
        ("x > 3  or y = 1", "x > 3 or y = 1"),
    ],
)
def test_a_stronger_comparison_implies_a_weaker_one(condition: str, other: str) -> None:
    assert implies(condition, other)


@pytest.mark.parametrize(
    "condition, other",
    [
        ("x > 2", "x > 3"),
        ("x >= 2", "x > 2"),
        ("x < 2", "x < 1"),
        ("x <= 2", "x < 2"),
        ("x < 2", "x > 1"),
        ("x > 2", "x < 3"),
        ("x > 3", "y > 3"),
        ("x > 3 or y = 1", "x > 3"),
        ("not x > 3", "x > 2"),
        ("x > 3", "x > 2 and y = 1"),
        ("x in (3, 4)", "x > 2"),
        ("x <> 3", "x > 2"),
        ("account.name = 'x > 3'", "x > 2"),
    ],
)
def test_what_is_not_certain_is_not_concluded(condition: str, other: str) -> None:
    assert not implies(condition, other)


@pytest.mark.parametrize(
    "settings, ends",
    [
        ({"kind": "trend", "window": 14 * DAY}, (-1.0, float("inf"))),
        ({"kind": "active_days", "window": 28 * DAY}, (0.0, 28.0)),
        ({"kind": "active_share", "window": 28 * DAY}, (0.0, 1.0)),
        ({"kind": "active_weeks", "window": 28 * DAY}, (0.0, 1.0)),
        ({"kind": "recency"}, (0.0, float("inf"))),
        ({"kind": "baseline"}, (-10.0, 10.0)),
        ({"kind": "sum", "window": 28 * DAY}, (float("-inf"), float("inf"))),
        ({"metric": "tickets.rating"}, (0.0, 1.0)),
        ({"metric": "tickets.sentiment"}, (-1.0, 1.0)),
        ({"metric": "surveys.nps"}, (-100.0, 100.0)),
        ({"metric": "subscriptions.cancelling"}, (0.0, 1.0)),
        ({"metric": "subscriptions.days_to_renewal"}, (float("-inf"), float("inf"))),
        ({"metric": "tickets.open", "per": "account.licences"}, (float("-inf"), float("inf"))),
        ({"metric": "account.mood", "normalise": Map(values={"good": 90, "bad": 10})}, (10, 90)),
    ],
)
def test_a_signal_has_a_smallest_and_a_largest_number(settings: Any, ends: tuple[float, float]) -> None:
    assert value_range(a_signal(**settings)) == ends


@pytest.mark.parametrize(
    "condition, never",
    [
        ("t <= -30", True),
        ("t < -1", True),
        ("t <= -1", False),
        ("t <= -0.3", False),
        ("t <= -0.3 and share > 1", True),
        ("t <= -0.3 or share > 1", False),
        ("share = 30", True),
        ("1 < share", True),
        ("share < 0.5", False),
        ("share <= 0", False),
        ("share < 0", True),
        ("share >= 1", False),
        ("account.arr < -30", False),
    ],
)
def test_percent_where_a_share_is_meant_is_never_true(condition: str, never: bool) -> None:
    members = [
        a_signal("t", kind="trend", window=14 * DAY),
        a_signal("share", kind="active_share", window=28 * DAY),
    ]

    assert never_true(condition, members) == never
