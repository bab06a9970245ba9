"""Score to colour, with hysteresis: the machine that keeps a band from flickering.

Three bands are two cuts, and each cut is a small machine of its own: an account is above it or below it,
and may be on its way to the other side. A fall through both cuts therefore starts two clocks, and each cut
is crossed when its own clock says so, or at once where the fall is deep enough. Both machines obey the same
monotone rules, so nobody is ever above green and below yellow.

    above → below   the score is under the cut, seen for `down_dwell` in at least two refreshes of the data;
                    at once if it is `jump` under the cut, or a cap keeps it there
    below → above   the score is `up_margin` over the cut for `up_dwell`

Dwell is elapsed time between evaluations, never a number of runs. While there is no score, clocks stand
where they are and the band is kept for `unknown_after`; then it is UNKNOWN. Coming back from there, the last
known band is the prior state again and its episode goes on.

Refuses to know why a score is what it is.
"""

from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from scoring.definition import ScoringModel, units
from scoring.frames import INSTANT
from scoring.model import Band

_Cut = Literal["yellow", "green"]
_CUTS: tuple[_Cut, _Cut] = ("yellow", "green")

_HEADINGS = (
    ("green", "yellow", "red"),
    ("green", "green", "yellow"),
    ("yellow", "yellow", "red"),
    ("yellow", "green", "green"),
    ("red", "green", "green"),
    ("red", "yellow", "yellow"),
)
"""Band, the cut whose clock runs, and where that leads; the first that fits counts."""

_UNKNOWN = Band.UNKNOWN.value


def advance(
    frame: pl.LazyFrame,
    model: ScoringModel,
    *,
    model_hash: str,
    as_of: datetime,
    refreshed_at: datetime | None,
) -> pl.LazyFrame:
    """Add the columns of the band to `frame`.

    It holds score_units (null: no score), ceiling_units (of the strictest cap that is on, else null),
    `~override` (a band set by hand, else null) and the columns of PREVIOUS_SCHEMA prefixed with "was.", all null
    for an account that was never scored.
    """
    now = pl.lit(as_of, dtype=INSTANT)
    refresh = pl.lit(refreshed_at, dtype=INSTANT)
    unscored = pl.col("score_units").is_null()

    # Otherwise, never known before or known under another model, the cuts alone decide.
    same_model = (pl.col("was.model_hash") == model_hash).fill_null(False)
    continues = same_model & pl.col("was.known_band").is_not_null()
    stages = frame.with_columns(
        continues.alias("~continues"),
        (~unscored & (pl.col("was.model_hash") != model_hash).fill_null(False)).alias("migrated"),
        (refresh.is_not_null() & ~(refresh == pl.col("was.refreshed_at")).fill_null(False)).alias("~fresh"),
        _flapping(model, as_of),
    )
    for cut in _CUTS:
        stages = _cross(stages, cut, model, now)
    return _settle(stages, model, now=now).with_columns(
        # an account without a score has not been banded under this model yet
        pl.when(unscored)
        .then(pl.coalesce(pl.col("was.model_hash"), pl.lit(model_hash)))
        .otherwise(pl.lit(model_hash))
        .alias("model_hash"),
        pl.coalesce(refresh, pl.col("was.refreshed_at")).alias("refreshed_at"),
    )


def _flapping(model: ScoringModel, as_of: datetime) -> pl.Expr:
    """Say that the band changed too often lately; this run's change is not counted yet."""
    earliest = int((as_of - model.hysteresis.flapping_within).timestamp() * 1_000_000)
    lately = pl.col("was.flips").list.eval((pl.element() > earliest).cast(pl.Int64)).list.sum()
    return (lately >= model.hysteresis.flapping).fill_null(False).alias("flapping")


def flips(model: ScoringModel, as_of: datetime) -> pl.Expr:
    """Give the memory of the changes of band that still count, this run's included."""
    now = int(as_of.timestamp() * 1_000_000)
    earliest = int((as_of - model.hysteresis.flapping_within).timestamp() * 1_000_000)
    kept = pl.col("was.flips").list.eval(pl.element().filter(pl.element() > earliest))
    kept = pl.when(pl.col("was.flips").is_not_null()).then(kept)
    changed = pl.col("entered_from").is_in(["red", "yellow", "green"]) & (pl.col("band") != _UNKNOWN)
    this = pl.lit([now], dtype=pl.List(pl.Int64))
    grown = pl.when(changed & kept.is_not_null()).then(pl.concat_list(kept, this))
    return grown.when(changed).then(this).when(kept.list.len() > 0).then(kept).otherwise(None).alias("flips")


def _microseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def _cross(frame: pl.LazyFrame, cut: _Cut, model: ScoringModel, now: pl.Expr) -> pl.LazyFrame:
    rules = model.hysteresis
    at = model.cut(cut)
    score, ceiling = pl.col("score_units"), pl.col("ceiling_units")
    above_bands = ("green",) if cut == "green" else ("yellow", "green")
    was_above = pl.col("was.known_band").is_in(above_bands)
    running = pl.when(pl.col("~continues")).then(pl.col(f"was.{cut}_since"))

    enough = pl.when(pl.col("~override").is_not_null()).then(at).otherwise(at + units(rules.up_margin))
    moving = pl.when(was_above).then(score < at).otherwise(score >= enough)
    frame = frame.with_columns(
        moving.alias("~moving"),
        pl.coalesce(running, now).alias("~since"),
        running.is_not_null().alias("~ran"),
    )
    seen = (
        pl.when(pl.col("~ran"))
        .then(pl.col(f"was.{cut}_refreshes") + pl.col("~fresh").cast(pl.Int32))
        .otherwise(1)
    )
    stood = now - pl.col("~since")
    # who changes all the time must hold out twice as long
    dwelt = (
        pl.when(pl.col("flapping"))
        .then(stood.dt.total_microseconds() // 2)
        .otherwise(stood.dt.total_microseconds())
    )
    by_hand = pl.col("~override").is_not_null()
    at_once = (score <= at - units(rules.jump)) | (ceiling < at).fill_null(False) | by_hand
    down = at_once | ((dwelt >= _microseconds(rules.down_dwell)) & (pl.col("~seen") >= 2))
    up = by_hand | (dwelt >= _microseconds(rules.up_dwell))
    crosses = pl.col("~moving") & pl.when(was_above).then(down).otherwise(up)
    frame = frame.with_columns(seen.cast(pl.Int32).alias("~seen")).with_columns(crosses.alias("~crosses"))

    # without a score nothing is concluded: side and clock stay as they are
    above = (
        pl.when(~pl.col("~continues"))
        .then(score >= at)
        .when(score.is_null())
        .then(was_above)
        .otherwise(was_above != pl.col("~crosses"))
    )
    goes_on = pl.col("~continues") & pl.col("~moving") & ~pl.col("~crosses")
    kept = pl.col("~continues") & score.is_null()
    return frame.with_columns(
        above.alias(f"~above_{cut}"),
        pl.when(kept).then(running).when(goes_on).then(pl.col("~since")).alias(f"{cut}_since"),
        pl.when(kept)
        .then(pl.col(f"was.{cut}_refreshes"))
        .when(goes_on)
        .then(pl.col("~seen"))
        .alias(f"{cut}_refreshes"),
    )


def _settle(frame: pl.LazyFrame, model: ScoringModel, *, now: pl.Expr) -> pl.LazyFrame:
    score = pl.col("score_units")
    was_band, was_known = pl.col("was.band"), pl.col("was.known_band")
    from_sides = (
        pl.when(pl.col("~above_green"))
        .then(pl.lit("green"))
        .when(pl.col("~above_yellow"))
        .then(pl.lit("yellow"))
        .otherwise(pl.lit("red"))
    )
    unknown_since = pl.when(score.is_null()).then(pl.coalesce(pl.col("was.unknown_since"), now))
    frame = frame.with_columns(
        pl.when(score.is_not_null()).then(from_sides).otherwise(was_known).alias("known_band"),
        unknown_since.alias("unknown_since"),
    )
    silent = now - pl.col("unknown_since") >= model.hysteresis.unknown_after
    lost = score.is_null() & (silent | (was_band == _UNKNOWN).fill_null(True) | was_known.is_null())
    frame = frame.with_columns(
        pl.when(lost).then(pl.lit(_UNKNOWN)).otherwise(pl.col("known_band")).alias("band")
    )
    stays = (pl.col("band") == was_band).fill_null(False)
    same_episode = (pl.col("known_band") == was_known).fill_null(False)
    unknown = pl.col("band") == _UNKNOWN
    heading = pl.coalesce(
        pl.when((pl.col("known_band") == band) & pl.col(f"{cut}_since").is_not_null()).then(pl.lit(to))
        for band, cut, to in _HEADINGS
    )
    # UNKNOWN ends what was on its way
    clocks = [
        pl.when(~unknown).then(pl.col(f"{cut}_{part}")).alias(f"{cut}_{part}")
        for cut in _CUTS
        for part in ("since", "refreshes")
    ]
    return frame.with_columns(
        pl.when(stays).then(pl.col("was.band_since")).otherwise(now).alias("band_since"),
        pl.when(same_episode)
        .then(pl.col("was.known_since"))
        .when(pl.col("known_band").is_not_null())
        .then(now)
        .alias("known_since"),
        pl.when(~stays).then(was_band).alias("entered_from"),
        *clocks,
    ).with_columns(pl.when(~unknown).then(heading).alias("pending_band"))
