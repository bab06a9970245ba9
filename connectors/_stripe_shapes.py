"""Shapes of Stripe's answers, as far as we look at them.

Both that of version basil and the one before are read: where a period and an invoice's subscription stand
has changed. Times are unix seconds.
"""

from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field


class Customer(BaseModel):
    """A customer as it is expanded; of a deleted one only the id is left."""

    id: str
    deleted: bool = False
    name: str | None = None
    email: str | None = None
    metadata: dict[str, str] | None = None


class Recurring(BaseModel):
    """How often a price is due."""

    interval: Literal["day", "week", "month", "year"]
    interval_count: int = Field(default=1, ge=1)
    usage_type: str = "licensed"


class Package(BaseModel):
    """How many pieces are sold as one."""

    divide_by: int = Field(ge=1)
    round: Literal["up", "down"]


class Price(BaseModel):
    """What one unit costs, in the smallest unit of the currency; without an amount it depends."""

    recurring: Recurring | None = None
    unit_amount: int | None = None
    unit_amount_decimal: Decimal | None = None
    transform_quantity: Package | None = None


class Item(BaseModel):
    """One line of a subscription."""

    id: str
    quantity: int | None = None
    price: Price
    current_period_end: AwareDatetime | None = None


class ItemList(BaseModel):
    """The lines of a subscription; more than ten have to be asked for."""

    data: list[Item]
    has_more: bool = False


class Pause(BaseModel):
    """Collection is paused; the status does not say so."""

    behavior: str | None = None


class Subscription(BaseModel):
    """A subscription, as far as we look at it."""

    id: str
    livemode: bool
    customer: str | Customer
    status: str
    currency: str
    created: AwareDatetime
    start_date: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    cancel_at: AwareDatetime | None = None
    cancel_at_period_end: bool = False
    current_period_end: AwareDatetime | None = None
    pause_collection: Pause | None = None
    metadata: dict[str, str] | None = None
    items: ItemList


class SubscriptionDetails(BaseModel):
    """The subscription an invoice bills, with its metadata of that day."""

    metadata: dict[str, str] | None = None


class Parent(BaseModel):
    """What an invoice was made from."""

    subscription_details: SubscriptionDetails | None = None


class Transitions(BaseModel):
    """When an invoice went from one status to the next."""

    finalized_at: AwareDatetime | None = None


class Invoice(BaseModel):
    """An invoice, as far as we look at it."""

    id: str
    livemode: bool
    customer: str | Customer | None = None
    status: str | None = None
    currency: str
    created: AwareDatetime
    due_date: AwareDatetime | None = None
    amount_due: int
    amount_remaining: int | None = None
    attempt_count: int = 0
    status_transitions: Transitions = Transitions()
    parent: Parent | None = None
    subscription_details: SubscriptionDetails | None = None
    """Before version basil it was here."""


class SubscriptionPage(BaseModel):
    """One page of subscriptions, newest first."""

    data: list[Subscription]
    has_more: bool


class InvoicePage(BaseModel):
    """One page of invoices, newest first."""

    data: list[Invoice]
    has_more: bool
