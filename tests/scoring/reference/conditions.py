"""Conditions evaluated by hand, in three-valued logic: None is "not known"."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

Value: TypeAlias = float | str | bool | None
Truth: TypeAlias = bool | None
Row: TypeAlias = Mapping[str, Value]
Test: TypeAlias = Callable[[Row], Truth]
Operand: TypeAlias = Callable[[Row], Value]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)|(?P<text>'(?:[^']|'')*')"
    r"|(?P<sign><=|>=|<>|!=|=|<|>|\(|\)|,)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*))"
)
_WORDS = {"and", "or", "not", "in", "between", "true", "false"}


def evaluate(text: str, row: Row) -> Truth:
    """Say whether a condition holds: True, False, or None where it depends on what is not known."""
    return _parsed(text)(row)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Test:
    parser = _Parser(_tokens(text))
    test = parser.either()
    if parser.rest:
        raise ValueError(f"{parser.rest[0]!r} is too much in {text!r}")
    return test


def _tokens(text: str) -> list[str]:
    found, place = [], 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"cannot read {text[place:]!r}")
        word = match.group().strip()
        found.append(word.lower() if word.lower() in _WORDS else word)
        place = match.end()
    return found


class _Parser:
    """or < and < not < comparison."""

    def __init__(self, tokens: list[str]) -> None:
        self.rest = tokens

    def _next(self) -> str:
        return self.rest.pop(0)

    def _peek(self) -> str:
        return self.rest[0] if self.rest else ""

    def either(self) -> Test:
        left = self.both()
        while self._peek() == "or":
            self._next()
            left = _or(left, self.both())
        return left

    def both(self) -> Test:
        left = self.inverse()
        while self._peek() == "and":
            self._next()
            left = _and(left, self.inverse())
        return left

    def inverse(self) -> Test:
        if self._peek() == "not":
            self._next()
            return _not(self.inverse())
        if self._peek() == "(":
            self._next()
            inside = self.either()
            self._next()
            return inside
        return self.comparison()

    def comparison(self) -> Test:
        left = self.operand()
        if self._peek() in ("", "and", "or", ")"):
            return lambda row: None if (value := left(row)) is None else bool(value)
        word = self._next()
        inverted = word == "not"
        if inverted:
            word = self._next()
        if word == "between":
            low = self.operand()
            self._next()
            test = _and(_compare(left, ">=", low), _compare(left, "<=", self.operand()))
        elif word == "in":
            test = self._among(left)
        else:
            test = _compare(left, word, self.operand())
        return _not(test) if inverted else test

    def _among(self, left: Operand) -> Test:
        self._next()
        test = _compare(left, "=", self.operand())
        while self._next() == ",":
            test = _or(test, _compare(left, "=", self.operand()))
        return test

    def operand(self) -> Operand:
        word = self._next()
        if word.startswith("'"):
            text = word[1:-1].replace("''", "'")
            return lambda row: text
        if word[0].isdigit() or word[0] in "-.":
            number = float(word)
            return lambda row: number
        if word in ("true", "false"):
            return lambda row: word == "true"
        return lambda row: row.get(word)


def _or(left: Test, right: Test) -> Test:
    def test(row: Row) -> Truth:
        one, two = left(row), right(row)
        if one is True or two is True:
            return True
        return None if one is None or two is None else False

    return test


def _and(left: Test, right: Test) -> Test:
    def test(row: Row) -> Truth:
        one, two = left(row), right(row)
        if one is False or two is False:
            return False
        return None if one is None or two is None else True

    return test


def _not(inside: Test) -> Test:
    def test(row: Row) -> Truth:
        truth = inside(row)
        return None if truth is None else not truth

    return test


def _compare(left: Operand, sign: str, right: Operand) -> Test:
    def test(row: Row) -> Truth:
        one, two = left(row), right(row)
        if one is None or two is None:
            return None
        if isinstance(one, str) or isinstance(two, str):
            return _order(str(one), sign, str(two))
        return _order(float(one), sign, float(two))

    return test


def _order(one: float | str, sign: str, two: float | str) -> bool:
    if sign == "=":
        return one == two
    if sign in ("<>", "!="):
        return one != two
    if isinstance(one, str) or isinstance(two, str):
        below, equal = str(one) < str(two), one == two
    else:
        below, equal = one < two, one == two
    return {"<": below, "<=": below or equal, ">": not below and not equal, ">=": not below}[sign]
