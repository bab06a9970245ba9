"""Subscriptions and invoices: what each customer pays, and whether it does, as of an instant.

All times are unix seconds; each term begins at the second the contract was signed. Gives rows for the billing
stand-in, knowing how it names fields, not how it works.
"""

import polars as pl

from sandbox.world.chance import Chance
from sandbox.world.fates import strain

DAY, HOUR = 86400, 3600
LONGEST_INVOICE_DAYS = 135
"""From creation to the last thing that happens to an invoice."""
RETRY_DAYS = (3, 8, 15)
"""When a failed collection is tried again."""
NEW_CARD_DAYS = 24
"""When a customer who stays has found out that the card does not work."""
GIVE_UP_DAYS = {"automatic": 30, "send": 120}
SENT_DUE_DAYS = 30

_n = pl.col("n")
_signed = pl.col("since") * DAY + pl.col("signed_second")
_term = pl.col("term_days") * DAY
_leaves = pl.col("leaves") * DAY + pl.col("signed_second")


def changed_subscriptions(
    chance: Chance, customers: pl.DataFrame, after: int | None, until: int
) -> pl.DataFrame:
    """Give all subscriptions that are another than they were, as of `until`; all there are for None."""
    now = _subscriptions(chance, customers, until)
    if after is None:
        return now
    before = _subscriptions(chance, customers, after)
    states = ("status", "period_start", "cancel_at", "at_period_end", "ended_at")
    same = pl.all_horizontal(pl.Series(now[each].eq_missing(before[each])) for each in states)
    return now.filter(~now.select(same).to_series())


def _subscriptions(chance: Chance, customers: pl.DataFrame, at: int) -> pl.DataFrame:
    ended = _leaves <= at
    # The last term of those who left, the running one of all others.
    counted = pl.when(ended).then(_leaves - 1).otherwise(pl.lit(at))
    start = _signed + (counted - _signed) // _term * _term
    noticed = pl.col("notice") * DAY + 10 * HOUR
    told = noticed <= at
    last_term = pl.col("period_end") >= _leaves
    by_period = told & last_term & (chance.uniform("at period end", _n) < 0.5)
    invoices = _fates(chance, customers.lazy().with_columns(signed=_signed, begins=start))
    failing = (
        invoices.select((pl.col("automatic") & pl.col("fails") & (at >= pl.col("created") + HOUR))
        & (pl.col("paid").is_null() | (pl.col("paid") > at))).collect().to_series()
    )  # fmt: skip
    return (
        customers.lazy()
        .with_columns(created=_signed, period_start=start, period_end=start + _term)
        .with_columns(
            status=pl.when(ended)
            .then(pl.lit("canceled"))
            .when(pl.Series(failing))
            .then(pl.lit("past_due"))
            .otherwise(pl.lit("active")),
            cancel_at=pl.when(told | ended & noticed.is_not_null()).then(_leaves),
            at_period_end=by_period.fill_null(False) & ~ended.fill_null(False),
            canceled_at=pl.when(told).then(noticed).when(ended).then(_leaves),
            ended_at=pl.when(ended).then(_leaves),
            automatic=_automatic(),
        )
        .collect()
    )


def changed_invoices(
    chance: Chance, customers: pl.DataFrame, epoch_day: int, after: int, until: int
) -> pl.DataFrame:
    """Give all invoices to which something happened after one instant and not after another, as they then are.

    No invoice is older than `epoch_day`.
    """
    oldest = max(epoch_day * DAY, after - LONGEST_INVOICE_DAYS * DAY)
    # Monthly terms bring the most of them.
    most = (until - oldest) // (30 * DAY) + 2
    begun = (until - _signed) // _term
    frames = [
        customers.lazy()
        .with_columns(signed=_signed, term=begun - back)
        .with_columns(begins=_signed + pl.col("term") * _term)
        .filter((pl.col("term") >= 0) & (pl.col("begins") > oldest) & (pl.col("begins") <= until))
        .filter(_leaves.is_null() | (pl.col("begins") < _leaves))
        for back in range(most)
    ]
    fates = _fates(chance, pl.concat(frames))
    moments = ["created", "finalized", "first_retry", "second_retry", "third_retry", "paid", "given_up"]
    happened = [pl.when(pl.col(name) <= until).then(pl.col(name)) for name in moments]
    attempts = pl.sum_horizontal(
        (pl.col(name) <= until).fill_null(False).cast(pl.Int64)
        for name in ("finalized", "first_retry", "second_retry", "third_retry")
    )
    return (
        fates.filter(pl.max_horizontal(happened) > after)
        .with_columns(
            status=pl.when(pl.col("paid") <= until)
            .then(pl.lit("paid"))
            .when(pl.col("given_up") <= until)
            .then(pl.lit("uncollectible"))
            .when(pl.col("finalized") <= until)
            .then(pl.lit("open"))
            .otherwise(pl.lit("draft")),
            attempts=pl.when("automatic").then(attempts).otherwise(0),
            paid_at=pl.when(pl.col("paid") <= until).then(pl.col("paid")),
            finalized_at=pl.when(pl.col("finalized") <= until).then(pl.col("finalized")),
        )
        .sort("created", "n")
        .collect()
    )


def _automatic() -> pl.Expr:
    """Say whether a card is charged; the others get an invoice with a due date."""
    return (pl.col("segment") == "SMB") | pl.col("monthly")


def _fates(chance: Chance, begun: pl.LazyFrame) -> pl.LazyFrame:
    """Add what happens to the invoice of each term that begins at `begins`."""
    bill = (_n, (pl.col("begins") - pl.col("signed")) // _term)
    created = pl.col("begins")

    def days(purpose: str, least: float, most: float) -> pl.Expr:
        return chance.whole(purpose, int(least * DAY), int(most * DAY), *bill)

    strained = pl.col("strain")
    at_retry = chance.uniform("at retry", *bill)
    recovered = (
        pl.when(at_retry < 0.45).then(RETRY_DAYS[0])
        .when(at_retry < 0.7).then(RETRY_DAYS[1])
        .when(at_retry < 0.85).then(RETRY_DAYS[2])
        .when((_leaves < created + 60 * DAY).fill_null(False)).then(None)
        .otherwise(NEW_CARD_DAYS)
    )  # fmt: skip
    late_days = pl.when(chance.uniform("paid at all", *bill) < 0.95 - 0.3 * strained).then(
        SENT_DUE_DAYS * DAY + days("late by", 3, 45)
    )
    draw = chance.uniform("late", *bill)
    frame = begun.with_columns(strain=strain(chance, created // DAY), automatic=_automatic(), created=created)
    frame = frame.with_columns(
        fails=pl.when("automatic")
        .then(draw < 0.03 + 0.35 * strained)
        .otherwise(draw < 0.06 + 0.55 * strained),
        finalized=created + HOUR,
    )
    paid_by_card = pl.when("fails").then(created + HOUR + recovered * DAY).otherwise(created + HOUR + 5)
    paid_by_transfer = created + pl.when("fails").then(late_days).otherwise(days("paid after", 2, 29))
    frame = frame.with_columns(
        paid=pl.when("automatic").then(paid_by_card).otherwise(paid_by_transfer),
        due=pl.when("automatic").then(None).otherwise(created + HOUR + SENT_DUE_DAYS * DAY),
    )
    failed_card = pl.col("automatic") & pl.col("fails")

    def retried(after_days: int) -> pl.Expr:
        moment = created + HOUR + after_days * DAY
        tried = failed_card & (pl.col("paid").is_null() | (moment <= pl.col("paid")))
        return pl.when(tried).then(moment)

    give_up = pl.when("automatic").then(GIVE_UP_DAYS["automatic"]).otherwise(GIVE_UP_DAYS["send"])
    return frame.with_columns(
        first_retry=retried(RETRY_DAYS[0]),
        second_retry=retried(RETRY_DAYS[1]),
        third_retry=retried(RETRY_DAYS[2]),
        given_up=pl.when(pl.col("paid").is_null()).then(created + give_up * DAY),
    )
