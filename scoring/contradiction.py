"""Named contradictions: customers who say they are happy and do not use what they have (scoring.md c.12).

Somebody who answers an NPS survey with 9 or 10, or whose ratings are worth 80 points and more, while use is worth
less than 40. Use is what the signals from series are worth, by their weights. Refuses to look at signals that do
not count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from scoring.definition import ScoringModel, Signal
from scoring.exact import divided, total
from scoring.model import TOPICS
from scoring.profiles import ordered_signals
from scoring.words import Row, floating, reading

PROMOTER = 9.0
HAPPY = 80.0
LITTLE_USE = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """What somebody says, and what use is worth, in points 0..100."""

    signal_id: str
    voice: str
    use: float


def contradictions(row: Row, model: ScoringModel) -> Iterator[Contradiction]:
    """List the contradictions of one account: columns of the scored frame and the signals frame."""
    use = _use_of(row, model)
    if use is None or use >= LITTLE_USE:
        return
    for signal in voices(model):
        if row[f"{signal.id}.points"] is not None and _is_happy(signal, row):
            yield Contradiction(signal_id=signal.id, voice=reading(signal, row), use=use)


def contradicted(model: ScoringModel) -> dict[str, pl.Expr]:
    """Give the same as expressions: signal id to whether it contradicts use."""
    used = uses(model)
    if not used:
        return {}
    weight = total(pl.col(f"{signal.id}.weight").fill_null(0.0) for signal in used)
    worth = total(
        pl.col(f"{signal.id}.weight").fill_null(0.0) * pl.col(f"{signal.id}.score").fill_null(0.0)
        for signal in used
    )
    little = (weight > 0) & (divided(worth, weight) < LITTLE_USE)
    return {
        signal.id: little & pl.col(f"{signal.id}.points").is_not_null() & _happy(signal)
        for signal in voices(model)
    }


def voices(model: ScoringModel) -> list[Signal]:
    """List the signals in which customers speak: surveys, ratings, and account fields called nps or csat."""
    return [signal for signal in ordered_signals(model) if _is_voice(signal)]


def uses(model: ScoringModel) -> list[Signal]:
    """List the signals from series: what customers do."""
    return [
        signal
        for signal in ordered_signals(model)
        if signal.topic not in TOPICS and signal.topic != "account"
    ]


def _is_voice(signal: Signal) -> bool:
    match signal.topic:
        case "surveys":
            return signal.name != "count"
        case "tickets":
            return signal.name in ("rating", "sentiment")
        case topic:
            return topic == "account" and signal.name in ("nps", "csat")


def _is_answer(signal: Signal) -> bool:
    """Say that the value is an answer to an NPS survey, 0..10."""
    if signal.topic == "account":
        return signal.name == "nps"
    return signal.name in ("latest", "mean") and signal.where.get("kind") == "nps"


def _happy(signal: Signal) -> pl.Expr:
    column, least = _judged(signal)
    return (pl.col(column) >= least).fill_null(False)


def _is_happy(signal: Signal, row: Row) -> bool:
    column, least = _judged(signal)
    return row[column] is not None and floating(row[column]) >= least


def _judged(signal: Signal) -> tuple[str, float]:
    """Name the column that tells, and from where on it is happy."""
    if _is_answer(signal):
        return f"{signal.id}.value", PROMOTER
    return f"{signal.id}.score", HAPPY


def _use_of(row: Row, model: ScoringModel) -> float | None:
    # in the same order and way as `contradicted`, so that both agree to the bit
    weights = [floating(row[f"{signal.id}.weight"]) for signal in uses(model)]
    scores = [floating(row[f"{signal.id}.score"]) for signal in uses(model)]
    whole = _added(weights)
    if whole <= 0:
        return None
    return _added([weight * score for weight, score in zip(weights, scores, strict=True)]) * (1.0 / whole)


def _added(values: Sequence[float]) -> float:
    result = 0.0
    for value in values:
        result += value
    return result
