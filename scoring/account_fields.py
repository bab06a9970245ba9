"""Account fields as columns beside signals; dates become days until, in the business time zone.

Refuses to guess: a field the frame does not have is null for every account.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl


def local_date(instant: datetime, timezone: ZoneInfo) -> date:
    """Give the day an instant falls on in the business time zone."""
    return instant.astimezone(timezone).date()


def field(accounts: pl.DataFrame, name: str, today: date, timezone: ZoneInfo) -> pl.Expr:
    """Give a field as it is, dates as days until (negative: ago), null where there is no such field."""
    kind = accounts.schema.get(name)
    if kind is None:
        return pl.lit(None)
    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        column = (column.dt.convert_time_zone(timezone.key) if kind.time_zone else column).dt.date()
        kind = pl.Date()
    if kind == pl.Date:
        return (column - pl.lit(today)).dt.total_days().cast(pl.Float64)
    return column


def beside(frame: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Put the columns of `other` beside the rows of `frame` by account_id; unknown accounts get nulls."""
    if frame["account_id"].equals(other["account_id"]):
        return frame.hstack(other.drop("account_id"))
    return frame.join(other, on="account_id", how="left", maintain_order="left", validate="m:1")
