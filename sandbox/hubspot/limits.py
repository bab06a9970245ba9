"""Rate limits: so many calls in ten seconds, so many a day, and searches with a limit of their own.

Bursts and searches count real seconds, the day is the clock's. A refused call uses nothing up.
"""

import math
import uuid
from collections import deque
from zoneinfo import ZoneInfo

from sandbox.clock import Clock
from sandbox.hubspot.switches import Switches
from sandbox.wire import Answer


class Limits:
    """The calls made lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._burst: deque[float] = deque()
        self._searches: deque[float] = deque()
        self._today = ""
        self.used_today = 0

    def admit(self, switches: Switches, *, search: bool) -> Answer | None:
        """Count a call; gives the 429 when it is one too many."""
        if not switches.limits:
            return None
        now = self._clock.monotonic()
        today = self._clock.now().astimezone(ZoneInfo(switches.time_zone)).date().isoformat()
        if today != self._today:
            self._today, self.used_today = today, 0
        if self.used_today >= switches.daily_limit:
            return too_many("DAILY")
        window, seconds, most, policy = (
            (self._searches, 1.0, switches.search_per_second, "SECONDLY")
            if search
            else (self._burst, switches.burst_seconds, switches.burst_limit, "TEN_SECONDLY_ROLLING")
        )
        while window and window[0] <= now - seconds:
            window.popleft()
        if len(window) >= most:
            wait = window[0] + seconds - now if window else seconds
            answer = too_many(policy, math.ceil(wait) if switches.retry_after else 0)
            headers = {**answer.headers, **({} if search else self.headers(switches))}
            return Answer(status=answer.status, body=answer.body, headers=headers)
        window.append(now)
        self.used_today += 1
        return None

    def restart(self, used_today: int) -> None:
        """Forget the calls of the last seconds, and pretend this many were made today."""
        self._burst.clear()
        self._searches.clear()
        self.used_today = used_today

    def headers(self, switches: Switches) -> dict[str, str]:
        """Give the headers that tell what is left; searches carry none."""
        if not switches.limits:
            return {}
        burst = {
            "X-HubSpot-RateLimit-Max": str(switches.burst_limit),
            "X-HubSpot-RateLimit-Remaining": str(max(0, switches.burst_limit - len(self._burst))),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(switches.burst_seconds * 1000)),
        }
        if not switches.daily_headers:
            return burst
        return {
            **burst,
            "X-HubSpot-RateLimit-Daily": str(switches.daily_limit),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, switches.daily_limit - self.used_today)),
        }


def too_many(policy: str, retry_after_seconds: int = 0) -> Answer:
    """Give the 429 of a policy; Retry-After only when there are seconds to name."""
    body = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid.uuid4()),
        "policyName": policy,
    }
    headers = {"Retry-After": str(retry_after_seconds)} if retry_after_seconds else {}
    return Answer(status=429, body=body, headers=headers)
