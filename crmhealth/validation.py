"""Pydantic's findings in the words of the admin: the key path in the TOML file, what is wrong, what is right.

Where a value may have one of several shapes, pydantic reports what is wrong with it under each of them, and
puts the name of the shape into the location. Only the shape the admin meant (by its `type`) is of interest.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import ValidationError

from scoring.errors import Problem

Location: TypeAlias = tuple[int | str, ...]

_ABSENT = frozenset({"missing", "extra_forbidden", "unexpected_keyword_argument"})
_DURATION = ("is not a duration", 'write one such as "14d", "24h" or "90m"')
_UNKNOWN = ("is not a known key", "remove it, or check its spelling")
_MESSAGES: Mapping[str, tuple[str, str]] = {
    "missing": ("is missing", "add it"),
    "extra_forbidden": _UNKNOWN,
    "unexpected_keyword_argument": _UNKNOWN,
    "time_delta_parsing": _DURATION,
    "time_delta_type": _DURATION,
}


def problems(key: str, raw: object, error: ValidationError) -> list[Problem]:
    """Turn every finding below `key` into a problem."""
    items = error.errors(include_url=False)
    wrong_shapes = {
        shape
        for item in items
        if item["type"] == "literal_error" and item["loc"][-1:] == ("type",)
        for shape in _walk(key, raw, item)[1]
    }
    found: dict[str, Problem] = {}
    for item in items:
        path, shapes = _walk(key, raw, item)
        if any(shape in wrong_shapes for shape in shapes) and _is_choice(items, shapes, wrong_shapes):
            continue
        message, remedy = _words(item)
        # One finding a key: under a choice of plain types the first says enough.
        found.setdefault(path, Problem(key=path, message=message, remedy=remedy))
    return list(found.values())


def _is_choice(items: Any, shapes: list[Location], wrong: set[Location]) -> bool:
    """Tell whether another shape of the same value was meant; if none was, all that is wrong is told."""
    for shape in shapes:
        siblings = {
            tuple(item["loc"][: len(shape)]) for item in items if item["loc"][: len(shape) - 1] == shape[:-1]
        }
        if shape in wrong and siblings - wrong:
            return True
    return False


def _words(item: Any) -> tuple[str, str]:
    known = _MESSAGES.get(item["type"])
    if known is not None:
        return known
    if item["type"] == "value_error":
        # Our own validators write "what is wrong; what would be right".
        message, _, remedy = str(item["ctx"]["error"]).partition("; ")
        return message, remedy or "correct it"
    given = item.get("input")
    shown = f" ({given!r})" if isinstance(given, str | int | float | bool) else ""
    message = str(item["msg"])
    return f"{message[:1].lower()}{message[1:]}{shown}", "correct it"


def _walk(key: str, raw: object, item: Any) -> tuple[str, list[Location]]:
    """Follow a location through the table: the path as the admin knows it, and the shapes on the way."""
    path, value, shapes = key, raw, []
    location: Location = item["loc"]
    for index, part in enumerate(location):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
            path += f".{part}"
        elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
            name = value.get("id", value.get("name")) if isinstance(value, Mapping) else None
            path += f"[{part if name is None else name}]"
        elif index == len(location) - 1 and item["type"] in _ABSENT:
            path += f".{part}"
        else:
            shapes.append(location[: index + 1])
    return path, shapes
