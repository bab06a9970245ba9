"""Records to one number, metric by metric, as of a topic's moment."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from scoring.definition import Signal
from tests.scoring.reference.facts import Moment, Record
from tests.scoring.reference.values import DAY, SMALLEST_COHORT, Cohort, local_day

BEGINS: Mapping[str, str] = {
    "tickets": "opened_at",
    "surveys": "answered_at",
    "subscriptions": "started_at",
    "invoices": "created_at",
}
CLOSED = {"solved", "closed", "resolved", "done"}
ENDED = {"canceled", "cancelled", "ended", "expired", "incomplete", "incomplete_expired"}
SETTLED = {"paid", "void", "voided", "draft", "deleted"}

Found = tuple[float | None, datetime | None]
"""Value, and when it was true if that is not the moment itself."""


def measured(
    records: Sequence[Record], signal: Signal, moment: Moment, *, known: bool, prior: float
) -> tuple[float | None, float | None]:
    """Give value and age in days of a record metric, from the records an account has.

    `known` says that some source knows the account; of subscriptions only having one makes a zero.
    """
    known = bool(records) if signal.topic == "subscriptions" else known
    rows = [record for record in records if _matches(record, signal.where)]
    value, observed_at = METRICS[signal.metric](rows, signal, moment, known, prior)
    if value is None:
        return None, None
    return value, moment.age_days if observed_at is None else (moment.as_of - observed_at) / DAY


def prior_of(signal: Signal, segment: str, cohort: Cohort) -> float:
    """Give what small samples are shrunk towards."""
    neutral = 0.0 if signal.metric == "tickets.sentiment" else 0.5
    if signal.prior != "segment":
        return neutral if signal.metric == "tickets.sentiment" else signal.prior
    for name in (segment, ""):
        row = cohort.get((signal.id, name))
        if row is not None and row.n >= SMALLEST_COHORT and row.mean is not None:
            return row.mean
    return neutral


def _matches(record: Record, where: Mapping[str, str | bool | float | tuple[str, ...]]) -> bool:
    for name, wanted in where.items():
        value = record.get(name)
        if value is None or not (value in wanted if isinstance(wanted, tuple) else value == wanted):
            return False
    return True


def instant(record: Record, name: str) -> datetime | None:
    """Give an instant of a record."""
    value = record.get(name)
    return value if isinstance(value, datetime) else None


def number(record: Record, name: str) -> float | None:
    """Give a number of a record, None where it cannot be used."""
    value = record.get(name)
    usable = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if usable and isinstance(value, int | float) else None


def _word(record: Record) -> str:
    return str(record.get("status") or "").strip().lower()


def happened(record: Record, name: str, moment: Moment) -> bool:
    """Say whether an instant of a record has come."""
    at = instant(record, name)
    return at is not None and at <= moment.at


def inside(record: Record, name: str, signal: Signal, moment: Moment) -> bool:
    """Say whether an instant lies in the window of complete days; without a window: whether it has come."""
    at = instant(record, name)
    if at is None or at > moment.at:
        return False
    if signal.window is None:
        return True
    day = local_day(at, moment.zone)
    return moment.last_day - signal.window + DAY <= day <= moment.last_day


def _open(rows: Sequence[Record], moment: Moment) -> list[timedelta]:
    """Give the ages of open tickets."""
    return [
        moment.at - at
        for row in rows
        if (at := instant(row, "opened_at")) is not None and _is_open(row, moment)
    ]


def _is_open(row: Record, moment: Moment) -> bool:
    if not happened(row, "opened_at", moment) or happened(row, "closed_at", moment):
        return False
    return instant(row, "closed_at") is not None or _word(row) not in CLOSED


def tickets_open(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    return (float(len(_open(rows, moment))) if known else None), None


def tickets_opened(
    rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float
) -> Found:
    return (float(sum(inside(row, "opened_at", signal, moment) for row in rows)) if known else None), None


def tickets_oldest(
    rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float
) -> Found:
    return (max((age / DAY for age in _open(rows, moment)), default=0.0) if known else None), None


def tickets_load(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    if not known:
        return None, None
    load = 0.0
    for row in rows:
        opened_at = instant(row, "opened_at")
        if opened_at is not None and _is_open(row, moment):
            weight = signal.severity.get(str(row.get("severity")), 1.0)
            load += weight * (1 + (moment.at - opened_at) / signal.age_scale)
    return load, None


def tickets_resolution(
    rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float
) -> Found:
    spans = []
    for row in rows:
        opened_at, closed_at = instant(row, "opened_at"), instant(row, "closed_at")
        if opened_at is None or closed_at is None or closed_at < opened_at:
            continue
        if inside(row, "closed_at", signal, moment):
            spans.append((closed_at - opened_at) / DAY)
    return (sum(spans) / len(spans) if spans else None), None


def _shrunk(values: Sequence[float], signal: Signal, prior: float) -> float | None:
    if not values:
        return None
    return (sum(values) + signal.prior_count * prior) / (len(values) + signal.prior_count)


def tickets_rating(
    rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float
) -> Found:
    ratings = [
        rating
        for row in rows
        if (rating := number(row, "rating")) is not None and inside(row, "rated_at", signal, moment)
    ]
    return _shrunk(ratings, signal, prior), None


def tickets_sentiment(
    rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float
) -> Found:
    moods = [
        mood
        for row in rows
        if (mood := number(row, "sentiment")) is not None and inside(row, "opened_at", signal, moment)
    ]
    return _shrunk(moods, signal, prior), None


def begun(topic: str, records: Sequence[Record], moment: Moment) -> list[Record]:
    """Leave out records that begin only later; what names no beginning was always there."""
    return [
        row for row in records if instant(row, BEGINS[topic]) is None or happened(row, BEGINS[topic], moment)
    ]


def _running(rows: Sequence[Record], moment: Moment) -> list[Record]:
    return [row for row in rows if not _is_over(row, moment)]


def _is_over(row: Record, moment: Moment) -> bool:
    if instant(row, "ended_at") is None and instant(row, "cancel_at") is None:
        return _word(row) in ENDED
    return happened(row, "ended_at", moment) or happened(row, "cancel_at", moment)


def days_to_renewal(
    rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float
) -> Found:
    dates = [at for row in _running(rows, moment) if (at := instant(row, "renewal_at")) is not None]
    days = [float((local_day(at, moment.zone) - moment.today).days) for at in dates]
    return min(days, default=None), None


def cancelling(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    running = _running(rows, moment)
    if not running:
        return None, None
    return float(
        any(instant(row, name) is not None for row in running for name in ("cancel_at", "ended_at"))
    ), None


def _total(name: str) -> Callable[[Sequence[Record], Signal, Moment, bool, float], Found]:
    def total(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
        running = _running(rows, moment)
        if not running:
            return (0.0 if known else None), None
        amounts = [amount for row in running if (amount := number(row, name)) is not None]
        return (sum(amounts) if amounts else None), None

    return total


def subscription_count(
    rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float
) -> Found:
    return (float(len(_running(rows, moment))) if known else None), None


def longest_term(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    terms = [term for row in _running(rows, moment) if (term := number(row, "term_months")) is not None]
    return max(terms, default=None), None


def _overdue(rows: Sequence[Record], moment: Moment) -> list[Record]:
    return [row for row in rows if happened(row, "due_at", moment) and not _is_settled(row, moment)]


def _is_settled(row: Record, moment: Moment) -> bool:
    if instant(row, "paid_at") is None:
        return _word(row) in SETTLED
    return happened(row, "paid_at", moment)


def overdue_days(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    if not known:
        return None, None
    due = [at for row in _overdue(rows, moment) if (at := instant(row, "due_at")) is not None]
    return max((float((moment.today - local_day(at, moment.zone)).days) for at in due), default=0.0), None


def overdue_amount(
    rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float
) -> Found:
    if not known:
        return None, None
    overdue = _overdue(rows, moment)
    amounts = [amount for row in overdue if (amount := number(row, "amount_due")) is not None]
    return (None if overdue and not amounts else sum(amounts, 0.0)), None


def _answers(rows: Sequence[Record], signal: Signal, moment: Moment) -> list[tuple[datetime, float]]:
    """Give instants and scores of the answers that count, the newest last."""
    return sorted(
        (at, score)
        for row in rows
        if (at := instant(row, "answered_at")) is not None
        and (score := number(row, "score")) is not None
        and inside(row, "answered_at", signal, moment)
    )


def survey_latest(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    answers = _answers(rows, signal, moment)
    return (answers[-1][1], answers[-1][0]) if answers else (None, None)


def survey_mean(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    answers = _answers(rows, signal, moment)
    if not answers:
        return None, None
    return sum(score for _, score in answers) / len(answers), answers[-1][0]


def survey_nps(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    answers = _answers(rows, signal, moment)
    if not answers:
        return None, None
    lead = sum((score >= 9) - (score <= 6) for _, score in answers)
    return 100 * lead / len(answers), answers[-1][0]


def survey_rating(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    answers = _answers(rows, signal, moment)
    value = _shrunk([score for _, score in answers], signal, prior)
    return value, answers[-1][0] if answers else None


def survey_count(rows: Sequence[Record], signal: Signal, moment: Moment, known: bool, prior: float) -> Found:
    return (float(sum(inside(row, "answered_at", signal, moment) for row in rows)) if known else None), None


METRICS: Mapping[str, Callable[[Sequence[Record], Signal, Moment, bool, float], Found]] = {
    "tickets.open": tickets_open,
    "tickets.opened": tickets_opened,
    "tickets.oldest_open_days": tickets_oldest,
    "tickets.load": tickets_load,
    "tickets.resolution_days": tickets_resolution,
    "tickets.rating": tickets_rating,
    "tickets.sentiment": tickets_sentiment,
    "subscriptions.days_to_renewal": days_to_renewal,
    "subscriptions.cancelling": cancelling,
    "subscriptions.monthly_amount": _total("monthly_amount"),
    "subscriptions.seats": _total("seats"),
    "subscriptions.count": subscription_count,
    "subscriptions.term_months": longest_term,
    "invoices.overdue_days": overdue_days,
    "invoices.overdue_amount": overdue_amount,
    "surveys.latest": survey_latest,
    "surveys.mean": survey_mean,
    "surveys.nps": survey_nps,
    "surveys.rating": survey_rating,
    "surveys.count": survey_count,
}
