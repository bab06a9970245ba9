"""Scores to reasons: ledger rows, the three biggest drags and drivers, notes, a short and a long text.

Made for the accounts that are shown or written, never for all: it works on one account at a time, from what
`health.score(…, detail=True)` gives for them. Every text is made of the same rows, in an order that only
depends on their numbers and ids. Whether the reasons of an account have changed is known cheaper: `scoring.basis`.

Refuses to compute a score: the rows are those that were published, and they add up to it exactly.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from scoring.basis import SHOWN, References, references
from scoring.contradiction import contradictions
from scoring.definition import DAY, ScoringModel
from scoring.ledger import SMALLEST, LedgerRow, biggest, ledger, made
from scoring.memory import account_signals
from scoring.model import Band, InputState
from scoring.notes import gaps as said_gaps
from scoring.notes import notes as said_notes
from scoring.profiles import ordered_signals, resolved
from scoring.words import Row, decimal, fitted, in_units, number, reading

_UTC = ZoneInfo("UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one account has its score; rows add up to `score` exactly (there are none while it is unknown).

    `drivers` are measured against what is usual, not against 100, so they are no rows of the ledger; none of
    them is among the drags.
    """

    account_id: str
    score: Decimal | None
    rows: tuple[LedgerRow, ...]
    drags: tuple[LedgerRow, ...]
    drivers: tuple[LedgerRow, ...]
    caps: tuple[LedgerRow, ...]
    adjustments: tuple[LedgerRow, ...]
    """Rows besides signals, caps and rounding: accounts beneath, events, pulse, floors, override."""
    gaps: tuple[str, ...]
    """What could have counted and did not: signals, rules that cannot be judged, pulse, override."""
    notes: tuple[str, ...]
    """What else one should know: values that are held, contradictions, other data, profiles."""
    short: str
    long: str
    basis: tuple[str, ...]
    """What the texts name, sorted: the same basis means the same reasons, whatever their numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    """What is the same for all accounts that are explained together."""

    model: Callable[[str], ScoringModel]
    """The model of a profile."""
    labels: Callable[[str], str]
    medians: References
    timezone: ZoneInfo
    short_length: int
    long_length: int


def explain(
    scored: pl.DataFrame,
    signals: pl.DataFrame,
    model: ScoringModel,
    *,
    accounts: pl.DataFrame | None = None,
    cohort: pl.DataFrame | None = None,
    as_of: datetime | None = None,
    timezone: ZoneInfo = _UTC,
    short_length: int = 255,
    long_length: int = 4000,
) -> Sequence[Explanation]:
    """Explain the accounts of `scored` (made with detail=True), in its order.

    `accounts` is the account book, for segments and for who wrote a pulse or an override; `cohort` is what the
    score was made with. Days are those of `timezone`. Without `as_of`, ages of values that are held for
    unusable ones count from the newest complete read.
    """
    ids = scored.select("account_id")
    few = signals.join(ids, on="account_id", how="semi")
    table = scored.join(few, on="account_id", how="left", maintain_order="left")
    books = _books(ids, accounts)
    telling = _Telling(
        model=lru_cache(lambda profile: resolved(model, profile)),
        labels=_labels(model),
        medians=references(cohort, model),
        timezone=timezone,
        short_length=short_length,
        long_length=long_length,
    )
    held = [signal.id for signal in account_signals(model)]
    return [
        _explain(_with_held(row, held, as_of), books.get(row["account_id"], {}), telling)
        for row in table.iter_rows(named=True)
    ]


def _books(ids: pl.DataFrame, accounts: pl.DataFrame | None) -> Mapping[str, Row]:
    if accounts is None:
        return {}
    found = accounts.join(ids, on="account_id", how="semi")
    return {row["account_id"]: row for row in found.iter_rows(named=True)}


def _labels(model: ScoringModel) -> Callable[[str], str]:
    names = {profile.id: f"“{profile.label or profile.id}”" for profile in model.profiles}
    return lambda profile: names.get(profile, f"“{profile}”") if profile else "all others"


def _with_held(row: dict[str, object], names: Sequence[str], as_of: datetime | None) -> Row:
    """Put the last good value in the place of an unusable one that counts, as the score did."""
    held = row.get("held")
    now = as_of or row["refreshed_at"]
    for name in names:
        if row[f"{name}.state"] != InputState.INVALID.value or row[f"{name}.points"] is None:
            continue
        if isinstance(held, dict) and held.get(name) is not None and isinstance(now, datetime):
            age = (now - _EPOCH - timedelta(microseconds=held[f"{name}@"])) / DAY
            row |= {f"{name}.value": held[name], f"{name}.age_days": age, f"{name}.down_days": age}
    return row


def _explain(row: Row, book: Row, telling: _Telling) -> Explanation:
    model = telling.model(str(row["profile"]))
    units = row["score_units"]
    score = decimal(units) if isinstance(units, int) else None
    rows = ledger(row, book, model, telling.timezone) if score is not None else []
    drags = biggest([item for item in rows if item.kind == "signal" and item.points < 0], SHOWN)
    drivers = _drivers(row, book, model, telling, drags) if score is not None else []
    caps = [item for item in rows if item.kind == "cap"]
    others = [item for item in rows if item.kind not in ("start", "signal", "cap", "rounding")]
    gaps = said_gaps(row, book, model, telling.timezone)
    notes = said_notes(row, model, telling.labels, telling.timezone)
    return Explanation(
        account_id=str(row["account_id"]),
        score=score,
        rows=tuple(rows),
        drags=tuple(drags),
        drivers=tuple(drivers),
        caps=tuple(caps),
        adjustments=tuple(others),
        gaps=tuple(gaps.values()),
        notes=tuple(notes),
        short=_short(score, [*others, *caps, *drags], tuple(gaps.values()), telling.short_length),
        long=_long(row, score, [*others, *caps, *drags], drivers, gaps.values(), notes, telling.long_length),
        basis=tuple(_basis(row, model, [*others, *caps], drags, drivers, gaps)),
    )


def _drivers(
    row: Row, book: Row, model: ScoringModel, telling: _Telling, drags: Sequence[LedgerRow]
) -> list[LedgerRow]:
    """Choose what speaks most for the account against what is usual."""
    segment = str(book.get("segment") or "")
    dragging = {item.id for item in drags}
    found = []
    for signal in ordered_signals(model):
        weight, points = row[f"{signal.id}.weight"], row[f"{signal.id}.score"]
        if not isinstance(weight, float) or not isinstance(points, float) or signal.id in dragging:
            continue
        usual, name = telling.medians.of(signal.id, segment)
        gain = made(
            signal.id, "signal", signal.label, in_units(weight * (points - usual)), reading(signal, row)
        )
        found.append(replace(gain, sentence=f"{gain.sentence} (against {number(usual)}, {name})"))
    return biggest([gain for gain in found if gain.points > 0], SHOWN)


def _basis(
    row: Row,
    model: ScoringModel,
    applied: Sequence[LedgerRow],
    drags: Sequence[LedgerRow],
    drivers: Sequence[LedgerRow],
    gaps: Mapping[str, str],
) -> list[str]:
    """List what is named, as `scoring.basis` does for everybody at once."""
    named = [f"drag:{item.id}" for item in drags] + [f"driver:{item.id}" for item in drivers]
    named += [_item(item) for item in applied if item.kind != "limit" and _is_told(item)]
    if row["profile"]:
        named.append(f"profile:{row['profile']}")
    named += [f"{name}:{row[f'{name}_state']}" for name in ("pulse", "override") if name in gaps]
    if row["score_units"] is None:
        named += [f"gap:{signal.id}" for signal in model.signals if signal.id in gaps]
    else:
        named += [name for name in ("mixed", "flapping") if row[name]]
        named += [f"contradiction:{found.signal_id}" for found in contradictions(row, model)]
    return sorted(named)


def _item(item: LedgerRow) -> str:
    kind, dot, name = item.id.partition(".")
    return f"{'event' if kind == 'events' else kind}:{name}" if dot else item.id


def _is_told(item: LedgerRow) -> bool:
    """Say that a row is worth a sentence; what was set by hand always is."""
    return abs(item.points) >= SMALLEST or item.kind == "override"


def _decides(item: LedgerRow) -> bool:
    """Say that a row has the last word, whatever the signals say."""
    return item.kind in ("override", "cap", "floor", "family") and _is_told(item)


_FIRST = {"override": 0, "cap": 1, "floor": 2, "family": 3}


def _short(score: Decimal | None, told: Sequence[LedgerRow], gaps: Sequence[str], length: int) -> str:
    if score is None:
        return fitted("; ".join(["Not enough data", *gaps]), length)
    deciding = sorted((item for item in told if _decides(item)), key=lambda item: _FIRST[item.kind])
    taking = [item for item in told if item.kind in ("signal", "event", "pulse") and item.points < 0]
    rows = [*deciding, *biggest(taking, len(taking))]
    sentences = [item.sentence for item in rows] or ["Nothing takes points off"]
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
    told: Sequence[LedgerRow],
    drivers: Sequence[LedgerRow],
    gaps: Iterable[str],
    notes: Sequence[str],
    length: int,
) -> str:
    lines = [_headline(score, str(row["band"]))]
    for title, items in (
        ("Set by hand:", _sentences(told, "override")),
        ("Capped by:", _sentences(told, "cap")),
        ("Kept up by:", _sentences(told, "floor")),
        ("Counted with it:", _sentences(told, "family", "event", "limit", "pulse")),
        ("Takes points off (of 100):", _sentences(told, "signal")),
        ("Speaks for the account:", [item.sentence for item in drivers]),
        ("Note:", notes),
        ("Did not count:", gaps),
    ):
        items = list(items)
        if items:
            lines += [title, *(f"- {item}" for item in items)]
    kept = lines[:1]
    for line in lines[1:]:
        if len("\n".join([*kept, line])) > length:
            break
        kept.append(line)
    return fitted("\n".join(kept), length)


def _headline(score: Decimal | None, band: str) -> str:
    if score is not None:
        return f"Score {score.normalize():f}, {band}."
    if band != Band.UNKNOWN.value:
        return f"Not enough data for a new score; still {band}."
    return "Not enough data for a score."


def _sentences(told: Sequence[LedgerRow], *kinds: str) -> list[str]:
    return [item.sentence for item in told if item.kind in kinds and _is_told(item)]
