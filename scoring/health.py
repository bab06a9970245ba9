"""Signals to one score: weights, coverage, caps, rounding, band and ledger, for all accounts at once.

The order is fixed: curve → freshness → category → composite with renewal boost → caps → quantise → band.
Every step is an expression over one row of a wide frame. No row looks at another, so an account has the same
result alone as among a million, to the bit. Signals, categories and caps are taken in the order of their ids,
so the order in the file does not matter either. Columns that begin with "~" are steps on the way.

Refuses to read a clock, to guess what is missing, and to publish a number without enough coverage.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from functools import reduce
from operator import add, and_, or_
from zoneinfo import ZoneInfo

import polars as pl

from scoring.account_fields import beside, field, local_date
from scoring.bands import advance
from scoring.caps import apply_caps, by_strictness, named_fields
from scoring.definition import DAY, UNITS_PER_POINT, Category, ScoringModel, Signal, model_hash
from scoring.exact import divided
from scoring.frames import PREVIOUS_SCHEMA
from scoring.model import InputState
from scoring.normalise import freshness, points, proximity, quantise, to_units

FULL = 100 * UNITS_PER_POINT
"""100 points in units: where every ledger starts."""
MIXED = 25.0
"""Weighted standard deviation between category scores above which they contradict each other."""
_NOISE = 1e-9
"""Shares are compared with their limits up to the noise of binary fractions."""


def score(
    signals: pl.DataFrame,
    accounts: pl.DataFrame,
    model: ScoringModel,
    *,
    as_of: datetime,
    refreshed_at: datetime | None,
    timezone: ZoneInfo,
    previous: pl.DataFrame | None = None,
    topics: Collection[str] | None = None,
    detail: bool = False,
) -> pl.DataFrame:
    """Score every account of `signals`, in its order; the columns are described in `scoring.frames`.

    `topics` are those that sources are there for: another set of them is another model, and bands everybody
    anew, quietly. `refreshed_at` is the instant of the newest complete read. Raises ConfigError where the condition of a cap
    does not fit the types of the account fields it names.
    """
    as_of, refreshed_at = as_of.astimezone(UTC), refreshed_at and refreshed_at.astimezone(UTC)
    wide = beside(signals, _account_columns(accounts, model, as_of, timezone))
    if previous is None:
        frame = wide.lazy().with_columns(
            pl.lit(None, dtype=dtype).alias(f"was.{name}")
            for name, dtype in PREVIOUS_SCHEMA.items()
            if name != "account_id"
        )
    else:
        frame = beside(wide, _was(previous)).lazy()
    model_id = model_hash(model) if topics is None else f"{model_hash(model)}:{','.join(sorted(topics))}"
    frame = _publish(
        apply_caps(_combine(_weigh(frame, model, model_id), model), wide.schema, model, as_of), model
    )
    frame = advance(frame, model, model_hash=model_id, as_of=as_of, refreshed_at=refreshed_at)
    return frame.select(_columns(model, detail=detail)).collect()


def _account_columns(
    accounts: pl.DataFrame, model: ScoringModel, as_of: datetime, timezone: ZoneInfo
) -> pl.DataFrame:
    today = local_date(as_of, timezone)
    return accounts.select(
        "account_id",
        field(accounts, "renewal_on", today, timezone).cast(pl.Float64).alias("~renewal_days"),
        (-field(accounts, "created_on", today, timezone).cast(pl.Float64)).alias("~tenure_days"),
        *(field(accounts, name, today, timezone).alias(f"account.{name}") for name in named_fields(model)),
    )


def _was(previous: pl.DataFrame) -> pl.DataFrame:
    return previous.select(
        "account_id",
        *(
            pl.col(name).cast(dtype).alias(f"was.{name}")
            for name, dtype in PREVIOUS_SCHEMA.items()
            if name != "account_id"
        ),
    )


def _signals(model: ScoringModel) -> list[Signal]:
    return sorted(model.signals, key=lambda signal: signal.id)


def _categories(model: ScoringModel) -> list[Category]:
    used = {signal.category for signal in model.signals}
    return sorted((item for item in model.categories if item.id in used), key=lambda item: item.id)


def _shares(weights: Sequence[float]) -> list[float]:
    """Scale weights to a sum of 1 in exact fractions: multiplying all of them changes no bit."""
    exact = [Fraction(repr(float(weight))) for weight in weights]
    total = sum(exact, Fraction(0)) or Fraction(1)
    return [float(weight / total) for weight in exact]


def _total(terms: Iterable[pl.Expr]) -> pl.Expr:
    """Add in the given order; polars' own horizontal sum promises none."""
    return reduce(add, terms)


def _weigh(frame: pl.LazyFrame, model: ScoringModel, model_id: str) -> pl.LazyFrame:
    """Per signal: is it live, how many points has it (s), with how much weight (w) and confidence (c)."""
    hold_days = model.hold_for / DAY
    facts: list[pl.Expr] = []
    for signal in _signals(model):
        name = signal.id
        down = pl.col(f"{name}.down_days")
        # What counts is the weight at the last complete read. Rounding to a tenth of a second keeps it the
        # same to the bit however long the source has been down since.
        age = (pl.col(f"{name}.age_days") - down).round(6)
        seen = pl.col(f"{name}.value").is_not_null() & (down <= hold_days)
        fresh = pl.when(seen).then(freshness(signal.effective_freshness, age)).otherwise(0.0)
        state = pl.col(f"{name}.state")
        empty = state == InputState.NO_DATA.value
        substituted = empty & (down <= hold_days) if _substitute(signal) is not None else pl.lit(False)
        outside = state.is_in([InputState.NOT_APPLICABLE.value, InputState.NOT_MATURE.value])
        facts += [
            fresh.alias(f"~{name}.f"),
            substituted.alias(f"~{name}.substituted"),
            (~outside).alias(f"~{name}.applies"),
        ]
    frame = frame.with_columns(facts)

    steps: list[pl.Expr] = []
    for category in _categories(model):
        inside = [signal for signal in _signals(model) if signal.category == category.id]
        for signal, weight in zip(inside, _shares([signal.weight for signal in inside]), strict=True):
            name = signal.id
            fresh, substituted = pl.col(f"~{name}.f"), pl.col(f"~{name}.substituted")
            live = (fresh > 0) | substituted
            curve = points(signal.normalise, pl.col(f"{name}.value"))
            certain = fresh * (1 - divided(pl.col(f"{name}.down_days"), hold_days))
            steps += [
                live.alias(f"~{name}.live"),
                pl.when(substituted)
                .then(_substitute(signal))
                .when(live)
                .then(curve)
                .otherwise(0.0)
                .alias(f"~{name}.s"),
                (weight * pl.when(substituted).then(1.0).otherwise(fresh)).alias(f"~{name}.w"),
                (weight * certain).alias(f"~{name}.c"),
                (weight * live.cast(pl.Float64)).alias(f"~{name}.live_w"),
                (weight * pl.col(f"~{name}.applies").cast(pl.Float64)).alias(f"~{name}.applies_w"),
            ]
    return frame.with_columns(steps).with_columns(_lost(model, model_id))


def _lost(model: ScoringModel, model_id: str) -> list[pl.Expr]:
    """Say which signals an outage has taken away: they counted when the account was last judged.

    What they said is not known any more, so a score without them is no news about the customer: the account
    has none until they are back (like for like, scoring c.11). An account that was never judged is not judged
    for the first time while a topic is silent.
    """
    same_model = (pl.col("was.model_hash") == model_id).fill_null(False)
    never_judged = pl.col("was.known_band").is_null()
    lost = []
    for place, signal in enumerate(_signals(model)):
        counted = same_model & ((pl.col("was.live").fill_null(0) // (1 << place)) % 2 == 1)
        gone = pl.col(f"{signal.id}.silent") & pl.col(f"~{signal.id}.applies") & ~pl.col(f"~{signal.id}.live")
        matters = pl.lit(signal.weight > 0)
        lost.append((matters & gone & (counted | never_judged)).alias(f"~{signal.id}.lost"))
    return lost


def _substitute(signal: Signal) -> float | None:
    """Give the points that stand in for missing data, None where nothing does."""
    match signal.on_no_data:
        case "exclude" | "required":
            return None
        case "worst":
            return 0.0
        case number:
            return float(number)


def _combine(frame: pl.LazyFrame, model: ScoringModel) -> pl.LazyFrame:
    """Signals to categories to one composite, with coverage and confidence."""
    categories = _categories(model)
    nominal = dict(zip((c.id for c in categories), _shares([c.weight for c in categories]), strict=True))
    near = proximity(model.renewal, pl.col("~renewal_days"))

    sums: list[pl.Expr] = []
    for category in categories:
        inside = [signal.id for signal in _signals(model) if signal.category == category.id]
        sums += [
            _total(pl.col(f"~{name}.w") for name in inside).alias(f"~~{category.id}.w"),
            _total(pl.col(f"~{name}.w") * pl.col(f"~{name}.s") for name in inside).alias(
                f"~~{category.id}.ws"
            ),
            _total(pl.col(f"~{name}.live_w") for name in inside).alias(f"~~{category.id}.live"),
            _total(pl.col(f"~{name}.applies_w") for name in inside).alias(f"~~{category.id}.applies"),
            _total(pl.col(f"~{name}.c") for name in inside).alias(f"~~{category.id}.c"),
        ]
    frame = frame.with_columns(sums)

    shares: list[pl.Expr] = []
    for category in categories:
        weight, applies = pl.col(f"~~{category.id}.w"), pl.col(f"~~{category.id}.applies")
        enough = pl.col(f"~~{category.id}.live") >= model.min_category_coverage * applies - _NOISE
        boost = model.renewal.boost.get(category.id, 0.0)
        boosted = nominal[category.id] * (1 + boost * near) if boost else pl.lit(nominal[category.id])
        relevant = pl.when(applies > 0)
        shares += [
            pl.when(enough & (weight > 0)).then(boosted).otherwise(0.0).alias(f"~~{category.id}.W"),
            divided(pl.col(f"~~{category.id}.ws"), weight).alias(f"~~{category.id}.S"),
            relevant.then(nominal[category.id]).otherwise(0.0).alias(f"~~{category.id}.nominal"),
            relevant.then(divided(nominal[category.id] * pl.col(f"~~{category.id}.live"), applies))
            .otherwise(0.0)
            .alias(f"~~{category.id}.covered"),
            relevant.then(divided(nominal[category.id] * pl.col(f"~~{category.id}.c"), applies))
            .otherwise(0.0)
            .alias(f"~~{category.id}.certain"),
        ]
    frame = frame.with_columns(shares)

    def total(part: str) -> pl.Expr:
        return _total(pl.col(f"~~{category.id}.{part}") for category in categories)

    def weighted(term: pl.Expr, category: Category) -> pl.Expr:
        share = pl.col(f"~~{category.id}.W")
        return pl.when(share > 0).then(share * term).otherwise(0.0)

    frame = frame.with_columns(total("W").alias("~W"), total("nominal").alias("~nominal"))
    composite = divided(_total(weighted(pl.col(f"~~{c.id}.S"), c) for c in categories), pl.col("~W")).clip(
        0, 100
    )
    tenure = model.min_tenure / DAY
    ripe = divided(pl.col("~tenure_days"), tenure).clip(0, 1).fill_null(1.0) if tenure else pl.lit(1.0)
    known = pl.col("~nominal") > 0
    required = [_absent(signal) for signal in _signals(model) if signal.on_no_data == "required"]
    frame = frame.with_columns(
        pl.when(pl.col("~W") > 0).then(composite).alias("~composite"),
        pl.when(known).then(divided(total("covered"), pl.col("~nominal"))).otherwise(0.0).alias("coverage"),
        pl.when(known)
        .then(divided(total("certain"), pl.col("~nominal")) * ripe)
        .otherwise(0.0)
        .alias("~certain"),
        reduce(or_, required, pl.lit(False)).alias("~absent"),
    )
    away = {c.id: pl.col(f"~~{c.id}.S") - pl.col("~composite") for c in categories}
    spread = divided(_total(weighted(away[c.id] * away[c.id], c) for c in categories), pl.col("~W"))
    publishable = reduce(
        and_,
        [
            pl.col("~composite").is_not_null(),
            pl.col("coverage") >= model.min_coverage - _NOISE,
            ~pl.col("~absent"),
            ~reduce(or_, (pl.col(f"~{signal.id}.lost") for signal in _signals(model))),
        ],
    )
    return frame.with_columns(
        pl.when(publishable).then(pl.col("~composite")).alias("composite"),
        pl.min_horizontal("~certain", "coverage").alias("confidence"),
        (publishable & (spread > MIXED**2)).fill_null(False).alias("mixed"),
        *(
            pl.when(pl.col(f"~~{category.id}.W") > 0)
            .then(divided(divided(pl.col(f"~~{category.id}.W"), pl.col("~W")), pl.col(f"~~{category.id}.w")))
            .otherwise(0.0)
            .alias(f"~~{category.id}.unit")
            for category in categories
        ),
    )


def _absent(signal: Signal) -> pl.Expr:
    return pl.col(f"~{signal.id}.applies") & ~pl.col(f"~{signal.id}.live")


def _publish(frame: pl.LazyFrame, model: ScoringModel) -> pl.LazyFrame:
    """Ledger rows, the published score, and the rounding row that makes them agree."""
    rows = {cap.id: f"cap.{cap.id}.points" for cap in by_strictness(model)}
    ledger = []
    for signal in _signals(model):
        effective = pl.col(f"~{signal.id}.w") * pl.col(f"~~{signal.category}.unit")
        counted = pl.col("composite").is_not_null() & (effective > 0)
        ledger += [
            pl.when(counted)
            .then(-to_units(effective * (100 - pl.col(f"~{signal.id}.s"))))
            .alias(f"{signal.id}.points"),
            pl.when(counted).then(effective).alias(f"{signal.id}.weight"),
            pl.when(counted).then(pl.col(f"~{signal.id}.s")).alias(f"{signal.id}.score"),
        ]
    published = quantise(pl.col("~capped_units"), model.quantum_units).cast(pl.Int32)
    frame = frame.with_columns(*ledger, published.alias("score_units"))
    explained = _total(
        [
            *(pl.col(f"{signal.id}.points").fill_null(0) for signal in _signals(model)),
            *(pl.col(row).fill_null(0) for row in rows.values()),
        ]
    )
    bits = _total(
        (pl.col(f"~{signal.id}.live") | pl.col(f"~{signal.id}.lost")).cast(pl.Int64) * (1 << place)
        for place, signal in enumerate(_signals(model))
    )
    return frame.with_columns(
        divided(pl.col("score_units").cast(pl.Float64), UNITS_PER_POINT).round(4).alias("score"),
        (pl.col("score_units") - FULL - explained).cast(pl.Int32).alias("rounding"),
        bits.alias("live"),
    )


def _columns(model: ScoringModel, *, detail: bool) -> list[str]:
    per_signal = ("points", "score", "weight") if detail else ("points",)
    return [
        "account_id",
        "score",
        "score_units",
        "composite",
        "coverage",
        "confidence",
        "mixed",
        *(f"{signal.id}.{part}" for signal in _signals(model) for part in per_signal),
        *(f"cap.{cap.id}.{part}" for cap in by_strictness(model) for part in ("points", "state")),
        "rounding",
        "entered_from",
        "pending_band",
        "migrated",
        *(name for name in PREVIOUS_SCHEMA if name != "account_id"),
    ]
