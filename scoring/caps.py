"""Caps: conditions that keep a score at or below a ceiling, however good the rest is.

Refuses to cap on what is not known: a condition over missing data is false, and says so in its state.
"""

from datetime import datetime

import polars as pl

from scoring.conditions import ACCOUNT, Condition, ConditionError, check_types, parse
from scoring.definition import Cap, ScoringModel
from scoring.errors import ConfigError, Problem
from scoring.frames import CAP_STATE, INSTANT
from scoring.normalise import to_units


def by_strictness(model: ScoringModel) -> list[Cap]:
    """Order caps so that the one that decides comes first: lowest ceiling, then id."""
    return sorted(model.caps, key=lambda cap: (model.ceiling(cap), cap.id))


def named_fields(model: ScoringModel) -> list[str]:
    """List the account fields that conditions name."""
    names = {name for cap in model.caps for name in parse(cap.when).names}
    return sorted(name.removeprefix(ACCOUNT) for name in names if name.startswith(ACCOUNT))


def apply_caps(frame: pl.LazyFrame, schema: pl.Schema, model: ScoringModel, as_of: datetime) -> pl.LazyFrame:
    """Add `cap.<id>.state`, `cap.<id>.points`, ceiling_units, ~capped_units and cap_since.

    A condition sees the value of a signal only while the signal is live.
    """
    caps = [(cap, parse(cap.when)) for cap in by_strictness(model)]
    for cap, condition in caps:
        _check(cap, condition, schema)
    seen = {name for _, condition in caps for name in condition.names if not name.startswith(ACCOUNT)}
    frame = frame.with_columns(
        pl.when(pl.col(f"~{name}.f") > 0).then(pl.col(f"{name}.value")).alias(name) for name in sorted(seen)
    )
    now = pl.lit(as_of, dtype=INSTANT)
    frame = frame.with_columns(
        condition.expression.cast(pl.Boolean).alias(f"~cap.{cap.id}.when") for cap, condition in caps
    ).with_columns(
        pl.when(pl.col(f"~cap.{cap.id}.when").fill_null(False))
        .then(pl.coalesce(_since(cap), now))
        .alias(f"~cap.{cap.id}.since")
        for cap in model.caps
    )
    frame = frame.with_columns(
        (now - pl.col(f"~cap.{cap.id}.since") >= cap.for_).fill_null(False).alias(f"~cap.{cap.id}.on")
        for cap in model.caps
    )
    frame = frame.with_columns(to_units(pl.col("composite")).alias("~capped_units"))
    ceiling: pl.Expr = pl.lit(None, dtype=pl.Int32)
    for cap, _ in reversed(caps):
        ceiling = pl.when(pl.col(f"~cap.{cap.id}.on")).then(model.ceiling(cap)).otherwise(ceiling)
    for cap, _ in caps:
        over = pl.col("~capped_units") - model.ceiling(cap)
        bites = pl.col(f"~cap.{cap.id}.on") & (over > 0)
        row = f"cap.{cap.id}.points"
        frame = frame.with_columns(
            pl.when(bites).then(-over).when(over.is_not_null()).then(0).cast(pl.Int32).alias(row)
        ).with_columns((pl.col("~capped_units") + pl.col(row)).alias("~capped_units"))
    return frame.with_columns(
        ceiling.cast(pl.Int32).alias("ceiling_units"),
        _since_text(model).alias("cap_since"),
        *(_state(cap) for cap in model.caps),
    )


def _check(cap: Cap, condition: Condition, schema: pl.Schema) -> None:
    types = {
        name: schema.get(name, pl.Null()) if name.startswith(ACCOUNT) else pl.Float64()
        for name in condition.names
    }
    try:
        check_types(condition, types)
    except ConditionError as exc:
        raise ConfigError(
            [
                Problem(
                    key=f"model.cap[{cap.id}].when",
                    message=f"does not fit the account fields: {exc}",
                    remedy="compare text with 'text' and numbers with numbers",
                )
            ]
        ) from exc


def _state(cap: Cap) -> pl.Expr:
    when = pl.col(f"~cap.{cap.id}.when")
    return (
        pl.when(when.is_null())
        .then(pl.lit("missing"))
        .when(pl.col(f"~cap.{cap.id}.on"))
        .then(pl.lit("on"))
        .when(when)
        .then(pl.lit("waiting"))
        .otherwise(pl.lit("off"))
        .cast(CAP_STATE)
        .alias(f"cap.{cap.id}.state")
    )


def _since(cap: Cap) -> pl.Expr:
    if not cap.for_:
        return pl.lit(None, dtype=INSTANT)
    found = pl.col("was.cap_since").str.extract(rf"(?:^|;){cap.id}=(-?\d+)")
    return found.cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _since_text(model: ScoringModel) -> pl.Expr:
    """Write down since when conditions have held, for the caps that wait."""
    waiting = sorted((cap for cap in model.caps if cap.for_), key=lambda cap: cap.id)
    if not waiting:
        return pl.lit(None, dtype=pl.String)
    held = [pl.col(f"~cap.{cap.id}.since") for cap in waiting]
    text = pl.concat_str(
        [
            pl.lit(f"{cap.id}=") + since.dt.epoch("us").cast(pl.String)
            for cap, since in zip(waiting, held, strict=True)
        ],
        separator=";",
        ignore_nulls=True,
    )
    return pl.when(text != "").then(text)
