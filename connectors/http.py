"""The one HTTP client of all source systems: timeouts, retries, budgets, paging, status to error.

Only this module knows httpx, so that its successor is one import away. A connector asks for a path and the
shape of the answer, and gets that shape or one of our errors. What differs between vendors is data, in
`Policy`. One client serves one source and one thread.

It refuses to follow redirects or links to another scheme, host or port (a link would carry our token there),
to repeat a request that is not a pure read, to wait longer than `Policy.longest_wait_seconds` for a server
that asks for more (the pull ends and says when to come back: earlier requests would be refused again), and
to put credentials, query strings or answers into errors. It keeps no cookies.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Annotated, Any, NoReturn, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson
import tenacity
from pydantic import AfterValidator, BaseModel, SecretStr, ValidationError

from connectors._base import Context
from connectors._policy import Budget, Policy, server_wait_seconds
from connectors._text import read_json
from scoring.errors import (
    CredentialsError,
    CrmhealthError,
    PayloadError,
    RejectedError,
    TransientError,
    UnansweredError,
)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
Shape = TypeVar("Shape", bound=BaseModel)


def _checked_base_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not a whole address; write one such as https://host/")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "holds more than scheme, host, port and path; remove it, credentials have settings of their own"
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("would send credentials in the clear; write https://")
    return url.rstrip("/") + "/"


BaseUrl = Annotated[str, AfterValidator(_checked_base_url)]
"""A setting with the address of a system."""
Params: TypeAlias = Mapping[str, str | int]
Request: TypeAlias = tuple[str, Params]
"""A path or link, and its query parameters."""
# 408 and 409 are answers to a request that was not carried out; tap-zendesk and stripe-python repeat both.
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Sends `Authorization: Bearer <token>`."""

    token: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Basic:
    """Sends a user name and a password; vendors hide tokens in either (`ann@acme.com/token`, `key:`)."""

    user: SecretStr
    password: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Sends a secret in a header of the vendor's own."""

    name: str
    value: SecretStr


Auth: TypeAlias = Bearer | Basic | Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a request is for, in the admin's words; stands in the error when it is refused."""

    stream: str
    permission: str
    """What the credentials must be allowed to do."""
    budget: str = ""
    """The group of endpoints it counts in."""


class _RetryableError(Exception):
    """One request failed with `error` and may be sent again after `wait_seconds` (None: we choose)."""

    def __init__(self, error: CrmhealthError, wait_seconds: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.wait_seconds = wait_seconds


class Http:
    """A client of one source system."""

    def __init__(
        self, *, system: str, base_url: str, auth: Auth, context: Context, policy: Policy | None = None
    ) -> None:
        self._system = system
        self._context = context
        self._policy = policy or Policy()
        self._base = httpx.URL(base_url)
        self._secrets = tuple(filter(None, _secrets(auth)))
        self._budgets = {
            group: Budget(calls, seconds, context) for group, (calls, seconds) in self._policy.budgets.items()
        }
        # httpx logs every URL with its query at INFO, httpcore every header at DEBUG
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.Client(
            auth=_basic(auth),
            headers={
                "User-Agent": "crmhealth",
                "Accept": "application/json",
                **self._policy.headers,
                **_header(auth, system),
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx.Timeout(self._policy.read_seconds, connect=self._policy.connect_seconds),
            verify=self._base.scheme == "https",
            # A proxy from the environment is for the world outside, not for this machine.
            trust_env=self._base.host not in LOOPBACK,
        )

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def get(self, path: str, shape: type[Shape], purpose: Purpose, params: Params | None = None) -> Shape:
        """Read one resource.

        Raises TransientError, CredentialsError, PayloadError or RejectedError; the code of a RejectedError
        is `http_` and the status.
        """
        return self._request("GET", path, shape, purpose, params=params or {}, repeatable=True)

    def post(
        self, path: str, shape: type[Shape], purpose: Purpose, body: object, *, pure_read: bool
    ) -> Shape:
        """Post a JSON body; repeat it on failure only if the caller vouches that it is a pure read."""
        return self._request("POST", path, shape, purpose, body=body, repeatable=pure_read)

    def pages(
        self,
        first: Request,
        shape: type[Shape],
        purpose: Purpose,
        following: Callable[[Shape], Request | None],
    ) -> Iterator[Shape]:
        """Yield page after page until `following` finds no next request in one.

        Raises PayloadError where a request comes round again or the pages exceed the limit: stopping there
        quietly would look like a complete listing.
        """
        request: Request | None = first
        seen: set[tuple[object, ...]] = set()
        while request is not None:
            path, params = request
            key = (path, *sorted((name, str(value)) for name, value in params.items()))
            if key in seen:
                raise PayloadError(self._system, purpose.stream, "the next page is one that was read before")
            if len(seen) == self._policy.pages:
                raise PayloadError(self._system, purpose.stream, f"more than {len(seen)} pages")
            seen.add(key)
            page = self.get(path, shape, purpose, params)
            yield page
            request = following(page)

    def _request(
        self,
        method: str,
        path: str,
        shape: type[Shape],
        purpose: Purpose,
        *,
        params: Params | None = None,
        body: object = None,
        repeatable: bool,
    ) -> Shape:
        request = self._build(method, path, purpose, params, body)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_RetryableError),
            stop=tenacity.stop_after_attempt(self._policy.attempts if repeatable else 1),
            wait=self._wait_seconds,
            sleep=self._context.sleep,
            reraise=True,
        )
        try:
            answer: object = retrying(self._send, request, purpose, repeatable)
        except _RetryableError as exc:
            raise exc.error from exc.__cause__
        return self._shaped(answer, shape)

    def _build(
        self, method: str, path: str, purpose: Purpose, params: Params | None, body: object
    ) -> httpx.Request:
        try:
            url = self._base.join(path)
            if (url.scheme, url.host, url.port) != (self._base.scheme, self._base.host, self._base.port):
                raise PayloadError(self._system, purpose.stream, "a link leads to another host")
            if url.userinfo:
                raise PayloadError(self._system, purpose.stream, "a link carries credentials")
            return self._client.build_request(
                method,
                url.copy_merge_params(params) if params else url,
                content=orjson.dumps(body) if body is not None else None,
                headers={"Content-Type": "application/json"} if body is not None else None,
            )
        except httpx.InvalidURL as exc:
            raise PayloadError(self._system, purpose.stream, "a link is not a valid address") from exc

    def _send(self, request: httpx.Request, purpose: Purpose, repeatable: bool) -> object:
        """Send once; return the decoded JSON, or raise one of our errors or _RetryableError."""
        if purpose.budget:
            self._budgets[purpose.budget].wait()
        if self._context.stopping():
            raise TransientError(self._system, "asked to stop")
        try:
            response = self._client.send(request, stream=True)
            try:
                content = self._read(response)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as exc:
            self._raise_transport(exc, repeatable)
        if response.is_success:
            return self._decoded(content)
        return self._raise_status(response, content, purpose)

    def _read(self, response: httpx.Response) -> bytes:
        deadline = self._context.monotonic() + self._policy.answer_seconds
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > self._policy.answer_bytes:
                raise PayloadError(
                    self._system, response.request.url.path, f"more than {self._policy.answer_bytes} bytes"
                )
            if self._context.monotonic() > deadline:
                raise _RetryableError(TransientError(self._system, "the answer took too long"))
        return bytes(content)

    def _decoded(self, content: bytes) -> object:
        try:
            return read_json(content)
        except (ValueError, RecursionError) as exc:
            # A proxy's error page or a cut answer: the next one may be whole.
            detail = "empty answer" if not content.strip() else "the answer is not JSON"
            raise _RetryableError(PayloadError(self._system, "$", detail)) from exc

    def _shaped(self, answer: object, shape: type[Shape]) -> Shape:
        try:
            return shape.model_validate(answer)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            path = ".".join(str(step) for step in first["loc"]) or "$"
            raise PayloadError(self._system, path, first["msg"]) from None

    def _raise_transport(self, exc: Exception, repeatable: bool) -> NoReturn:
        """Translate what the library raises; its texts are dropped, they quote headers and addresses."""
        name = type(exc).__name__
        match exc:
            case httpx.UnsupportedProtocol() | httpx.InvalidURL():
                raise CredentialsError(self._system, "base_url is not an http(s) address") from exc
            case httpx.LocalProtocolError():
                raise CredentialsError(
                    self._system, "a request cannot be formed with these credentials; stray characters?"
                ) from exc
            case httpx.DecodingError():
                raise _RetryableError(PayloadError(self._system, "$", "broken compression")) from exc
            case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout() | httpx.ProxyError():
                raise _RetryableError(TransientError(self._system, f"not reached ({name})")) from exc
            case httpx.TransportError() if repeatable:
                raise _RetryableError(TransientError(self._system, f"no whole answer ({name})")) from exc
            case httpx.TransportError():
                raise UnansweredError(self._system, f"no whole answer ({name})") from exc
            case _:
                raise PayloadError(self._system, "$", f"unusable answer ({name})") from exc

    def _raise_status(self, response: httpx.Response, content: bytes, purpose: Purpose) -> NoReturn:
        status = response.status_code
        detail = self._masked(_vendor_detail(content)) or response.reason_phrase
        verdict = response.headers.get(self._policy.retry_verdict_header or "-", "").lower()
        retried = verdict == "true" or (verdict != "false" and status in RETRIED)
        if retried or status >= 500 or status in (408, 429):
            wait = server_wait_seconds(response.headers, self._policy, self._context.wall_clock())
            error = TransientError(
                self._system, f"http {status}: {detail}", retry_after_seconds=wait, status=status
            )
            if retried and (wait or 0) <= self._policy.longest_wait_seconds:
                raise _RetryableError(error, wait)
            raise error
        if status == 401:
            raise CredentialsError(self._system, "the login was refused (http 401)")
        if status in (403, 404):
            detail = f"stream {purpose.stream!r} needs {purpose.permission}; the system said: {detail}"
        elif response.is_redirect or status < 400:
            detail = "the system redirects elsewhere; is base_url its present address?"
        raise RejectedError(self._system, f"http_{status}", detail, field=purpose.stream)

    def _masked(self, text: str) -> str:
        """Blank out our own secrets, which some vendors quote back."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        exc = state.outcome.exception() if state.outcome else None
        jitter = self._context.jitter()
        if isinstance(exc, _RetryableError) and exc.wait_seconds is not None:
            return exc.wait_seconds + jitter  # never earlier than asked; a little later, not all at once
        growing: float = self._policy.first_wait_seconds * 2.0 ** (state.attempt_number - 1)
        return min(growing, self._policy.longest_wait_seconds) * (0.5 + jitter / 2)


def _vendor_detail(content: bytes) -> str:
    """Return the vendor's code and sentence from an error answer, at most 200 characters."""
    try:
        answer: Any = read_json(content)
    except (ValueError, RecursionError):
        return ""
    error = answer.get("error", answer) if isinstance(answer, dict) else None
    parts: list[object] = [error] if isinstance(error, str) else []
    for holder in (answer, error):
        if isinstance(holder, dict):
            parts += [holder.get(key) for key in ("code", "type", "title", "message", "description")]
    return ": ".join(dict.fromkeys(part for part in parts if isinstance(part, str)))[:200]


def _secrets(auth: Auth) -> tuple[str, ...]:
    match auth:
        case Bearer(token=secret) | Header(value=secret):
            return (secret.get_secret_value(),)
        case Basic():
            return (auth.user.get_secret_value(), auth.password.get_secret_value())


def _basic(auth: Auth) -> httpx.BasicAuth | None:
    if not isinstance(auth, Basic):
        return None
    return httpx.BasicAuth(auth.user.get_secret_value(), auth.password.get_secret_value())


def _header(auth: Auth, system: str) -> dict[str, str]:
    for secret in _secrets(auth):
        if not isinstance(auth, Basic) and not (
            secret.isascii() and secret.isprintable() and " " not in secret
        ):
            raise CredentialsError(system, "the secret has characters no header can carry; a line break?")
    match auth:
        case Bearer(token=token):
            return {"Authorization": f"Bearer {token.get_secret_value()}"}
        case Header(name=name, value=value):
            return {name: value.get_secret_value()}
        case Basic():
            return {}
