"""Dates and times of other people become instants, or an error."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors._times import DayEdge, end_of_day, instant_text, parse_day, parse_instant, start_of_day

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "day, end",
    [
        (date(2026, 1, 15), datetime(2026, 1, 15, 23, tzinfo=UTC)),
        (date(2026, 7, 15), datetime(2026, 7, 15, 22, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),  # 23 hours long
        (date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC)),  # 25 hours long
    ],
)
def test_a_day_ends_at_local_midnight(day: date, end: datetime) -> None:
    assert end_of_day(day, BERLIN) == end


def test_a_day_whose_midnight_does_not_exist_begins_where_the_clock_jumps() -> None:
    # Beirut, 2021-03-28: 00:00 was skipped, the day began at 01:00 local time
    assert start_of_day(date(2021, 3, 28), ZoneInfo("Asia/Beirut")) == datetime(2021, 3, 27, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2026-11-21T20:15Z", datetime(2026, 11, 21, 20, 15, tzinfo=UTC)),
        ("2026-11-21T20:15:00+0000", datetime(2026, 11, 21, 20, 15, tzinfo=UTC)),
        ("2026-11-21 20:15:00.123456+05:30", datetime(2026, 11, 21, 14, 45, 0, 123456, tzinfo=UTC)),
        ("2026-11-21T20:15:00", datetime(2026, 11, 21, 19, 15, tzinfo=UTC)),  # naive: local
        ("2026-11-21", datetime(2026, 11, 21, 23, tzinfo=UTC)),
    ],
)
def test_iso_times_become_utc(text: str, expected: datetime) -> None:
    assert parse_instant(text, BERLIN, edge="end") == expected


@pytest.mark.parametrize(
    "edge, expected",
    [
        ("start", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        ("end", datetime(2026, 11, 21, 23, tzinfo=UTC)),
    ],
)
def test_a_date_is_the_edge_of_its_day(edge: DayEdge, expected: datetime) -> None:
    assert parse_instant("2026-11-21", BERLIN, edge=edge) == expected


@pytest.mark.parametrize(
    "text, form, expected",
    [
        ("28-07-2023 03:00", "%d-%m-%Y %H:%M", datetime(2023, 7, 28, 1, tzinfo=UTC)),
        ("28.07.2023", "%d.%m.%Y", datetime(2023, 7, 28, 22, tzinfo=UTC)),
        ("1500000000", "unix", datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
        ("1500000000000", "unix_ms", datetime(2017, 7, 14, 2, 40, tzinfo=UTC)),
    ],
)
def test_a_declared_format_is_read(text: str, form: str, expected: datetime) -> None:
    assert parse_instant(text, BERLIN, edge="end", form=form) == expected


@pytest.mark.parametrize("text", ["28-07-2023", "yesterday", "", "2026-02-30", "99999999999999999999"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text, BERLIN, edge="end")
    with pytest.raises(ValueError):
        parse_instant(text, BERLIN, edge="end", form="unix_ms" if text.isdigit() else None)


def test_the_day_of_a_time_is_the_local_one() -> None:
    assert parse_day("2026-11-21T23:30:00Z", BERLIN) == date(2026, 11, 22)
    assert parse_day("2026-11-21T23:30:00", BERLIN) == date(2026, 11, 21)


def test_an_instant_is_written_in_utc_with_whole_seconds() -> None:
    at = datetime(2026, 11, 21, 20, 15, 0, 999999, tzinfo=BERLIN)

    assert instant_text(at) == "2026-11-21T19:15:00+00:00"
