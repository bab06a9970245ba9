"""The record of what clients asked for: counters per system and kind, and the latest requests in detail.

A third party can count write calls here instead of trusting the client that made them.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.wire import Kind

KEPT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request and what became of it."""

    number: int
    at: str
    system: str
    kind: Kind
    method: str
    path: str
    """With its query."""
    status: int | None
    """None: the connection was closed without an answer."""
    changed: int
    """Records created, changed or removed by it."""
    struck_by: Sequence[str] = ()


class RequestLog:
    """Counts for ever, remembers the last few thousand."""

    def __init__(self) -> None:
        self._next = 1
        self._counts: Counter[tuple[str, Kind]] = Counter()
        self._changed: Counter[str] = Counter()
        self._latest: deque[Asked] = deque(maxlen=KEPT)

    def add(
        self,
        *,
        at: str,
        system: str,
        kind: Kind,
        method: str,
        path: str,
        status: int | None,
        changed: int,
        struck_by: Sequence[str],
    ) -> None:
        """Count and remember one request."""
        self._counts[system, kind] += 1
        self._changed[system] += changed
        self._latest.append(
            Asked(
                number=self._next,
                at=at,
                system=system,
                kind=kind,
                method=method,
                path=path,
                status=status,
                changed=changed,
                struck_by=struck_by,
            )
        )
        self._next += 1

    def count(self, system: str, kind: Kind) -> int:
        """Tell how many requests of this kind a system received since the last reset."""
        return self._counts[system, kind]

    def counts(self, systems: Sequence[str]) -> dict[str, dict[str, int]]:
        """Tell requests by kind, and records changed, for each system."""
        return {
            system: {
                "read": self._counts[system, "read"],
                "write": self._counts[system, "write"],
                "login": self._counts[system, "login"],
                "changed": self._changed[system],
            }
            for system in systems
        }

    def latest(self) -> list[dict[str, Any]]:
        """Give the remembered requests, oldest first, as JSON."""
        return [asdict(asked) for asked in self._latest]

    def reset(self) -> None:
        """Forget everything."""
        self._counts.clear()
        self._changed.clear()
        self._latest.clear()
