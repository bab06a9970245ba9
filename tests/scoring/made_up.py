"""A made-up company with three customers, and the ready-made models that judge them.

thriving is there every day and content; coasting comes on weekdays and is so-so; fading has come once a week
for two weeks, has an urgent ticket open, pays late and is about to leave.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from scoring.definition import ScoringModel
from scoring.health import score
from scoring.metrics import Facts, signals
from tests.scoring.builders import BERLIN, NOW, accounts, facts, numbers, records, streams, with_durations

DAY = timedelta(days=1)
SUNDAY = date(2026, 3, 1)
"""The last complete day at NOW."""
FOLDER = Path(__file__).parents[2] / "scoring" / "models"
NAMES = ("thriving", "coasting", "fading")
SERIES = ("usage", "engagement", "onboarding", "web")
RECORDS = ("tickets", "surveys", "subscriptions", "invoices")
BOOK = accounts(
    *NAMES,
    segment=["Large", "Large", "Small"],
    created_on=[date(2023, 1, 1), date(2025, 9, 1), date(2024, 6, 1)],
    renewal_on=[date(2026, 12, 31), date(2026, 9, 1), date(2026, 3, 20)],
    licences=[25.0, 20.0, 20.0],
)

DAILY: Mapping[str, tuple[float, float, float]] = {
    "usage.active_users": (22, 14, 9),
    "usage.features": (5, 3, 1),
    "usage.logins": (2, 0.5, 0.1),
    "usage.minutes": (660, 240, 1600),
    "onboarding.milestones": (0.04, 0.02, 0.01),
    "engagement.emails_opened": (0.5, 0.25, 0),
    "engagement.trainings": (0.05, 0.02, 0),
    "engagement.community_posts": (0.1, 0.03, 0),
}
"""What each of the three does on a day it is there."""


def ready_made(name: str) -> ScoringModel:
    """Load a model that ships with the program."""
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    return TypeAdapter(ScoringModel).validate_python(with_durations(table)["model"])


def world(**extra: tuple[str, Mapping[str, Any]]) -> Facts:
    """Give everything the sources know; `extra` adds one record per keyword: (topic, fields)."""
    rows: dict[str, list[Mapping[str, Any]]] = {topic: list(RECORD_ROWS[topic]) for topic in RECORDS}
    for topic, fields in extra.values():
        rows[topic].append(fields)
    return facts(
        _series(),
        {topic: records(topic, *of_topic) for topic, of_topic in rows.items()},
        dict.fromkeys((*SERIES, *RECORDS), NAMES),
        streams(**dict.fromkeys((*SERIES, *RECORDS), NOW)),
    )


def judged(model: ScoringModel, known: Facts, book: pl.DataFrame = BOOK, **settings: Any) -> pl.DataFrame:
    """Score the customers as of NOW, for the first time."""
    seen = signals(known, book, model, as_of=NOW, timezone=BERLIN)
    return score(seen, book, model, as_of=NOW, refreshed_at=NOW, timezone=BERLIN, **settings)


def _series() -> pl.DataFrame:
    rows = []
    for back in range(200):
        day = SUNDAY - back * DAY
        there = {"thriving": True, "coasting": day.weekday() < 5, "fading": back >= 14 or back % 7 == 3}
        for metric, daily in DAILY.items():
            rows += [
                (name, metric, day, value) for name, value in zip(NAMES, daily, strict=True) if there[name]
            ]
    rows += [("thriving", "web.pricing_views", SUNDAY - back * DAY, 2.0) for back in (2, 3, 4)]
    rows.append(("thriving", "web.questions", SUNDAY - DAY, 1.0))
    return numbers(*rows)


def _ticket(account: str, opened: int, closed: int | None = None, **fields: Any) -> Mapping[str, Any]:
    return {
        "account_id": account,
        "opened_at": NOW - opened * DAY,
        "closed_at": None if closed is None else NOW - closed * DAY,
        **fields,
    }


def _answer(account: str, kind: str, ago: int, value: float) -> Mapping[str, Any]:
    return {"account_id": account, "kind": kind, "answered_at": NOW - ago * DAY, "score": value}


RECORD_ROWS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "tickets": (
        _ticket("thriving", 20, 19, severity="normal", rating=1.0, rated_at=NOW - 19 * DAY, sentiment=0.6),
        _ticket("coasting", 6, severity="normal", sentiment=0.0),
        _ticket("coasting", 40, 30, severity="high", rating=0.5, rated_at=NOW - 30 * DAY),
        _ticket("fading", 7, severity="urgent", sentiment=-0.8),
        _ticket("fading", 35, severity="normal", sentiment=-0.5),
        _ticket("fading", 60, 40, severity="high", rating=0.0, rated_at=NOW - 40 * DAY),
    ),
    "surveys": (
        _answer("thriving", "nps", 30, 10),
        _answer("coasting", "nps", 45, 7),
        _answer("fading", "nps", 20, 3),
        _answer("thriving", "csat", 30, 5),
        _answer("coasting", "csat", 45, 4),
        _answer("fading", "csat", 20, 2),
        _answer("thriving", "review", 60, 5),
        _answer("fading", "review", 30, 1),
    ),
    "subscriptions": (
        {"account_id": "thriving", "started_at": NOW - 900 * DAY},
        {"account_id": "coasting", "started_at": NOW - 180 * DAY},
        {"account_id": "fading", "started_at": NOW - 600 * DAY, "cancel_at": NOW + 18 * DAY},
    ),
    "invoices": (
        {"account_id": "coasting", "due_at": NOW - 40 * DAY, "paid_at": NOW - 36 * DAY},
        {"account_id": "fading", "due_at": NOW - 20 * DAY},
    ),
}
