"""The moment a topic is seen at, and the days around it in the business time zone.

The hold rule lives here: a topic is always seen as of its last complete read. A source that is down therefore
keeps its last good picture: windows do not slide into the silence and tickets do not grow older in it.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from scoring.account_fields import local_date
from scoring.frames import INSTANT

_DAY = timedelta(days=1)
STILL_AFTER_DAYS = 2
"""Deliveries are late now and then; a series that has brought no day for longer stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a topic is seen, which day was its last complete one, and how it is doing."""

    as_of: datetime
    at: datetime
    """min(as_of, last complete read)."""
    today: date
    last_day: date
    """The last day that was over and delivered; windows end with it."""
    down: bool
    timezone: ZoneInfo

    @property
    def day_end(self) -> datetime:
        """Give the instant at which `last_day` ended, in UTC."""
        return datetime.combine(self.last_day + _DAY, time.min, self.timezone).astimezone(UTC)

    @property
    def silent(self) -> bool:
        """Say that the topic brings nothing new: its source is down, or answers and stands still."""
        return self.down or self.last_day < self.today - (1 + STILL_AFTER_DAYS) * _DAY

    @property
    def down_days(self) -> float:
        """Give the days since the last complete read of a source that is down, else 0."""
        return (self.as_of - self.at) / _DAY if self.down else 0.0

    def window(self, length: timedelta, *, back: int = 0) -> tuple[date, date]:
        """Give the first and last day of the window of this length, or of the one `back` windows earlier."""
        days = length // _DAY
        last = self.last_day - timedelta(days=days * back)
        return last - timedelta(days=days - 1), last

    def local_days(self, instants: pl.Expr) -> pl.Expr:
        """Turn instants into days of the business time zone."""
        return instants.dt.convert_time_zone(self.timezone.key).dt.date()

    def happened(self, instants: pl.Expr) -> pl.Expr:
        """Say whether an instant has come; null says no."""
        return (instants <= pl.lit(self.at, dtype=INSTANT)).fill_null(False)


def moments(streams: pl.DataFrame, as_of: datetime, timezone: ZoneInfo) -> dict[str, Moment | None]:
    """Give the moment of each topic some source delivers; None where it was never read completely.

    The account book comes from the CRM; without a row of its own it is as good as as_of.
    """
    result: dict[str, Moment | None] = {"account": _moment(as_of, as_of, None, False, timezone)}
    for row in streams.iter_rows(named=True):
        result[row["topic"]] = (
            None
            if row["complete_at"] is None
            else _moment(as_of, row["complete_at"], row.get("newest_at"), row["down"], timezone)
        )
    return result


def _moment(
    as_of: datetime, complete_at: datetime, newest_at: datetime | None, down: bool, timezone: ZoneInfo
) -> Moment:
    at = min(as_of, complete_at)
    today = local_date(at, timezone)
    last_day = today - _DAY
    if newest_at is not None:
        # the end of a day is the first instant of the next one
        last_day = min(last_day, local_date(newest_at - timedelta(microseconds=1), timezone))
    return Moment(as_of=as_of, at=at, today=today, last_day=last_day, down=down, timezone=timezone)
