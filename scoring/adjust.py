"""From composite to published score: family, event points, pulse, floors, caps, override, rounding (c.0).

Everything here is integers of 0.0001 points ("units"), so the rows of the ledger add up by construction: 100
points, what each signal costs, what each step adds or takes, and one row for rounding.

Refuses to act without a score: where nothing is publishable every row is null or 0.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import polars as pl

from scoring.account_fields import field, words
from scoring.definition import UNITS_PER_POINT, ScoringModel, units
from scoring.exact import cut_off, divided, total
from scoring.frames import NOTE_STATE
from scoring.limits import by_strictness, ceiling, lifted, prefix
from scoring.normalise import quantise, to_units
from scoring.profiles import ordered_signals
from scoring.rules import DAY, PointsRule

FULL = 100 * UNITS_PER_POINT
"""100 points in units: where every ledger starts."""
_EXTREME_LOW, _EXTREME_HIGH = 10.0, 90.0
"""A pulse this strong is a matter of the moment: it ends when it is no longer fresh (c.8)."""
PULSE_FIELDS = ("pulse", "pulse_on", "pulse_note")
OVERRIDE_FIELDS = ("override", "override_reason", "override_until")


def by_hand(accounts: pl.DataFrame, model: ScoringModel, today: date, timezone: ZoneInfo) -> list[pl.Series]:
    """Read what people wrote, of the accounts that have something written; there are few.

    Gives the columns of `read_pulse` and `read_override` if anybody has a pulse or an override at all.
    """
    found: list[pl.Series] = []
    for fields, read in ((PULSE_FIELDS, read_pulse), (OVERRIDE_FIELDS, read_override)):
        if fields[0] not in accounts.columns:
            continue
        written = accounts[fields[0]].is_not_null()
        if not written.any():
            continue
        few = accounts.select(name for name in fields if name in accounts.columns).filter(written)
        few = few.select(_hand(few, name, today, timezone) for name in few.columns)
        few = few.select(read(model, few.schema))
        place = pl.when(written).then(written.cum_sum().cast(pl.Int64) - 1)
        spread = pl.select(place.alias("place"))["place"]
        found += few.select(pl.all().gather(spread)).get_columns()
    return found


def _hand(accounts: pl.DataFrame, name: str, today: date, timezone: ZoneInfo) -> pl.Expr:
    """Give a field that people write: days until for a date, else the word as a Map knows it."""
    if name not in ("pulse_on", "override_until"):
        return words(accounts, name, today, timezone).alias(f"hand.{name}")
    if not accounts.schema[name].is_temporal():
        return pl.lit(None, dtype=pl.Float64).alias(f"hand.{name}")
    return field(accounts, name, today, timezone).alias(f"hand.{name}")


def publish(frame: pl.LazyFrame, model: ScoringModel, *, pulse: bool, override: bool) -> pl.LazyFrame:
    """Add every row of the ledger, score_units, auto_units and ceiling_units.

    `pulse` and `override` say that somebody has one (`by_hand`).
    """
    base, at = to_units(pl.col("composite")), pl.col("~units")
    frame = frame.with_columns(base.alias("~own"), *_signal_rows(model))
    frame = _family(frame)
    frame = _events(frame, model)
    frame = frame.with_columns(ceiling(model).alias("~ceiling"), at.alias("~before_pulse"))
    frame = _pulsed(frame, model) if pulse else frame.with_columns(_no_pulse())
    frame = _bounded(frame, model)
    frame = _overridden(frame, model) if override else frame.with_columns(_no_override())
    return _rounded(frame, model)


def _signal_rows(model: ScoringModel) -> list[pl.Expr]:
    rows = []
    for signal in ordered_signals(model):
        weight = pl.col(f"~{signal.id}.e")
        counted = pl.col("composite").is_not_null() & (weight > 0)
        # −to_units(weight·(100 − s)), in fewer steps
        cost = weight * (pl.col(f"~{signal.id}.s") - 100) * UNITS_PER_POINT - 0.5
        rows.append(pl.when(counted).then(cut_off(cost, pl.Int32)).alias(f"{signal.id}.points"))
    return rows


def _family(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Let what the hierarchy makes of a parent take the place of its own composite."""
    rolled = pl.col("~rolled")
    return frame.with_columns(
        pl.coalesce(rolled, pl.col("~own")).alias("~units"),
        pl.when(rolled.is_not_null())
        .then(rolled - pl.coalesce(pl.col("~own"), pl.lit(FULL)))
        .otherwise(0)
        .cast(pl.Int32)
        .alias("family.points"),
    )


def _events(frame: pl.LazyFrame, model: ScoringModel) -> pl.LazyFrame:
    if not model.points:
        return frame.with_columns(pl.lit(0, dtype=pl.Int32).alias("events.limit.points"))
    names = [event_rows(rule) for rule in event_rules(model)]
    scored = pl.col("~units").is_not_null()
    frame = frame.with_columns(
        pl.when(scored).then(to_units(pl.col(name)).fill_null(0)).otherwise(0).alias(f"{name}.points")
        for name in names
    ).with_columns(total(pl.col(f"{name}.points") for name in names).alias("~events"))
    most, at = units(model.points_limit), pl.col("~units")
    allowed = (at + pl.col("~events").clip(-most, most)).clip(0, FULL) - at
    return frame.with_columns(
        (allowed - pl.col("~events")).fill_null(0).cast(pl.Int32).alias("events.limit.points"),
        (at + allowed).cast(pl.Int32).alias("~units"),
    )


def event_rules(model: ScoringModel) -> list[PointsRule]:
    """List the points rules by id."""
    return sorted(model.points, key=lambda rule: rule.id)


def event_rows(rule: PointsRule) -> str:
    """Give what the columns of a points rule begin with."""
    return f"events.{rule.id}"


def _no_pulse() -> list[pl.Expr]:
    return [
        pl.lit(0, dtype=pl.Int32).alias("pulse.points"),
        pl.lit(None, dtype=pl.Int32).alias("~pulse_ceiling"),
        pl.lit("none", dtype=NOTE_STATE).alias("pulse_state"),
    ]


def read_pulse(model: ScoringModel, present: pl.Schema) -> list[pl.Expr]:
    """Give `~pulse` (0..100), `~pulse_way` (how far it pulls, 0..1) and pulse_state from the account book.

    `~pulse` is null unless it counts. The word is looked up as it is written, without blanks around it.
    """
    rule, word = model.pulse, pl.col("hand.pulse")
    number = word.cast(pl.Float64, strict=False)
    number = pl.when(number.is_finite()).then(number.clip(0, 100))
    value = pl.coalesce(_looked_up(rule.scale, word, pl.Float64()), number)
    since = -pl.col("hand.pulse_on") if "hand.pulse_on" in present else pl.lit(None, dtype=pl.Float64)
    age = since.clip(0, None)
    noted = _filled("hand.pulse_note", present) if rule.require_note else pl.lit(True)
    extreme = (value <= _EXTREME_LOW) | (value >= _EXTREME_HIGH)
    ends = pl.when(extreme).then(rule.fresh / DAY).otherwise(rule.expires / DAY)
    state = (
        pl.when(word.is_null())
        .then(pl.lit("none"))
        .when(value.is_null())
        .then(pl.lit("not_understood"))
        .when(age.is_null())
        .then(pl.lit("no_date"))
        .when(~noted)
        .then(pl.lit("no_note"))
        .when((age > rule.fresh / DAY) & (age >= ends))
        .then(pl.lit("expired"))
        .otherwise(pl.lit("on"))
    )
    fresh, expires = rule.fresh / DAY, rule.expires / DAY
    fading = divided(expires - age, expires - fresh).clip(0, 1) if expires > fresh else pl.lit(0.0)
    severe = pl.lit(False)
    if rule.severe is not None:
        severe = (value <= rule.severe) & (age <= rule.severe_for / DAY) & noted
    return [
        pl.when(state == "on").then(value).alias("~pulse"),
        (rule.weight * pl.when(age <= fresh).then(1.0).otherwise(fading)).alias("~pulse_way"),
        severe.fill_null(False).alias("~severe"),
        state.cast(NOTE_STATE).alias("pulse_state"),
    ]


def _pulsed(frame: pl.LazyFrame, model: ScoringModel) -> pl.LazyFrame:
    at, pulse, way = pl.col("~units"), pl.col("~pulse"), pl.col("~pulse_way")
    score = divided(at.cast(pl.Float64), UNITS_PER_POINT)
    moved = to_units((1 - way) * score + way * pulse)
    top = _one_band_up(model, at)
    moved = pl.when(moved > at).then(pl.max_horizontal(pl.min_horizontal(moved, top), at)).otherwise(moved)
    row = pl.when(pulse.is_not_null() & at.is_not_null()).then(moved - at).otherwise(0)
    ceiling_units = pl.when(pl.col("~severe").fill_null(False)).then(
        model.cut("yellow") - model.quantum_units
    )
    return frame.with_columns(
        pl.col("pulse_state").fill_null("none"),
        row.cast(pl.Int32).alias("pulse.points"),
        ceiling_units.cast(pl.Int32).alias("~pulse_ceiling"),
    ).with_columns((at + pl.col("pulse.points")).cast(pl.Int32).alias("~units"))


def _one_band_up(model: ScoringModel, at: pl.Expr) -> pl.Expr:
    """Give the highest score that is at most one band above this one."""
    return pl.when(at < model.cut("yellow")).then(model.cut("green") - model.quantum_units).otherwise(FULL)


def _bounded(frame: pl.LazyFrame, model: ScoringModel) -> pl.LazyFrame:
    """Apply floors, then caps, to the score and to what it would be without a pulse."""
    at = pl.col("~units")
    rows, level = lifted(model, at)
    lowest = pl.min_horizontal("~ceiling", "~pulse_ceiling")
    frame = frame.with_columns(*rows, level.alias("~units"), lowest.alias("ceiling_units"))
    # the strictest cap takes everything; a severe pulse comes last among equals
    above = pl.col("~units") - pl.col("~ceiling")
    by_pulse = pl.col("~pulse_ceiling") < pl.col("~ceiling").fill_null(FULL + 1)
    taken: list[pl.Expr] = []
    free = pl.lit(True)
    for cap in by_strictness(model):
        on = pl.col(f"~{prefix(cap)}.on")
        bites = on & free & (above > 0) & ~by_pulse.fill_null(False)
        row = pl.when(bites.fill_null(False)).then(-above).otherwise(0)
        taken.append(row.cast(pl.Int32).alias(f"{prefix(cap)}.points"))
        free = free & ~on
    over = pl.col("~units") - pl.col("~pulse_ceiling")
    severe = pl.when((by_pulse & (over > 0)).fill_null(False)).then(-over).otherwise(0)
    _, unpulsed = lifted(model, pl.col("~before_pulse"))
    return frame.with_columns(
        *taken,
        severe.cast(pl.Int32).alias("pulse_cap.points"),
        pl.min_horizontal(unpulsed, pl.when(unpulsed.is_not_null()).then(pl.col("~ceiling"))).alias("~auto"),
        pl.when(pl.col("~units").is_not_null())
        .then(pl.min_horizontal("~units", "ceiling_units"))
        .alias("~units"),
    )


def read_override(model: ScoringModel, present: pl.Schema) -> list[pl.Expr]:
    """Give `~override` (red, yellow, green; null unless it counts) and override_state from the account book."""
    rule = model.override
    word = pl.col("hand.override")
    lowered = word.str.to_lowercase()
    band = pl.coalesce(
        _looked_up(rule.words, word, pl.String()),
        pl.when(lowered.is_in(["red", "yellow", "green"])).then(lowered),
    )
    name = "hand.override_until"
    left = pl.col(name) if name in present else pl.lit(None, dtype=pl.Float64)
    state = (
        pl.when(word.is_null())
        .then(pl.lit("none"))
        .when(band.is_null())
        .then(pl.lit("not_understood"))
        .when(~_filled("hand.override_reason", present))
        .then(pl.lit("no_note"))
        .when(left.is_null())
        .then(pl.lit("no_date"))
        .when(left > rule.longest / DAY)
        .then(pl.lit("too_long"))
        .when(left <= 0)
        .then(pl.lit("expired"))
        .otherwise(pl.lit("on"))
    )
    return [
        pl.when(state == "on").then(band).alias("~override"),
        state.cast(NOTE_STATE).alias("override_state"),
    ]


def _no_override() -> list[pl.Expr]:
    return [
        pl.lit(None, dtype=pl.String).alias("~override"),
        pl.lit(0, dtype=pl.Int32).alias("override.points"),
        pl.lit("none", dtype=NOTE_STATE).alias("override_state"),
    ]


def _overridden(frame: pl.LazyFrame, model: ScoringModel) -> pl.LazyFrame:
    at, band = pl.col("~units"), pl.col("~override")
    yellow, green, step = model.cut("yellow"), model.cut("green"), model.quantum_units
    inside = (
        pl.when(band == "red")
        .then(at.clip(0, yellow - step))
        .when(band == "yellow")
        .then(at.clip(yellow, green - step))
        .when(band == "green")
        .then(at.clip(green, FULL))
        .otherwise(at)
    )
    return frame.with_columns(
        pl.col("override_state").fill_null("none"),
        (inside - at).fill_null(0).cast(pl.Int32).alias("override.points"),
    ).with_columns((at + pl.col("override.points")).cast(pl.Int32).alias("~units"))


def _rounded(frame: pl.LazyFrame, model: ScoringModel) -> pl.LazyFrame:
    published = quantise(pl.col("~units"), model.quantum_units).cast(pl.Int32)
    frame = frame.with_columns(
        published.alias("score_units"),
        quantise(pl.col("~auto"), model.quantum_units).cast(pl.Int32).alias("auto_units"),
    )
    explained = total(pl.col(name).fill_null(0) for name in row_columns(model))
    return frame.with_columns(
        _points(pl.col("score_units")).alias("score"),
        _points(pl.col("auto_units")).alias("auto_score"),
        (pl.col("score_units") - FULL - explained).cast(pl.Int32).alias("rounding"),
    )


def _points(value: pl.Expr) -> pl.Expr:
    return divided(value.cast(pl.Float64), UNITS_PER_POINT).round(4)


def row_columns(model: ScoringModel) -> Sequence[str]:
    """Name the columns of all ledger rows but the start and the rounding, in the order they are applied."""
    return [
        *(f"{signal.id}.points" for signal in ordered_signals(model)),
        "family.points",
        *(f"{event_rows(rule)}.points" for rule in event_rules(model)),
        "events.limit.points",
        "pulse.points",
        *(f"{prefix(floor)}.points" for floor in model.floors),
        *(f"{prefix(cap)}.points" for cap in by_strictness(model)),
        "pulse_cap.points",
        "override.points",
    ]


def _looked_up(words: Mapping[str, object], word: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if not words:
        return pl.lit(None, dtype=kind)
    return word.replace_strict(list(words), list(words.values()), default=None, return_dtype=kind)


def _filled(name: str, present: pl.Schema) -> pl.Expr:
    if name not in present:
        return pl.lit(False)
    return (pl.col(name).cast(pl.String).str.strip_chars().str.len_chars() > 0).fill_null(False)
