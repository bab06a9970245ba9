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
    accounts    account_id and a column per account field (segment, arr, renewal_on, created_on, parent, pulse,
                override, …). parent is an account_id.
    previous    `memory.previous_schema(model)`, as a former result held it; accounts never scored have no row.
    snapshots   account_id, at, score: published scores of the past, for the trend.
    cohort      COHORT_SCHEMA: how everybody's signals were spread when it was frozen (`cohort.freeze`); None
                or an empty frame: not frozen yet.

What scoring gives back
    signals     account_id and, for each signal of the model:
                <id>.value      Float64, null unless something was seen
                <id>.prior      Float64, the baseline a trend is measured against, for sentences
                <id>.state      STATE
                <id>.age_days   Float64, as_of − when the value was true
                <id>.down_days  Float64, as_of − the last complete read while the source is down, else 0
                <id>.silent     Boolean: its topic brings nothing new for anybody
                <id>.text       String, only for signals with a Map: the word that was found
                and for each points rule:
                events.<id>     Float64, points of its events as of now, faded and limited by the rule; null
                                where its source has never answered; 0 where nothing happened
    scored      account_id and
                score           Float64, published points; null while unknown
                score_units     Int32, the same in units of 0.0001
                auto_score      Float64, what it would be without pulse and override
                composite       Float64, before everything but weights; null where it is not publishable
                coverage        Float64, 0..1: share of the nominal weight that counted
                confidence      Float64, 0..coverage: the same, less what is old, held or substituted
                mixed           Boolean: categories contradict each other
                profile         String, id of the profile that counts; "" is the model itself
                near            Float64, 0..1: how near renewal is (scoring.md c.6)
                <id>.points     Int32 per signal, units: what it costs; null where it did not count
                events.<id>.points  Int32 per points rule, units
                events.limit.points Int32, units: what the limits of all events (and of 0..100) take back
                family.points   Int32, units: what the hierarchy makes of a parent's own score
                pulse.points    Int32, units
                floor.<id>.points   Int32 per floor, units: what it adds; floor.<id>.state  RULE_STATE
                cap.<id>.points     Int32 per cap, units: what it takes off; cap.<id>.state  RULE_STATE
                pulse_cap.points    Int32, units: what a severe pulse takes off
                override.points     Int32, units
                pulse_state     NOTE_STATE
                override_state  NOTE_STATE
                rounding        Int32, units
                entered_from    String: the band before, if the band changed in this run
                pending_band    String: where the band is heading, if a dwell is running
                migrated        Boolean: first scored under this model; bands started from the cuts alone
                data_change     Boolean: the band changed, but not like for like: other signals count than when
                                it was last settled, and those common to both do not say the same
                flapping        Boolean: too many changes of band lately; no new task
                and every column of `memory.previous_schema(model)`.
                1,000,000 + Σ of all *.points + rounding = score_units, exactly; all rows are null or 0 where
                there is no score.
    With `detail`, scored also has per signal <id>.score (its points before weighting, 0..100), <id>.weight
    (its effective weight; they add up to 1) and <id>.fresh (its freshness factor, 0..1): what sentences and
    comparisons need, for chosen accounts.
"""

from collections.abc import Mapping

import polars as pl

from scoring.model import Band, InputState

INSTANT = pl.Datetime("us", "UTC")
STATE = pl.Enum([state.value for state in InputState])
BAND = pl.Enum([band.value for band in Band])
RULE_STATE = pl.Enum(["off", "waiting", "on", "missing"])
"""waiting: true, but not yet for long enough; missing: what it asks about is not known, so it is false."""
NOTE_STATE = pl.Enum(["none", "on", "expired", "no_note", "no_date", "too_long", "not_understood"])
"""What becomes of something written by hand: a pulse or an override."""

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
    "live": pl.Int64,  # bit i: the i-th signal by id counted
    "settled_composite": pl.Float64,  # when the band was last settled (no clock running)
    "flips": pl.List(pl.Int64),  # when the band changed lately, microseconds after 1970
    "profile": pl.String,  # the profile that counts now …
    "profile_since": INSTANT,
    "profile_from": pl.String,  # … and the one its weights pass over from
}
"""What a run must remember for the next one; everything else can be computed again from facts.

Depending on the model there are also structs, keyed by id (`scoring.memory.previous_schema`): `since` and `until`
of rules that wait or hold, `settled` points of signals, and `held` values of account fields.
"""

COHORT_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "signal": pl.String,  # a signal's id, or "account.arr"
    "segment": pl.String,  # "" is everybody
    "n": pl.Int64,  # accounts it has a value for
    "mean": pl.Float64,  # of their values
    "median": pl.Float64,  # of their values
    "reference": pl.Float64,  # median of the points their values are worth; null for account.arr
    "values": pl.List(pl.Float64),  # distinct values, rising; at most 1,001 of them
    "at": pl.List(pl.Float64),  # (less + ½·equal)/n of each
    "between": pl.List(pl.Float64),  # less/n of anything above it and below the next
}

SNAPSHOTS_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "account_id": pl.String,
    "at": INSTANT,
    "score": pl.Float64,
}
