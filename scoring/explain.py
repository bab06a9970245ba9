"""Scores to reasons: ledger rows, the three biggest drags and drivers, a short and a long text.

Made for the accounts that are shown or written, never for all: it works on one account at a time, from what
`health.score(…, detail=True)` gives for them. Every text is made of the same rows, in an order that only
depends on their numbers and ids.

Refuses to compute a score: the rows are those that were published, and they add up to it exactly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from scoring.adjust import FULL
from scoring.definition import ScoringModel, Signal
from scoring.limits import by_strictness
from scoring.model import Band
from scoring.rules import Cap
from scoring.words import Row, decimal, gap, reading, signed

SHOWN = 3
NEUTRAL = 60.0
"""A signal above this many points drives a score up; it is the reference until segments have medians."""
SMALLEST = Decimal("0.05")
"""Rows that would be shown as 0.0 are not worth a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of the ledger: what it is, and the points it adds or takes."""

    id: str
    label: str
    points: Decimal
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one account has its score; rows add up to `score` exactly (there are none while it is unknown).

    `drivers` are measured against a neutral account, not against 100, so they are no rows of the ledger.
    """

    account_id: str
    score: Decimal | None
    rows: tuple[LedgerRow, ...]
    drags: tuple[LedgerRow, ...]
    drivers: tuple[LedgerRow, ...]
    caps: tuple[LedgerRow, ...]
    gaps: tuple[str, ...]
    short: str
    long: str
    basis: tuple[str, ...]
    """What the texts name, sorted: the same basis means the same reasons, whatever their numbers."""


def explain(
    scored: pl.DataFrame,
    signals: pl.DataFrame,
    model: ScoringModel,
    *,
    short_length: int = 255,
    long_length: int = 4000,
) -> Sequence[Explanation]:
    """Explain the accounts of `scored` (made with detail=True), in its order."""
    table = scored.join(signals, on="account_id", how="left", maintain_order="left")
    return [
        _explain(row, model, short_length=short_length, long_length=long_length)
        for row in table.iter_rows(named=True)
    ]


def _explain(row: Row, model: ScoringModel, *, short_length: int, long_length: int) -> Explanation:
    ordered = sorted(model.signals, key=lambda signal: signal.id)
    counted = [signal for signal in ordered if row[f"{signal.id}.points"] is not None]
    units = row["score_units"]
    if isinstance(units, int):
        score: Decimal | None = decimal(units)
        effects = [_effect(signal, row) for signal in counted]
        caps = tuple(_capped(cap, row) for cap in by_strictness(model) if row[f"cap.{cap.id}.points"])
        rounding = _row("rounding", "Rounding", row["rounding"], "Rounding")
        start = LedgerRow(id="start", label="Start", points=decimal(FULL), sentence="Start: 100")
        rows = (start, *effects, *caps, *([rounding] if rounding.points else []))
        gains = [_driver(signal, row) for signal in counted]
        drivers = _biggest(gain for gain in gains if gain.points > 0)
    else:
        score, effects, caps, rows, drivers = None, [], (), (), ()
    drags = _biggest(row for row in effects if row.points < 0)
    missing = [(signal.id, gap(signal, row)) for signal in ordered if signal not in counted and signal.weight]
    gaps = tuple(text for _, text in missing if text is not None)
    basis = sorted(
        [
            *(f"cap:{item.id}" for item in caps),
            *(f"drag:{item.id}" for item in drags),
            *(f"driver:{item.id}" for item in drivers),
            *((f"gap:{name}" for name, text in missing if text is not None) if score is None else ()),
        ]
    )
    return Explanation(
        account_id=str(row["account_id"]),
        score=score,
        rows=rows,
        drags=drags,
        drivers=drivers,
        caps=caps,
        gaps=gaps,
        short=_short(score, caps, drags, gaps, short_length),
        long=_long(row, score, caps, drags, drivers, gaps, long_length),
        basis=tuple(basis),
    )


def _row(name: str, label: str, units: object, sentence: str) -> LedgerRow:
    points = decimal(units if isinstance(units, int) else 0)
    return LedgerRow(id=name, label=label, points=points, sentence=f"{sentence}: {signed(points)}")


def _effect(signal: Signal, row: Row) -> LedgerRow:
    return _row(signal.id, signal.label, row[f"{signal.id}.points"], reading(signal, row))


def _driver(signal: Signal, row: Row) -> LedgerRow:
    weight, points = row[f"{signal.id}.weight"], row[f"{signal.id}.score"]
    assert isinstance(weight, float)
    assert isinstance(points, float)
    gain = round(weight * (points - NEUTRAL) * 10_000)
    return _row(signal.id, signal.label, gain, reading(signal, row))


def _capped(cap: Cap, row: Row) -> LedgerRow:
    return _row(cap.id, cap.reason, row[f"cap.{cap.id}.points"], cap.reason)


def _biggest(rows: Iterable[LedgerRow]) -> tuple[LedgerRow, ...]:
    """Choose the rows with the most points, ties by id."""
    worth = [row for row in rows if abs(row.points) >= SMALLEST]
    return tuple(sorted(worth, key=lambda row: (-abs(row.points), row.id))[:SHOWN])


def _short(
    score: Decimal | None,
    caps: Sequence[LedgerRow],
    drags: Sequence[LedgerRow],
    gaps: Sequence[str],
    length: int,
) -> str:
    if score is None:
        return fitted("; ".join(["Not enough data", *gaps]), length)
    sentences = [row.sentence for row in (*caps, *drags)] or ["Nothing takes points off"]
    text = fitted(sentences[0], length)
    for sentence in sentences[1:]:
        longer = f"{text}; {sentence}"
        if len(longer) > length:
            break
        text = longer
    return text


def _long(
    row: Row,
    score: Decimal | None,
    caps: Sequence[LedgerRow],
    drags: Sequence[LedgerRow],
    drivers: Sequence[LedgerRow],
    gaps: Sequence[str],
    length: int,
) -> str:
    band = row["band"]
    if score is None:
        lines = ["Not enough data for a score."]
    else:
        lines = [f"Score {score.normalize():f}, {band}."]
    if score is None and band != Band.UNKNOWN.value:
        lines = [f"Not enough data for a new score; still {band}."]
    for title, items in (
        ("Capped by:", [item.sentence for item in caps]),
        ("Takes points off (of 100):", [item.sentence for item in drags]),
        (f"Speaks for the account (against a neutral {NEUTRAL:g}):", [item.sentence for item in drivers]),
        ("Did not count:", gaps),
    ):
        if items:
            lines += [title, *(f"- {item}" for item in items)]
    kept = lines[:1]
    for line in lines[1:]:
        if len("\n".join([*kept, line])) > length:
            break
        kept.append(line)
    return fitted("\n".join(kept), length)


def fitted(text: str, length: int) -> str:
    """Shorten to a length at the end of a word, with "…" for what is missing."""
    if len(text) <= length:
        return text
    cut = text[: max(length - 1, 0)]
    if " " in cut and not text[len(cut)].isspace():
        cut = cut[: cut.rindex(" ")]
    return (cut.rstrip(" ;,:") + "…")[:length]
