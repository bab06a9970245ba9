"""Other ways to write the one published score: out of ten, words, letters, stars, rank, colour by percentile.

All of them are made from the same quantised score, after the band is known. The band, and the word for it, are
those of the band machine: they do not flicker, and may wait where a letter has changed already. Rank and
percentile compare with the scores that are published for the account's segment; accounts without a segment are a
segment of their own.

Refuses to write an unknown score as a number: what is a number is null then, and words say "unknown".
"""

import polars as pl

from scoring.definition import Formats, ScoringModel, units
from scoring.exact import divided
from scoring.model import Band

UNKNOWN = Band.UNKNOWN.value
STARS = ((90.0, 5), (75.0, 4), (50.0, 3), (25.0, 2), (0.0, 1))
"""Lowest score and its stars."""
_TENTH = units(10)


def formats(
    scored: pl.DataFrame,
    accounts: pl.DataFrame,
    model: ScoringModel,
    *,
    among: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Write every score in every way, in the order of `scored`.

    Gives account_id, score (0..100), scale10 (1..10), band, word, letter, stars (1..5), percentile (0..100),
    rank and rank_of (its place among so many scored accounts of its segment, ties alike: 1, 2, 2, 4), and colour
    (by percentile). `among` (segment, score) are the published scores of everybody, for when `scored` holds only
    some of them.
    """
    at = pl.col("score_units")
    own = scored.select("account_id", "score", "score_units", pl.col("band").cast(pl.String)).join(
        segments(accounts), on="account_id", how="left", maintain_order="left"
    )
    placed = _places(own.with_columns(pl.col("segment").fill_null("")), among)
    return placed.select(
        "account_id",
        "score",
        pl.when(at.is_not_null())
        .then(((at + _TENTH - 1) // _TENTH).clip(1, 10))
        .cast(pl.Int32)
        .alias("scale10"),
        "band",
        _word(model.formats).alias("word"),
        _highest(
            at, [(lowest, letter) for letter, lowest in model.formats.letters.items()], pl.String()
        ).alias("letter"),
        _highest(at, list(STARS), pl.Int32()).alias("stars"),
        "percentile",
        "rank",
        "rank_of",
        _colour(model.formats).alias("colour"),
    )


def segments(accounts: pl.DataFrame) -> pl.DataFrame:
    """Give account_id and segment of every account, "" where it has none."""
    segment = pl.col("segment").cast(pl.String) if "segment" in accounts.columns else pl.lit(None, pl.String)
    return accounts.select("account_id", segment.fill_null("").alias("segment"))


def _places(own: pl.DataFrame, among: pl.DataFrame | None) -> pl.DataFrame:
    """Add percentile, rank and rank_of: 100·(less + ½·equal)/n, and one more than there are above."""
    if among is None:
        counted = own.select("segment", "score_units", pl.lit(1, dtype=pl.Int64).alias("counts"))
    else:
        # whoever is to be placed has a row, without being counted twice
        counted = pl.concat(
            [
                own.select("segment", "score_units", pl.lit(0, dtype=pl.Int64).alias("counts")),
                among.select(
                    pl.col("segment").cast(pl.String).fill_null(""),
                    (pl.col("score") * units(1)).round().cast(pl.Int32).alias("score_units"),
                    pl.lit(1, dtype=pl.Int64).alias("counts"),
                ),
            ]
        )
    equal, n = pl.col("equal"), pl.col("n")
    below = pl.col("reached") - equal
    places = (
        counted.filter(pl.col("score_units").is_not_null())
        .group_by("segment", "score_units")
        .agg(pl.col("counts").sum().alias("equal"))
        .sort("segment", "score_units")
        .with_columns(
            pl.col("equal").cum_sum().over("segment").alias("reached"),
            pl.col("equal").sum().over("segment").alias("n"),
        )
        .filter(n > 0)
        .select(
            "segment",
            "score_units",
            divided((50 * (2 * below + equal)).cast(pl.Float64), n.cast(pl.Float64))
            .round(4)
            .alias("percentile"),
            (n - pl.col("reached") + 1).cast(pl.Int32).alias("rank"),
            n.cast(pl.Int32).alias("rank_of"),
        )
    )
    return own.join(places, on=["segment", "score_units"], how="left", maintain_order="left")


def _word(chosen: Formats) -> pl.Expr:
    """Give the word for the band; where the admin names none, the usual one."""
    words = {str(band): word for band, word in (*Formats().words.items(), *chosen.words.items())}
    return pl.col("band").replace_strict(list(words), list(words.values()), return_dtype=pl.String)


def _highest(
    at: pl.Expr, levels: list[tuple[float, str]] | list[tuple[float, int]], kind: pl.DataType
) -> pl.Expr:
    """Give what belongs to the highest level the score reaches."""
    result: pl.Expr = pl.lit(None, dtype=kind)
    for lowest, name in sorted(levels):
        result = pl.when(at >= units(lowest)).then(pl.lit(name, dtype=kind)).otherwise(result)
    return result


def _colour(chosen: Formats) -> pl.Expr:
    red, yellow = chosen.colours
    percentile = pl.col("percentile")
    return (
        pl.when(percentile.is_null())
        .then(pl.lit(UNKNOWN))
        .when(percentile < red)
        .then(pl.lit(Band.RED.value))
        .when(percentile < yellow)
        .then(pl.lit(Band.YELLOW.value))
        .otherwise(pl.lit(Band.GREEN.value))
    )
