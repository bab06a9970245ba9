"""Answers of Zendesk Support, as far as we look at them.

Refuses to name what nobody asked for: without a word of the admin, no shape here has a field for what people wrote.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


Id = Annotated[str, BeforeValidator(_text)]


class Rating(BaseModel):
    """What the requester answered; `offered` and `unoffered` are no answers."""

    score: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


class MetricSet(BaseModel):
    """Times that Zendesk keeps beside a ticket."""

    ticket_id: Id | None = None
    solved_at: AwareDatetime | None = None


class CustomField(BaseModel):
    """A field that the admins of Zendesk made; that of a drop-down list holds the tag of its choice."""

    id: Id
    value: object = None


class Ticket(BaseModel):
    """A ticket, as far as we look at it."""

    id: Id
    organization_id: Id | None = None
    requester_id: Id | None = None
    status: str
    priority: str | None = None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    generated_timestamp: int = 0
    satisfaction_rating: Rating | None = None
    metric_set: MetricSet | None = None
    custom_fields: list[CustomField] | None = None


class WordedTicket(Ticket):
    """A ticket with what its requester wrote first, where that is to be rated."""

    subject: str | None = None
    description: str | None = None


class User(BaseModel):
    """A requester; only the domain of the address is used."""

    id: Id
    email: str | None = None


class TicketPage(BaseModel):
    """One page of the export. A page may be empty and not the last."""

    tickets: Sequence[Ticket]
    users: list[User] = Field(default_factory=list)
    metric_sets: list[MetricSet] = Field(default_factory=list)
    after_cursor: str | None = None
    end_of_stream: bool


class WordedTicketPage(TicketPage):
    """The same, with what people wrote."""

    tickets: Sequence[WordedTicket]


class Organization(BaseModel):
    """A customer, as Zendesk knows it."""

    id: Id
    name: str = ""
    external_id: Id | None = None
    domain_names: list[str] = Field(default_factory=list)
    organization_fields: dict[str, object] | None = None


class Meta(BaseModel):
    """Whether the listing goes on."""

    has_more: bool


class Links(BaseModel):
    """Where it goes on."""

    next: str | None = None


class OrganizationPage(BaseModel):
    """One page of the listing. The last one is empty."""

    organizations: list[Organization]
    meta: Meta
    links: Links
