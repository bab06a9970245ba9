"""Floors and caps: conditions that keep a score up or down, however bad or good the rest is. Caps win.

Refuses to act on what is not known: a condition over missing data is false, and says so in its state.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TypeAlias

import polars as pl

from scoring.conditions import ACCOUNT, Condition, ConditionError, check_types, parse
from scoring.definition import ScoringModel
from scoring.errors import ConfigError, Problem
from scoring.frames import INSTANT, RULE_STATE
from scoring.rules import Cap, Floor

Rule: TypeAlias = Cap | Floor


def prefix(rule: Rule) -> str:
    """Give what the columns of a rule begin with."""
    return f"{'cap' if isinstance(rule, Cap) else 'floor'}.{rule.id}"


def by_strictness(model: ScoringModel) -> list[Cap]:
    """Order caps so that the one that decides comes first: lowest ceiling, then id."""
    return sorted(model.caps, key=lambda cap: (model.ceiling(cap), cap.id))


def by_height(model: ScoringModel) -> list[Floor]:
    """Order floors so that the one that decides comes first: highest, then id."""
    return sorted(model.floors, key=lambda floor: (-model.bottom(floor), floor.id))


def rules(model: ScoringModel) -> list[Rule]:
    """List floors and caps by id."""
    return sorted((*model.floors, *model.caps), key=prefix)


def named_fields(model: ScoringModel) -> list[str]:
    """List the account fields that conditions of rules and profiles name."""
    conditions = [rule.when for rule in rules(model)] + [profile.when for profile in model.profiles]
    names = {name for text in conditions for name in parse(text).names}
    return sorted(name.removeprefix(ACCOUNT) for name in names if name.startswith(ACCOUNT))


def judged(
    frame: pl.LazyFrame, schema: Mapping[str, pl.DataType], model: ScoringModel, as_of: datetime, today: date
) -> pl.LazyFrame:
    """Add `<rule>.state` and `~<rule>.on` per rule, and `since` and `until` where rules need a memory.

    A condition sees the value of a signal only while the signal is live (`~<id>.f` above 0). `schema` is that
    of the frame with the account fields. Raises ConfigError where a condition does not fit their types.
    """
    every = rules(model)
    if not every:
        return frame
    conditions = {prefix(rule): parse(rule.when) for rule in every}
    for rule in every:
        _check(rule, conditions[prefix(rule)], schema)
    seen = {name for c in conditions.values() for name in c.names if not name.startswith(ACCOUNT)}
    now = pl.lit(as_of, dtype=INSTANT)
    frame = (
        frame.with_columns(
            pl.when(pl.col(f"~{name}.f") > 0).then(pl.col(f"{name}.value")).alias(name)
            for name in sorted(seen)
        )
        .with_columns(
            condition.expression.cast(pl.Boolean).alias(f"~{name}.when")
            for name, condition in conditions.items()
        )
        .with_columns(_since(rule, now) for rule in every)
        .with_columns(_held(rule, now, today) for rule in every)
        .with_columns(_on(rule, now, today) for rule in every)
    )
    # a signal may be called like a column that comes later
    return frame.with_columns(*(_state(rule, today) for rule in every), *_memory(every)).drop(sorted(seen))


def _check(rule: Rule, condition: Condition, schema: Mapping[str, pl.DataType]) -> None:
    types = {
        name: schema.get(name, pl.Null()) if name.startswith(ACCOUNT) else pl.Float64()
        for name in condition.names
    }
    try:
        check_types(condition, types)
    except ConditionError as exc:
        kind, _, name = prefix(rule).partition(".")
        raise ConfigError(
            [
                Problem(
                    key=f"model.{kind}[{name}].when",
                    message=f"does not fit the account fields: {exc}",
                    remedy="compare text with 'text' and numbers with numbers",
                )
            ]
        ) from exc


def _since(rule: Rule, now: pl.Expr) -> pl.Expr:
    """Say since when the condition has been true without interruption."""
    name = prefix(rule)
    true = pl.col(f"~{name}.when").fill_null(False)
    since = pl.coalesce(_remembered("since", name), now) if rule.for_ else now
    return pl.when(true).then(since).alias(f"~{name}.since")


def _held(rule: Rule, now: pl.Expr, today: date) -> pl.Expr:
    """Say until when the rule stays on: by its condition now, or as remembered."""
    name = prefix(rule)
    by_condition = (now - pl.col(f"~{name}.since") >= rule.for_).fill_null(False)
    if not rule.hold:
        return by_condition.alias(f"~{name}.now")
    until = pl.when(by_condition).then(now + rule.hold).otherwise(_remembered("until", name))
    return pl.struct(now=by_condition, until=until).alias(f"~{name}.held")


def _on(rule: Rule, now: pl.Expr, today: date) -> pl.Expr:
    name = prefix(rule)
    if rule.until is not None and today >= rule.until:
        on = pl.lit(False)
    elif rule.hold:
        held = pl.col(f"~{name}.held")
        on = held.struct.field("now") | (now < held.struct.field("until")).fill_null(False)
    else:
        on = pl.col(f"~{name}.now")
    return on.alias(f"~{name}.on")


def _remembered(part: str, name: str) -> pl.Expr:
    # bits of the memory of the last run, put beside the frame by `scoring.memory`
    return pl.col(f"was.{part}.{name}").cast(INSTANT)


def _state(rule: Rule, today: date) -> pl.Expr:
    name = prefix(rule)
    when = pl.col(f"~{name}.when")
    if rule.until is not None and today >= rule.until:
        return pl.lit("off", dtype=RULE_STATE).alias(f"{name}.state")
    on, missing, waiting, off = (
        pl.lit(word, dtype=RULE_STATE) for word in ("on", "missing", "waiting", "off")
    )
    state = (
        pl.when(pl.col(f"~{name}.on")).then(on).when(when.is_null()).then(missing).when(when).then(waiting)
    )
    return state.otherwise(off).alias(f"{name}.state")


def _memory(every: Iterable[Rule]) -> list[pl.Expr]:
    since = [
        pl.col(f"~{prefix(rule)}.since").dt.epoch("us").alias(prefix(rule)) for rule in every if rule.for_
    ]
    until = [
        pl.col(f"~{prefix(rule)}.held").struct.field("until").dt.epoch("us").alias(prefix(rule))
        for rule in every
        if rule.hold
    ]
    return [pl.struct(parts).alias(name) for name, parts in (("since", since), ("until", until)) if parts]


def remembering(model: ScoringModel) -> tuple[list[str], list[str]]:
    """Name the rules whose `since`, and those whose `until`, must be remembered."""
    every = rules(model)
    return [prefix(r) for r in every if r.for_], [prefix(r) for r in every if r.hold]


def lifted(model: ScoringModel, value: pl.Expr) -> tuple[list[pl.Expr], pl.Expr]:
    """Apply the highest floor that is on to `value` (units): the row of each floor, and the result."""
    rows, level = [], value
    for floor in by_height(model):
        short = model.bottom(floor) - level
        row = pl.when(pl.col(f"~{prefix(floor)}.on") & (short > 0)).then(short).otherwise(0)
        rows.append(row.cast(pl.Int32).alias(f"{prefix(floor)}.points"))
        level = level + row
    return rows, level


def ceiling(model: ScoringModel) -> pl.Expr:
    """Give the lowest ceiling of the caps that are on, in units; null where none is."""
    result: pl.Expr = pl.lit(None, dtype=pl.Int32)
    for cap in reversed(by_strictness(model)):
        result = pl.when(pl.col(f"~{prefix(cap)}.on")).then(model.ceiling(cap)).otherwise(result)
    return result.cast(pl.Int32)
