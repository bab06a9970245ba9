"""Who comes first: priority from score, renewal, money and confidence, and the list of work in its order.

Health says how an account is, priority how much it matters to look at it now. Money and dates belong here and
not into the score (scoring.md c.6).

Refuses to rank an account without a score: it has no priority, and comes last.
"""

import polars as pl

from scoring.cohort import ARR, EVERYBODY
from scoring.exact import divided


def priority(scored: pl.DataFrame, accounts: pl.DataFrame, *, cohort: pl.DataFrame | None) -> pl.DataFrame:
    """Give account_id and priority (0 upwards, null without a score), in the order of `scored`.

    (100 − S)/100 · (1 + nearness of renewal) · √(ARR / median ARR) · (½ + ½ · confidence). The median is that of
    the frozen cohort; where it or the ARR is not known, that factor is 1.
    """
    placed = scored.select("account_id", "score", "near", "confidence").join(
        _money(accounts), on="account_id", how="left", maintain_order="left"
    )
    middle = median_arr(cohort)
    size = pl.lit(1.0) if middle is None else divided(pl.col("arr"), middle).sqrt().fill_null(1.0)
    value = (
        divided(100 - pl.col("score"), 100.0) * (1 + pl.col("near")) * size * (1 + pl.col("confidence")) * 0.5
    )
    return placed.select("account_id", value.round(6).alias("priority"))


def work_list(scored: pl.DataFrame, accounts: pl.DataFrame, *, cohort: pl.DataFrame | None) -> pl.DataFrame:
    """Order accounts for those who work through them: highest priority first, ties by id.

    Gives place (from 1), account_id, priority, score, band, confidence, near and arr.
    """
    return (
        scored.select("account_id", "score", pl.col("band").cast(pl.String), "confidence", "near")
        .join(priority(scored, accounts, cohort=cohort), on="account_id", how="left")
        .join(_money(accounts), on="account_id", how="left")
        .sort("priority", "account_id", descending=[True, False], nulls_last=True)
        .with_row_index("place", offset=1)
        .select("place", "account_id", "priority", "score", "band", "confidence", "near", "arr")
    )


def median_arr(cohort: pl.DataFrame | None) -> float | None:
    """Give the median ARR of everybody in the frozen cohort; None where there is none."""
    if cohort is None:
        return None
    rows = cohort.filter(
        (pl.col("signal") == ARR) & (pl.col("segment") == EVERYBODY) & (pl.col("median") > 0)
    )
    return None if rows.is_empty() else float(rows["median"][0])


def _money(accounts: pl.DataFrame) -> pl.DataFrame:
    """Give account_id and arr; what is no finite number is not known, and less than nothing is nothing."""
    arr = pl.col("arr").cast(pl.Float64) if "arr" in accounts.columns else pl.lit(None, dtype=pl.Float64)
    return accounts.select("account_id", pl.when(arr.is_finite()).then(arr.clip(0, None)).alias("arr"))
