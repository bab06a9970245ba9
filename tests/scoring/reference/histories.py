"""Random facts about accounts, and random signals and rules that look at them.

A seed is a history: daily numbers with gaps, holes and damage, tickets, subscriptions, invoices and surveys, read by
sources of which some are late, down, silent or were never there. It crosses the change to summer time.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from scoring.curves import Linear, Map
from scoring.definition import Category, ScoringModel, Signal
from scoring.rules import PointsRule
from tests.scoring.reference.facts import Number, Record, Stream, World, end_of
from tests.scoring.reference.models import SEGMENTS, WORDS
from tests.scoring.reference.values import DAY, Cohort, CohortRow, Fields, FieldValue, local_day
from tests.scoring.reference.worlds import spread

ZONE = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 27, 21, 30, tzinfo=UTC)
SERIES = ("usage", "web")
METRICS = ("logins", "seats")
RECORDS = ("tickets", "subscriptions", "invoices", "surveys")
HISTORY = 130
DRAWN = 0.6
APPLIES = (*[""] * 8, "account.segment = 'large'", "account.created_on < -30", "account.arr > 1000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a world."""

    world: World
    model: ScoringModel
    cohort: Cohort
    as_of: datetime


def looks(seed: int, *, accounts: int, times: int) -> Iterator[Look]:
    """Look at one world several times, while it stays as it is and its sources come and go."""
    chance = Random(seed)
    book = {f"a{place}": _fields(chance) for place in range(accounts)}
    numbers = [number for name in book for number in _numbers(chance, name)]
    records = {topic: [r for name in book for r in _records(chance, topic, name)] for topic in RECORDS}
    matched = {
        topic: frozenset(name for name in book if chance.random() < 0.5)
        for topic in (*SERIES, *RECORDS)
        if chance.random() < 0.9
    }
    drawn = model(chance)
    as_of = START
    for _ in range(times):
        as_of += timedelta(hours=chance.choice((1, 5, 24, 30)))
        streams = {
            topic: _stream(chance, numbers, topic, as_of)
            for topic in (*SERIES, *RECORDS)
            if chance.random() < 0.95
        }
        world = World(numbers=numbers, records=records, matched=matched, streams=streams, book=book)
        yield Look(world=world, model=drawn, cohort=_cohort(chance, drawn), as_of=as_of)


def _stream(chance: Random, numbers: list[Number], topic: str, as_of: datetime) -> Stream:
    if chance.random() < 0.04:
        return Stream(complete_at=None, down=chance.random() < 0.5)
    down = chance.random() < 0.2
    late = chance.choice((0, 30, 100)) if down else chance.choice((0, 0, 0.5, 3))
    complete_at = as_of - timedelta(hours=late)
    dated = [
        number.observed_at for number in numbers if number.topic == topic and number.observed_at <= as_of
    ]
    newest_at = max(dated, default=None) if chance.random() < 0.8 else None
    if newest_at is not None and chance.random() < 0.3:
        newest_at = end_of(local_day(as_of, ZONE) - chance.choice((2, 3, 4, 4, 5)) * DAY, ZONE)
    return Stream(complete_at=complete_at, down=down, newest_at=newest_at)


def _cohort(chance: Random, model: ScoringModel) -> Cohort:
    rows: dict[tuple[str, str], CohortRow] = {}
    for signal in model.signals:
        for segment in ("", *SEGMENTS):
            if signal.prior == "segment" and chance.random() < 0.7:
                n = chance.choice((19, 20))
                rows[signal.id, segment] = spread([chance.choice((0.2, 0.5, 0.9)) for _ in range(n)])
    return rows


# -- facts -----------------------------------------------------------------------------------------------


def _fields(chance: Random) -> Fields:
    today = local_day(START, ZONE)
    fields: dict[str, FieldValue] = {
        "segment": chance.choice((*SEGMENTS, None, " ")),
        "arr": chance.choice((None, 0.0, 5000.0, 800.0, math.nan, math.inf)),
        "created_on": chance.choice((None, today - chance.choice((10, 27, 28, 29, 30, 31, 300)) * DAY)),
        "renewal_on": chance.choice((None, today + chance.choice((-5, 1, 40)) * DAY)),
        "seats": chance.choice((None, 0.0, 3.0, 40.0)),
        "tier": chance.choice((None, "3", " 4.5 ", "lovely", "", "nan")),
        "vip": chance.choice((None, True, False)),
        "mood": chance.choice((None, "good", " bad ", "odd", "", "fair")),
    }
    return fields


def _numbers(chance: Random, account: str) -> list[Number]:
    today = local_day(START, ZONE)
    found: list[Number] = []
    for topic in SERIES:
        for metric in METRICS:
            if chance.random() < 0.2:
                continue
            level, slope = chance.choice((0.5, 4.0, 30.0)), chance.choice((0.0, 0.0, -0.02, 0.02))
            density = chance.choice((0.1, 0.5, 0.9, 1.0, 1.0))
            first, last = (
                -chance.choice((HISTORY, HISTORY, 60, 40, 5)),
                chance.choice((3, 3, 3, 0, -4, -20, -60)),
            )
            for place in range(first, last):
                if chance.random() > density:
                    continue
                at = end_of(today + place * DAY, ZONE)
                value = max(0.0, level * (1 + slope * (place + 65)) * chance.choice((0, 1, 1, 1, 1.5, 0.7)))
                value = round(value, chance.choice((0, 1, 2)))
                if chance.random() < 0.01:
                    value = chance.choice((math.nan, math.inf, 1e300, -3.0))
                number = Number(account=account, topic=topic, metric=metric, observed_at=at, value=value)
                found += [number] * chance.choice((1, 1, 1, 2))
    return found


def _records(chance: Random, topic: str, account: str) -> list[Record]:
    count = chance.choice((0, 0, 1, 2, 3, 6))
    draw = {"tickets": _ticket, "subscriptions": _subscription, "invoices": _invoice, "surveys": _survey}
    return [
        {
            "account_id": account,
            "source_id": f"{account}-{place}",
            "observed_at": START + timedelta(hours=chance.choice((-500, -200, -50, -10, 12))),
            **draw[topic](chance),
        }
        for place in range(count)
    ]


def _when(chance: Random, *, most: int = 60, ahead: int = 3) -> datetime | None:
    if chance.random() < 0.06:
        return None
    return START + timedelta(hours=chance.randrange(-24 * most, 24 * ahead), minutes=chance.choice((0, 17)))


def _after(chance: Random, at: datetime | None) -> datetime | None:
    if at is None or chance.random() < 0.4:
        return None
    return at + timedelta(hours=chance.randrange(1, 700))


def _ticket(chance: Random) -> Mapping[str, Any]:
    opened_at = _when(chance)
    rated = chance.random() < 0.5
    return {
        "opened_at": opened_at,
        "closed_at": _after(chance, opened_at),
        "status": chance.choice((None, "open", "Solved", "closed", "pending")),
        "severity": chance.choice((None, "urgent", "high", "normal")),
        "rating": chance.choice((0.0, 0.5, 1.0, math.nan)) if rated else None,
        "rated_at": _after(chance, opened_at) if rated else None,
        "sentiment": chance.choice((None, -1.0, -0.4, 0.0, 0.8)),
    }


def _subscription(chance: Random) -> Mapping[str, Any]:
    started_at = _when(chance, most=300, ahead=20)
    return {
        "started_at": started_at,
        "renewal_at": _when(chance, most=10, ahead=200),
        "cancel_at": _when(chance, most=20, ahead=60) if chance.random() < 0.3 else None,
        "ended_at": _after(chance, started_at) if chance.random() < 0.3 else None,
        "status": chance.choice((None, "active", "active", "canceled")),
        "monthly_amount": chance.choice((None, 10.1, 20.25, 99.99, math.nan)),
        "currency": chance.choice(("eur", "usd")),
        "seats": chance.choice((None, 1.0, 25.0)),
        "term_months": chance.choice((None, 1.0, 12.0, 36.0)),
    }


def _invoice(chance: Random) -> Mapping[str, Any]:
    created_at = _when(chance)
    return {
        "created_at": created_at,
        "due_at": _when(chance, most=50, ahead=30),
        "paid_at": _after(chance, created_at) if chance.random() < 0.5 else None,
        "status": chance.choice((None, "open", "open", "paid", "void")),
        "amount_due": chance.choice((None, 100.0, 12.5, 0.01)),
        "currency": chance.choice(("eur", "usd")),
        "attempts": chance.choice((None, 0.0, 3.0)),
    }


def _survey(chance: Random) -> Mapping[str, Any]:
    return {
        "answered_at": _when(chance, most=200),
        "kind": chance.choice(("nps", "nps", "csat", None)),
        "score": chance.choice((None, 0.0, 0.5, 1.0, 3.0, 6.0, 7.0, 9.0, 10.0, math.nan)),
        "respondent": chance.choice((None, "kim", "lee")),
    }


# -- signals and rules -----------------------------------------------------------------------------------


def model(chance: Random) -> ScoringModel:
    """Draw more than half of the kinds and metrics there are, some series more than once."""
    every = [*_series(chance), *_of_records(chance), *_of_accounts(chance)]
    members = [member for member in every if chance.random() < DRAWN]
    signals = tuple(
        replace(
            member,
            id=f"s{place}",
            applies=chance.choice(APPLIES),
            min_tenure=chance.choice((timedelta(0), timedelta(0), 28 * DAY)),
        )
        for place, member in enumerate(members)
    )
    return ScoringModel(
        version="random",
        categories=(Category(id="main", label="", weight=1),),
        signals=signals,
        points=tuple(rule for rule in _rules(chance) if chance.random() < DRAWN),
    )


def _signal(metric: str, **settings: Any) -> Signal:
    return Signal(
        **{
            "id": "s",
            "label": "",
            "category": "main",
            "metric": metric,
            "normalise": Linear(bad=0, good=1),
            **settings,
        }
    )


def _series(chance: Random) -> Iterator[Signal]:
    for kind in ("", "latest", "sum", "mean", "trend", "active_days", "active_share", "active_weeks"):
        weeks = kind in ("trend", "active_weeks")
        window = 7 * DAY * chance.choice((1, 2, 4)) if weeks else DAY * chance.choice((1, 6, 7, 14, 30))
        per = (
            chance.choice(("", "account.seats", ""))
            if kind in ("", "latest", "sum", "mean", "active_days")
            else ""
        )
        metric = f"{chance.choice(SERIES)}.{chance.choice(METRICS)}"
        if kind in ("", "sum") and chance.random() < 0.3:
            per = f"{metric.partition('.')[0]}.{chance.choice(METRICS)}"
        yield _signal(
            metric,
            kind=kind,
            window=None if kind in ("", "latest") else window,
            per=per,
            gaps=chance.choice(("zero", "zero", "skip")) if kind in ("sum", "mean", "trend") else "zero",
            min_baseline=chance.choice((0.0, 2.0)) if kind == "trend" else 0.0,
        )
    for kind in ("recency", "slope", "slope", "baseline", "baseline"):
        yield _signal(
            f"{chance.choice(SERIES)}.{chance.choice(METRICS)}",
            kind=kind,
            window=chance.choice((None, 56 * DAY, 70 * DAY, 84 * DAY)) if kind == "baseline" else None,
            gaps=chance.choice(("zero", "skip")) if kind != "recency" else "zero",
            min_baseline=chance.choice((0.0, 2.0)) if kind == "slope" else 0.0,
        )


def _of_records(chance: Random) -> Iterator[Signal]:
    urgent: Any = chance.choice(({}, {"severity": "urgent"}, {"severity": ("urgent", "high")}))
    euros: Any = chance.choice(({}, {"currency": "eur"}))
    nps: Any = chance.choice(({}, {"kind": "nps"}))
    prior: Any = chance.choice((0.5, 0.8, "segment", "segment"))
    yield _signal("tickets.open", where=urgent, per=chance.choice(("", "account.seats", "tickets.open")))
    yield _signal("tickets.opened", where=urgent, window=chance.choice((7, 30)) * DAY)
    yield _signal("tickets.oldest_open_days", where=urgent)
    yield _signal(
        "tickets.load", severity={"urgent": 5.0, "high": 2.5}, age_scale=chance.choice((7, 1)) * DAY
    )
    yield _signal("tickets.resolution_days", window=chance.choice((None, 30 * DAY)))
    for metric in ("tickets.rating", "tickets.sentiment", "surveys.rating"):
        window = chance.choice((None, 30 * DAY))
        yield _signal(metric, window=window, prior=prior, prior_count=chance.choice((5.0, 0.0, 2.5)))
    for name in ("latest", "mean", "nps", "count"):
        yield _signal(f"surveys.{name}", where=nps, window=chance.choice((None, 90 * DAY)))
    for name in ("days_to_renewal", "cancelling", "monthly_amount", "seats", "count", "term_months"):
        yield _signal(f"subscriptions.{name}", where=euros)
    for name in ("overdue_days", "overdue_amount"):
        yield _signal(f"invoices.{name}", where=euros)


def _of_accounts(chance: Random) -> Iterator[Signal]:
    for name in ("arr", "renewal_on", "tier", "vip", "unheard_of"):
        yield _signal(f"account.{name}", per=chance.choice(("", "", "account.seats")))
    yield _signal("account.mood", normalise=Map(values=WORDS))
    yield _signal("account.vip", normalise=Map(values={"true": 90.0}))
    yield _signal("account.seats", normalise=Map(values={"3": 30.0, "0": 0.0}))


def _rules(chance: Random) -> Iterator[PointsRule]:
    series = f"{chance.choice(SERIES)}.{chance.choice(METRICS)}"
    other = f"{chance.choice(SERIES)}.{chance.choice(METRICS)}"
    for place in range(4):
        fades = chance.random() < 0.5
        days = chance.choice((2, 10, 300)) * DAY
        yield PointsRule(
            id=f"p{place}",
            reason="",
            metric=series if place < 2 else other,
            when=chance.choice(("value > 3", "value between 1 and 20", "not value = 0", "value < 2")),
            days_in_a_row=chance.choice((1, 2, 3)),
            then=other if place % 2 else "",
            within=chance.choice((0, 2, 7)) * DAY,
            points=chance.choice((0.5, -0.75, 3.0)),
            half_life=days if fades else None,
            expires=None if fades else days,
            at_most=chance.choice((10.0, 4.0)),
        )
    for topic, when in (
        ("tickets", "severity = 'urgent' or sentiment < 0"),
        ("surveys", "score <= 6 and kind = 'nps'"),
        ("subscriptions", "monthly_amount > 15"),
        ("invoices", "not status = 'paid'"),
    ):
        yield PointsRule(
            id=topic, reason="", metric=topic, when=when, points=-2.0, half_life=20 * DAY, at_most=5.0
        )
