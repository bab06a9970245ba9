"""What is wrong with a scoring model, all at once, each with its key and what to write instead.

Refuses to stop at the first mistake, and to judge taste: a lint that advises is not a problem.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from itertools import pairwise

import polars as pl

from scoring.conditions import ACCOUNT, KEYWORDS, ConditionError, check_types, parse
from scoring.curves import Linear, Piecewise
from scoring.definition import DAY, UNITS_PER_POINT, ScoringModel, Signal
from scoring.errors import Problem
from scoring.model import TOPICS
from scoring.records import RECORD_METRICS
from scoring.rules import Cap
from scoring.series import KINDS, WindowUse

_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
_ZERO = timedelta(0)
_WEEK = timedelta(days=7)
MOST_SIGNALS = 62
"""Which signals counted is kept as the bits of one number."""


def problems(
    model: ScoringModel,
    account_fields: Collection[str] | None = None,
    series_topics: Collection[str] | None = None,
) -> list[Problem]:
    """List everything wrong with a model.

    `account_fields` are the fields the account book is mapped to, `series_topics` the topics that sources
    deliver as dated numbers; None leaves these checks out.
    """
    return [
        *_of_the_whole(model),
        *_of_bands(model),
        *_of_categories(model),
        *(problem for signal in model.signals for problem in _of_signal(signal, model)),
        *(
            problem
            for signal in model.signals
            for problem in _of_metric(signal, account_fields, series_topics)
        ),
        *(problem for cap in model.caps for problem in _of_cap(cap, model, account_fields)),
        *_of_renewal(model),
    ]


def _problem(key: str, message: str, remedy: str) -> Problem:
    return Problem(key=f"model.{key}", message=message, remedy=remedy)


def _at_least_zero(key: str, value: float) -> Iterator[Problem]:
    if not (math.isfinite(value) and value >= 0):
        yield _problem(key, f"is {value:g}", "write 0 or a positive number")


def _share(key: str, value: float) -> Iterator[Problem]:
    if not 0 <= value <= 1:
        yield _problem(key, f"is {value:g}", "write a share between 0 and 1")


def _duration(key: str, value: timedelta, *, positive: bool = False) -> Iterator[Problem]:
    if value < _ZERO or (positive and value == _ZERO):
        yield _problem(key, "is not a positive duration", 'write a duration such as "2d" or "24h"')


def _is_multiple(value: float, quantum: float) -> bool:
    steps = value / quantum
    return abs(steps - round(steps)) < 1e-6


def _ids(table: str, ids: list[str]) -> Iterator[Problem]:
    for name, count in Counter(ids).items():
        if count > 1:
            yield _problem(f"{table}[{name}].id", f"is used {count} times", "give each its own id")
        if not _ID.match(name) or name in KEYWORDS or name in ("cap", "account"):
            yield _problem(
                f"{table}[{name}].id",
                "cannot be used as an id",
                f"use small letters, digits and _, not {', '.join(sorted(KEYWORDS))}, account or cap",
            )


def _of_the_whole(model: ScoringModel) -> Iterator[Problem]:
    if not model.version.strip():
        yield _problem("version", "is empty", 'name it, such as "2026-01"')
    yield from _share("min_coverage", model.min_coverage)
    yield from _share("min_category_coverage", model.min_category_coverage)
    yield from _duration("hold_for", model.hold_for, positive=True)
    yield from _duration("min_tenure", model.min_tenure)
    if len(model.signals) > MOST_SIGNALS:
        yield _problem("signal", f"there are {len(model.signals)}", f"use at most {MOST_SIGNALS}")
    yield from _ids("category", [category.id for category in model.categories])
    yield from _ids("signal", [signal.id for signal in model.signals])
    yield from _ids("cap", [cap.id for cap in model.caps])


def _of_bands(model: ScoringModel) -> Iterator[Problem]:
    quantum = model.quantum
    sound = quantum > 0 and _is_multiple(quantum, 1 / UNITS_PER_POINT) and _is_multiple(100, quantum)
    if not sound:
        yield _problem("quantum", f"100 is no multiple of {quantum:g}", "write 1, 0.5, 0.1 or 5")
    names = [cut.name for cut in model.bands]
    if names != ["red", "yellow", "green"]:
        yield _problem(
            "bands", f"are {', '.join(names)}", "write red, yellow and green, each once, in this order"
        )
        return
    red, yellow, green = (cut.min for cut in model.bands)
    if red != 0:
        yield _problem("bands", f"leave a gap: red begins at {red:g}", "let red begin at 0")
    if not 0 < yellow < green <= 100:
        yield _problem(
            "bands",
            f"overlap: yellow begins at {yellow:g}, green at {green:g}",
            "use 0 < yellow < green ≤ 100",
        )
    for cut in model.bands:
        if sound and not _is_multiple(cut.min, quantum):
            yield _problem(
                "bands", f"{cut.name} begins at {cut.min:g}", f"use a multiple of quantum {quantum:g}"
            )
    rules = model.hysteresis
    yield from _at_least_zero("hysteresis.up_margin", rules.up_margin)
    yield from _at_least_zero("hysteresis.jump", rules.jump)
    for name in ("up_dwell", "down_dwell", "unknown_after"):
        yield from _duration(f"hysteresis.{name}", getattr(rules, name))
    if green + rules.up_margin > 100:
        yield _problem(
            "hysteresis.up_margin",
            f"nobody can become green: {green:g} + {rules.up_margin:g} is above 100",
            f"use at most {100 - green:g}",
        )


def _of_categories(model: ScoringModel) -> Iterator[Problem]:
    if not model.categories:
        yield _problem("category", "there is none", "add a [[model.category]]")
    for category in model.categories:
        yield from _at_least_zero(f"category[{category.id}].weight", category.weight)
        inside = [signal for signal in model.signals if signal.category == category.id]
        if not inside:
            yield _problem(f"category[{category.id}]", "has no signal", "add one or remove the category")
        elif all(signal.weight == 0 for signal in inside) and category.weight > 0:
            yield _problem(
                f"category[{category.id}]", "all its signals weigh 0", "give one of them a weight above 0"
            )
    if model.categories and all(category.weight == 0 for category in model.categories):
        yield _problem("category", "all weights are 0", "give at least one category a weight above 0")


def _of_signal(signal: Signal, model: ScoringModel) -> Iterator[Problem]:
    key = f"signal[{signal.id}]"
    known = sorted(category.id for category in model.categories)
    if signal.category not in known:
        yield _problem(
            f"{key}.category", f"there is no category {signal.category!r}", f"use one of {', '.join(known)}"
        )
    yield from _at_least_zero(f"{key}.weight", signal.weight)
    yield from _at_least_zero(f"{key}.min_baseline", signal.min_baseline)
    if signal.prior != "segment":
        yield from _share(f"{key}.prior", signal.prior)
    yield from _at_least_zero(f"{key}.prior_count", signal.prior_count)
    yield from _duration(f"{key}.min_tenure", signal.min_tenure)
    if not isinstance(signal.on_no_data, str) and not 0 <= signal.on_no_data <= 100:
        yield _problem(f"{key}.on_no_data", f"is {signal.on_no_data:g}", "write points between 0 and 100")
    if signal.freshness is not None:
        fresh = signal.freshness
        yield from _duration(f"{key}.freshness.fresh_for", fresh.fresh_for)
        yield from _duration(f"{key}.freshness.half_life", fresh.half_life, positive=True)
        if fresh.expire_after < fresh.fresh_for:
            yield _problem(f"{key}.freshness.expire_after", "is shorter than fresh_for", "make it longer")
    yield from _of_curve(f"{key}.normalise", signal)


def _of_curve(key: str, signal: Signal) -> Iterator[Problem]:
    match signal.normalise:
        case Linear(bad=bad, good=good):
            if bad == good or not (math.isfinite(bad) and math.isfinite(good)):
                yield _problem(key, f"bad is {bad:g} and good is {good:g}", "use two different numbers")
        case Piecewise(knots=knots):
            values = [value for value, _ in knots]
            if len(knots) < 2:
                yield _problem(key, f"has {len(knots)} knots", "write at least two, [[value, points], …]")
            if not all(math.isfinite(value) for value in values) or any(
                right <= left for left, right in pairwise(values)
            ):
                yield _problem(
                    key, "the values of its knots do not rise", "order the knots by value, each once"
                )
            if not all(0 <= height <= 100 for _, height in knots):
                yield _problem(key, "has points outside 0 to 100", "write points between 0 and 100")


def _of_metric(
    signal: Signal, account_fields: Collection[str] | None, series_topics: Collection[str] | None
) -> Iterator[Problem]:
    key = f"signal[{signal.id}]"
    topic, name = signal.topic, signal.name
    if not topic or not name or "." in name:
        yield _problem(f"{key}.metric", f"is {signal.metric!r}", "write topic.name, such as usage.logins")
        return
    if topic == "account":
        if account_fields is not None and name not in account_fields:
            yield _unknown(f"{key}.metric", f"account field {name!r}", account_fields)
        yield from _no_kind(key, signal)
        yield from _of_window(key, signal, "none")
    elif topic in TOPICS:
        metric = RECORD_METRICS.get(signal.metric)
        if metric is None:
            yield _unknown(f"{key}.metric", repr(signal.metric), RECORD_METRICS)
        else:
            yield from _of_window(key, signal, metric.window)
        yield from _no_kind(key, signal)
        for field in signal.where:
            if field not in TOPICS[topic]:
                yield _unknown(f"{key}.where", f"field {field!r} of {topic}", TOPICS[topic])
    else:
        yield from _of_series(key, signal, series_topics)
    if signal.where and topic not in TOPICS:
        yield _problem(f"{key}.where", "only records can be chosen by a field", "remove it")


def _of_series(key: str, signal: Signal, series_topics: Collection[str] | None) -> Iterator[Problem]:
    if series_topics is not None and signal.topic not in series_topics:
        yield _unknown(f"{key}.metric", f"topic {signal.topic!r}", {*series_topics, *TOPICS, "account"})
    elif any(f"{near}.{signal.name}" in RECORD_METRICS for near in get_close_matches(signal.topic, TOPICS)):
        yield _unknown(f"{key}.metric", repr(signal.metric), RECORD_METRICS)
    kind = KINDS.get(signal.kind)
    if kind is None:
        yield _unknown(f"{key}.kind", repr(signal.kind), [name for name in KINDS if name])
        return
    yield from _of_window(key, signal, kind.window)
    if kind.windows > 1 and signal.window is not None and (signal.window % _WEEK or not signal.window):
        yield _problem(f"{key}.window", "is no multiple of 7 days", 'write "7d", "14d" or "28d"')


def _of_window(key: str, signal: Signal, use: WindowUse) -> Iterator[Problem]:
    if use == "needed" and signal.window is None:
        yield _problem(f"{key}.window", "is missing", 'write whole days, such as "28d"')
    if use == "none" and signal.window is not None:
        yield _problem(f"{key}.window", f"{signal.kind or signal.metric} has no window", "remove it")
    if signal.window is not None and (signal.window < DAY or signal.window % DAY):
        yield _problem(f"{key}.window", "is not a number of whole days", 'write whole days, such as "28d"')


def _no_kind(key: str, signal: Signal) -> Iterator[Problem]:
    if signal.kind:
        yield _problem(f"{key}.kind", f"{signal.metric} has no kinds", "remove it")


def _unknown(key: str, what: str, known: Collection[str]) -> Problem:
    return _problem(key, f"there is no {what}", f"use one of {', '.join(sorted(known))}")


def _of_cap(cap: Cap, model: ScoringModel, account_fields: Collection[str] | None) -> Iterator[Problem]:
    key = f"cap[{cap.id}]"
    yield from _duration(f"{key}.for", cap.for_)
    if not isinstance(cap.at_most, str) and not (
        0 <= cap.at_most <= 100 and model.quantum > 0 and _is_multiple(cap.at_most, model.quantum)
    ):
        yield _problem(
            f"{key}.at_most",
            f"is {cap.at_most:g}",
            f"write red, yellow or a multiple of {model.quantum:g} up to 100",
        )
    try:
        condition = parse(cap.when)
    except ConditionError as exc:
        yield _problem(
            f"{key}.when", str(exc), "compare signals and account.<field>: urgent > 0 and account.arr > 1000"
        )
        return
    ids = {signal.id for signal in model.signals}
    unknown = False
    for name in condition.names:
        if name.startswith(ACCOUNT):
            field = name.removeprefix(ACCOUNT)
            if account_fields is not None and field not in account_fields:
                yield _unknown(f"{key}.when", f"account field {field!r}", account_fields)
        elif name not in ids:
            unknown = True
            yield _unknown(f"{key}.when", f"signal {name!r}", ids)
    types: Mapping[str, pl.DataType] = {name: pl.Float64() for name in ids}
    try:
        if not unknown:
            check_types(condition, types)
    except ConditionError as exc:
        yield _problem(
            f"{key}.when", str(exc), "compare signals with numbers and join comparisons by and, or, not"
        )


def _of_renewal(model: ScoringModel) -> Iterator[Problem]:
    renewal = model.renewal
    yield from _duration("renewal.near", renewal.near)
    yield from _duration("renewal.grace", renewal.grace)
    if renewal.far <= renewal.near:
        yield _problem("renewal.far", "is not longer than near", "make far longer than near")
    known = sorted(category.id for category in model.categories)
    for name, boost in renewal.boost.items():
        if name not in known:
            yield _unknown(f"renewal.boost.{name}", f"category {name!r}", known)
        yield from _at_least_zero(f"renewal.boost.{name}", boost)
