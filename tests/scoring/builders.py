"""Small worlds for scoring tests: models, facts and frames with only what a test speaks about."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from scoring.curves import Linear
from scoring.definition import Category, ScoringModel, Signal
from scoring.frames import INSTANT, NUMBERS_SCHEMA, PREVIOUS_SCHEMA, STATE, STREAMS_SCHEMA
from scoring.health import score
from scoring.metrics import Facts, signals
from scoring.model import TOPICS

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
"""A Monday, 06:00 in Berlin: the last complete day is Sunday, 1 March."""
TO_100 = Linear(bad=0, good=100)
"""Value 37 gives 37 points."""
POLARS_TYPES = {"text": pl.String, "number": pl.Float64, "instant": INSTANT, "bool": pl.Boolean}


def a_signal(name: str = "s", **changes: Any) -> Signal:
    settings: dict[str, Any] = {
        "id": name,
        "label": name.capitalize(),
        "category": "main",
        "metric": "usage.number",
        "normalise": TO_100,
    }
    return Signal(**{**settings, **changes})


def a_model(*members: Signal, **changes: Any) -> ScoringModel:
    names = sorted({signal.category for signal in members})
    settings: dict[str, Any] = {
        "version": "test",
        "categories": tuple(Category(id=name, label=name.capitalize(), weight=1) for name in names),
        "signals": members,
    }
    return ScoringModel(**{**settings, **changes})


def day_end(day: date, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)


def numbers(*rows: tuple[str, str, date, float]) -> pl.DataFrame:
    """Daily numbers: (account, "topic.metric", day, value)."""
    return pl.DataFrame(
        [(account, *name.split("."), day_end(day), value) for account, name, day, value in rows],
        schema=dict(NUMBERS_SCHEMA),
        orient="row",
    )


def records(topic: str, *rows: Mapping[str, Any]) -> pl.DataFrame:
    schema: dict[str, Any] = {"account_id": pl.String, "source_id": pl.String, "observed_at": INSTANT}
    schema |= {name: POLARS_TYPES[kind] for name, kind in TOPICS[topic].items()}
    return pl.DataFrame(
        [
            {"account_id": "A", "source_id": str(place), "observed_at": NOW - timedelta(hours=1), **row}
            for place, row in enumerate(rows)
        ],
        schema=schema,
    )


def streams(**topics: datetime | None) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"topic": topic, "complete_at": at, "down": False, "newest_at": None}
            for topic, at in topics.items()
        ],
        schema=dict(STREAMS_SCHEMA),
    )


def down(frame: pl.DataFrame, *topics: str) -> pl.DataFrame:
    return frame.with_columns((pl.col("down") | pl.col("topic").is_in(topics)).alias("down"))


def facts(
    number_rows: pl.DataFrame | None = None,
    record_rows: Mapping[str, pl.DataFrame] | None = None,
    matched: Mapping[str, Sequence[str]] | None = None,
    stream_rows: pl.DataFrame | None = None,
) -> Facts:
    return Facts(
        numbers=numbers() if number_rows is None else number_rows,
        records=record_rows or {},
        matched={
            topic: pl.DataFrame({"account_id": names}, schema={"account_id": pl.String})
            for topic, names in (matched or {}).items()
        },
        streams=streams(usage=NOW, tickets=NOW, subscriptions=NOW, invoices=NOW)
        if stream_rows is None
        else stream_rows,
    )


def accounts(*names: str, **columns: Sequence[Any]) -> pl.DataFrame:
    return pl.DataFrame({"account_id": names or ("A",), **columns})


def seen(
    given: Facts,
    *members: Signal,
    book: pl.DataFrame | None = None,
    as_of: datetime = NOW,
    zone: ZoneInfo = BERLIN,
) -> pl.DataFrame:
    book = accounts() if book is None else book
    return signals(given, book, a_model(*members), as_of=as_of, timezone=zone)


def one(frame: pl.DataFrame, name: str, account: str = "A") -> tuple[float | None, str]:
    """Value and state of one signal of one account."""
    row = frame.filter(pl.col("account_id") == account).row(0, named=True)
    return row[f"{name}.value"], row[f"{name}.state"]


def signal_frame(model: ScoringModel, *rows: Mapping[str, Any]) -> pl.DataFrame:
    """Signals given by hand: {"account_id": "A", "s": 37.0, "s.state": "no_data", …}.

    Account ids default to A, B, …; a value of None is NO_DATA, every other one VALUE or ZERO, fresh.
    """
    table = []
    for place, row in enumerate(rows):
        line: dict[str, Any] = {"account_id": row.get("account_id", chr(ord("A") + place))}
        for signal in model.signals:
            value = row.get(signal.id)
            state = "no_data" if value is None else "zero" if value == 0 else "value"
            line |= {
                f"{signal.id}.value": value,
                f"{signal.id}.prior": row.get(f"{signal.id}.prior"),
                f"{signal.id}.state": row.get(f"{signal.id}.state", state),
                f"{signal.id}.age_days": row.get(f"{signal.id}.age_days", None if value is None else 0.0),
                f"{signal.id}.down_days": row.get(f"{signal.id}.down_days", 0.0),
                f"{signal.id}.silent": row.get(f"{signal.id}.silent", False),
            }
        table.append(line)
    types: dict[str, Any] = dict.fromkeys(("value", "prior", "age_days", "down_days"), pl.Float64)
    types["silent"] = pl.Boolean
    schema: dict[str, Any] = {"account_id": pl.String}
    for signal in model.signals:
        for part in ("value", "prior", "state", "age_days", "down_days", "silent"):
            schema[f"{signal.id}.{part}"] = types.get(part, STATE)
    return pl.DataFrame(table, schema=schema)


def scored(
    model: ScoringModel,
    *rows: Mapping[str, Any],
    book: pl.DataFrame | None = None,
    as_of: datetime = NOW,
    refreshed_at: datetime | None = None,
    previous: pl.DataFrame | None = None,
    detail: bool = False,
) -> pl.DataFrame:
    frame = signal_frame(model, *rows)
    return score(
        frame,
        frame.select("account_id") if book is None else book,
        model,
        as_of=as_of,
        refreshed_at=refreshed_at or as_of,
        timezone=BERLIN,
        previous=previous,
        detail=detail,
    )


def remembered(frame: pl.DataFrame) -> pl.DataFrame:
    """What a run keeps for the next one."""
    structs = [name for name in ("since", "until", "settled", "held") if name in frame.columns]
    return frame.select([*PREVIOUS_SCHEMA, *structs])


def with_durations(table: Any) -> Any:
    """Turn "14d" and "24h" in a TOML table into timedelta, as the application does before validation."""
    if isinstance(table, dict):
        return {key: with_durations(value) for key, value in table.items()}
    if isinstance(table, list):
        return [with_durations(value) for value in table]
    if isinstance(table, str) and (found := re.fullmatch(r"(\d+)([dh])", table)):
        return timedelta(**{{"d": "days", "h": "hours"}[found[2]]: int(found[1])})
    return table
