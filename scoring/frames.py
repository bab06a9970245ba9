"""The shapes of every frame that enters or leaves scoring, in one place.

Refuses to compute anything. Instants are `Datetime("us", "UTC")`; `INSTANT` is that type.

What the caller builds
    numbers     account_id, topic, metric, observed_at, value: series, dated by the end of their day. Sources
                were already mapped to accounts: several rows for one account, metric and day are added up.
    records     one frame per record topic: account_id, source_id, observed_at and the columns of
                `model.TOPICS[topic]` (instants as INSTANT, numbers as Float64); missing columns are null.
    matched     per topic, a frame with account_id: the accounts some source of the topic knows, be it from a
                fact long ago. An account with a number or record in the frames is known without being listed.
    streams     topic, complete_at, down, and optionally newest_at. complete_at is the last complete read at
                or before as_of (the oldest one, where several streams feed a topic; null: never); down says
                that the latest attempt failed; newest_at is the newest day-end among all numbers of the topic
                (`metrics.newest`): days after it were not delivered for anybody, so no window reaches there.
                A topic without a row is delivered by no source: its signals are not applicable.
    accounts    account_id and a column per account field (segment, arr, renewal_on, created_on, …).
    previous    PREVIOUS_SCHEMA, as a former result held it; accounts never scored have no row.
    snapshots   account_id, at, score: published scores of the past, for the trend.

What scoring gives back
    signals     account_id and, for each signal of the model:
                <id>.value      Float64, null unless something was seen
                <id>.prior      Float64, the baseline a trend is measured against, for sentences
                <id>.state      STATE
                <id>.age_days   Float64, as_of − when the value was true
                <id>.down_days  Float64, as_of − the last complete read while the source is down, else 0
                <id>.silent     Boolean: its topic brings nothing new for anybody
    scored      account_id and
                score           Float64, published points; null while unknown
                score_units     Int32, the same in units of 0.0001
                composite       Float64, before caps and rounding
                coverage        Float64, 0..1: share of the nominal weight that counted
                confidence      Float64, 0..coverage: the same, less what is old, held or substituted
                mixed           Boolean: categories contradict each other
                <id>.points     Int32 per signal, units: what it costs; null where it did not count
                cap.<id>.points Int32 per cap, units: what it takes off; 0 where it does not bite
                cap.<id>.state  CAP_STATE
                rounding        Int32, units
                entered_from    String: the band before, if the band changed in this run
                pending_band    String: where the band is heading, if a dwell is running
                migrated        Boolean: first scored under this model; bands started from the cuts alone
                and every column of PREVIOUS_SCHEMA.
                1,000,000 + Σ <id>.points + Σ cap.<id>.points + rounding = score_units, exactly.
    With `detail`, scored also has per signal <id>.score (its points before weighting, 0..100) and <id>.weight
    (its effective weight; they add up to 1): what sentences and comparisons need, for chosen accounts.
"""

from collections.abc import Mapping

import polars as pl

from scoring.model import Band, InputState

INSTANT = pl.Datetime("us", "UTC")
STATE = pl.Enum([state.value for state in InputState])
BAND = pl.Enum([band.value for band in Band])
CAP_STATE = pl.Enum(["off", "waiting", "on", "missing"])
"""waiting: true, but not yet for long enough; missing: what it asks about is not known, so it is false."""

NUMBERS_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "account_id": pl.String,
    "topic": pl.String,
    "metric": pl.String,
    "observed_at": INSTANT,
    "value": pl.Float64,
}

STREAMS_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "topic": pl.String,
    "complete_at": INSTANT,
    "down": pl.Boolean,
    "newest_at": INSTANT,
}

PREVIOUS_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "account_id": pl.String,
    "model_hash": pl.String,
    "band": pl.String,
    "band_since": INSTANT,
    "known_band": pl.String,  # the last band that was not unknown
    "known_since": INSTANT,  # its episode began here, whatever gaps of "unknown" lie in between
    "unknown_since": INSTANT,  # there has been no score since
    "yellow_since": INSTANT,  # on the other side of the yellow cut since
    "yellow_refreshes": pl.Int32,  # and seen there in this many refreshes of the data
    "green_since": INSTANT,
    "green_refreshes": pl.Int32,
    "refreshed_at": INSTANT,  # the newest data the last run had seen
    "cap_since": pl.String,  # "id=n;id=n": n microseconds after 1970 the condition of this cap came true
    "live": pl.Int64,  # bit i: the i-th signal by id counted; compares like with like
}
"""What a run must remember for the next one; everything else can be computed again from facts."""

SNAPSHOTS_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "account_id": pl.String,
    "at": INSTANT,
    "score": pl.Float64,
}
