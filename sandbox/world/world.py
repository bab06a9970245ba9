"""The world: puts the customers into the stand-ins, and moves time on.

Everything is a function of the seed and the instant; the world remembers nothing but how far it has come.
Going there in one step or in many gives the same records, and what a stand-in refuses or loses in between
changes nothing anywhere else. Clients of the stand-ins never learn what it knows about the customers.
"""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from sandbox.core import ControlError, Core
from sandbox.world import crm, names
from sandbox.world.billing import changed_invoices, changed_subscriptions
from sandbox.world.chance import Chance
from sandbox.world.customers import customers, owner_count
from sandbox.world.fates import is_customer, strain, with_fates
from sandbox.world.seeds import (
    stripe_customers,
    stripe_invoices,
    stripe_subscriptions,
    zendesk_organizations,
    zendesk_tickets,
    zendesk_users,
)
from sandbox.world.tickets import changed_tickets
from sandbox.world.usage import chunks, daily_usage
from sandbox.world.warehouse import Warehouse

HISTORY_DAYS = 126
"""How much life there is before the start: 18 weeks."""
SEEDED_AT_ONCE = 5000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What will become of one customer: the truth, which no system tells."""

    account_key: str
    salesforce_id: str
    leaves_on: date | None
    """The day the contract ends for good; None for who stays for the next years."""
    signs_from: date | None
    """When it begins to show; None for who stays, and for who leaves without a sign."""
    notice_on: date | None
    """When they cancel; None for who stays, and for who just does not pay again."""
    reason: str


class World:
    """A customer base that lives from `start` on, with a history before it."""

    def __init__(
        self, *, seed: int = 0, accounts: int = 200, start: datetime, warehouse: Path | None = None
    ) -> None:
        if not 1 <= accounts <= names.MOST:
            raise ControlError(f"a world has 1 to {names.MOST} accounts, not {accounts}")
        self.start = start.astimezone(UTC).replace(microsecond=0)
        self.at = self.start
        self.accounts = accounts
        self.chance = Chance(seed)
        self._start_day = _day_number(self.start)
        self._first_day = self._start_day - HISTORY_DAYS
        drawn = customers(self.chance, accounts, self._start_day)
        self.customers = with_fates(self.chance, drawn, self._start_day)
        self._warehouse = Warehouse(warehouse) if warehouse else None
        self._core: Core | None = None

    # What happens

    def populate(self, core: Core) -> None:
        """Put customers and history into the systems of a core, and live on that core from now on."""
        with core.lock:
            self._core = core
            core.world = self
            core.clock.set(self.start)
            self._found_crms(core)
            self._seed(core, "zendesk", "organizations", zendesk_organizations(self.chance, self.customers))
            self._seed(core, "stripe", "customers", stripe_customers(self.chance, self.customers))
            before = self._first_day * 86400 - 1
            self._bring_records(core, before, _seconds(self.start))
            if self._warehouse:
                columns = ("account_key", "name", "domain", "salesforce_id", "seats", "plan")
                self._warehouse.create(self.customers.select(columns).iter_rows())
                self._fill_warehouse()

    def advance(self, to: datetime) -> None:
        """Let everything happen that happens until an instant, and set the clock to it."""
        to = to.astimezone(UTC).replace(microsecond=0)
        if to < self.at:
            raise ControlError(f"the world is at {self.at.isoformat()} already; it does not go back")
        core = self._core
        with core.lock if core else nullcontext():
            before, self.at = self.at, to
            if core is not None:
                core.clock.set(to)
                self._bring_records(core, _seconds(before), _seconds(to))
                self._bring_crm_changes(core, before, to)
            self._fill_warehouse()

    def snapshot(self) -> object:
        """Give all there is to remember: how far it has come."""
        return self.at

    def restore(self, kept: object) -> None:
        """Go back to a snapshot; the systems restore their records themselves, the warehouse follows here."""
        assert isinstance(kept, datetime)
        self.at = kept
        self._fill_warehouse()

    # What is true

    def truth(self) -> list[Fate]:
        """Tell what will become of everybody."""
        wanted = ("account_key", "salesforce_id", "leaves", "signs", "notice", "reason")
        return [
            Fate(
                account_key=row["account_key"],
                salesforce_id=row["salesforce_id"],
                leaves_on=_date(row["leaves"]),
                signs_from=_date(row["signs"]),
                notice_on=_date(row["notice"]),
                reason=row["reason"] or "",
            )
            for row in self.customers.select(wanted).iter_rows(named=True)
        ]

    def summary(self) -> dict[str, Any]:
        """Tell as JSON how far it has come, and the truth."""
        return {
            "start": self.start.isoformat(),
            "at": self.at.isoformat(),
            "accounts": self.accounts,
            "warehouse": None if self._warehouse is None else str(self._warehouse.path),
            "fates": [asdict(fate) for fate in self.truth()],
        }

    def strain(self, at: datetime) -> dict[str, float]:
        """Tell how much each present customer is under strain (0 to 1), by account key."""
        day = _day_number(at)
        strained = self.customers.filter(is_customer(day)).select(
            "account_key", strain=strain(self.chance, day)
        )
        return dict(strained.iter_rows())

    # How the systems come to know

    def _found_crms(self, core: Core) -> None:
        states = crm.states(self.chance, self.customers, self._start_day)
        rows = self.customers.join(states, on="n", maintain_order="left")
        owners = owner_count(self.accounts)
        self._seed(core, "salesforce", "User", crm.salesforce_users(owners))
        self._seed(core, "salesforce", "Account", crm.salesforce_accounts(rows.iter_rows(named=True)))
        self._seed(core, "hubspot", "owners", crm.hubspot_owners(owners))
        self._seed(core, "hubspot", "companies", crm.hubspot_companies(rows.iter_rows(named=True)))

    def _bring_records(self, core: Core, after: int, until: int) -> None:
        if "zendesk" in core.systems:
            tickets = changed_tickets(self.chance, self.customers, self._first_day, after, until)
            known = tickets.join(self.customers.select("n", "domain", "name"), on="n", maintain_order="left")
            self._seed(core, "zendesk", "users", zendesk_users(self.chance, known))
            self._seed(core, "zendesk", "tickets", zendesk_tickets(self.chance, known))
        if "stripe" in core.systems:
            founding = after < _seconds(self.start) and until == _seconds(self.start)
            since = None if founding else after
            subscriptions = changed_subscriptions(self.chance, self.customers, since, until)
            self._seed(core, "stripe", "subscriptions", stripe_subscriptions(self.chance, subscriptions))
            invoices = changed_invoices(self.chance, self.customers, self._first_day, after, until)
            self._seed(core, "stripe", "invoices", stripe_invoices(self.chance, invoices))

    def _bring_crm_changes(self, core: Core, before: datetime, to: datetime) -> None:
        # Day by day, so that each change carries the morning it was made on.
        first, last = (_day_number(instant - crm.ENTERED_AT) for instant in (before, to))
        for day in range(first + 1, last + 1):
            rows = crm.changed_states(self.chance, self.customers, day - 1, day).to_dicts()
            if rows:
                self._seed(core, "salesforce", "Account", crm.salesforce_changes(rows, day))
                self._seed(core, "hubspot", "companies", crm.hubspot_changes(rows))

    @staticmethod
    def _seed(core: Core, system: str, what: str, rows: Iterable[Mapping[str, Any]]) -> None:
        if system in core.systems:
            waiting = iter(rows)
            while some := list(islice(waiting, SEEDED_AT_ONCE)):
                core.systems[system].seed(what, some)

    def _fill_warehouse(self) -> None:
        if self._warehouse is None:
            return
        last_complete = _day_number(self.at) - 1
        latest = self._warehouse.drop_after(last_complete)
        begin = self._first_day if latest is None else latest + 1
        for days in chunks(begin, last_complete, self.accounts):
            usage = daily_usage(self.chance, self.customers, days, self._start_day)
            self._warehouse.add(usage.iter_rows())


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())


def _day_number(instant: datetime) -> int:
    return (instant.astimezone(UTC) - EPOCH) // timedelta(days=1)


def _date(day: int | None) -> date | None:
    return None if day is None else (EPOCH + timedelta(days=day)).date()
