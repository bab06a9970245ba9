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
_UNSHOWN = _ABSENT | {"time_delta_parsing", "time_delta_type"}
_DURATION = ("is not a duration", 'write one such as "14d", "24h" or "90m"')
_UNKNOWN = ("is not a known key", "remove it, or check its spelling")
_NUMBER = ("is not a number", "write one, without quotes")
_TRUTH = ("is neither true nor false", "write true or false, without quotes")
_TEXT = ("is not a text", "write it in quotes")
_LIST = ("is not a list", "write [ … ]")
_TABLE = ("is not a table", "write { key = value }, or a table of its own")
FORMS: Mapping[str, tuple[str, str]] = {
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": ("is not a time of day", 'write one such as "06:30"'),
    r"^\d\d\.0$": ("is not a version of the API", 'write one such as "66.0"'),
    r"^[a-z0-9-]*$": ("is not a subdomain", 'write "acme" for acme.zendesk.com'),
    r"^[a-z][a-z0-9_]*$": ("is not a name", 'write small letters, digits and _, such as "daily_usage"'),
    r"^[.,]$": ("is not a decimal sign", 'write "." or ","'),
}
"""What the patterns of settings want, for people."""
_MESSAGES: Mapping[str, tuple[str, str]] = {
    "bool_parsing": _TRUTH,
    "bool_type": _TRUTH,
    "dataclass_type": _TABLE,
    "dict_type": _TABLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "int_from_float": ("is not a whole number", "write one"),
    "int_parsing": ("is not a whole number", "write one, without quotes"),
    "int_type": ("is not a whole number", "write one, without quotes"),
    "list_type": _LIST,
    "mapping_type": _TABLE,
    "model_type": _TABLE,
    "string_type": _TEXT,
    "tuple_type": _LIST,
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
    """Give what is wrong and what would be right."""
    given, context = item.get("input"), item.get("ctx", {})
    shown = f" ({given!r})" if isinstance(given, str | int | float | bool) else ""
    match item["type"]:
        case "value_error":
            # Our own validators write "what is wrong; what would be right".
            message, _, remedy = str(context["error"]).partition("; ")
            return message, remedy or "correct it"
        case "string_pattern_mismatch" if context["pattern"] in FORMS:
            message, remedy = FORMS[context["pattern"]]
            return message + shown, remedy
        case "literal_error" | "union_tag_invalid":
            known = context.get("expected", context.get("expected_tags"))
            return f"is not one of the known words{shown}", f"write {known}"
        case "union_tag_not_found":
            return "does not say of which kind it is", f"write {context['discriminator'].strip(chr(39))} = …"
        case kind if kind in _MESSAGES:
            message, remedy = _MESSAGES[kind]
            return message if kind in _UNSHOWN else message + shown, remedy
    message = str(item["msg"])
    return f"{message[:1].lower()}{message[1:]}{shown}", "write a value that is"


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
