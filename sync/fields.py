"""Outputs of a score, and how a CRM field shows each of them.

`canonical` is what makes "nothing changed" mean no write: 77.0 is 77, "" is nothing, a datetime with an
offset is the same instant in UTC, trailing blanks are not text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Literal, TypeAlias

from sync.values import Value

OutputType: TypeAlias = Literal["number", "text", "instant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One thing a score can show in a CRM."""

    type: OutputType
    meaning: str
    length: int = 0
    """Longest text it can be, in characters."""


OUTPUTS: Mapping[str, Output] = MappingProxyType(
    {
        "score": Output(type="number", meaning="health score, 0 to 100"),
        "band": Output(type="text", meaning="red, yellow, green or unknown", length=7),
        "trend": Output(type="text", meaning="up, steady, down or new, over 30 days", length=6),
        "reasons": Output(type="text", meaning="the biggest drags, in a line", length=255),
        "details": Output(type="text", meaning="drags and drivers with numbers, long text", length=4000),
        "confidence": Output(type="number", meaning="0 to 100 percent"),
        "computed_at": Output(type="instant", meaning="when the score last changed"),
    }
)

RIDING = frozenset({"computed_at"})
"""Outputs that are never a reason to write; they ride along when something else has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMapping:
    """How one CRM field shows one output."""

    output: str
    values: Mapping[str, str] = field(default_factory=dict)
    """Our word -> the CRM's (picklist) value; a word that is not listed is written as it is."""
    length: int | None = None
    """Longest text the field holds, in characters; longer text is cut at a word."""


def show(mapping: FieldMapping, value: Value) -> Value:
    """Turn an output into the canonical value of the field that shows it."""
    if value is None:
        return None
    if isinstance(value, str):
        value = mapping.values.get(value, value)
        if mapping.length is not None:
            value = shortened(value, mapping.length)
    return canonical(OUTPUTS[mapping.output].type, value)


def canonical(kind: OutputType, raw: object) -> Value:
    """Bring a value, ours or a CRM's, to the one form in which equal values are equal.

    What cannot be read as the type it should have is kept as text: it differs from anything we would write.
    """
    if raw is None:
        return None
    if kind == "number":
        try:
            number = Decimal(str(raw))
        except InvalidOperation:
            return str(raw) or None
        if not number.is_finite():
            return str(raw)
        return int(number) if number == number.to_integral_value() else float(number)
    text = str(raw).replace("\r\n", "\n").rstrip()
    if not text:
        return None
    if kind == "instant":
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text
        return instant_text(moment)
    return text


def instant_text(moment: datetime) -> str:
    """Write an instant as both CRMs accept and return it: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shortened(text: str, length: int) -> str:
    """Cut text to at most `length` characters, between words, with an ellipsis."""
    if len(text) <= length:
        return text
    head = text[: length - 1]
    cut = max(head.rfind(" "), head.rfind("\n"))
    return (head[:cut] if cut > 0 else head).rstrip() + "…"
