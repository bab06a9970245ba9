"""Facts as plain lists, and the moment each topic is seen at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def by_day(world: World, zone: ZoneInfo) -> dict[str, dict[str, dict[date, float]]]:
    """Add up usable numbers by account, "topic.metric" and day, in millionths."""
    parts: dict[str, dict[str, dict[date, int]]] = {}
    ends: dict[datetime, date] = {}
    for number in world.numbers:
        if number.value is None or not abs(number.value) <= LARGEST:
            continue
        if number.observed_at not in ends:
            ends[number.observed_at] = local_day(number.observed_at - _TICK, zone)
        metrics = parts.setdefault(number.account, {})
        days = metrics.setdefault(f"{number.topic}.{number.metric}", {})
        day = ends[number.observed_at]
        days[day] = days.get(day, 0) + round(number.value * 1_000_000)
    return {
        account: {
            metric: {day: millionths / 1_000_000 for day, millionths in days.items()}
            for metric, days in metrics.items()
        }
        for account, metrics in parts.items()
    }


def by_account(world: World, as_of: datetime) -> dict[str, dict[str, list[Record]]]:
    """Sort the records that had been read by an instant by account and topic."""
    there: dict[str, dict[str, list[Record]]] = {}
    for topic, rows in world.records.items():
        for record in rows:
            observed_at = record["observed_at"]
            assert isinstance(observed_at, datetime)
            if observed_at <= as_of:
                there.setdefault(str(record["account_id"]), {}).setdefault(topic, []).append(record)
    return there
