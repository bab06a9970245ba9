"""What connectors are given in tests: a time that only moves when somebody waits, and no chance."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors import Connector, Context, Page, Since
from scoring.model import Fact, SourceAccount

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class FakeTime:
    """A monotonic clock and a wall clock that advance by sleeping."""

    start: datetime = NOW
    seconds: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Advance at once."""
        self.slept.append(seconds)
        self.seconds += seconds

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return self.seconds

    def wall_clock(self) -> datetime:
        """Return the real time of this fake."""
        return self.start + timedelta(seconds=self.seconds - 1_000.0)


def a_context(
    folder: Path = Path(),
    *,
    source: str = "support",
    timezone: str = "Europe/Berlin",
    time: FakeTime | None = None,
    jitter: float = 0.0,
    stopping: bool = False,
) -> Context:
    """Make a context whose waits take no time."""
    time = time or FakeTime()
    return Context(
        source=source,
        timezone=ZoneInfo(timezone),
        folder=folder,
        sleep=time.sleep,
        jitter=lambda: jitter,
        stopping=lambda: stopping,
        monotonic=time.monotonic,
        wall_clock=time.wall_clock,
    )


def pulled(connector: Connector, stream: str, cursor: str | None = None, now: datetime = NOW) -> list[Page]:
    """Pull all pages of a stream."""
    return list(connector.pull(stream, Since(cursor=cursor, now=now)))


def facts_of(pages: list[Page]) -> list[Fact]:
    """List the facts of pages."""
    return [fact for page in pages for fact in page.facts]


def accounts_of(pages: list[Page]) -> list[SourceAccount]:
    """List the accounts of pages."""
    return [account for page in pages for account in page.accounts]
