"""Rows of state as the frames that scoring wants; their shapes are described in `scoring.frames`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

import polars as pl
from sqlalchemy import Connection

from crmhealth import book
from scoring.definition import ScoringModel
from scoring.frames import INSTANT, NUMBERS_SCHEMA, SNAPSHOTS_SCHEMA, STREAMS_SCHEMA
from scoring.memory import previous_schema
from scoring.metrics import Facts, lookback, newest
from scoring.model import TOPICS, Account, FieldType
from scoring.trend import REACH
from state import recall
from state import scores as stored_scores
from state.recall import StreamName, TopicReading
from state.scores import StoredScore

_TYPES: Mapping[FieldType, Any] = {
    "text": pl.String,
    "number": pl.Float64,
    "instant": pl.String,
    "bool": pl.Boolean,
}


def facts(
    connection: Connection,
    model: ScoringModel,
    readings: Sequence[TopicReading],
    matched: Mapping[str, Sequence[str]],
    *,
    master: str,
    as_of: datetime,
) -> Facts:
    """Load everything the model looks at, as it was known at `as_of`.

    `readings` are those of the streams that are configured; no other facts count. `matched` gives, per
    source, the accounts of ours it knows.
    """
    names = {(reading.source, reading.stream) for reading in readings}
    rows = recall.numbers(connection, as_of=as_of, since=as_of - lookback(model), streams=names)
    numbers = pl.DataFrame(rows, schema=_raw(NUMBERS_SCHEMA), orient="row").cast(pl.Schema(NUMBERS_SCHEMA))
    streams = _streams(readings, numbers, master, as_of)
    # While a source is down its records are held as they were, whatever half a pull has brought since.
    held = {topic: at for topic, at, down, _ in streams.iter_rows() if down and at is not None}
    wanted = sorted(model.topics() & set(TOPICS))
    return Facts(
        numbers=numbers,
        records={topic: _records(connection, topic, held.get(topic, as_of), names) for topic in wanted},
        matched=_matched(readings, matched),
        streams=streams,
    )


def accounts(listed: Iterable[Account]) -> pl.DataFrame:
    """Make the account frame: one row per account, a column per field, a parent by our id of it."""
    rows = sorted(listed, key=lambda account: account.account_id)
    names = sorted({name for account in rows for name in account.fields})
    columns: dict[str, Any] = {
        "account_id": pl.Series([a.account_id for a in rows], dtype=pl.String),
        "name": pl.Series([a.name for a in rows], dtype=pl.String),
        "segment": pl.Series([a.segment for a in rows], dtype=pl.String),
        "owner_active": pl.Series([a.owner_active for a in rows], dtype=pl.Boolean),
        "arr": pl.Series([a.arr for a in rows], dtype=pl.Float64),
        "renewal_on": pl.Series([a.renewal_on for a in rows], dtype=pl.Date),
        "created_on": pl.Series([a.created_on for a in rows], dtype=pl.Date),
    }
    for name in names:
        values = [account.fields.get(name) for account in rows]
        if is_date(name):
            columns[name] = pl.Series([book.as_date(value) for value in values], dtype=pl.Date)
        else:
            columns[name] = _series(values)
    if "parent" in columns:
        ours = {account.crm_id: account.account_id for account in rows}
        columns["parent"] = pl.Series(
            [ours.get(str(account.fields.get("parent"))) for account in rows], dtype=pl.String
        )
    return pl.DataFrame(columns)


def is_date(name: str) -> bool:
    """Say whether a field is a date, going by its name: renewal_on, pulse_on, override_until."""
    return name.endswith("_on") or name == "override_until"


def previous(scores: Iterable[StoredScore], model: ScoringModel) -> pl.DataFrame:
    """Make the frame of what a scoring left for the next one; what another model kept is read as far as it goes."""
    schema = previous_schema(model)
    rows = [score.memory for score in scores]
    return pl.DataFrame(rows, schema=_raw(schema), orient="row").cast(pl.Schema(schema))


def memory(scored: pl.DataFrame, model: ScoringModel) -> list[dict[str, object]]:
    """Give, per account of a scored frame, what the next scoring needs, in values that JSON knows."""
    schema = previous_schema(model)
    kept = scored.select(list(schema)).cast(pl.Schema(schema))
    return kept.cast(_raw(schema)).to_dicts()


def cohort_bytes(cohort: pl.DataFrame) -> bytes:
    """Write a frozen cohort down."""
    buffer = BytesIO()
    cohort.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def cohort_of(body: bytes) -> pl.DataFrame:
    """Read a frozen cohort."""
    return pl.read_ipc(BytesIO(body))


def snapshots(connection: Connection, *, as_of: datetime, version: str) -> pl.DataFrame:
    """Load the published scores that a trend compares with: those of this model."""
    rows = stored_scores.history_since(connection, as_of - REACH, as_of, version)
    return pl.DataFrame(
        rows, schema={"account_id": pl.String, "at": pl.Int64, "score": pl.Float64}, orient="row"
    ).cast(pl.Schema(SNAPSHOTS_SCHEMA))


def stored_rows(scored: pl.DataFrame, model: ScoringModel, as_of: datetime) -> list[StoredScore]:
    """Make the rows that state keeps of a scored frame."""
    values = scored.select("account_id", "score", "band", "confidence").iter_rows()
    return [
        StoredScore(
            account_id=account_id,
            as_of=as_of,
            model_version=model.version,
            score=score,
            band=str(band),
            confidence=confidence,
            memory=kept,
        )
        for (account_id, score, band, confidence), kept in zip(values, memory(scored, model), strict=True)
    ]


def _raw(schema: Mapping[str, Any]) -> pl.Schema:
    """Give a schema with instants as whole microseconds, as state and JSON hold them."""
    return pl.Schema({name: pl.Int64 if kind == INSTANT else kind for name, kind in schema.items()})


def _series(values: Sequence[object]) -> pl.Series:
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return pl.Series([None if v is None else float(str(v)) for v in values], dtype=pl.Float64)
    if present and all(isinstance(value, bool) for value in present):
        return pl.Series(values, dtype=pl.Boolean)
    return pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)


def _records(
    connection: Connection, topic: str, as_of: datetime, streams: Collection[StreamName]
) -> pl.DataFrame:
    fields = TOPICS[topic]
    rows = [
        {"account_id": account_id, "source_id": source_id, "observed_at": observed_at}
        | {name: body.get(name) for name in fields}
        for account_id, source_id, observed_at, body in recall.records(
            connection, topic=topic, as_of=as_of, streams=streams
        )
    ]
    schema: dict[str, Any] = {"account_id": pl.String, "source_id": pl.String, "observed_at": INSTANT} | {
        name: _TYPES[kind] for name, kind in fields.items()
    }
    frame = pl.DataFrame(rows, schema=schema, strict=False)
    return frame.with_columns(
        pl.col(name).str.to_datetime(time_unit="us", time_zone="UTC", strict=True)
        for name, kind in fields.items()
        if kind == "instant"
    )


def _matched(
    readings: Sequence[TopicReading], matched: Mapping[str, Sequence[str]]
) -> dict[str, pl.DataFrame]:
    by_topic: dict[str, set[str]] = {}
    for reading in readings:
        by_topic.setdefault(reading.topic, set()).update(matched.get(reading.source, ()))
    return {
        topic: pl.DataFrame({"account_id": sorted(ids)}, schema={"account_id": pl.String})
        for topic, ids in by_topic.items()
        if topic
    }


def _streams(
    readings: Sequence[TopicReading], numbers: pl.DataFrame, master: str, as_of: datetime
) -> pl.DataFrame:
    """Say per topic how current it is: as old as the oldest of its streams, down if one of them is.

    A stream that has never delivered says nothing about a topic that another one delivers.
    """
    by_topic: dict[str, list[TopicReading]] = {}
    for reading in readings:
        if reading.topic == "accounts" and reading.source == master:
            by_topic.setdefault("account", []).append(reading)
        elif reading.topic not in ("", "accounts"):
            by_topic.setdefault(reading.topic, []).append(reading)
    topics: dict[str, tuple[datetime | None, bool]] = {}
    for topic, all_of_it in by_topic.items():
        heard = [(reading.complete_at, reading.down) for reading in all_of_it if reading.complete_at]
        oldest = min((at for at, _ in heard), default=None)
        topics[topic] = (oldest, any(down for _, down in heard) if heard else all_of_it[0].down)
    frame = pl.DataFrame(
        [{"topic": topic, "complete_at": at, "down": down} for topic, (at, down) in sorted(topics.items())],
        schema={name: kind for name, kind in STREAMS_SCHEMA.items() if name != "newest_at"},
    )
    return frame.join(newest(numbers, as_of), on="topic", how="left").select(list(STREAMS_SCHEMA))
