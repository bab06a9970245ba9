"""Reads Zendesk Support: tickets with their satisfaction ratings, and organizations.

Tickets come through the cursor export. Three things about it are easily got wrong: it ends where
`end_of_stream` says so, not where a page is empty or the cursor is null; its order is by
`generated_timestamp`, which also moves when `updated_at` does not; and a deleted ticket is a ticket of
status "deleted". What happened in the last minute is never in it.

It refuses to keep what people wrote: no subject, no comment and no e-mail address leaves this module. Subject
and description are looked at only where the admin asks for a sentiment of the text, and only its number stays.
A ticket whose requester belongs to no organization is filed under the domain of the requester's address.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from connectors import _sentiment
from connectors._base import SETTINGS, CheckResult, Context, Page, Since, Stream
from connectors._domains import email_domain
from connectors._mapping import CATEGORIES
from connectors._policy import Policy
from connectors._secrets import Secret
from connectors._times import instant_text
from connectors._zendesk_shapes import (
    Id,
    Organization,
    OrganizationPage,
    Rating,
    Ticket,
    TicketPage,
    WordedTicket,
    WordedTicketPage,
)
from connectors.http import BaseUrl, Basic, Bearer, Http, Purpose, Request
from scoring.errors import PayloadError, RejectedError
from scoring.model import Fact, SourceAccount

TICKETS = "api/v2/incremental/tickets/cursor.json"
ORGANIZATIONS = "api/v2/organizations.json"
# A start nearer to now is answered with 422; the documentation says 1 minute here and 5 there.
NEWEST_START = timedelta(minutes=5, seconds=5)
CLOSED = frozenset({"solved", "closed"})


def _can_be_rated(wanted: str) -> str:
    if wanted and not _sentiment.installed():
        raise ValueError(
            f"needs {_sentiment.PACKAGE}, which is not installed; install crmhealth[sentiment], or remove it"
        )
    return wanted


class ZendeskSettings(BaseModel):
    """What the admin may write in `[sources.<name>]` with `type = "zendesk"`."""

    model_config = SETTINGS

    subdomain: str = Field(default="", pattern=r"^[a-z0-9-]*$")
    """The first word of your Zendesk address: acme for acme.zendesk.com."""
    base_url: BaseUrl | None = None
    """Another address than that of the subdomain; for tests and the sandbox."""
    email: str = ""
    """The administrator whom the API token belongs to."""
    api_token: Secret | None = None
    """An API token; goes with `email`."""
    oauth_token: Secret | None = None
    """An OAuth access token with the scope "read"; instead of `email` and `api_token`."""
    external_id_field: str = ""
    """Key of an organization field that holds the CRM id; without it, the organization's external id."""
    requester_domains: bool = True
    """File tickets without an organization under the e-mail domain of their requester."""
    export_requests_per_minute: int = Field(default=10, ge=1)
    """What your plan allows on the incremental export."""
    sentiment: Annotated[Literal["", "text"], AfterValidator(_can_be_rated)] = ""
    """Write "text" to rate subject and description of tickets, in English; needs crmhealth[sentiment]."""
    sentiment_field: Id = ""
    """Id of a custom ticket field that says how the customer feels; instead of `sentiment`."""
    sentiment_words: dict[str, Annotated[float, Field(ge=-1, le=1)]] = Field(default_factory=dict)
    """Value of that field -> -1 (bad) to 1 (good); a value that is not listed says nothing."""

    @model_validator(mode="after")
    def _reachable(self) -> "ZendeskSettings":
        if not self.subdomain and self.base_url is None:
            raise ValueError('no subdomain is given; write "acme" for acme.zendesk.com')
        if (self.oauth_token is None) == (self.api_token is None):
            raise ValueError(
                "needs one kind of credentials; write either api_token with email, or oauth_token"
            )
        if self.api_token is not None and not self.email:
            raise ValueError("api_token stands alone; write the email it belongs to")
        return self

    @model_validator(mode="after")
    def _one_sentiment(self) -> "ZendeskSettings":
        if self.sentiment and self.sentiment_field:
            raise ValueError("has two ways to a sentiment; write either sentiment or sentiment_field")
        if bool(self.sentiment_field) != bool(self.sentiment_words):
            raise ValueError("sentiment_field and sentiment_words go together; write both or neither")
        return self


def ticket_fact(
    ticket: Ticket,
    domain: str,
    solved_at: datetime | None,
    sentiment: Mapping[str, float | None] = MappingProxyType({}),
) -> Fact:
    """Make the fact of a ticket; `domain` is that of its requester, `solved_at` from its metric set.

    `sentiment` is a field of that name, where the admin asked for it.
    """
    deleted = ticket.status == "deleted"
    rating = _rating(ticket.satisfaction_rating)
    closed_at = (solved_at or ticket.updated_at) if ticket.status in CLOSED else None
    return Fact(
        topic="tickets",
        source_id=ticket.id,
        source_version=ticket.generated_timestamp,
        account_key=ticket.organization_id or (f"domain:{domain}" if domain else ""),
        observed_at=ticket.updated_at,
        deleted=deleted,
        body=None
        if deleted
        else {
            "opened_at": instant_text(ticket.created_at),
            "closed_at": instant_text(closed_at) if closed_at else None,
            "status": ticket.status,
            "severity": ticket.priority if ticket.priority in CATEGORIES["severity"] else None,
            "rating": rating,
            "rated_at": None if rating is None else instant_text(_rated_at(ticket)),
            **sentiment,
        },
    )


def organization_account(organization: Organization, external_id_field: str) -> SourceAccount:
    """Make the account of an organization."""
    fields = organization.organization_fields or {}
    external_id = fields.get(external_id_field) if external_id_field else organization.external_id
    return SourceAccount(
        account_key=organization.id,
        name=organization.name,
        external_id="" if external_id is None else str(external_id).strip(),
        domains=tuple(domain.strip().lower() for domain in organization.domain_names),
    )


def _rating(rating: Rating | None) -> float | None:
    score = (rating.score or "") if rating else ""
    if score.startswith("good"):  # also "good_with_comment"
        return 1.0
    return 0.0 if score.startswith("bad") else None


def _rated_at(ticket: Ticket) -> datetime:
    # The export usually leaves the rating's own times out; the ticket was updated by the answer, or later.
    rating = ticket.satisfaction_rating
    return (rating and (rating.updated_at or rating.created_at)) or ticket.updated_at


def sentiment_of(ticket: Ticket, settings: ZendeskSettings) -> dict[str, float | None]:
    """Give the field "sentiment" of a ticket, in the way the admin chose; nothing where none was chosen."""
    if settings.sentiment_field:
        values = (field.value for field in ticket.custom_fields or () if field.id == settings.sentiment_field)
        return {"sentiment": settings.sentiment_words.get(_word(next(values, None)))}
    if settings.sentiment and isinstance(ticket, WordedTicket):
        written = (ticket.subject, ticket.description)
        return {"sentiment": _sentiment.rate("\n".join(text for text in written if text))}
    return {}


def _word(value: object) -> str:
    """Write the value of a custom field as an admin would: a tag, a number, true or false."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).strip() if isinstance(value, str | int | float) else ""


class Zendesk:
    """A Zendesk Support account."""

    Settings = ZendeskSettings

    def __init__(self, *, settings: ZendeskSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        auth: Bearer | Basic
        if settings.oauth_token is not None:
            auth = Bearer(token=settings.oauth_token)
        else:
            user = SecretStr(f"{settings.email}/token")
            auth = Basic(user=user, password=settings.api_token or SecretStr(""))
        self._http = Http(
            system=context.source,
            base_url=settings.base_url or f"https://{settings.subdomain}.zendesk.com/",
            auth=auth,
            context=context,
            policy=Policy(
                budgets={"export": (settings.export_requests_per_minute, 60)},
                reset_headers=(("ratelimit-reset", "delta"), ("rate-limit-reset", "delta")),
            ),
        )
        beside = ("metric_sets", "users") if settings.requester_domains else ("metric_sets",)
        self._include = {"include": ",".join(beside)}
        self._tickets = Purpose(stream="tickets", permission="an administrator's token", budget="export")
        self._organizations = Purpose(
            stream="organizations", permission="an agent's or administrator's token"
        )

    def streams(self) -> Sequence[Stream]:
        """List organizations, then tickets."""
        return [
            Stream(name="organizations", topic="", mode="snapshot"),
            Stream(name="tickets", topic="tickets", mode="cursor"),
        ]

    def check(self) -> Sequence[CheckResult]:
        """Ask for one organization and for an hour of tickets."""
        start = self._context.wall_clock() - timedelta(hours=1)
        return [
            self._checked(ORGANIZATIONS, OrganizationPage, self._organizations, {"page[size]": 1}),
            self._checked(TICKETS, TicketPage, self._tickets, {"start_time": int(start.timestamp())}),
        ]

    def pull(self, stream: str, since: Since) -> Iterator[Page]:
        """Yield pages of the export since the cursor, or of all organizations."""
        return self._pull_tickets(since) if stream == "tickets" else self._pull_organizations()

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def _pull_tickets(self, since: Since) -> Iterator[Page]:
        first = {"cursor": since.cursor} if since.cursor else {"start_time": _start_time(since)}
        cursor = since.cursor
        shape = WordedTicketPage if self._settings.sentiment else TicketPage
        pages = self._http.pages(
            (TICKETS, {**first, **self._include}), shape, self._tickets, self._next_tickets
        )
        try:
            for page in pages:
                cursor = page.after_cursor or cursor
                yield self._ticket_page(page, cursor)
        except RejectedError as exc:
            if not _is_too_recent(exc):
                raise
            yield Page(cursor=cursor, last=True)

    def _ticket_page(self, page: TicketPage, cursor: str | None) -> Page:
        domains = {user.id: email_domain(user.email) for user in page.users}
        solved = {metrics.ticket_id: metrics.solved_at for metrics in page.metric_sets}
        facts = []
        for ticket in page.tickets:
            domain = domains.get(ticket.requester_id or "", "") if self._settings.requester_domains else ""
            beside = ticket.metric_set.solved_at if ticket.metric_set else None
            sentiment = sentiment_of(ticket, self._settings)
            facts.append(ticket_fact(ticket, domain, beside or solved.get(ticket.id), sentiment))
        keys = dict.fromkeys(fact.account_key for fact in facts if fact.account_key.startswith("domain:"))
        return Page(
            facts=facts,
            accounts=[SourceAccount(account_key=key, domains=(key.removeprefix("domain:"),)) for key in keys],
            cursor=cursor,
            last=page.end_of_stream,
        )

    def _next_tickets(self, page: TicketPage) -> Request | None:
        if page.end_of_stream:
            return None
        if not page.after_cursor:
            raise PayloadError(self._context.source, "after_cursor", "missing, though the stream goes on")
        return TICKETS, {"cursor": page.after_cursor, **self._include}

    def _pull_organizations(self) -> Iterator[Page]:
        first: Request = (ORGANIZATIONS, {"page[size]": 100})
        for page in self._http.pages(first, OrganizationPage, self._organizations, self._next_organizations):
            accounts = [
                organization_account(organization, self._settings.external_id_field)
                for organization in page.organizations
            ]
            yield Page(accounts=accounts, last=not page.meta.has_more)

    def _next_organizations(self, page: OrganizationPage) -> Request | None:
        if not page.meta.has_more:
            return None
        if not page.links.next:
            raise PayloadError(self._context.source, "links.next", "missing, though there is more")
        return page.links.next, {}

    def _checked(
        self, path: str, shape: type[BaseModel], purpose: Purpose, params: Mapping[str, int]
    ) -> CheckResult:
        try:
            self._http.get(path, shape, purpose, params)
        except RejectedError as exc:
            if not _is_too_recent(exc):
                return CheckResult(subject=purpose.stream, ok=False, detail=exc.detail)
        return CheckResult(subject=purpose.stream, ok=True, detail="can be read")


def _start_time(since: Since) -> int:
    start = min(since.now - since.lookback, since.now - NEWEST_START)
    return max(0, int(start.timestamp()))


def _is_too_recent(exc: RejectedError) -> bool:
    """Say whether the export only means that nothing can be new yet."""
    return exc.code == "http_422" and "too recent" in exc.detail.lower()


CONNECTOR = Zendesk
