"""A session with one Salesforce org, on simple-salesforce.

simple-salesforce knows the URLs and the shapes; what it lacks is here, in one subclass: a token provider of
our own (one login for many threads), a renewal that is bounded and keeps the caller's headers, a timeout on
every request, and an error for every odd answer. Salesforce promises no Retry-After, so waits are ours.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

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
from scoring.model import JsonValue

Answer = TypeVar("Answer")

CONNECT_SECONDS, READ_SECONDS = 10.0, 120.0
# Total requests are a rolling 24 h window: an hour frees a useful part of it.
LIMIT_WAIT_SECONDS = 3600.0
CONCURRENT_WAIT_SECONDS = 5.0
UNANSWERED_STATUS = frozenset({406, 408, 420, 429, 500, 502, 503, 504})


def _org_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        whole = (
            parts.scheme == "https" and bool(parts.hostname) and parts.username is None and parts.port != 0
        )
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(
            "is not the address of an org; write its My Domain, such as https://acme.my.salesforce.com"
        )
    return value


class Settings(BaseModel):
    """How to reach one Salesforce org."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_org_url)] = Field(
        description="My Domain URL of the org, such as https://acme.my.salesforce.com"
    )
    client_id: Secret = Field(description="consumer key of the External Client App (client credentials flow)")
    client_secret: Secret = Field(description="consumer secret of the External Client App")
    api_version: str = Field(default="66.0", description="pinned REST API version", pattern=r"^\d\d\.0$")
    object: str = Field(default="Account", description="the sObject that holds customer accounts")
    where: str = Field(default="", description="SOQL condition that selects customers", max_length=4000)
    base_url: str | None = Field(default=None, description="sandbox and tests only: send every request here")


class _Loopback(HTTPAdapter):
    """Adds the timeout nobody can forget, and in tests sends https://any.host to a local stand-in."""

    def __init__(self, base_url: str | None) -> None:
        self._base_url = base_url
        super().__init__(pool_maxsize=16)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self._base_url is not None and request.url is not None:
            parts = urlsplit(request.url)
            request.headers.setdefault("Host", parts.netloc)
            request.url = self._base_url.rstrip("/") + request.url[len(f"{parts.scheme}://{parts.netloc}") :]
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = (CONNECT_SECONDS, READ_SECONDS)
        return super().send(request, *args, **kwargs)


class _Client(Salesforce):
    """simple-salesforce with a renewal that happens once, for all threads, and keeps the request whole."""

    def __init__(self, *, login: Callable[[str | None], tuple[str, str]], **kwargs: Any) -> None:
        self._login = login
        self.limit_info: str | None = None
        super().__init__(**kwargs)

    def _call_salesforce(
        self,
        method: str,
        url: str,
        name: str = "",
        retries: int = 0,
        max_retries: int = 3,
        **kwargs: Any,
    ) -> requests.Response:
        extra = kwargs.pop("headers", None) or {}
        for attempt in (1, 2):
            used = self.session_id
            headers = {**self.headers, "Authorization": f"Bearer {used}", **extra}
            answer: requests.Response = self.session.request(method, url, headers=headers, **kwargs)
            self.limit_info = answer.headers.get("Sforce-Limit-Info", self.limit_info)
            if answer.status_code == 401 and attempt == 1:
                self.session_id, _ = self._login(used)
                continue
            break
        if answer.status_code >= 300:
            raise SalesforceError(answer.url, answer.status_code, name, answer.content)
        return answer

    def parse_result_to_json(self, result: requests.Response) -> Any:
        return read_json(result.content)


class SalesforceSession:
    """One org. Every error that leaves it is one of ours."""

    def __init__(self, *, settings: Settings, context: Context) -> None:
        self.settings = settings
        self.name = context.source
        self._context = context
        self._lock = threading.Lock()
        self._token: str | None = None
        self._instance = urlsplit(settings.url).netloc
        self._http = requests.Session()
        # ~/.netrc must not replace our Authorization header.
        self._http.trust_env = False
        self._http.mount("https://", _Loopback(settings.base_url))
        self._client: _Client | None = None

    # --- requests ------------------------------------------------------------------------------------

    def restful(
        self,
        path: str,
        *,
        method: Literal["GET", "POST", "PATCH"] = "GET",
        params: dict[str, str] | None = None,
        body: object = None,
        idempotent: bool = True,
    ) -> Any:
        """Make one REST call below /services/data/vNN.0/ and give the parsed answer.

        Raises TransientError, UnansweredError and PayloadError (it may have been carried out), RejectedError
        with Salesforce's code, CredentialsError.
        """

        def call() -> Any:
            kwargs: dict[str, Any] = {} if body is None else {"json": body}
            return self._client_ready().restful(path, params=params, method=method, **kwargs)

        return self._ask(call, idempotent=idempotent)

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield the pages of a query."""
        path = "queryAll/" if include_deleted else "query/"
        page = self.restful(path, params={"q": soql})
        seen: set[str] = set()
        while True:
            if not isinstance(page, dict) or not isinstance(page.get("records"), list):
                raise PayloadError(self.name, "query.records", "the answer to a query has no list of records")
            yield page["records"]
            if page.get("done") is True:
                return
            following = page.get("nextRecordsUrl")
            if page.get("done") is not False or not isinstance(following, str):
                raise PayloadError(
                    self.name, "query.nextRecordsUrl", "an unfinished query names no next page"
                )
            if following in seen:
                raise PayloadError(self.name, "query.nextRecordsUrl", "the pages go in circles")
            seen.add(following)
            page = self.restful("query/" + following.rsplit("/", 1)[-1])

    def read_book(self, *, read: Mapping[str, str], written: Sequence[str]) -> Iterator[Sequence[BookRecord]]:
        """Yield all accounts that `where` selects; see `CrmSession.read_book`."""
        for page in self.query(self._book_query(["Id", *read.values(), *written], self.settings.where)):
            with known_shape(self.name, "query.records"):
                records = [
                    BookRecord(
                        crm_id=an_id(an_object(record)["Id"]),
                        fields={ours: _dig(record, theirs) for ours, theirs in read.items()},
                        shown={name: _dig(record, name) for name in written},
                    )
                    for record in page
                ]
            yield records

    def describe(self, object_name: str) -> Mapping[str, CrmField]:
        """Give the fields of an sObject that these credentials can see; without FLS a field is absent."""
        answer = self.restful(f"sobjects/{object_name}/describe")
        if not isinstance(answer, dict) or not isinstance(answer.get("fields"), list):
            raise PayloadError(self.name, f"{object_name}.describe.fields", "no list of fields")
        with known_shape(self.name, f"{object_name}.describe.fields"):
            return {str(item["name"]): _field(item) for item in answer["fields"]}

    def try_book(
        self, *, read: Mapping[str, str], written: Sequence[str], fields: Mapping[str, CrmField]
    ) -> Sequence[CheckResult]:
        """Ask for one account; where that is refused, find out for what. See `CrmSession.try_book`."""
        refused = self._refusal(["Id", *read.values(), *written], self.settings.where)
        if refused is None:
            return []
        alone = {f"read.{ours}": self._refusal([theirs], "") for ours, theirs in read.items()}
        if self.settings.where:
            alone["where"] = self._refusal(["Id"], self.settings.where)
        return [
            CheckResult(subject=key, ok=False, detail=reason) for key, reason in alone.items() if reason
        ] or [CheckResult(subject="read", ok=False, detail=refused)]

    def _refusal(self, columns: Sequence[str], where: str) -> str | None:
        try:
            self.restful("query/", params={"q": self._book_query(columns, where) + " LIMIT 1"})
        except RejectedError as exc:
            return f"{exc.code}: {exc.detail}"
        return None

    def _book_query(self, columns: Sequence[str], where: str) -> str:
        condition = f" WHERE {where}" if where else ""
        names = ", ".join(dict.fromkeys(columns))
        return f"SELECT {names} FROM {self.settings.object}{condition} ORDER BY Id"

    def check(self) -> Sequence[CheckResult]:
        """Log in and read one account."""
        soql = f"SELECT Id FROM {self.settings.object} LIMIT 1"
        count = sum(len(page) for page in self.query(soql))
        limit = self._client.limit_info if self._client is not None else None
        detail = f"logged in, {'can' if count else 'no'} read {self.settings.object}; {limit or ''}".strip(
            "; "
        )
        return [CheckResult(subject=self.name, ok=True, detail=detail)]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- login and errors ----------------------------------------------------------------------------

    def _client_ready(self) -> _Client:
        if self._client is None:
            token, instance = self._login(None)
            self._client = _Client(
                login=self._login,
                session_id=token,
                instance_url=f"https://{instance}",
                session=self._http,
                version=self.settings.api_version,
            )
        return self._client

    def _login(self, stale: str | None) -> tuple[str, str]:
        """Give a token other than the stale one; of many threads that ask, one logs in."""
        with self._lock:
            if self._token is None or self._token == stale:
                self._token, self._instance = self._request_token()
            return self._token, self._instance

    def _request_token(self) -> tuple[str, str]:
        url = f"https://{urlsplit(self.settings.url).netloc}/services/oauth2/token"
        try:
            answer = self._http.post(
                url,
                data={"grant_type": "client_credentials"},
                auth=(
                    self.settings.client_id.get_secret_value(),
                    self.settings.client_secret.get_secret_value(),
                ),
            )
        except requests.exceptions.RequestException as exc:
            # Never UnansweredError: what was to follow the login has not been sent.
            raise TransientError(self.name, f"no answer to the login ({type(exc).__name__})") from exc
        status, body = answer.status_code, _parsed(answer.content)
        # A refusal is JSON; a web page is a gateway's, not the login's.
        refused = status != 200 and isinstance(body, dict)
        if status >= 500 or status in UNANSWERED_STATUS or (status != 200 and not refused):
            raise TransientError(self.name, f"login answered {status}", status=status)
        if refused:
            reason = body.get("error_description") or body.get("error")
            raise CredentialsError(self.name, f"the login was refused: {reason or status}")
        with known_shape(self.name, "token"):
            token = str(an_object(body)["access_token"])
            instance = urlsplit(str(body["instance_url"])).netloc
            if not (token.isascii() and token.isprintable() and token and instance):
                raise ValueError("no access_token and instance_url")
        return token, instance

    def _ask(self, call: Callable[[], Answer], *, idempotent: bool) -> Answer:
        def translated() -> Answer:
            try:
                return call()
            except SalesforceError as exc:
                raise self._translated(exc) from exc
            except requests.exceptions.ConnectTimeout as exc:
                raise TransientError(self.name, "no connection in time") from exc
            except json.JSONDecodeError as exc:
                raise UnansweredError(self.name, "an answer that is not JSON") from exc
            except requests.exceptions.ConnectionError as exc:
                if "NewConnectionError" in str(exc):
                    raise TransientError(self.name, "no connection") from exc
                raise UnansweredError(self.name, "the connection broke off") from exc
            except requests.exceptions.RequestException as exc:
                raise UnansweredError(self.name, type(exc).__name__) from exc
            except SURPRISES as exc:
                raise PayloadError(self.name, "answer", f"an unexpected {type(exc).__name__}") from exc

        return repeat(
            translated, idempotent=idempotent, sleep=self._context.sleep, jitter=self._context.jitter
        )

    def _translated(self, error: SalesforceError) -> CrmhealthError:
        code, message, field = _error_parts(error.content)
        if error.status == 401:
            return CredentialsError(self.name, f"the session is refused: {message or code or '401'}")
        if code == "REQUEST_LIMIT_EXCEEDED":
            total = "TotalRequests" in message
            wait = LIMIT_WAIT_SECONDS if total else CONCURRENT_WAIT_SECONDS
            return TransientError(self.name, message, retry_after_seconds=wait, status=error.status)
        if error.status in UNANSWERED_STATUS or error.status >= 500:
            return UnansweredError(self.name, message or f"HTTP {error.status}", status=error.status)
        if code.startswith(("API_DISABLED", "TXN_SECURITY", "INVALID_AUTH")):
            return CredentialsError(self.name, f"{code}: {message}")
        return RejectedError(self.name, code or f"HTTP_{error.status}", message, field=field)


CRM = SalesforceSession


def _error_parts(content: object) -> tuple[str, str, str | None]:
    parsed = _parsed(content) if isinstance(content, bytes) else content
    first = parsed[0] if isinstance(parsed, list) and parsed else parsed
    if not isinstance(first, dict):
        return "", "", None
    fields = first.get("fields")
    field = str(fields[0]) if isinstance(fields, list) and fields else None
    return str(first.get("errorCode") or ""), str(first.get("message") or "").strip(), field


def _parsed(content: bytes) -> Any:
    # An odd body (HTML from a gateway) is no news about the record; the status decides.
    try:
        return read_json(content)
    except (ValueError, RecursionError):
        return None


def _dig(record: Mapping[str, Any], path: str) -> JsonValue:
    value: Any = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return a_scalar(value)


_KINDS: Mapping[str, FieldKind] = {
    "double": "number",
    "int": "number",
    "currency": "number",
    "percent": "number",
    "string": "text",
    "textarea": "text",
    "url": "text",
    "email": "text",
    "phone": "text",
    "id": "text",
    "reference": "text",
    "combobox": "text",
    "datetime": "instant",
    "date": "date",
    "boolean": "bool",
    "picklist": "choice",
}


def _field(item: Mapping[str, Any]) -> CrmField:
    choices = tuple(str(v["value"]) for v in item.get("picklistValues") or () if v.get("active", True))
    return CrmField(
        name=str(item["name"]),
        kind=_KINDS.get(str(item.get("type")), "other"),
        writable=bool(item.get("updateable")),
        length=int(item["length"]) if item.get("length") else None,
        choices=choices if item.get("restrictedPicklist") else (),
    )
