"""Daily usage: active users, key events and features used, for every customer and complete day."""

import polars as pl

from sandbox.world.chance import Chance
from sandbox.world.fates import is_customer, strain

WORKDAYS = (1.0, 1.05, 1.05, 1.0, 0.88, 0.12, 0.08)
"""Monday to Sunday, as a share of a usual working day."""
ONBOARDING_DAYS = 45

_n = pl.col("n")


def weekday(day: int) -> int:
    """Tell the weekday of a day number: 0 is Monday; day 0, 1970-01-01, was a Thursday."""
    return (day + 3) % 7


def daily_usage(chance: Chance, customers: pl.DataFrame, day: int, start_day: int) -> pl.DataFrame:
    """Give account_key, active_users, events and features_used of one day, for all who are customers."""
    seats = pl.col("seats")
    worked = WORKDAYS[weekday(day)]
    rhythm = pl.when("open_weekends").then(0.9).otherwise(worked)
    ramp = ((day - pl.col("since") + 5) / ONBOARDING_DAYS).clip(0.1, 1.0)
    grown = (1 + pl.col("growth_a_year") * ((day - start_day) / 365)).clip(0.3, 2.0)
    share = (pl.col("adoption") * grown * ramp * rhythm).clip(0.0, 0.97) * (1 - 0.85 * pl.col("strain"))
    expected = seats * share
    spread = (expected * (1 - share)).sqrt()
    active = (expected + spread * 0.8 * chance.bell("active", _n, day)).round().clip(0, seats)
    intensity = pl.col("events_a_user") * (1 - 0.3 * pl.col("strain"))
    events = pl.col("active_users") * intensity * chance.between("intensity", 0.85, 1.15, _n, day)
    breadth = (1 - (-6.0 * pl.col("active_users") / seats).exp()) * (1 - 0.5 * pl.col("strain"))
    return (
        customers.lazy()
        .filter(is_customer(day))
        .with_columns(strain=strain(chance, day))
        .with_columns(active_users=active.cast(pl.Int64))
        .select(
            "account_key",
            "active_users",
            events=events.round().cast(pl.Int64),
            features_used=(pl.col("features") * breadth).ceil().cast(pl.Int64),
        )
        .collect()
    )
