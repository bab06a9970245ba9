"""What goes over the wire as values: requests, answers and the table of routes.

A stand-in is a function from `Request` to `Answer`. Paths stay percent-encoded until they are split, because
an external id may contain an encoded slash (`External_Key__c/acct%2F1`). Nothing here knows a vendor.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

import orjson

from sandbox.faults import Refusal

Kind: TypeAlias = Literal["read", "write", "login"]
"""write: meant to change records or definitions. A search or query is a read, whatever its method."""


class BodyError(ValueError):
    """The body of a request is not the JSON it should be."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    """Without the query, still percent-encoded, trailing slashes removed."""
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    base_url: str = ""
    """Where the client reached us: scheme, host and port."""
    target_bytes: int = 0
    """Size of the request line's target plus all headers."""
    refusals: Sequence[Refusal] = ()
    """Records that a fault script wants refused in this request."""

    def first(self, name: str, default: str = "") -> str:
        """Give the first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def listed(self, name: str) -> list[str]:
        """Give all values of a query parameter, repeated or separated by commas."""
        return [part for value in self.query.get(name, ()) for part in value.split(",") if part]

    @cached_property
    def json(self) -> Any:
        """Read the body as JSON; raises BodyError."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as exc:
            raise BodyError(str(exc)) from exc

    @property
    def json_object(self) -> dict[str, Any]:
        """Read the body as a JSON object; raises BodyError."""
        body = self.json
        if not isinstance(body, dict):
            raise BodyError("expected an object")
        return body

    def refused(self, object_name: str, *record_ids: str) -> Refusal | None:
        """Say whether a fault script wants this record refused, known by any of these ids."""
        for refusal in self.refusals:
            if refusal.covers(object_name, record_ids):
                return refusal
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back; a body of bytes is sent as it is, anything else as JSON, None as nothing."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=UTF-8"

    def payload(self) -> bytes:
        """Give the bytes to send."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return orjson.dumps(self.body)


Params: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One line of a stand-in's table of endpoints."""

    method: str
    pattern: re.Pattern[str]
    kind: Kind
    answer: Callable[[Request, Params], Answer]


def route(method: str, template: str, kind: Kind, answer: Callable[[Request, Params], Answer]) -> Route:
    """Make a route from a template such as `/sobjects/{type}/{id}`; `{}` matches one encoded segment."""
    parts = re.split(r"\{(\w+)\}", template)
    pattern = "".join(
        re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/]+)" for index, part in enumerate(parts)
    )
    return Route(method=method, pattern=re.compile(pattern), kind=kind, answer=answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The route for a request; none when the path is unknown or knows only other methods."""

    route: Route | None
    params: Params
    other_methods: Sequence[str] = ()


def find(routes: Sequence[Route], request: Request) -> Found:
    """Find the first route that fits; parameters come back percent-decoded."""
    others = []
    for candidate in routes:
        match = candidate.pattern.fullmatch(request.path)
        if match is None:
            continue
        if candidate.method == request.method:
            params = {name: unquote(value) for name, value in match.groupdict().items()}
            return Found(route=candidate, params=params)
        others.append(candidate.method)
    return Found(route=None, params={}, other_methods=others)


def kind_of(routes: Sequence[Route], request: Request) -> Kind:
    """Say what kind of request this is; unknown paths go by their method."""
    found = find(routes, request).route
    if found is not None:
        return found.kind
    return "read" if request.method in ("GET", "HEAD", "OPTIONS") else "write"
