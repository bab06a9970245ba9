"""Signals: input states, the hold rule, and blindness to the future."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.curves import Map
from scoring.errors import ConfigError
from scoring.metrics import Facts
from tests.scoring.builders import (
    NOW,
    a_signal,
    accounts,
    day_end,
    down,
    facts,
    numbers,
    one,
    records,
    seen,
    streams,
)

DAY = timedelta(days=1)
SUNDAY = date(2026, 3, 1)
TREND = a_signal("trend", kind="trend", window=7 * DAY)
OPEN = a_signal("open", metric="tickets.open")
OLDEST = a_signal("oldest", metric="tickets.oldest_open_days")


def steady(days: int, value: float = 10.0) -> pl.DataFrame:
    return numbers(*(("A", "usage.number", SUNDAY - n * DAY, value) for n in range(days)))


def test_a_topic_that_no_source_delivers_is_not_applicable() -> None:
    frame = seen(facts(stream_rows=streams(usage=NOW)), OPEN)

    assert one(frame, "open") == (None, "not_applicable")


def test_a_source_that_was_never_read_completely_is_down_not_empty() -> None:
    frame = seen(facts(stream_rows=streams(tickets=None)), OPEN)

    assert one(frame, "open") == (None, "source_down")
    assert frame["open.age_days"].to_list() == [None]


def test_an_account_younger_than_the_signal_needs_is_not_mature() -> None:
    book = accounts("A", "B", "C", created_on=[date(2026, 2, 3), date(2026, 2, 2), None])
    known = facts(
        numbers(*((name, "usage.number", SUNDAY - n * DAY, 1.0) for name in "ABC" for n in range(30)))
    )

    frame = seen(known, a_signal(kind="sum", window=7 * DAY, min_tenure=28 * DAY), book=book)

    assert [one(frame, "s", name) for name in "ABC"] == [
        (None, "not_mature"),
        (7.0, "value"),
        (7.0, "value"),
    ]


def test_account_fields_are_signals_and_dates_are_days_until() -> None:
    book = accounts(
        arr=[1200.0], renewal_on=[date(2026, 3, 12)], vip=[True], note=["lovely"], tier=["3"], gone=[None]
    )
    fields = ["arr", "renewal_on", "vip", "note", "tier", "gone", "unheard_of"]

    frame = seen(facts(), *(a_signal(name, metric=f"account.{name}") for name in fields), book=book)

    assert {name: one(frame, name) for name in fields} == {
        "arr": (1200.0, "value"),
        "renewal_on": (10.0, "value"),
        "vip": (1.0, "value"),
        "note": (None, "invalid"),
        "tier": (3.0, "value"),
        "gone": (None, "no_data"),
        "unheard_of": (None, "no_data"),
    }


def test_blank_text_in_a_number_field_is_nothing_and_blanks_around_a_number_do_not_matter() -> None:
    book = accounts("A", "B", "C", "D", tier=["", "   ", " 4.5 ", "4,5"])

    frame = seen(facts(), a_signal(metric="account.tier"), book=book)

    assert [one(frame, "s", name) for name in "ABCD"] == [
        (None, "no_data"),
        (None, "no_data"),
        (4.5, "value"),
        (None, "invalid"),
    ]


def test_a_number_that_is_not_finite_is_invalid() -> None:
    frame = seen(facts(), a_signal(metric="account.arr"), book=accounts(arr=[float("nan")]))

    assert one(frame, "s") == (None, "invalid")


def test_a_source_that_is_down_holds_its_last_picture_while_time_goes_on() -> None:
    tickets = records("tickets", {"opened_at": NOW - 2 * DAY})
    before = facts(steady(28), {"tickets": tickets})
    during = Facts(
        numbers=before.numbers,
        records=before.records,
        matched={},
        streams=down(before.streams, "usage", "tickets"),
    )

    healthy = seen(before, TREND, OPEN, OLDEST)
    silent = seen(during, TREND, OPEN, OLDEST, as_of=NOW + 5 * DAY)

    assert one(healthy, "trend") == (0.0, "zero")
    assert one(silent, "trend") == (0.0, "source_down")
    assert one(silent, "open") == (1.0, "source_down")
    assert one(silent, "oldest") == (2.0, "source_down")
    assert silent.select(pl.selectors.ends_with(".value")).equals(
        healthy.select(pl.selectors.ends_with(".value"))
    )
    assert silent["trend.down_days"].to_list() == [5.0]
    assert silent["open.age_days"].to_list() == [5.0]
    assert silent["trend.age_days"].to_list() == [5.25]


def test_numbers_of_days_after_the_last_complete_read_wait_for_the_next_one() -> None:
    rows = numbers(("A", "usage.number", SUNDAY - 3 * DAY, 5.0), ("A", "usage.number", SUNDAY - DAY, 9.0))
    known = facts(rows, stream_rows=down(streams(usage=NOW - 2 * DAY), "usage"))

    assert one(seen(known, a_signal()), "s") == (5.0, "source_down")


def test_without_the_outage_the_same_silence_would_be_a_fall() -> None:
    frame = seen(facts(steady(28), stream_rows=streams(usage=NOW + 5 * DAY)), TREND, as_of=NOW + 5 * DAY)

    assert one(frame, "trend")[0] == pytest.approx(-5 / 7)


def test_what_was_missing_stays_missing_while_its_source_is_down() -> None:
    known = facts(stream_rows=down(streams(tickets=NOW - DAY), "tickets"))

    frame = seen(known, a_signal(metric="tickets.rating"))

    assert one(frame, "s") == (None, "no_data")
    assert frame["s.down_days"].to_list() == [1.0]


def test_what_a_broken_pull_brought_after_the_last_complete_read_changes_no_count() -> None:
    # The source went down in the middle of a pull: half of the new tickets are here.
    rows = records(
        "tickets",
        {"opened_at": NOW - 5 * DAY, "observed_at": NOW - 5 * DAY},
        {"opened_at": NOW - 2 * DAY, "closed_at": NOW - DAY / 2, "observed_at": NOW - DAY / 2},
        {"opened_at": NOW - DAY / 2, "observed_at": NOW - DAY / 2},
    )
    known = facts(record_rows={"tickets": rows}, stream_rows=down(streams(tickets=NOW - DAY), "tickets"))

    assert one(seen(known, OPEN), "open") == (2.0, "source_down")


def test_one_source_down_leaves_the_others_alone() -> None:
    known = facts(
        steady(14),
        {"tickets": records("tickets")},
        {"tickets": ["A"]},
        down(streams(usage=NOW, tickets=NOW), "tickets"),
    )

    frame = seen(known, TREND, OPEN)

    assert one(frame, "trend") == (0.0, "zero")
    assert one(frame, "open") == (0.0, "source_down")


def test_accounts_come_back_in_their_order_each_once() -> None:
    rows = numbers(("B", "usage.number", SUNDAY, 2.0), ("A", "usage.number", SUNDAY, 1.0))

    frame = seen(facts(rows), a_signal(), book=accounts("B", "C", "A"))

    assert frame.select("account_id", "s.value").rows() == [("B", 2.0), ("C", None), ("A", 1.0)]


hours = st.integers(-24 * 20, 24 * 20)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(hours, hours, hours), max_size=8),
    st.lists(st.integers(-20, 20), max_size=8, unique=True),
)
def test_deleting_everything_dated_after_the_moment_changes_nothing(
    tickets: list[tuple[int, int, int]], days: list[int]
) -> None:
    table = records(
        "tickets",
        *(
            {
                "opened_at": NOW + timedelta(hours=opened),
                "closed_at": NOW + timedelta(hours=closed),
                "rated_at": NOW + timedelta(hours=rated),
                "rating": 1.0,
            }
            for opened, closed, rated in tickets
        ),
    )
    clean = table.filter(pl.col("opened_at") <= NOW).with_columns(
        pl.when(pl.col("closed_at") <= NOW).then(pl.col("closed_at")),
        pl.when(pl.col("rated_at") <= NOW).then(pl.col("rated_at")),
        pl.when(pl.col("rated_at") <= NOW).then(pl.col("rating")).alias("rating"),
    )
    series = numbers(*(("A", "usage.number", SUNDAY + n * DAY, 1.0 + n * n) for n in days))
    members = [TREND, OPEN, OLDEST, a_signal("rating", metric="tickets.rating"), a_signal("last")]

    def look(rows: pl.DataFrame, tickets: pl.DataFrame) -> pl.DataFrame:
        return seen(facts(rows, {"tickets": tickets}, {"tickets": ["A"]}), *members)

    assert look(series, table).equals(look(series.filter(pl.col("observed_at") <= NOW), clean))


def test_the_end_of_a_day_is_the_first_instant_of_the_next() -> None:
    known = facts(steady(7), stream_rows=streams(usage=day_end(SUNDAY)))

    frame = seen(known, a_signal(kind="sum", window=7 * DAY), as_of=day_end(SUNDAY))

    assert one(frame, "s") == (70.0, "value")
    assert frame["s.age_days"].to_list() == [0.0]


WORDS = Map(values={"Gold": 90, "silver plus": 60, "3": 30, "0.5": 5, "true": 100, "false": 0})


def test_words_of_an_account_field_become_their_points_and_stay_readable() -> None:
    book = accounts("A", "B", "C", "D", "E", plan=["Gold", " silver plus ", "gold", "  ", None])

    frame = seen(facts(), a_signal(metric="account.plan", normalise=WORDS), book=book)

    assert frame.select("s.value", "s.state", "s.text").rows() == [
        (90.0, "value", "Gold"),
        (60.0, "value", "silver plus"),
        (None, "invalid", "gold"),
        (None, "no_data", None),
        (None, "no_data", None),
    ]


def test_flags_and_numbers_have_words_too() -> None:
    book = accounts("A", "B", vip=[True, False], tier=[3.0, 0.5], level=[3, 4], until=[date(2026, 3, 5)] * 2)
    members = [a_signal(name, metric=f"account.{name}", normalise=WORDS) for name in book.columns[1:]]

    frame = seen(facts(), *members, book=book)

    assert frame.select(pl.selectors.ends_with(".text")).rows() == [
        ("true", "3", "3", "3"),
        ("false", "0.5", "4", "3"),
    ]
    assert [one(frame, name, "B") for name in book.columns[1:]] == [
        (0.0, "zero"),
        (5.0, "value"),
        (None, "invalid"),
        (30.0, "value"),
    ]


def test_only_signals_with_words_have_a_column_for_them() -> None:
    frame = seen(
        facts(),
        a_signal("plain", metric="account.x"),
        a_signal("worded", metric="account.x", normalise=WORDS),
    )

    assert [name for name in frame.columns if name.endswith(".text")] == ["worded.text"]
    assert one(frame, "worded") == (None, "no_data")


def test_a_signal_is_not_applicable_where_its_condition_is_not_true() -> None:
    book = accounts(
        "A",
        "B",
        "C",
        "D",
        plan=["pro", "free", None, "pro"],
        created_on=[date(2025, 1, 1)] * 3 + [date(2026, 3, 1)],
    )
    known = facts(numbers(*((name, "usage.number", SUNDAY, 5.0) for name in "ABCD")))
    member = a_signal(applies="account.plan = 'pro' and account.created_on < -30")

    frame = seen(known, member, book=book)

    assert [one(frame, "s", name) for name in "ABCD"] == [
        (5.0, "value"),
        (None, "not_applicable"),
        (None, "not_applicable"),
        (None, "not_applicable"),
    ]


def test_a_condition_over_a_field_that_no_account_has_applies_to_nobody() -> None:
    frame = seen(
        facts(), a_signal(metric="account.arr", applies="account.unheard_of > 3"), book=accounts(arr=[1.0])
    )

    assert one(frame, "s") == (None, "not_applicable")


@pytest.mark.parametrize("damaged", [float("nan"), float("inf")])
def test_a_damaged_number_is_not_larger_than_every_other_one(damaged: float) -> None:
    frame = seen(
        facts(),
        a_signal(metric="account.x", applies="account.arr > 50000"),
        book=accounts(x=[1.0], arr=[damaged]),
    )

    assert one(frame, "s") == (None, "not_applicable")


def test_what_does_not_apply_stays_so_while_its_source_is_down_or_has_never_answered() -> None:
    book = accounts("A", "B", plan=["pro", "free"])
    member = a_signal(metric="tickets.open", applies="account.plan = 'pro'")

    never = seen(facts(stream_rows=streams(tickets=None)), member, book=book)
    broken = seen(
        facts(matched={"tickets": ["A", "B"]}, stream_rows=down(streams(tickets=NOW), "tickets")),
        member,
        book=book,
    )

    assert [one(never, "s", name)[1] for name in "AB"] == ["source_down", "not_applicable"]
    assert [one(broken, "s", name)[1] for name in "AB"] == ["source_down", "not_applicable"]


def test_an_account_too_young_for_a_signal_waits_for_no_source() -> None:
    book = accounts("A", created_on=[date(2026, 3, 1)])

    frame = seen(facts(stream_rows=streams(usage=None)), a_signal(min_tenure=28 * DAY), book=book)

    assert one(frame, "s") == (None, "not_mature")


def test_a_condition_that_does_not_fit_the_type_of_a_field_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError) as caught:
        seen(facts(), a_signal(applies="account.plan > 3"), book=accounts(plan=["pro"]))

    assert [problem.key for problem in caught.value.problems] == ["model.signal[s].applies"]


def test_an_account_field_can_be_divided_by_another() -> None:
    book = accounts("A", "B", "C", "D", used=[30.0, 1.0, None, 2.0], bought=["40", "none", "40", None])

    frame = seen(facts(), a_signal(metric="account.used", per="account.bought"), book=book)

    assert [one(frame, "s", name) for name in "ABCD"] == [
        (0.75, "value"),
        (None, "not_applicable"),
        (None, "no_data"),
        (None, "not_applicable"),
    ]


def test_nothing_to_divide_by_is_known_before_the_source_has_answered() -> None:
    book = accounts("A", "B", seats=[0.0, 5.0])

    frame = seen(facts(stream_rows=streams(usage=None)), a_signal(per="account.seats"), book=book)

    assert [one(frame, "s", name)[1] for name in "AB"] == ["not_applicable", "source_down"]


def test_an_empty_book_has_signals_of_nobody() -> None:
    members = [
        TREND,
        OPEN,
        a_signal("plan", metric="account.plan", normalise=WORDS, applies="account.plan = 'x'"),
    ]

    frame = seen(facts(steady(9)), *members, book=accounts("A", plan=["x"]).clear())

    assert frame.height == 0
    assert frame.columns == seen(facts(steady(9)), *members).columns
