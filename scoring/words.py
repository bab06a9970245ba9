"""Signals in words: numbers as people write them, one sentence per signal.

Refuses to know languages and currencies: a unit is whatever the model says.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from scoring.definition import DAY, UNITS_PER_POINT, Signal
from scoring.model import InputState

Row = Mapping[str, object]
"""One account: columns of the signals frame and the scored frame, side by side."""

MINUS = "−"


def decimal(units: int) -> Decimal:
    """Turn units of 0.0001 points into points."""
    return Decimal(units) / UNITS_PER_POINT


def signed(points: Decimal) -> str:
    """Write points with one decimal, and a sign unless that leaves nothing."""
    rounded = points.quantize(Decimal("0.1"), ROUND_HALF_UP)
    sign = "" if not rounded else MINUS if rounded < 0 else "+"
    return f"{sign}{abs(rounded)}"


def number(value: float) -> str:
    """Write a number with as many digits as people read: 1,250, 41, 3.5, 0.25."""
    # repr gives 2.675 where the binary fraction is a hair below: half-up then does what people expect
    exact = Decimal(repr(value))
    size = abs(exact)
    places = Decimal(1) if size >= 100 else Decimal("0.1") if size >= 1 else Decimal("0.01")
    text = f"{exact.quantize(places, ROUND_HALF_UP):,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.replace("-", MINUS)


def percent(share: float) -> str:
    """Write a share in whole per cent."""
    whole = (Decimal(repr(share)) * 100).quantize(Decimal(1), ROUND_HALF_UP)
    return f"{whole or Decimal(0)}".replace("-", MINUS) + " %"


def days(length: timedelta) -> str:
    """Write a duration in days."""
    return f"{number(length / DAY)} d"


def reading(signal: Signal, row: Row) -> str:
    """Say what was seen: "Weekly active users 41 → 27 (−34 % vs prior 14 d)"."""
    if row[f"{signal.id}.state"] == InputState.NO_DATA.value:
        return f"{signal.label}: no data"
    value = _float(row[f"{signal.id}.value"])
    if signal.kind == "trend":
        prior = _float(row[f"{signal.id}.prior"])
        change = percent(value) if value <= 0 else f"+{percent(value)}"
        before, after = number(prior), number(prior * (1 + value))
        shown = f"{before} → {after}{_unit(signal)} ({change} vs prior {days(signal.window or DAY)})"
    else:
        shown = f"{_formatted(signal, value)}{_unit(signal)}"
    return f"{signal.label} {shown}{_age(signal, row)}"


def gap(signal: Signal, row: Row) -> str | None:
    """Say why a signal did not count, None where that is as it should be."""
    state = row[f"{signal.id}.state"]
    down = _float(row[f"{signal.id}.down_days"])
    match state:
        case InputState.NOT_APPLICABLE.value | InputState.NOT_MATURE.value:
            return None
        case InputState.INVALID.value:
            return f"{signal.label}: unusable value"
        case _ if down > 0:
            return f"{signal.label}: source down for {number(math.floor(down))} d"
        case InputState.SOURCE_DOWN.value:
            return f"{signal.label}: source never answered"
        case InputState.NO_DATA.value:
            return f"{signal.label}: no data"
        case _:
            age = _float(row[f"{signal.id}.age_days"])
            if age <= signal.effective_freshness.expire_after / DAY:
                return f"{signal.label}: not counted, too little is known of {signal.category}"
            return f"{signal.label}: too old ({number(math.floor(age))} d)"


def _formatted(signal: Signal, value: float) -> str:
    match signal.format:
        case "percent":
            return percent(value)
        case "days":
            return f"{number(value)} d"
        case "flag":
            return "yes" if value else "no"
        case _:
            return number(value)


def _unit(signal: Signal) -> str:
    return f" {signal.unit}" if signal.unit else ""


def _age(signal: Signal, row: Row) -> str:
    """Say how old a value is once it is no longer fresh, or held for a source that is down."""
    age = _float(row[f"{signal.id}.age_days"])
    held = row[f"{signal.id}.state"] == InputState.SOURCE_DOWN.value
    if held or age > signal.effective_freshness.fresh_for / DAY:
        return f", {number(math.floor(age))} d old"
    return ""


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
