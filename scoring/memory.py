"""What one scoring leaves for the next: the shape of it for a model, and its place beside the signals.

Structs are keyed by the ids of rules and signals, so a memory survives a change of the model as far as both
know the same ids. Refuses to interpret anything.
"""

from collections.abc import Mapping
from typing import TypeAlias

import polars as pl
from polars.datatypes import DataTypeClass

from scoring.account_fields import beside
from scoring.definition import ScoringModel, Signal
from scoring.frames import PREVIOUS_SCHEMA
from scoring.limits import remembering

Kind: TypeAlias = pl.DataType | DataTypeClass
Schema: TypeAlias = Mapping[str, Kind]


def account_signals(model: ScoringModel) -> list[Signal]:
    """List the signals that are account fields: the only ones whose value can be unusable as a whole."""
    return sorted(
        (signal for signal in model.signals if signal.topic == "account"), key=lambda signal: signal.id
    )


def previous_schema(model: ScoringModel) -> Schema:
    """Give the columns of `previous` for this model; a struct that would have no fields is left out."""
    since, until = remembering(model)
    held: dict[str, pl.DataType] = {
        name: kind
        for signal in account_signals(model)
        for name, kind in ((signal.id, pl.Float64()), (f"{signal.id}@", pl.Int64()))
    }
    structs: dict[str, dict[str, pl.DataType]] = {
        "since": dict.fromkeys(since, pl.Int64()),
        "until": dict.fromkeys(until, pl.Int64()),
        "settled": {name: pl.Int16() for name in sorted(signal.id for signal in model.signals)},
        "held": held,
    }
    return {**PREVIOUS_SCHEMA, **{name: pl.Struct(parts) for name, parts in structs.items() if parts}}


def beside_memory(wide: pl.DataFrame, previous: pl.DataFrame | None, model: ScoringModel) -> pl.DataFrame:
    """Put the memory beside the rows as `was.<column>`, structs as `was.<struct>.<id>`."""
    schema = previous_schema(model)
    names = [name for name in schema if name != "account_id"]
    if previous is None:
        # real columns: polars takes a literal for a single row once it is sliced
        return wide.hstack(
            [
                pl.Series(full, [None], dtype=kind).extend_constant(None, wide.height).head(wide.height)
                for name in names
                for full, kind in _flat(name, schema[name])
            ]
        )
    known = previous.select(
        "account_id",
        *(column for name in names for column in _flattened(name, schema[name], previous.schema.get(name))),
    )
    return beside(wide, known)


def _flat(name: str, kind: Kind) -> list[tuple[str, Kind]]:
    if isinstance(kind, pl.Struct):
        return [(f"was.{name}.{part.name}", part.dtype) for part in kind.fields]
    return [(f"was.{name}", kind)]


def _flattened(name: str, kind: Kind, present: pl.DataType | None) -> list[pl.Expr]:
    if not isinstance(kind, pl.Struct):
        column = pl.lit(None) if present is None else pl.col(name)
        return [column.cast(kind).alias(f"was.{name}")]
    there = {part.name for part in present.fields} if isinstance(present, pl.Struct) else set()
    return [
        (pl.col(name).struct.field(part.name) if part.name in there else pl.lit(None))
        .cast(part.dtype)
        .alias(f"was.{name}.{part.name}")
        for part in kind.fields
    ]
