"""How quiet bands are where nothing happens, and how soon they see that something does: `python -m benchmarks.noise`.

Accounts have a steady health of their own between 45 and 80, and noise that lingers from day to day (AR(1) with
0.6). Their daily scores go through the real `scoring.health.score`, day after day with its memory; the only signal
is the score itself. "naive" is a band by the cuts alone, "margin only" waits for the margin and for nothing else,
"default" is what a model has if it says nothing.

Refuses to prove anything about real customers: the noise is made up, so compare the columns with each other.
"""

import random
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from math import sqrt
from statistics import mean
from typing import TypeAlias

import polars as pl

from benchmarks.worlds import AS_OF, ZONE
from scoring.curves import Linear
from scoring.definition import Category, Hysteresis, ScoringModel, Signal
from scoring.frames import STATE
from scoring.health import score
from scoring.memory import previous_schema

DAYS, ACCOUNTS, SERIES = 180, 400, 1_500
LINGERING = 0.6
START, AFTER = 10, 20
HIGH, LOW, SLIDE = 82.0, 40.0, 21
"""A fall from green to red: from one day to the next, or within three weeks."""

Series: TypeAlias = list[list[float]]
"""Scores by account, then by day."""


def model_of(rules: Hysteresis) -> ScoringModel:
    """Give a model whose score is its one signal."""
    return ScoringModel(
        version="noise",
        categories=(Category(id="all", label="All", weight=1),),
        signals=(
            Signal(
                id="s", label="S", category="all", metric="usage.number", normalise=Linear(bad=0, good=100)
            ),
        ),
        hysteresis=rules,
    )


RULES = {
    "naive": Hysteresis(
        up_margin=0, up_dwell=timedelta(0), down_dwell=timedelta(0), jump=0, flapping=1_000_000
    ),
    "margin only": Hysteresis(up_dwell=timedelta(0), down_dwell=timedelta(0), jump=0, flapping=1_000_000),
    "default": Hysteresis(),
}


def noise(rng: random.Random, days: int, sd: float) -> list[float]:
    """Give noise of standard deviation `sd` that remembers 0.6 of itself from day to day."""
    values = [rng.gauss(0, sd)]
    while len(values) < days:
        values.append(LINGERING * values[-1] + rng.gauss(0, sd * sqrt(1 - LINGERING**2)))
    return values


def around(level: Callable[[int], float], rng: random.Random, days: int, sd: float) -> list[float]:
    """Give the scores of one account whose health on a day is `level` of it."""
    return [min(max(level(day) + off, 0.0), 100.0) for day, off in enumerate(noise(rng, days, sd))]


def steady(accounts: int, days: int, sd: float, seed: int = 1) -> Series:
    """Give accounts of which none ever really changes."""
    rng = random.Random(seed)
    return [around(_level(rng.uniform(45, 80)), rng, days, sd) for _ in range(accounts)]


def _level(value: float) -> Callable[[int], float]:
    return lambda _: value


def bands(series: Series, rules: Hysteresis, *, runs_a_day: int = 1) -> list[list[str]]:
    """Let accounts live through their scores; give their bands by account, at the first run of each day.

    New data arrive once a day, however many runs there are.
    """
    model = model_of(rules)
    book = pl.DataFrame({"account_id": [f"a{place}" for place in range(len(series))]})
    previous: pl.DataFrame | None = None
    found: list[pl.Series] = []
    for day, values in enumerate(zip(*series, strict=True)):
        frame = _signals(book, values)
        for run in range(runs_a_day):
            scored = score(
                frame,
                book,
                model,
                as_of=AS_OF + timedelta(days=day + run / runs_a_day),
                refreshed_at=AS_OF + timedelta(days=day),
                timezone=ZONE,
                previous=previous,
            )
            previous = scored.select(list(previous_schema(model)))
            if run == 0:
                found.append(scored["band"])
    return [list(row) for row in zip(*found, strict=True)]


def _signals(book: pl.DataFrame, values: tuple[float, ...]) -> pl.DataFrame:
    return book.with_columns(
        pl.Series("s.value", values, dtype=pl.Float64),
        pl.lit(None, dtype=pl.Float64).alias("s.prior"),
        pl.lit("value", dtype=STATE).alias("s.state"),
        pl.lit(0.0).alias("s.age_days"),
        pl.lit(0.0).alias("s.down_days"),
        pl.lit(False).alias("s.silent"),
    )


def changes(lived: list[list[str]]) -> float:
    """Give changes of band per account."""
    return mean(sum(before != after for before, after in pairwise(row)) for row in lived)


def days_until_red(lived: list[list[str]], start: int) -> list[int]:
    """Say of each account how many days after `start` it is first red."""
    return [
        next(day for day, band in enumerate(row) if day >= start and band == "red") - start for row in lived
    ]


def falls(accounts: int, sd: float, *, within: int, seed: int = 2) -> Series:
    """Give accounts that stay at 82 for ten days, fall to 40 within some days, and stay there."""
    rng = random.Random(seed)

    def level(day: int) -> float:
        way = min(max((day - START + 1) / within, 0.0), 1.0)
        return HIGH + (LOW - HIGH) * way

    return [around(level, rng, START + within + AFTER, sd) for _ in range(accounts)]


def main() -> None:
    """Print the tables of docs/validation.md."""
    print("| changes of band per account in 180 days | naive | margin only | default |\n|---|---|---|---|")
    for sd in (2.0, 4.0):
        series = steady(ACCOUNTS, DAYS, sd)
        cells = (f"{changes(bands(series, rules)):.2f}" for rules in RULES.values())
        print(f"| noise of {sd:g} points | {' | '.join(cells)} |")
    print("\n| days until red, noise of 2 points | naive | margin only | default |\n|---|---|---|---|")
    for name, within in (("sudden fall 82 → 40", 1), ("slide 82 → 40 in 21 days", SLIDE)):
        series = falls(ACCOUNTS, 2.0, within=within)
        cells = (_spread(days_until_red(bands(series, rules), START)) for rules in RULES.values())
        print(f"| {name}: mean (longest) | {' | '.join(cells)} |")
    series = steady(SERIES, 30, 4.0, seed=3)
    same = bands(series, RULES["default"]) == bands(series, RULES["default"], runs_a_day=24)
    print(
        f"\nHourly and daily runs over the same daily data, {SERIES:,} accounts, 30 days: identical = {same}"
    )


def _spread(days: list[int]) -> str:
    return f"{mean(days):.1f} ({max(days)})"


if __name__ == "__main__":
    main()
