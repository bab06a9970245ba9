"""Caps and their conditions."""

from datetime import timedelta
from typing import Any

import pytest

from scoring.conditions import ConditionError, parse
from scoring.errors import ConfigError
from scoring.rules import Cap
from tests.scoring.builders import NOW, a_model, a_signal, accounts, remembered, scored

HOUR = timedelta(hours=1)


def capped(*caps: Cap) -> Any:
    return a_model(a_signal("s"), a_signal("urgent", weight=0), caps=caps)


def a_cap(name: str = "urgent_open", when: str = "urgent > 0", **changes: Any) -> Cap:
    return Cap(**{"id": name, "when": when, "at_most": "yellow", "reason": name, **changes})


def test_a_cap_holds_the_score_just_under_the_band_above() -> None:
    frame = scored(capped(a_cap()), {"s": 90, "urgent": 2})

    assert frame.select("score", "cap.urgent_open.points", "cap.urgent_open.state").rows() == [
        (74.0, -160_000, "on")
    ]


def test_a_cap_never_raises_a_score() -> None:
    frame = scored(capped(a_cap()), {"s": 30, "urgent": 2})

    assert frame.select("score", "cap.urgent_open.points").rows() == [(30.0, 0)]


def test_the_strictest_cap_decides_and_the_others_take_nothing_off() -> None:
    model = capped(a_cap("a_yellow"), a_cap("b_red", at_most="red"), a_cap("c_number", at_most=60.0))

    frame = scored(model, {"s": 90, "urgent": 1})

    assert frame.select("score", "cap.b_red.points", "cap.a_yellow.points", "cap.c_number.points").rows() == [
        (49.0, -410_000, 0, 0)
    ]


def test_a_cap_uses_the_precision_that_is_published() -> None:
    model = a_model(a_signal("s"), a_signal("urgent", weight=0), caps=(a_cap(),), quantum=0.5)

    assert scored(model, {"s": 90, "urgent": 1})["score"].to_list() == [74.5]


def test_the_same_cap_twice_is_the_cap_once() -> None:
    once = scored(capped(a_cap()), {"s": 90, "urgent": 1})
    twice = scored(capped(a_cap(), a_cap("again")), {"s": 90, "urgent": 1})

    assert once.select("score", "band").equals(twice.select("score", "band"))


def test_missing_data_never_caps_and_is_reported_whichever_way_the_condition_is_put() -> None:
    model = capped(a_cap("plain", "urgent > 0"), a_cap("negated", "not urgent = 0"))

    frame = scored(model, {"s": 90, "urgent": None})

    assert frame.select("score", "cap.plain.state", "cap.negated.state").rows() == [
        (90.0, "missing", "missing")
    ]


def test_an_expired_value_caps_no_more_and_a_held_one_still_does() -> None:
    held = {
        "s": 90,
        "urgent": 1,
        "urgent.state": "source_down",
        "urgent.down_days": 3.0,
        "urgent.age_days": 3.0,
    }

    frame = scored(
        capped(a_cap()),
        held,
        {**held, "urgent.down_days": 8.0, "urgent.age_days": 8.0},
        {"s": 90, "urgent": 1, "urgent.age_days": 31.0},
    )

    assert frame["cap.urgent_open.state"].to_list() == ["on", "missing", "missing"]


def test_a_cap_waits_until_its_condition_has_held_long_enough() -> None:
    model = capped(a_cap(for_=timedelta(hours=24)))
    previous, states = None, []
    for hours, urgent in ((0, 1), (23, 1), (24, 1), (30, 0), (31, 1)):
        frame = scored(model, {"s": 90, "urgent": urgent}, as_of=NOW + hours * HOUR, previous=previous)
        previous = remembered(frame)
        states.append(frame["cap.urgent_open.state"][0])

    assert states == ["waiting", "waiting", "on", "off", "waiting"]


def test_waiting_caps_do_not_mix_up_their_clocks() -> None:
    model = a_model(
        a_signal("s"),
        a_signal("urgent", weight=0),
        caps=(
            a_cap("aa", "s > 80", for_=24 * HOUR),
            a_cap("a", "urgent > 0", for_=24 * HOUR, at_most="red"),
        ),
    )

    first = scored(model, {"s": 90, "urgent": 0})
    second = scored(model, {"s": 90, "urgent": 1}, as_of=NOW + 12 * HOUR, previous=remembered(first))
    third = scored(model, {"s": 90, "urgent": 1}, as_of=NOW + 24 * HOUR, previous=remembered(second))
    fourth = scored(model, {"s": 90, "urgent": 1}, as_of=NOW + 36 * HOUR, previous=remembered(third))

    assert third.select("cap.aa.state", "cap.a.state").rows() == [("on", "waiting")]
    assert fourth.select("cap.a.state", "cap.aa.state").rows() == [("on", "on")]


def test_conditions_may_name_account_fields_and_combine() -> None:
    model = capped(a_cap(when="urgent >= 2 or (urgent > 0 and account.segment in ('Enterprise', 'Key'))"))
    book = accounts("A", "B", "C", segment=["Enterprise", "Small", None])

    frame = scored(model, {"s": 90, "urgent": 1}, {"s": 90, "urgent": 1}, {"s": 90, "urgent": 2}, book=book)

    assert frame["cap.urgent_open.state"].to_list() == ["on", "off", "on"]


def test_a_condition_that_compares_text_with_numbers_is_a_mistake_in_the_configuration() -> None:
    model = capped(a_cap(when="account.segment > 3"))

    with pytest.raises(ConfigError) as caught:
        scored(model, {"s": 90, "urgent": 1}, book=accounts("A", segment=["Enterprise"]))

    assert [problem.key for problem in caught.value.problems] == ["model.cap[urgent_open].when"]


def test_an_account_field_that_nobody_maps_is_missing() -> None:
    frame = scored(capped(a_cap(when="account.plan = 'free'")), {"s": 90, "urgent": 1})

    assert frame["cap.urgent_open.state"].to_list() == ["missing"]


@pytest.mark.parametrize(
    "text",
    [
        "now() > 3",
        "urgent > random()",
        "urgent > 0; drop table x",
        "(select 1) > 0",
        "urgent is null",
        "coalesce(urgent, 1) > 0",
        "sum(urgent) > 3",
        "read_csv('/etc/passwd') = 1",
        "urgent > 0 -- and more",
        "urgent >",
        "1 = 1",
        "",
        "urgent / 0 > 1",
        '"urgent" > 1',
        "urgent > 0 urgent",
        "__import__('os') = 1",
    ],
)
def test_conditions_are_comparisons_and_nothing_else(text: str) -> None:
    with pytest.raises(ConditionError):
        parse(text)


@pytest.mark.parametrize(
    "text, names",
    [
        ("urgent > 0", ("urgent",)),
        ("not (a > 1 and b between 2 and 3) or account.segment <> 'it''s'", ("a", "b", "account.segment")),
        ("a <= -0.3 AND a in (1, 2.5)", ("a",)),
    ],
)
def test_conditions_name_what_they_read(text: str, names: tuple[str, ...]) -> None:
    assert parse(text).names == names
