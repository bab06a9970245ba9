"""Why a score is not what it was: an exact split of the difference between two instants (scoring.md c.13).

What a signal contributes is its effective weight × its points, so a change has two parts: it behaves otherwise, or
it weighs otherwise.

    behaviour   mean weight × (points now − points then)
    weight      (mean points − R) × (weight now − weight then), R the mean of both composites

Both together, over all signals, are the change of the composite, whatever changed. The weight part is split further
by `scoring.steps`, and every other row of the ledger is compared with itself. Rows are integers of 0.0001 points
and add up to the change of the published score exactly, with one row for rounding.

A signal that counts on one side only has the same points on both: all it does is weigh. Refuses to split where one
side has no score.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from scoring.definition import ScoringModel, Signal
from scoring.ledger import SMALLEST, LedgerRow, RowKind, adjustments
from scoring.model import InputState
from scoring.profiles import resolved
from scoring.side import Side
from scoring.steps import Cause, End, Step, end, renewal_days, walk
from scoring.words import (
    Row,
    changed_by,
    days,
    decimal,
    fitted,
    floating,
    in_units,
    missing,
    number,
    seen,
    signed,
    written,
)

ChangeKind: TypeAlias = Literal["behaviour", "own"] | Cause | RowKind
CAUSES: tuple[Cause, ...] = ("model", "profile", "coverage", "freshness", "renewal")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One reason why a score changed, and by how many points."""

    id: str
    """`behaviour.<signal>`, `coverage.<signal>`, `model`, `profile`, `freshness`, `renewal`, or a ledger row's."""
    kind: ChangeKind
    label: str
    points: Decimal
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalChange:
    """What one signal has to do with the change of the composite, in points; not rounded."""

    id: str
    label: str
    behaviour: float
    weight: Mapping[Cause, float]
    """What its weight did, by what moved the weights."""

    @property
    def total(self) -> float:
        """Add up what it did."""
        return self.behaviour + sum(self.weight.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From one score to another; rows add up to `after − before` exactly (there are none unless both are known)."""

    account_id: str
    before: Decimal | None
    after: Decimal | None
    rows: tuple[ChangeRow, ...]
    signals: tuple[SignalChange, ...]
    text: str

    @property
    def points(self) -> Decimal | None:
        """Give by how much the score changed."""
        return None if self.before is None or self.after is None else self.after - self.before


def change(before: Side, after: Side, *, length: int = 4000) -> Change:
    """Say why the score of one account at `after` is not that of `before`; the text has at most `length`."""
    return compared(end(before), end(after), length=length)


def compared(then: End, now: End, *, length: int = 4000) -> Change:
    """Do the same for sides that have been scored."""
    scores = [_score(one) for one in (then, now)]
    if scores[0] is None or scores[1] is None:
        return Change(
            account_id=now.side.account_id,
            before=scores[0],
            after=scores[1],
            rows=(),
            signals=(),
            text=_unsplit(scores[0], scores[1]),
        )
    signals, rows = _of_signals(then, now)
    rows += _of_ledger(then, now)
    rest = scores[1] - scores[0] - sum((row.points for row in rows), Decimal(0))
    rows.append(_row("rounding", "rounding", "Rounding", rest, "Rounding"))
    rows = [row for row in rows if row.points]
    return Change(
        account_id=now.side.account_id,
        before=scores[0],
        after=scores[1],
        rows=tuple(rows),
        signals=tuple(signals),
        text=fitted(_text(scores[0], scores[1], rows), length),
    )


def _score(one: End) -> Decimal | None:
    units = one.row["score_units"]
    return decimal(units) if isinstance(units, int) else None


def _unsplit(before: Decimal | None, after: Decimal | None) -> str:
    if before is None and after is None:
        return "There was no score, and there is none"
    if before is None:
        return f"There was no score before; now it is {written(after or Decimal(0))}"
    return f"It was {written(before)}; now there is no score"


def _text(before: Decimal, after: Decimal, rows: Sequence[ChangeRow]) -> str:
    told = [row for row in rows if abs(row.points) >= SMALLEST and row.kind != "rounding"]
    told.sort(key=lambda row: (-abs(row.points), row.id))
    moved = f"{written(before)} → {written(after)}"
    return f"{moved}: {'; '.join(row.sentence for row in told)}" if told else f"{moved}: nothing of note"


def _row(name: str, kind: ChangeKind, label: str, points: Decimal, sentence: str) -> ChangeRow:
    return ChangeRow(id=name, kind=kind, label=label, points=points, sentence=f"{sentence}: {signed(points)}")


def _of_signals(then: End, now: End) -> tuple[list[SignalChange], list[ChangeRow]]:
    """Split the change of the composite; where one of them is not known, all signals have one row together."""
    composites = (then.row["composite"], now.row["composite"])
    if not isinstance(composites[0], float) or not isinstance(composites[1], float):
        points = decimal(_costs(now) - _costs(then))
        became = "have no score any more" if composites[1] is None else "have a score now"
        return [], [_row("own", "own", "Its own signals", points, f"Its own signals {became}")]
    split = _split(then, now, walk(then, now), (composites[0] + composites[1]) / 2)
    signals = [
        SignalChange(id=part.signal.id, label=part.signal.label, behaviour=part.behaviour, weight=part.weight)
        for part in split.parts
    ]
    return signals, [*_behaviour_rows(then, now, split), *_weight_rows(then, now, split)]


def _costs(one: End) -> int:
    costs = [one.row[f"{signal.id}.points"] for signal in one.side.model.signals]
    return sum(cost for cost in costs if isinstance(cost, int))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    signal: Signal
    behaviour: float
    weight: Mapping[Cause, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    parts: Sequence[_Part]
    steps: Sequence[tuple[Step, float]]
    """Each step with what it did, over all signals."""


def _split(then: End, now: End, steps: Sequence[Step], middle: float) -> _Split:
    parts = []
    effects = [0.0] * len(steps)
    for signal in _signals(then, now):
        before, after = _points(then, signal.id), _points(now, signal.id)
        known = [points for points in (before, after) if points is not None]
        away = sum(known) / len(known) - middle if known else 0.0
        weights = [one.weights.get(signal.id, 0.0) for one in (then, now)]
        moved = after - before if before is not None and after is not None else 0.0
        by_cause = dict.fromkeys(CAUSES, 0.0)
        last = weights[0]
        for place, step in enumerate(steps):
            weight = step.weights.get(signal.id, 0.0)
            by_cause[step.cause] += away * (weight - last)
            effects[place] += away * (weight - last)
            last = weight
        parts.append(_Part(signal=signal, behaviour=sum(weights) / 2 * moved, weight=by_cause))
    return _Split(parts=parts, steps=list(zip(steps, effects, strict=True)))


def _signals(then: End, now: End) -> list[Signal]:
    """List the signals of both models by id, as the newer one describes them."""
    found = {signal.id: signal for one in (then, now) for signal in one.side.model.signals}
    return [found[name] for name in sorted(found)]


def _points(one: End, name: str) -> float | None:
    points = one.row.get(f"{name}.score")
    return points if isinstance(points, float) else None


def _behaviour_rows(then: End, now: End, split: _Split) -> Iterator[ChangeRow]:
    for part in split.parts:
        if points := in_units(part.behaviour):
            signal = part.signal
            sentence = f"{signal.label} {_from_to(signal, then, now)}"
            yield _row(f"behaviour.{signal.id}", "behaviour", signal.label, decimal(points), sentence)


def _from_to(signal: Signal, then: End, now: End) -> str:
    """Say what was seen then and what is seen now; where that is the same, what it was and is worth."""
    old = next((item for item in then.side.model.signals if item.id == signal.id), signal)
    before, after = (_seen(one, end_) for one, end_ in ((old, then), (signal, now)))
    if before != after:
        return f"{before} → {after}"
    worth = [number(_points(one, signal.id) or 0.0) for one in (then, now)]
    return f"{after}, worth {worth[1]} instead of {worth[0]} of 100"


def _seen(signal: Signal, one: End) -> str:
    if one.seen[f"{signal.id}.state"] == InputState.NO_DATA.value:
        return "no data"
    if signal.kind == "trend":
        window = f" vs prior {days(signal.window)}" if signal.window else ""
        return f"{changed_by(floating(one.seen[f'{signal.id}.value']))}{window}"
    return seen(signal, one.seen)


def _weight_rows(then: End, now: End, split: _Split) -> Iterator[ChangeRow]:
    labels = {signal.id: signal.label for signal in _signals(then, now)}
    for step, effect in split.steps:
        points = decimal(in_units(effect))
        match step.cause:
            case "model":
                versions = f"“{then.side.model.version}” → “{now.side.model.version}”"
                yield _row("model", "model", "Model", points, f"Another model {versions}")
            case "profile":
                yield _row("profile", "profile", "Profile", points, _judged_as(then, now))
            case "coverage":
                label = labels[step.signal_id]
                sentence = f"{label} {_coverage(step.signal_id, then, now)}"
                yield _row(f"coverage.{step.signal_id}", "coverage", label, points, sentence)
            case "freshness":
                sentence = f"Older or newer data{_aged(then, now)}"
                yield _row("freshness", "freshness", "Freshness", points, sentence)
            case "renewal":
                yield _row("renewal", "renewal", "Renewal", points, _renewal(then.side, now.side))


def _judged_as(then: End, now: End) -> str:
    model = now.side.model
    names = {profile.id: f"“{profile.label or profile.id}”" for profile in model.profiles}
    before, after = (names.get(str(one.row["profile"]), "all others") for one in (then, now))
    if before == after:
        return f"Weights pass over to those of {after}"
    return f"Judged as {after} instead of {before}"


def _coverage(name: str, then: End, now: End) -> str:
    """Say in what way a signal counts otherwise."""
    weights = [one.weights.get(name, 0.0) for one in (then, now)]
    states = [one.seen.get(f"{name}.state") for one in (then, now)]
    signal, model = _described(now, name)
    category = next(item.label for item in model.categories if item.id == signal.category)
    if states[1] in (InputState.NOT_APPLICABLE.value, InputState.NOT_MATURE.value):
        return "no longer applies"
    if weights[1]:
        if states[1] == InputState.NO_DATA.value:
            return "has no data now, what stands in counts"
        return "has data again" if weights[0] else "counts now"
    why = missing(signal, now.seen, category)
    return f"no longer counts ({why})" if weights[0] else f"applies now, but does not count ({why})"


def _described(one: End, name: str) -> tuple[Signal, ScoringModel]:
    model = resolved(one.side.model, str(one.row["profile"]))
    return next(signal for signal in model.signals if signal.id == name), model


def _aged(then: End, now: End) -> str:
    """Name the signals whose freshness changed most."""
    faded = []
    for signal in _signals(then, now):
        before, after = (one.row.get(f"{signal.id}.fresh") for one in (then, now))
        if isinstance(before, float) and isinstance(after, float) and abs(after - before) > 0.01:
            faded.append((-abs(after - before), signal.label))
    names = [label for _, label in sorted(faded)[:2]]
    return f" ({', '.join(names)})" if names else ""


def _renewal(then: Side, now: Side) -> str:
    before, after = renewal_days(then), renewal_days(now)
    if after is None:
        return "The date of renewal is not known any more"
    if before is None:
        return f"The date of renewal is known ({number(after)} d)"
    if after < 0 <= before:
        return "The date of renewal has passed"
    way = "nears" if after <= before else "is further away"
    return f"Renewal {way} ({number(before)} → {number(after)} d)"


def _of_ledger(then: End, now: End) -> list[ChangeRow]:
    """Compare the rows between signals and rounding with themselves."""
    before, after = _adjusted(then), _adjusted(now)
    rows = []
    for name in {**after, **before}:
        old, new = before.get(name), after.get(name)
        one = new or old
        assert one is not None
        points = (new.points if new else Decimal(0)) - (old.points if old else Decimal(0))
        if points:
            rows.append(_row(name, one.kind, one.label, points, _told(old, new)))
    return rows


def _adjusted(one: End) -> dict[str, LedgerRow]:
    model = resolved(one.side.model, str(one.row["profile"]))
    row: Row = {**one.row, **one.seen}
    return {item.id: item for item in adjustments(row, one.side.book, model, one.side.timezone)}


def _told(old: LedgerRow | None, new: LedgerRow | None) -> str:
    """Say what became of a row: it is new, over, or another one."""
    if new is None or not new.points:
        assert old is not None
        return _OVER.get(old.kind, "{label} is over").format(label=old.label)
    if old is None or not old.points:
        return new.sentence.rpartition(": ")[0]
    return f"{new.label} {signed(old.points)} → {signed(new.points)}"


_OVER: Mapping[RowKind, str] = {
    "family": "Accounts beneath no longer count",
    "event": "{label} has faded",
    "limit": "All events together are within their limit",
    "pulse": "The pulse no longer counts",
    "floor": "“{label}” is over",
    "cap": "“{label}” is over",
    "override": "No longer set by hand",
}
