"""Rate limits: so many calls in a minute, and of the export so many less.

Minutes are real ones unless a switch says that the simulated clock counts them. A refused call uses nothing up.
"""

import math
from collections import deque

from sandbox.clock import Clock
from sandbox.zendesk.errors import Refused, too_many
from sandbox.zendesk.switches import Switches


class Limits:
    """The calls of the last minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, deque[float]] = {"all": deque(), "export": deque()}

    def forget(self) -> None:
        """Begin anew."""
        for window in self._windows.values():
            window.clear()

    def admit(self, switches: Switches, *, export: bool) -> None:
        """Count a call; raises Refused when it is one too many."""
        if not switches.limits:
            return
        now = self._seconds(switches)
        limits = {"all": switches.requests_per_minute}
        if export:
            limits["export"] = switches.export_per_minute
        for name, most in limits.items():
            window = self._windows[name]
            while window and not 0 <= now - window[0] < 60:
                window.popleft()
            if len(window) >= most:
                wait = math.ceil(window[0] + 60 - now) if window else 60
                raise Refused(*too_many(), {"retry-after": str(max(1, wait))})
        for name in limits:
            self._windows[name].append(now)

    def _seconds(self, switches: Switches) -> float:
        simulated = switches.simulated_minutes
        return self._clock.now().timestamp() if simulated else self._clock.monotonic()

    def headers(self, switches: Switches, *, export: bool) -> dict[str, str]:
        """Give the headers that tell what is left."""
        if not switches.limits:
            return {}

        def left(name: str, most: int) -> tuple[int, int]:
            window = self._windows[name]
            resets = math.ceil(window[0] + 60 - self._seconds(switches)) if window else 0
            return max(0, most - len(window)), max(0, resets)

        most = switches.requests_per_minute
        remaining, resets = left("all", most)
        headers = {
            "x-rate-limit": str(most),
            "x-rate-limit-remaining": str(remaining),
            "ratelimit-limit": str(most),
            "ratelimit-remaining": str(remaining),
            "ratelimit-reset": str(resets),
        }
        if export:
            remaining, resets = left("export", switches.export_per_minute)
            headers["zendesk-ratelimit-incremental-exports"] = (
                f"total={switches.export_per_minute}; remaining={remaining}; resets={resets}"
            )
        return headers
