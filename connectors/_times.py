"""Turns the dates and times of source systems into aware UTC instants, and instants into text.

Refuses to guess: a time without an offset is read in the time zone it is given, a text that is neither ISO
8601 nor of the declared format is a ValueError.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

DayEdge: TypeAlias = Literal["start", "end"]
"""Which instant a date without a time stands for."""


def start_of_day(day: date, timezone: ZoneInfo) -> datetime:
    """Return local midnight before the day, in UTC; where clocks jump over midnight, the jump."""
    return datetime.combine(day, time.min, tzinfo=timezone).astimezone(UTC)


def end_of_day(day: date, timezone: ZoneInfo) -> datetime:
    """Return local midnight after the day, in UTC: from then on the day's numbers are complete."""
    return start_of_day(day + timedelta(days=1), timezone)


def parse_instant(text: str, timezone: ZoneInfo, *, edge: DayEdge, form: str | None = None) -> datetime:
    """Read a date or time: ISO 8601, or `form`, a strptime pattern, "unix" (seconds) or "unix_ms"."""
    moment = _read(text.strip(), form)
    if not isinstance(moment, datetime):
        return start_of_day(moment, timezone) if edge == "start" else end_of_day(moment, timezone)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).astimezone(UTC)


def parse_day(text: str, timezone: ZoneInfo, *, form: str | None = None) -> date:
    """Read a date, or the local day of a time."""
    moment = _read(text.strip(), form)
    if not isinstance(moment, datetime):
        return moment
    return moment.astimezone(timezone).date() if moment.tzinfo else moment.date()


def instant_text(instant: datetime) -> str:
    """Write an instant as it stands in the body of a fact: ISO 8601 in UTC, whole seconds."""
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def _read(text: str, form: str | None) -> date | datetime:
    if form in ("unix", "unix_ms"):
        seconds = float(text) / (1000 if form == "unix_ms" else 1)
        try:
            return datetime.fromtimestamp(seconds, tz=UTC)
        except (OverflowError, OSError) as exc:
            raise ValueError(text) from exc
    if form is not None:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 - the caller knows the zone
        names_a_time = any(code in form for code in ("%H", "%I", "%X", "%c", "%s"))
        return moment if names_a_time else moment.date()
    # fromisoformat of date also takes week dates (2024-W01-1) and 20240101, as ISO 8601 does
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text)
