"""How one vendor's HTTP interface differs from the next: limits, headers, and how long to wait.

Refuses to send anything; `connectors.http` does.
"""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

from connectors._base import Context

ResetUnit: TypeAlias = Literal["delta", "epoch", "instant"]
"""How a vendor writes when its limit resets: seconds from now, unix seconds, or ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything that differs between vendors, and the limits of our patience."""

    headers: Mapping[str, str] = field(default_factory=dict)
    budgets: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """Group of endpoints -> at most so many requests in so many seconds."""
    reset_headers: tuple[tuple[str, ResetUnit], ...] = ()
    """Where the vendor says when a limit resets; read when there is no Retry-After."""
    retry_verdict_header: str = ""
    """A header that says `true` or `false` about repeating, and overrules the status."""
    attempts: int = 5
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 60
    connect_seconds: float = 10
    read_seconds: float = 60
    answer_seconds: float = 180
    """One answer in all: a server that drips a byte a minute never trips the read timeout."""
    answer_bytes: int = 64 * 1024 * 1024
    pages: int = 100_000


class Budget:
    """At most `calls` requests in any `seconds`, kept by waiting before a request."""

    def __init__(self, calls: int, seconds: float, context: Context) -> None:
        self._calls = calls
        self._seconds = seconds
        self._context = context
        self._taken: deque[float] = deque()

    def wait(self) -> None:
        """Wait until one more request is allowed, and count it."""
        now = self._context.monotonic()
        if len(self._taken) == self._calls:
            free_at = self._taken.popleft() + self._seconds
            if free_at > now:
                self._context.sleep(free_at - now)
                now = max(free_at, self._context.monotonic())
        self._taken.append(now)


def server_wait_seconds(headers: Mapping[str, str], policy: Policy, now: datetime) -> float | None:
    """Return how long the server asks us to wait, None if it does not say.

    An instant is compared with the server's own clock where it sends one: ours may be off.
    """
    server_now = _http_date(headers.get("Date", "")) or now
    waits = [_retry_after(headers.get("Retry-After", ""), server_now)]
    waits += [_reset(headers.get(name, ""), unit, server_now) for name, unit in policy.reset_headers]
    known = next((wait for wait in waits if wait is not None), None)
    return None if known is None else max(known, 0.0)


def _retry_after(text: str, now: datetime) -> float | None:
    seconds = _decimal(text)
    if seconds is not None:
        return seconds
    at = _http_date(text)
    return None if at is None else (at - now).total_seconds()


def _reset(text: str, unit: ResetUnit, now: datetime) -> float | None:
    if unit == "instant":
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    seconds = _decimal(text)
    if seconds is None or unit == "delta":
        return seconds
    return seconds - now.timestamp()


def _decimal(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text.strip()) else None


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
