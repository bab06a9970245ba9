"""The rows of the ledger with a sentence each: from 100 to the published score, in the order they are applied.

Refuses to compute points: the rows are those that were published, and they add up to the score exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from scoring.adjust import FULL, event_rows, event_rules
from scoring.definition import ScoringModel
from scoring.limits import Rule, by_height, by_strictness, prefix
from scoring.profiles import ordered_signals
from scoring.rules import Pulse
from scoring.words import Row, day, decimal, fitted, in_units, number, reading, signed, written

RowKind: TypeAlias = Literal[
    "start", "signal", "family", "event", "limit", "pulse", "floor", "cap", "override", "rounding"
]
SMALLEST = Decimal("0.05")
"""Rows that would be shown as 0.0 are not worth a sentence."""
NOTE_LENGTH = 80
"""Notes that people wrote are quoted no further than this."""
_MEMBERS = {
    "arr_weighted_mean": "the mean by revenue is",
    "min": "the lowest is",
    "pct_arr_red": "their share of revenue in red gives",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One row of the ledger: what it is, and the points it adds or takes."""

    id: str
    kind: RowKind
    label: str
    points: Decimal
    sentence: str


def ledger(row: Row, book: Row, model: ScoringModel, timezone: ZoneInfo) -> list[LedgerRow]:
    """List the rows of one account that has a score.

    `row` is that of the scored frame with those of the signals frame beside it, `book` the account's fields as
    far as they are known, `model` the one of its profile. Rows without points are left out, but for signals that
    count and an override that is on.
    """
    rows = [LedgerRow(id="start", kind="start", label="Start", points=decimal(FULL), sentence="Start: 100")]
    rows += [
        made(signal.id, "signal", signal.label, row[f"{signal.id}.points"], reading(signal, row))
        for signal in ordered_signals(model)
        if row[f"{signal.id}.points"] is not None
    ]
    rows += adjustments(row, book, model, timezone)
    rows.append(made("rounding", "rounding", "Rounding", row["rounding"], "Rounding"))
    return [item for item in rows if item.points or item.kind == "signal" or item.id == "override"]


def adjustments(row: Row, book: Row, model: ScoringModel, timezone: ZoneInfo) -> list[LedgerRow]:
    """List all rows between the signals and the rounding, those without points as well."""
    rows = [made("family", "family", "Accounts beneath", row["family.points"], family(row, model))]
    for event in event_rules(model):
        name = event_rows(event)
        rows.append(made(name, "event", event.reason, row[f"{name}.points"], event.reason))
    rows += [
        made("events.limit", "limit", "Limit", row["events.limit.points"], "Limit of all events together"),
        made("pulse", "pulse", "Pulse", row["pulse.points"], pulse(book, model.pulse, timezone)),
    ]
    limits: list[Rule] = [*by_height(model), *by_strictness(model)]
    for rule in limits:
        name = prefix(rule)
        kind: RowKind = "cap" if name.startswith("cap.") else "floor"
        rows.append(made(name, kind, rule.reason, row[f"{name}.points"], rule.reason))
    severe = f"{pulse(book, model.pulse, timezone)} keeps it in red"
    rows.append(made("pulse_cap", "cap", "Severe pulse", row["pulse_cap.points"], severe))
    if row["override_state"] == "on":
        by_hand = override(str(row["band"]), book, timezone)
        rows.append(made("override", "override", "Set by hand", row["override.points"], by_hand))
    return rows


def made(name: str, kind: RowKind, label: str, units: object, sentence: str) -> LedgerRow:
    """Make a row of so many units; nothing is 0."""
    points = decimal(units if isinstance(units, int) else 0)
    return LedgerRow(id=name, kind=kind, label=label, points=points, sentence=f"{sentence}: {signed(points)}")


def family(row: Row, model: ScoringModel) -> str:
    """Say what the accounts beneath make of a parent: "Accounts beneath: the lowest is 34, its own is 71.2"."""
    composite, moved = row["composite"], row["family.points"]
    own = in_units(composite) if isinstance(composite, float) else None
    rolled = decimal((FULL if own is None else own) + (moved if isinstance(moved, int) else 0))
    alone = "it has no score of its own" if own is None else f"its own is {_short(decimal(own))}"
    return f"Accounts beneath: {_MEMBERS.get(model.hierarchy.mode, 'they give')} {_short(rolled)}, {alone}"


def pulse(book: Row, rule: Pulse, timezone: ZoneInfo) -> str:
    """Say what was written as a pulse: "Pulse 10 of 100 by Kim on 2026-03-01: sponsor left"."""
    word = text_of(book.get("pulse"))
    points = pulse_points(word, rule)
    if points is None:
        return "Pulse"
    shown = f"Pulse {number(points)} of 100"
    return f"{shown}{_by(book, 'pulse')}{_dated(' on ', book.get('pulse_on'), timezone)}{_noted(book, 'pulse_note')}"


def override(band: str, book: Row, timezone: ZoneInfo) -> str:
    """Say what was set by hand: "Set to green by hand by Kim until 2026-04-01: renewed early"."""
    ends = _dated(" until ", book.get("override_until"), timezone)
    return f"Set to {band} by hand{_by(book, 'override')}{ends}{_noted(book, 'override_reason')}"


def pulse_points(word: str, rule: Pulse) -> float | None:
    """Give the points 0..100 of a pulse, None where it is not understood."""
    if word in rule.scale:
        return float(rule.scale[word])
    try:
        value = float(word)
    except ValueError:
        return None
    return min(max(value, 0.0), 100.0) if abs(value) < float("inf") else None


def text_of(value: object) -> str:
    """Write a field as the word people know: without blanks around it, 3 for 3.0, "" for nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")
        case _:
            return str(value).strip()


def _by(book: Row, name: str) -> str:
    author = text_of(book.get(f"{name}_author"))
    return f" by {fitted(author, NOTE_LENGTH)}" if author else ""


def _dated(before: str, value: object, timezone: ZoneInfo) -> str:
    found = day(value, timezone)
    return f"{before}{found}" if found else ""


def _noted(book: Row, name: str) -> str:
    note = " ".join(text_of(book.get(name)).split())
    return f": {fitted(note, NOTE_LENGTH)}" if note else ""


def _short(points: Decimal) -> str:
    return written(points.quantize(Decimal("0.1"), ROUND_HALF_UP))


def biggest(rows: Sequence[LedgerRow], shown: int) -> list[LedgerRow]:
    """Choose the rows with the most points, ties by id; rows that would be shown as 0.0 are not worth it."""
    worth = [row for row in rows if abs(row.points) >= SMALLEST]
    return sorted(worth, key=lambda row: (-abs(row.points), row.id))[:shown]
