"""Facts as plain lists, and the moment each topic is seen at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from tests.scoring.reference.values import DAY, Fields, local_day

RecordValue: TypeAlias = str | float | datetime | None
Record: TypeAlias = Mapping[str, RecordValue]
"""account_id, source_id, observed_at and the fields of a topic."""
Days: TypeAlias = Mapping[date, float]
LARGEST = 1e15
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One dated number of one account."""

    account: str
    topic: str
    metric: str
    observed_at: datetime
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """How a topic is doing."""

    complete_at: datetime | None
    down: bool = False
    newest_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything signals are made of."""

    numbers: Sequence[Number]
    records: Mapping[str, Sequence[Record]]
    matched: Mapping[str, frozenset[str]]
    streams: Mapping[str, Stream]
    book: Mapping[str, Fields]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a topic is seen, and the last day that counts."""

    as_of: datetime
    at: datetime
    today: date
    last_day: date
    down: bool
    zone: ZoneInfo

    @property
    def silent(self) -> bool:
        """Say that nothing new comes for anybody."""
        return self.down or (self.today - self.last_day).days > 3

    @property
    def down_days(self) -> float:
        """Give the days since the last complete read while the source is down."""
        return (self.as_of - self.at) / DAY if self.down else 0.0

    @property
    def age_days(self) -> float:
        """Give the age of what is true at the moment itself."""
        return (self.as_of - self.at) / DAY

    def age_of_day(self, day: date) -> float:
        """Give the days since a day ended."""
        return (self.as_of - end_of(day, self.zone)) / DAY


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Give the instant a business day ends."""
    return datetime.combine(day + DAY, time.min, zone).astimezone(UTC)


def moment(world: World, topic: str, as_of: datetime, zone: ZoneInfo) -> Moment | None:
    """Give the moment of a topic; None where it was never read completely. KeyError: nobody delivers it."""
    if topic == "account" and topic not in world.streams:
        stream = Stream(complete_at=as_of)
    else:
        stream = world.streams[topic]
    if stream.complete_at is None:
        return None
    at = min(as_of, stream.complete_at)
    today = local_day(at, zone)
    last_day = today - DAY
    if stream.newest_at is not None:
        last_day = min(last_day, local_day(stream.newest_at - _TICK, zone))
    return Moment(as_of=as_of, at=at, today=today, last_day=last_day, down=stream.down, zone=zone)


@dataclass(slots=True)
class Shelf:
    """Numbers by account and metric, summed by day; built once per world."""

    days: dict[tuple[str, str], dict[date, float]] = field(default_factory=dict)
    first_seen: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """By account and topic: the earliest instant anything of it is dated, damaged or not."""

    @classmethod
    def of(cls, world: World, zone: ZoneInfo) -> "Shelf":
        """Sort the numbers and records of a world."""
        shelf, parts = cls(), dict[tuple[str, str], dict[date, int]]()
        for number in world.numbers:
            shelf._seen(number.account, number.topic, number.observed_at)
            value = number.value
            if value is None or not abs(value) <= LARGEST:
                continue
            name = (number.account, f"{number.topic}.{number.metric}")
            days, day = parts.setdefault(name, {}), local_day(number.observed_at - _TICK, zone)
            days[day] = days.get(day, 0) + round(value * 1_000_000)
        shelf.days = {
            name: {day: millionths / 1_000_000 for day, millionths in days.items()}
            for name, days in parts.items()
        }
        for topic, records in world.records.items():
            for record in records:
                observed_at = record["observed_at"]
                assert isinstance(observed_at, datetime)
                shelf._seen(str(record["account_id"]), topic, observed_at)
        return shelf

    def _seen(self, account: str, topic: str, at: datetime) -> None:
        former = self.first_seen.get((account, topic))
        self.first_seen[account, topic] = at if former is None else min(at, former)

    def knows(self, world: World, account: str, topic: str, as_of: datetime) -> bool:
        """Say whether the sources of a topic know an account at a moment."""
        first = self.first_seen.get((account, topic))
        return account in world.matched.get(topic, ()) or (first is not None and first <= as_of)
