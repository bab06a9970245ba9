"""How much the whole score costs beside the least one could compute: `python -m benchmarks.scoring [ROWS]`.

The score of `scoring.health` with everything on (memory, caps, floor, events, pulse, renewal, ledger, bands that
remember) is timed in turns with twelve curves, weights with missing data, categories and bands written straight in
polars. Counted is CPU time of all threads, so other programs disturb less, and neither side gains from more cores.
Memory is measured in a process of its own that reads its inputs from files and keeps the result.

Refuses to judge: the promise stands in RESULTS.md, beside what was measured.
"""

import gc
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import polars as pl

from benchmarks.worlds import AS_OF, CATEGORIES, ZONE, a_model, book, signals
from scoring.curves import Linear, Piecewise
from scoring.definition import ScoringModel, Signal
from scoring.health import score
from scoring.memory import previous_schema

ROWS, TURNS = 1_000_000, 7
_FILES = ("signals", "book", "previous")


def full(
    frame: pl.DataFrame,
    accounts: pl.DataFrame,
    model: ScoringModel,
    previous: pl.DataFrame | None,
    *,
    day: int,
) -> pl.DataFrame:
    """Score everybody as the daemon does."""
    as_of = AS_OF + timedelta(days=day)
    return score(frame, accounts, model, as_of=as_of, refreshed_at=as_of, timezone=ZONE, previous=previous)


def plain(frame: pl.DataFrame, model: ScoringModel) -> pl.DataFrame:
    """Compute curves, category means, their mean and a band, and nothing else, as one would by hand."""
    points = frame.lazy().select("account_id", *(_curve(signal).alias(signal.id) for signal in model.signals))
    sums, whole = [], []
    for category, weight in CATEGORIES:
        inside = [signal for signal in model.signals if signal.category == category]
        worth = pl.sum_horizontal(pl.col(s.id).fill_null(0.0) * s.weight for s in inside)
        known = pl.sum_horizontal(pl.col(s.id).is_not_null() * s.weight for s in inside)
        sums.append(pl.when(known > 0).then(worth / known * weight).otherwise(0.0))
        whole.append(pl.when(known > 0).then(weight).otherwise(0.0))
    value = (pl.sum_horizontal(sums) / pl.sum_horizontal(whole)).round(0)
    band = (
        pl.when(pl.col("score") < 50)
        .then(pl.lit("red"))
        .when(pl.col("score") < 75)
        .then(pl.lit("yellow"))
        .otherwise(pl.lit("green"))
    )
    scored = points.with_columns(value.alias("score")).with_columns(band.alias("band"))
    return scored.select("account_id", "score", "band").collect()


def _curve(signal: Signal) -> pl.Expr:
    value, curve = pl.col(f"{signal.id}.value"), signal.normalise
    if isinstance(curve, Linear):
        return ((value - curve.bad) * (100 / (curve.good - curve.bad))).clip(0, 100)
    assert isinstance(curve, Piecewise)
    (first, low), *_, (_, high) = curve.knots
    chain = pl.when(value <= first).then(low)
    for (x0, y0), (x1, y1) in pairwise(curve.knots):
        chain = chain.when(value <= x1).then(y0 + (value - x0) * ((y1 - y0) / (x1 - x0)))  # type: ignore[assignment]
    return chain.when(value.is_not_null()).then(high)


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    started = process_time()
    work()
    return process_time() - started


def _peak_gigabytes(inputs: dict[str, pl.DataFrame]) -> tuple[float, float]:
    """Score in a process of its own; give the memory it had with its inputs, and at its highest."""
    with TemporaryDirectory() as folder:
        for name, frame in inputs.items():
            frame.write_ipc(Path(folder) / f"{name}.arrow")
        command = [sys.executable, "-m", "benchmarks.scoring", "--child", folder]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    before, highest = answer.split()
    return float(before), float(highest)


def _child(folder: Path) -> None:
    frame, accounts, previous = (pl.read_ipc(folder / f"{name}.arrow") for name in _FILES)
    before = _highest()
    result = full(frame, accounts, a_model(), previous, day=1)
    assert result.height == frame.height
    print(before, _highest())


def _highest() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main(rows: int) -> None:
    """Print medians of CPU seconds, their ratio, and the peak of memory."""
    model, accounts = a_model(), book(rows)
    first = full(signals(rows, model, day=0), accounts, model, None, day=0)
    previous = first.select(list(previous_schema(model)))
    frame = signals(rows, model, day=1)
    whole, bare = [], []
    for _ in range(TURNS):
        bare.append(_seconds(lambda: plain(frame, model)))
        whole.append(_seconds(lambda: full(frame, accounts, model, previous, day=1)))
    before, highest = _peak_gigabytes(dict(zip(_FILES, (frame, accounts, previous), strict=True)))
    print(f"accounts          {rows:,}, {len(model.signals)} signals; medians of {TURNS} turns")
    print(f"plain polars      {median(bare):.2f} CPU s   ({min(bare):.2f} to {max(bare):.2f})")
    print(f"score             {median(whole):.2f} CPU s   ({min(whole):.2f} to {max(whole):.2f})")
    print(f"ratio             {median(whole) / median(bare):.2f}")
    print(f"memory            {highest:.2f} GB at most, {before:.2f} GB of it inputs")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
