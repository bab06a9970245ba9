"""The basis of everybody at once is that of every single explanation, on random worlds."""

from functools import cache

import polars as pl
import pytest

from scoring.basis import basis
from scoring.explain import explain
from tests.scoring.builders import a_model, a_signal, scored, signal_frame
from tests.scoring.reference import worlds
from tests.scoring.sides import Lived, lived

SEEDS = range(14)


@cache
def world(seed: int) -> tuple[Lived, ...]:
    return tuple(lived(seed, accounts=30, runs=3))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_basis_is_what_the_texts_name(seed: int) -> None:
    for run in world(seed):
        everybody = basis(run.scored, run.signals, run.model, accounts=run.accounts, cohort=run.cohort)

        each = explain(
            run.scored,
            run.signals,
            run.model,
            accounts=run.accounts,
            cohort=run.cohort,
            as_of=run.as_of,
            timezone=worlds.ZONE,
        )

        assert everybody.to_list() == [",".join(one.basis) for one in each]
        for one in each:
            drags, drivers = ({item.id for item in items} for items in (one.drags, one.drivers))
            assert not drags & drivers
            assert all(item.points > 0 for item in one.drivers)
            assert sum(item.points for item in one.rows) == (one.score or 0)
            assert len(one.short) <= 255
            assert len(one.long) <= 4000


def test_random_worlds_name_everything_there_is_to_name() -> None:
    named = {
        item.partition(":")[0]
        for seed in SEEDS
        for run in world(seed)
        for text in basis(run.scored, run.signals, run.model, accounts=run.accounts)
        for item in text.split(",")
    } - {""}

    assert named == {
        "cap",
        "contradiction",
        "drag",
        "driver",
        "event",
        "family",
        "flapping",
        "floor",
        "gap",
        "mixed",
        "override",
        "profile",
        "pulse",
        "pulse_cap",
    }


def test_the_order_of_accounts_and_who_else_is_there_do_not_matter() -> None:
    model = a_model(*(a_signal(name) for name in "abcd"))
    rows = [{"account_id": str(n), "a": n, "b": 100 - n, "c": 50, "d": n / 2} for n in range(100)]
    frame, seen = scored(model, *rows, detail=True), signal_frame(model, *rows)

    everybody = dict(zip(frame["account_id"], basis(frame, seen, model), strict=True))
    some = frame.filter(pl.col("account_id").is_in(["77", "3", "50"])).reverse()

    assert basis(some, seen, model).to_list() == [everybody[name] for name in ("77", "50", "3")]


def test_nobody_has_no_basis() -> None:
    model = a_model(a_signal("a"))
    frame, seen = scored(model, {"a": 3}, detail=True), signal_frame(model, {"a": 3})

    assert basis(frame.clear(), seen.clear(), model).to_list() == []
