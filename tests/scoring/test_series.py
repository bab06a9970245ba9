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


def weekly(totals: list[float], *, account: str = "A") -> pl.DataFrame:
    """Weeks of seven equal days, ending on the last complete one."""
    return daily([total / 7 for total in totals for _ in range(7)], account=account)


SLIDING = [700.0, 686.0, 672.0, 658.0, 644.0, 630.0, 616.0, 602.0]
"""Weekly totals that fall by 14 a week; their median is 651."""


def test_slope_is_the_change_per_week_as_a_share_of_the_median_week() -> None:
    value, state = one(seen(facts(weekly(SLIDING)), a_signal(kind="slope")), "s")

    assert value == pytest.approx(-14 / 651)
    assert state == "value"


def test_one_holiday_week_leaves_the_slope_where_it_was() -> None:
    # 60 among numbers around 93: the median of all pairwise slopes is still −2 a week, the median week 92.
    rows = weekly([700.0, 686.0, 672.0, 658.0, 420.0, 630.0, 616.0, 602.0])

    value, _ = one(seen(facts(rows), a_signal(kind="slope")), "s")

    assert value == pytest.approx(-14 / 644)


def test_weeks_that_point_nowhere_have_no_slope() -> None:
    rows = weekly([70.0, 91.0, 63.0, 84.0, 70.0, 91.0, 63.0, 84.0])

    assert one(seen(facts(rows), a_signal(kind="slope")), "s") == (None, "no_data")


# Of 28 pairs of weeks, 8 fall in the first order: (20 − 8)/28 = 0.43. In the second 9 do: (19 − 9)/28 = 0.36.
@pytest.mark.parametrize(
    "order, found", [([3, 2, 0, 1, 7, 4, 5, 6], True), ([3, 1, 2, 7, 0, 4, 5, 6], False)]
)
def test_weeks_point_one_way_if_two_fifths_more_pairs_do(order: list[int], found: bool) -> None:
    rows = weekly([70.0 + 7 * place for place in order])

    value, _ = one(seen(facts(rows), a_signal(kind="slope")), "s")

    assert (value is not None) is found


def test_a_slope_over_too_small_a_week_is_no_data() -> None:
    frame = seen(
        facts(weekly(SLIDING)),
        a_signal("enough", kind="slope", min_baseline=93),
        a_signal("small", kind="slope", min_baseline=93.1),
    )

    assert one(frame, "enough")[1] == "value"
    assert one(frame, "small") == (None, "no_data")


def test_a_slope_that_skips_gaps_leaves_out_weeks_without_a_number_and_needs_six() -> None:
    rows = weekly(SLIDING)
    without_two = rows.filter(
        ~pl.col("observed_at").is_between(
            day_end(SUNDAY - 5 * WEEK), day_end(SUNDAY - 3 * WEEK), closed="right"
        )
    )
    without_three = rows.filter(pl.col("observed_at") > day_end(SUNDAY - 5 * WEEK))
    skipping = a_signal(kind="slope", gaps="skip")

    assert one(seen(facts(without_two), skipping), "s")[0] == pytest.approx(-14 / 651)
    assert one(seen(facts(without_three), skipping), "s") == (None, "no_data")


def test_active_weeks_and_active_share_tell_the_shape_of_usage() -> None:
    rows = numbers(*(("A", "usage.number", SUNDAY - timedelta(days=ago), 5.0) for ago in (0, 1, 6, 14, 21)))

    frame = seen(
        facts(rows),
        a_signal("weeks", kind="active_weeks", window=4 * WEEK),
        a_signal("share", kind="active_share", window=4 * WEEK),
    )

    assert one(frame, "weeks") == (0.75, "value")
    assert one(frame, "share")[0] == pytest.approx(5 / 28)


def test_every_week_active_is_exactly_one() -> None:
    rows = daily([1.0] * 343)

    frame = seen(
        facts(rows),
        a_signal("weeks", kind="active_weeks", window=49 * WEEK),
        a_signal("share", kind="active_share", window=49 * WEEK),
    )

    assert (one(frame, "weeks")[0], one(frame, "share")[0]) == (1.0, 1.0)


def test_baseline_says_how_unusual_this_week_is_for_the_account() -> None:
    # Before: 70, 77, …, 126 and back; median 98, median distance from it 14. This week 56.
    before = [70.0, 77.0, 84.0, 91.0, 105.0, 112.0, 119.0, 126.0]
    rows = weekly([*before, 56.0])

    frame = seen(facts(rows), a_signal(kind="baseline", window=8 * WEEK))

    assert one(frame, "s")[0] == pytest.approx((56 - 98) / (1.4826 * 17.5), abs=1e-6)
    assert frame["s.prior"].to_list() == [14.0]


@pytest.mark.parametrize("this, z", [(70.0, 0.0), (77.0, 10.0), (0.0, -10.0)])
def test_an_account_that_never_varies_is_at_most_ten_away(this: float, z: float) -> None:
    assert one(seen(facts(weekly([70.0] * 12 + [this])), a_signal(kind="baseline")), "s")[0] == z


@pytest.mark.parametrize("weeks, state", [(6, "zero"), (5, "no_data")])
def test_a_baseline_needs_six_weeks_of_history(weeks: int, state: str) -> None:
    assert one(seen(facts(weekly([70.0] * weeks + [70.0])), a_signal(kind="baseline")), "s")[1] == state


def test_a_week_of_silence_is_a_zero_once_the_account_has_begun() -> None:
    # Twelve weeks ago it began; it was active in every other week since.
    rows = weekly([70.0, 0.0] * 6 + [70.0]).filter(pl.col("value") > 0)
    long_ago = pl.concat([rows, numbers(("A", "usage.number", SUNDAY - 30 * WEEK, 1.0))])
    recently = rows.filter(pl.col("observed_at") > day_end(SUNDAY - 6 * WEEK))

    assert one(seen(facts(rows), a_signal(kind="baseline")), "s")[0] == pytest.approx(
        35 / (1.4826 * 35), abs=1e-6
    )
    assert one(seen(facts(rows), a_signal(kind="baseline", gaps="skip")), "s") == (0.0, "zero")
    assert seen(facts(long_ago), a_signal(kind="baseline"))["s.prior"].to_list() == [5.0]
    assert one(seen(facts(recently), a_signal(kind="baseline")), "s") == (None, "no_data")


def test_a_number_per_licence_is_a_share_and_nothing_to_divide_by_is_not_applicable() -> None:
    rows = pl.concat(
        [
            daily([30.0]),
            daily([100.0], metric="usage.licences"),
            daily([30.0], account="B"),
            daily([0.0], metric="usage.licences", account="B"),
            daily([50.0], metric="usage.licences", account="C"),
            daily([30.0], account="D"),
        ]
    )

    frame = seen(facts(rows), a_signal(per="usage.licences"), book=accounts("A", "B", "C", "D", "E"))

    assert [one(frame, "s", name) for name in "ABCDE"] == [
        (0.3, "value"),
        (None, "not_applicable"),
        (None, "no_data"),
        (None, "not_applicable"),
        (None, "not_applicable"),
    ]


def test_a_number_per_account_field_is_read_with_its_own_window() -> None:
    book = accounts("A", "B", "C", seats=[10.0, 0.0, None])
    rows = pl.concat([daily([2.0] * 7, account=name) for name in "ABC"])

    frame = seen(facts(rows), a_signal(kind="sum", window=WEEK, per="account.seats"), book=book)

    assert [one(frame, "s", name) for name in "ABC"] == [
        (1.4, "value"),
        (None, "not_applicable"),
        (None, "not_applicable"),
    ]


def every_kind(metric: str, **settings: str) -> list[Signal]:
    windows = {kind: None if rule.window == "none" else 8 * WEEK for kind, rule in KINDS.items()}
    return [
        a_signal(kind, metric=metric, kind=kind, window=windows[kind], **settings) for kind in KINDS if kind
    ]


COUNTS = {"sum", "mean", "active_days", "active_share", "active_weeks"}
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
        a_signal("slope", kind="slope"),
        a_signal("weeks", kind="active_weeks", window=eight_weeks),
    ]
    reach = lookback(a_model(*members))
    rows = daily([float(n % 7 + n % 5) for n in range(250)])

    everything = seen(facts(rows), *members)
    needed = seen(facts(rows.filter(pl.col("observed_at") > NOW - reach)), *members)

    assert reach < timedelta(days=160)
    assert everything.equals(needed)


def test_the_first_number_of_an_account_is_looked_for_as_far_back_as_numbers_are_loaded() -> None:
    member = a_signal(kind="baseline")
    reach = lookback(a_model(member))
    rows = pl.concat(
        [
            numbers(*(("A", "usage.number", SUNDAY - timedelta(days=ago), 3.0) for ago in (3, 30, 390))),
            numbers(*(("B", "usage.number", SUNDAY - timedelta(days=ago), 3.0) for ago in (3, 30, 410))),
        ]
    )

    everything = seen(facts(rows), member, book=accounts("A", "B"))
    needed = seen(facts(rows.filter(pl.col("observed_at") > NOW - reach)), member, book=accounts("A", "B"))

    assert everything.equals(needed)
    assert [one(everything, "s", name)[1] for name in "AB"] == ["value", "no_data"]


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


number = st.one_of(st.floats(0, 1e6, allow_nan=False), st.sampled_from([0.0, 1.0, 7.0]), st.none())
# As long as a baseline, so that every kind has something to say about some of them.
series_of = st.lists(number, min_size=1, max_size=100)


def known(series: list[float | None], *, account: str = "A", metric: str = "usage.number") -> pl.DataFrame:
    """Numbers for the days that have one."""
    first = SUNDAY - timedelta(days=len(series) - 1)
    days = ((first + timedelta(days=n), value) for n, value in enumerate(series))
    return numbers(*((account, metric, day, value) for day, value in days if value is not None))


@settings(max_examples=25, deadline=None)
@given(series_of, series_of, st.sampled_from([{}, {"gaps": "skip"}, {"per": "usage.licences"}]))
def test_the_order_of_rows_and_the_crowd_change_no_bit(
    series: list[float | None], others: list[float | None], settings: dict[str, str]
) -> None:
    rows = pl.concat([known(series), known(series[::-1]), known(others, metric="usage.licences")])
    crowd = [known(others, account="X1"), known(series, account="X2"), known([5.0] * 90, account="X3")]
    crowd += [known([3.0] * 90, account=name, metric="usage.licences") for name in ("X1", "X2", "X3")]
    members = every_kind("usage.number", **settings)

    straight = seen(facts(rows), *members)
    shuffled = seen(facts(rows.reverse()), *members)
    crowded = seen(facts(pl.concat([*crowd, rows])), *members, book=accounts("X1", "A", "X2", "X3"))

    assert straight.equals(shuffled)
    assert crowded.filter(pl.col("account_id") == "A").equals(straight)


def test_the_zone_of_berlin_is_the_one_that_tests_speak_of() -> None:
    assert day_end(SUNDAY, BERLIN) == datetime(2026, 3, 1, 23, tzinfo=UTC)
