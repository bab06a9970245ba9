"""Between the reference's values and the frames of the real implementation, and what differs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from scoring.curves import Map
from scoring.definition import ScoringModel
from scoring.frames import COHORT_SCHEMA, INSTANT, NUMBERS_SCHEMA, STATE, STREAMS_SCHEMA
from scoring.metrics import Facts
from scoring.model import TOPICS
from scoring.rules import Cap, Floor
from tests.scoring.reference.facts import Record, World
from tests.scoring.reference.values import Clock, Cohort, Inputs, Memory, Scored

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
NEAR = 1e-9
EVENT_NOISE = 2e-5
"""Events are added up in millionths, each of up to a hundred rounded."""


def signals_frame(model: ScoringModel, accounts: Mapping[str, Inputs]) -> pl.DataFrame:
    """Give readings and events as the `signals` frame."""
    data: dict[str, list[Any]] = {"account_id": list(accounts)}
    schema: dict[str, Any] = {"account_id": pl.String}
    types: dict[str, Any] = {"value": pl.Float64, "prior": pl.Float64, "state": STATE, "age_days": pl.Float64}
    types |= {"down_days": pl.Float64, "silent": pl.Boolean}
    for signal in model.signals:
        parts = types | ({"text": pl.String} if isinstance(signal.normalise, Map) else {})
        for part, kind in parts.items():
            name = f"{signal.id}.{part}"
            schema[name] = kind
            data[name] = [getattr(one.readings[signal.id], part) for one in accounts.values()]
    for rule in model.points:
        schema[f"events.{rule.id}"] = pl.Float64
        data[f"events.{rule.id}"] = [one.events[rule.id] for one in accounts.values()]
    return pl.DataFrame(data, schema=schema)


FIELD_TYPES: Mapping[str, Any] = {
    "arr": pl.Float64,
    "seats": pl.Float64,
    "renewal_on": pl.Date,
    "created_on": pl.Date,
    "pulse_on": pl.Date,
    "override_until": pl.Date,
}


def accounts_frame(fields: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> pl.DataFrame:
    """Give account fields as the `accounts` frame, with the columns `names`."""
    data: dict[str, list[Any]] = {"account_id": list(fields)}
    data |= {name: [one.get(name) for one in fields.values()] for name in names}
    schema = {name: FIELD_TYPES.get(name, _type_of(values)) for name, values in data.items()}
    return pl.DataFrame(data, schema=schema)


def _type_of(values: Sequence[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    return pl.Float64 if kinds == {float} else pl.Boolean if kinds == {bool} else pl.String


def facts_of(world: World) -> Facts:
    """Give plain facts as the frames sources fill."""
    numbers = {
        "account_id": [one.account for one in world.numbers],
        "topic": [one.topic for one in world.numbers],
        "metric": [one.metric for one in world.numbers],
        "observed_at": [one.observed_at for one in world.numbers],
        "value": [one.value for one in world.numbers],
    }
    known = {
        topic: pl.DataFrame({"account_id": sorted(names)}, schema={"account_id": pl.String})
        for topic, names in world.matched.items()
    }
    streams = [(name, one.complete_at, one.down, one.newest_at) for name, one in world.streams.items()]
    return Facts(
        numbers=pl.DataFrame(numbers, schema=dict(NUMBERS_SCHEMA)),
        records={topic: _records(topic, found) for topic, found in world.records.items()},
        matched=known,
        streams=pl.DataFrame(streams, schema=dict(STREAMS_SCHEMA), orient="row"),
    )


def _records(topic: str, rows: Sequence[Record]) -> pl.DataFrame:
    types: dict[str, Any] = {"text": pl.String, "number": pl.Float64, "instant": INSTANT, "bool": pl.Boolean}
    schema: dict[str, Any] = {"account_id": pl.String, "source_id": pl.String, "observed_at": INSTANT}
    schema |= {name: types[kind] for name, kind in TOPICS[topic].items()}
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in schema}, schema=schema)


def signal_differences(row: Mapping[str, Any], expected: Inputs, model: ScoringModel) -> Iterator[str]:
    """Say where a row of `signals` is not what the reference says."""
    for signal in model.signals:
        wanted = expected.readings[signal.id]
        parts = ["value", "state", *(["text"] if isinstance(signal.normalise, Map) else [])]
        parts += ["prior"] if signal.kind in ("trend", "baseline") else []
        if wanted.state != "not_applicable":
            parts += ["silent"]
        if wanted.value is not None:
            parts += ["age_days", "down_days"]
        for part in parts:
            yield from _unequal(f"{signal.id}.{part}", row[f"{signal.id}.{part}"], getattr(wanted, part))
    for rule in model.points:
        name = f"events.{rule.id}"
        yield from _unequal(name, row[name], expected.events[rule.id], slack=EVENT_NOISE)


def cohort_frame(cohort: Cohort) -> pl.DataFrame:
    """Give a frozen cohort as a frame."""
    rows = [
        {
            "signal": signal,
            "segment": segment,
            "n": row.n,
            "mean": row.mean,
            "median": row.mean,
            "reference": None,
            "values": list(row.values),
            "at": list(row.at),
            "between": list(row.between),
        }
        for (signal, segment), row in cohort.items()
    ]
    return pl.DataFrame(rows, schema=dict(COHORT_SCHEMA))


def remembered(row: Mapping[str, Any], model: ScoringModel) -> Memory:
    """Read a row of PREVIOUS_SCHEMA."""
    ids = sorted(signal.id for signal in model.signals)
    return Memory(
        model=row["model_hash"],
        band=row["band"],
        band_since=row["band_since"],
        known_band=row["known_band"],
        known_since=row["known_since"],
        unknown_since=row["unknown_since"],
        yellow=_clock(row, "yellow"),
        green=_clock(row, "green"),
        refreshed_at=row["refreshed_at"],
        rule_since=_instants(row.get("since")),
        rule_until=_instants(row.get("until")),
        live=_bits(row["live"], ids),
        settled={name: points for name, points in row["settled"].items() if points is not None},
        settled_composite=row["settled_composite"],
        flips=tuple(_instant(at) for at in row["flips"] or ()),
        profile=row["profile"],
        profile_since=row["profile_since"],
        profile_from=row["profile_from"],
        held=_held(row.get("held")),
    )


def _instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _clock(row: Mapping[str, Any], name: str) -> Clock | None:
    since = row[f"{name}_since"]
    return None if since is None else Clock(since=since, refreshes=row[f"{name}_refreshes"])


def _instants(parts: Mapping[str, int | None] | None) -> dict[str, datetime]:
    return {name: _instant(at) for name, at in (parts or {}).items() if at is not None}


def _bits(number: int | None, ids: Sequence[str]) -> frozenset[str]:
    return frozenset(name for place, name in enumerate(ids) if (number or 0) >> place & 1)


def _held(parts: Mapping[str, Any] | None) -> dict[str, tuple[float, datetime]]:
    values = {name: value for name, value in (parts or {}).items() if not name.endswith("@")}
    return {
        name: (value, _instant((parts or {})[f"{name}@"]))
        for name, value in values.items()
        if value is not None
    }


def differences(
    row: Mapping[str, Any], expected: Scored, model: ScoringModel, now: datetime
) -> Iterator[str]:
    """Say where a row of `scored` is not what the reference says."""
    units = expected.units
    yield from _unequal("score_units", row["score_units"], units)
    yield from _unequal("score", row["score"], None if units is None else units / 10_000)
    auto = expected.auto_units
    yield from _unequal("auto_score", row["auto_score"], None if auto is None else auto / 10_000)
    for name in ("composite", "coverage", "confidence", "near"):
        yield from _unequal(name, row[name], getattr(expected, name))
    for name in ("mixed", "profile", "pulse_state", "override_state", "entered_from", "pending_band"):
        yield from _unequal(name, row[name], getattr(expected, name))
    for name in ("migrated", "flapping", *(() if "data_change" in expected.edges else ("data_change",))):
        yield from _unequal(name, row[name], getattr(expected, name))
    for name, state in expected.states.items():
        yield from _unequal(f"{name}.state", row[f"{name}.state"], state)
    yield from _rows(row, expected, model)
    yield from _memory(row, expected, model, now)


def _rows(row: Mapping[str, Any], expected: Scored, model: ScoringModel) -> Iterator[str]:
    names = [name.removesuffix(".points") for name in row if name.endswith(".points")]
    unknown = set(expected.rows) - set(names) - {"rounding"}
    if unknown:
        yield f"rows {sorted(unknown)} are not there"
    total, signals = 1_000_000, {signal.id for signal in model.signals}
    for name in (*names, "rounding"):
        found = row["rounding" if name == "rounding" else f"{name}.points"] or 0
        wanted = expected.rows.get(name, 0)
        # where a float lies on the edge of rounding, what comes after it may be a unit off as well
        slack = (name in expected.edges) if name in signals else len(expected.edges)
        if abs(found - wanted) > slack:
            yield f"{name}.points is {found}, expected {wanted}"
        total += found
    if row["score_units"] is not None and total != row["score_units"]:
        yield f"rows add up to {total}, not {row['score_units']}"
    for signal in model.signals:
        if row["composite"] is not None and f"{signal.id}.weight" in row:
            weight = row[f"{signal.id}.weight"]
            yield from _unequal(f"{signal.id}.weight", weight or 0.0, expected.weights.get(signal.id, 0.0))


def _memory(row: Mapping[str, Any], expected: Scored, model: ScoringModel, now: datetime) -> Iterator[str]:
    found, wanted = remembered(row, model), expected.memory
    for name in ("band", "band_since", "known_band", "known_since", "unknown_since", "yellow", "green"):
        yield from _unequal(name, getattr(found, name), getattr(wanted, name))
    for name in ("model", "refreshed_at", "live", "flips", "profile", "profile_since", "profile_from"):
        yield from _unequal(name, getattr(found, name), getattr(wanted, name))
    for name in ("held", "settled_composite"):
        yield from _unequal(name, getattr(found, name), getattr(wanted, name))
    every: list[tuple[str, Cap | Floor]] = [(f"cap.{rule.id}", rule) for rule in model.caps]
    every += [(f"floor.{rule.id}", rule) for rule in model.floors]
    for name, rule in every:
        if rule.for_:
            yield from _unequal(f"since {name}", found.rule_since.get(name), wanted.rule_since.get(name))
        if rule.hold:
            until = found.rule_until.get(name)
            yield from _unequal(
                f"until {name}", until if until and until > now else None, wanted.rule_until.get(name)
            )
    yield from _unequal("settled", sorted(found.settled), sorted(wanted.settled))
    for name in found.settled.keys() & wanted.settled.keys():
        # what lies on the edge between two hundredths may fall on either side
        if abs(found.settled[name] - wanted.settled[name]) > 1:
            yield f"settled {name} is {found.settled[name]}, expected {wanted.settled[name]}"


def _unequal(name: str, found: object, wanted: object, *, slack: float = NEAR) -> Iterator[str]:
    if isinstance(found, float) and isinstance(wanted, float):
        if not math.isclose(found, wanted, rel_tol=NEAR, abs_tol=slack):
            yield f"{name} is {found!r}, expected {wanted!r}"
    elif found != wanted:
        yield f"{name} is {_short(found)}, expected {_short(wanted)}"


def _short(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(value))}}}"
    return repr(value)
