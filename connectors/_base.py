"""What a connector is, and the values it exchanges with the rest of the program.

A connector reads pages of facts from one system, oldest first, and gives back where it stands after each.
It does not retry, sleep, log progress, keep state or decide anything: one engine (`connectors.http`) retries
a request, and the caller stores a page's facts and its cursor in one transaction.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from connectors._text import storable, storable_account, storable_fact
from scoring.model import Fact, SourceAccount

SETTINGS = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)
"""How every Settings model is configured: unknown keys and guessed types are errors, docstrings describe."""

Mode: TypeAlias = Literal["cursor", "snapshot", "window"]
"""How a stream is kept up to date.

cursor:   the source resumes where we stopped; each page counts at once.
snapshot: every record is listed anew; what is missing from a complete listing is gone.
window:   the trailing days are computed anew; what is missing from the window is withdrawn.
Pages of a snapshot or window count only when the last one has arrived.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One thing a connector can read: a topic, and how it is kept up to date."""

    name: str
    topic: str
    """The topic of its facts; empty for a stream that only describes accounts."""
    mode: Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """Where to start: the last stored cursor, and the moment of this pull."""

    cursor: str | None
    """What the last stored page gave back; None at the first pull."""
    now: datetime
    """Moment of this pull, aware UTC."""
    lookback: timedelta = timedelta(days=400)
    """How far a first pull of a cursor stream, and every window, reaches back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: facts, accounts of the source, and where the stream stands after it.

    `last` is True on the page that completes the pull, and only there. `unchanged` says the source told
    us that nothing has changed since `cursor` (a file with the same content): the last snapshot holds.
    `window_start` goes with mode "window": facts observed at or after it and not delivered are withdrawn.
    `cursor` of a snapshot or window page is kept only once the pull is complete.

    Every text of a page is storable: NUL characters and lone surrogates end here.
    """

    facts: Sequence[Fact] = ()
    accounts: Sequence[SourceAccount] = ()
    cursor: str | None = None
    last: bool = False
    unchanged: bool = False
    window_start: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", tuple(map(storable_fact, self.facts)))
        object.__setattr__(self, "accounts", tuple(map(storable_account, self.accounts)))
        if self.cursor is not None:
            object.__setattr__(self, "cursor", storable(self.cursor))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a check without side effects found out: one line for people, ok or not."""

    subject: str
    ok: bool
    detail: str


def _wall_clock() -> datetime:
    return datetime.now(UTC)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every connector is given besides its own Settings."""

    source: str
    """The name of the source in the configuration; stands in errors and log events."""
    timezone: ZoneInfo
    """The business time zone: days end in it, and naive times are read in it."""
    folder: Path
    """Relative paths in Settings start here (the folder of the configuration file)."""
    sleep: Callable[[float], None]
    """Wait this many seconds; returns early when the daemon is asked to stop."""
    jitter: Callable[[], float]
    """A number in [0, 1) that spreads retries."""
    stopping: Callable[[], bool] = _never
    """Whether the daemon was asked to stop; a wait that it cut short is not followed by another request."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that only grow; request budgets count in them."""
    wall_clock: Callable[[], datetime] = _wall_clock
    """The real time, aware UTC, also where `Since.now` is simulated: compared with what machines stamp
    (file times, HTTP dates), never with facts."""


class Connector(Protocol):
    """One configured source. Built with its Settings and an HTTP client or engine; used by one thread."""

    def streams(self) -> Sequence[Stream]:
        """List what this source delivers, in the order in which it should be pulled."""

    def check(self) -> Sequence[CheckResult]:
        """Prove credentials and permissions without side effects.

        Raises CredentialsError, TransientError or PayloadError where the system cannot be used at all.
        """

    def pull(self, stream: str, since: Since) -> Iterator[Page]:
        """Yield the pages of one stream, oldest first; the final one has `last=True`.

        A pull that raises, or that ends without a last page, is incomplete and replaces nothing.
        """

    def close(self) -> None:
        """Give back connections."""


class ConnectorType(Protocol):
    """The class a connector module exports as CONNECTOR."""

    @property
    def Settings(self) -> type[BaseModel]:
        """What the admin may write in `[sources.<name>]`, besides `type`."""

    def __call__(self, *, settings: Any, context: Context) -> Connector:
        """Build the connector; opens no connection yet."""
