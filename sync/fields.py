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
        "auto_score": Output(type="number", meaning="the score without pulse and override, 0 to 100"),
        "band_since": Output(type="instant", meaning="since when the account has this band"),
        "scale10": Output(type="number", meaning="the score out of ten, 1 to 10"),
        "word": Output(type="text", meaning="the word for the band, as in [model.formats]", length=40),
        "letter": Output(type="text", meaning="A, B, …, as in [model.formats]", length=8),
        "stars": Output(type="number", meaning="1 to 5"),
        "percentile": Output(type="number", meaning="0 to 100 within the segment, higher is better"),
        "rank": Output(type="number", meaning="place within the segment, 1 is best"),
        "colour": Output(type="text", meaning="colour by percentile, as in [model.formats]", length=7),
        "delta_7": Output(type="number", meaning="points gained in 7 days"),
        "delta_30": Output(type="number", meaning="points gained in 30 days"),
        "delta_90": Output(type="number", meaning="points gained in 90 days"),
        "priority": Output(type="number", meaning="how much it matters to look at it now, 0 upwards"),
        "profile": Output(type="text", meaning="the profile of the model that counts", length=80),
        "model_version": Output(type="text", meaning="version of the model", length=80),
        "by_hand": Output(type="text", meaning="who overrode the band, until when and why", length=255),
        "remedy": Output(type="text", meaning="what would bring the account to the next band", length=255),
    }
)

OF_SIDE_SCORES = ("score", "band", "confidence", "reasons")
"""Outputs that a score beside health has, as "<name of the score>.<output>"."""

RIDING = frozenset(
    {
        "auto_score",
        "band_since",
        "computed_at",
        "delta_7",
        "delta_30",
        "delta_90",
        "model_version",
        "priority",
        "rank",
        "remedy",
    }
)
"""Outputs that are never a reason to write; they ride along when something else has changed."""

ALSO_MATERIAL = ("by_hand", "colour", "percentile", "profile")
"""Outputs that are a reason to write where a field shows them, besides score, band, trend and reasons."""


def output(name: str) -> Output | None:
    """Describe an output by its name, None where there is none; "expansion.score" is of a score beside health."""
    side, _, plain = name.rpartition(".")
    if side and plain not in OF_SIDE_SCORES:
        return None
    return OUTPUTS.get(plain)


def of_side(name: str) -> str:
    """Name the score beside health that an output belongs to; "" is health itself."""
    return name.rpartition(".")[0]


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
    return canonical(type_of(mapping), value)


def type_of(mapping: FieldMapping) -> OutputType:
    """Give the type of what a field shows; an output that does not exist is a bug and raises KeyError."""
    described = output(mapping.output)
    if described is None:
        raise KeyError(mapping.output)
    return described.type


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
