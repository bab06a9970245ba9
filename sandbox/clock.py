"""The simulated clock all stand-ins share; the only place in the sandbox that reads real time.

Business timestamps (created, modified, session expiry, 24-hour windows) come from `Clock.now`. It runs on
with real time unless frozen, and can be set and advanced. What concerns the wire rather than the business
(requests per second, indexing delays) counts real seconds: `Clock.monotonic`.
"""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """An instant that can be set, advanced and frozen."""

    def __init__(self, *, now: datetime | None = None, frozen: bool = False) -> None:
        self.frozen = frozen
        self._base = now or datetime.now(UTC)
        self._since = time.monotonic()

    def now(self) -> datetime:
        """Tell the simulated instant, aware UTC."""
        if self.frozen:
            return self._base
        return self._base + timedelta(seconds=time.monotonic() - self._since)

    def monotonic(self) -> float:
        """Tell real seconds from an arbitrary start."""
        return time.monotonic()

    def set(self, now: datetime, *, frozen: bool | None = None) -> None:
        """Jump to an instant; keeps running or standing still unless told otherwise."""
        self._base = now.astimezone(UTC)
        self._since = time.monotonic()
        if frozen is not None:
            self.frozen = frozen

    def advance(self, seconds: float) -> None:
        """Jump forward (or back) by this many seconds."""
        self.set(self.now() + timedelta(seconds=seconds))


def instant(text: str) -> datetime:
    """Read ISO 8601; without an offset it is UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
