"""The whole base and every segment at a glance: mean score, bands, money in them, how much is known.

Every account counts once, as itself. Sums are exact: the parts add up to the whole, whatever order they come in.

Refuses to let an account without a score count as a bad one: it is in the number of accounts and in the band
"unknown", and in no mean.
"""

import polars as pl

from scoring.definition import UNITS_PER_POINT
from scoring.exact import divided, exact_sum, from_parts, to_parts
from scoring.formats import segments
from scoring.model import Band

LOW = 0.5
"""Confidence below which a score should be verified before anybody acts on it (scoring.md c.12)."""
_AT_RISK = (Band.RED.value, Band.YELLOW.value)


def portfolio(scored: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Sum up the base and its segments: the whole first (segment null), then segments by name ("": none).

    Gives per row: accounts; scored, how many have a score; mean and arr_mean, the mean weighted by ARR (points,
    null where there is nothing to weigh); per band its count and <band>_share (0..1 of the accounts); arr,
    arr_<band> and arr_at_risk (red or yellow); coverage (mean, 0..1) and confidence_low, how many scores
    should be verified first.
    """
    rows = scored.select(
        "account_id", "score_units", pl.col("band").cast(pl.String), "coverage", "confidence"
    ).join(_book(accounts), on="account_id", how="left")
    rows = rows.with_columns(pl.col("segment").fill_null(""), pl.col("arr").fill_null(0.0))
    whole = rows.select(pl.lit(None, dtype=pl.String).alias("segment"), *_sums())
    parts = rows.group_by("segment").agg(_sums()).sort("segment")
    return pl.concat([whole, parts]).select(_columns())


def _book(accounts: pl.DataFrame) -> pl.DataFrame:
    arr = pl.col("arr").cast(pl.Float64) if "arr" in accounts.columns else pl.lit(None, dtype=pl.Float64)
    money = accounts.select("account_id", pl.when(arr.is_finite() & (arr > 0)).then(arr).alias("arr"))
    return segments(accounts).join(money, on="account_id", how="left")


def _sums() -> list[pl.Expr]:
    score, band = pl.col("score_units"), pl.col("band")
    weight = pl.when(score.is_not_null()).then(to_parts(pl.col("arr")))
    bands = [name.value for name in Band]
    return [
        pl.len().cast(pl.Int64).alias("accounts"),
        score.count().cast(pl.Int64).alias("scored"),
        score.cast(pl.Int64).sum().alias("~units"),
        (weight * score.cast(pl.Int128)).sum().alias("~weighted"),
        weight.sum().alias("~weight"),
        *((band == name).sum().cast(pl.Int64).alias(name) for name in bands),
        *(
            from_parts(to_parts(pl.col("arr")).filter(band == name).sum()).alias(f"arr_{name}")
            for name in bands
        ),
        from_parts(to_parts(pl.col("arr")).filter(band.is_in(_AT_RISK)).sum()).alias("arr_at_risk"),
        exact_sum("arr").alias("arr"),
        exact_sum("coverage").alias("~coverage"),
        (score.is_not_null() & (pl.col("confidence") < LOW)).sum().cast(pl.Int64).alias("confidence_low"),
    ]


def _columns() -> list[pl.Expr]:
    n, known, weight = pl.col("accounts"), pl.col("scored"), pl.col("~weight")
    bands = [name.value for name in Band]
    return [
        pl.col("segment"),
        n,
        known,
        pl.when(known > 0).then(_mean("~units", known)).alias("mean"),
        pl.when(weight > 0).then(_mean("~weighted", weight)).alias("arr_mean"),
        *(pl.col(name) for name in bands),
        *(_share(pl.col(name), n).alias(f"{name}_share") for name in bands),
        pl.col("arr").fill_null(0.0),
        *(pl.col(f"arr_{name}") for name in bands),
        pl.col("arr_at_risk"),
        _share(pl.col("~coverage"), n).alias("coverage"),
        pl.col("confidence_low"),
    ]


def _mean(units: str, of: pl.Expr) -> pl.Expr:
    mean = divided(pl.col(units).cast(pl.Float64), of.cast(pl.Float64))
    return divided(mean, UNITS_PER_POINT).round(4)


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    share = divided(part.cast(pl.Float64), whole.cast(pl.Float64))
    return pl.when(whole > 0).then(share.round(6)).otherwise(0.0)
