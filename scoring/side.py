"""One account at one instant: everything its score was made of, so that it can be made again, and otherwise.

What compares two instants, or asks what would be, goes through the real `score` with it; there is no second
arithmetic. Refuses to load anything: frames are those of `scoring.frames`, and may hold other accounts as well.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from scoring.account_fields import local_date
from scoring.definition import ScoringModel
from scoring.family import lineage
from scoring.health import score
from scoring.words import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What `health.score` was given, and which account of it is meant.

    `previous` is the memory *before* that scoring. Under a hierarchy the frames of a parent must hold everything
    beneath it; otherwise one row is enough.
    """

    account_id: str
    signals: pl.DataFrame
    accounts: pl.DataFrame
    model: ScoringModel
    as_of: datetime
    timezone: ZoneInfo
    refreshed_at: datetime | None = None
    previous: pl.DataFrame | None = None
    topics: Collection[str] | None = None
    cohort: pl.DataFrame | None = None

    @property
    def today(self) -> date:
        """Give the business day."""
        return local_date(self.as_of, self.timezone)

    @property
    def book(self) -> Row:
        """Give the fields of the account."""
        return self.accounts.filter(pl.col("account_id") == self.account_id).row(0, named=True)

    def alone(self) -> "Side":
        """Leave out every account that has no part in the score of this one."""
        wanted = [self.account_id]
        if self.model.hierarchy.mode != "own" and "parent" in self.accounts.columns:
            pairs = lineage(self.accounts)
            wanted += pairs.filter(pl.col("ancestor") == self.account_id)["account_id"].to_list()
        among = pl.col("account_id").is_in(wanted)
        return replace(
            self,
            signals=self.signals.filter(among),
            accounts=self.accounts.filter(among),
            previous=None if self.previous is None else self.previous.filter(among),
        )

    def scored(self) -> pl.DataFrame:
        """Score the accounts of this side, in detail."""
        return score(
            self.signals,
            self.accounts,
            self.model,
            as_of=self.as_of,
            refreshed_at=self.refreshed_at,
            timezone=self.timezone,
            previous=self.previous,
            topics=self.topics,
            cohort=self.cohort,
            detail=True,
        )


def row_of(frame: pl.DataFrame, account_id: str) -> dict[str, object]:
    """Give the row of one account."""
    return frame.filter(pl.col("account_id") == account_id).row(0, named=True)
