"""How problems are put into words: small checks that more than one table needs."""

import math
from collections.abc import Collection, Iterator
from datetime import timedelta

from scoring.errors import Problem

_ZERO = timedelta(0)


def problem(key: str, message: str, remedy: str) -> Problem:
    return Problem(key=f"model.{key}", message=message, remedy=remedy)


def at_least_zero(key: str, value: float) -> Iterator[Problem]:
    if not (math.isfinite(value) and value >= 0):
        yield problem(key, f"is {value:g}", "write 0 or a positive number")


def share(key: str, value: float) -> Iterator[Problem]:
    if not 0 <= value <= 1:
        yield problem(key, f"is {value:g}", "write a share between 0 and 1")


def duration(key: str, value: timedelta, *, positive: bool = False) -> Iterator[Problem]:
    if value < _ZERO or (positive and value == _ZERO):
        yield problem(key, "is not a positive duration", 'write a duration such as "2d" or "24h"')


def is_multiple(value: float, quantum: float) -> bool:
    steps = value / quantum
    return abs(steps - round(steps)) < 1e-6


def unknown(key: str, what: str, known: Collection[str]) -> Problem:
    return problem(key, f"there is no {what}", f"use one of {', '.join(sorted(known))}")
