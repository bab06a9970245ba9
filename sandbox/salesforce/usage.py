"""Calls of a rolling 24 hours, counted by the minute of the simulated clock."""

from collections.abc import Mapping

from sandbox.clock import Clock

WINDOW_SECONDS = 86_400


class Usage:
    """How many calls an org has answered lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_minute: dict[int, int] = {}

    def add(self) -> None:
        """Count one call."""
        minute = self._minute()
        self._by_minute[minute] = self._by_minute.get(minute, 0) + 1

    def total(self) -> int:
        """Tell the calls of the last 24 hours."""
        oldest = self._minute() - WINDOW_SECONDS // 60
        self._by_minute = {minute: calls for minute, calls in self._by_minute.items() if minute > oldest}
        return sum(self._by_minute.values())

    def set(self, calls: int) -> None:
        """Pretend that this many calls were made just now, and none before."""
        self._by_minute = {self._minute(): calls}

    def kept(self) -> Mapping[int, int]:
        """Give the counts as a value that later calls do not touch."""
        return dict(self._by_minute)

    def restore(self, kept: Mapping[int, int]) -> None:
        """Go back to what was kept."""
        self._by_minute = dict(kept)

    def _minute(self) -> int:
        return int(self._clock.now().timestamp()) // 60
