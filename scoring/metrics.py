"""Facts to signals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from scoring.definition import ScoringModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What sources said, as known at the moment that is scored; the frames are described in `scoring.frames`."""

    numbers: pl.DataFrame
    records: Mapping[str, pl.DataFrame]
    matched: Mapping[str, pl.DataFrame]
    streams: pl.DataFrame


def signals(
    facts: Facts, accounts: pl.DataFrame, model: ScoringModel, *, as_of: datetime, timezone: ZoneInfo
) -> pl.DataFrame:
    """Compute every signal of the model for every account."""
    raise NotImplementedError


def newest(numbers: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Give topic and newest_at: the newest day-end any number of a topic carries."""
    raise NotImplementedError
