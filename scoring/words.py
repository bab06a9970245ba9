"""Signals in words: numbers as people write them, one sentence per signal.

Refuses to know languages and currencies: a unit is whatever the model says.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from scoring.account_fields import local_date
from scoring.curves import Map
from scoring.definition import DAY, UNITS_PER_POINT, Signal
from scoring.model import InputState

Row = Mapping[str, object]
"""One account: columns of the signals frame and the scored frame, side by side."""

MINUS = "−"
_UNUSUAL = ((1.0, ""), (2.0, "a little "), (3.5, ""), (math.inf, "far "))
"""How far from its usual a week is, by |z|; beyond 3.5 it is commonly called an outlier."""


def decimal(units: int) -> Decimal:
    """Turn units of 0.0001 points into points."""
    return Decimal(units) / UNITS_PER_POINT


def in_units(points: float) -> int:
    """Round points half-up to units of 0.0001, as the score does."""
    return math.floor(points * UNITS_PER_POINT + 0.5)


def signed(points: Decimal) -> str:
    """Write points with one decimal, and a sign unless that leaves nothing."""
    rounded = points.quantize(Decimal("0.1"), ROUND_HALF_UP)
    sign = "" if not rounded else MINUS if rounded < 0 else "+"
    return f"{sign}{abs(rounded)}"


def number(value: float) -> str:
    """Write a number with as many digits as people read: 1,250, 41, 3.5, 0.25."""
    # repr gives 2.675 where the binary fraction is a hair below: half-up then does what people expect
    exact = Decimal(repr(float(value)))
    size = abs(exact)
    places = Decimal(1) if size >= 100 else Decimal("0.1") if size >= 1 else Decimal("0.01")
    return written(exact.quantize(places, ROUND_HALF_UP))


def written(value: Decimal) -> str:
    """Write all digits of a number, thousands apart, without zeros at the end."""
    text = f"{value:,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.replace("-", MINUS)


def percent(share: float, *, places: int = 0) -> str:
    """Write a share in per cent."""
    exact = (Decimal(repr(float(share))) * 100).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{written(exact)} %"


def changed_by(share: float, *, places: int = 0) -> str:
    """Write a share in per cent, with its sign."""
    return percent(share, places=places) if share <= 0 else f"+{percent(share, places=places)}"


def days(length: timedelta) -> str:
    """Write a duration in days."""
    return f"{number(length / DAY)} d"


def ago(length_days: float) -> str:
    """Write an age in whole days, or hours in the first one."""
    return f"{math.floor(length_days)} d" if length_days >= 1 else f"{math.floor(max(length_days, 0) * 24)} h"


def day(value: object, timezone: ZoneInfo) -> str:
    """Write the day of a date or an instant in the business time zone; "" for anything else."""
    if isinstance(value, datetime):
        value = local_date(value, timezone) if value.tzinfo else value.date()
    return value.isoformat() if isinstance(value, date) else ""


def fitted(text: str, length: int) -> str:
    """Shorten to a length at the end of a word, with "…" for what is missing."""
    if len(text) <= length:
        return text
    cut = text[: max(length - 1, 0)]
    if " " in cut and not text[len(cut)].isspace():
        cut = cut[: cut.rindex(" ")]
    return (cut.rstrip(" ;,:") + "…")[:length]


def reading(signal: Signal, row: Row) -> str:
    """Say what was seen: "Weekly active users 41 → 27 (−34 % vs prior 14 d)"."""
    if row[f"{signal.id}.state"] == InputState.NO_DATA.value:
        return f"{signal.label}: no data"
    return f"{signal.label} {seen(signal, row)}{_age(signal, row)}"


def seen(signal: Signal, row: Row) -> str:
    """Say what was seen, without the name of the signal."""
    word = row.get(f"{signal.id}.text")
    if row[f"{signal.id}.state"] == InputState.INVALID.value:
        # the word that is there is not the one that counts
        word = None
    prior = row.get(f"{signal.id}.prior")
    return shown(
        signal,
        floating(row[f"{signal.id}.value"]),
        prior=prior if isinstance(prior, float) else None,
        word=word if isinstance(word, str) else None,
    )


def shown(signal: Signal, value: float, *, prior: float | None = None, word: str | None = None) -> str:
    """Write one value of a signal. `prior` is what a trend or baseline compares with, `word` that of a Map."""
    if isinstance(signal.normalise, Map):
        return worded(word) if word is not None else f"{number(value)} points"
    window = signal.window or DAY
    match signal.kind:
        case "trend":
            changed = f"{changed_by(value)} vs prior {days(window)}"
            if prior is None:
                return f"{changed_by(value)} (vs prior {days(window)})"
            return f"{number(prior)} → {number(prior * (1 + value))}{unit(signal)} ({changed})"
        case "slope":
            return _sloping(value)
        case "baseline":
            return _unusual(value, prior)
        case "active_weeks":
            return f"{number(round(value * (window // (7 * DAY)), 6))} of {window // (7 * DAY)} weeks"
        case "active_share":
            return f"{number(round(value * (window // DAY), 6))} of {window // DAY} days"
        case _:
            return f"{formatted(signal, value)}{unit(signal)}{_divided(signal)}"


def worded(word: str) -> str:
    """Write a word of an account field; yes and no for flags."""
    return {"true": "yes", "false": "no"}.get(word, f"“{word}”")


def formatted(signal: Signal, value: float) -> str:
    """Write a number in the format of its signal, without its unit."""
    match signal.format:
        case "percent":
            return percent(value)
        case "days":
            return f"{number(value)} d"
        case "flag":
            return "yes" if value else "no"
        case _:
            return number(value)


def _sloping(share: float) -> str:
    pace = percent(abs(share), places=0 if abs(share) >= 0.095 else 1)
    return "steady" if pace == "0 %" else f"{'falling' if share < 0 else 'rising'} {pace} a week"


def _unusual(z: float, prior: float | None) -> str:
    usual = "" if prior is None else f" ({number(prior)} a day)"
    if abs(z) < _UNUSUAL[0][0]:
        return f"as usual{usual}"
    far = next(word for limit, word in _UNUSUAL if abs(z) < limit)
    return f"{far}{'below' if z < 0 else 'above'} its usual{usual}"


def _divided(signal: Signal) -> str:
    if not signal.per or signal.unit:
        return ""
    of = signal.per.rpartition(".")[2].replace("_", " ")
    return f" of {of}" if signal.format == "percent" else f" (÷ {of})"


def unit(signal: Signal) -> str:
    """Write the unit of a signal, as it follows a number."""
    return f" {signal.unit}" if signal.unit else ""


def _age(signal: Signal, row: Row) -> str:
    """Say how old a value is once it is no longer fresh, or held for a source that is down."""
    age = floating(row[f"{signal.id}.age_days"])
    held = row[f"{signal.id}.state"] in (InputState.SOURCE_DOWN.value, InputState.INVALID.value)
    if held or age > signal.effective_freshness.fresh_for / DAY:
        return f", {ago(age)} old"
    return ""


def gap(signal: Signal, row: Row, category: str) -> str | None:
    """Say why a signal did not count, None where that is as it should be. `category` is its category's label."""
    reason = missing(signal, row, category)
    return None if reason is None else f"{signal.label}: {reason}"


def missing(signal: Signal, row: Row, category: str) -> str | None:
    """Say why a signal did not count, without its name."""
    state = row[f"{signal.id}.state"]
    down = floating(row[f"{signal.id}.down_days"])
    match state:
        case InputState.NOT_APPLICABLE.value | InputState.NOT_MATURE.value:
            return None
        case InputState.INVALID.value:
            return unusable(signal, row)
        case _ if down > 0:
            return f"source down for {ago(down)}"
        case InputState.SOURCE_DOWN.value:
            return "source never answered"
        case InputState.NO_DATA.value:
            return "no data"
        case _:
            age = floating(row[f"{signal.id}.age_days"])
            if age <= signal.effective_freshness.expire_after / DAY:
                return f"not counted, too little is known of {category}"
            return f"too old ({ago(age)})"


def unusable(signal: Signal, row: Row) -> str:
    """Say that what an account field holds cannot be used."""
    word = row.get(f"{signal.id}.text")
    return f"unusable value {worded(word)}" if isinstance(word, str) else "unusable value"


def floating(value: object) -> float:
    """Give a number of a row, 0 where there is none."""
    return float(value) if isinstance(value, int | float) else 0.0
