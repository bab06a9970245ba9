"""Who the customers are: names, domains, segments, contracts, owners; and how each would do in good health.

One row per customer. Days are whole numbers since 1970-01-01, as polars and `date` count them. Decides
nothing about what happens to a customer later.
"""

import math

import polars as pl

from sandbox.salesforce.ids import new_id
from sandbox.world import names
from sandbox.world.chance import Chance

YEAR, MONTH = 365, 30
"""Days in a contract year and in a billing month: whole numbers, so that every boundary is a product."""
FIRST_NUMBER = 1_000_000
"""Record ids of the world start here, out of the way of those that the systems give themselves."""
LEAST_OWNERS, ACCOUNTS_PER_OWNER = 6, 60

_n = pl.col("n")


def owner_count(accounts: int) -> int:
    """Tell how many people look after this many accounts."""
    return max(LEAST_OWNERS, math.ceil(accounts / ACCOUNTS_PER_OWNER))


def salesforce_id(key_prefix: str, number: int) -> str:
    """Give the id that a record of the world has in Salesforce."""
    return new_id(key_prefix, FIRST_NUMBER + number)


def customers(chance: Chance, accounts: int, start_day: int) -> pl.DataFrame:
    """Draw this many customers, all of them under contract on the start day."""
    frame = pl.DataFrame({"n": pl.int_range(0, accounts, eager=True)})
    frame = frame.with_columns(
        account_key="acct-" + (_n + 1).cast(pl.String).str.zfill(6),
        salesforce_id=pl.Series([salesforce_id("001", number) for number in range(accounts)]),
    )
    return _with_habits(chance, _with_contract(chance, _with_name(chance, frame), accounts, start_day))


def _with_name(chance: Chance, frame: pl.DataFrame) -> pl.DataFrame:
    place = ((_n + chance.whole("first company", 0, names.MOST, 0)) * names.STRIDE) % names.MOST
    parts = frame.select(
        first=place // (len(names.SECOND) * len(names.KIND)),
        second=(place // len(names.KIND)) % len(names.SECOND),
        kind=place % len(names.KIND),
    )
    first, second, kind = (
        pl.Series(words).gather(parts[column])
        for column, words in (("first", names.FIRST), ("second", names.SECOND), ("kind", names.KIND))
    )
    frame = frame.with_columns(
        name=first + second + " " + kind,
        _own_domain=(first + second + "-" + kind).str.to_lowercase() + ".example",
        industry=kind.replace_strict(names.INDUSTRY, default="Technology"),
    )
    # A few share the domain of the customer before them (a group with two contracts), a few have none.
    shared = (chance.uniform("shared domain", _n) < 0.02) & (_n > 0)
    missing = chance.uniform("no domain", _n) < 0.03
    domain = pl.when(shared).then(pl.col("_own_domain").shift(1)).otherwise(pl.col("_own_domain"))
    return frame.with_columns(domain=pl.when(missing).then(pl.lit("")).otherwise(domain)).drop("_own_domain")


def _with_contract(chance: Chance, frame: pl.DataFrame, accounts: int, start_day: int) -> pl.DataFrame:
    drawn = chance.uniform("segment", _n)
    size = chance.uniform("seats", _n)
    segment = pl.col("segment")

    def seats(least: int, most: int) -> pl.Expr:
        return ((size * math.log(most / least)).exp() * least).round().cast(pl.Int64)

    def by_segment(enterprise: pl.Expr, mid_market: pl.Expr, small: pl.Expr) -> pl.Expr:
        choice = pl.when(segment == "Enterprise").then(enterprise)
        return choice.when(segment == "Mid-Market").then(mid_market).otherwise(small)

    frame = frame.with_columns(
        segment=pl.when(drawn < 0.07)
        .then(pl.lit("Enterprise"))
        .when(drawn < 0.30)
        .then(pl.lit("Mid-Market"))
        .otherwise(pl.lit("SMB"))
    ).with_columns(
        seats=by_segment(seats(200, 2500), seats(30, 250), seats(5, 40)),
        plan=by_segment(
            pl.lit("Enterprise"),
            pl.when(chance.uniform("plan", _n) < 0.6).then(pl.lit("Business")).otherwise(pl.lit("Team")),
            pl.when(chance.uniform("plan", _n) < 0.4).then(pl.lit("Team")).otherwise(pl.lit("Starter")),
        ),
        monthly=chance.uniform("billing", _n) < by_segment(pl.lit(0.0), pl.lit(0.25), pl.lit(0.6)),
        owner=chance.whole("owner", 0, owner_count(accounts), _n),
        since=start_day
        - pl.when(chance.uniform("new", _n) < 0.08)
        .then(chance.whole("new days", 5, 100, _n))
        .otherwise(chance.whole("old days", 100, 1800, _n)),
        signed_second=chance.whole("signed", 8 * 3600, 18 * 3600, _n),
    )
    price = pl.col("plan").replace_strict({"Starter": 19, "Team": 39, "Business": 59, "Enterprise": 79})
    return frame.with_columns(
        seat_price=price,
        arr=price * pl.col("seats") * 12,
        term_days=pl.when("monthly").then(MONTH).otherwise(YEAR),
    )


def _with_habits(chance: Chance, frame: pl.DataFrame) -> pl.DataFrame:
    tickets_a_month = {"Enterprise": 4.0, "Mid-Market": 1.2, "SMB": 0.4}
    return frame.with_columns(
        adoption=chance.between("adoption", 0.45, 0.92, _n),
        growth_a_year=chance.between("growth", -0.10, 0.35, _n),
        open_weekends=chance.uniform("weekends", _n) < 0.1,
        events_a_user=chance.between("events", 8, 60, _n),
        features=chance.whole("features", 6, 21, _n),
        tickets_a_day=pl.col("segment").replace_strict(tickets_a_month)
        / 30
        * chance.between("tickets", 0.4, 1.6, _n),
    )
