"""The fast implementation against the slow one, over random worlds: every number, state and memory of every account.

A seed is a world (`reference.worlds`, `reference.histories`). Both implementations keep their own memory from run to
run. A difference is reported with the model, the account and what was known of it.
"""

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import polars as pl
import pytest

from scoring.definition import model_hash
from scoring.health import score
from scoring.memory import previous_schema
from scoring.metrics import signals
from tests.scoring.reference import comparing, histories, worlds
from tests.scoring.reference import score as reference_score
from tests.scoring.reference import signals as reference_signals
from tests.scoring.reference.values import Memory, Scored
from tests.scoring.reference.worlds import Evaluation

WORLDS = [*((seed, 228, 3) for seed in range(14)), (20, 40, 10), (42, 40, 10)]
"""Seed, accounts and runs: 10,376 accounts to score, less one in fifty that is away for a day.

The two long ones were chosen because rare things happen in them: flapping, a cap as strict as a severe pulse.
"""
READERS, LOOKS, HISTORIES = 84, 3, 8
"""2,016 accounts to read signals of, about 25 signals and 5 rules each."""


@pytest.mark.parametrize("seed, accounts, runs", WORLDS)
def test_scores_are_those_of_the_reference(seed: int, accounts: int, runs: int) -> None:
    compared = 0
    for evaluation, frame, expected in _lived(seed, accounts, runs):
        for row in frame.iter_rows(named=True):
            name, wanted = row["account_id"], expected[row["account_id"]]
            found = comparing.differences(row, wanted, evaluation.model, evaluation.as_of)
            compared += 1
            difference = next(found, None)
            assert difference is None, _report(seed, evaluation, name, difference)

    assert compared > accounts * runs * 0.9


def _lived(
    seed: int, accounts: int, runs: int
) -> Iterator[tuple[Evaluation, pl.DataFrame, dict[str, Scored]]]:
    """Let both implementations live through one world."""
    memories: dict[str, Memory] = {}
    previous: pl.DataFrame | None = None
    for evaluation in worlds.evaluations(seed, accounts=accounts, runs=runs):
        model = evaluation.model
        book = {name: inputs.fields for name, inputs in evaluation.accounts.items()}
        frame = score(
            comparing.signals_frame(model, evaluation.accounts),
            comparing.accounts_frame(book, evaluation.columns),
            model,
            as_of=evaluation.as_of,
            refreshed_at=evaluation.refreshed_at,
            timezone=worlds.ZONE,
            previous=previous,
            cohort=comparing.cohort_frame(evaluation.cohort),
            detail=True,
        )
        run = reference_score.Run(
            model=model,
            as_of=evaluation.as_of,
            refreshed_at=evaluation.refreshed_at,
            zone=worlds.ZONE,
            key=model_hash(model),
            cohort=evaluation.cohort,
        )
        expected = reference_score.score(evaluation.accounts, run, memories)
        yield evaluation, frame, expected
        previous = frame.select(list(previous_schema(model)))
        memories = {name: one.memory for name, one in expected.items()}


def _report(seed: int, evaluation: Evaluation, name: str, difference: object) -> str:
    return f"world {seed}, {name}, {evaluation.as_of}: {difference}\n{evaluation.accounts[name]}\n{short(evaluation.model)}"


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_signals_and_events_are_those_of_the_reference(seed: int) -> None:
    compared = 0
    for look in histories.looks(seed, accounts=READERS, times=LOOKS):
        frame = signals(
            comparing.facts_of(look.world),
            comparing.accounts_frame(look.world.book, list(look.world.book["a0"])),
            look.model,
            as_of=look.as_of,
            timezone=histories.ZONE,
            cohort=comparing.cohort_frame(look.cohort),
        )
        expected = reference_signals.signals(
            look.world, look.model, as_of=look.as_of, zone=histories.ZONE, cohort=look.cohort
        )
        for row in frame.iter_rows(named=True):
            name = row["account_id"]
            found = comparing.signal_differences(row, expected[name], look.model)
            compared += 1
            difference = next(found, None)
            assert difference is None, (
                f"history {seed}, {name}, {look.as_of}: {difference}\n{look.world.book[name]}\n{short(look.model)}"
            )

    assert compared == READERS * LOOKS


def short(value: Any) -> str:
    """Write a model with nothing that is left at its default."""
    if is_dataclass(value):
        parts = [
            f"{item.name}={short(getattr(value, item.name))}"
            for item in fields(value)
            if getattr(value, item.name) != _default(item)
        ]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, tuple):
        return f"({', '.join(short(item) for item in value)})"
    return repr(value)


def _default(item: Field[Any]) -> object:
    return item.default_factory() if item.default_factory is not MISSING else item.default


def test_a_difference_is_reported_with_everything_that_led_to_it() -> None:
    evaluation, frame, expected = next(_lived(0, 3, 1))
    row = frame.row(0, named=True)
    name = row["account_id"]

    (difference, *_) = comparing.differences(
        {**row, "near": 7.0}, expected[name], evaluation.model, evaluation.as_of
    )

    report = _report(0, evaluation, name, difference)
    assert difference.startswith("near is 7.0, expected ")
    assert all(part in report for part in ("world 0", name, "Reading(", "ScoringModel("))
