"""Scripts of misbehaviour: which requests are struck, and what happens to them.

A `Fault` says whom (system, method, path, body), when (skip, every, probability, times) and what (`Action`).
Deciding is here and deterministic for a seed; carrying out is in `sandbox.app` (the wire) and in the
stand-ins (single records). Nothing here sleeps, sends or closes anything.
"""

import random
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias, get_args

ActionName: TypeAlias = Literal[
    "status",  # answer with `status`, `body`, `headers`
    "drop_before",  # close the connection, nothing carried out
    "drop_after",  # carry out, then close the connection without an answer
    "delay",  # wait `seconds`, then go on (with commit: carry out first)
    "expire_session",  # the session used by this request ends now
    "lock_row",  # chosen records are locked by someone else
    "reject_record",  # chosen records are refused with `code` and `message`
    "empty_results",  # success, with nothing in it
    "odd_body",  # 200 with `body`, by default a web page
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which requests a fault concerns; an empty field matches all."""

    method: str = ""
    path: str = ""
    """A regular expression, searched in the percent-encoded path with its query."""
    body: str = ""
    """A substring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What happens to a request that is struck."""

    do: ActionName
    status: int = 503
    body: Any = None
    """Text is sent as text/html, anything else as JSON; None picks the vendor's usual body, if any."""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    commit: bool = False
    """For status, odd_body, empty_results and delay: carry the request out first."""
    ids: Sequence[str] = ()
    """Records by id; empty means all, or `share` of them."""
    share: float = 1.0
    """Share of records, chosen by a hash of the id: the same ones each time."""
    object: str = ""
    """Only records of this type."""
    code: str = ""
    message: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One line of a fault script."""

    action: Action
    system: str = ""
    match: Match = field(default_factory=Match)
    times: int | None = 1
    """How often it strikes; None means for ever."""
    skip: int = 0
    """How many matching requests pass first."""
    every: int = 1
    """Strike every n-th matching request after those."""
    probability: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Single records that a request must not change."""

    action: Action

    def covers(self, object_name: str, record_ids: Sequence[str]) -> bool:
        """Say whether a record of this type, known by any of these ids, is refused."""
        action = self.action
        if action.object and action.object != object_name:
            return False
        if action.ids:
            return any(record_id in action.ids for record_id in record_ids)
        return bool(record_ids) and hashed_share(record_ids[0]) < action.share


def hashed_share(record_id: str) -> float:
    """Spread ids evenly and always alike over [0, 1)."""
    return zlib.crc32(record_id.encode()) / 2**32


class _Armed:
    """A fault and how often it was met and struck so far."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.path = re.compile(fault.match.path)
        self.met = 0
        self.struck = 0

    def concerns(self, system: str, method: str, target: str, body: bytes) -> bool:
        match = self.fault.match
        return (
            self.fault.system in ("", system)
            and match.method.upper() in ("", method)
            and self.path.search(target) is not None
            and match.body.encode() in body
        )

    def strikes(self, rng: random.Random) -> bool:
        fault = self.fault
        if fault.times is not None and self.struck >= fault.times:
            return False
        self.met += 1
        nth = self.met - fault.skip
        if nth <= 0 or (nth - 1) % fault.every != 0:
            return False
        if fault.probability < 1.0 and rng.random() >= fault.probability:
            return False
        self.struck += 1
        return True


class FaultScript:
    """The faults in force, and their counters."""

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._rng = random.Random(seed)
        self._armed: list[_Armed] = []

    def add(self, *faults: Fault) -> None:
        """Put faults in force, after those already there."""
        self._armed.extend(_Armed(fault) for fault in faults)

    def clear(self) -> None:
        """Take all faults away and start chance anew."""
        self._armed.clear()
        self._rng.seed(self._seed)

    def strike(self, system: str, method: str, target: str, body: bytes) -> list[Action]:
        """Count this request against the script and give what happens to it."""
        return [
            armed.fault.action
            for armed in self._armed
            if armed.concerns(system, method, target, body) and armed.strikes(self._rng)
        ]

    def listed(self) -> list[dict[str, Any]]:
        """Give the script with its counters, as JSON."""
        return [{**asdict(armed.fault), "met": armed.met, "struck": armed.struck} for armed in self._armed]


def read_fault(spec: Mapping[str, Any]) -> Fault:
    """Read one fault from JSON; raises ValueError naming what is wrong."""
    spec = dict(spec)
    action = spec.pop("action", None)
    if isinstance(action, str):
        action = {"do": action}
    if not isinstance(action, Mapping) or action.get("do") not in get_args(ActionName):
        raise ValueError(f"action.do must be one of {', '.join(get_args(ActionName))}")
    match = spec.pop("match", {})
    for values, kind in ((action, Action), (match, Match), (spec, Fault)):
        unknown = set(values) - {known.name for known in fields(kind)}
        if unknown:
            raise ValueError(f"{kind.__name__} knows no {', '.join(sorted(unknown))}")
    for name, least in (("times", 0), ("skip", 0), ("every", 1)):
        number = spec.get(name, least)
        if not (isinstance(number, int) and number >= least) and not (name == "times" and number is None):
            raise ValueError(f"{name} must be a whole number of at least {least}")
    try:
        re.compile(match.get("path", ""))
    except re.error as exc:
        raise ValueError(f"match.path is not a regular expression: {exc}") from exc
    return Fault(action=Action(**action), match=Match(**match), **spec)
