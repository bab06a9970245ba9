"""The frozen cohort: how everybody's signals were spread on one day, kept for a week.

Percentiles, segment means and the reference of drivers are measured against it, so a score does not move
because others moved on the same day, and an account has the same result alone as in the crowd. It is made
of one scoring; who makes it scores once more with it, and keeps it for a week (docs/decisions/0004).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from scoring.curves import SMALLEST_COHORT, Distribution
from scoring.definition import ScoringModel
from scoring.exact import divided, exact_sum
from scoring.frames import COHORT_SCHEMA

FROZEN_FOR = timedelta(days=7)
MOST_VALUES = 1_001
ARR = "account.arr"
EVERYBODY = ""


def freeze(scored: pl.DataFrame, signals: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Make a cohort of one scoring with detail; shapes as in `scoring.frames`. Only live values count."""
    ids = [name.removesuffix(".weight") for name in scored.columns if name.endswith(".weight")]
    segment = pl.col("segment").cast(pl.String) if "segment" in accounts.columns else pl.lit(None, pl.String)
    arr = pl.col("arr").cast(pl.Float64) if "arr" in accounts.columns else pl.lit(None, dtype=pl.Float64)
    book = accounts.select("account_id", segment.fill_null("").alias("segment"), arr.alias("~arr"))
    wide = (
        scored.select(
            "account_id", *(pl.col(f"{n}.{p}").alias(f"{n}~{p}") for n in ids for p in ("score", "fresh"))
        )
        .join(signals.select("account_id", *(f"{n}.value" for n in ids)), on="account_id", how="left")
        .join(book, on="account_id", how="left")
    )
    parts: list[pl.DataFrame] = []
    for name in sorted(ids):
        rows = wide.select(
            "segment",
            pl.when(pl.col(f"{name}~fresh") > 0).then(pl.col(f"{name}.value")).alias("value"),
            pl.col(f"{name}~score").alias("points"),
        ).filter(pl.col("value").is_not_null())
        parts += _spreads(name, rows)
    money = wide.select("segment", pl.col("~arr").alias("value"), pl.lit(None, pl.Float64).alias("points"))
    parts += _spreads(ARR, money.filter(pl.col("value") > 0))
    empty = pl.DataFrame(schema=dict(COHORT_SCHEMA))
    return pl.concat([empty, *parts]).sort("signal", "segment")


def _spreads(name: str, rows: pl.DataFrame) -> list[pl.DataFrame]:
    everybody = rows.with_columns(pl.lit(EVERYBODY).alias("segment"))
    inside = rows.filter(pl.col("segment") != EVERYBODY)
    return [
        _spread(name, str(key[0]), part)
        for frame in (everybody, inside)
        for key, part in sorted(frame.partition_by("segment", as_dict=True).items())
    ]


def _spread(name: str, segment: str, rows: pl.DataFrame) -> pl.DataFrame:
    n = rows.height
    counts = rows.group_by("value").agg(pl.len().cast(pl.Int64).alias("equal")).sort("value")
    counts = counts.with_columns((pl.col("equal").cum_sum() - pl.col("equal")).alias("less"))
    if counts.height > MOST_VALUES:
        # every step-th value and the ends: shares stay right, only what lies between is coarser
        step = -(-counts.height // (MOST_VALUES - 1))
        last = counts.height - 1
        counts = counts.with_row_index("i").filter((pl.col("i") % step == 0) | (pl.col("i") == last))
    shares = counts.select(
        "value",
        ((2 * pl.col("less") + pl.col("equal")).cast(pl.Float64) * (0.5 / n)).alias("at"),
        ((pl.col("less") + pl.col("equal")).cast(pl.Float64) * (1.0 / n)).alias("between"),
    )
    return pl.DataFrame(
        {
            "signal": [name],
            "segment": [segment],
            "n": [n],
            "mean": [rows.select(divided(exact_sum("value"), float(n))).item()],
            "median": [rows["value"].median()],
            "reference": [rows["points"].median()],
            "values": [shares["value"].to_list()],
            "at": [shares["at"].to_list()],
            "between": [shares["between"].to_list()],
        },
        schema=dict(COHORT_SCHEMA),
    )


def distributions(
    cohort: pl.DataFrame | None, model: ScoringModel
) -> Mapping[str, Mapping[str, Distribution]]:
    """Give the spreads by signal and segment that curves of this model may look at."""
    if cohort is None:
        return {}
    wanted = {signal.id for signal in model.signals}
    found: dict[str, dict[str, Distribution]] = {}
    for row in cohort.iter_rows(named=True):
        if row["signal"] in wanted:
            found.setdefault(row["signal"], {})[row["segment"]] = Distribution(
                n=row["n"], values=row["values"], at=row["at"], between=row["between"]
            )
    return found


def reference(cohort: pl.DataFrame | None, column: str, names: Sequence[str]) -> dict[tuple[str, str], float]:
    """Give a number of the cohort by (signal, segment), for groups that are large enough to mean something."""
    if cohort is None:
        return {}
    rows = cohort.filter(
        pl.col("signal").is_in(list(names)) & (pl.col("n") >= SMALLEST_COHORT) & pl.col(column).is_not_null()
    )
    return {(row["signal"], row["segment"]): float(row[column]) for row in rows.iter_rows(named=True)}
