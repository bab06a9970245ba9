"""Points for events: what happened to an account lately, each event once, fading with its age (scoring.md c.7).

The events of a series are days of the business time zone, dated by their end; those of records are the records,
dated by when they began. Ages count from the moment of the topic, so that an outage ages nothing.

An event is recognised by the days right around it, never by how far back the numbers happen to reach: a run of
days is dated by the day that completes it, and the day before its first one must not match.

Refuses to look further back than 400 days, and to take a day without a number for a zero.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from scoring.conditions import parse
from scoring.days import daily_numbers
from scoring.exact import days, divided, exact_sum, from_parts
from scoring.frames import INSTANT
from scoring.model import TOPICS, FieldType
from scoring.moment import Moment
from scoring.records import BEGINS, known_records
from scoring.rules import DAY, PointsRule

OLDEST = timedelta(days=400)
SMALLEST = 0.05
"""An event that fades by halves is forgotten below so many points."""


def topic(metric: str) -> str:
    """Name the topic of `topic.name` or of a topic alone."""
    return metric.partition(".")[0]


def reach(rule: PointsRule) -> timedelta:
    """Say how old an event may be and still count."""
    if rule.expires is not None:
        return min(OLDEST, rule.expires)
    if rule.half_life is None or abs(rule.points) < SMALLEST:
        return timedelta(0)
    return min(OLDEST, rule.half_life * math.log2(abs(rule.points) / SMALLEST))


def lookback(rule: PointsRule) -> timedelta:
    """Say how many days of numbers a rule needs before the last complete day."""
    before = rule.days_in_a_row * DAY + (rule.within if rule.then else timedelta(0))
    return reach(rule) + before + DAY


def read_events(
    numbers: pl.DataFrame,
    records: Mapping[str, pl.DataFrame],
    rows: pl.DataFrame,
    rules: Sequence[PointsRule],
    seen_at: Mapping[str, Moment | None],
) -> pl.DataFrame:
    """Give row and events.<rule id> for every row: null where a topic of the rule has never answered."""
    result = rows.select("row")
    for rule in rules:
        name = f"events.{rule.id}"
        moment = seen_at.get(topic(rule.metric))
        after = seen_at.get(topic(rule.then)) if rule.then else moment
        if moment is None or after is None:
            result = result.with_columns(pl.lit(None, dtype=pl.Float64).alias(name))
            continue
        if topic(rule.metric) in TOPICS:
            events = _of_records(records.get(topic(rule.metric)), rows, rule, moment)
        else:
            events = _of_series(numbers, rows, rule, moment, after)
        result = result.join(_added(events, rule, moment, name), on="row", how="left", maintain_order="left")
        result = result.with_columns(pl.col(name).fill_null(0.0))
    return result


def _added(events: pl.DataFrame, rule: PointsRule, moment: Moment, name: str) -> pl.DataFrame:
    """Add up the faded points of events (row, at) by account, within the limit of the rule."""
    age = days(pl.lit(moment.at, dtype=INSTANT) - pl.col("at")).clip(0, None)
    return (
        events.lazy()
        .filter(age <= OLDEST / DAY)
        .with_columns(_faded(rule, age).alias("points"))
        .group_by("row")
        .agg(exact_sum("points").clip(-rule.at_most, rule.at_most).alias(name))
        .collect()
    )


def _faded(rule: PointsRule, age: pl.Expr) -> pl.Expr:
    """Give what an event of this age in days is worth."""
    if rule.expires is not None:
        return rule.points * (1 - divided(age, rule.expires / DAY)).clip(0, None)
    if rule.half_life is None:
        return pl.lit(0.0)
    points = rule.points * (age * (-math.log(2) / (rule.half_life / DAY))).exp()
    return pl.when(points.abs() >= SMALLEST).then(points).otherwise(0.0)


def _of_records(
    records: pl.DataFrame | None, rows: pl.DataFrame, rule: PointsRule, moment: Moment
) -> pl.DataFrame:
    name = topic(rule.metric)
    if records is None:
        return _NO_EVENTS
    known = known_records(records, rows, name, moment).select(
        "row",
        pl.col(BEGINS[name]).alias("at"),
        *(_comparable(field, kind).alias(field) for field, kind in TOPICS[name].items()),
    )
    return known.filter(_true(rule) & pl.col("at").is_not_null()).select("row", "at")


def _comparable(field: str, kind: FieldType) -> pl.Expr:
    """Give a field of records to a condition: no instants, and no number that is not finite."""
    if kind == "instant":
        return pl.lit(None)
    return pl.when(pl.col(field).is_finite()).then(pl.col(field)) if kind == "number" else pl.col(field)


_NO_EVENTS = pl.DataFrame(schema={"row": pl.get_index_type(), "at": INSTANT})


def _of_series(
    numbers: pl.DataFrame, rows: pl.DataFrame, rule: PointsRule, moment: Moment, after: Moment
) -> pl.DataFrame:
    matching = (
        _daily(numbers, rows, rule.metric, moment)
        .select("row", "day", from_parts(pl.col("parts")).alias("value"))
        .filter(_true(rule))
        .select("row", "day")
    )
    found = matching if rule.days_in_a_row == 1 else _runs(matching, rule.days_in_a_row)
    if rule.then:
        then = _daily(numbers, rows, rule.then, after).filter(pl.col("day") <= moment.last_day)
        found = _followed(found, then, rule.within)
    # the end of a day in UTC is looked up, for midnight is not everywhere an hour that exists
    ends = pl.DataFrame(
        [(day, _end_of(day, moment)) for day in found["day"].unique().sort().to_list()],
        schema={"day": pl.Date, "at": INSTANT},
        orient="row",
    )
    return found.join(ends, on="day", how="inner").select("row", "at")


def _end_of(day: date, moment: Moment) -> datetime:
    return datetime.combine(day + DAY, time.min, moment.timezone).astimezone(UTC)


def _daily(numbers: pl.DataFrame, rows: pl.DataFrame, name: str, moment: Moment) -> pl.DataFrame:
    of, _, metric = name.partition(".")
    chosen = numbers.filter((pl.col("topic") == of) & (pl.col("metric") == metric))
    return daily_numbers(chosen, rows, moment)


def _true(rule: PointsRule) -> pl.Expr:
    return parse(rule.when).expression.cast(pl.Boolean).fill_null(False)


def _runs(matching: pl.DataFrame, length: int) -> pl.DataFrame:
    """Give the day that completes each run of at least this many days."""
    place = pl.col("day").cast(pl.Int32) - pl.int_range(pl.len(), dtype=pl.Int32).over("row")
    return (
        matching.lazy()
        .sort("row", "day")
        .with_columns(place.alias("run"))
        .group_by("row", "run")
        .agg(pl.col("day").min(), pl.len().alias("n"))
        .filter(pl.col("n") >= length)
        .select("row", (pl.col("day") + timedelta(days=length - 1)).alias("day"))
        .collect()
    )


def _followed(found: pl.DataFrame, then: pl.DataFrame, within: timedelta) -> pl.DataFrame:
    """Move each event to the first day up to `within` later on which the second series is above 0."""
    later = then.filter(pl.col("parts") > 0).select("row", pl.col("day").alias("then")).sort("row", "then")
    return (
        found.sort("row", "day")
        .join_asof(
            later,
            left_on="day",
            right_on="then",
            by="row",
            strategy="forward",
            tolerance=f"{within // DAY}d",
            check_sortedness=False,  # both are sorted, which polars cannot see within a group
        )
        .filter(pl.col("then").is_not_null())
        .select("row", pl.col("then").alias("day"))
    )
