"""Inputs for the measurements: any number of made-up accounts, the same ones every time.

Chance comes from polars' hash of row numbers, so a million rows take a moment and need nothing else. Refuses to
look like real customers: only the shape matters here (how much is missing, old, or on its way to another band).
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from scoring.curves import Linear, Piecewise
from scoring.definition import Category, Renewal, ScoringModel, Signal
from scoring.frames import STATE
from scoring.rules import Cap, Floor, PointsRule

AS_OF = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
CATEGORIES = (("usage", 40.0), ("support", 20.0), ("feedback", 20.0), ("contract", 20.0))
SIGNALS = 12
KNOTS = ((0.0, 0.0), (20.0, 25.0), (50.0, 62.0), (80.0, 88.0), (100.0, 100.0))
MISSING = 0.1
"""Share of signals an account has no value for."""
PULSED = 0.1
"""Share of accounts with a pulse."""
WITH_EVENTS = 0.05


def a_model() -> ScoringModel:
    """Give twelve signals in four categories, and one of everything that can happen to a score after them."""
    members = tuple(
        Signal(
            id=f"s{place:02d}",
            label=f"Signal {place}",
            category=CATEGORIES[place % 4][0],
            weight=1 + place % 3,
            metric=f"usage.number_{place}",
            normalise=Linear(bad=10, good=90) if place % 4 == 0 else Piecewise(knots=KNOTS),
        )
        for place in range(SIGNALS)
    )
    return ScoringModel(
        version="benchmark",
        categories=tuple(Category(id=name, label=name.capitalize(), weight=w) for name, w in CATEGORIES),
        signals=members,
        caps=(
            Cap(id="lowest", when="s00 < 5", at_most="yellow", reason="Hardly used"),
            Cap(
                id="longer", when="s01 < 3", for_=timedelta(hours=24), at_most="red", reason="Idle for a day"
            ),
        ),
        floors=(Floor(id="highest", when="s02 > 98", at_least="yellow", reason="Used by everybody"),),
        points=(
            PointsRule(
                id="praise",
                reason="Praise",
                metric="web.praise",
                when="value > 0",
                points=5,
                expires=timedelta(days=10),
            ),
        ),
        renewal=Renewal(boost={"contract": 1.0}),
    )


def even(seed: int) -> pl.Expr:
    """Give each row a number in 0..1."""
    return pl.col("row").hash(seed) * 2.0**-64


def bell(seed: int) -> pl.Expr:
    """Give each row a number around 0 with a standard deviation of 1: the sum of twelve even ones."""
    return pl.sum_horizontal(even(100 * seed + place) for place in range(12)) - 6


def signals(rows: int, model: ScoringModel, *, day: int) -> pl.DataFrame:
    """Give the signals of a day; from day to day values move a little, and other ones are missing never."""
    columns: list[pl.Expr] = [("a" + pl.col("row").cast(pl.String).str.zfill(7)).alias("account_id")]
    for place, signal in enumerate(model.signals):
        name, seen = signal.id, even(10_000 + place) >= MISSING
        # windows end on the same day for everybody, records are as old as they are
        age = 5 * even(20_000 + place) if place % 3 == 0 else pl.lit(0.2)
        columns += [
            pl.when(seen).then(60 + 20 * bell(place) + 2 * bell(1_000 * day + place)).alias(f"{name}.value"),
            pl.lit(None, dtype=pl.Float64).alias(f"{name}.prior"),
            pl.when(seen)
            .then(pl.lit("value"))
            .otherwise(pl.lit("no_data"))
            .cast(STATE)
            .alias(f"{name}.state"),
            pl.when(seen).then(age).alias(f"{name}.age_days"),
            pl.lit(0.0).alias(f"{name}.down_days"),
            pl.lit(False).alias(f"{name}.silent"),
        ]
    columns.append(pl.when(even(1) < WITH_EVENTS).then(3.3).otherwise(0.0).alias("events.praise"))
    return _numbered(rows).select(columns).collect()


def book(rows: int) -> pl.DataFrame:
    """Give the account book: renewals within a year and a half, and a pulse here and there."""
    return (
        _numbered(rows)
        .select(
            ("a" + pl.col("row").cast(pl.String).str.zfill(7)).alias("account_id"),
            (1_000 * (3 * bell(2)).exp()).alias("arr"),
            pl.when(even(3) < 0.5).then(pl.lit("small")).otherwise(pl.lit("large")).alias("segment"),
            (pl.lit(date(2026, 2, 15)) + pl.duration(days=(500 * even(4)).floor())).alias("renewal_on"),
            (pl.lit(date(2022, 1, 1)) + pl.duration(days=(1_500 * even(5)).floor())).alias("created_on"),
            pl.when(even(6) < PULSED).then(pl.lit("80")).alias("pulse"),
            pl.lit(date(2026, 2, 20)).alias("pulse_on"),
            pl.lit("Spoke to them").alias("pulse_note"),
        )
        .collect()
    )


def _numbered(rows: int) -> pl.LazyFrame:
    return pl.LazyFrame({"row": pl.int_range(rows, eager=True)})
