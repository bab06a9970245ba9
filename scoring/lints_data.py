"""What is worth a second look once a model has met the accounts: dead signals, twins, too much or too little red.

Refuses to conclude anything from fewer than 20 accounts, and to take an outage for a dead signal.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import polars as pl

from scoring.curves import SMALLEST_COHORT
from scoring.definition import ScoringModel, Signal
from scoring.formats import segments
from scoring.lints import Lint, weighing
from scoring.model import Band, InputState

EMPTY, SAME, TWINS = 0.90, 0.95, 0.85
"""Share without data, share with one value, and rank correlation beyond which a signal says too little."""
MUCH_RED, LITTLE_RED = 0.40, 0.02
UNLIKE = 0.30
"""Difference between the shares of red of two segments from which the same thresholds do not suit both."""
ENOUGH_FOR_LITTLE = 50
"""Scored accounts from which on less than 2 % of red means anything."""
MOST_COMPARED = 5_000
"""Accounts whose ranks are compared: every so manieth by id."""
_OUTSIDE = (InputState.NOT_APPLICABLE.value, InputState.NOT_MATURE.value)


def data_lints(
    model: ScoringModel, signals: pl.DataFrame, scored: pl.DataFrame, accounts: pl.DataFrame | None = None
) -> list[Lint]:
    """List what data shows about a model. `scored` is made with detail; `accounts` allow to compare segments."""
    if scored.height < SMALLEST_COHORT:
        return []
    return [
        *(lint for signal in model.signals for lint in _dead(signal, signals, weighing(model))),
        *_twins(weighing(model), scored),
        *_red(scored),
        *(_unlike(model, scored, accounts) if accounts is not None else ()),
    ]


def _dead(signal: Signal, signals: pl.DataFrame, counted: Sequence[Signal]) -> Iterator[Lint]:
    key = f"model.signal[{signal.id}]"
    state, value = pl.col(f"{signal.id}.state").cast(pl.String), pl.col(f"{signal.id}.value")
    meant = signals.filter(~state.is_in(_OUTSIDE))
    if meant.is_empty():
        yield Lint(
            key=key,
            message="applies to no account",
            remedy=f"connect a source of {signal.topic}, or remove it",
            level="advice",
        )
        return
    heard = meant.filter(state != InputState.SOURCE_DOWN.value)
    known = heard.filter(value.is_not_null())[f"{signal.id}.value"]
    if heard.height < SMALLEST_COHORT:
        return
    if heard.height - known.len() > EMPTY * heard.height:
        yield Lint(
            key=key,
            message=f"has data for only {_percent(known.len() / heard.height)} of the accounts it applies to",
            remedy="mend what delivers it, say with `applies` for whom it is meant, or remove it",
            level="warning",
        )
        return
    if signal not in counted or known.len() < SMALLEST_COHORT:
        return
    most = known.value_counts(name="n").sort("n", f"{signal.id}.value", descending=[True, False]).row(0)
    if most[1] > SAME * known.len():
        yield Lint(
            key=key,
            message=f"is {most[0]:g} for {_percent(most[1] / known.len())} of the accounts and tells few of them apart",
            remedy="use it in a cap with weight 0, or remove it",
            level="advice",
        )


def _twins(counted: Sequence[Signal], scored: pl.DataFrame) -> Iterator[Lint]:
    step = -(-scored.height // MOST_COMPARED)
    some = scored.sort("account_id").gather_every(step)
    for one, other in combinations(sorted(signal.id for signal in counted), 2):
        likeness = _spearman(some[f"{one}.score"], some[f"{other}.score"])
        if likeness is not None and abs(likeness) > TWINS:
            yield Lint(
                key=f"model.signal[{other}]",
                message=f"says nearly the same as {one} (rank correlation {likeness:.2f})",
                remedy="remove one of them, or share one weight between both",
                level="advice",
            )


def _spearman(one: pl.Series, other: pl.Series) -> float | None:
    """Correlate ranks (ties share their mean) over the accounts that have both; None where there is nothing to."""
    both = pl.DataFrame({"one": one, "other": other}).drop_nulls()
    if both.height < SMALLEST_COHORT or both["one"].n_unique() == 1 or both["other"].n_unique() == 1:
        return None
    ranks = both.select(pl.all().rank(method="average"))
    return float(ranks.select(pl.corr("one", "other")).item())


def _red(scored: pl.DataFrame) -> Iterator[Lint]:
    known, red = _known_and_red(scored)
    if known >= SMALLEST_COHORT and red > MUCH_RED * known:
        yield Lint(
            key="model.bands",
            message=f"{_percent(red / known)} of the accounts are red: more than anybody can look after",
            remedy="lower the cuts, or look which signal costs everybody so much",
            level="warning",
        )
    elif known >= ENOUGH_FOR_LITTLE and red < LITTLE_RED * known:
        yield Lint(
            key="model.bands",
            message=f"{_percent(red / known)} of the accounts are red: hardly anything would ever be noticed",
            remedy="raise the cuts, or look whether curves are too lenient",
            level="advice",
        )


def _known_and_red(scored: pl.DataFrame) -> tuple[int, int]:
    bands = scored["band"].cast(pl.String)
    return int((bands != Band.UNKNOWN.value).sum()), int((bands == Band.RED.value).sum())


def _unlike(model: ScoringModel, scored: pl.DataFrame, accounts: pl.DataFrame) -> Iterator[Lint]:
    if model.profiles:
        return
    placed = scored.select("account_id", "band").join(segments(accounts), on="account_id", how="left")
    shares: list[tuple[float, str]] = []
    for key, part in placed.partition_by("segment", as_dict=True).items():
        known, red = _known_and_red(part)
        if key[0] and known >= SMALLEST_COHORT:
            shares.append((red / known, str(key[0])))
    if len(shares) > 1 and max(shares)[0] - min(shares)[0] > UNLIKE:
        (least, calm), (most, alarmed) = min(shares), max(shares)
        yield Lint(
            key="model.profile",
            message=f"{_percent(most)} of segment {alarmed} are red and {_percent(least)} of {calm}: "
            "the same thresholds may not suit both",
            remedy="give a segment thresholds of its own in a [[model.profile]]",
            level="advice",
        )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
