"""What the stand-ins share: clock, faults, request log, snapshots; and the shape each of them has.

Knows no vendor and no HTTP server. All changes happen under `Core.lock`: the server holds it while a stand-in
answers, code in the same interpreter holds it while it looks or changes something directly.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sandbox.clock import Clock
from sandbox.faults import Action, FaultScript
from sandbox.request_log import RequestLog
from sandbox.wire import Answer, Kind, Request

Row = Mapping[str, Any]
"""A record. Never changed in place, always replaced: a snapshot is then a shallow copy."""


class ControlError(ValueError):
    """Somebody asked the control API, or a stand-in directly, for something that makes no sense."""


class System(Protocol):
    """One stand-in."""

    name: str

    @property
    def changes(self) -> int:
        """Tell how many records were created, changed or removed through its API, ever."""

    def kind(self, request: Request) -> Kind:
        """Say whether this request reads, writes or logs in."""

    def answer(self, request: Request) -> Answer:
        """Carry out a request."""

    def failure(self, action: Action) -> Answer:
        """Give the vendor's usual answer for a scripted status."""

    def empty(self, request: Request) -> Answer:
        """Give the successful answer to this request with nothing in it."""

    def expire_session(self, request: Request) -> None:
        """End the session this request came with."""

    def seed(self, object_name: str, records: Sequence[Row]) -> list[str]:
        """Put records in, past the API and its limits; give their ids. Known ids are changed."""

    def truth(self, object_name: str) -> dict[str, Any]:
        """Give everything there is of one type, deleted records and history included, as JSON."""

    def steer(self, what: str, wanted: Mapping[str, Any]) -> Any:
        """Do what only this system's control API can, such as `fields` (define one); give JSON or None.

        Raises ControlError when there is no such thing.
        """

    def switch(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change switches, and give all of them."""

    def snapshot(self) -> object:
        """Give all business state as a value that later changes do not touch."""

    def restore(self, kept: object) -> None:
        """Go back to a snapshot."""


class Life(Protocol):
    """What moves the records of all systems on as time goes by."""

    def advance(self, to: datetime) -> None:
        """Let everything happen that happens until an instant, and set the clock to it."""

    def summary(self) -> dict[str, Any]:
        """Tell as JSON where it stands, and what clients of the systems are not told."""

    def snapshot(self) -> object:
        """Give what it has to remember besides the records in the systems."""

    def restore(self, kept: object) -> None:
        """Go back to a snapshot, after the systems have."""


class Core:
    """Everything the stand-ins of one process share."""

    def __init__(
        self,
        *,
        now: datetime | None = None,
        frozen_clock: bool = False,
        seed: int = 0,
        kept_snapshots: int = 50,
    ) -> None:
        self.clock = Clock(now=now, frozen=frozen_clock)
        self.faults = FaultScript(seed=seed)
        self.log = RequestLog()
        self.seed = seed
        self.systems: dict[str, System] = {}
        self.world: Life | None = None
        self.lock = threading.RLock()
        self._kept: dict[str, tuple[datetime, Mapping[str, object], object]] = {}
        self._kept_limit = kept_snapshots
        self._kept_count = 0

    def add(self, factories: Mapping[str, Callable[["Core"], System]]) -> None:
        """Build stand-ins on this core."""
        for name, factory in factories.items():
            self.systems[name] = factory(self)

    def system(self, name: str) -> System:
        """Find a stand-in by name; raises ControlError."""
        try:
            return self.systems[name]
        except KeyError:
            raise ControlError(f"no system {name!r}; there are {', '.join(self.systems)}") from None

    def snapshot(self) -> str:
        """Remember the state of all systems and the clock; only the latest few dozen are kept."""
        with self.lock:
            self._kept_count += 1
            name = f"snapshot-{self._kept_count}"
            states = {system.name: system.snapshot() for system in self.systems.values()}
            life = self.world.snapshot() if self.world else None
            self._kept[name] = (self.clock.now(), states, life)
            while len(self._kept) > self._kept_limit:
                del self._kept[next(iter(self._kept))]
            return name

    def restore(self, name: str) -> None:
        """Go back to a snapshot: records, ids, usage, clock; not sessions, faults, switches or the log."""
        with self.lock:
            if name not in self._kept:
                raise ControlError(f"no snapshot {name!r}")
            now, states, life = self._kept[name]
            self.clock.set(now)
            for system_name, state in states.items():
                self.systems[system_name].restore(state)
            if self.world and life is not None:
                self.world.restore(life)


SwitchesT = TypeVar("SwitchesT")


def switched(switches: SwitchesT, changes: Mapping[str, Any]) -> SwitchesT:
    """Replace switches by name, holding each to the type of its present value; raises ControlError."""
    known = {known.name: getattr(switches, known.name) for known in fields(switches)}  # type: ignore[arg-type]
    wanted = {}
    for name, value in changes.items():
        if name not in known:
            raise ControlError(f"no switch {name!r}; there are {', '.join(known)}")
        present = known[name]
        if isinstance(present, tuple) and isinstance(value, list):
            value = tuple(value)
        if isinstance(present, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(present):
            raise ControlError(f"switch {name!r} is a {type(present).__name__}, not {value!r}")
        wanted[name] = value
    return replace(switches, **wanted)  # type: ignore[type-var]
