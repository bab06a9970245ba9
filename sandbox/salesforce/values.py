"""Single values: what a field accepts over REST, how it is stored, how it is shown.

Stored values are Python's own: str, float, bool, date, aware datetime. Refuses what the field's type, length,
range or picklist does not allow; knows nothing of other fields or records.
"""

import math
import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.salesforce.errors import Refused
from sandbox.salesforce.ids import canonical
from sandbox.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field
from sandbox.salesforce.switches import Switches

DATETIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}(?::\d{2})?)(?:\.(\d+))?(Z|[+-]\d{2}:?\d{2})", re.IGNORECASE
)


class WrongJsonTypeError(Exception):
    """A value has a JSON type or form that its field cannot be read from."""

    def __init__(self, field: Field, value: Any) -> None:
        super().__init__(field.name)
        kind = {
            str: "VALUE_STRING",
            bool: "VALUE_BOOLEAN",
            int: "VALUE_NUMBER_INT",
            float: "VALUE_NUMBER_FLOAT",
        }
        self.parser_error = Refused(
            "JSON_PARSER_ERROR",
            f"Cannot deserialize instance of {field.type} from {kind.get(type(value), 'START_OBJECT')} value "
            f"{value} or request may be missing a required field at [line:1, column:1]",
        )
        self.record_error = Refused(
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            f"{field.label}: value not of required type: {value}",
            fields=[field.name],
        )


def accepted(field: Field, value: Any, switches: Switches) -> Any:
    """Turn a JSON value into the stored one; raises Refused or WrongJsonTypeError."""
    if value is None or value == "":
        if field.type == "boolean":
            raise WrongJsonTypeError(field, value)
        return None
    if field.type in TEXT_TYPES:
        return _text(field, value, switches)
    if field.type in NUMBER_TYPES:
        return _number(field, value, switches)
    if field.type == "date":
        return _date(field, value)
    if field.type == "datetime":
        return _datetime(field, value, switches)
    if field.type == "boolean":
        if not isinstance(value, bool):
            raise WrongJsonTypeError(field, value)
        return value
    if not isinstance(value, str):
        raise WrongJsonTypeError(field, value)
    record_id = canonical(value)
    if record_id is None:
        raise Refused(
            "MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", fields=[field.name]
        )
    return record_id


def _text(field: Field, value: Any, switches: Switches) -> str | None:
    if not isinstance(value, str):
        raise WrongJsonTypeError(field, value)
    if switches.text_trimmed:
        value = value.strip()
    if field.length and len(value) > field.length:
        raise Refused(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {value} (max length={field.length})",
            fields=[field.name],
        )
    if field.type == "picklist" and field.restricted and value not in field.values:
        raise Refused(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.label}: bad value for restricted picklist field: {value}",
            fields=[field.name],
        )
    return value or None


def _number(field: Field, value: Any, switches: Switches) -> float:
    if isinstance(value, str) and switches.numeric_text_accepted:
        try:
            value = float(value)
        except ValueError:
            raise WrongJsonTypeError(field, value) from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongJsonTypeError(field, value)
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP)
    if field.precision and abs(rounded) >= Decimal(10) ** (field.precision - field.scale):
        raise Refused(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {value}",
            fields=[field.name],
        )
    return float(rounded)


def _date(field: Field, value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise WrongJsonTypeError(field, value)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise WrongJsonTypeError(field, value) from None


def _datetime(field: Field, value: Any, switches: Switches) -> datetime:
    match = DATETIME.fullmatch(value) if isinstance(value, str) else None
    if match is None or (len(match[3] or "") > 3 and not switches.microseconds_accepted):
        raise WrongJsonTypeError(field, value)
    try:
        return read_datetime(match)
    except ValueError:
        raise WrongJsonTypeError(field, value) from None


def read_datetime(match: re.Match[str]) -> datetime:
    """Read what DATETIME matched; fractions of a second are dropped, as in the original."""
    day, clock, _fraction, offset = match.groups()
    return datetime.fromisoformat(f"{day}T{clock}{offset.upper().replace('Z', '+00:00')}").astimezone(UTC)


def seeded(field: Field, value: Any) -> Any:
    """Turn a seed's JSON value into the stored one, without limits; raises ValueError if unreadable."""
    if value is None or field.type in TEXT_TYPES or field.type == "boolean":
        return value
    if field.type in NUMBER_TYPES:
        return float(value)
    if field.type == "date":
        return value if isinstance(value, date) else date.fromisoformat(value[:10])
    if field.type == "datetime":
        read = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    record_id = canonical(value)
    if record_id is None:
        raise ValueError(f"{field.name}: {value!r} is not an id")
    return record_id


def shown(field: Field, value: Any, switches: Switches) -> Any:
    """Turn a stored value into what JSON answers hold."""
    if value is None:
        return False if field.type == "boolean" else None
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S}.000+0000"
    if isinstance(value, date):
        return value.isoformat()
    if field.type == "int" or (
        field.type in NUMBER_TYPES and field.scale == 0 and not switches.number_as_float
    ):
        return int(value)
    return value
