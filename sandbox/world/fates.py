"""What becomes of each customer: who leaves, when and why; who goes through a bad time and recovers.

Two things put a customer under strain, a number from 0 to 1 that usage, tickets and payments follow:

* leaving: the last weeks before the end of a term that is not renewed. Some leave out of the blue.
* a slump: usage falls for weeks, stays low, and comes back. It looks the same from outside, for a while.

Both can be told for any day without living through the days before it. Nobody but the truth is told this.
"""

import polars as pl

from sandbox.world.chance import Chance

REASONS = ("price", "champion left", "missing features", "poor support", "low adoption")
SUDDEN_REASONS = ("acquired", "insolvent", "budget cut")
CHURN_A_TERM = {"Enterprise": 0.06, "Mid-Market": 0.11, "SMB": 0.18}
CHURN_A_MONTH = 0.015
SUDDEN = 0.18
"""Share of those who leave without a sign."""
NOTICE = 0.6
"""Share of those who cancel before the term ends; the others just do not pay again."""
HORIZON_DAYS = 5 * 365
"""Whoever would leave later than this stays."""
SLUMP_EVERY = 112
"""Each customer's life is cut into stretches of this many days; a slump fits into one of them."""
SLUMP = 0.2
LONGEST_SLUMP = 90
FATE_COLUMNS = ("since", "leaves", "signs", "depth", "slump_phase")
"""What has to be known of a customer, besides its number, to tell its strain."""

_n = pl.col("n")


def with_fates(chance: Chance, customers: pl.DataFrame, start_day: int) -> pl.DataFrame:
    """Add who leaves when (`leaves`, a day or null), why, and from when on it shows."""
    since, term = pl.col("since"), pl.col("term_days")
    first_end = since + ((start_day - since) // term + 1) * term
    churn = (
        pl.when("monthly")
        .then(pl.lit(CHURN_A_MONTH))
        .otherwise(pl.col("segment").replace_strict(CHURN_A_TERM))
    )
    # How many terms are renewed before one is not.
    renewed = ((1 - chance.uniform("leaves", _n)).log() / (1 - churn).log()).floor().cast(pl.Int64)
    leaves = first_end + renewed * term
    sudden = chance.uniform("sudden", _n) < SUDDEN
    signs = leaves - chance.whole("signs", 40, 115, _n)
    gives_notice = chance.uniform("gives notice", _n) < NOTICE
    days_ahead = pl.when(sudden).then(chance.whole("late notice", 1, 8, _n))
    notice = leaves - days_ahead.otherwise(chance.whole("notice", 7, 60, _n))

    def reason(purpose: str, reasons: tuple[str, ...]) -> pl.Expr:
        numbers = dict(enumerate(reasons))
        return chance.whole(purpose, 0, len(reasons), _n).replace_strict(numbers, return_dtype=pl.String)

    stays = leaves > start_day + HORIZON_DAYS
    return customers.with_columns(
        leaves=pl.when(stays).then(None).otherwise(leaves),
        signs=pl.when(stays | sudden).then(None).otherwise(signs),
        notice=pl.when(stays | ~gives_notice).then(None).otherwise(notice),
        reason=pl.when(stays)
        .then(None)
        .when(sudden)
        .then(reason("sudden reason", SUDDEN_REASONS))
        .otherwise(reason("reason", REASONS)),
        depth=chance.between("depth", 0.75, 1.0, _n),
        slump_phase=chance.whole("slump phase", 0, SLUMP_EVERY, _n),
    )


def strain(chance: Chance, day: pl.Expr | int) -> pl.Expr:
    """Tell how much a customer is under strain on a day: 0 not at all, 1 as much as can be."""
    day = day if isinstance(day, pl.Expr) else pl.lit(day)
    leaving = ((day - pl.col("signs")) / (pl.col("leaves") - pl.col("signs"))).clip(0, 1) ** 0.7
    return pl.max_horizontal((leaving * pl.col("depth")).fill_null(0.0), _slump(chance, day))


def is_customer(day: pl.Expr | int) -> pl.Expr:
    """Say whether the contract runs on a day."""
    day = day if isinstance(day, pl.Expr) else pl.lit(day)
    return (pl.col("since") <= day) & (pl.col("leaves").is_null() | (day < pl.col("leaves")))


def _slump(chance: Chance, day: pl.Expr) -> pl.Expr:
    counted = day + pl.col("slump_phase")
    stretch = counted // SLUMP_EVERY
    fall = chance.between("fall", 15, 35, _n, stretch)
    low = chance.between("low", 3, 20, _n, stretch)
    rise = chance.between("rise", 15, 35, _n, stretch)
    begins = chance.between("slump begins", 0, SLUMP_EVERY - LONGEST_SLUMP, _n, stretch)
    passed = counted % SLUMP_EVERY - begins
    shape = pl.min_horizontal(passed / fall, (fall + low + rise - passed) / rise).clip(0, 1)
    happens = chance.uniform("slump", _n, stretch) < SLUMP
    # The first weeks belong to onboarding.
    settled = day - pl.col("since") > 60
    depth = chance.between("slump depth", 0.4, 0.95, _n, stretch)
    return pl.when(happens & settled).then(shape * depth).otherwise(0.0)
