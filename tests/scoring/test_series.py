"""Series: daily numbers to one number, in whole days of the business time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.definition import Signal
from scoring.metrics import lookback, newest
from scoring.series import KINDS
from tests.scoring.builders import (
    BERLIN,
    NOW,
    a_model,
    a_signal,
    accounts,
    day_end,
    facts,
    numbers,
    one,
    seen,
    streams,
)

SUNDAY = date(2026, 3, 1)
WEEK = timedelta(days=7)


def daily(values: list[float], *, metric: str = "usage.number", account: str = "A") -> pl.DataFrame:
    """Numbers for consecutive days ending on the last complete one."""
    first = SUNDAY - timedelta(days=len(values) - 1)
    return numbers(*((account, metric, first + timedelta(days=n), value) for n, value in enumerate(values)))


def test_latest_is_the_number_of_the_newest_complete_day() -> None:
    rows = numbers(
        ("A", "usage.number", SUNDAY - timedelta(days=1), 5.0),
        ("A", "usage.number", SUNDAY, 7.0),
        ("A", "usage.number", SUNDAY + timedelta(days=1), 100.0),
    )

    frame = seen(facts(rows), a_signal())

    assert one(frame, "s") == (7.0, "value")
    assert frame["s.age_days"].to_list() == [6 / 24]


def test_several_source_accounts_of_one_account_are_added_up_day_by_day() -> None:
    rows = pl.concat([daily([1, 2, 3]), daily([10, 20, 30])])

    frame = seen(facts(rows), a_signal("last"), a_signal("total", kind="sum", window=timedelta(days=2)))

    assert one(frame, "last") == (33.0, "value")
    assert one(frame, "total") == (55.0, "value")


def test_large_and_small_numbers_add_up_exactly() -> None:
    rows = pl.concat([daily([value]) for value in (9e14, 0.1, -9e14, 0.2)])

    assert one(seen(facts(rows), a_signal()), "s") == (0.3, "value")


def test_sum_and_mean_take_exactly_the_days_of_the_window() -> None:
    rows = daily([1000, 1, 2, 3, 4, 5, 6, 7])

    frame = seen(
        facts(rows), a_signal("sum", kind="sum", window=WEEK), a_signal("mean", kind="mean", window=WEEK)
    )

    assert one(frame, "sum") == (28.0, "value")
    assert one(frame, "mean") == (4.0, "value")


def test_a_day_without_a_number_is_a_zero_or_left_out_as_the_model_says() -> None:
    rows = numbers(("A", "usage.number", SUNDAY, 14.0))

    frame = seen(
        facts(rows),
        a_signal("zero", kind="mean", window=WEEK),
        a_signal("skip", kind="mean", window=WEEK, gaps="skip"),
    )

    assert one(frame, "zero") == (2.0, "value")
    assert one(frame, "skip") == (14.0, "value")


def test_trend_compares_two_adjacent_windows_per_day() -> None:
    rows = daily([41.0] * 14 + [27.0] * 14)

    frame = seen(facts(rows), a_signal(kind="trend", window=timedelta(days=14)))

    value, state = one(frame, "s")
    assert value == pytest.approx(27 / 41 - 1)
    assert state == "value"
    assert frame["s.prior"].to_list() == [41.0]


def test_trend_of_an_account_that_went_silent_is_minus_one() -> None:
    rows = numbers(*(("A", "usage.number", SUNDAY - timedelta(days=7 + n), 10.0) for n in range(7)))

    frame = seen(facts(rows), a_signal(kind="trend", window=WEEK))

    assert one(frame, "s") == (-1.0, "value")


@pytest.mark.parametrize("before", [0.0, 4.9])
def test_trend_over_too_small_a_baseline_is_no_data_and_never_infinite(before: float) -> None:
    rows = daily([before] * 7 + [50.0] * 7)

    frame = seen(facts(rows), a_signal(kind="trend", window=WEEK, min_baseline=5))

    assert one(frame, "s") == (None, "no_data")


def test_trend_over_nothing_is_no_data_even_without_a_smallest_baseline() -> None:
    rows = daily([0.0] * 7 + [50.0] * 7)

    frame = seen(facts(rows), a_signal(kind="trend", window=WEEK))

    assert one(frame, "s") == (None, "no_data")


def test_trend_that_skips_gaps_needs_a_number_in_both_windows() -> None:
    rows = daily([10.0] * 3)

    frame = seen(facts(rows), a_signal(kind="trend", window=WEEK, gaps="skip"))

    assert one(frame, "s") == (None, "no_data")


def test_active_days_counts_days_above_zero_and_recency_the_days_since_the_last_one() -> None:
    rows = daily([3, 0, 2, 1, 0, 0, 0])

    frame = seen(
        facts(rows),
        a_signal("days", kind="active_days", window=WEEK),
        a_signal("since", kind="recency"),
    )

    assert one(frame, "days") == (3.0, "value")
    assert one(frame, "since") == (3.0, "value")


def test_recency_of_an_account_that_was_active_yesterday_is_an_observed_zero() -> None:
    frame = seen(facts(daily([1.0])), a_signal(kind="recency"))

    assert one(frame, "s") == (0.0, "zero")


def every_kind(metric: str) -> list[Signal]:
    return [
        a_signal(kind, metric=metric, kind=kind, window=None if rule.window == "none" else WEEK)
        for kind, rule in KINDS.items()
        if kind
    ]


COUNTS = {"sum", "mean", "active_days"}
"""Kinds that know a zero when they see none."""


def test_an_account_the_source_does_not_know_is_no_data_whatever_the_kind() -> None:
    frame = seen(facts(daily([1.0], account="B")), *every_kind("usage.number"), book=accounts("A", "B"))

    assert {one(frame, kind.id) for kind in every_kind("usage.number")} == {(None, "no_data")}


def test_an_account_the_source_knows_has_a_zero_where_nothing_happened() -> None:
    members = every_kind("usage.exports")

    listed = seen(facts(matched={"usage": ["A"]}), *members)
    active_elsewhere = seen(facts(daily([1.0], metric="usage.logins")), *members)

    for frame in (listed, active_elsewhere):
        assert {kind.id for kind in members if one(frame, kind.id)[1] == "zero"} == COUNTS
        assert {kind.id for kind in members if one(frame, kind.id)[1] == "no_data"} == set(KINDS) - COUNTS - {
            ""
        }


def test_numbers_older_than_the_lookback_change_nothing() -> None:
    eight_weeks = 8 * WEEK
    members = [
        a_signal("trend", kind="trend", window=eight_weeks),
        a_signal("sum", kind="sum", window=eight_weeks),
        a_signal("latest"),
    ]
    reach = lookback(a_model(*members))
    rows = daily([float(n % 7) for n in range(250)])

    everything = seen(facts(rows), *members)
    needed = seen(facts(rows.filter(pl.col("observed_at") > NOW - reach)), *members)

    assert reach < timedelta(days=160)
    assert everything.equals(needed)


def test_days_end_in_the_business_time_zone() -> None:
    # 23:30 on 1 March in New York is 04:30 UTC on 2 March: there, 1 March is not over yet.
    as_of = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)
    new_york = ZoneInfo("America/New_York")
    rows = pl.concat(
        [
            pl.DataFrame(
                {
                    "account_id": ["A"],
                    "topic": ["usage"],
                    "metric": ["number"],
                    "observed_at": [day_end(day, new_york)],
                    "value": [value],
                },
                schema=numbers().schema,
            )
            for day, value in ((date(2026, 2, 28), 1.0), (date(2026, 3, 1), 2.0))
        ]
    )
    known = facts(rows, stream_rows=streams(usage=as_of))

    frame = seen(known, a_signal(), as_of=as_of, zone=new_york)

    assert one(frame, "s") == (1.0, "value")


def test_the_shorter_day_of_the_clock_change_counts_as_a_day() -> None:
    # Sunday, 29 March 2026 has 23 hours in Berlin.
    as_of = datetime(2026, 3, 31, 6, tzinfo=UTC)
    rows = numbers(*(("A", "usage.number", date(2026, 3, 24) + timedelta(days=n), 1.0) for n in range(7)))

    frame = seen(
        facts(rows, stream_rows=streams(usage=as_of)), a_signal(kind="sum", window=WEEK), as_of=as_of
    )

    assert one(frame, "s") == (7.0, "value")


def test_windows_do_not_reach_beyond_what_the_source_delivered_for_anybody() -> None:
    # The source answers, but what fills it has stood still for three days: that is no fall in usage.
    rows = numbers(*(("A", "usage.number", SUNDAY - timedelta(days=3 + n), 10.0) for n in range(14)))
    stalled = streams(usage=NOW).with_columns(pl.lit(day_end(SUNDAY - timedelta(days=3))).alias("newest_at"))

    aware = seen(facts(rows, stream_rows=stalled), a_signal(kind="trend", window=WEEK))
    unaware = seen(facts(rows), a_signal(kind="trend", window=WEEK))

    assert one(aware, "s") == (0.0, "zero")
    assert aware["s.age_days"].to_list() == [3.25]
    assert one(unaware, "s")[0] == pytest.approx(-3 / 7)


def test_newest_is_the_last_day_anybody_has_and_knows_no_future() -> None:
    rows = pl.concat([daily([1.0]), daily([1.0, 1.0], account="B"), daily([2.0], metric="other.number")])
    future = numbers(("A", "usage.number", SUNDAY + timedelta(days=5), 1.0))

    frame = newest(pl.concat([rows, future]), NOW)

    assert frame.rows() == [("other", day_end(SUNDAY)), ("usage", day_end(SUNDAY))]


@pytest.mark.parametrize("damaged", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_a_damaged_number_is_left_out_and_the_last_good_one_stands(damaged: float) -> None:
    frame = seen(facts(daily([5.0, damaged])), a_signal())

    assert one(frame, "s") == (5.0, "value")


values = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=30)


@settings(max_examples=30, deadline=None)
@given(values, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(series: list[float], chance: object) -> None:
    rows = pl.concat([daily(series), daily(series[::-1])])
    members = [a_signal("mean", kind="mean", window=WEEK), a_signal("trend", kind="trend", window=WEEK)]

    straight = seen(facts(rows), *members)
    shuffled = seen(facts(rows.reverse()), *members)
    crowded = seen(
        facts(pl.concat([rows, *(daily(series, account=f"X{n}") for n in range(5))])),
        *members,
        book=accounts("X1", "A", "X2"),
    )

    assert straight.equals(shuffled)
    assert crowded.filter(pl.col("account_id") == "A").equals(straight)


def test_the_zone_of_berlin_is_the_one_that_tests_speak_of() -> None:
    assert day_end(SUNDAY, BERLIN) == datetime(2026, 3, 1, 23, tzinfo=UTC)
