"""The daily numbers of one metric of an account, and what kinds ask about them.

Kinds that look at the same days share the answers: however many signals read a metric, its numbers are grouped
once. Numbers are integers of a millionth here ("parts"), so that no sum depends on the order of rows.

Refuses to look at a day that is not over, or that the source has delivered for nobody.
"""

from datetime import date, timedelta
from typing import TypeAlias

import polars as pl

from scoring.exact import from_parts, to_parts
from scoring.frames import INSTANT
from scoring.moment import Moment

Span: TypeAlias = tuple[date, date]
"""First and last day, both included."""
WEEK = timedelta(days=7)


def daily_numbers(numbers: pl.DataFrame, rows: pl.DataFrame, moment: Moment) -> pl.DataFrame:
    """Add up numbers by account, metric and day: row, metric, day, parts and observed_at.

    `rows` maps account_id to row. Damaged numbers are left out.
    """
    day = moment.local_days(pl.col("observed_at") - timedelta(microseconds=1))
    return (
        numbers.lazy()
        .filter(pl.col("observed_at") <= moment.as_of)
        .join(rows.lazy(), on="account_id", how="inner")
        .select("row", "metric", "observed_at", day.alias("day"), to_parts(pl.col("value")).alias("parts"))
        .filter((pl.col("day") <= moment.last_day) & pl.col("parts").is_not_null())
        .group_by("row", "metric", "day")
        .agg(pl.col("parts").sum(), pl.col("observed_at").max())
        .collect()
    )


def _in(span: Span) -> pl.Expr:
    return pl.col("day").is_between(pl.lit(span[0]), pl.lit(span[1]))


class Days:
    """Questions about the days of an account; each method gives the answer as a column of one grouping."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment
        self._asked: dict[str, pl.Expr] = {}
        self._kept: list[dict[str, pl.Expr]] = []
        self._level: dict[str, int] = {}

    def asked(self) -> list[pl.Expr]:
        """Give everything asked so far, to be aggregated over day, parts and observed_at of an account."""
        return [expression.alias(name) for name, expression in self._asked.items()]

    def kept(self) -> list[list[pl.Expr]]:
        """Give everything kept so far, to be added to the answers step by step."""
        return [[expression.alias(name) for name, expression in level.items()] for level in self._kept]

    def keep(self, name: str, expression: pl.Expr) -> pl.Expr:
        """Make a column of something that later expressions use more than once, so that it is computed once."""
        level = max((self._level.get(root, 0) for root in expression.meta.root_names()), default=0)
        if level == len(self._kept):
            self._kept.append({})
        self._kept[level][name] = expression
        self._level[name] = level + 1
        return pl.col(name)

    def _ask(self, question: str, span: Span | None, expression: pl.Expr) -> pl.Expr:
        name = question if span is None else f"{question} {span[0]} {span[1]}"
        self._asked[name] = expression
        return pl.col(name)

    def end(self) -> pl.Expr:
        """Give the instant at which the last complete day ended."""
        return pl.lit(self.moment.day_end, dtype=INSTANT)

    def parts(self, span: Span) -> pl.Expr:
        """Add up the numbers of these days, in parts; 0 where there is none."""
        return self._ask("parts", span, pl.when(_in(span)).then(pl.col("parts")).sum())

    def total(self, span: Span) -> pl.Expr:
        """Add up the numbers of these days; 0 where there is none."""
        return from_parts(self.parts(span))

    def count(self, span: Span) -> pl.Expr:
        """Count the days that have a number."""
        return self._ask("count", span, _in(span).sum())

    def active(self, span: Span) -> pl.Expr:
        """Count the days above zero."""
        return self._ask("active", span, (_in(span) & (pl.col("parts") > 0)).sum())

    def active_weeks(self, span: Span) -> pl.Expr:
        """Count the weeks, back from the last of these days, that have a day above zero."""
        week = (pl.lit(span[1]) - pl.col("day")).dt.total_days() // 7
        return self._ask("weeks", span, week.filter(_in(span) & (pl.col("parts") > 0)).n_unique())

    def seen_at(self, span: Span) -> pl.Expr:
        """Give when the newest number of these days was true."""
        return self._ask("seen", span, pl.when(_in(span)).then(pl.col("observed_at")).max())

    def latest(self) -> tuple[pl.Expr, pl.Expr]:
        """Give the number of the newest day, and when it was true."""
        number = self._ask("latest", None, pl.col("parts").sort_by("day").last())
        return from_parts(number), self._ask("latest at", None, pl.col("observed_at").max())

    def last_active(self) -> pl.Expr:
        """Give the newest day above zero."""
        return self._ask("last active", None, pl.when(pl.col("parts") > 0).then(pl.col("day")).max())

    def first(self, span: Span) -> pl.Expr:
        """Give the first of these days that has a number."""
        return self._ask("first", span, pl.when(_in(span)).then(pl.col("day")).min())
