"""The conditions of caps: `sev1_open > 0 and account.segment = 'Enterprise'`.

The words are checked against a short list first and the rest is left to polars' SQL expressions, so nothing
is ever evaluated as code. Refused: functions (SQL has a clock, chance and files), arithmetic, sub-queries,
and IS NULL: a condition over missing data is false, whichever way it is put.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_][A-Za-z0-9_.]*)
      | (?P<mark><=|>=|<>|!=|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_JOINING = frozenset({"and", "or", "not", "in", "between"})
KEYWORDS = _JOINING | {"true", "false"}
ACCOUNT = "account."


class ConditionError(ValueError):
    """A condition cannot be understood; the text says which part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A parsed condition: `expression` reads a column named like each of `names`."""

    expression: pl.Expr
    names: tuple[str, ...]


def parse(text: str) -> Condition:
    """Parse a condition; raises ConditionError. Names are signal ids and `account.<field>`."""
    parts: list[str] = []
    names: list[str] = []
    position, after_operand = 0, False
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConditionError(f"unexpected {text[position:].strip()[:12]!r}")
        position = match.end()
        word = match["word"]
        # SQL would take "urgent > 0 high" for a comparison with a second name
        operand = match["mark"] is None and (word is None or word.lower() not in _JOINING)
        if operand and after_operand:
            raise ConditionError(f"a comparison or and/or is missing before {match[0].strip()!r}")
        after_operand = operand or match["mark"] == ")"
        if word is None:
            part = match[0].strip()
            if part == "(" and parts and parts[-1].startswith('"'):
                raise ConditionError(f"{parts[-1]} is used as a function; functions are not available")
            parts.append(part)
        elif word.lower() in KEYWORDS:
            parts.append(word)
        else:
            parts.append(f'"{word}"')
            names.append(word)
    if not names:
        raise ConditionError("it names no signal and no account field")
    try:
        expression = pl.sql_expr(" ".join(parts))
    except pl.exceptions.PolarsError as exc:
        raise ConditionError(str(exc).splitlines()[0]) from exc
    return Condition(expression=expression, names=tuple(dict.fromkeys(names)))


def check_types(condition: Condition, schema: Mapping[str, pl.DataType | type[pl.DataType]]) -> None:
    """Raise ConditionError unless the condition is true or false over columns of these types."""
    empty = pl.DataFrame(schema={name: schema.get(name, pl.Null) for name in condition.names})
    try:
        outcome = empty.select(condition.expression.alias("outcome")).schema["outcome"]
    except pl.exceptions.PolarsError as exc:
        raise ConditionError(str(exc).splitlines()[0]) from exc
    if outcome not in (pl.Boolean, pl.Null):
        raise ConditionError("it is a value, not a comparison")
