"""Single property values: what is accepted, and how it is stored. Every stored value is a string."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from sandbox.hubspot.errors import Problem
from sandbox.hubspot.schema import Property
from sandbox.hubspot.switches import Switches

TEXT_LIMIT = 65_536
NUMBER = re.compile(r"-?\d+(\.\d+)?")
EPOCH = re.compile(r"-?\d+")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})")
MIDNIGHT_MS = 86_400_000


class InvalidValueError(Exception):
    """A value cannot be taken."""

    def __init__(self, known: Property, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(name=known.name, code=code, message=message)


def accepted(known: Property, value: Any, switches: Switches) -> str | None:
    """Give the stored form of a value, None where it clears the property; raises InvalidValueError."""
    if isinstance(value, bool) and switches.scalars_accepted:
        value = str(value).lower()
    elif isinstance(value, int | float) and not isinstance(value, bool) and switches.scalars_accepted:
        value = str(value)
    if not isinstance(value, str):
        raise InvalidValueError(known, "INVALID_TYPE", f"{known.name} was not a string")
    if value == "":
        return None
    return _READERS[known.type](known, value, switches)


def stamp(moment: datetime) -> str:
    """Write an instant as record stamps are written."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def property_stamp(moment: datetime) -> str:
    """Write an instant as a property value: no fraction where it is zero."""
    text = stamp(moment)
    return text.replace(".000Z", "Z")


def milliseconds(known_type: str, stored: str) -> float:
    """Give a stored date or datetime as milliseconds, so that filters can compare it."""
    text = stored if known_type == "datetime" else f"{stored}T00:00:00Z"
    return datetime.fromisoformat(text).timestamp() * 1000


def _text(known: Property, value: str, _switches: Switches) -> str:
    if len(value) > TEXT_LIMIT:
        message = f"{known.name} is too long: {len(value)} of at most {TEXT_LIMIT} characters"
        raise InvalidValueError(known, "PROPERTY_VALUE_TOO_LONG", message)
    return value


def _number(known: Property, value: str, switches: Switches) -> str:
    if NUMBER.fullmatch(value) is None:
        raise InvalidValueError(known, "INVALID_INTEGER", f"{value} was not a valid number")
    if switches.numbers_normalised and "." in value:
        return value.rstrip("0").rstrip(".")
    return value


def _option(known: Property, value: str, _switches: Switches) -> str:
    if known.name == "hubspot_owner_id":
        return value
    allowed = [each.value for each in known.options]
    chosen = value.split(";") if known.field_type == "checkbox" else [value]
    for each in chosen:
        if each and each not in allowed:
            message = f"{each} was not one of the allowed options: [{', '.join(allowed)}]"
            raise InvalidValueError(known, "INVALID_OPTION", message)
    return value


def _bool(known: Property, value: str, _switches: Switches) -> str:
    if value not in ("true", "false"):
        message = f"{value} was not one of the allowed options: [true, false]"
        raise InvalidValueError(known, "INVALID_OPTION", message)
    return value


def _date(known: Property, value: str, _switches: Switches) -> str:
    try:
        if EPOCH.fullmatch(value):
            if int(value) % MIDNIGHT_MS:
                raise InvalidValueError(known, "INVALID_DATE", f"{value} is not midnight UTC")
            return datetime.fromtimestamp(int(value) / 1000, UTC).date().isoformat()
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            return date.fromisoformat(value).isoformat()
    except (ValueError, OverflowError, OSError):
        pass
    raise InvalidValueError(known, "INVALID_DATE", f"{value} was not a valid date")


def _datetime(known: Property, value: str, _switches: Switches) -> str:
    try:
        if EPOCH.fullmatch(value):
            return property_stamp(datetime.fromtimestamp(int(value) / 1000, UTC))
        if INSTANT.fullmatch(value):
            return property_stamp(datetime.fromisoformat(value).astimezone(UTC))
    except (ValueError, OverflowError, OSError):
        pass
    raise InvalidValueError(known, "INVALID_DATE", f"{value} was not a valid datetime")


_READERS: Mapping[str, Callable[[Property, str, Switches], str]] = {
    "string": _text,
    "phone_number": _text,
    "number": _number,
    "enumeration": _option,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
}
