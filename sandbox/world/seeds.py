"""The world's records in the words of the support and the billing system.

Here is decided how well a customer can be recognised there: by the Salesforce id, by a domain only, or not
at all. Ids are functions of the customer's number, so that a record is the same one in every run.
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from sandbox.world import names
from sandbox.world.chance import Chance

ORGANIZATIONS, USERS = 5_000_000, 9_000_000
"""First ids."""
PERSONAL = "personal-mail.example"
"""Where people of customers without a domain have their address."""

_n = pl.col("n")


def _known_by(chance: Chance) -> pl.Expr:
    """Tell how support knows a customer: by id, by domain, or as no organization at all."""
    drawn = chance.uniform("known to support", _n)
    return (
        pl.when(drawn < 0.85)
        .then(pl.lit("id"))
        .when(drawn < 0.95)
        .then(pl.lit("domain"))
        .otherwise(pl.lit("nothing"))
    )


def zendesk_organizations(chance: Chance, customers: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Give the organizations."""
    wanted = customers.with_columns(known_by=_known_by(chance)).filter(pl.col("known_by") != "nothing")
    for row in wanted.iter_rows(named=True):
        yield {
            "id": ORGANIZATIONS + row["n"],
            "name": row["name"],
            "external_id": row["salesforce_id"] if row["known_by"] == "id" else None,
            "domain_names": [row["domain"]] if row["domain"] else [],
            "organization_fields": {"plan": row["plan"].lower()},
            "created_at": row["since"] * 86400 + row["signed_second"],
        }


def zendesk_users(chance: Chance, tickets: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Give the people who wrote these tickets."""
    wanted = tickets.unique(["n", "requester"], maintain_order=True).with_columns(known_by=_known_by(chance))
    for row in wanted.iter_rows(named=True):
        given = names.GIVEN[(row["n"] + row["requester"] * 7) % len(names.GIVEN)]
        family = names.FAMILY[(row["n"] // 19 + row["requester"] * 5) % len(names.FAMILY)]
        yield {
            "id": _user_id(row),
            "name": f"{given} {family}",
            "email": f"{given}.{family}.{row['requester']}@{row['domain'] or PERSONAL}".lower(),
            "organization_id": None if row["known_by"] == "nothing" else ORGANIZATIONS + row["n"],
        }


def zendesk_tickets(chance: Chance, tickets: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Give the tickets."""
    wanted = tickets.with_columns(
        no_organization=pl.col("without_organization") | (_known_by(chance) == "nothing")
    )
    for row in wanted.iter_rows(named=True):
        yield {
            "id": row["id"],
            "organization_id": None if row["no_organization"] else ORGANIZATIONS + row["n"],
            "requester_id": _user_id(row),
            "status": row["status"],
            "priority": row["priority"],
            "score": row["score"],
            "created_at": row["created"],
            "updated_at": row["updated"],
            "generated_timestamp": row["generated"],
            "solved_at": row["solved"] if row["status"] in ("solved", "closed") else None,
        }


def stripe_customers(chance: Chance, customers: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Give the paying customers: most carry the Salesforce id, the others only an address."""
    wanted = customers.with_columns(
        by_id=(chance.uniform("known to billing", _n) < 0.85) | (pl.col("domain") == "")
    )
    for row in wanted.iter_rows(named=True):
        yield {
            "id": _customer_id(row["n"]),
            "name": row["name"],
            "email": f"billing@{row['domain'] or PERSONAL}",
            "metadata": {"salesforce_account_id": row["salesforce_id"]} if row["by_id"] else {},
            "created": row["since"] * 86400 + row["signed_second"],
        }


def stripe_subscriptions(chance: Chance, subscriptions: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Give the subscriptions with their items."""
    wanted = subscriptions.with_columns(_currency(chance), kind=chance.uniform("kind of price", _n))
    for row in wanted.iter_rows(named=True):
        yield {
            "id": _subscription_id(row["n"]),
            "customer": _customer_id(row["n"]),
            "status": row["status"],
            "currency": row["currency"],
            "created": row["created"],
            "current_period_start": row["period_start"],
            "current_period_end": row["period_end"],
            "cancel_at": row["cancel_at"],
            "cancel_at_period_end": row["at_period_end"],
            "canceled_at": row["canceled_at"],
            "ended_at": row["ended_at"],
            "collection_method": "charge_automatically" if row["automatic"] else "send_invoice",
            "items": _items(row),
        }


def stripe_invoices(chance: Chance, invoices: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Give the invoices."""
    for row in invoices.with_columns(_currency(chance)).iter_rows(named=True):
        term = (row["begins"] - row["signed"]) // (row["term_days"] * 86400)
        yield {
            "id": f"in_{row['n'] + 1:08}t{term:04}",
            "customer": _customer_id(row["n"]),
            "subscription": _subscription_id(row["n"]),
            "status": row["status"],
            "currency": row["currency"],
            "created": row["created"],
            "finalized_at": row["finalized_at"],
            "due_date": row["due"],
            "paid_at": row["paid_at"],
            "amount_due": row["seats"] * _unit_amount(row),
            "attempt_count": row["attempts"],
            "collection_method": "charge_automatically" if row["automatic"] else "send_invoice",
        }


def _items(row: dict[str, Any]) -> list[dict[str, Any]]:
    interval = "month" if row["monthly"] else "year"
    number = row["n"] + 1
    seats: dict[str, Any] = {"id": f"si_{number:08}a", "quantity": row["seats"], "interval": interval}
    # A few prices have tiers, and so no amount; a few customers also pay by use.
    seats |= {"tiered": True} if row["kind"] < 0.02 else {"unit_amount": _unit_amount(row)}
    if row["kind"] < 0.93:
        return [seats]
    return [seats, {"id": f"si_{number:08}b", "metered": True, "unit_amount": 2, "interval": interval}]


def _currency(chance: Chance) -> pl.Expr:
    drawn = chance.uniform("currency", _n)
    return (
        pl.when(drawn < 0.75)
        .then(pl.lit("usd"))
        .when(drawn < 0.96)
        .then(pl.lit("eur"))
        .otherwise(pl.lit("jpy"))
        .alias("currency")
    )


def _unit_amount(row: dict[str, Any]) -> int:
    """Give the price of a seat for a term in the smallest unit: cents, or yen at 150 to the dollar."""
    price: int = row["seat_price"] * (1 if row["monthly"] else 12)
    return price * (150 if row["currency"] == "jpy" else 100)


def _user_id(row: dict[str, Any]) -> int:
    return USERS + int(row["n"]) * 10 + int(row["requester"])


def _customer_id(number: int) -> str:
    return f"cus_{number + 1:08}"


def _subscription_id(number: int) -> str:
    return f"sub_{number + 1:08}"
