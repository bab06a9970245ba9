"""Records: tickets, subscriptions and invoices to one number, as of a moment. Surveys: test_surveys.py."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from scoring.frames import COHORT_SCHEMA
from scoring.metrics import signals
from scoring.model import TOPICS
from scoring.records import RECORD_METRICS
from tests.scoring.builders import (
    BERLIN,
    NOW,
    a_model,
    a_signal,
    accounts,
    facts,
    one,
    records,
    seen,
    streams,
)

DAYS = timedelta(days=1)
AGO = {n: NOW - n * DAYS for n in range(200)}
AHEAD = {n: NOW + n * DAYS for n in range(400)}


def measured(metric: str, *rows: dict[str, Any], **settings: Any) -> tuple[float | None, str]:
    """Value and state of one record metric of account A, which the source knows."""
    topic = metric.partition(".")[0]
    known = facts(record_rows={topic: records(topic, *rows)}, matched={topic: ["A"]})
    return one(seen(known, a_signal(metric=metric, **settings)), "s")


def test_open_tickets_are_those_opened_and_not_closed_by_now() -> None:
    rows = (
        {"opened_at": AGO[3]},
        {"opened_at": AGO[3], "closed_at": AGO[1]},
        {"opened_at": AGO[3], "closed_at": AHEAD[1]},
        {"opened_at": AHEAD[1]},
        {"opened_at": AGO[3], "status": "Solved"},
    )

    assert measured("tickets.open", *rows) == (2.0, "value")


def test_tickets_can_be_chosen_by_severity() -> None:
    rows = [{"opened_at": AGO[1], "severity": name} for name in ("urgent", "high", "low", None)]

    assert measured("tickets.open", *rows, where={"severity": "urgent"}) == (1.0, "value")
    assert measured("tickets.open", *rows, where={"severity": ("urgent", "high")}) == (2.0, "value")


def test_opened_tickets_count_in_complete_days_whether_open_or_not() -> None:
    rows = (
        {"opened_at": AGO[1]},
        {"opened_at": AGO[7], "closed_at": AGO[6]},
        {"opened_at": AGO[8]},
        {"opened_at": NOW},
    )

    assert measured("tickets.opened", *rows, window=7 * DAYS) == (2.0, "value")


def test_the_oldest_open_ticket_is_aged_to_the_hour() -> None:
    rows = ({"opened_at": NOW - timedelta(hours=30)}, {"opened_at": NOW - timedelta(hours=6)})

    assert measured("tickets.oldest_open_days", *rows) == (1.25, "value")


@pytest.mark.parametrize(
    "metric",
    [
        "tickets.open",
        "tickets.oldest_open_days",
        "tickets.load",
        "invoices.overdue_days",
        "invoices.overdue_amount",
    ],
)
def test_an_account_the_source_knows_and_that_has_nothing_there_is_an_observed_zero(metric: str) -> None:
    assert measured(metric) == (0.0, "zero")


@pytest.mark.parametrize(
    "metric",
    [
        "tickets.rating",
        "tickets.sentiment",
        "tickets.resolution_days",
        "subscriptions.days_to_renewal",
        "subscriptions.cancelling",
        "subscriptions.monthly_amount",
        "subscriptions.seats",
        "subscriptions.count",
        "subscriptions.term_months",
    ],
)
def test_what_cannot_be_counted_is_no_data_when_there_is_nothing(metric: str) -> None:
    assert measured(metric) == (None, "no_data")


def test_an_account_the_source_does_not_know_has_no_count_either() -> None:
    known = facts(record_rows={"tickets": records("tickets")}, matched={"tickets": ["B"]})

    frame = seen(known, a_signal(metric="tickets.open"), book=accounts("A", "B"))

    assert one(frame, "s", "A") == (None, "no_data")
    assert one(frame, "s", "B") == (0.0, "zero")


def test_an_account_with_a_record_is_known_without_being_listed() -> None:
    known = facts(record_rows={"tickets": records("tickets", {"opened_at": AGO[9], "closed_at": AGO[8]})})

    assert one(seen(known, a_signal(metric="tickets.open")), "s") == (0.0, "zero")


def test_a_single_bad_rating_does_not_zero_an_account() -> None:
    # (0 + 5 · 0.8) / (1 + 5)
    value, _ = measured("tickets.rating", {"rating": 0.0, "rated_at": AGO[1]}, prior=0.8, prior_count=5)

    assert value == pytest.approx(4 / 6)


def test_a_rating_counts_from_when_it_was_given_and_within_its_window() -> None:
    rows = (
        {"rating": 1.0, "rated_at": AGO[2]},
        {"rating": 0.0, "rated_at": AHEAD[1]},
        {"rating": 0.0, "rated_at": AGO[60]},
        {"rating": None, "rated_at": AGO[2]},
    )

    assert measured("tickets.rating", *rows, window=30 * DAYS, prior_count=0) == (1.0, "value")


def test_load_weighs_open_tickets_by_severity_and_age() -> None:
    # urgent, 14 days: 5 · 3; high, half a week: 2 · 1.5; low is not listed and no severity neither: 1 each
    rows = (
        {"opened_at": AGO[14], "severity": "urgent"},
        {"opened_at": NOW - timedelta(hours=84), "severity": "high"},
        {"opened_at": NOW, "severity": "low"},
        {"opened_at": NOW},
        {"opened_at": AGO[14], "severity": "urgent", "closed_at": AGO[1]},
    )

    assert measured("tickets.load", *rows, severity={"urgent": 5, "high": 2}) == (20.0, "value")
    assert measured("tickets.load", *rows, age_scale=14 * DAYS) == (5.25, "value")


def test_resolution_is_the_mean_time_of_tickets_closed_in_the_window() -> None:
    rows = (
        {"opened_at": AGO[3], "closed_at": AGO[1]},
        {"opened_at": NOW - timedelta(hours=36), "closed_at": AGO[1]},
        {"opened_at": AGO[60], "closed_at": AGO[50]},
        {"opened_at": AGO[3], "closed_at": AHEAD[1]},
        {"opened_at": AGO[1], "closed_at": AGO[2]},
        {"opened_at": None, "closed_at": AGO[2]},
        {"opened_at": AGO[2], "status": "solved"},
    )

    assert measured("tickets.resolution_days", *rows, window=7 * DAYS) == (1.25, "value")
    assert measured("tickets.resolution_days", *rows)[0] == pytest.approx(12.5 / 3)


def test_sentiment_is_shrunk_towards_neither_good_nor_bad() -> None:
    rows = (
        {"opened_at": AGO[1], "sentiment": -1.0},
        {"opened_at": AGO[2], "sentiment": -0.5},
        {"opened_at": AGO[2], "sentiment": None},
        {"opened_at": AGO[60], "sentiment": 1.0},
        {"opened_at": AHEAD[1], "sentiment": 1.0},
    )

    # −1.5 / (2 + 3); the 0.5 that is the middle of ratings does not count
    assert measured("tickets.sentiment", *rows, window=30 * DAYS, prior_count=3) == (-0.3, "value")
    assert measured("tickets.sentiment", *rows, prior_count=0)[0] == pytest.approx(-0.5 / 3)


def test_a_rating_is_shrunk_towards_the_frozen_mean_of_its_segment() -> None:
    book = accounts("A", "B", "C", "D", segment=["big", "small", None, "new"])
    rows = records(
        "tickets", *({"account_id": name, "rating": 0.0, "rated_at": AGO[1]} for name in ("A", "B", "C", "D"))
    )
    frozen = cohort(
        ("s", "big", 20, 0.9), ("s", "small", 19, 0.1), ("s", "", 60, 0.8), ("other", "big", 50, 0.2)
    )
    member = a_signal(metric="tickets.rating", prior="segment", prior_count=1)
    known = facts(record_rows={"tickets": rows})

    def ratings(given: pl.DataFrame | None) -> list[float | None]:
        frame = signals(known, book, a_model(member), as_of=NOW, timezone=BERLIN, cohort=given)
        return [one(frame, "s", name)[0] for name in "ABCD"]

    assert ratings(frozen) == [0.45, 0.4, 0.4, 0.4]
    assert ratings(cohort(("s", "big", 20, 0.9))) == [0.45, 0.25, 0.25, 0.25]
    assert ratings(cohort()) == ratings(None) == [0.25, 0.25, 0.25, 0.25]


def test_sentiment_may_be_shrunk_towards_its_segment_too() -> None:
    rows = records("tickets", {"opened_at": AGO[1], "sentiment": -1.0})
    model = a_model(a_signal(metric="tickets.sentiment", prior="segment", prior_count=1))

    def sentiment(*rows_of_cohort: tuple[str, str, int, float]) -> float | None:
        known = facts(record_rows={"tickets": rows})
        frame = signals(known, accounts(), model, as_of=NOW, timezone=BERLIN, cohort=cohort(*rows_of_cohort))
        return one(frame, "s")[0]

    assert sentiment(("s", "", 20, 0.5)) == -0.25
    assert sentiment() == -0.5


def cohort(*rows: tuple[str, str, int, float]) -> pl.DataFrame:
    """Frozen means: (signal, segment, n, mean)."""
    table = [{"signal": name, "segment": segment, "n": n, "mean": mean} for name, segment, n, mean in rows]
    return pl.DataFrame(table, schema=dict(COHORT_SCHEMA))


def test_a_share_of_records_is_some_of_them_per_all_of_them() -> None:
    rows = [{"opened_at": AGO[1], "severity": name} for name in ("urgent", "high", "low", None)]
    urgent = {"severity": "urgent"}

    assert measured("tickets.open", *rows, where=urgent, per="tickets.open") == (0.25, "value")
    assert measured("tickets.open", where=urgent, per="tickets.open") == (None, "not_applicable")


def test_records_can_be_counted_per_account_field() -> None:
    rows = records("tickets", {"opened_at": AGO[1]}, {"opened_at": AGO[2]})

    frame = seen(
        facts(record_rows={"tickets": rows}),
        a_signal(metric="tickets.open", per="account.seats"),
        book=accounts(seats=[8.0]),
    )

    assert one(frame, "s") == (0.25, "value")


def test_term_and_seats_are_those_of_running_subscriptions() -> None:
    rows = (
        {"term_months": 12.0, "seats": 10.0},
        {"term_months": 24.0, "seats": 5.0},
        {"term_months": None, "seats": None},
        {"term_months": 36.0, "seats": 99.0, "ended_at": AGO[1]},
        {"term_months": 48.0, "seats": 99.0, "started_at": AHEAD[1]},
    )

    assert measured("subscriptions.term_months", *rows) == (24.0, "value")
    assert measured("subscriptions.seats", *rows) == (15.0, "value")
    assert measured("subscriptions.count", *rows) == (3.0, "value")


def test_after_the_last_subscription_has_ended_there_are_no_seats_and_no_term() -> None:
    ended = {"term_months": 12.0, "seats": 10.0, "ended_at": AGO[1]}

    assert measured("subscriptions.seats", ended) == (0.0, "zero")
    assert measured("subscriptions.count", ended) == (0.0, "zero")
    assert measured("subscriptions.term_months", ended) == (None, "no_data")


def test_renewal_is_the_nearest_of_the_running_subscriptions() -> None:
    rows = (
        {"renewal_at": AHEAD[90]},
        {"renewal_at": AHEAD[40]},
        {"renewal_at": AHEAD[10], "ended_at": AGO[1]},
        {"renewal_at": AHEAD[5], "started_at": AHEAD[1]},
        {"renewal_at": AHEAD[5], "status": "canceled"},
    )

    assert measured("subscriptions.days_to_renewal", *rows) == (40.0, "value")


def test_an_overdue_renewal_is_negative() -> None:
    assert measured("subscriptions.days_to_renewal", {"renewal_at": AGO[3]}) == (-3.0, "value")


def test_a_cancellation_that_is_scheduled_shows_before_it_happens() -> None:
    assert measured("subscriptions.cancelling", {"cancel_at": AHEAD[20]}, {}) == (1.0, "value")
    assert measured("subscriptions.cancelling", {"renewal_at": AHEAD[20]}) == (0.0, "zero")
    assert measured("subscriptions.cancelling", {"cancel_at": AGO[1]}) == (None, "no_data")


def test_monthly_amount_adds_up_what_runs_and_is_zero_after_the_last_one_ended() -> None:
    assert measured(
        "subscriptions.monthly_amount",
        {"monthly_amount": 10.10},
        {"monthly_amount": 20.20},
        {"monthly_amount": 99.0, "ended_at": AGO[1]},
    ) == (30.3, "value")
    assert measured("subscriptions.monthly_amount", {"monthly_amount": 99.0, "ended_at": AGO[1]}) == (
        0.0,
        "zero",
    )


def test_an_unknown_amount_is_not_an_amount_of_zero() -> None:
    assert measured("subscriptions.monthly_amount", {"monthly_amount": None}) == (None, "no_data")


def test_invoices_are_overdue_from_their_due_date_until_they_are_paid() -> None:
    rows = (
        {"due_at": AGO[12], "amount_due": 100.0},
        {"due_at": AGO[40], "amount_due": 7.0, "paid_at": AGO[1]},
        {"due_at": AGO[20], "amount_due": 50.0, "paid_at": AHEAD[1], "status": "paid"},
        {"due_at": AHEAD[3], "amount_due": 11.0},
        {"due_at": AGO[50], "amount_due": 11.0, "status": "void"},
    )

    assert measured("invoices.overdue_days", *rows) == (20.0, "value")
    assert measured("invoices.overdue_amount", *rows) == (150.0, "value")


def test_columns_a_source_does_not_deliver_are_unknown_not_an_error() -> None:
    bare = records("tickets", {"opened_at": AGO[1]}).select(
        "account_id", "source_id", "observed_at", "opened_at"
    )

    frame = seen(facts(record_rows={"tickets": bare}), a_signal(metric="tickets.open"))

    assert one(frame, "s") == (1.0, "value")


def test_records_of_accounts_that_are_not_ours_are_left_out() -> None:
    rows = records("tickets", {"opened_at": AGO[1], "account_id": "stranger"})

    frame = seen(
        facts(record_rows={"tickets": rows}, matched={"tickets": ["A"]}), a_signal(metric="tickets.open")
    )

    assert frame["account_id"].to_list() == ["A"]
    assert one(frame, "s") == (0.0, "zero")


def test_a_record_read_after_the_moment_that_is_scored_is_not_there_yet() -> None:
    rows = records("tickets", {"opened_at": AGO[3], "observed_at": AHEAD[1]}, {"opened_at": AGO[2]})

    with_future = seen(facts(record_rows={"tickets": rows}), a_signal(metric="tickets.open"))
    without = seen(
        facts(record_rows={"tickets": rows.filter(pl.col("observed_at") <= NOW)}),
        a_signal(metric="tickets.open"),
    )

    assert one(with_future, "s") == (1.0, "value")
    assert with_future.equals(without)


def random_records(topic: str, chance: random.Random, account: str) -> list[dict[str, Any]]:
    """Records with every field of the topic, each of them missing now and then."""
    words = ["open", "closed", "urgent", "low", "nps", "csat"]
    values: dict[str, Any] = {
        "instant": lambda: NOW + timedelta(minutes=chance.randint(-100_000, 20_000)),
        "number": lambda: chance.choice([chance.uniform(-1, 1), chance.uniform(0, 10), float("nan"), 0.1]),
        "text": lambda: chance.choice(words),
        "bool": lambda: chance.random() < 0.5,
    }
    return [
        {"account_id": account, "source_id": f"{account}{number}"}
        | {name: values[kind]() if chance.random() < 0.8 else None for name, kind in TOPICS[topic].items()}
        for number in range(chance.randint(0, 12))
    ]


@pytest.mark.parametrize("topic", list(TOPICS))
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_records_and_the_crowd_change_no_bit(topic: str, seed: int) -> None:
    chance = random.Random(seed)
    mine = records(topic, *random_records(topic, chance, "A"))
    crowd = records(topic, *random_records(topic, chance, "B"), *random_records(topic, chance, "C"))
    windows = {"none": None, "allowed": 60 * DAYS, "needed": 30 * DAYS}
    settings: dict[str, Any] = {"prior": "segment", "severity": {"urgent": 4, "low": 0.3}}
    members = [
        a_signal(name.replace(".", "_"), metric=name, window=windows[metric.window], **settings)
        for name, metric in RECORD_METRICS.items()
        if name.startswith(topic)
    ]
    members += [replace(member, id=f"{member.id}_per", per=member.metric) for member in members]
    frozen = cohort(*((member.id, "big", 30, 0.3) for member in members))

    def look(rows: pl.DataFrame, *names: str) -> pl.DataFrame:
        known = facts(record_rows={topic: rows}, matched={topic: names}, stream_rows=streams(**{topic: NOW}))
        book = accounts(*names, segment=["big"] * len(names))
        return signals(known, book, a_model(*members), as_of=NOW, timezone=BERLIN, cohort=frozen)

    straight = look(mine, "A")

    assert straight.equals(look(mine.reverse(), "A"))
    assert look(pl.concat([crowd, mine]), "B", "A", "C").filter(pl.col("account_id") == "A").equals(straight)
