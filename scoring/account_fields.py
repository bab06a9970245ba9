"""Account fields as columns beside signals; dates become days until, in the business time zone.

Refuses to guess: a field the frame does not have is null for every account.
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from scoring.conditions import ACCOUNT, ConditionError, check_types, parse
from scoring.errors import ConfigError, Problem


def local_date(instant: datetime, timezone: ZoneInfo) -> date:
    """Give the day an instant falls on in the business time zone."""
    return instant.astimezone(timezone).date()


def field(accounts: pl.DataFrame, name: str, today: date, timezone: ZoneInfo) -> pl.Expr:
    """Give a field as it is, dates as days until (negative: ago), null where there is no such field.

    A number that is not finite is null: it would be larger than every other one in a comparison.
    """
    column = given(accounts, name, today, timezone)
    kind = accounts.schema.get(name)
    if kind is not None and kind.is_float():
        return pl.when(column.is_finite()).then(column)
    return column


def given(accounts: pl.DataFrame, name: str, today: date, timezone: ZoneInfo) -> pl.Expr:
    """Give a field with numbers that are not finite, for those who must tell them from missing ones."""
    kind = accounts.schema.get(name)
    if kind is None:
        return pl.lit(None)
    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        column = (column.dt.convert_time_zone(timezone.key) if kind.time_zone else column).dt.date()
        kind = pl.Date()
    if kind == pl.Date:
        return (column - pl.lit(today)).dt.total_days().cast(pl.Float64)
    return column


def beside(frame: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Put the columns of `other` beside the rows of `frame` by account_id; unknown accounts get nulls."""
    if frame["account_id"].equals(other["account_id"]):
        return frame.hstack(other.drop("account_id"))
    return frame.join(other, on="account_id", how="left", maintain_order="left", validate="m:1")


def number(accounts: pl.DataFrame, name: str, today: date, timezone: ZoneInfo) -> pl.Expr:
    """Give a field as a number, NaN for what is there and is none; blank text is nothing."""
    column = given(accounts, name, today, timezone)
    if accounts.schema.get(name) == pl.String:
        column = column.str.strip_chars()
        column = pl.when(column != "").then(column)
    return pl.when(column.is_not_null()).then(column.cast(pl.Float64, strict=False).fill_null(float("nan")))


def words(accounts: pl.DataFrame, name: str, today: date, timezone: ZoneInfo) -> pl.Expr:
    """Give a field as the word a Map looks up: text without blanks around it, true or false, 3 for 3.0.

    Blank text is no word.
    """
    column = given(accounts, name, today, timezone).cast(pl.String)
    if accounts.schema.get(name) == pl.String:
        column = column.str.strip_chars()
        return pl.when(column != "").then(column)
    return column.str.replace(r"\.0$", "")


def matching(
    accounts: pl.DataFrame, condition: str, today: date, timezone: ZoneInfo, *, key: str
) -> pl.Series:
    """Say of each account whether a condition over `account.<field>` is true of it; unknown is false.

    Raises ConfigError, naming `key`, where the condition does not fit the types of the fields.
    """
    parsed = parse(condition)
    fields = {name: name.removeprefix(ACCOUNT) for name in parsed.names}
    frame = accounts.select(
        "account_id",
        *(field(accounts, source, today, timezone).alias(name) for name, source in fields.items()),
    )
    try:
        check_types(parsed, frame.schema)
    except ConditionError as exc:
        raise ConfigError(
            [
                Problem(
                    key=key,
                    message=f"does not fit the account fields: {exc}",
                    remedy="compare text with 'text' and numbers with numbers",
                )
            ]
        ) from exc
    return frame.select(parsed.expression.cast(pl.Boolean).fill_null(False).alias("matching"))["matching"]
