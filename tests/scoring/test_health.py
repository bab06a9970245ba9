"""Signals to score: weights with missing data, coverage, confidence, the hold rule, the ledger."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.curves import Linear, Piecewise
from scoring.definition import Category, Freshness, Renewal, ScoringModel
from scoring.frames import PREVIOUS_SCHEMA
from scoring.health import score
from scoring.rules import Cap
from tests.scoring.builders import BERLIN, NOW, a_model, a_signal, accounts, scored, signal_frame

DAY = timedelta(days=1)


def categories(**weights: float) -> tuple[Category, ...]:
    return tuple(
        Category(id=name, label=name.capitalize(), weight=weight) for name, weight in weights.items()
    )


TWO = a_model(
    a_signal("a", category="one", weight=3),
    a_signal("b", category="one", weight=1),
    a_signal("c", category="two"),
    categories=categories(one=60, two=40),
)


def test_signals_weigh_inside_categories_and_categories_among_each_other() -> None:
    # one: (3·80 + 1·40)/4 = 70; total: 0.6·70 + 0.4·50 = 62
    frame = scored(TWO, {"a": 80, "b": 40, "c": 50}, detail=True)

    row = frame.row(0, named=True)
    assert (row["score"], row["coverage"], row["confidence"]) == (62.0, 1.0, 1.0)
    assert [row[f"{name}.weight"] for name in "abc"] == pytest.approx([0.45, 0.15, 0.4])
    assert [row[f"{name}.points"] for name in "abc"] == [-90_000, -90_000, -200_000]
    assert row["rounding"] == 0


def test_missing_data_is_left_out_and_never_a_zero() -> None:
    missing = scored(TWO, {"a": 80, "b": None, "c": 50})
    zero = scored(TWO, {"a": 80, "b": 0, "c": 50})

    assert missing["composite"].to_list() == [pytest.approx(0.6 * 80 + 0.4 * 50)]
    assert zero["composite"].to_list() == [pytest.approx(0.6 * 60 + 0.4 * 50)]
    assert missing["coverage"].to_list() == [pytest.approx(0.85)]
    assert missing["b.points"].to_list() == [None]


def test_a_minor_signal_alone_cannot_speak_for_its_category() -> None:
    # a is missing: only 1 of 4 parts of category one is there, so category two decides alone.
    model = replace(TWO, min_coverage=0.4)

    frame = scored(model, {"a": None, "b": 10, "c": 50})

    assert frame.select("composite", "coverage", "b.points").rows() == [(50.0, pytest.approx(0.55), None)]


def test_too_little_coverage_publishes_no_number() -> None:
    frame = scored(TWO, {"a": 80, "b": 80, "c": None}, {"a": None, "b": None, "c": 10})

    assert frame["score"].to_list() == [80.0, None]
    assert frame["band"].to_list() == ["green", "unknown"]
    assert frame["coverage"].to_list() == [pytest.approx(0.6), pytest.approx(0.4)]
    assert frame["c.points"].to_list() == [None, None]
    assert frame["rounding"].to_list()[1] is None


def test_no_data_at_all_is_unknown_with_no_coverage() -> None:
    frame = scored(TWO, {"a": None, "b": None, "c": None})

    assert frame.select("score", "band", "coverage", "confidence").rows() == [(None, "unknown", 0.0, 0.0)]


@pytest.mark.parametrize(
    "policy, composite, coverage, confidence",
    [
        ("exclude", 80.0, 0.5, 0.5),
        ("worst", 40.0, 1.0, 0.5),
        (60.0, 70.0, 1.0, 0.5),
        ("required", None, 0.5, 0.5),
    ],
)
def test_the_model_decides_what_no_data_means(
    policy: Any, composite: float | None, coverage: float, confidence: float
) -> None:
    model = a_model(
        a_signal("a", category="one"), a_signal("b", category="two", on_no_data=policy), min_coverage=0.5
    )

    frame = scored(model, {"a": 80, "b": None})

    assert frame.select("composite", "coverage", "confidence").rows() == [(composite, coverage, confidence)]


@pytest.mark.parametrize("state", ["not_applicable", "not_mature"])
def test_what_does_not_apply_leaves_coverage_and_confidence_alone(state: str) -> None:
    model = a_model(a_signal("a", category="one"), a_signal("b", category="two", on_no_data="required"))

    frame = scored(model, {"a": 80, "b": None, "b.state": state})

    assert frame.select("score", "coverage", "confidence").rows() == [(80.0, 1.0, 1.0)]


def test_an_invalid_value_counts_as_absent_and_nothing_stands_in_for_it() -> None:
    model = a_model(a_signal("a", category="one"), a_signal("b", category="two", on_no_data="worst"))

    frame = scored(model, {"a": 80, "b": None, "b.state": "invalid"})

    assert frame.select("score", "coverage").rows() == [(80.0, 0.5)]


def test_an_old_value_keeps_its_value_and_loses_its_weight() -> None:
    # nine days old: 2 fresh, then one half-life of 7 → weight ½: (1·90 + ½·30)/1.5 = 70
    model = a_model(a_signal("a"), a_signal("b"))

    frame = scored(model, {"a": 90, "b": 30, "b.age_days": 9.0})

    assert frame["composite"].to_list() == [pytest.approx(70)]
    assert frame.select("coverage", "confidence").rows() == [(1.0, pytest.approx(0.75))]


def test_an_expired_value_is_absent() -> None:
    model = a_model(a_signal("a"), a_signal("b", on_no_data="worst"))

    frame = scored(model, {"a": 90, "b": 30, "b.age_days": 31.0})

    assert frame.select("score", "coverage").rows() == [(90.0, 0.5)]


def test_a_source_that_is_down_keeps_value_and_weight_and_costs_only_confidence() -> None:
    model = a_model(a_signal("a"), a_signal("b"), caps=())
    up = {"a": 90, "b": 31.3, "b.age_days": 8.0}

    rows = [up] + [
        {**up, "b.state": "source_down", "b.age_days": 8.0 + gone, "b.down_days": gone}
        for gone in (0.1, 1.0, 3.7, 7.0)
    ]
    frame = scored(model, *({**row, "account_id": str(place)} for place, row in enumerate(rows)))

    assert frame["composite"].n_unique() == 1
    assert frame["coverage"].to_list() == [1.0] * 5
    confidence = frame["confidence"].to_list()
    assert all(later < earlier for earlier, later in pairwise(confidence))
    assert confidence[-1] == pytest.approx(0.5)


def test_after_the_hold_a_source_that_is_down_is_absent_and_ends_in_unknown_not_red() -> None:
    model = a_model(a_signal("a", category="one"), a_signal("b", category="two"), min_coverage=0.6)
    row = {"a": 10, "b": 95, "b.state": "source_down", "b.age_days": 7.1, "b.down_days": 7.1}

    frame = scored(model, row)

    assert frame.select("score", "band", "coverage").rows() == [(None, "unknown", 0.5)]


def test_what_stands_in_for_missing_data_is_held_and_given_up_like_a_value() -> None:
    model = a_model(a_signal("a"), a_signal("b", on_no_data=70.0))
    rows = [{"a": 90, "b": None, "b.down_days": gone, "account_id": str(gone)} for gone in (0.0, 6.0, 8.0)]

    frame = scored(model, *rows)

    assert frame["score"].to_list() == [80.0, 80.0, 90.0]


def test_confidence_in_young_accounts_is_scaled_down() -> None:
    model = a_model(a_signal("a"), min_tenure=40 * DAY)
    book = accounts("A", "B", "C", created_on=[date(2026, 2, 20), date(2020, 1, 1), None])

    frame = scored(model, {"a": 50}, {"a": 50}, {"a": 50}, book=book)

    assert frame["confidence"].to_list() == [pytest.approx(0.25), 1.0, 1.0]


def test_categories_that_contradict_each_other_are_called_mixed() -> None:
    model = a_model(a_signal("a", category="one"), a_signal("b", category="two"))

    frame = scored(model, {"a": 100, "b": 40}, {"a": 90, "b": 45}, {"a": None, "b": None})

    assert frame["mixed"].to_list() == [True, False, False]


def test_a_signal_without_weight_is_for_caps_only() -> None:
    model = a_model(a_signal("a"), a_signal("b", weight=0))

    frame = scored(model, {"a": 80, "b": 0}, {"a": 80, "b": None})

    assert frame.select("score", "coverage", "b.points").rows() == [(80.0, 1.0, None)] * 2


def test_every_column_that_the_next_run_needs_is_there_with_its_type() -> None:
    frame = scored(TWO, {"a": 1, "b": 2, "c": 3}, {"a": None, "b": None, "c": None})

    assert {name: frame.schema[name] for name in PREVIOUS_SCHEMA} == dict(PREVIOUS_SCHEMA)


# -- properties ------------------------------------------------------------------------------------------

points_or_nothing = st.one_of(st.none(), st.floats(0, 100))


@st.composite
def models(draw: Any) -> ScoringModel:
    count = draw(st.integers(1, 6))
    groups = ["one", "two", "three"][: draw(st.integers(1, min(3, count)))]
    members = []
    for place in range(count):
        curve = draw(
            st.sampled_from(
                [
                    Linear(bad=0, good=100),
                    Linear(bad=90, good=10),
                    Piecewise(knots=((0, 0), (30, 70), (33.3, 71.7), (100, 100))),
                ]
            )
        )
        members.append(
            a_signal(
                f"s{place}",
                category=groups[place % len(groups)],
                weight=draw(st.sampled_from([0.1, 1, 2, 3.7, 10])),
                normalise=curve,
                on_no_data=draw(st.sampled_from(["exclude", "worst", "required", 40.0])),
                freshness=Freshness(fresh_for=2 * DAY, half_life=5 * DAY, expire_after=20 * DAY),
            )
        )
    caps = [
        Cap(id="low", when="s0 < 20", at_most="red", reason="Low"),
        Cap(id="mid", when="s0 < 50 or s0 > 95", at_most="yellow", reason="Mid"),
        Cap(id="num", when="s0 < 70", at_most=60.0, reason="Num"),
    ]
    return a_model(
        *members,
        categories=tuple(
            Category(id=name, label=name, weight=draw(st.sampled_from([1, 2.5, 40]))) for name in groups
        ),
        caps=tuple(draw(st.lists(st.sampled_from(caps), unique_by=lambda cap: cap.id, max_size=3))),
        renewal=Renewal(boost={groups[0]: 1.0}),
        quantum=draw(st.sampled_from([1.0, 0.5, 0.1, 5.0])),
        min_coverage=draw(st.sampled_from([0.0, 0.3, 0.5])),
    )


@st.composite
def account_rows(draw: Any, model: ScoringModel) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for signal in model.signals:
        row[signal.id] = draw(points_or_nothing)
        if row[signal.id] is None:
            row[f"{signal.id}.state"] = draw(st.sampled_from(["no_data", "not_applicable", "invalid"]))
        else:
            gone = draw(st.sampled_from([0.0, 0.0, 1.0, 6.9, 7.5]))
            row[f"{signal.id}.down_days"] = gone
            row[f"{signal.id}.age_days"] = gone + draw(st.floats(0, 25))
            if gone:
                row[f"{signal.id}.state"] = "source_down"
    return row


@st.composite
def worlds(draw: Any) -> tuple[ScoringModel, list[dict[str, Any]]]:
    model = draw(models())
    rows = draw(st.lists(account_rows(model), min_size=1, max_size=12))
    return model, [{**row, "account_id": f"{place:03d}"} for place, row in enumerate(rows)]


def book_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    names = [row["account_id"] for row in rows]
    return accounts(*names, renewal_on=[date(2026, 3, 2) + int(name) * 11 * DAY for name in names])


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_ledger_rows_add_up_to_the_published_score_exactly(
    world: tuple[ScoringModel, list[dict[str, Any]]],
) -> None:
    model, rows = world

    frame = scored(model, *rows, book=book_of(rows), detail=True)

    for row in frame.iter_rows(named=True):
        parts = [row[f"{signal.id}.points"] for signal in model.signals]
        parts += [row[f"cap.{cap.id}.points"] for cap in model.caps]
        if row["score_units"] is None:
            assert row["rounding"] is None
            continue
        assert 1_000_000 + sum(part or 0 for part in parts) + row["rounding"] == row["score_units"]
        assert 0 <= row["score_units"] <= 1_000_000
        assert row["score_units"] % round(model.quantum * 10_000) == 0
        assert row["score"] == row["score_units"] / 10_000
        assert sum(row[f"{signal.id}.weight"] or 0 for signal in model.signals) == pytest.approx(1)
        assert abs(row["rounding"]) <= round(model.quantum * 5_000) + len(model.signals)


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_confidence_never_exceeds_coverage(world: tuple[ScoringModel, list[dict[str, Any]]]) -> None:
    model, rows = world

    frame = scored(model, *rows)

    for confidence, coverage in frame.select("confidence", "coverage").rows():
        assert 0 <= confidence <= coverage <= 1 + 1e-12


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_an_account_alone_equals_itself_among_many_to_the_bit(
    world: tuple[ScoringModel, list[dict[str, Any]]],
) -> None:
    model, rows = world
    book = book_of(rows)

    crowd = scored(model, *rows, book=book, detail=True)

    for place, row in enumerate(rows):
        assert scored(model, row, book=book, detail=True).equals(crowd[place])


@settings(max_examples=40, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_anything_changes_no_bit(
    world: tuple[ScoringModel, list[dict[str, Any]]], chance: Any
) -> None:
    model, rows = world
    signals, caps, groups = list(model.signals), list(model.caps), list(model.categories)
    for items in (signals, caps, groups, shuffled := list(rows)):
        chance.shuffle(items)
    other = replace(model, signals=tuple(signals), caps=tuple(caps), categories=tuple(groups))

    frame = scored(model, *rows, book=book_of(rows), detail=True)
    mixed = scored(other, *shuffled, book=book_of(rows), detail=True)

    assert mixed.sort("account_id").equals(frame)


@settings(max_examples=40, deadline=None)
@given(worlds(), st.sampled_from([10, 3, 0.5, 7]))
def test_multiplying_all_weights_changes_no_bit_of_the_score(
    world: tuple[ScoringModel, list[dict[str, Any]]], factor: float
) -> None:
    model, rows = world
    scaled = replace(
        model,
        signals=tuple(replace(signal, weight=round(signal.weight * factor, 6)) for signal in model.signals),
        categories=tuple(replace(group, weight=group.weight * factor) for group in model.categories),
    )

    frame, other = scored(model, *rows), scored(scaled, *rows)

    assert other.drop("model_hash").equals(frame.drop("model_hash"))


@settings(max_examples=60, deadline=None)
@given(worlds(), st.data())
def test_a_better_signal_never_lowers_a_score(
    world: tuple[ScoringModel, list[dict[str, Any]]], data: Any
) -> None:
    model, rows = world
    model = replace(model, caps=())
    row = rows[0]
    live = [signal for signal in model.signals if row[signal.id] is not None]
    if not live:
        return
    signal = data.draw(st.sampled_from(live))
    better = data.draw(st.floats(0, 100))
    falling = isinstance(signal.normalise, Linear) and signal.normalise.bad > signal.normalise.good
    low, high = sorted([row[signal.id], better], reverse=falling)

    before, after = (scored(model, {**row, signal.id: value})["score"][0] for value in (low, high))

    assert (before is None) == (after is None)
    assert before is None or before <= after


def test_the_same_inputs_give_the_same_bytes() -> None:
    rows = [{"a": 33.3, "b": 66.6, "c": None}, {"a": 1, "b": None, "c": 99.9}]

    assert scored(TWO, *rows).serialize() == scored(TWO, *rows).serialize()


def test_a_large_crowd_of_the_same_account_has_one_result() -> None:
    # Long columns take other paths through polars than short ones.
    row = {"a": 33.3, "b": 66.6, "c": 12.7, "b.age_days": 11.3}
    alone = signal_frame(TWO, row)
    crowd = pl.concat([alone] * 70_000).with_columns(
        pl.int_range(pl.len()).cast(pl.String).alias("account_id")
    )

    def run(frame: pl.DataFrame) -> pl.DataFrame:
        book = frame.select("account_id")
        return score(frame, book, TWO, as_of=NOW, refreshed_at=NOW, timezone=BERLIN, detail=True)

    assert run(crowd).drop("account_id").unique().equals(run(alone).drop("account_id"))
