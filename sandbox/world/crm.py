"""What stands about the customers in Salesforce and HubSpot, and what their users change there later.

A renewal moves the term on; a new customer is live after its first months; a lost one is no customer any more
a few days after its contract has ended.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from sandbox.world import names
from sandbox.world.chance import Chance
from sandbox.world.customers import FIRST_NUMBER, YEAR, salesforce_id

ONBOARDING_DAYS = 90
ENTERED_AT = timedelta(hours=9)
"""When in the day people change records."""
EPOCH = date(1970, 1, 1)
STATES = ("stage", "renewal", "term_start", "customer")

_n = pl.col("n")


def states(chance: Chance, customers: pl.DataFrame, day: int) -> pl.DataFrame:
    """Tell stage, renewal, start of term and whether it counts as a customer, as entered by a day."""
    since = pl.col("since")
    told = pl.col("leaves") + chance.whole("entered after", 1, 6, _n)
    lost = (told <= day).fill_null(False)
    counted = pl.min_horizontal(pl.lit(day), pl.col("leaves") - 1)
    term_start = since + (counted - since) // YEAR * YEAR
    return customers.select(
        "n",
        stage=pl.when(lost)
        .then(pl.lit("Churned"))
        .when(day - since < ONBOARDING_DAYS)
        .then(pl.lit("Onboarding"))
        .otherwise(pl.lit("Live")),
        term_start=term_start,
        renewal=pl.when(lost).then(pl.col("leaves")).otherwise(term_start + YEAR),
        customer=~lost,
    )


def changed_states(chance: Chance, customers: pl.DataFrame, after: int, until: int) -> pl.DataFrame:
    """Give the states that are another on one day than on an earlier one."""
    before, now = states(chance, customers, after), states(chance, customers, until)
    same = pl.all_horizontal(pl.Series(now[each].eq_missing(before[each])) for each in STATES)
    return now.filter(~now.select(same).to_series())


def people(count: int) -> list[tuple[str, str, bool]]:
    """Name the account owners: given name, family name, and whether they still work there."""
    places = len(names.FAMILY)
    return [
        (
            names.GIVEN[number % len(names.GIVEN)],
            names.FAMILY[(number * 5 + number // places) % places],
            # Every sixth has left, and still owns accounts.
            number % 6 != 5,
        )
        for number in range(count)
    ]


def salesforce_users(count: int) -> list[dict[str, Any]]:
    """Give the owners as users."""
    return [
        {
            "Id": salesforce_id("005", number),
            "Name": f"{given} {family}",
            "Email": _address(given, family, number),
            "Username": _address(given, family, number),
            "IsActive": active,
        }
        for number, (given, family, active) in enumerate(people(count))
    ]


def hubspot_owners(count: int) -> list[dict[str, Any]]:
    """Give the owners as owners."""
    return [
        {
            "id": str(FIRST_NUMBER + number),
            "user_id": FIRST_NUMBER + number,
            "email": _address(given, family, number),
            "first_name": given,
            "last_name": family,
            "archived": not active,
        }
        for number, (given, family, active) in enumerate(people(count))
    ]


def salesforce_accounts(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give customers with their states as accounts."""
    for row in rows:
        yield {
            "Id": row["salesforce_id"],
            "Name": row["name"],
            "Website": f"https://www.{row['domain']}" if row["domain"] else None,
            "Industry": row["industry"],
            "Segment__c": row["segment"],
            "ARR__c": row["arr"],
            "NumberOfEmployees": row["seats"] * 4,
            "OwnerId": salesforce_id("005", row["owner"]),
            "External_Key__c": row["account_key"],
            "Customer_Since__c": _day(row["since"]),
            "CreatedDate": moment(row["since"]),
            **_salesforce_state(row),
        }


def salesforce_changes(rows: Iterable[Mapping[str, Any]], day: int) -> Iterator[dict[str, Any]]:
    """Give changed states as changes of accounts, made in the morning of a day."""
    stamps = {"LastModifiedDate": moment(day), "SystemModstamp": moment(day)}
    for row in rows:
        yield {"Id": salesforce_id("001", row["n"]), **_salesforce_state(row), **stamps}


def hubspot_companies(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give customers with their states as companies."""
    for row in rows:
        yield {
            "id": _company_id(row["n"]),
            "name": row["name"],
            "domain": row["domain"] or None,
            "industry": row["industry"],
            "segment": row["segment"],
            "annualrevenue": row["arr"],
            "external_key": row["account_key"],
            "salesforce_account_id": row["salesforce_id"],
            "hubspot_owner_id": str(FIRST_NUMBER + row["owner"]),
            "createdate": moment(row["since"]).isoformat(),
            **_hubspot_state(row),
        }


def hubspot_changes(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give changed states as changes of companies."""
    for row in rows:
        yield {"id": _company_id(row["n"]), **_hubspot_state(row)}


def moment(day: int) -> datetime:
    """Tell when people change records on a day."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day) + ENTERED_AT


def _salesforce_state(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Type": "Customer" if row["customer"] else "Other",
        "Stage__c": row["stage"],
        "Renewal_Date__c": _day(row["renewal"]),
        "Term_Start__c": _day(row["term_start"]),
    }


def _hubspot_state(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "lifecyclestage": "customer" if row["customer"] else "other",
        "renewal_date": _day(row["renewal"]).isoformat(),
    }


def _company_id(number: int) -> str:
    return str(17_900_000_000 + number)


def _address(given: str, family: str, number: int) -> str:
    return f"{given}.{family}{number}@vendor.example".lower()


def _day(number: int) -> date:
    return EPOCH + timedelta(days=number)
