"""Points rules: what happened lately, each event once, fading with its age."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.events import reach
from scoring.metrics import Facts, lookback, signals
from scoring.rules import PointsRule
from tests.scoring.builders import (
    BERLIN,
    NOW,
    a_model,
    a_signal,
    accounts,
    down,
    facts,
    numbers,
    records,
    streams,
)

DAY = timedelta(days=1)
SUNDAY = date(2026, 3, 1)
ENDED = timedelta(hours=6)
"""How long ago Sunday ended in Berlin."""
ALL = streams(usage=NOW, web=NOW, tickets=NOW, surveys=NOW)


def a_rule(name: str = "r", **changes: Any) -> PointsRule:
    settings: dict[str, Any] = {
        "id": name,
        "reason": "Something happened",
        "metric": "usage.number",
        "when": "value > 0",
        "points": 4.0,
        "at_most": 100.0,
    }
    if "half_life" not in changes:
        settings["expires"] = 100 * DAY
    return PointsRule(**{**settings, **changes})


def happened(
    given: Facts, *rules: PointsRule, book: pl.DataFrame | None = None, as_of: datetime = NOW
) -> pl.DataFrame:
    model = a_model(a_signal("anything", metric="account.arr"), points=rules)
    book = accounts() if book is None else book
    frame = signals(given, book, model, as_of=as_of, timezone=BERLIN)
    return frame.select("account_id", pl.selectors.starts_with("events."))


def of(given: Facts, rule: PointsRule) -> float | None:
    """Points of one rule for account A."""
    frame = happened(given, rule)
    points = frame.filter(pl.col("account_id") == "A")[f"events.{rule.id}"][0]
    return None if points is None else float(points)


def on_days(*ago: int, value: float = 1.0, metric: str = "usage.number", account: str = "A") -> pl.DataFrame:
    """Numbers for the days that were so many days before Sunday."""
    return numbers(*((account, metric, SUNDAY - days * DAY, value) for days in ago))


def test_an_event_fades_in_a_straight_line_to_its_end() -> None:
    # Sunday ended a quarter of a day ago, the Sunday before a week earlier.
    rule = a_rule(points=8.0, expires=10 * DAY)

    assert of(facts(on_days(0), stream_rows=ALL), rule) == pytest.approx(8 * (1 - 0.025))
    assert of(facts(on_days(7), stream_rows=ALL), rule) == pytest.approx(8 * (1 - 0.725))
    assert of(facts(on_days(10), stream_rows=ALL), rule) == 0.0


def test_an_event_halves_with_every_half_life_until_it_is_forgotten() -> None:
    # 4 points are 0.0625 after six half-lives, and 0.03125 after seven.
    rule = a_rule(points=-4.0, half_life=DAY)

    def after(days: int) -> float | None:
        rows = records("tickets", {"opened_at": NOW - days * DAY, "severity": "urgent"})
        urgent = a_rule(metric="tickets", when="severity = 'urgent'", points=-4.0, half_life=DAY)
        return of(facts(record_rows={"tickets": rows}, stream_rows=ALL), urgent)

    assert [after(days) for days in (0, 1, 2, 6, 7)] == [-4.0, -2.0, -1.0, -0.0625, 0.0]
    assert reach(rule) == pytest.approx(6.32 * DAY, abs=timedelta(minutes=5))


def test_every_day_that_matches_is_an_event_and_others_are_none() -> None:
    rows = numbers(*(("A", "usage.number", SUNDAY - ago * DAY, value) for ago, value in enumerate((5, 1, 7))))
    rule = a_rule(when="value >= 5", points=100.0, expires=400 * DAY, at_most=1000)

    # ages of a quarter and of two and a quarter days, out of 400
    assert of(facts(rows, stream_rows=ALL), rule) == pytest.approx(200 - (0.25 + 2.25) / 4)


def test_numbers_of_one_day_are_one_event_however_many_rows_they_come_in() -> None:
    rows = pl.concat([on_days(0, value=3.0), on_days(0, value=4.0)])
    rule = a_rule(when="value = 7", points=10.0, expires=10 * DAY)

    assert of(facts(rows, stream_rows=ALL), rule) == pytest.approx(9.75)


def test_a_rule_adds_and_takes_no_more_than_its_limit() -> None:
    known = facts(on_days(*range(30)), stream_rows=ALL)

    frame = happened(known, a_rule("good", at_most=10.0), a_rule("bad", points=-4.0, at_most=10.0))

    assert frame.row(0) == ("A", 10.0, -10.0)


def test_three_days_in_a_row_are_one_event_of_the_third_and_so_are_five() -> None:
    rule = a_rule(points=100.0, days_in_a_row=3)

    def after(*ago: int) -> float | None:
        return of(facts(on_days(*ago), stream_rows=ALL), rule)

    assert after(0, 1) == 0.0
    assert after(0, 1, 2) == pytest.approx(100 - 0.25)
    assert after(0, 1, 2, 3, 4) == pytest.approx(100 - 2.25)
    assert after(0, 1, 3, 4) == 0.0
    # a day in between that does not match makes another event possible
    rule = a_rule(points=100.0, days_in_a_row=3, at_most=1000)
    assert after(0, 1, 2, 4, 5, 6) == pytest.approx(200 - 0.25 - 4.25)


def test_what_must_follow_follows_on_the_same_day_or_within_so_many() -> None:
    rule = a_rule(points=100.0, then="web.pricing", within=3 * DAY)

    def after(first: int, *then: int) -> float | None:
        rows = pl.concat([on_days(first), on_days(*then, metric="web.pricing")])
        return of(facts(rows, stream_rows=ALL), rule)

    assert after(5, 5) == pytest.approx(100 - 5.25)
    assert after(5, 2) == pytest.approx(100 - 2.25)
    assert after(5, 4, 3) == pytest.approx(100 - 4.25)
    assert after(5, 1) == 0.0
    assert after(5, 6) == 0.0
    assert after(5) == 0.0


def test_zero_is_no_answer_to_what_must_follow() -> None:
    rows = pl.concat([on_days(2), on_days(1, metric="web.pricing", value=0.0)])

    assert of(facts(rows, stream_rows=ALL), a_rule(then="web.pricing")) == 0.0


def test_records_are_events_of_the_instant_they_begin() -> None:
    answers = records(
        "surveys",
        {"answered_at": NOW - 10 * DAY, "kind": "nps", "score": 3.0},
        {"answered_at": NOW - 20 * DAY, "kind": "nps", "score": 9.0},
        {"answered_at": NOW - 20 * DAY, "kind": "csat", "score": 1.0},
        {"answered_at": NOW + DAY, "kind": "nps", "score": 1.0},
        {"answered_at": None, "kind": "nps", "score": 1.0},
        {"answered_at": NOW - DAY, "kind": "nps", "score": None},
    )
    rule = a_rule(metric="surveys", when="kind = 'nps' and score <= 6", points=-10.0)

    assert of(facts(record_rows={"surveys": answers}, stream_rows=ALL), rule) == -9.0


def test_a_condition_cannot_compare_instants_of_a_record() -> None:
    rows = records("tickets", {"opened_at": NOW - DAY, "severity": "urgent"})
    rule = a_rule(metric="tickets", when="opened_at > 0 or severity = 'high'")

    assert of(facts(record_rows={"tickets": rows}, stream_rows=ALL), rule) == 0.0


def test_nothing_happened_is_zero_and_a_source_that_never_answered_is_null() -> None:
    rules = [a_rule("series"), a_rule("records", metric="tickets", when="severity = 'urgent'")]
    pair = a_rule("pair", then="web.pricing")

    answered = happened(facts(stream_rows=ALL), *rules, pair)
    silent = happened(facts(on_days(0), stream_rows=streams(usage=NOW, tickets=None)), *rules, pair)

    assert answered.row(0) == ("A", 0.0, 0.0, 0.0)
    assert silent.row(0)[1] is not None
    assert silent.row(0)[2:] == (None, None)


def test_an_outage_ages_no_event() -> None:
    before = facts(on_days(0, 5), stream_rows=ALL)
    during = facts(on_days(0, 5), stream_rows=down(ALL, "usage"))

    assert happened(before, a_rule()).equals(happened(during, a_rule(), as_of=NOW + 5 * DAY))


def test_damaged_numbers_are_no_events() -> None:
    rows = pl.concat([on_days(0, value=float("nan")), on_days(1, value=float("inf"))])

    assert of(facts(rows, stream_rows=ALL), a_rule()) == 0.0


@pytest.mark.parametrize("damaged", [float("nan"), float("inf"), -float("inf")])
def test_a_damaged_field_of_a_record_is_neither_high_nor_low(damaged: float) -> None:
    rows = records("surveys", {"answered_at": NOW - DAY, "score": damaged})
    rule = a_rule(metric="surveys", when="score >= 9 or score <= 6")

    assert of(facts(record_rows={"surveys": rows}, stream_rows=ALL), rule) == 0.0


def test_events_older_than_400_days_are_not_looked_at() -> None:
    def rows(days: int) -> dict[str, pl.DataFrame]:
        return {"tickets": records("tickets", {"opened_at": NOW - days * DAY, "severity": "low"})}

    rule = a_rule(metric="tickets", when="severity = 'low'", points=8.0, half_life=400 * DAY)

    assert of(facts(record_rows=rows(400), stream_rows=ALL), rule) == 4.0
    assert of(facts(record_rows=rows(401), stream_rows=ALL), rule) == 0.0


def test_a_day_ends_where_its_midnight_is_even_when_clocks_change() -> None:
    # Sunday, 29 March 2026 has 23 hours in Berlin and ends at 22:00 UTC.
    as_of = datetime(2026, 3, 30, 10, tzinfo=UTC)
    rows = numbers(
        ("A", "usage.number", date(2026, 3, 28), 1.0), ("A", "usage.number", date(2026, 3, 29), 1.0)
    )
    known = facts(rows, stream_rows=streams(usage=as_of))

    frame = happened(known, a_rule(points=100.0, at_most=1000), as_of=as_of)

    assert frame["events.r"][0] == pytest.approx(200 - (12 + 35) / 24)


@pytest.mark.parametrize(
    "changes",
    [
        {"expires": 60 * DAY},
        {"half_life": 5 * DAY},
        {"expires": 30 * DAY, "days_in_a_row": 5},
        {"expires": 30 * DAY, "then": "web.pricing", "within": 20 * DAY},
    ],
)
def test_numbers_older_than_the_lookback_change_no_event(changes: dict[str, Any]) -> None:
    rule = a_rule(**changes)
    reaching = lookback(a_model(a_signal(metric="account.arr"), points=(rule,)))
    rows = pl.concat([on_days(*range(200)), on_days(*range(0, 200, 3), metric="web.pricing")])

    everything = happened(facts(rows, stream_rows=ALL), rule)
    needed = happened(facts(rows.filter(pl.col("observed_at") > NOW - reaching), stream_rows=ALL), rule)

    assert reaching < 100 * DAY
    assert everything.equals(needed)


def test_the_topics_of_rules_are_loaded_although_no_signal_reads_them() -> None:
    model = a_model(
        a_signal(), points=(a_rule(metric="surveys", when="score < 7"), a_rule("p", then="web.x"))
    )

    assert model.topics() == {"usage", "surveys", "web"}


days_ago = st.lists(st.integers(0, 60), max_size=20)


@settings(max_examples=30, deadline=None)
@given(days_ago, days_ago, st.lists(st.integers(0, 24 * 60), max_size=8))
def test_the_order_of_rows_and_the_crowd_change_no_bit(
    first: list[int], then: list[int], hours: list[int]
) -> None:
    rules = (
        a_rule("line", points=1 / 3),
        a_rule("halves", points=-7.7, half_life=11 * DAY),
        a_rule("row", days_in_a_row=2, half_life=11 * DAY),
        a_rule("pair", then="web.pricing", half_life=11 * DAY),
        a_rule("tickets", metric="tickets", when="severity = 'low'", half_life=11 * DAY),
    )
    rows = pl.concat([on_days(*first, value=0.1), on_days(*then, metric="web.pricing")])
    opened = records("tickets", *({"opened_at": NOW - timedelta(hours=n), "severity": "low"} for n in hours))
    crowd = pl.concat([on_days(*then, account="B"), on_days(*first, account="B", metric="web.pricing")])
    others = opened.with_columns(pl.lit("B").alias("account_id"))

    straight = happened(facts(rows, {"tickets": opened}, stream_rows=ALL), *rules)
    shuffled = happened(facts(rows.reverse(), {"tickets": opened.reverse()}, stream_rows=ALL), *rules)
    crowded = happened(
        facts(pl.concat([crowd, rows]), {"tickets": pl.concat([others, opened])}, stream_rows=ALL),
        *rules,
        book=accounts("C", "B", "A"),
    )

    assert straight.equals(shuffled)
    assert crowded.filter(pl.col("account_id") == "A").equals(straight)
    assert straight.schema["events.line"] == pl.Float64
