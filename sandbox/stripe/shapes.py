"""How objects look on the wire, in version basil and before it.

What is stored is flat and short; an object is made from it when somebody asks. The two shapes differ in where
a period and an invoice's subscription stand.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.table import Row

BASIL = "2025-03-31"
ITEMS_SHOWN = 10
OBJECTS: Mapping[str, Mapping[str, Any]] = {
    "customers": {"id": None, "name": None, "email": None, "metadata": {}, "created": 0, "deleted": False},
    "subscriptions": {
        "id": None,
        "customer": None,
        "status": "active",
        "currency": "usd",
        "created": 0,
        "current_period_start": 0,
        "current_period_end": 0,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "collection_method": "charge_automatically",
        "pause_collection": None,
        "metadata": {},
        "items": (),
    },
    "invoices": {
        "id": None,
        "customer": None,
        "subscription": None,
        "status": "open",
        "currency": "usd",
        "created": 0,
        "finalized_at": None,
        "due_date": None,
        "paid_at": None,
        "amount_due": 0,
        "amount_remaining": None,
        "attempt_count": 0,
        "collection_method": "charge_automatically",
    },
}
"""What can be seeded, and what a record holds that does not say."""
ITEM: Mapping[str, Any] = {
    "id": None,
    "quantity": 1,
    "unit_amount": None,
    "unit_amount_decimal": None,
    "interval": "month",
    "interval_count": 1,
    "tiered": False,
    "metered": False,
    "current_period_end": None,
}
"""What an item of a subscription holds that does not say."""


def customer(row: Row, *, livemode: bool) -> dict[str, Any]:
    """Show a customer; of a deleted one only the id is left."""
    if row["deleted"]:
        return {"id": row["id"], "object": "customer", "deleted": True}
    return {
        "id": row["id"],
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": row["created"],
        "currency": None,
        "delinquent": False,
        "description": None,
        "email": row["email"],
        "livemode": livemode,
        "metadata": dict(row["metadata"]),
        "name": row["name"],
        "phone": None,
    }


def subscription(row: Row, shown_customer: Any, *, livemode: bool, old: bool) -> dict[str, Any]:
    """Show a subscription with its first items."""
    periods = {
        "current_period_end": row["current_period_end"],
        "current_period_start": row["current_period_start"],
    }
    return {
        "id": row["id"],
        "object": "subscription",
        "cancel_at": row["cancel_at"],
        "cancel_at_period_end": row["cancel_at_period_end"],
        "canceled_at": row["canceled_at"],
        "collection_method": row["collection_method"],
        "created": row["created"],
        "currency": row["currency"],
        "customer": shown_customer,
        "days_until_due": 30 if row["collection_method"] == "send_invoice" else None,
        "ended_at": row["ended_at"],
        "items": {
            "object": "list",
            "data": [item(row, each, old=old) for each in row["items"][:ITEMS_SHOWN]],
            "has_more": len(row["items"]) > ITEMS_SHOWN,
            "url": f"/v1/subscription_items?subscription={row['id']}",
        },
        "livemode": livemode,
        "metadata": dict(row["metadata"]),
        "pause_collection": row["pause_collection"],
        "start_date": row["created"],
        "status": row["status"],
        **(periods if old else {}),
    }


def item(row: Row, given: Mapping[str, Any], *, old: bool) -> dict[str, Any]:
    """Show one item of a subscription."""
    each = {**ITEM, **given}
    # Tiers have no amount of their own; fractions of the smallest unit have only the decimal one.
    amount = None if each["tiered"] else each["unit_amount"]
    as_decimal = each["unit_amount_decimal"] or (None if amount is None else str(amount))
    price = {
        "id": f"price_{str(each['id']).removeprefix('si_')}",
        "object": "price",
        "active": True,
        "billing_scheme": "tiered" if each["tiered"] else "per_unit",
        "currency": row["currency"],
        "recurring": {
            "interval": each["interval"],
            "interval_count": each["interval_count"],
            "meter": "mtr_usage" if each["metered"] else None,
            "usage_type": "metered" if each["metered"] else "licensed",
        },
        "tiers_mode": "graduated" if each["tiered"] else None,
        "transform_quantity": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": None if each["tiered"] else as_decimal,
    }
    periods = {
        "current_period_end": each["current_period_end"] or row["current_period_end"],
        "current_period_start": row["current_period_start"],
    }
    shown = {
        "id": each["id"],
        "object": "subscription_item",
        "created": row["created"],
        "metadata": {},
        "price": price,
        "subscription": row["id"],
        **({} if old else periods),
    }
    return shown if each["metered"] else {**shown, "quantity": each["quantity"]}


def invoice(
    row: Row, shown_customer: Any, metadata: Mapping[str, str], *, livemode: bool, old: bool
) -> dict[str, Any]:
    """Show an invoice; `metadata` is that of its subscription."""
    paid = row["status"] == "paid"
    remaining = row["amount_remaining"]
    if remaining is None:
        remaining = 0 if paid else row["amount_due"]
    details = {"metadata": dict(metadata), "subscription": row["subscription"]}
    where: dict[str, Any] = {
        "parent": {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
        if row["subscription"]
        else None
    }
    if old:
        where = {
            "subscription": row["subscription"],
            "subscription_details": {"metadata": dict(metadata)} if row["subscription"] else None,
            "paid": paid,
        }
    return {
        "id": row["id"],
        "object": "invoice",
        "amount_due": row["amount_due"],
        "amount_paid": row["amount_due"] - remaining,
        "amount_remaining": remaining,
        "attempt_count": row["attempt_count"],
        "attempted": row["attempt_count"] > 0,
        "billing_reason": "subscription_cycle" if row["subscription"] else "manual",
        "collection_method": row["collection_method"],
        "created": row["created"],
        "currency": row["currency"],
        "customer": shown_customer,
        "due_date": row["due_date"],
        "livemode": livemode,
        "metadata": {},
        "status": row["status"],
        "status_transitions": {
            "finalized_at": row["finalized_at"],
            "marked_uncollectible_at": None,
            "paid_at": row["paid_at"],
            "voided_at": None,
        },
        "total": row["amount_due"],
        **where,
    }
