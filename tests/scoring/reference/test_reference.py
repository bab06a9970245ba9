"""The reference itself, against values worked out by hand or published."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pytest

from scoring.curves import Linear, Percentile, Piecewise
from scoring.definition import BandCut, Category, Hierarchy, Profile, Renewal, ScoringModel
from scoring.rules import Cap, Floor, Override, PointsRule, Pulse
from tests.scoring.builders import a_model, a_signal
from tests.scoring.reference.curves import worth
from tests.scoring.reference.score import Run, score
from tests.scoring.reference.values import CohortRow, FieldValue, Inputs, Memory, Reading, Scored

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
SUNDAY = date(2026, 3, 1)
DAY = timedelta(days=1)
Given: TypeAlias = Mapping[str, Reading | float | None]
SEED = Piecewise(knots=((-0.5, 0), (-0.3, 50), (-0.1, 80), (0.0, 90), (0.2, 100)))


def lived(
    model: ScoringModel,
    *steps: tuple[float, Given],
    fields: Mapping[str, FieldValue] | None = None,
) -> list[Scored]:
    """One account at these days; a number is a fresh value."""
    memories: dict[str, Memory] = {}
    found = []
    for day, given in steps:
        now = NOW + day * DAY
        run = Run(model=model, as_of=now, refreshed_at=now, zone=BERLIN, key=model.version, cohort={})
        readings = {name: _reading(given.get(name)) for name in (signal.id for signal in model.signals)}
        points = {rule.id: _number(given.get(f"events.{rule.id}")) for rule in model.points}
        inputs = Inputs(readings=readings, events=points, fields=fields or {})
        result = score({"A": inputs}, run, memories)
        memories = {name: one.memory for name, one in result.items()}
        found.append(result["A"])
    return found


def _reading(given: Reading | float | None) -> Reading:
    if isinstance(given, Reading):
        return given
    state = "no_data" if given is None else "value" if given else "zero"
    return Reading(value=given, state=state, age_days=None if given is None else 0.0)


def _number(given: Reading | float | None) -> float | None:
    return given if isinstance(given, float | int) else None


def one(model: ScoringModel, fields: Mapping[str, FieldValue] | None = None, **given: Any) -> Scored:
    return lived(model, (0, given), fields=fields)[0]


def simple(**changes: Any) -> ScoringModel:
    return a_model(a_signal("s"), **changes)


@pytest.mark.parametrize("days, share", [(200, 0.15), (90, 0.19048), (60, 0.22727), (30, 0.26087)])
def test_the_share_of_renewal_grows_as_it_comes_near(days: int, share: float) -> None:
    model = a_model(
        a_signal("use", category="usage"),
        a_signal("deal", category="renewal"),
        categories=(
            Category(id="usage", label="", weight=85),
            Category(id="renewal", label="", weight=15),
        ),
        renewal=Renewal(boost={"renewal": 1.0}),
    )

    found = one(model, {"renewal_on": NOW.date() + days * DAY}, use=75, deal=40)

    assert found.weights["deal"] == pytest.approx(share, abs=1e-5)


@pytest.mark.parametrize("days, score", [(0, 62.5), (30, 62.5), (60, 71.25), (90, 80), (91, 80)])
def test_a_low_pulse_pulls_80_down_while_it_is_fresh(days: int, score: float) -> None:
    # 0.75·80 + 0.25·10 = 62.5; at exactly 10 it would be an extreme and end with its fresh days.
    model = simple(pulse=Pulse(scale={"bad": 10.0001}), quantum=0.0001)

    found = one(
        model, {"pulse": "bad", "pulse_on": NOW.date() - days * DAY, "pulse_note": "calls unanswered"}, s=80
    )

    assert found.units is not None
    assert found.units / 10_000 == pytest.approx(score, abs=1e-3)
    assert found.auto_units == 800_000


def test_an_extreme_pulse_ends_with_its_fresh_days() -> None:
    fields: dict[str, FieldValue] = {"pulse": 10.0, "pulse_note": "x"}

    assert one(simple(), {**fields, "pulse_on": NOW.date() - 30 * DAY}, s=80).units == 630_000
    assert one(simple(), {**fields, "pulse_on": NOW.date() - 31 * DAY}, s=80).units == 800_000


def test_a_good_pulse_raises_by_no_more_than_one_band() -> None:
    bands = (BandCut(name="red", min=0), BandCut(name="yellow", min=10), BandCut(name="green", min=20))
    fields: dict[str, FieldValue] = {"pulse": 89.0, "pulse_note": "x", "pulse_on": NOW.date()}

    found = one(simple(bands=bands), fields, s=5)

    assert (found.units, found.rows["pulse"]) == (190_000, 140_000)


@pytest.mark.parametrize("value, points", [(18, 47.826), (7, 0), (5, 0), (30, 100), (99, 100)])
def test_minutes_between_7_and_30_are_a_straight_line(value: float, points: float) -> None:
    curve = Linear(bad=7, good=30)

    assert worth(curve, value, tenure=None, signal="s", segment="", cohort={}) == pytest.approx(
        points, abs=1e-3
    )


@pytest.mark.parametrize(
    "value, points", [(-0.6, 0), (-0.5, 0), (-0.4, 25), (-0.3, 50), (-0.1, 80), (0, 90), (0.1, 95), (1, 100)]
)
def test_the_curve_of_trends_goes_through_its_knots(value: float, points: float) -> None:
    assert worth(SEED, value, tenure=None, signal="s", segment="", cohort={}) == pytest.approx(points)


def test_a_percentile_looks_at_a_frozen_crowd_of_at_least_20() -> None:
    curve = Percentile(otherwise=Linear(bad=0, good=10), within="all")
    crowd = CohortRow(n=20, mean=2.0, values=(1.0, 2.0, 3.0), at=(0.25, 0.55, 0.8), between=(0.5, 0.6, 1.0))
    few = replace(crowd, n=19)

    def share(value: float, row: CohortRow) -> float:
        return worth(curve, value, tenure=None, signal="s", segment="x", cohort={("s", ""): row})

    assert [share(value, crowd) for value in (0.5, 1, 1.5, 3, 9)] == [0, 25, 50, 80, 100]
    assert share(9, few) == 90


def bands(*steps: tuple[float, float | None], model: ScoringModel | None = None) -> list[str]:
    model = model or simple()
    return [found.memory.band for found in lived(model, *((day, {"s": value}) for day, value in steps))]


def test_bands_do_not_flicker() -> None:
    assert bands((0, 80), (1, 70), (1.5, 70), (2, 70)) == ["green", "green", "green", "yellow"]
    assert bands((0, 80), (1, 65)) == ["green", "yellow"]
    assert bands((0, 80), (1, 40)) == ["green", "red"]
    assert bands((0, 60), (1, 79), (2, 79), (3, 79)) == ["yellow", "yellow", "yellow", "green"]
    assert bands((0, 60), (1, 78), (3, 78), (9, 78)) == ["yellow"] * 4
    assert bands((0, 80), (1, None), (3, None), (5, 90)) == ["green", "green", "unknown", "green"]


def test_many_changes_of_band_double_the_dwells() -> None:
    days: Sequence[tuple[float, float]] = [(n, 30 if n % 2 else 90) for n in range(12)]
    model = simple(
        hysteresis=replace(simple().hysteresis, up_dwell=timedelta(0), down_dwell=timedelta(0), flapping=4)
    )

    found = lived(model, *((day, {"s": value}) for day, value in days))

    assert [one.flapping for one in found[:6]] == [False] * 5 + [True]


def test_caps_win_over_floors_and_an_override_over_caps() -> None:
    model = simple(
        caps=(Cap(id="c", when="s > 0", at_most="yellow", reason=""),),
        floors=(Floor(id="f", when="s > 0", at_least="green", reason=""),),
        override=Override(),
    )
    by_hand: dict[str, FieldValue] = {
        "override": "red",
        "override_reason": "they told us",
        "override_until": NOW.date() + 90 * DAY,
    }

    found = one(model, s=60)
    forced = one(model, by_hand, s=60)

    assert (found.units, found.rows["floor.f"], found.rows["cap.c"]) == (740_000, 150_000, -10_000)
    assert (forced.units, forced.rows["override"], forced.memory.band) == (490_000, -250_000, "red")
    assert forced.auto_units == 740_000


def test_a_cap_waits_and_holds() -> None:
    cap = Cap(id="c", when="s < 50", for_=DAY, hold=2 * DAY, at_most=40.0, reason="")

    found = lived(simple(caps=(cap,)), *((day, {"s": s}) for day, s in [(0, 45), (1, 45), (2, 90), (3, 90)]))

    assert [one.states["cap.c"] for one in found] == ["waiting", "on", "on", "off"]


def rule(**settings: Any) -> PointsRule:
    given = {"id": "r", "reason": "", "metric": "usage.number", "when": "value > 0", "points": 8.0}
    return PointsRule(**{**given, **settings})


def test_events_are_limited_together() -> None:
    rules = tuple(rule(id=name, half_life=DAY) for name in ("a", "b"))

    found = one(simple(points=rules), None, s=50, **{"events.a": 8.0, "events.b": 7.0})

    assert (found.units, found.rows["events.limit"]) == (600_000, -50_000)


def test_a_score_lost_to_other_signals_is_a_change_of_data() -> None:
    model = a_model(a_signal("a", category="one"), a_signal("b", category="two"))

    found = lived(model, (0, {"a": 80, "b": None}), (1, {"a": 80, "b": 10}), (2, {"a": 10, "b": 10}))

    assert [(one.memory.band, one.data_change) for one in found] == [
        ("green", False),
        ("yellow", True),
        ("red", False),
    ]


def test_weights_pass_over_to_another_profile_in_two_weeks() -> None:
    model = a_model(
        a_signal("a", category="one"),
        a_signal("b", category="two"),
        profiles=(Profile(id="new", when="account.created_on >= -10", weights={"one": 0.0}),),
    )
    days = (0, 10, 11, 18, 25)
    steps: list[tuple[float, Given]] = [(day, {"a": 0, "b": 100}) for day in days]

    found = lived(model, *steps, fields={"created_on": NOW.date()})

    assert [one.composite for one in found] == pytest.approx([100, 100, 100, 75, 50])
    assert [one.profile for one in found] == ["new", "new", "", "", ""]


@pytest.mark.parametrize(
    "mode, units",
    [
        ("arr_weighted_mean", 400_000),  # (80·1 + 60·1 + 20·3)/5
        ("min", 200_000),
        ("pct_arr_red", 290_000),  # 3/5 of the ARR is red: 50·(1 − 0.6)/(1 − 0.3) = 28.57
        ("own", 800_000),
    ],
)
def test_a_parent_is_scored_with_everything_beneath_it(mode: Any, units: int) -> None:
    model = simple(hierarchy=Hierarchy(mode=mode))
    run = Run(model=model, as_of=NOW, refreshed_at=NOW, zone=BERLIN, key="", cohort={})

    def inputs(value: float, arr: float, parent: str) -> Inputs:
        fields: dict[str, FieldValue] = {"arr": arr, "parent": parent}
        return Inputs(readings={"s": _reading(value)}, events={}, fields=fields)

    found = score({"P": inputs(80, 1, ""), "C": inputs(60, 1, "P"), "G": inputs(20, 3, "C")}, run, {})

    assert found["P"].units == units
    assert found["G"].units == 200_000


def test_a_circle_of_parents_is_no_family() -> None:
    model = simple(hierarchy=Hierarchy(mode="min"))
    run = Run(model=model, as_of=NOW, refreshed_at=NOW, zone=BERLIN, key="", cohort={})
    book = {"A": (90, "B"), "B": (10, "A"), "C": (30, "A")}
    inputs = {
        name: Inputs(readings={"s": _reading(value)}, events={}, fields={"parent": parent})
        for name, (value, parent) in book.items()
    }

    found = score(inputs, run, {})

    assert {name: one.units for name, one in found.items()} == {"A": 300_000, "B": 100_000, "C": 300_000}
