"""What is wrong with signals: metrics, kinds, windows, curves and settings that do not fit together."""

import math
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from difflib import get_close_matches
from itertools import pairwise

from scoring.conditions import ACCOUNT, ConditionError, parse
from scoring.curves import (
    ByTenure,
    Curve,
    Growth,
    HalfLife,
    Linear,
    Map,
    Percentile,
    Piecewise,
    Steps,
    TenureBucket,
    scaled,
)
from scoring.definition import DAY, ScoringModel, Signal
from scoring.errors import Problem
from scoring.model import TOPICS
from scoring.problems._words import at_least_zero, duration, problem, share, unknown
from scoring.reading import WindowUse
from scoring.records import RECORD_METRICS
from scoring.series import KINDS

_WEEK = timedelta(days=7)


def of_signal(signal: Signal, model: ScoringModel) -> Iterator[Problem]:
    key = f"signal[{signal.id}]"
    known = sorted(category.id for category in model.categories)
    if signal.category not in known:
        yield problem(
            f"{key}.category", f"there is no category {signal.category!r}", f"use one of {', '.join(known)}"
        )
    yield from at_least_zero(f"{key}.weight", signal.weight)
    yield from at_least_zero(f"{key}.min_baseline", signal.min_baseline)
    if signal.prior != "segment":
        yield from share(f"{key}.prior", signal.prior)
    yield from at_least_zero(f"{key}.prior_count", signal.prior_count)
    yield from duration(f"{key}.min_tenure", signal.min_tenure)
    if not isinstance(signal.on_no_data, str) and not 0 <= signal.on_no_data <= 100:
        yield problem(f"{key}.on_no_data", f"is {signal.on_no_data:g}", "write points between 0 and 100")
    if signal.freshness is not None:
        fresh = signal.freshness
        yield from duration(f"{key}.freshness.fresh_for", fresh.fresh_for)
        yield from duration(f"{key}.freshness.half_life", fresh.half_life, positive=True)
        if fresh.expire_after < fresh.fresh_for:
            yield problem(f"{key}.freshness.expire_after", "is shorter than fresh_for", "make it longer")
    yield from of_curve(f"{key}.normalise", signal.normalise)
    if isinstance(signal.normalise, Map) and signal.topic != "account":
        yield problem(f"{key}.normalise", "only account fields are words", "use another type of curve")
    if isinstance(signal.normalise, Growth) and signal.kind != "trend":
        yield problem(f"{key}.normalise", "growth is a change", 'use it with kind = "trend"')
    yield from duration(f"{key}.age_scale", signal.age_scale, positive=True)
    for severity, weight in signal.severity.items():
        yield from at_least_zero(f"{key}.severity.{severity}", weight)


def of_curve(key: str, curve: Curve) -> Iterator[Problem]:
    """List what is wrong with a curve."""
    match curve:
        case Linear(bad=bad, good=good):
            if bad == good or not (math.isfinite(bad) and math.isfinite(good)):
                yield problem(key, f"bad is {bad:g} and good is {good:g}", "use two different numbers")
            elif scaled(curve.scale, bad) == scaled(curve.scale, good):
                yield problem(key, "bad and good are the same on this scale", "use numbers above 0")
        case Piecewise(knots=knots):
            values = [value for value, _ in knots]
            if len(knots) < 2:
                yield problem(key, f"has {len(knots)} knots", "write at least two, [[value, points], …]")
            if _falls([scaled(curve.scale, value) for value in values]):
                yield problem(
                    key, "the values of its knots do not rise", "order the knots by value, each once"
                )
            yield from _heights(key, [height for _, height in knots])
        case Steps(steps=steps, below=below):
            if not steps:
                yield problem(key, "has no steps", "write at least one, [[from, points], …]")
            if _falls([value for value, _ in steps]):
                yield problem(
                    key, "the values of its steps do not rise", "order the steps by value, each once"
                )
            yield from _heights(key, [below, *(height for _, height in steps)])
        case HalfLife(days=days):
            if not (math.isfinite(days) and days > 0):
                yield problem(f"{key}.days", f"is {days:g}", "write a number of days above 0")
        case Map(values=words):
            if not words:
                yield problem(f"{key}.values", "is empty", 'write { "Word" = points, … }')
            if len({word.strip() for word in words}) < len(words):
                yield problem(f"{key}.values", "lists a word twice", "write each word once")
            yield from _heights(key, list(words.values()))
        case Percentile(otherwise=otherwise):
            yield from of_curve(f"{key}.otherwise", otherwise)
        case ByTenure(buckets=buckets):
            yield from _of_buckets(key, buckets)


def _of_buckets(key: str, buckets: Sequence[TenureBucket]) -> Iterator[Problem]:
    ages = [bucket.below for bucket in buckets[:-1]]
    if not buckets or buckets[-1].below is not None:
        yield problem(
            f"{key}.buckets", "has no last bucket for all others", "let the last one name no `below`"
        )
    if any(age is None for age in ages):
        yield problem(f"{key}.buckets", "a bucket before the last names no age", 'write below = "90d"')
    elif any(right <= left for left, right in pairwise(age for age in ages if age is not None)):
        yield problem(f"{key}.buckets", "the ages do not rise", "order the buckets by `below`")
    for place, bucket in enumerate(buckets):
        yield from of_curve(f"{key}.buckets[{place}].curve", bucket.curve)


def _falls(values: Sequence[float]) -> bool:
    return not all(math.isfinite(value) for value in values) or any(
        right <= left for left, right in pairwise(values)
    )


def _heights(key: str, heights: Sequence[float]) -> Iterator[Problem]:
    if not all(0 <= height <= 100 for height in heights):
        yield problem(key, "has points outside 0 to 100", "write points between 0 and 100")


def of_metric(
    signal: Signal, account_fields: Collection[str] | None, series_topics: Collection[str] | None
) -> Iterator[Problem]:
    key = f"signal[{signal.id}]"
    topic, name = signal.topic, signal.name
    if not topic or not name or "." in name:
        yield problem(f"{key}.metric", f"is {signal.metric!r}", "write topic.name, such as usage.logins")
        return
    if topic == "account":
        if account_fields is not None and name not in account_fields:
            yield unknown(f"{key}.metric", f"account field {name!r}", account_fields)
        yield from _no_kind(key, signal)
        yield from _of_window(key, signal, "none")
    elif topic in TOPICS:
        metric = RECORD_METRICS.get(signal.metric)
        if metric is None:
            yield unknown(f"{key}.metric", repr(signal.metric), RECORD_METRICS)
        else:
            yield from _of_window(key, signal, metric.window)
        yield from _no_kind(key, signal)
        for field in signal.where:
            if field not in TOPICS[topic]:
                yield unknown(f"{key}.where", f"field {field!r} of {topic}", TOPICS[topic])
    else:
        yield from _of_series(key, signal, series_topics)
    if signal.where and topic not in TOPICS:
        yield problem(f"{key}.where", "only records can be chosen by a field", "remove it")
    yield from _of_ratio(key, signal, account_fields)
    yield from _of_applies(key, signal, account_fields)
    yield from _of_unused(key, signal)


def _of_ratio(key: str, signal: Signal, account_fields: Collection[str] | None) -> Iterator[Problem]:
    if not signal.per:
        return
    topic, _, name = signal.per.partition(".")
    read = RECORD_METRICS.get(signal.metric) if signal.topic in TOPICS else KINDS.get(signal.kind)
    if read is not None and signal.topic != "account" and not read.divisible:
        yield problem(f"{key}.per", f"{signal.kind or signal.metric} cannot be divided", "remove it")
    if topic == "account":
        if account_fields is not None and name not in account_fields:
            yield unknown(f"{key}.per", f"account field {name!r}", account_fields)
    elif topic != signal.topic or not name:
        yield problem(f"{key}.per", f"is {signal.per!r}", f"write account.<field> or {signal.topic}.<metric>")
    elif topic in TOPICS and signal.per not in RECORD_METRICS:
        yield unknown(f"{key}.per", repr(signal.per), RECORD_METRICS)


def _of_applies(key: str, signal: Signal, account_fields: Collection[str] | None) -> Iterator[Problem]:
    if signal.applies:
        yield from of_account_condition(f"{key}.applies", signal.applies, account_fields)


def of_account_condition(key: str, text: str, account_fields: Collection[str] | None) -> Iterator[Problem]:
    """List what is wrong with a condition that may only look at the account."""
    try:
        names = parse(text).names
    except ConditionError as exc:
        yield problem(key, str(exc), "compare account.<field>: account.plan = 'Enterprise'")
        return
    for name in names:
        field = name.removeprefix(ACCOUNT)
        if not name.startswith(ACCOUNT):
            yield problem(key, f"{name!r} is no account field", "only account.<field> can be asked here")
        elif account_fields is not None and field not in account_fields:
            yield unknown(key, f"account field {field!r}", account_fields)


_SETTINGS = {
    "severity": {},
    "age_scale": timedelta(days=7),
    "prior": 0.5,
    "prior_count": 5.0,
    "gaps": "zero",
    "min_baseline": 0.0,
}
"""Settings that only some metrics use, and what they are where nobody wrote them."""


def _of_unused(key: str, signal: Signal) -> Iterator[Problem]:
    if signal.topic == "account":
        used: Collection[str] = ()
    elif signal.topic in TOPICS:
        metric = RECORD_METRICS.get(signal.metric)
        used = _SETTINGS if metric is None else metric.uses
    else:
        kind = KINDS.get(signal.kind)
        used = _SETTINGS if kind is None else kind.uses
    for name, default in _SETTINGS.items():
        if name not in used and getattr(signal, name) != default:
            what = signal.kind or signal.metric
            yield problem(f"{key}.{name}", f"makes no difference to {what}", "remove it")


def _of_series(key: str, signal: Signal, series_topics: Collection[str] | None) -> Iterator[Problem]:
    if series_topics is not None and signal.topic not in series_topics:
        yield unknown(f"{key}.metric", f"topic {signal.topic!r}", {*series_topics, *TOPICS, "account"})
    elif any(f"{near}.{signal.name}" in RECORD_METRICS for near in get_close_matches(signal.topic, TOPICS)):
        yield unknown(f"{key}.metric", repr(signal.metric), RECORD_METRICS)
    kind = KINDS.get(signal.kind)
    if kind is None:
        yield unknown(f"{key}.kind", repr(signal.kind), [name for name in KINDS if name])
        return
    yield from _of_window(key, signal, kind.window)
    window = signal.window
    if window is None:
        return
    if kind.whole_weeks and (window % _WEEK or not window):
        yield problem(f"{key}.window", "is no multiple of 7 days", 'write "7d", "14d" or "28d"')
    if window < kind.shortest or (kind.longest is not None and window > kind.longest):
        ends = f"{kind.shortest // DAY}d" + (f" to {kind.longest // DAY}d" if kind.longest else " on")
        yield problem(f"{key}.window", f"does not suit {signal.kind}", f"write {ends}")


def _of_window(key: str, signal: Signal, use: WindowUse) -> Iterator[Problem]:
    if use == "needed" and signal.window is None:
        yield problem(f"{key}.window", "is missing", 'write whole days, such as "28d"')
    if use == "none" and signal.window is not None:
        yield problem(f"{key}.window", f"{signal.kind or signal.metric} has no window", "remove it")
    if signal.window is not None and (signal.window < DAY or signal.window % DAY):
        yield problem(f"{key}.window", "is not a number of whole days", 'write whole days, such as "28d"')


def _no_kind(key: str, signal: Signal) -> Iterator[Problem]:
    if signal.kind:
        yield problem(f"{key}.kind", f"{signal.metric} has no kinds", "remove it")
