"""Accounts are judged a slice at a time; how many at a time is no one's business but the processor's."""

from datetime import timedelta

import polars as pl
import pytest

from benchmarks import worlds
from scoring.frames import STATE
from scoring.health import score
from scoring.memory import previous_schema


@pytest.mark.parametrize("size", [1, 3, 64])
def test_results_do_not_depend_on_how_many_accounts_are_judged_at_a_time(size: int) -> None:
    model = worlds.a_model()
    book = worlds.book(150)
    start, then = (worlds.signals(150, model, day=day) for day in (0, 9))
    place = pl.int_range(pl.len())
    # what is old, down or not applicable takes other ways through the arithmetic than what is not
    later = then.with_columns(
        pl.when(place % 40 == 0).then(3.0).otherwise(0.0).alias("s01.down_days"),
        pl.when(place % 50 == 0)
        .then(pl.lit("not_applicable", dtype=STATE))
        .otherwise("s02.state")
        .alias("s02.state"),
        pl.when(place % 5 == 0).then(pl.col("s04.value") * 0.1).otherwise("s04.value").alias("s04.value"),
        pl.when(place % 3 == 0).then(pl.col("s08.value") * 0.1).alias("s08.value"),
    )

    def run(frame: pl.DataFrame, day: int, previous: pl.DataFrame | None, size: int) -> pl.DataFrame:
        as_of = worlds.AS_OF + timedelta(days=day)
        return score(
            frame,
            book,
            model,
            as_of=as_of,
            refreshed_at=as_of,
            timezone=worlds.ZONE,
            previous=previous,
            slice_size=size,
        )

    first = run(start, 0, None, 150)
    memory = first.select(list(previous_schema(model)))

    whole = run(later, 9, memory, 150)
    sliced = run(later, 9, memory, size)

    assert run(start, 0, None, size).equals(first)
    assert sliced.equals(whole)
    assert whole["entered_from"].null_count() < 150
    assert whole["data_change"].any()
