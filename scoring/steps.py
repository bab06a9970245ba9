"""From the weights of one instant to those of another, one cause at a time.

The weights of each step are those that the real `score` gives an account that is still as it was in some respects
and already as it is in others: first another model, then another profile, then other signals that count, then
their ages, then the days to renewal. The order is fixed, so the split is the same every time. Whatever has no
part in weights (caps, floors, events, hierarchy, gates of coverage) is left out of these accounts.

Refuses to explain anything; it only measures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

import polars as pl

from scoring.account_fields import field
from scoring.definition import DAY, Hierarchy, ScoringModel, Signal, model_hash
from scoring.frames import INSTANT, STATE
from scoring.health import score
from scoring.memory import beside_memory, previous_schema
from scoring.model import InputState
from scoring.side import Side, row_of
from scoring.weigh import last_good
from scoring.words import Row, floating

Cause: TypeAlias = Literal["model", "profile", "coverage", "freshness", "renewal"]
Weights: TypeAlias = Mapping[str, float]

_FIELD = "judged_as"
"""The account field by which profiles are chosen here."""
_PARTS: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "value": pl.Float64,
    "prior": pl.Float64,
    "state": STATE,
    "age_days": pl.Float64,
    "down_days": pl.Float64,
    "silent": pl.Boolean,
}
_OUTSIDE = (InputState.NOT_APPLICABLE.value, InputState.NOT_MATURE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One side, with what came out of it."""

    side: Side
    row: Row
    """The account in the scored frame."""
    seen: Row
    """The account in the signals frame; the last good value stands in the place of an unusable one."""

    @property
    def weights(self) -> Weights:
        """Give the effective weights that were published; of signals that did not count, 0."""
        return {signal.id: floating(self.row[f"{signal.id}.weight"]) for signal in self.side.model.signals}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The weights once one more thing is as it is now. `signal_id` is what counts otherwise, for coverage."""

    cause: Cause
    signal_id: str = ""
    weights: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hybrid:
    """An account between two instants: which signals are already as they are now, and under which weights."""

    now: frozenset[str]
    profile: str
    profile_from: str | None
    elapsed: timedelta
    renewal_days: float | None


def end(side: Side) -> End:
    """Score one side."""
    side = side.alone()
    scored = side.scored()
    beside = beside_memory(side.signals, side.previous, side.model).lazy()
    seen = last_good(beside, side.model, side.as_of).select(side.signals.columns).collect()
    return End(side=side, row=row_of(scored, side.account_id), seen=row_of(seen, side.account_id))


def walk(before: End, after: End) -> list[Step]:
    """List the steps from the weights of `before` to those of `after`; what changes nothing is left out."""
    road = _Road(before=before, after=after)
    every = frozenset(signal.id for signal in after.side.model.signals)
    new = every - {signal.id for signal in before.side.model.signals}
    start = replace(_as_judged(before), now=new)
    steps: list[tuple[Cause, str, _Hybrid]] = []
    if model_hash(before.side.model) != model_hash(after.side.model):
        start = replace(start, profile=_profile_under(road, start), profile_from=None, elapsed=timedelta(0))
        steps.append(("model", "", start))
    judged = _as_judged(after)
    moved = replace(judged, now=new, renewal_days=start.renewal_days)
    if moved != start:
        steps.append(("profile", "", moved))
    changed = _other_coverage(road, moved, replace(moved, now=every))
    for place, name in enumerate(changed, start=1):
        steps.append(("coverage", name, replace(moved, now=new | set(changed[:place]))))
    steps.append(("freshness", "", replace(moved, now=every)))
    weights = road.weights([hybrid for _, _, hybrid in steps])
    found = [
        Step(cause=cause, signal_id=name, weights=known)
        for (cause, name, _), known in zip(steps, weights, strict=True)
        if known is not None
    ]
    return [*found, Step(cause="renewal", weights=after.weights)]


def renewal_days(side: Side) -> float | None:
    """Give the days to renewal, None where they are not known."""
    days = field(side.accounts, "renewal_on", side.today, side.timezone).cast(pl.Float64)
    frame = side.accounts.select("account_id", days.alias("days"))
    found = row_of(frame, side.account_id)["days"]
    return float(found) if isinstance(found, int | float) else None


def _as_judged(end: End) -> _Hybrid:
    since, before = end.row["profile_since"], end.row["profile_from"]
    return _Hybrid(
        now=frozenset(),
        profile=str(end.row["profile"]),
        profile_from=before if isinstance(before, str) else None,
        elapsed=end.side.as_of - since
        if isinstance(since, datetime) and before is not None
        else timedelta(0),
        renewal_days=renewal_days(end.side),
    )


def _profile_under(road: "_Road", hybrid: _Hybrid) -> str:
    """Say which profile of the new model the account would have had before."""
    before, model = road.before.side, road.after.side.model
    if not model.profiles:
        return ""
    asked = replace(
        before,
        model=replace(model, hierarchy=Hierarchy()),
        signals=road.signals([hybrid], [before.account_id]),
        accounts=before.accounts.filter(pl.col("account_id") == before.account_id),
        previous=None,
        topics=None,
    )
    return str(asked.scored()["profile"][0])


def _other_coverage(road: "_Road", before: _Hybrid, after: _Hybrid) -> list[str]:
    """List the signals that count, stand in or apply otherwise than before."""
    then, now = road.judged([before, after])
    signals = {signal.id: signal for signal in road.after.side.model.signals}
    return [
        name
        for name in sorted(after.now - before.now)
        if _standing(signals[name], then, road.before.seen, road)
        != _standing(signals[name], now, road.after.seen, road)
    ]


def _standing(signal: Signal, row: Row, seen: Row, road: "_Road") -> tuple[bool, bool, bool]:
    """Say whether a signal has a value that counts, whether it applies, and whether something may stand in."""
    state = seen[f"{signal.id}.state"]
    held = floating(seen[f"{signal.id}.down_days"]) <= road.after.side.model.hold_for / DAY
    return (
        floating(row[f"{signal.id}.fresh"]) > 0,
        state not in _OUTSIDE,
        state == InputState.NO_DATA.value and held,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Road:
    """Between two ends: gives hybrids to the real score."""

    before: End
    after: End

    def weights(self, hybrids: Sequence[_Hybrid]) -> list[Weights | None]:
        """Give the effective weights of each; None where nothing counts."""
        names = [signal.id for signal in self.after.side.model.signals]
        return [
            {name: floating(row[f"{name}.weight"]) for name in names}
            if row["composite"] is not None
            else None
            for row in self.judged(hybrids)
        ]

    def judged(self, hybrids: Sequence[_Hybrid]) -> list[Row]:
        model, side = _bare(self.after.side.model), self.after.side
        names = [str(place) for place in range(len(hybrids))]
        scored = score(
            self.signals(hybrids, names),
            _accounts(hybrids, names, side.today),
            model,
            as_of=side.as_of,
            refreshed_at=None,
            timezone=side.timezone,
            previous=_memory(hybrids, names, model, side.as_of),
            detail=True,
        )
        return list(scored.iter_rows(named=True))

    def signals(self, hybrids: Sequence[_Hybrid], names: Sequence[str]) -> pl.DataFrame:
        """Build the signals of hybrids: of each signal, what was seen then or what is seen now."""
        schema: dict[str, type[pl.DataType] | pl.DataType] = {"account_id": pl.String}
        data: dict[str, list[object]] = {"account_id": list(names)}
        for signal in self.after.side.model.signals:
            for part, kind in _PARTS.items():
                name = f"{signal.id}.{part}"
                schema[name] = kind
                data[name] = [_part(self._source(signal.id, hybrid), signal.id, part) for hybrid in hybrids]
        for rule in self.after.side.model.points:
            schema[f"events.{rule.id}"] = pl.Float64
            data[f"events.{rule.id}"] = [None] * len(hybrids)
        return pl.DataFrame(data, schema=schema)

    def _source(self, name: str, hybrid: _Hybrid) -> Row:
        return self.after.seen if name in hybrid.now else self.before.seen


def _part(seen: Row, name: str, part: str) -> object:
    """Give one column of a signal; nothing is silent, for that takes scores away and changes no weight."""
    if part == "silent":
        return False
    value = seen.get(f"{name}.{part}")
    if part == "state" and value == InputState.INVALID.value and seen[f"{name}.value"] is not None:
        return InputState.SOURCE_DOWN.value
    return value


def _bare(model: ScoringModel) -> ScoringModel:
    """Leave everything out of a model that has no part in weights, and choose profiles by name."""
    return replace(
        model,
        caps=(),
        floors=(),
        points=(),
        hierarchy=Hierarchy(),
        min_coverage=0.0,
        signals=tuple(
            replace(signal, on_no_data="exclude") if signal.on_no_data == "required" else signal
            for signal in model.signals
        ),
        profiles=tuple(
            replace(
                profile,
                when=f"account.{_FIELD} = '{profile.id}'",
                min_coverage=None,
                signals=tuple(
                    replace(change, on_no_data="exclude") if change.on_no_data == "required" else change
                    for change in profile.signals
                ),
            )
            for profile in model.profiles
        ),
    )


def _accounts(hybrids: Sequence[_Hybrid], names: Sequence[str], today: date) -> pl.DataFrame:
    days = [hybrid.renewal_days for hybrid in hybrids]
    return pl.DataFrame(
        {
            "account_id": list(names),
            "renewal_on": [None if until is None else today + until * DAY for until in days],
            _FIELD: [hybrid.profile for hybrid in hybrids],
        },
        schema={"account_id": pl.String, "renewal_on": pl.Date, _FIELD: pl.String},
    )


def _memory(
    hybrids: Sequence[_Hybrid], names: Sequence[str], model: ScoringModel, as_of: datetime
) -> pl.DataFrame:
    """Remember of each the profile its weights pass over from, and since when."""
    known = pl.DataFrame(
        {
            "account_id": list(names),
            "model_hash": [model_hash(model)] * len(names),
            "band": ["green"] * len(names),
            "known_band": ["green"] * len(names),
            "profile": [hybrid.profile for hybrid in hybrids],
            "profile_since": [as_of - hybrid.elapsed for hybrid in hybrids],
            "profile_from": [hybrid.profile_from for hybrid in hybrids],
        },
        schema_overrides={"profile_since": INSTANT, "profile_from": pl.String},
    )
    schema = previous_schema(model)
    return known.select(
        (pl.col(name) if name in known.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    )
