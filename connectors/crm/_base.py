"""What every CRM session has in common: the values it reads, and how one request is retried."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_base

from connectors._base import CheckResult
from scoring.errors import PayloadError, TransientError, UnansweredError
from scoring.model import JsonValue

Answer = TypeVar("Answer")

ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 30.0
"""A system that asks for more than this is left alone until the next run, rather than held on to."""

SURPRISES = (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError)
"""What the vendors' clients and parsing raise on an answer of a shape nobody foresaw."""

FieldKind: TypeAlias = Literal["number", "text", "instant", "date", "bool", "choice", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRecord:
    """One account as a CRM holds it."""

    crm_id: str
    fields: Mapping[str, JsonValue]
    """The mapped fields, by our name."""
    shown: Mapping[str, JsonValue]
    """What the fields that we write hold at the moment, by the CRM's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmField:
    """One field of a CRM object, as far as a mapping depends on it."""

    name: str
    kind: FieldKind
    writable: bool
    length: int | None = None
    """Longest text, in characters."""
    choices: tuple[str, ...] = ()
    """Values a restricted picklist allows; empty where any text is allowed."""


class CrmSession(Protocol):
    """A logged-in connection to one CRM. Thread-safe."""

    def check(self) -> Sequence[CheckResult]:
        """Prove credentials and permissions without side effects."""

    def read_book(self, *, read: Mapping[str, str], written: Sequence[str]) -> Iterator[Sequence[BookRecord]]:
        """Yield all accounts in pages: `read` maps our names to CRM fields, `written` names fields we write.

        A reading that raises is incomplete, and nothing may be concluded from what it did not yield.
        """

    def try_book(
        self, *, read: Mapping[str, str], written: Sequence[str], fields: Mapping[str, CrmField]
    ) -> Sequence[CheckResult]:
        """Try to read one account as `read_book` would, and list what is refused.

        The subjects are keys of the CRM's table (`where`, `read.owner_active`); `fields` is what `describe`
        says of the object. Nothing is wrong where the list is empty.
        """

    def describe(self, object_name: str) -> Mapping[str, CrmField]:
        """Give the fields of an object that these credentials can see, by name."""

    def close(self) -> None:
        """Give back connections."""


@contextmanager
def known_shape(system: str, path: str) -> Iterator[None]:
    """Turn what parsing raises on an odd answer into PayloadError."""
    try:
        yield
    except SURPRISES as exc:
        raise PayloadError(system, path, f"an unexpected shape ({type(exc).__name__})") from exc


def an_object(value: object) -> Mapping[str, Any]:
    """Give a JSON object as such; raise TypeError where it is none."""
    if not isinstance(value, Mapping):
        raise TypeError(type(value).__name__)
    return value


def an_id(value: object) -> str:
    """Give a record id as text; raise ValueError where it is neither text nor a whole number."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ValueError(type(value).__name__)
    return str(value)


def a_scalar(value: object) -> JsonValue:
    """Give a field value, None where it is a list or an object."""
    return value if isinstance(value, str | int | float | bool) else None


class _Wait(wait_base):
    """The wait the system asked for; else half a second, doubling, plus up to as much again by chance."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter

    def __call__(self, retry_state: object) -> float:
        number = getattr(retry_state, "attempt_number", 1)
        outcome = getattr(retry_state, "outcome", None)
        error = outcome.exception() if outcome is not None else None
        if isinstance(error, TransientError) and error.retry_after_seconds is not None:
            return error.retry_after_seconds
        base: float = 0.25 * 2**number
        return min(base * (1 + self._jitter()), LONGEST_WAIT_SECONDS)


def repeat(
    call: Callable[[], Answer],
    *,
    idempotent: bool,
    sleep: Callable[[float], None],
    jitter: Callable[[], float],
) -> Answer:
    """Make one request, and repeat it while that is safe and may help.

    A request that is not idempotent is repeated only where the system surely did not carry it out
    (TransientError that is not an UnansweredError).
    """

    def worth_repeating(error: BaseException) -> bool:
        if not isinstance(error, TransientError):
            return False
        if (error.retry_after_seconds or 0) > LONGEST_WAIT_SECONDS:
            return False
        return idempotent or not isinstance(error, UnansweredError)

    retrying = Retrying(
        retry=retry_if_exception(worth_repeating),
        stop=stop_after_attempt(ATTEMPTS),
        wait=_Wait(jitter),
        sleep=sleep,
        reraise=True,
    )
    return retrying(call)
