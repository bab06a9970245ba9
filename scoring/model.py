"""The words of the program as frozen values: accounts, facts, bands, input states.

Refuses to do anything: no arithmetic, no I/O. What the admin writes in `[model]` is in
`scoring.definition`; what a million rows travel in is a polars frame, described where it is made.

Two ideas carry the rest:

* A **fact** is what a source said. It has `observed_at`, when it was true, and `known_at`, when it could
  be known. A changed fact is a new version, never an overwrite, so that any past day can be replayed.
* A **topic** is a standard subject (tickets, usage, …). Sources deliver facts by topic, models name
  topics, and so neither knows the other. `TOPICS` lists the fields a record of each topic may carry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, TypeAlias

JsonValue: TypeAlias = str | int | float | bool | None


class Band(StrEnum):
    """The colour of an account. UNKNOWN means "not enough data", never "bad"."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"
    UNKNOWN = "unknown"


class Trend(StrEnum):
    """Direction of the published score over 30 days, with a dead band of 3 points."""

    UP = "up"
    STEADY = "steady"
    DOWN = "down"
    NEW = "new"
    """No score to compare with yet."""


class InputState(StrEnum):
    """What is known about one signal of one account (scoring.md c.1)."""

    VALUE = "value"
    ZERO = "zero"
    """Observed, and the number is 0."""
    NO_DATA = "no_data"
    """The source answered and has nothing for this account."""
    NOT_APPLICABLE = "not_applicable"
    NOT_MATURE = "not_mature"
    SOURCE_DOWN = "source_down"
    """The source did not answer; the last good value is held and ages."""
    INVALID = "invalid"


FieldType: TypeAlias = Literal["text", "number", "instant", "bool"]

TOPICS: Mapping[str, Mapping[str, FieldType]] = {
    "tickets": {
        "opened_at": "instant",
        "closed_at": "instant",
        "status": "text",
        "severity": "text",
        "rating": "number",
        "rated_at": "instant",
        "sentiment": "number",
    },
    "subscriptions": {
        "started_at": "instant",
        "renewal_at": "instant",
        "cancel_at": "instant",
        "ended_at": "instant",
        "status": "text",
        "monthly_amount": "number",
        "currency": "text",
        "seats": "number",
        "term_months": "number",
    },
    "invoices": {
        "created_at": "instant",
        "due_at": "instant",
        "paid_at": "instant",
        "status": "text",
        "amount_due": "number",
        "currency": "text",
        "attempts": "number",
    },
    "surveys": {
        "answered_at": "instant",
        "kind": "text",
        "score": "number",
        "respondent": "text",
    },
}
"""Record topics and the standard fields of each.

severity is one of urgent, high, normal, low. rating is 0 (bad) to 1 (good) and known from rated_at on;
sentiment is −1 (bad) to 1 (good). kind of a survey is nps, csat, review or any other word; respondent is an
opaque id of who answered. term_months is what a subscription was signed for.
Amounts are in major units of `currency` (12.50, not 1250). An instant in the future of the moment that is
scored counts as not having happened yet. Every other topic ("usage", or any name an admin chooses) is a
*series*: dated numbers by metric.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing a source said about one of its accounts.

    A *record* (a ticket, a subscription) carries `body` with the fields of its topic, instants as ISO 8601
    text in UTC. A *number* carries `metric` and `value`; its `source_id` is made by `number_id`.
    """

    topic: str
    source_id: str
    """Unique within (source, topic)."""
    account_key: str
    """The account as the source names it; matched to an account of ours elsewhere. Empty if it named none."""
    observed_at: datetime
    """When it was true; a daily number is dated by the end of its day in the business time zone."""
    known_at: datetime | None = None
    """When it could be known; None means "when we read it"."""
    source_version: int = 0
    """Orders the versions of one source_id; 0 where the source has none."""
    metric: str = ""
    value: float | None = None
    body: Mapping[str, JsonValue] | None = None
    deleted: bool = False


def number_id(account_key: str, metric: str, day: date) -> str:
    """Name the one number of this account, metric and day."""
    return f"{account_key}|{metric}|{day.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccount:
    """What a source knows of one of its accounts that helps to match it with an account of ours."""

    account_key: str
    name: str = ""
    external_id: str = ""
    """The id of the account in another system, as an admin stored it in the source."""
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One customer account, as the master CRM describes it."""

    account_id: str
    """Ours and permanent."""
    crm_id: str
    name: str
    owner_id: str = ""
    owner_active: bool = True
    domains: tuple[str, ...] = ()
    segment: str = ""
    arr: float | None = None
    """Annual recurring revenue in the CRM's currency."""
    renewal_on: date | None = None
    created_on: date | None = None
    """Customer since; tenure counts from here."""
    fields: Mapping[str, JsonValue] = field(default_factory=dict)
    """Any other mapped field, by our name for it; also usable as a signal (`account.<name>`)."""
