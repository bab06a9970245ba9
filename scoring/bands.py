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

Columns that begin with "~" hold bands as BAND, which is compared and chosen ten times as fast as text;
`~band`, `~known` and `~from` are band, known_band and entered_from.

Refuses to know why a score is what it is.
"""

from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from scoring.definition import ScoringModel, units
from scoring.frames import BAND, INSTANT
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
_NAMES = pl.Series(BAND.categories, dtype=pl.String)


def advance(
    frame: pl.LazyFrame,
    model: ScoringModel,
    *,
    model_hash: str,
    one_model: bool,
    as_of: datetime,
    refreshed_at: datetime | None,
) -> pl.LazyFrame:
    """Add the columns of the band to `frame`.

    It holds score_units (null: no score), ceiling_units (of the strictest cap that is on, else null),
    `~override` (a band set by hand, else null), `~same_model` and the columns of PREVIOUS_SCHEMA prefixed with
    "was.", all null for an account that was never scored. `one_model` says that nobody was ever judged under
    another model.
    """
    now = pl.lit(as_of, dtype=INSTANT)
    refresh = pl.lit(refreshed_at, dtype=INSTANT)
    unscored = pl.col("score_units").is_null()

    # Otherwise, never known before or known under another model, the cuts alone decide.
    same_model = pl.col("~same_model")
    stages = frame.with_columns(
        (same_model & pl.col("was.known_band").is_not_null()).alias("~continues"),
        (~unscored & pl.col("was.model_hash").is_not_null() & ~same_model).alias("migrated"),
        (refresh.is_not_null() & ~(refresh == pl.col("was.refreshed_at")).fill_null(False)).alias("~fresh"),
        pl.col("was.band").cast(BAND).alias("~was_band"),
        pl.col("was.known_band").cast(BAND).alias("~was_known"),
        _lately(model, as_of),
    ).with_columns(
        # this run's change is not counted yet
        (pl.col("~flips").list.len() >= model.hysteresis.flapping).fill_null(False).alias("flapping")
    )
    for cut in _CUTS:
        stages = _cross(stages, cut, model, now)
    hashed = pl.lit(model_hash)
    if not one_model:
        # an account without a score has not been banded under this model yet
        hashed = pl.when(unscored).then(pl.coalesce(pl.col("was.model_hash"), hashed)).otherwise(hashed)
    return _settle(stages, model, now=now).with_columns(
        hashed.alias("model_hash"), pl.coalesce(refresh, pl.col("was.refreshed_at")).alias("refreshed_at")
    )


def _lately(model: ScoringModel, as_of: datetime) -> pl.Expr:
    """Give `~flips`: the remembered changes of band that are not too old to count."""
    earliest = int((as_of - model.hysteresis.flapping_within).timestamp() * 1_000_000)
    kept = pl.col("was.flips").list.eval(pl.element().filter(pl.element() > earliest))
    return pl.when(pl.col("was.flips").is_not_null()).then(kept).alias("~flips")


def flips(as_of: datetime) -> pl.Expr:
    """Give the memory of the changes of band that still count, this run's included."""
    kept = pl.col("~flips")
    changed = (pl.col("~from") != _UNKNOWN).fill_null(False) & (pl.col("~band") != _UNKNOWN)
    this = pl.lit([int(as_of.timestamp() * 1_000_000)], dtype=pl.List(pl.Int64))
    grown = pl.when(changed & kept.is_not_null()).then(pl.concat_list(kept, this))
    return grown.when(changed).then(this).when(kept.list.len() > 0).then(kept).otherwise(None).alias("flips")


def _spelled(band: pl.Expr) -> pl.Expr:
    """Write bands as text; taking the words from a list is faster than a cast."""
    return pl.lit(_NAMES).gather(band.to_physical())


def _band(name: str) -> pl.Expr:
    return pl.lit(name, dtype=BAND)


def _enough(dwell: timedelta) -> pl.Expr:
    """Give a dwell in microseconds; who changes all the time must hold out twice as long."""
    long = dwell // timedelta(microseconds=1)
    return pl.when(pl.col("flapping")).then(2 * long).otherwise(long)


def _cross(frame: pl.LazyFrame, cut: _Cut, model: ScoringModel, now: pl.Expr) -> pl.LazyFrame:
    rules = model.hysteresis
    at = model.cut(cut)
    score, ceiling = pl.col("score_units"), pl.col("ceiling_units")
    was_above = pl.col("~was_known") == "green" if cut == "green" else pl.col("~was_known") != "red"
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
    stood = (now - pl.col("~since")).dt.total_microseconds()
    by_hand = pl.col("~override").is_not_null()
    at_once = (score <= at - units(rules.jump)) | (ceiling < at).fill_null(False) | by_hand
    down = at_once | ((stood >= _enough(rules.down_dwell)) & (pl.col("~seen") >= 2))
    up = by_hand | (stood >= _enough(rules.up_dwell))
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
    was_band, was_known = pl.col("~was_band"), pl.col("~was_known")
    above_red = pl.when(pl.col("~above_yellow")).then(_band("yellow")).otherwise(_band("red"))
    from_sides = pl.when(pl.col("~above_green")).then(_band("green")).otherwise(above_red)
    unknown_since = pl.when(score.is_null()).then(pl.coalesce(pl.col("was.unknown_since"), now))
    frame = frame.with_columns(
        pl.when(score.is_not_null()).then(from_sides).otherwise(was_known).alias("~known"),
        unknown_since.alias("unknown_since"),
    )
    silent = now - pl.col("unknown_since") >= model.hysteresis.unknown_after
    lost = score.is_null() & (silent | (was_band == _UNKNOWN).fill_null(True) | was_known.is_null())
    frame = frame.with_columns(pl.when(lost).then(_band(_UNKNOWN)).otherwise(pl.col("~known")).alias("~band"))
    stays = (pl.col("~band") == was_band).fill_null(False)
    same_episode = (pl.col("~known") == was_known).fill_null(False)
    unknown = pl.col("~band") == _UNKNOWN
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
        .when(pl.col("~known").is_not_null())
        .then(now)
        .alias("known_since"),
        pl.when(~stays).then(was_band).alias("~from"),
        *clocks,
    ).with_columns(
        _spelled(pl.col("~band")).alias("band"),
        _spelled(pl.col("~known")).alias("known_band"),
        _spelled(pl.col("~from")).alias("entered_from"),
        _spelled(pl.when(~unknown).then(_heading())).alias("pending_band"),
    )


def _heading() -> pl.Expr:
    """Say where the band is on its way to, if a clock runs."""
    result: pl.Expr = pl.lit(None, dtype=BAND)
    for band, cut, to in reversed(_HEADINGS):
        on_its_way = (pl.col("~known") == band) & pl.col(f"{cut}_since").is_not_null()
        result = pl.when(on_its_way).then(_band(to)).otherwise(result)
    return result
