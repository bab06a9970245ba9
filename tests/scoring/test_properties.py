"""What is true of every score, whatever the model: over the random worlds of the reference, with all rules present."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

import polars as pl
import pytest

from scoring.adjust import row_columns
from scoring.curves import (
    ByTenure,
    Curve,
    Growth,
    HalfLife,
    Linear,
    Percentile,
    Piecewise,
    Steps,
    TenureBucket,
)
from scoring.definition import ScoringModel
from scoring.frames import COHORT_SCHEMA
from scoring.health import score
from scoring.memory import previous_schema
from scoring.metrics import Facts, signals
from tests.scoring.builders import BERLIN, NOW, a_model, a_signal, signal_frame
from tests.scoring.reference import comparing, histories, worlds
from tests.scoring.reference.values import DAY

SEEDS = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One scoring of a random world, and what came out."""

    evaluation: worlds.Evaluation
    signals: pl.DataFrame
    book: pl.DataFrame
    previous: pl.DataFrame | None
    scored: pl.DataFrame

    def again(
        self,
        *,
        signals: pl.DataFrame | None = None,
        book: pl.DataFrame | None = None,
        previous: pl.DataFrame | None = None,
        model: ScoringModel | None = None,
    ) -> pl.DataFrame:
        """Score the same once more, but for what is given."""
        return judged(
            self.evaluation,
            self.signals if signals is None else signals,
            self.book if book is None else book,
            self.previous if previous is None else previous,
            model or self.evaluation.model,
        )


def judged(
    evaluation: worlds.Evaluation,
    signals: pl.DataFrame,
    book: pl.DataFrame,
    previous: pl.DataFrame | None,
    model: ScoringModel,
) -> pl.DataFrame:
    return score(
        signals,
        book,
        model,
        as_of=evaluation.as_of,
        refreshed_at=evaluation.refreshed_at,
        timezone=worlds.ZONE,
        previous=previous,
        cohort=comparing.cohort_frame(evaluation.cohort),
        detail=True,
    )


@cache
def runs(seed: int) -> tuple[Run, ...]:
    """Live through a world: three runs, each with the memory of the one before."""
    return tuple(_lived(seed))


def _lived(seed: int) -> Iterator[Run]:
    previous: pl.DataFrame | None = None
    for evaluation in worlds.evaluations(seed, accounts=60, runs=3):
        fields = {name: inputs.fields for name, inputs in evaluation.accounts.items()}
        frame = comparing.signals_frame(evaluation.model, evaluation.accounts)
        book = comparing.accounts_frame(fields, evaluation.columns)
        scored = judged(evaluation, frame, book, previous, evaluation.model)
        yield Run(evaluation=evaluation, signals=frame, book=book, previous=previous, scored=scored)
        previous = scored.select(list(previous_schema(evaluation.model)))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rows_of_every_ledger_add_up_to_the_published_score(seed: int) -> None:
    for run in runs(seed):
        names = row_columns(run.evaluation.model)
        for row in run.scored.iter_rows(named=True):
            explained = sum(row[name] or 0 for name in names)
            if row["score_units"] is None:
                assert explained == 0
            else:
                assert 1_000_000 + explained + row["rounding"] == row["score_units"]


@pytest.mark.parametrize("seed", SEEDS)
def test_scores_are_between_0_and_100_and_confidence_is_at_most_coverage(seed: int) -> None:
    for run in runs(seed):
        for row in run.scored.iter_rows(named=True):
            assert row["score"] is None or 0 <= row["score"] <= 100
            assert row["auto_score"] is None or 0 <= row["auto_score"] <= 100
            assert 0 <= row["confidence"] <= row["coverage"] <= 1 + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_an_account_with_its_family_equals_itself_among_all_to_the_bit(seed: int) -> None:
    chance = random.Random(seed)
    for run in runs(seed):
        for name in chance.sample(run.scored["account_id"].to_list(), 6):
            mine = pl.col("account_id").is_in(_family_of(name, run))
            few = run.again(signals=run.signals.filter(mine), book=run.book.filter(mine))
            itself = pl.col("account_id") == name
            assert few.filter(itself).equals(run.scored.filter(itself))


def _family_of(name: str, run: Run) -> list[str]:
    """List an account, what is above it and what is below any of these."""
    if "parent" not in run.book.columns:
        return [name]
    parents = dict(run.book.select("account_id", "parent").iter_rows())
    found, grew = {name}, True
    while grew:
        near = {child for child, parent in parents.items() if parent in found}
        near |= {parent for child, parent in parents.items() if child in found and parent in parents}
        grew = not near <= found
        found |= near
    return sorted(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_rows_changes_no_bit(seed: int) -> None:
    for run in runs(seed):
        mixed = run.again(
            signals=run.signals.sample(fraction=1, shuffle=True, seed=1),
            book=run.book.sample(fraction=1, shuffle=True, seed=2),
            previous=None if run.previous is None else run.previous.reverse(),
        )
        assert mixed.sort("account_id").equals(run.scored.sort("account_id"))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_inputs_give_the_same_bytes(seed: int) -> None:
    for run in runs(seed):
        assert run.again().serialize() == run.scored.serialize()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("factor", [4, 0.5])
def test_scaling_all_weights_changes_nothing_but_the_name_of_the_model(seed: int, factor: float) -> None:
    first = runs(seed)[0]
    model = first.evaluation.model
    scaled = replace(
        model,
        categories=tuple(replace(item, weight=item.weight * factor) for item in model.categories),
        signals=tuple(replace(item, weight=item.weight * factor) for item in model.signals),
        profiles=tuple(
            replace(
                profile,
                weights={name: weight * factor for name, weight in profile.weights.items()},
                signals=tuple(
                    change if change.weight is None else replace(change, weight=change.weight * factor)
                    for change in profile.signals
                ),
            )
            for profile in model.profiles
        ),
    )

    assert first.again(model=scaled).drop("model_hash").equals(first.scored.drop("model_hash"))


RISING: dict[str, Curve] = {
    "linear": Linear(bad=10, good=90),
    "linear on a log scale": Linear(bad=1, good=1_000, scale="log"),
    "linear through asinh": Linear(bad=-50, good=500, scale="asinh"),
    "piecewise": Piecewise(knots=((0, 0), (20, 33), (50, 34), (80, 90.5), (100, 100))),
    "steps": Steps(below=0, steps=((10, 30), (50, 30.5), (75, 100))),
    "growth": Growth(),
    "percentile": Percentile(better="high", within="all", otherwise=Linear(bad=0, good=100)),
    "by tenure": ByTenure(
        buckets=(
            TenureBucket(below=90 * DAY, curve=Linear(bad=0, good=20)),
            TenureBucket(curve=Steps(below=10, steps=((40, 90),))),
        )
    ),
}
FALLING: dict[str, Curve] = {
    "linear that falls": Linear(bad=90, good=10),
    "half-life": HalfLife(days=20),
    "percentile where low is good": Percentile(better="low", within="all", otherwise=Linear(bad=100, good=0)),
}
VALUES = sorted({-1.0, -0.37, 0.0, 0.1, *(step * 3.7 for step in range(-4, 60)), 50.0, 75.0, 100.0, 1e4})


@pytest.mark.parametrize("name", [*RISING, *FALLING])
@pytest.mark.parametrize("age", [0.0, 9.3])
def test_a_better_value_never_lowers_the_score(name: str, age: float) -> None:
    """The accounts differ in nothing but this value, from the worst to the best."""
    model = a_model(
        a_signal("s", weight=3, normalise=(RISING | FALLING)[name]), a_signal("t", weight=2, category="other")
    )
    values = VALUES if name in RISING else VALUES[::-1]
    rows = [
        {"account_id": f"{place:03}", "s": value, "s.age_days": age, "t": 44.4}
        for place, value in enumerate(values)
    ]
    frame = signal_frame(model, *rows)
    young = {"account_id": frame["account_id"], "created_on": [NOW.date() - 400 * DAY] * len(rows)}
    cohort = pl.DataFrame(
        [
            {
                "signal": "s",
                "segment": "",
                "n": 40,
                "mean": 40.0,
                "median": 40.0,
                "reference": 50.0,
                "values": [0.0, 10.0, 50.0, 80.0],
                "at": [0.1, 0.3, 0.6, 0.95],
                "between": [0.2, 0.5, 0.9, 1.0],
            }
        ],
        schema=dict(COHORT_SCHEMA),
    )

    scored = score(
        frame,
        pl.DataFrame(young),
        model,
        as_of=NOW,
        refreshed_at=NOW,
        timezone=BERLIN,
        cohort=cohort,
    )

    composites = scored["composite"].to_list()
    assert composites == sorted(composites)
    assert composites[0] < composites[-1]


@pytest.mark.parametrize("seed", range(2))
def test_deleting_every_number_and_record_dated_after_the_moment_changes_no_score(seed: int) -> None:
    deleted = 0
    for look in histories.looks(seed, accounts=30, times=2):
        book = comparing.accounts_frame(look.world.book, list(look.world.book["a0"]))
        given = comparing.facts_of(look.world)
        kept = _until(given, look.as_of)
        deleted += given.numbers.height - kept.numbers.height

        assert _scored(kept, book, look).equals(_scored(given, book, look))

    assert deleted > 0


def _until(given: Facts, as_of: datetime) -> Facts:
    """Forget numbers of days that were not over, and tickets and answers that were not there yet."""
    begins = {"tickets": "opened_at", "surveys": "answered_at"}
    kept = {}
    for topic, table in given.records.items():
        begin = begins.get(topic)
        if begin is not None:
            table = table.filter((pl.col(begin) <= as_of).fill_null(True))
        kept[topic] = table
    numbers = given.numbers.filter(pl.col("observed_at") <= as_of)
    return replace(given, numbers=numbers, records=kept)


def _scored(given: Facts, book: pl.DataFrame, look: histories.Look) -> pl.DataFrame:
    cohort = comparing.cohort_frame(look.cohort)
    frame = signals(given, book, look.model, as_of=look.as_of, timezone=histories.ZONE, cohort=cohort)
    return score(
        frame,
        book,
        look.model,
        as_of=look.as_of,
        refreshed_at=look.as_of,
        timezone=histories.ZONE,
        cohort=cohort,
    )
