"""Kinds of series metrics that compare whole weeks: slope, active weeks, distance from one's own baseline.

Weeks are counted back from the last complete day, so each holds all seven weekdays once. Medians are taken of
whole numbers (totals in parts, slopes in 420ths of a part): whatever way polars halves two of them, the result
is the same.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import combinations

import polars as pl

from scoring.days import WEEK, Days, Span
from scoring.definition import Signal
from scoring.exact import PARTS_PER_UNIT, divided
from scoring.reading import Reading

SLOPE_WEEKS = 8
SMALLEST_SLOPE = 6
"""Weeks that must have a number, where weeks without one are left out."""
AGREEMENT = (4, 10)
"""Of all pairs of weeks, so many more must point one way than the other (Mann–Kendall's τ ≥ 0.4)."""
BASELINE = timedelta(days=84)
SHORTEST_BASELINE = timedelta(days=56)
SMALLEST_BASELINE = 6
"""Weeks of the baseline that must be known."""
HISTORY = timedelta(days=400)
"""How far back an account's first number is looked for."""
LARGEST_Z = 10.0
_ALL_SPANS = 420
"""Divisible by every number of weeks that may lie between two of eight."""
MAD_PER_SIGMA = 1.4826
"""What the median absolute deviation of a normal distribution falls short of its standard deviation."""


def slope(signal: Signal, days: Days) -> Reading:
    """Read the change per week as a share of the median week: Theil and Sen's median of pairwise slopes.

    One odd week changes nothing. NO_DATA where the weeks do not agree on a direction.
    """
    spans = [days.moment.window(WEEK, back=back) for back in reversed(range(SLOPE_WEEKS))]
    name = signal.id
    weeks = [_week(signal, days, span) for span in spans]
    pairs = list(combinations(range(SLOPE_WEEKS), 2))
    rises = [
        days.keep(f"{name} rise {earlier} {later}", weeks[later] - weeks[earlier]) for earlier, later in pairs
    ]
    direction = _count([rise > 0 for rise in rises]) - _count([rise < 0 for rise in rises])
    agreed = direction.abs() * AGREEMENT[1] >= _known(rises) * AGREEMENT[0]
    enough = _known(weeks) >= SMALLEST_SLOPE
    steepness = _median(
        days,
        f"{name} steepness",
        [
            (rise * (_ALL_SPANS // (later - earlier))).cast(pl.Float64)
            for rise, (earlier, later) in zip(rises, pairs, strict=True)
        ],
    )
    usual = _median(days, f"{name} usual", [week.cast(pl.Float64) for week in weeks])
    large = (usual > 0) & (usual >= 7 * signal.min_baseline * PARTS_PER_UNIT)
    end = days.end()
    return Reading(
        value=pl.when(agreed & enough & large).then(divided(steepness, usual * _ALL_SPANS).round(9)),
        observed_at=end if signal.gaps == "zero" else days.seen_at((spans[0][0], spans[-1][1])),
    )


def active_weeks(signal: Signal, days: Days) -> Reading:
    """Read the weeks of the window with any number above zero, as a share of its weeks."""
    window = signal.window or WEEK
    weeks = days.active_weeks(days.moment.window(window)).cast(pl.Float64)
    return Reading(value=divided(weeks, window // WEEK).round(9), observed_at=days.end(), absent=0.0)


def baseline(signal: Signal, days: Days) -> Reading:
    """Read how unusual the last seven days are for this account: (x − median) ÷ (1.4826 · MAD), −10 to 10.

    Median and MAD are those of the weeks before. Weeks before the account's first number say nothing.
    """
    name, moment = signal.id, days.moment
    now = moment.window(WEEK)
    spans = [moment.window(WEEK, back=back) for back in range(1, (signal.window or BASELINE) // WEEK + 1)]
    first = days.first(moment.window(HISTORY))
    before: list[pl.Expr] = []
    for span in spans:
        week = days.parts(span).cast(pl.Float64)
        known = days.count(span) > 0
        if signal.gaps == "zero":
            known = known | (first < pl.lit(span[0]))
        before.append(days.keep(f"{name} week {span[0]}", pl.when(known).then(week)))
    this = days.parts(now).cast(pl.Float64)
    if signal.gaps == "skip":
        this = pl.when(days.count(now) > 0).then(this)
    median = _median(days, f"{name} median", before)
    spread = _median(days, f"{name} spread", [(week - median).abs() for week in before])
    hair = 1e-9 * pl.max_horizontal(pl.lit(float(PARTS_PER_UNIT)), median.abs())
    z = divided(this - median, MAD_PER_SIGMA * spread + hair).round(9).clip(-LARGEST_Z, LARGEST_Z)
    enough = _known(before) >= SMALLEST_BASELINE
    return Reading(
        value=pl.when(enough).then(z),
        observed_at=days.end() if signal.gaps == "zero" else days.seen_at(now),
        prior=pl.when(enough).then(divided(median, 7 * PARTS_PER_UNIT).round(9)),
    )


def _week(signal: Signal, days: Days, span: Span) -> pl.Expr:
    """Give the parts of a week; null for one without a number, where such weeks are left out."""
    parts = days.parts(span)
    return parts if signal.gaps == "zero" else pl.when(days.count(span) > 0).then(parts)


def _count(flags: Sequence[pl.Expr]) -> pl.Expr:
    return pl.sum_horizontal(flag.fill_null(False).cast(pl.Int32) for flag in flags)


def _known(values: Sequence[pl.Expr]) -> pl.Expr:
    return _count([value.is_not_null() for value in values])


def _median(days: Days, name: str, values: Sequence[pl.Expr]) -> pl.Expr:
    """Give the median of what is not null."""
    return days.keep(name, pl.concat_arr(values).arr.median())
