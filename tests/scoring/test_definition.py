"""The model as an admin writes it: validated from TOML, identified by a hash, checked all at once."""

import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from scoring.curves import Linear, Piecewise
from scoring.definition import (
    DEFAULT_BANDS,
    BandCut,
    Category,
    Freshness,
    Hysteresis,
    Renewal,
    ScoringModel,
    model_hash,
)
from scoring.problems import MOST_SIGNALS, problems
from scoring.rules import Cap
from tests.scoring.builders import a_model, a_signal, with_durations

DAY = timedelta(days=1)
STARTER = Path(__file__).parents[2] / "scoring" / "models" / "starter.toml"
SKETCH = """
version = "2026-01"
bands = [{name = "red", min = 0}, {name = "yellow", min = 40}, {name = "green", min = 70}]
[[category]]
id = "usage"
label = "Usage"
weight = 40
[[signal]]
id = "trend"
label = "Weekly active users"
category = "usage"
metric = "usage.users"
kind = "trend"
window = "14d"
normalise = {type = "piecewise", knots = [[-0.5, 0], [0, 90.5]]}
freshness = {fresh_for = "2d", half_life = "7d", expire_after = "30d"}
on_no_data = 40
where = {}
[[cap]]
id = "fall"
when = "trend <= -0.3"
for = "24h"
at_most = "yellow"
reason = "Usage fell"
[renewal]
boost = {usage = 1.0}
"""


def loaded(text: str) -> ScoringModel:
    return TypeAdapter(ScoringModel).validate_python(with_durations(tomllib.loads(text)))


def test_a_model_is_read_from_toml_as_the_admin_spells_it() -> None:
    model = loaded(SKETCH)

    assert model.cut("green") == 700_000
    assert model.signals[0].window == 14 * DAY
    assert model.signals[0].normalise == Piecewise(knots=((-0.5, 0), (0, 90.5)))
    assert model.signals[0].on_no_data == 40.0
    assert model.caps[0].for_ == DAY
    assert model.ceiling(model.caps[0]) == 690_000
    assert problems(model) == []


def test_unknown_keys_are_refused_wherever_they_stand() -> None:
    wrong = SKETCH.replace("reason =", "raeson =").replace('kind = "trend"', 'kind = "trend"\nweigth = 3')

    with pytest.raises(ValidationError) as caught:
        loaded(wrong.replace("boost = {usage = 1.0}", "boots = {usage = 1.0}"))

    assert {".".join(map(str, error["loc"])) for error in caught.value.errors()} == {
        "signal.0.weigth",
        "cap.0.reason",
        "cap.0.raeson",
        "renewal.boots",
    }


def test_the_starter_model_is_right_and_needs_only_the_usual_fields() -> None:
    table = tomllib.loads(STARTER.read_text())

    model = TypeAdapter(ScoringModel).validate_python(with_durations(table)["model"])

    assert problems(model, account_fields=set(), series_topics={"usage"}) == []
    assert len(model.signals) == 5
    assert model.topics() == {"usage", "tickets", "subscriptions", "invoices"}


def test_the_hash_sees_numbers_and_neither_words_nor_order() -> None:
    model = a_model(a_signal("a"), a_signal("b", category="other"))

    same = [
        replace(model, signals=model.signals[::-1], categories=model.categories[::-1]),
        replace(
            model, signals=tuple(replace(s, label="New", unit="users", leading=True) for s in model.signals)
        ),
    ]
    different = [
        replace(model, version="2"),
        replace(model, signals=(replace(model.signals[0], weight=1.01), model.signals[1])),
        replace(model, hysteresis=Hysteresis(up_dwell=3 * DAY)),
        replace(
            model, signals=(replace(model.signals[0], normalise=Linear(bad=0, good=99)), model.signals[1])
        ),
    ]

    assert {model_hash(other) for other in same} == {model_hash(model)}
    assert len({model_hash(other) for other in [model, *different]}) == 5


def test_whole_numbers_and_fractions_of_the_same_value_are_the_same_model() -> None:
    assert model_hash(a_model(a_signal(weight=1))) == model_hash(a_model(a_signal(weight=1.0)))


A_CAP: dict[str, Any] = {"id": "c", "when": "s > 0", "at_most": "red", "reason": "r"}

MISTAKES: list[tuple[str, ScoringModel]] = [
    ("version", a_model(a_signal(), version=" ")),
    (
        "signal[s].category",
        a_model(a_signal(category="nowhere"), categories=(Category(id="main", label="", weight=1),)),
    ),
    (
        "category[main]",
        a_model(a_signal(category="x"), categories=(Category(id="main", label="", weight=1),)),
    ),
    ("signal[s].id", a_model(a_signal(), a_signal())),
    ("signal[S-1].id", a_model(a_signal("S-1"))),
    ("signal[and].id", a_model(a_signal("and"))),
    ("cap[c].id", a_model(a_signal(), caps=(Cap(**A_CAP), Cap(**A_CAP)))),
    ("category[main].weight", a_model(a_signal(), categories=(Category(id="main", label="", weight=-1),))),
    ("category", a_model(a_signal(), categories=(Category(id="main", label="", weight=0),))),
    ("category[main]", a_model(a_signal(weight=0))),
    ("signal[s].weight", a_model(a_signal("t"), a_signal(weight=float("nan")))),
    ("signal[s].normalise", a_model(a_signal(normalise=Linear(bad=3, good=3)))),
    ("signal[s].normalise", a_model(a_signal(normalise=Piecewise(knots=((0, 0), (0, 100)))))),
    ("signal[s].normalise", a_model(a_signal(normalise=Piecewise(knots=((5, 0), (0, 100)))))),
    ("signal[s].normalise", a_model(a_signal(normalise=Piecewise(knots=((5, 0),))))),
    ("signal[s].normalise", a_model(a_signal(normalise=Piecewise(knots=((0, 0), (1, 101)))))),
    ("signal[s].on_no_data", a_model(a_signal(on_no_data=101.0))),
    (
        "signal[s].freshness.expire_after",
        a_model(a_signal(freshness=Freshness(fresh_for=9 * DAY, half_life=DAY, expire_after=DAY))),
    ),
    (
        "signal[s].freshness.half_life",
        a_model(a_signal(freshness=Freshness(fresh_for=DAY, half_life=0 * DAY, expire_after=DAY))),
    ),
    ("signal[s].metric", a_model(a_signal(metric="usage"))),
    ("signal[s].metric", a_model(a_signal(metric="tickets.wrong"))),
    ("signal[s].metric", a_model(a_signal(metric="ticket.open"))),
    ("signal[s].metric", a_model(a_signal(metric="moods.daily"))),
    ("signal[s].metric", a_model(a_signal(metric="account.shoe_size"))),
    ("signal[s].kind", a_model(a_signal(kind="trned"))),
    ("signal[s].kind", a_model(a_signal(metric="tickets.open", kind="mean"))),
    ("signal[s].kind", a_model(a_signal(metric="account.arr", kind="mean"))),
    ("signal[s].window", a_model(a_signal(kind="sum"))),
    ("signal[s].window", a_model(a_signal(kind="trend", window=10 * DAY))),
    ("signal[s].window", a_model(a_signal(kind="sum", window=DAY / 2))),
    ("signal[s].window", a_model(a_signal(kind="latest", window=DAY))),
    ("signal[s].window", a_model(a_signal(metric="tickets.opened"))),
    ("signal[s].where", a_model(a_signal(metric="tickets.open", where={"colour": "red"}))),
    ("signal[s].where", a_model(a_signal(where={"severity": "urgent"}))),
    ("signal[s].prior", a_model(a_signal(metric="tickets.rating", prior=3))),
    ("cap[c].when", a_model(a_signal(), caps=(Cap(**{**A_CAP, "when": "nothing > 0"}),))),
    ("cap[c].when", a_model(a_signal(), caps=(Cap(**{**A_CAP, "when": "s > "}),))),
    ("cap[c].when", a_model(a_signal(), caps=(Cap(**{**A_CAP, "when": "s = 'text'"}),))),
    ("cap[c].when", a_model(a_signal(), caps=(Cap(**{**A_CAP, "when": "account.size > 1"}),))),
    ("cap[c].when", a_model(a_signal(), caps=(Cap(**{**A_CAP, "when": "s"}),))),
    ("cap[c].at_most", a_model(a_signal(), caps=(Cap(**{**A_CAP, "at_most": 60.5}),))),
    ("cap[c].for", a_model(a_signal(), caps=(Cap(**{**A_CAP, "for_": -DAY}),))),
    ("bands", a_model(a_signal(), bands=DEFAULT_BANDS[:2])),
    ("bands", a_model(a_signal(), bands=DEFAULT_BANDS[::-1])),
    ("bands", a_model(a_signal(), bands=(BandCut(name="red", min=10), *DEFAULT_BANDS[1:]))),
    ("bands", a_model(a_signal(), bands=(*DEFAULT_BANDS[:2], BandCut(name="green", min=45)))),
    ("bands", a_model(a_signal(), bands=(*DEFAULT_BANDS[:2], BandCut(name="green", min=75.5)))),
    ("quantum", a_model(a_signal(), quantum=0)),
    ("quantum", a_model(a_signal(), quantum=7)),
    ("hysteresis.up_margin", a_model(a_signal(), hysteresis=Hysteresis(up_margin=30))),
    ("hysteresis.down_dwell", a_model(a_signal(), hysteresis=Hysteresis(down_dwell=-DAY))),
    ("min_coverage", a_model(a_signal(), min_coverage=50)),
    ("hold_for", a_model(a_signal(), hold_for=0 * DAY)),
    ("renewal.far", a_model(a_signal(), renewal=Renewal(far=DAY))),
    ("renewal.boost.nothing", a_model(a_signal(), renewal=Renewal(boost={"nothing": 1}))),
    ("signal", a_model(*(a_signal(f"s{n}") for n in range(MOST_SIGNALS + 1)))),
]


@pytest.mark.parametrize("key, model", MISTAKES)
def test_every_mistake_is_found_under_its_key_and_told_how_to_mend(key: str, model: ScoringModel) -> None:
    found = problems(model, account_fields={"arr"}, series_topics={"usage"})

    assert f"model.{key}" in {problem.key for problem in found}
    assert all(problem.message and problem.remedy for problem in found)


def test_a_sound_model_has_no_problems() -> None:
    assert (
        problems(a_model(a_signal(kind="trend", window=14 * DAY), caps=(Cap(**A_CAP),)), {"arr"}, {"usage"})
        == []
    )


def test_all_mistakes_are_reported_at_once() -> None:
    model = a_model(
        a_signal("a", kind="trned"),
        a_signal("b", normalise=Linear(bad=1, good=1)),
        a_signal("c", metric="tickets.nothing"),
        caps=(Cap(**{**A_CAP, "when": "nowhere > 1"}),),
        quantum=7,
        min_coverage=3,
    )

    assert [problem.key for problem in problems(model)] == [
        "model.min_coverage",
        "model.quantum",
        "model.signal[b].normalise",
        "model.signal[a].kind",
        "model.signal[c].metric",
        "model.cap[c].when",
    ]


def test_a_custom_series_needs_no_permission_when_sources_are_not_known() -> None:
    assert problems(a_model(a_signal(metric="moods.daily"))) == []


def test_a_share_of_records_may_be_asked_for_and_a_ratio_without_sense_may_not() -> None:
    share = a_signal(metric="tickets.open", per="tickets.open", where={"severity": "urgent"})
    age = a_signal(metric="tickets.oldest_open_days", per="account.seats")
    strange = a_signal(metric="tickets.open", per="tickets.closed")

    assert problems(a_model(share)) == []
    assert [item.key for item in problems(a_model(age))] == ["model.signal[s].per"]
    assert [item.key for item in problems(a_model(strange))] == ["model.signal[s].per"]
