"""From facts to bands over weeks: the starter model, an outage beside a twin without one, a single source."""

import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from pydantic import TypeAdapter

from scoring.definition import ScoringModel
from scoring.health import score
from scoring.metrics import newest, signals
from tests.scoring.builders import (
    BERLIN,
    NOW,
    accounts,
    down,
    facts,
    numbers,
    records,
    remembered,
    streams,
    with_durations,
)

DAY = timedelta(days=1)
STARTER = Path(__file__).parents[2] / "scoring" / "models" / "starter.toml"
MODEL: ScoringModel = TypeAdapter(ScoringModel).validate_python(
    with_durations(tomllib.loads(STARTER.read_text()))["model"]
)
NAMES = ("steady", "falling", "troubled", "leaving")
BOOK = accounts(
    *NAMES, renewal_on=[date(2026, 6, 1)] * 4, created_on=[date(2024, 1, 1)] * 4, segment=["x"] * 4
)


def usage() -> pl.DataFrame:
    first = date(2025, 12, 1)
    rows = []
    for day in range(130):
        rows += [
            (name, "usage.active_users", first + day * DAY, 20.0)
            for name in ("steady", "troubled", "leaving")
        ]
        rows.append(("falling", "usage.active_users", first + day * DAY, max(0.0, 40.0 - max(0, day - 80))))
    return numbers(*rows)


RECORDS = {
    "tickets": records(
        "tickets",
        {"account_id": "troubled", "severity": "urgent", "opened_at": NOW + 4 * DAY, "observed_at": NOW},
    ),
    "subscriptions": records(
        "subscriptions",
        *(
            {"account_id": name, "started_at": NOW - 300 * DAY, "observed_at": NOW - DAY}
            for name in NAMES[:3]
        ),
        {
            "account_id": "leaving",
            "started_at": NOW - 300 * DAY,
            "cancel_at": NOW + 99 * DAY,
            "observed_at": NOW,
        },
    ),
    "invoices": records("invoices"),
}
MATCHED = dict.fromkeys(("usage", "tickets", "invoices"), NAMES)


def live(days: int, *, lost: str = "", since: datetime = NOW, only: str = "") -> list[pl.DataFrame]:
    """Score every day; the source of `lost` stays silent from `since` on."""
    numbers_of_all, previous, frames = usage(), None, []
    for day in range(days):
        now = NOW + day * DAY
        table = streams(usage=now, tickets=now, subscriptions=now, invoices=now)
        table = table.filter(pl.col("topic") == only) if only else table
        table = table.drop("newest_at").join(newest(numbers_of_all, now), on="topic", how="left")
        if lost and now > since:
            table = down(table, lost).with_columns(
                pl.when(pl.col("topic") == lost)
                .then(pl.lit(since))
                .otherwise("complete_at")
                .alias("complete_at")
            )
        known = facts(numbers_of_all, RECORDS, MATCHED, table)
        seen = signals(known, BOOK, MODEL, as_of=now, timezone=BERLIN)
        frame = score(seen, BOOK, MODEL, as_of=now, refreshed_at=now, timezone=BERLIN, previous=previous)
        previous = remembered(frame)
        frames.append(frame)
    return frames


def test_the_starter_model_tells_four_stories_apart() -> None:
    last = live(20)[-1]

    bands = dict(last.select("account_id", "band").iter_rows())
    assert bands == {"steady": "green", "falling": "yellow", "troubled": "yellow", "leaving": "red"}


@pytest.mark.parametrize("topic", ["usage", "tickets", "subscriptions", "invoices"])
def test_a_source_that_is_down_for_a_day_changes_no_score_and_no_band_and_lowers_confidence(
    topic: str,
) -> None:
    before, during = live(3, lost=topic, since=NOW + DAY)[1:]

    assert during["band"].to_list() == before["band"].to_list()
    assert all(b > d for b, d in zip(before["confidence"], during["confidence"], strict=True))
    assert during["score"].to_list() == before["score"].to_list()
    assert during["coverage"].to_list() == before["coverage"].to_list()


def test_a_long_outage_of_the_largest_source_ends_in_unknown_or_the_same_band_never_in_red() -> None:
    model_days = live(14, lost="usage", since=NOW)

    for frame in model_days:
        bands = dict(frame.select("account_id", "band").iter_rows())
        assert bands["steady"] in ("green", "unknown")
        assert bands["falling"] != "red"


@pytest.mark.parametrize("topic", ["usage", "tickets", "subscriptions", "invoices"])
def test_one_source_is_enough_to_begin_with(topic: str) -> None:
    (frame,) = live(1, only=topic)

    assert frame.filter(pl.col("account_id") == "steady").select("band", "coverage").rows() == [
        ("green", 1.0)
    ]
