"""What stands beside the ledger: why something does not count, and what is odd about a score.

None of it is points. Refuses to judge anew: it puts into words what the scored frame says.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import chain
from zoneinfo import ZoneInfo

from scoring.conditions import ACCOUNT, parse
from scoring.contradiction import contradictions
from scoring.definition import DAY, ScoringModel
from scoring.ledger import text_of
from scoring.limits import prefix, rules
from scoring.model import InputState
from scoring.profiles import ordered_signals, used_categories
from scoring.words import Row, ago, day, floating, gap, number, unusable

_PULSE = {
    "no_date": "Pulse does not count: no date",
    "no_note": "Pulse does not count: no note",
    "not_understood": "Pulse does not count: {pulse} is not understood",
    "expired": "Pulse does not count any more: it is of {pulse_on}",
}
_OVERRIDE = {
    "no_note": "Set by hand, but does not count: no reason",
    "no_date": "Set by hand, but does not count: no end",
    "too_long": "Set by hand, but does not count: its end {override_until} is more than {longest} d ahead",
    "not_understood": "Set by hand, but does not count: {override} is not understood",
    "expired": "Set by hand until {override_until}: over",
}


def gaps(row: Row, book: Row, model: ScoringModel, timezone: ZoneInfo) -> dict[str, str]:
    """Say what could have counted and did not: by signal id, `cap.<id>`, `floor.<id>`, pulse and override."""
    labels = {category.id: category.label for category in model.categories}
    found = {
        signal.id: gap(signal, row, labels[signal.category])
        for signal in ordered_signals(model)
        if signal.weight and row[f"{signal.id}.points"] is None
    }
    if row["score_units"] is not None:
        found |= _unjudged(row, book, model)
    found["pulse"] = _by_hand(_PULSE, row["pulse_state"], book, model, timezone)
    found["override"] = _by_hand(_OVERRIDE, row["override_state"], book, model, timezone)
    return {name: text for name, text in found.items() if text is not None}


def _unjudged(row: Row, book: Row, model: ScoringModel) -> dict[str, str | None]:
    """Say which caps and floors cannot be judged, and for want of what."""
    labels = {signal.id: signal.label for signal in model.signals}
    found: dict[str, str | None] = {}
    for rule in rules(model):
        if row[f"{prefix(rule)}.state"] != "missing":
            continue
        names = [name for name in parse(rule.when).names if _unknown(name, row, book)]
        wanted = [labels.get(name, name.removeprefix(ACCOUNT).replace("_", " ")) for name in names]
        verb = "is" if len(wanted) == 1 else "are"
        reason = f": {' and '.join(wanted)} {verb} not known" if wanted else ""
        found[prefix(rule)] = f"“{rule.reason}” cannot be judged{reason}"
    return found


def _unknown(name: str, row: Row, book: Row) -> bool:
    if name.startswith(ACCOUNT):
        # fields that were not handed in may be known all the same
        field = name.removeprefix(ACCOUNT)
        return field in book and book[field] is None
    return not floating(row[f"{name}.fresh"]) or row[f"{name}.value"] is None


def _by_hand(
    sentences: Mapping[str, str], state: object, book: Row, model: ScoringModel, timezone: ZoneInfo
) -> str | None:
    sentence = sentences.get(str(state))
    if sentence is None:
        return None
    words = {name: f"“{text_of(book.get(name))}”" for name in ("pulse", "override")}
    dates = {
        name: day(book.get(name), timezone) or "an unknown day" for name in ("pulse_on", "override_until")
    }
    return sentence.format(**words, **dates, longest=model.override.longest // DAY)


def notes(
    row: Row,
    model: ScoringModel,
    labels: Callable[[str], str],
    timezone: ZoneInfo,
) -> list[str]:
    """Say what is odd about a score. `labels` gives the name of a profile."""
    parts: Iterable[Iterable[str]] = (
        _held(row, model),
        _mixed(row, model),
        _moving(row, model),
        _profile(row, model, labels, timezone),
    )
    return list(chain.from_iterable(parts))


def _held(row: Row, model: ScoringModel) -> Iterable[str]:
    """Name the values that are kept for something that does not answer."""
    for signal in ordered_signals(model):
        if row[f"{signal.id}.points"] is None:
            continue
        age = ago(floating(row[f"{signal.id}.down_days"]))
        match row[f"{signal.id}.state"]:
            case InputState.INVALID.value:
                yield f"{signal.label}: {unusable(signal, row)}; last good one from {age} ago"
            case InputState.SOURCE_DOWN.value:
                yield f"{signal.label}: source down for {age}, what it said last counts"


def _mixed(row: Row, model: ScoringModel) -> Iterable[str]:
    if row["mixed"]:
        scores = sorted(
            (
                (score, category.label)
                for category in used_categories(model)
                for score in _score_of(row, model, category.id)
            ),
            key=lambda item: (-item[0], item[1]),
        )
        yield f"Mixed signals: {', '.join(f'{label} {number(score)}' for score, label in scores)}"
    for found in contradictions(row, model):
        yield f"Contradiction: {found.voice}, but use is worth {number(found.use)} of 100"


def _score_of(row: Row, model: ScoringModel, category: str) -> Iterable[float]:
    """Give the score of a category, if it counts."""
    weights = {
        signal.id: floating(row[f"{signal.id}.weight"])
        for signal in ordered_signals(model)
        if signal.category == category
    }
    whole = sum(weights.values())
    if whole > 0:
        yield sum(weight * floating(row[f"{name}.score"]) for name, weight in weights.items()) / whole


def _moving(row: Row, model: ScoringModel) -> Iterable[str]:
    if row["flapping"]:
        flips = row["flips"]
        often = f"{len(flips)} times" if isinstance(flips, list) else "often"
        within = model.hysteresis.flapping_within // DAY
        yield f"The band changed {often} in {within} d: changes must last twice as long, no task is opened"
    if row["data_change"]:
        yield "Band moved because other data counts, not because of the account"


def _profile(
    row: Row, model: ScoringModel, labels: Callable[[str], str], timezone: ZoneInfo
) -> Iterable[str]:
    profile, before, since = row["profile"], row["profile_from"], row["profile_since"]
    if isinstance(before, str) and isinstance(since, datetime):
        ends = day(since + model.cross_fade, timezone)
        yield f"Judged as {labels(str(profile))}; weights pass over from {labels(before)} until {ends}"
    elif profile:
        yield f"Judged as {labels(str(profile))}"
