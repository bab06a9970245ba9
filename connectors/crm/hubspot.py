"""A session with one HubSpot portal, on hubspot-api-client.

The client is used for what it knows (paths, parameters) and kept from what it does badly: it gets plain
dicts and gives back raw answers (building its models costs sixteen times the CPU, and they drop the errors
inside a 200), no retries of its own, a timeout on every call, and one connection pool for all its parts. Its
hook `api_factory` is where that happens, and where paths become date-based ones when so configured.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import urllib3
from pydantic import BaseModel, ConfigDict, Field

from connectors._base import CheckResult, Context
from connectors._secrets import Secret
from connectors._text import read_json
from connectors.crm._base import (
    SURPRISES,
    BookRecord,
    CrmField,
    FieldKind,
    a_scalar,
    an_id,
    an_object,
    known_shape,
    repeat,
)
from scoring.errors import (
    CredentialsError,
    CrmhealthError,
    PayloadError,
    RejectedError,
    TransientError,
    UnansweredError,
)

CONNECT_SECONDS, READ_SECONDS = 10.0, 100.0
PAGE = 100
# HubSpot promises no Retry-After; these are its documented windows, by policyName.
POLICY_WAIT_SECONDS = {"TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0, "DAILY": 86_400.0}
LOCKED_WAIT_SECONDS = 2.0
VALUES_NOT_VALID = "Property values were not valid: "
SAME_FOR_ALL = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE", "MISSING_SCOPES"})
"""Causes that lie in the portal: a record that sets the same property is refused like the one that was."""
UNANSWERED_STATUS = frozenset({408, 500, 502, 503, 504, 521, 522, 523, 524})


class Settings(BaseModel):
    """How to reach one HubSpot portal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Secret = Field(description="service key, or token of a private or project app")
    api_version: Literal["v3", "2026-03", "2026-09"] = Field(
        default="v3", description="v3, or date-based paths; v3 ends in September 2027"
    )
    object: str = Field(default="companies", description="the object type that holds customer accounts")
    where: Mapping[str, str] = Field(
        default_factory=dict, description="property = value that selects customers; all must hold"
    )
    base_url: str | None = Field(default=None, description="sandbox and tests only: send every request here")
    settle_seconds: float = Field(
        default=60.0, ge=0, description="how long a new task may stay invisible to search"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer: HTTP status and the parsed body."""

    status: int
    body: Mapping[str, Any]


class HubspotSession:
    """One portal. Every error that leaves it is one of ours."""

    def __init__(self, *, settings: Settings, context: Context) -> None:
        self.settings = settings
        self.name = context.source
        self._context = context
        self._apis: dict[tuple[str, str], Any] = {}
        # ApiException is another class in every sub-package, with no base of their own in common.
        self._errors: Any = ()
        self._client: Any = None

    # --- requests ------------------------------------------------------------------------------------

    def objects(self) -> Any:
        """Give the client's generic objects API: `.batch_api`, `.basic_api`, `.search_api`."""
        return self._ready().crm.objects

    def ask(self, call: Callable[..., Any], *args: Any, idempotent: bool, **kwargs: Any) -> Reply:
        """Make one call of the client and give status and body.

        Raises TransientError, UnansweredError and PayloadError (it may have been carried out), RejectedError
        with HubSpot's category, CredentialsError.
        """

        def once() -> Reply:
            try:
                raw = call(
                    *args,
                    _preload_content=False,
                    _request_timeout=(CONNECT_SECONDS, READ_SECONDS),
                    **kwargs,
                )
                data = raw.data
            except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as exc:
                raise TransientError(self.name, "no connection") from exc
            except urllib3.exceptions.MaxRetryError as exc:
                refused = urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError
                if isinstance(exc.reason, refused):
                    raise TransientError(self.name, "no connection") from exc
                raise UnansweredError(self.name, "the connection broke off") from exc
            except urllib3.exceptions.HTTPError as exc:
                raise UnansweredError(self.name, "the connection broke off") from exc
            except UnicodeDecodeError as exc:
                raise UnansweredError(self.name, "an error page that is not text") from exc
            except self._errors as exc:
                raise self._translated(exc.status or 0, exc.body, exc.headers) from exc
            except SURPRISES as exc:
                raise PayloadError(self.name, "answer", f"an unexpected {type(exc).__name__}") from exc
            body = _parsed(data)
            if not isinstance(body, dict):
                raise UnansweredError(self.name, f"HTTP {raw.status} with a body that is not JSON")
            return Reply(status=raw.status, body=body)

        return repeat(once, idempotent=idempotent, sleep=self._context.sleep, jitter=self._context.jitter)

    def read_book(self, *, read: Mapping[str, str], written: Sequence[str]) -> Iterator[Sequence[BookRecord]]:
        """Yield all companies that `where` selects; see `CrmSession.read_book`."""
        names = list(dict.fromkeys([*read.values(), *written, *self.settings.where]))
        wants_owners = "owner_id" in read and "owner_active" not in read
        active: frozenset[str] | None = None
        pages = self._pages(self.objects().basic_api.get_page, self.settings.object, properties=names)
        for number, results in enumerate(pages):
            with known_shape(self.name, "results"):
                page = [_record(item, read, written) for item in results if self._selected(item)]
            if wants_owners and number == 0:
                active = self._owners_if_allowed()
            yield page if active is None else [_with_owner_active(record, active) for record in page]

    def describe(self, object_name: str) -> Mapping[str, CrmField]:
        """Give the properties of an object type, by name."""
        reply = self.ask(self._ready().crm.properties.core_api.get_all, object_name, idempotent=True)
        results = reply.body.get("results")
        if not isinstance(results, list):
            raise PayloadError(self.name, f"properties.{object_name}.results", "no list of properties")
        with known_shape(self.name, f"properties.{object_name}.results"):
            return {str(item["name"]): _field(item) for item in results}

    def key_is_unique(self, object_name: str, property_name: str) -> bool:
        """Tell whether the portal enforces that values of this property are unique."""
        reply = self.ask(
            self._ready().crm.properties.core_api.get_by_name, object_name, property_name, idempotent=True
        )
        return reply.body.get("hasUniqueValue") is True

    def active_owners(self) -> frozenset[str]:
        """Give the ids of owners that are not archived."""
        owners: set[str] = set()
        for results in self._pages(self._ready().crm.owners.owners_api.get_page):
            with known_shape(self.name, "owners.results"):
                owners |= {an_id(item["id"]) for item in results if not an_object(item).get("archived")}
        return frozenset(owners)

    def _owners_if_allowed(self) -> frozenset[str] | None:
        """Give the active owners, None where the token may read companies but not owners."""
        try:
            return self.active_owners()
        except CredentialsError:
            return None

    def _pages(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Iterator[list[Any]]:
        """Yield the results of a listing, page by page."""
        more: dict[str, str] = {}
        seen: set[str] = set()
        while True:
            reply = self.ask(call, *args, limit=PAGE, idempotent=True, **kwargs, **more)
            results = reply.body.get("results")
            if not isinstance(results, list):
                raise PayloadError(self.name, "results", "a page has no list of results")
            yield results
            with known_shape(self.name, "paging.next.after"):
                after = _following(reply.body)
            if after is None:
                return
            if after in seen:
                raise PayloadError(self.name, "paging.next.after", "the listing goes in circles")
            seen.add(after)
            more = {"after": after}

    def try_book(
        self, *, read: Mapping[str, str], written: Sequence[str], fields: Mapping[str, CrmField]
    ) -> Sequence[CheckResult]:
        """List properties of `where` that there are not; see `CrmSession.try_book`.

        HubSpot would not say: it leaves properties it does not know out of its answer, and no company would
        be selected.
        """
        return [
            CheckResult(subject=f"where.{name}", ok=False, detail=f"there is no property {name}")
            for name in self.settings.where
            if name not in fields
        ]

    def check(self) -> Sequence[CheckResult]:
        """Read one company."""
        self.ask(self.objects().basic_api.get_page, self.settings.object, limit=1, idempotent=True)
        return [CheckResult(subject=self.name, ok=True, detail=f"can read {self.settings.object}")]

    def close(self) -> None:
        """Close the connections."""
        for api in self._apis.values():
            api.api_client.rest_client.pool_manager.clear()
            api.api_client.close()

    # --- the client ----------------------------------------------------------------------------------

    def _ready(self) -> Any:
        if self._client is None:
            from hubspot import HubSpot  # 0.2 s and 14 MB that a Salesforce-only installation need not pay

            self._client = HubSpot(api_factory=self._make_api)
        return self._client

    def _make_api(self, package: Any, api_name: str, _config: object) -> Any:
        known = self._apis.get((package.__name__, api_name))
        if known is not None:
            return known
        configuration = package.Configuration()
        configuration.access_token = self.settings.token.get_secret_value()
        # Not False: the client would turn an SSL error into an AttributeError.
        configuration.retries = urllib3.Retry(total=0, respect_retry_after_header=False, redirect=0)
        if self.settings.base_url is not None:
            configuration.host = self.settings.base_url.rstrip("/")
        api_client = package.ApiClient(configuration=configuration)
        original = api_client.call_api

        def call_api(resource_path: str, *args: Any, **kwargs: Any) -> Any:
            return original(dated_path(resource_path, self.settings.api_version), *args, **kwargs)

        api_client.call_api = call_api
        api = getattr(package, api_name)(api_client=api_client)
        self._apis[package.__name__, api_name] = api
        self._errors = (*self._errors, package.ApiException)
        return api

    def _translated(self, status: int, body: object, headers: Any) -> CrmhealthError:
        parsed = _parsed(body) if isinstance(body, str | bytes) else None
        answer = parsed if isinstance(parsed, dict) else {}
        message = str(answer.get("message") or f"HTTP {status}")
        asked = _seconds((headers or {}).get("Retry-After"))
        if status == 429:
            policy = str(answer.get("policyName") or "TEN_SECONDLY_ROLLING")
            wait = asked if asked is not None else POLICY_WAIT_SECONDS.get(policy, 10.0)
            return TransientError(self.name, message, retry_after_seconds=wait, status=status)
        if status in (423, 477):
            wait = asked if asked is not None else LOCKED_WAIT_SECONDS
            return TransientError(self.name, message, retry_after_seconds=wait, status=status)
        if status in (401, 403):
            return CredentialsError(self.name, f"{answer.get('category') or status}: {message}")
        if status in UNANSWERED_STATUS or status >= 500 or status == 0:
            return UnansweredError(self.name, message, status=status)
        code, name = cause(answer)
        return RejectedError(self.name, code or f"HTTP_{status}", message, field=name)

    def _selected(self, item: object) -> bool:
        properties = an_object(an_object(item)["properties"])
        return all(properties.get(name) == value for name, value in self.settings.where.items())


CRM = HubspotSession

_DATED = (
    ("/crm/v3/objects/", "/crm/objects/{}/"),
    ("/crm/v3/properties/", "/crm/properties/{}/"),
    ("/crm/v3/owners", "/crm/owners/{}"),
    ("/crm/v4/associations/", "/crm/associations/{}/"),
    ("/crm/v4/objects/", "/crm/objects/{}/"),
)


def dated_path(path: str, api_version: str) -> str:
    """Turn a v3 or v4 path of the client into the date-based one."""
    if api_version == "v3":
        return path
    for old, new in _DATED:
        if path.startswith(old):
            rest = path[len(old) :]
            return (new.format(api_version) + rest).rstrip("/")
    return path


_KINDS: Mapping[str, FieldKind] = {
    "number": "number",
    "string": "text",
    "phone_number": "text",
    "datetime": "instant",
    "date": "date",
    "bool": "bool",
    "enumeration": "choice",
}


def _record(item: Mapping[str, Any], read: Mapping[str, str], written: Sequence[str]) -> BookRecord:
    properties = an_object(item["properties"])
    return BookRecord(
        crm_id=an_id(item["id"]),
        fields={ours: a_scalar(properties.get(theirs)) or None for ours, theirs in read.items()},
        shown={name: a_scalar(properties.get(name)) for name in written},
    )


def _with_owner_active(record: BookRecord, active: frozenset[str]) -> BookRecord:
    owner = record.fields["owner_id"]
    if owner is None:
        return record
    return replace(record, fields={**record.fields, "owner_active": str(owner) in active})


def cause(answer: Mapping[str, Any]) -> tuple[str, str | None]:
    """Give the code and the property of a refusal; a cause that lies in the portal goes before any other."""
    listed = answer.get("errors")
    # Some answers say it in the sentence only: Property values were not valid: [{"error": …, "name": …}]
    in_words = _parsed(str(answer.get("message") or "").partition(VALUES_NOT_VALID)[2])
    causes = [
        *(_code_and_name(item) for item in (listed if isinstance(listed, list) else ())),
        *(_code_and_name(item) for item in (in_words if isinstance(in_words, list) else ())),
    ]
    certain = [cause for cause in causes if cause[0] in SAME_FOR_ALL]
    if certain:
        return next((cause for cause in certain if cause[1]), certain[0])
    names = {name for _, name in causes if name}
    return str(answer.get("category") or ""), names.pop() if len(names) == 1 else None


def _code_and_name(error: object) -> tuple[str, str | None]:
    if not isinstance(error, dict):
        return "", None
    context = error.get("context")
    named = context.get("propertyName") if isinstance(context, dict) else None
    name = named[0] if isinstance(named, list) and named else error.get("name")
    return str(error.get("code") or error.get("error") or ""), name if isinstance(name, str) else None


def _following(body: Mapping[str, Any]) -> str | None:
    """Give the cursor of the next page, None on the last one."""
    paging = body.get("paging")
    following = None if paging is None else an_object(paging).get("next")
    return None if following is None else an_id(an_object(following)["after"])


def _field(item: Mapping[str, Any]) -> CrmField:
    meta = item.get("modificationMetadata") or {}
    return CrmField(
        name=str(item["name"]),
        kind=_KINDS.get(str(item.get("type")), "other"),
        writable=not meta.get("readOnlyValue", False) and not item.get("calculated", False),
        length=65_536 if item.get("type") == "string" else None,
        choices=tuple(str(option["value"]) for option in item.get("options") or ()),
    )


def _parsed(data: str | bytes) -> Any:
    # A gateway's HTML is no answer of HubSpot's; the status decides what it means.
    try:
        return read_json(data)
    except (ValueError, RecursionError):
        return None


def _seconds(text: object) -> float | None:
    try:
        seconds = float(str(text))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
