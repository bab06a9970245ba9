"""Hierarchies: what the accounts beneath a parent make of its score.

The subtree of a parent is the account itself and everything beneath it, each account once, with its own score
and its own ARR. Refuses to follow a cycle: accounts on one have no parent.
"""

from itertools import pairwise

import polars as pl

from scoring.definition import ScoringModel
from scoring.exact import exact_sum
from scoring.normalise import to_units

DEEPEST = 50
"""No real hierarchy is deeper; what is, is a cycle."""


def lineage(accounts: pl.DataFrame) -> pl.DataFrame:
    """Give every (ancestor, account_id), the account itself included, for the accounts that have children."""
    links = accounts.select("account_id", pl.col("parent").cast(pl.String)).filter(
        pl.col("parent").is_not_null() & (pl.col("parent") != "")
    )
    links = links.join(accounts.select(pl.col("account_id").alias("parent")), on="parent", how="semi")
    links = links.filter(~pl.col("account_id").is_in(cycles(accounts).implode()))
    pairs = [links.select(pl.col("parent").alias("ancestor"), "account_id")]
    step = pairs[0]
    while not step.is_empty() and len(pairs) <= DEEPEST:
        step = step.join(links, left_on="ancestor", right_on="account_id", how="inner").select(
            pl.col("parent").alias("ancestor"), "account_id"
        )
        pairs.append(step)
    beneath = pl.concat(pairs)
    parents = beneath.select(pl.col("ancestor").unique())
    return pl.concat([beneath, parents.select("ancestor", pl.col("ancestor").alias("account_id"))])


def cycles(accounts: pl.DataFrame) -> pl.Series:
    """List the accounts that are their own ancestors."""
    links = accounts.select("account_id", pl.col("parent").cast(pl.String)).filter(
        pl.col("parent").is_not_null()
    )
    left = links
    while True:
        # who has no parent among those left, or is nobody's parent, is on no cycle
        inner = left.filter(
            pl.col("parent").is_in(left["account_id"].implode())
            & pl.col("account_id").is_in(left["parent"].implode())
        )
        if inner.height == left.height:
            return left["account_id"].sort()
        left = inner


def roll_up(own: pl.DataFrame, accounts: pl.DataFrame, model: ScoringModel) -> pl.DataFrame:
    """Give account_id and `~rolled` (units) of every parent whose subtree has a score."""
    arr = pl.col("arr").cast(pl.Float64) if "arr" in accounts.columns else pl.lit(None, dtype=pl.Float64)
    money = accounts.select("account_id", arr.alias("arr"))
    members = (
        lineage(accounts)
        .join(own.select("account_id", "score_units"), on="account_id", how="inner")
        .filter(pl.col("score_units").is_not_null())
        .join(money, on="account_id", how="left")
        .with_columns(pl.when(pl.col("arr") > 0).then(pl.col("arr")).otherwise(0.0).alias("arr"))
    )
    units = pl.col("score_units").cast(pl.Float64)
    yellow = model.cut("yellow")
    sums = (
        members.with_columns(
            (pl.col("arr") * units).alias("~weighted"),
            pl.when(pl.col("score_units") < yellow).then(pl.col("arr")).otherwise(0.0).alias("~red"),
        )
        .group_by("ancestor")
        .agg(
            exact_sum("~weighted").alias("weighted"),
            exact_sum("arr").alias("arr"),
            exact_sum("~red").alias("red"),
            pl.col("score_units").cast(pl.Int64).sum().alias("sum"),
            pl.len().alias("n"),
            pl.col("score_units").min().alias("lowest"),
        )
    )
    return sums.select(
        pl.col("ancestor").alias("account_id"), _rolled(model).cast(pl.Int32).alias("~rolled")
    ).filter(pl.col("~rolled").is_not_null())


def _rolled(model: ScoringModel) -> pl.Expr:
    plain = (2 * pl.col("sum") + pl.col("n")) // (2 * pl.col("n"))
    match model.hierarchy.mode:
        case "min":
            return pl.col("lowest")
        case "arr_weighted_mean":
            mean = pl.col("weighted") * (1.0 / pl.col("arr"))
            return pl.when(pl.col("arr") > 0).then((mean + 0.5).floor()).otherwise(plain)
        case _:
            share = pl.col("red") * (1.0 / pl.col("arr"))
            return pl.when(pl.col("arr") > 0).then(_by_share(model, share)).otherwise(plain)


def _by_share(model: ScoringModel, share: pl.Expr) -> pl.Expr:
    """Turn the share of ARR in red into units, so that its thresholds meet the cuts of the bands."""
    knots = [
        (0.0, 100.0),
        (model.hierarchy.yellow_share, model.cut("green") / 10_000),
        (model.hierarchy.red_share, model.cut("yellow") / 10_000),
        (1.0, 0.0),
    ]
    result: pl.Expr = pl.lit(0.0)
    for (x0, y0), (x1, y1) in reversed(list(pairwise(knots))):
        if x1 > x0:
            line = y0 + (share - x0) * ((y1 - y0) / (x1 - x0))
            result = pl.when(share <= x1).then(line).otherwise(result)
    return to_units(result)
