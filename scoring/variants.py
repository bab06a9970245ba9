"""One account many times over, each time a little different, so that the real score can say what would be.

Refuses to choose what is tried, and to compute anything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl

from scoring.curves import Map
from scoring.definition import Signal, model_hash
from scoring.side import Side
from scoring.tries import Try
from scoring.words import Row


def crowd(side: Side, tried: Sequence[tuple[Try, ...]]) -> Side:
    """Put one account beside another for each choice of values, in this order, all else as it is."""
    names = [f"{side.account_id}#{place}" for place in range(len(tried))]

    def copied(frame: pl.DataFrame) -> pl.DataFrame:
        one = frame.filter(pl.col("account_id") == side.account_id)
        ids = names if one.height else []
        return one[[0] * len(ids)].with_columns(pl.Series("account_id", ids, dtype=pl.String))

    signals, accounts = copied(side.signals), copied(side.accounts)
    for name in sorted({part.signal_id for one in tried for part in one}):
        chosen = [next((part for part in one if part.signal_id == name), None) for one in tried]
        signal = next(item for item in side.model.signals if item.id == name)
        signals = signals.with_columns(_valued(signals, name, chosen))
        if signal.topic == "account":
            accounts = accounts.with_columns(_written(accounts[signal.name], signal, chosen))
    previous = None if side.previous is None else copied(side.previous)
    return replace(side, signals=signals, accounts=accounts, previous=previous)


def _valued(signals: pl.DataFrame, name: str, chosen: Sequence[Try | None]) -> Iterator[pl.Series]:
    column, state = signals[f"{name}.value"], signals[f"{name}.state"]
    values = [known if one is None else one.value for known, one in zip(column, chosen, strict=True)]
    states = [
        known if one is None or known == "source_down" else "value" if one.value else "zero"
        for known, one in zip(state, chosen, strict=True)
    ]
    yield pl.Series(column.name, values, dtype=column.dtype)
    yield pl.Series(state.name, states, dtype=state.dtype)


def _written(column: pl.Series, signal: Signal, chosen: Sequence[Try | None]) -> pl.Series:
    """Write a value into the account field as well, for conditions that look there."""
    words = [None if one is None else one.word for one in chosen]
    if not isinstance(signal.normalise, Map):
        values = [None if one is None else one.value for one in chosen]
        written = pl.Series(values, dtype=pl.Float64).cast(column.dtype, strict=False)
    elif column.dtype == pl.Boolean:
        written = pl.Series([None if word is None else word == "true" for word in words], dtype=pl.Boolean)
    else:
        written = pl.Series(words, dtype=pl.String).cast(column.dtype, strict=False)
    tried = pl.Series([one is not None for one in chosen], dtype=pl.Boolean)
    return written.zip_with(tried, column).alias(column.name)


def without(side: Side, name: str, row: Row) -> Side:
    """Take away one thing that stands against a change: `cap.<id>`, `pulse` (a severe one) or `override`.

    `row` is what came out with it. The memory is made that of the other model, so that weights that pass over go
    on passing over, and rules that wait or hold go on doing so.
    """
    if name == "override":
        return replace(side, accounts=side.accounts.drop("override"))
    model = side.model
    if name == "pulse":
        model = replace(model, pulse=replace(model.pulse, severe=None))
    else:
        model = replace(model, caps=tuple(cap for cap in model.caps if f"cap.{cap.id}" != name))
    previous = side.previous
    if previous is not None:
        mine = pl.col("model_hash").is_in([str(row["model_hash"]), model_hash(side.model)])
        renamed = pl.when(mine).then(pl.lit(model_hash(model))).otherwise(pl.col("model_hash"))
        previous = previous.with_columns(renamed.alias("model_hash"))
    return replace(side, model=model, previous=previous, topics=None)
