"""Daily usage: active users, key events and features used, for every customer and complete day."""

from collections.abc import Iterator

import polars as pl

from sandbox.world.chance import Chance
from sandbox.world.fates import is_customer, strain

WORKDAYS = (1.0, 1.05, 1.05, 1.0, 0.88, 0.12, 0.08)
"""Monday to Sunday, as a share of a usual working day."""
ONBOARDING_DAYS = 45
ROWS_AT_ONCE = 400_000

_n, _day = pl.col("n"), pl.col("day")


def worked(day: pl.Expr) -> pl.Expr:
    """Tell how much of a usual working day a day is; day 0, 1970-01-01, was a Thursday."""
    return ((day + 3) % 7).replace_strict(dict(enumerate(WORKDAYS)), return_dtype=pl.Float64)


def in_days(customers: pl.DataFrame, days: range) -> pl.LazyFrame:
    """Give each customer once for each of these days it is under contract, day by day."""
    calendar = pl.LazyFrame({"day": days}, schema={"day": pl.Int64})
    return calendar.join(customers.lazy(), how="cross", maintain_order="left_right").filter(is_customer(_day))


def daily_usage(chance: Chance, customers: pl.DataFrame, days: range, start_day: int) -> pl.DataFrame:
    """Give day (as text), account_key, active_users, events and features_used of some days."""
    seats = pl.col("seats")
    rhythm = pl.when("open_weekends").then(0.9).otherwise(worked(_day))
    ramp = ((_day - pl.col("since") + 5) / ONBOARDING_DAYS).clip(0.1, 1.0)
    grown = (1 + pl.col("growth_a_year") * ((_day - start_day) / 365)).clip(0.3, 2.0)
    usual = (pl.col("adoption") * grown * ramp * rhythm).clip(0.0, 0.97)
    share = usual * (1 - 0.85 * pl.col("strain"))
    expected = seats * share
    spread = (expected * (1 - share)).sqrt()
    active = (expected + spread * 0.8 * chance.bell("active", _n, _day)).round().clip(0, seats)
    intensity = pl.col("events_a_user") * (1 - 0.3 * pl.col("strain"))
    events = pl.col("active_users") * intensity * chance.between("intensity", 0.85, 1.15, _n, _day)
    breadth = (1 - (-6.0 * pl.col("active_users") / seats).exp()) * (1 - 0.5 * pl.col("strain"))
    return (
        in_days(customers, days)
        .with_columns(strain=strain(chance, _day))
        .with_columns(active_users=active.cast(pl.Int64))
        .select(
            _day.cast(pl.Int32).cast(pl.Date).cast(pl.String),
            "account_key",
            "active_users",
            events=events.round().cast(pl.Int64),
            features_used=(pl.col("features") * breadth).ceil().cast(pl.Int64),
        )
        .collect()
    )


def chunks(first: int, last: int, accounts: int) -> Iterator[range]:
    """Cut days into runs that are worked out together: few for many accounts, to save memory."""
    step = max(1, ROWS_AT_ONCE // accounts)
    for begin in range(first, last + 1, step):
        yield range(begin, min(begin + step, last + 1))
