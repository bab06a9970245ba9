"""Two scorings of the same accounts side by side: a candidate model and the live one, or this week and last.

Bands before and after, who moved most, who would turn red, and how the scores are spread. Both frames need
account_id, score and band; `after` may also have confidence.

Refuses to call an account moved that has no score on one of the sides: it is in the table of bands only.
"""

from dataclasses import dataclass

import polars as pl

from scoring.definition import UNITS_PER_POINT
from scoring.exact import divided
from scoring.model import Band
from scoring.portfolio import LOW

_BANDS = [band.value for band in Band]
_TENTH = 10 * UNITS_PER_POINT
ABSENT = "absent"
"""In place of a band: the account is on the other side only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is different between two scorings."""

    bands: pl.DataFrame
    """before, after and accounts: every pair of bands that occurs; "absent" is on one side only."""
    shares: pl.DataFrame
    """band, before and after (accounts), before_share and after_share (0..1 of that side)."""
    distribution: pl.DataFrame
    """from (0, 10, …, 90: points), before and after (accounts); the last tenth holds 100 as well."""
    movers: pl.DataFrame
    """account_id, before, after, delta (points), band_before, band_after: the largest moves first, ties by id."""
    into_red: pl.DataFrame
    """As movers, lowest score first: who is red after and was not before; task: confidence is not low."""
    moved: int
    """Accounts whose band is another one."""
    mean_change: float | None
    """Of those scored on both sides, in points."""


def compare(before: pl.DataFrame, after: pl.DataFrame, *, most: int = 20) -> Comparison:
    """Compare two scorings; at most so many movers are listed, everything else is complete."""
    pairs = _paired(before, after)
    changed = pl.col("band_before") != pl.col("band_after")
    both = pairs.filter(pl.col("delta_units").is_not_null())
    return Comparison(
        bands=_matrix(pairs),
        shares=_shares(pairs),
        distribution=_distribution(pairs),
        movers=_movers(both, most),
        into_red=_into_red(pairs),
        moved=pairs.filter(changed & ~_one_sided()).height,
        mean_change=None
        if both.is_empty()
        else both.select(
            divided(pl.col("delta_units").sum().cast(pl.Float64), float(both.height * UNITS_PER_POINT)).round(
                4
            )
        ).item(),
    )


def _paired(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Put both sides of every account into one row, in the order of ids."""
    sure = pl.col("confidence") >= LOW if "confidence" in after.columns else pl.lit(True)
    earlier = before.select(
        "account_id",
        _units("score").alias("units_before"),
        pl.col("band").cast(pl.String).alias("band_before"),
    )
    later = after.select(
        "account_id",
        _units("score").alias("units_after"),
        pl.col("band").cast(pl.String).alias("band_after"),
        sure.alias("sure"),
    )
    return (
        earlier.join(later, on="account_id", how="full", coalesce=True)
        .with_columns(
            pl.col("band_before").fill_null(ABSENT),
            pl.col("band_after").fill_null(ABSENT),
            (pl.col("units_after") - pl.col("units_before")).alias("delta_units"),
        )
        .sort("account_id")
    )


def _one_sided() -> pl.Expr:
    return (pl.col("band_before") == ABSENT) | (pl.col("band_after") == ABSENT)


def _matrix(pairs: pl.DataFrame) -> pl.DataFrame:
    order = [*_BANDS, ABSENT]
    return (
        pairs.group_by(pl.col("band_before").alias("before"), pl.col("band_after").alias("after"))
        .agg(pl.len().cast(pl.Int64).alias("accounts"))
        .sort(pl.col("before").cast(pl.Enum(order)), pl.col("after").cast(pl.Enum(order)))
    )


def _shares(pairs: pl.DataFrame) -> pl.DataFrame:
    sides = ("before", "after")
    counts = {
        side: {name: pairs.filter(pl.col(f"band_{side}") == name).height for name in _BANDS} for side in sides
    }
    whole = {side: sum(counts[side].values()) or 1 for side in sides}
    return pl.DataFrame(
        [
            {
                "band": name,
                **{side: counts[side][name] for side in sides},
                **{f"{side}_share": round(counts[side][name] / whole[side], 6) for side in sides},
            }
            for name in _BANDS
        ]
    )


def _distribution(pairs: pl.DataFrame) -> pl.DataFrame:
    table = pl.DataFrame({"from": list(range(0, 100, 10))}, schema={"from": pl.Int64})
    for side in ("before", "after"):
        tenth = (pl.col(f"units_{side}") // _TENTH).clip(0, 9) * 10
        counts = (
            pairs.filter(pl.col(f"units_{side}").is_not_null())
            .group_by(tenth.alias("from"))
            .agg(pl.len().cast(pl.Int64).alias(side))
        )
        table = table.join(counts, on="from", how="left", maintain_order="left")
    return table.with_columns(pl.col("before", "after").fill_null(0))


def _movers(both: pl.DataFrame, most: int) -> pl.DataFrame:
    return (
        both.filter(pl.col("delta_units") != 0)
        .sort(pl.col("delta_units").abs(), "account_id", descending=[True, False])
        .head(most)
        .select(_shown())
    )


def _into_red(pairs: pl.DataFrame) -> pl.DataFrame:
    red = Band.RED.value
    return (
        pairs.filter((pl.col("band_after") == red) & (pl.col("band_before") != red))
        .sort("units_after", "account_id", nulls_last=True)
        .select(*_shown(), pl.col("sure").fill_null(False).alias("task"))
    )


def _shown() -> list[pl.Expr]:
    return [
        pl.col("account_id"),
        *(_points(f"units_{side}").alias(side) for side in ("before", "after")),
        _points("delta_units").alias("delta"),
        pl.col("band_before"),
        pl.col("band_after"),
    ]


def _units(score: str) -> pl.Expr:
    return (pl.col(score) * UNITS_PER_POINT).round().cast(pl.Int64)


def _points(units: str) -> pl.Expr:
    return divided(pl.col(units).cast(pl.Float64), UNITS_PER_POINT).round(4)
