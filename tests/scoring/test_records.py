"""Records: tickets, subscriptions and invoices to one number, as of a moment."""

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from tests.scoring.builders import NOW, a_signal, accounts, facts, one, records, seen

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
    "metric", ["tickets.open", "tickets.oldest_open_days", "invoices.overdue_days", "invoices.overdue_amount"]
)
def test_an_account_the_source_knows_and_that_has_nothing_there_is_an_observed_zero(metric: str) -> None:
    assert measured(metric) == (0.0, "zero")


@pytest.mark.parametrize(
    "metric",
    [
        "tickets.rating",
        "subscriptions.days_to_renewal",
        "subscriptions.cancelling",
        "subscriptions.monthly_amount",
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
