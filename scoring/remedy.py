"""What would bring an account back: the smallest change of one signal, else of two, that reaches a band.

Values worth trying (`scoring.tries`) become accounts, one row each, and go through the real `score` together; what
is offered has been seen to reach. Smallest means: the fewest points that signals move by, before weights. Getting
better asks for `up_margin` above the cut, as the band machine does.

Where a cap that is on, a severe pulse or a band set by hand stands against every change, the search is repeated
without it, and the remedy says that it comes only once that is over.

Left out: signals without data, dates (nobody moves the calendar), and accounts whose score comes from those beneath
them. Refuses to promise anything: other signals are taken to stay as they are, and what is measured twice to move
once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations
from typing import Literal, TypeAlias

import polars as pl

from scoring.cohort import distributions
from scoring.definition import UNITS_PER_POINT, ScoringModel, Signal, units
from scoring.family import lineage
from scoring.model import InputState
from scoring.profiles import ordered_signals, resolved
from scoring.side import Side, row_of
from scoring.tries import Scope, Try, thresholds, tries
from scoring.variants import crowd, without
from scoring.words import Row, day, decimal, floating

Target: TypeAlias = Literal["yellow", "green"]
_RANK = {"red": 0, "yellow": 1, "green": 2}
_PAIRS = 8
"""So many of the most promising pairs are searched through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One signal, from a value to a better one."""

    signal_id: str
    label: str
    before: float
    after: float
    said_before: str
    said_after: str
    points: float
    """By how many points of its own, 0..100, the signal moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What would be enough to reach a band."""

    target: Target
    moves: tuple[Move, ...]
    score: Decimal
    """What the score would be."""
    only_once: tuple[str, ...]
    """What stands against it and must be over first."""
    sentence: str

    @property
    def points(self) -> float:
        """Give by how many points signals move."""
        return sum(move.points for move in self.moves)


def remedies(side: Side, target: Target, *, most: int = 3) -> Sequence[Remedy]:
    """List the smallest changes that make the score reach a band, the smallest first; none if it is there.

    The list is empty as well where there is no score, and where no change of two signals is enough.
    """
    side = side.alone()
    row = row_of(side.scored(), side.account_id)
    if row["score_units"] is None or _is_parent(side):
        return []
    search = _Search.of(side, row, target)
    if _reaches(row, search.need):
        return []
    found = search.smallest(most)
    if found:
        return [search.remedy(one, ()) for one in found]
    free = search.unhindered()
    if free is None:
        return []
    if _reaches(free.row, search.need):
        found = [_Found(tries=(), row=free.row)]
    else:
        found = free.smallest(most)
    return [free.remedy(one, search.hindrances(one)) for one in found]


def _is_parent(side: Side) -> bool:
    if side.model.hierarchy.mode == "own" or "parent" not in side.accounts.columns:
        return False
    return side.account_id in lineage(side.accounts)["ancestor"]


def _reaches(row: Row, need: int) -> bool:
    found = row["score_units"]
    return isinstance(found, int) and found >= need


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Values that were tried together, and what came out."""

    tries: tuple[Try, ...]
    row: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """One account, everything it could try, and how high it must come."""

    side: Side
    row: Row
    model: ScoringModel
    """That of its profile."""
    target: Target
    need: int
    scopes: Mapping[str, Scope]

    @classmethod
    def of(cls, side: Side, row: Row, target: Target) -> "_Search":
        model = resolved(side.model, str(row["profile"]))
        better = _RANK.get(str(row["known_band"]), 0) < _RANK[target]
        need = model.cut(target) + (units(model.hysteresis.up_margin) if better else 0)
        return cls(
            side=side, row=row, model=model, target=target, need=need, scopes=_scopes(side, row, model)
        )

    def smallest(self, most: int) -> list[_Found]:
        """List what reaches: changes of one signal, else of two."""
        singles = self.judged([(one,) for scope in self.scopes.values() for one in tries(scope)])
        reaching = self.best(singles)
        return (reaching or self.pairs(singles))[:most]

    def best(self, found: Sequence[_Found]) -> list[_Found]:
        """Keep what reaches, the smallest change for each choice of signals, the smallest first."""
        chosen: dict[tuple[str, ...], _Found] = {}
        for one in sorted((one for one in found if _reaches(one.row, self.need)), key=self.size):
            chosen.setdefault(tuple(part.signal_id for part in one.tries), one)
        return sorted(chosen.values(), key=self.size)

    def size(self, found: _Found) -> tuple[float, float, tuple[str, ...]]:
        """Give how much is changed: points first, then values, then ids, so that nothing is left to chance."""
        points = sum(self.moved(part.signal_id, found.row) for part in found.tries)
        values = sum(abs(part.value - self.scopes[part.signal_id].value) for part in found.tries)
        return round(points, 6), values, tuple(part.signal_id for part in found.tries)

    def moved(self, name: str, row: Row) -> float:
        return abs(floating(row[f"{name}.score"]) - floating(self.row[f"{name}.score"]))

    def pairs(self, singles: Sequence[_Found]) -> list[_Found]:
        """Search the pairs of signals: one as good as it gets, the other as little as is enough, then the first."""
        tops = self.tops(singles)
        both = self.judged([(tops[one], tops[other]) for one, other in combinations(sorted(tops), 2)])
        promising = sorted((one for one in both if _reaches(one.row, self.need)), key=self.promise)[:_PAIRS]
        by_signal: dict[str, list[Try]] = {}
        for single in singles:
            by_signal.setdefault(single.tries[0].signal_id, []).append(single.tries[0])
        asked = []
        for found in promising:
            one, other = found.tries
            asked += [(one, less) for less in by_signal[other.signal_id]]
            asked += [(less, other) for less in by_signal[one.signal_id]]
        enough = self.best(self.judged(asked))
        again = []
        for found in enough:
            one, other = found.tries
            again += [(less, other) for less in by_signal[one.signal_id]]
            again += [(one, less) for less in by_signal[other.signal_id]]
        return self.best([*enough, *self.judged(again)])

    def tops(self, singles: Sequence[_Found]) -> dict[str, Try]:
        """Give the value of each signal that makes the composite best."""
        tops: dict[str, _Found] = {}
        for single in singles:
            name = single.tries[0].signal_id
            if name not in tops or self.merit(single) > self.merit(tops[name]):
                tops[name] = single
        nothing = _Found(tries=(), row=self.row)
        return {name: top.tries[0] for name, top in tops.items() if self.merit(top) > self.merit(nothing)}

    def merit(self, found: _Found) -> tuple[float, int, float]:
        """Give how good it gets: the composite, then fewer caps, then fewer points moved."""
        capped = sum(found.row[name] == "on" for name in self.caps())
        return floating(found.row["composite"]), -capped, -self.size(found)[0]

    def caps(self) -> list[str]:
        """Name the states of the caps below the band."""
        caps = self.side.model.caps
        return [f"cap.{cap.id}.state" for cap in caps if self.model.ceiling(cap) < self.need]

    def promise(self, found: _Found) -> float:
        """Guess how many points a pair moves: all of the heavier signal, of the other one what is lacking."""
        gap = (self.need - floating(self.row["score_units"])) / UNITS_PER_POINT
        parts = sorted(
            (floating(found.row[f"{part.signal_id}.weight"]), self.moved(part.signal_id, found.row))
            for part in found.tries
        )
        (light, _), (heavy, most) = parts
        return most + max(0.0, gap - heavy * most) / max(light, 1e-9)

    def judged(self, tried: Sequence[tuple[Try, ...]]) -> list[_Found]:
        """Score an account for each choice of values."""
        if not tried:
            return []
        parts = [f"{name}.{part}" for name in self.scopes for part in ("score", "weight")]
        columns = ["score_units", "composite", *self.caps(), *parts]
        scored = crowd(self.side, tried).scored().select(columns)
        return [
            _Found(tries=one, row=row) for one, row in zip(tried, scored.iter_rows(named=True), strict=True)
        ]

    def unhindered(self) -> "_Search | None":
        """Give the same search without what stands against any change; None where nothing does."""
        free = self.side
        for name in self.standing():
            free = without(free, name, self.row)
        if free is self.side:
            return None
        row = row_of(free.scored(), free.account_id)
        return replace(self, side=free, row=row, scopes=_scopes(free, row, self.model))

    def standing(self) -> list[str]:
        """List what could stand against it: cap.<id>, pulse, override."""
        names = [name.removesuffix(".state") for name in self.caps() if self.row[name] == "on"]
        if self.model.pulse.severe is not None and self.row["pulse_state"] != "none":
            names.append("pulse")
        return [*names, "override"] if self.row["override_state"] == "on" else names

    def hindrances(self, found: _Found) -> tuple[str, ...]:
        """Say what must be over for a change to be enough: each is put back alone."""
        said = []
        names = self.standing()
        for name in names:
            side = self.side
            for other in names:
                side = side if other == name else without(side, other, self.row)
            hindered = crowd(side, [found.tries]).scored()
            if not _reaches(hindered.row(0, named=True), self.need):
                said.append(self.name_of(name))
        return tuple(said)

    def name_of(self, name: str) -> str:
        """Write what stands against a change."""
        if name == "override":
            until = day(self.side.book.get("override_until"), self.side.timezone)
            return f"it is no longer set to {self.row['band']} by hand{f' (until {until})' if until else ''}"
        if name == "pulse":
            return "the severe pulse is over"
        return f"“{next(cap.reason for cap in self.model.caps if f'cap.{cap.id}' == name)}” is over"

    def remedy(self, found: _Found, only_once: tuple[str, ...]) -> Remedy:
        """Describe what was found."""
        moves = tuple(self.move(part, found.row) for part in found.tries)
        parts = [f"{move.label} from {move.said_before} to {move.said_after}" for move in moves]
        said = " and ".join(parts)
        once = f"only once {' and '.join(only_once)}" if only_once else ""
        reached = found.row["score_units"]
        assert isinstance(reached, int)
        return Remedy(
            target=self.target,
            moves=moves,
            score=decimal(reached),
            only_once=only_once,
            sentence=f"To {self.target}: {', '.join(part for part in (said, once) if part)}",
        )

    def move(self, tried: Try, row: Row) -> Move:
        scope = self.scopes[tried.signal_id]
        return Move(
            signal_id=tried.signal_id,
            label=scope.signal.label,
            before=scope.value,
            after=tried.value,
            said_before=scope.said(scope.value, scope.word),
            said_after=scope.said(tried.value, tried.word or None),
            points=self.moved(tried.signal_id, row),
        )


def _scopes(side: Side, row: Row, model: ScoringModel) -> dict[str, Scope]:
    """List the signals that could be moved: those that count, and those that a cap or floor looks at."""
    seen = row_of(side.signals, side.account_id)
    spreads = distributions(side.cohort, model)
    segment = str(side.book.get("segment") or "")
    found: dict[str, Scope] = {}
    for signal in ordered_signals(model):
        edges = thresholds(signal, model)
        counts = row[f"{signal.id}.points"] is not None
        looked_at = bool(edges) and floating(row[f"{signal.id}.fresh"]) > 0
        if not (counts or looked_at) or not _is_movable(signal, seen, side.accounts):
            continue
        prior, word = seen.get(f"{signal.id}.prior"), seen.get(f"{signal.id}.text")
        known = spreads.get(signal.id, {})
        found[signal.id] = Scope(
            signal=signal,
            value=floating(seen[f"{signal.id}.value"]),
            prior=prior if isinstance(prior, float) else None,
            word=word if isinstance(word, str) else None,
            distributions={name: known[name] for name in {"", segment} if name in known},
            thresholds=edges,
        )
    return found


def _is_movable(signal: Signal, seen: Row, accounts: pl.DataFrame) -> bool:
    if seen[f"{signal.id}.value"] is None or seen[f"{signal.id}.state"] == InputState.INVALID.value:
        return False
    if signal.topic == "account":
        return signal.name in accounts.columns and not accounts.schema[signal.name].is_temporal()
    return signal.metric != "subscriptions.days_to_renewal"
