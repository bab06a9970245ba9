"""Reads Stripe: subscriptions with their customers, and open invoices.

Both are snapshots, because no list of Stripe's can be filtered by change. All statuses are asked for: the
default listing leaves out what was cancelled, and with it every churned customer.

It refuses objects of a test mode account unless told otherwise, adds no amounts of different currencies,
and gives no amount at all where one part of it is unknown: a tier, an amount the customer chooses. What is
billed by usage is not in the amount, and discounts are not taken off.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TypeVar

from pydantic import BaseModel

from connectors._base import SETTINGS, CheckResult, Context, Page, Since, Stream
from connectors._domains import email_domain
from connectors._policy import Policy
from connectors._secrets import Secret
from connectors._stripe_shapes import (
    Customer,
    Invoice,
    InvoicePage,
    Item,
    ItemList,
    Subscription,
    SubscriptionPage,
)
from connectors._times import instant_text
from connectors.http import BaseUrl, Bearer, Http, Params, Purpose, Request
from scoring.errors import CredentialsError, PayloadError, RejectedError
from scoring.model import Fact, SourceAccount

# The first version with the periods on the items; later ones answer in the same shape where we look.
VERSION = "2025-03-31.basil"
EXPANDED: Params = {"expand[]": "data.customer"}
TEST_MODE = "belongs to a test mode account; use a live one, or set allow_test_mode = true"
# https://docs.stripe.com/currencies; UGX and ISK are sent with two decimals that are always 00
WITHOUT_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
WITH_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
MONTHS_PER: dict[str, Decimal] = {
    "day": Decimal(12) / 365,
    "week": Decimal(84) / 365,
    "month": Decimal(1),
    "year": Decimal(12),
}


class StripeSettings(BaseModel):
    """What the admin may write in `[sources.<name>]` with `type = "stripe"`."""

    model_config = SETTINGS

    api_key: Secret
    """A restricted key (rk_live_…) that may read customers, subscriptions and invoices."""
    base_url: BaseUrl = "https://api.stripe.com/"
    """Another address than Stripe's; for tests and the sandbox."""
    metadata_key: str = ""
    """Key in a customer's metadata, or else a subscription's, that holds the CRM id."""
    allow_test_mode: bool = False
    """Accept objects of a test mode account."""


ListPage = TypeVar("ListPage", SubscriptionPage, InvoicePage, ItemList)


def subscription_fact(subscription: Subscription, items: Sequence[Item], since: Since) -> Fact:
    """Make the fact of a subscription from it and all its items."""
    ends = [item.current_period_end for item in items if item.current_period_end]
    period_end = min(ends, default=subscription.current_period_end)
    cancel_at = subscription.cancel_at or (period_end if subscription.cancel_at_period_end else None)
    paused = subscription.pause_collection is not None and subscription.ended_at is None
    amount = monthly_amount(items, subscription.currency)
    quantities = [item.quantity for item in items if item.quantity is not None and not _is_metered(item)]
    return Fact(
        topic="subscriptions",
        source_id=subscription.id,
        account_key=_customer_id(subscription.customer),
        observed_at=since.now,
        body={
            "started_at": instant_text(subscription.start_date or subscription.created),
            "renewal_at": instant_text(period_end) if period_end and not subscription.ended_at else None,
            "cancel_at": instant_text(cancel_at) if cancel_at else None,
            "ended_at": instant_text(subscription.ended_at) if subscription.ended_at else None,
            "status": "paused" if paused else subscription.status,
            "monthly_amount": None if amount is None else float(amount),
            "currency": subscription.currency.upper(),
            "seats": sum(quantities) if quantities else None,
        },
    )


def invoice_fact(invoice: Invoice, since: Since) -> Fact:
    """Make the fact of an open invoice; `amount_due` is what remains to be paid.

    An invoice that is collected automatically has no due date; it is due since it was final once a
    collection has been tried and the invoice is still open.
    """
    tried = invoice.status_transitions.finalized_at or invoice.created
    due_at = invoice.due_date or (tried if invoice.attempt_count else None)
    remaining = invoice.amount_due if invoice.amount_remaining is None else invoice.amount_remaining
    return Fact(
        topic="invoices",
        source_id=invoice.id,
        account_key=_customer_id(invoice.customer),
        observed_at=since.now,
        body={
            "created_at": instant_text(invoice.created),
            "due_at": instant_text(due_at) if due_at else None,
            "paid_at": None,
            "status": invoice.status,
            "amount_due": float(_major(Decimal(remaining), invoice.currency)),
            "currency": invoice.currency.upper(),
            "attempts": invoice.attempt_count,
        },
    )


def customer_account(
    customer: str | Customer | None, metadata: Mapping[str, str] | None, metadata_key: str
) -> SourceAccount | None:
    """Make the account of a customer; `metadata` is of what belongs to it, for want of the customer's own."""
    if customer is None:
        return None
    if isinstance(customer, str):
        customer = Customer(id=customer)
    domain = email_domain(customer.email)
    external_id = (customer.metadata or {}).get(metadata_key) or (metadata or {}).get(metadata_key) or ""
    return SourceAccount(
        account_key=customer.id,
        name=customer.name or "",
        external_id=external_id.strip(),
        domains=(domain,) if domain else (),
    )


def monthly_amount(items: Sequence[Item], currency: str) -> Decimal | None:
    """Return what the items cost in a month of average length, in major units; None if it is not known."""
    fixed = [item for item in items if not _is_metered(item) and item.price.recurring is not None]
    amounts = [_monthly(item) for item in fixed]
    known = [amount for amount in amounts if amount is not None]
    if not fixed or len(known) < len(amounts):
        return None
    return _major(sum(known, Decimal(0)), currency).quantize(Decimal("0.01"))


def _monthly(item: Item) -> Decimal | None:
    price, recurring = item.price, item.price.recurring
    unit = price.unit_amount_decimal if price.unit_amount_decimal is not None else price.unit_amount
    if unit is None or recurring is None:
        return None
    quantity = Decimal(1 if item.quantity is None else item.quantity)
    if price.transform_quantity is not None:
        rounding = ROUND_CEILING if price.transform_quantity.round == "up" else ROUND_FLOOR
        quantity = (quantity / price.transform_quantity.divide_by).to_integral_value(rounding)
    return Decimal(unit) * quantity / (MONTHS_PER[recurring.interval] * recurring.interval_count)


def _is_metered(item: Item) -> bool:
    return item.price.recurring is not None and item.price.recurring.usage_type == "metered"


def _major(amount: Decimal, currency: str) -> Decimal:
    code = currency.upper()
    decimals = 0 if code in WITHOUT_DECIMALS else 3 if code in WITH_THREE_DECIMALS else 2
    return amount.scaleb(-decimals)


def _customer_id(customer: str | Customer | None) -> str:
    if customer is None:
        return ""
    return customer if isinstance(customer, str) else customer.id


class Stripe:
    """A Stripe account."""

    Settings = StripeSettings

    def __init__(self, *, settings: StripeSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._http = Http(
            system=context.source,
            base_url=settings.base_url,
            auth=Bearer(token=settings.api_key),
            context=context,
            policy=Policy(
                headers={"Stripe-Version": VERSION},
                # 25 a second for each endpoint; some are left to others who use the account
                budgets={"list": (20, 1)},
                retry_verdict_header="Stripe-Should-Retry",
            ),
        )
        self._subscriptions = Purpose(
            stream="subscriptions", permission="read access to subscriptions and customers", budget="list"
        )
        self._invoices = Purpose(
            stream="invoices", permission="read access to invoices and customers", budget="list"
        )

    def streams(self) -> Sequence[Stream]:
        """List subscriptions, then open invoices."""
        return [
            Stream(name="subscriptions", topic="subscriptions", mode="snapshot"),
            Stream(name="invoices", topic="invoices", mode="snapshot"),
        ]

    def check(self) -> Sequence[CheckResult]:
        """Ask for one subscription and one invoice."""
        return [
            self._checked("v1/subscriptions", SubscriptionPage, self._subscriptions),
            self._checked("v1/invoices", InvoicePage, self._invoices),
        ]

    def pull(self, stream: str, since: Since) -> Iterator[Page]:
        """Yield all subscriptions, or all open invoices."""
        return self._pull_subscriptions(since) if stream == "subscriptions" else self._pull_invoices(since)

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def _pull_subscriptions(self, since: Since) -> Iterator[Page]:
        params = {"status": "all", "limit": 100, **EXPANDED}
        for page in self._listed("v1/subscriptions", SubscriptionPage, self._subscriptions, params):
            self._require_live(page)
            yield Page(
                facts=[subscription_fact(each, self._all_items(each), since) for each in page.data],
                accounts=self._accounts((each.customer, each.metadata) for each in page.data),
                last=not page.has_more,
            )

    def _pull_invoices(self, since: Since) -> Iterator[Page]:
        params = {"status": "open", "limit": 100, **EXPANDED}
        for page in self._listed("v1/invoices", InvoicePage, self._invoices, params):
            self._require_live(page)
            yield Page(
                facts=[invoice_fact(each, since) for each in page.data],
                accounts=self._accounts((each.customer, _invoice_metadata(each)) for each in page.data),
                last=not page.has_more,
            )

    def _all_items(self, subscription: Subscription) -> list[Item]:
        items = list(subscription.items.data)
        if subscription.items.has_more:
            params: dict[str, str | int] = {"subscription": subscription.id, "limit": 100}
            if items:
                params["starting_after"] = items[-1].id
            for page in self._listed("v1/subscription_items", ItemList, self._subscriptions, params):
                items += page.data
        return items

    def _listed(
        self, path: str, shape: type[ListPage], purpose: Purpose, params: Params
    ) -> Iterator[ListPage]:
        def following(page: ListPage) -> Request | None:
            if not page.has_more:
                return None
            if not page.data:
                raise PayloadError(self._context.source, "data", "empty, though there is more")
            return path, {**params, "starting_after": page.data[-1].id}

        return self._http.pages((path, params), shape, purpose, following)

    def _accounts(
        self, customers: Iterable[tuple[str | Customer | None, Mapping[str, str] | None]]
    ) -> list[SourceAccount]:
        accounts = [customer_account(*each, self._settings.metadata_key) for each in customers]
        return [account for account in accounts if account]

    def _require_live(self, page: SubscriptionPage | InvoicePage) -> None:
        if self._is_refused(page):
            raise CredentialsError(self._context.source, f"the key {TEST_MODE}")

    def _is_refused(self, page: SubscriptionPage | InvoicePage) -> bool:
        return not self._settings.allow_test_mode and any(not each.livemode for each in page.data)

    def _checked(
        self, path: str, shape: type[SubscriptionPage] | type[InvoicePage], purpose: Purpose
    ) -> CheckResult:
        try:
            page = self._http.get(path, shape, purpose, {"limit": 1, **EXPANDED})
        except RejectedError as exc:
            return CheckResult(subject=purpose.stream, ok=False, detail=exc.detail)
        if self._is_refused(page):
            return CheckResult(subject=purpose.stream, ok=False, detail=f"the key {TEST_MODE}")
        return CheckResult(subject=purpose.stream, ok=True, detail="can be read")


def _invoice_metadata(invoice: Invoice) -> Mapping[str, str] | None:
    details = (invoice.parent and invoice.parent.subscription_details) or invoice.subscription_details
    return details.metadata if details else None


CONNECTOR = Stripe
