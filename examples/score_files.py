"""Scores exported files as of past dates, in memory, and writes one CSV: no state, no CRM, no labels.

    python -m examples.score_files CONFIG INPUTS OUT.csv DATE…
    python -m examples.score_files CONFIG INPUTS OUT.csv --snapshots FILE
    python -m examples.score_files CONFIG INPUTS OUT.csv

CONFIG is a TOML file such as examples/oulad/model.toml, INPUTS the folder with the files it names. A date
means its beginning: only what is dated before that day is known. FILE is a CSV; its distinct values of as_of
are the dates, and no other column of it is read. Without dates, files that have none are scored once.

Bands have a memory, as in life: each result is the past of the next one, and every date is preceded by two
daily runs (`--days-before N`), so that what takes two days to settle can. Columns of the result: account_id,
as_of (where there are dates), score (empty while unknown), band, confidence.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from examples.exported import Exported, beginning, load, read
from scoring.errors import ConfigError
from scoring.health import score
from scoring.memory import previous_schema
from scoring.metrics import signals

UNDATED = date(2000, 1, 1)
"""Any day will do where nothing has a date."""
DAYS_BEFORE = 2
"""The longest dwell of the default hysteresis, in daily runs."""


def main(arguments: Sequence[str]) -> int:
    """Score what the arguments ask for and print how scores and bands are spread."""
    asked = _parser().parse_args(arguments)
    try:
        exported = read(load(asked.config), asked.inputs)
    except ConfigError as exc:
        for problem in exc.problems:
            sys.stderr.write(f"{problem.key}: {problem.message}; {problem.remedy}\n")
        return 2
    days = sorted({*asked.dates, *(snapshot_days(asked.snapshots) if asked.snapshots else ())})
    if not days and exported.dated():
        sys.stderr.write("these files have dates: name at least one to score, or --snapshots FILE\n")
        return 2
    result = pl.concat(scored_days(exported, days or [UNDATED], days_before=asked.days_before if days else 0))
    (result if days else result.drop("as_of")).write_csv(asked.out)
    sys.stdout.write(summary(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.score_files")
    parser.add_argument("config", type=Path)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("dates", type=date.fromisoformat, nargs="*")
    parser.add_argument("--snapshots", type=Path)
    parser.add_argument("--days-before", type=int, default=DAYS_BEFORE)
    return parser


def snapshot_days(path: Path) -> list[date]:
    """Give the distinct days of the column as_of; no other column is read."""
    cells = pl.read_csv(path, columns=["as_of"], infer_schema=False)["as_of"].unique()
    return sorted(date.fromisoformat(text[:10]) for text in cells)


def scored_days(exported: Exported, days: Sequence[date], *, days_before: int) -> Iterator[pl.DataFrame]:
    """Score the account book of every day, in order; each day remembers those before it."""
    example = exported.example
    kept_of = pl.Schema(previous_schema(example.model))
    memory = pl.DataFrame(schema=kept_of)
    runs = {day - timedelta(days=back) for day in days for back in range(days_before + 1)}
    for day in sorted(runs):
        as_of = beginning(day, example.timezone)
        accounts = exported.accounts(day)
        if not accounts.height:
            continue
        known = signals(
            exported.facts(as_of), accounts, example.model, as_of=as_of, timezone=example.timezone
        )
        scored = score(
            known,
            accounts,
            example.model,
            as_of=as_of,
            refreshed_at=as_of,
            timezone=example.timezone,
            previous=memory,
            topics=sorted(exported.known),
        )
        kept = scored.select(kept_of.names()).cast(kept_of)
        memory = pl.concat([kept, memory.join(kept, on="account_id", how="anti")])
        if day in days:
            yield scored.select(
                "account_id",
                pl.lit(day).alias("as_of"),
                "score",
                pl.col("band").cast(pl.String),
                pl.col("confidence").round(4),
            )


def summary(result: pl.DataFrame) -> str:
    """Say how scores and bands are spread."""
    counts = dict(result.group_by("band").len().iter_rows())
    shares = ", ".join(
        f"{band} {counts.get(band, 0) / result.height:.1%}" for band in ("red", "yellow", "green", "unknown")
    )
    points = [result["score"].quantile(part) for part in (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9)]
    deciles = ", ".join("-" if value is None else f"{value:.1f}" for value in points)
    days = result["as_of"].n_unique()
    return (
        f"{result.height} scores of {result['account_id'].n_unique()} accounts on {days} day(s)\n"
        f"bands: {shares}\n"
        f"scores at 1, 5, 10, 25, 50, 75, 90 %: {deciles}; {result['score'].n_unique()} different ones\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
