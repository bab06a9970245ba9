"""What the texts of an account would name, for all accounts at once: same basis, same reasons.

Texts are only needed for records that are written, and those are few; whether reasons changed must be known of
all. The sentences of `scoring.explain` come out of the same rules, one account at a time.

Which signals were left out shows only where there is no score: a source that is down must not rewrite everybody.
Neither does what is true for one run only (a data change), nor what passes by itself (weights that pass over).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from scoring.account_fields import beside
from scoring.adjust import event_rows, event_rules
from scoring.cohort import EVERYBODY, reference
from scoring.contradiction import contradicted
from scoring.definition import UNITS_PER_POINT, ScoringModel, Signal
from scoring.exact import total
from scoring.ledger import SMALLEST
from scoring.limits import prefix, rules
from scoring.model import InputState
from scoring.normalise import to_units
from scoring.profiles import ordered_signals, resolved

SHOWN = 3
"""So many drags and drivers are shown."""
NEUTRAL = 60.0
"""What a signal is measured against where no cohort says what is usual, in points."""
SLICE = 250_000
_LEAST = int(SMALLEST * UNITS_PER_POINT)
_PLACES = 128
"""More than a model may have signals."""
_SECTION = 12
"""So many names are joined at once."""
_SPOKEN_PULSE = ("no_date", "no_note", "not_understood", "expired")
_SPOKEN_OVERRIDE = ("no_date", "no_note", "not_understood", "expired", "too_long")
_OUTSIDE = (InputState.NOT_APPLICABLE.value, InputState.NOT_MATURE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What drivers are measured against: the frozen median of a segment, else of everybody, else neutral."""

    medians: Mapping[tuple[str, str], float]

    def of(self, signal_id: str, segment: str) -> tuple[float, str]:
        """Give the points, and what they are."""
        if segment and (signal_id, segment) in self.medians:
            return self.medians[signal_id, segment], f"the median of {segment}"
        if (signal_id, EVERYBODY) in self.medians:
            return self.medians[signal_id, EVERYBODY], "the median of all"
        return NEUTRAL, "neutral"

    def column(self, signal_id: str) -> pl.Expr:
        """Give the points by `~segment`."""
        general, _ = self.of(signal_id, EVERYBODY)
        own = {
            segment: points
            for (name, segment), points in self.medians.items()
            if name == signal_id and segment != EVERYBODY
        }
        if not own:
            return pl.lit(general)
        return pl.col("~segment").replace_strict(
            list(own), list(own.values()), default=general, return_dtype=pl.Float64
        )


def references(cohort: pl.DataFrame | None, model: ScoringModel) -> References:
    """Read the medians of a frozen cohort."""
    return References(medians=reference(cohort, "reference", [signal.id for signal in model.signals]))


def basis(
    scored: pl.DataFrame,
    signals: pl.DataFrame,
    model: ScoringModel,
    *,
    accounts: pl.DataFrame | None = None,
    cohort: pl.DataFrame | None = None,
) -> pl.Series:
    """Give, per row of `scored` (made with detail=True), the items of `Explanation.basis` joined by commas."""
    wide = beside(scored, signals)
    segment = pl.lit(None, dtype=pl.String).alias("~segment")
    if accounts is not None and "segment" in accounts.columns:
        segments = accounts.select("account_id", pl.col("segment").cast(pl.String).alias("~segment"))
        wide = beside(wide, segments)
    else:
        wide = wide.with_columns(segment)
    found = [_basis(rows, model, references(cohort, model)) for rows in wide.iter_slices(SLICE)]
    return pl.concat(found) if found else pl.Series("basis", [], dtype=pl.String)


def _basis(rows: pl.DataFrame, model: ScoringModel, medians: References) -> pl.Series:
    ordered = ordered_signals(model)
    drags = {signal.id: _worth(-pl.col(f"{signal.id}.points"), place) for place, signal in enumerate(ordered)}
    frame = rows.lazy().with_columns(key.alias(f"~drag.{name}") for name, key in drags.items())
    frame, dragging = _top(frame, "~drag", ordered)
    frame = frame.with_columns(
        pl.when(~dragging[signal.id]).then(_worth(_gain(signal, medians), place)).alias(f"~drive.{signal.id}")
        for place, signal in enumerate(ordered)
    )
    frame, driving = _top(frame, "~drive", ordered)
    flags = {
        **{f"drag:{name}": flag for name, flag in dragging.items()},
        **{f"driver:{name}": flag for name, flag in driving.items()},
        **{f"gap:{signal.id}": _is_gap(signal, model) for signal in ordered},
        **_others(model),
        **_worded("pulse_state", "pulse:", _SPOKEN_PULSE),
        **_worded("override_state", "override:", _SPOKEN_OVERRIDE),
        **_worded("profile", "profile:", [profile.id for profile in model.profiles]),
    }
    return _joined(frame, dict(sorted(flags.items())))


def _joined(frame: pl.LazyFrame, flags: Mapping[str, pl.Expr]) -> pl.Series:
    """Join the names of the flags that are true.

    Names are looked up for some flags at a time, as the bits of a number: few numbers come up, many in all.
    """
    names = list(flags)
    sections = [names[at : at + _SECTION] for at in range(0, len(names), _SECTION)]
    masks = frame.select(
        _mask([flags[name] for name in section]).alias(f"{place}") for place, section in enumerate(sections)
    ).collect()
    texts = []
    for place, section in enumerate(sections):
        mask = masks[f"{place}"]
        found = mask.unique()
        said = pl.Series([_named(number, section) for number in found], dtype=pl.String)
        texts.append(mask.replace_strict(found, said, return_dtype=pl.String).alias(f"{place}"))
    whole = pl.concat_str(pl.all(), separator=",", ignore_nulls=True)
    return pl.DataFrame(texts).select(whole.alias("basis"))["basis"]


def _named(mask: int, names: Sequence[str]) -> str | None:
    return ",".join(name for place, name in enumerate(names) if mask >> place & 1) or None


def _worth(units: pl.Expr, place: int) -> pl.Expr:
    """Give a number that orders rows by size and then by id, null where a row is not worth a sentence."""
    size = units.cast(pl.Int64)
    return pl.when(size >= _LEAST).then(size * _PLACES + (_PLACES - 1 - place))


def _gain(signal: Signal, medians: References) -> pl.Expr:
    """Give what a signal adds beyond the usual one, in units."""
    more = pl.col(f"{signal.id}.score") - medians.column(signal.id)
    gain = to_units(pl.col(f"{signal.id}.weight") * more)
    return pl.when(pl.col("score_units").is_not_null()).then(gain)


def _top(
    frame: pl.LazyFrame, kind: str, ordered: Sequence[Signal]
) -> tuple[pl.LazyFrame, dict[str, pl.Expr]]:
    """Say of each signal whether it is among the largest; `<kind>.<id>` holds what is compared."""
    keys = [pl.col(f"{kind}.{signal.id}") for signal in ordered]
    last: pl.Expr = pl.max_horizontal(keys)
    for turn in range(SHOWN - 1):
        frame = frame.with_columns(last.alias(f"{kind}{turn}"))
        bound = pl.col(f"{kind}{turn}")
        last = pl.max_horizontal(pl.when(key < bound).then(key) for key in keys)
    # fewer than are shown: all of them
    frame = frame.with_columns(last.fill_null(0).alias(f"{kind}{SHOWN - 1}"))
    smallest = pl.col(f"{kind}{SHOWN - 1}")
    return frame, {
        signal.id: (key >= smallest).fill_null(False) for signal, key in zip(ordered, keys, strict=True)
    }


def _is_gap(signal: Signal, model: ScoringModel) -> pl.Expr:
    """Say that a signal did not count where there is no score, though it could have."""
    unscored = pl.col("score_units").is_null() & pl.col(f"{signal.id}.points").is_null()
    return unscored & _weighs(signal, model) & ~pl.col(f"{signal.id}.state").is_in(list(_OUTSIDE))


def _weighs(signal: Signal, model: ScoringModel) -> pl.Expr:
    """Say that a signal has a weight in the profile of an account."""
    names = ["", *(profile.id for profile in model.profiles)]
    weights = {
        name: next(item.weight for item in resolved(model, name).signals if item.id == signal.id)
        for name in names
    }
    return pl.col("profile").is_in([name for name, weight in weights.items() if weight])


def _others(model: ScoringModel) -> dict[str, pl.Expr]:
    """Give everything that is named besides signals."""
    scored = pl.col("score_units").is_not_null()
    found = {
        f"{prefix(rule).replace('.', ':', 1)}": _moves(f"{prefix(rule)}.points") for rule in rules(model)
    }
    found |= {f"event:{rule.id}": _moves(f"{event_rows(rule)}.points") for rule in event_rules(model)}
    found |= {name: _moves(f"{name}.points") for name in ("family", "pulse", "pulse_cap")}
    found["override"] = pl.col("override_state") == "on"
    found["mixed"] = pl.col("mixed")
    found["flapping"] = pl.col("flapping")
    found |= {f"contradiction:{name}": flag for name, flag in contradicted(model).items()}
    return {name: (scored & flag).fill_null(False) for name, flag in found.items()}


def _moves(column: str) -> pl.Expr:
    return pl.col(column).abs() >= _LEAST


def _worded(column: str, before: str, words: Iterable[str]) -> dict[str, pl.Expr]:
    """Give the words of a column that are named."""
    return {f"{before}{word}": (pl.col(column) == word).fill_null(False) for word in words}


def _mask(flags: Sequence[pl.Expr]) -> pl.Expr:
    return total(flag.cast(pl.Int32) * (1 << place) for place, flag in enumerate(flags))
