"""Support tickets: each has its whole life from the day it is opened, and is shown as of an instant.

All times are unix seconds. The strain a customer is under makes tickets more frequent, more severe, slower to
be solved and worse rated. Gives rows for the support stand-in, knowing how it names fields, not how it works.
"""

import polars as pl

from sandbox.world.chance import Chance
from sandbox.world.fates import FATE_COLUMNS, strain
from sandbox.world.usage import chunks, in_days, worked

LONGEST_LIFE_DAYS = 62
"""From opening to the last thing that happens: 40 to be solved, 3 to be rated, 4 to be closed, 12 to a touch."""
FIRST_ID = 1000
SLOTS = 2
"""How many tickets a customer can open in one day."""
STRAIN_FACTOR = 3.5
"""How many more tickets than usual a customer opens under the worst strain."""
REQUESTERS = 3
"""How many people of a customer write tickets."""
HOUR, DAY = 3600, 86400
TIMES = ("created", "replied", "solved", "rated", "closed", "touched", "deleted")

_n, _day, _slot = pl.col("n"), pl.col("day"), pl.col("slot")


def changed_tickets(
    chance: Chance, customers: pl.DataFrame, epoch_day: int, after: int, until: int
) -> pl.DataFrame:
    """Give all tickets to which something happened after one instant and not after another, as they then are.

    `epoch_day` is the first day of all; ids count from it.
    """
    first = max(epoch_day, after // DAY - LONGEST_LIFE_DAYS)
    runs = chunks(first, until // DAY, len(customers) * SLOTS)
    opened = [_opened_in(chance, customers, days).collect() for days in runs]
    ids = FIRST_ID + ((_day - epoch_day) * SLOTS + _slot) * len(customers) + _n
    happened = [pl.when(pl.col(name) <= until).then(pl.col(name)) for name in TIMES]
    visible = [each for each, name in zip(happened, TIMES, strict=True) if name != "touched"]
    lives = _lives(chance, pl.concat(opened).lazy())
    return (
        lives.filter(pl.col("created") <= until)
        .with_columns(
            id=ids,
            updated=pl.max_horizontal(visible),
            # What only the system did moves this and not `updated`.
            generated=pl.max_horizontal(happened),
            status=_status(until),
            score=_score(until),
        )
        .filter(pl.col("generated") > after)
        .sort("id")
        .collect()
    )


def _opened_in(chance: Chance, customers: pl.DataFrame, days: range) -> pl.LazyFrame:
    rhythm = worked(_day) * (7 / 5 / SLOTS)

    def opens(factor: pl.Expr | float) -> pl.Expr:
        return chance.uniform("opens", _n, _day, _slot) < pl.col("tickets_a_day") * rhythm * factor

    slots = pl.LazyFrame({"slot": range(SLOTS)}, schema={"slot": pl.Int64})
    wanted = customers.select("n", "tickets_a_day", *FATE_COLUMNS)
    return (
        in_days(wanted, days)
        .join(slots, how="cross")
        # As many as would be opened under the worst strain; the strain is then worked out for few.
        .filter(opens(1 + STRAIN_FACTOR))
        .with_columns(strain=strain(chance, _day))
        .filter(opens(1 + STRAIN_FACTOR * pl.col("strain")))
        .select("n", "strain", "day", "slot")
    )


def _lives(chance: Chance, opened: pl.LazyFrame) -> pl.LazyFrame:
    ticket = (_n, _day, _slot)
    severity = chance.uniform("severity", *ticket)
    urgent = 0.04 + 0.22 * pl.col("strain")
    high = urgent + 0.15 + 0.25 * pl.col("strain")
    low = 0.75 + 0.15 * pl.col("strain")
    hours = pl.col("priority").replace_strict(
        {"urgent": 8.0, "high": 20.0, "normal": 40.0, "low": 90.0}, default=60.0, return_dtype=pl.Float64
    )
    wait = hours * (0.8 * chance.bell("solving", *ticket)).exp() * (1 + 2.5 * pl.col("strain"))
    answered = chance.uniform("answered", *ticket) < 0.4
    bad = chance.uniform("bad", *ticket) < 0.07 + 0.7 * pl.col("strain")
    deleted = chance.uniform("deleted", *ticket) < 0.004
    touched = chance.uniform("touched", *ticket) < 0.03

    def seconds(purpose: str, least_hours: float, most_hours: float) -> pl.Expr:
        return chance.whole(purpose, int(least_hours * HOUR), int(most_hours * HOUR), *ticket)

    frame = opened.with_columns(
        priority=pl.when(severity < urgent)
        .then(pl.lit("urgent"))
        .when(severity < high)
        .then(pl.lit("high"))
        .when(severity < low)
        .then(pl.lit("normal"))
        .when(severity < 0.95)
        .then(pl.lit("low")),
        created=_day * DAY + seconds("opened at", 7, 19),
        requester=chance.whole("requester", 0, REQUESTERS, *ticket),
        without_organization=chance.uniform("without organization", *ticket) < 0.06,
    ).with_columns(solved=pl.col("created") + (wait.clip(1.0, 40.0 * 24) * HOUR).cast(pl.Int64))
    frame = frame.with_columns(
        replied=pl.min_horizontal(pl.col("created") + seconds("replied", 0.2, 8), pl.col("solved") - 60),
        rated=pl.when(answered).then(pl.col("solved") + seconds("rated", 1, 72)),
        rating=pl.when(bad).then(pl.lit("bad")).otherwise(pl.lit("good")),
        closed=pl.col("solved") + 4 * DAY,
    ).with_columns(touched=pl.when(touched).then(pl.col("closed") + seconds("touch", 24, 240)))
    frame = frame.with_columns(deleted=pl.when(deleted).then(pl.col("created") + seconds("deleted", 1, 240)))
    # Nothing happens to a ticket once it is deleted.
    gone = pl.col("deleted").is_not_null()
    return frame.with_columns(
        pl.when(gone & (pl.col(name) >= pl.col("deleted"))).then(None).otherwise(pl.col(name)).alias(name)
        for name in TIMES
        if name not in ("created", "deleted")
    )


def _status(until: int) -> pl.Expr:
    return (
        pl.when(pl.col("deleted") <= until)
        .then(pl.lit("deleted"))
        .when(pl.col("closed") <= until)
        .then(pl.lit("closed"))
        .when(pl.col("solved") <= until)
        .then(pl.lit("solved"))
        .when(pl.col("replied") <= until)
        .then(pl.lit("open"))
        .otherwise(pl.lit("new"))
    )


def _score(until: int) -> pl.Expr:
    return (
        pl.when(pl.col("rated") <= until)
        .then(pl.col("rating"))
        .when(pl.col("solved") <= until)
        .then(pl.lit("offered"))
        .otherwise(pl.lit("unoffered"))
    )
