"""The REST API: lists newest first, one object by id, keys, versions and limits.

Read-only: what is in it is put there through the control API or by the world. A parameter it does not know is
a 400, as at Stripe; so are filters that Stripe knows and this stand-in does not.
"""

import base64
import binascii
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sandbox.core import ControlError, Core, Row, switched
from sandbox.faults import Action, hashed_share
from sandbox.stripe import shapes
from sandbox.stripe.shapes import BASIL, OBJECTS
from sandbox.stripe.switches import Switches
from sandbox.table import Table
from sandbox.wire import Answer, Kind, Params, Request, find, route

MOST, USUAL = 100, 10
STATUSES: Mapping[str, Sequence[str]] = {
    "subscriptions": (
        "incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused",
    ),
    "invoices": ("draft", "open", "paid", "uncollectible", "void"),
}  # fmt: skip
SINGULAR = {"customers": "customer", "subscriptions": "subscription", "invoices": "invoice"}
FILTERS = {
    "customers": ("email",),
    "subscriptions": ("status", "customer"),
    "invoices": ("status", "customer", "subscription", "collection_method"),
}
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")
JSON = "application/json"


class _Refused(Exception):
    """A request is not carried out."""

    def __init__(self, status: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", **more}}


class Stripe:
    """The stand-in for Stripe."""

    name = "stripe"
    changes = 0

    def __init__(self, core: Core) -> None:
        self._clock = core.clock
        self._switches = Switches()
        self._tables = {name: Table() for name in OBJECTS}
        self._newest: dict[str, dict[str, int]] = {}
        self._expired: set[str] = set()
        self._calls: dict[str, deque[float]] = {}
        self._answered = 0
        self._routes = [
            route("GET", "/v1/subscription_items", "read", self._items),
            *(route("GET", f"/v1/{name}", "read", self._lister(name)) for name in OBJECTS),
            *(route("GET", f"/v1/{name}/{{id}}", "read", self._getter(name)) for name in OBJECTS),
        ]

    # What every request passes

    def kind(self, _request: Request) -> Kind:
        """Say that every request reads."""
        return "read"

    def answer(self, request: Request) -> Answer:
        """Carry out a request."""
        self._answered += 1
        version = request.headers.get("stripe-version", self._switches.default_version)
        try:
            self._authenticate(request)
            if not VERSION.fullmatch(version):
                raise _Refused(400, f"Invalid Stripe API version: {version}")
            found = find(self._routes, request)
            if found.route is None:
                raise _Refused(404, f"Unrecognized request URL ({request.method}: {request.path}).")
            self._admit(request.path)
            answer = Answer(body=found.route.answer(request, found.params).body, content_type=JSON)
        except _Refused as refused:
            answer = self._refusal(refused)
        headers = {"request-id": f"req_{self._answered:014}", "stripe-version": version}
        return replace(answer, headers={**headers, **answer.headers})

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            try:
                key = base64.b64decode(key, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                key = ""
        if not key:
            raise _Refused(401, "You did not provide an API key.")
        if key in self._expired:
            self._expired.discard(key)
            raise _Refused(401, f"Expired API Key provided: {_masked(key)}", code="api_key_expired")
        if key not in self._switches.keys:
            raise _Refused(401, f"Invalid API Key provided: {_masked(key)}")

    def _admit(self, path: str) -> None:
        switches = self._switches
        if not switches.limits:
            return
        now = self._clock.monotonic()
        endpoint = "/".join(path.split("/")[:3])
        limits = {"": switches.requests_per_second, endpoint: switches.endpoint_per_second}
        for name, most in limits.items():
            window = self._calls.setdefault(name, deque())
            while window and window[0] <= now - 1.0:
                window.popleft()
            if len(window) >= most:
                raise _Refused(429, "Request rate limit exceeded.", code="rate_limit")
        for name in limits:
            self._calls[name].append(now)

    def _refusal(self, refused: _Refused) -> Answer:
        headers = {}
        if refused.status in (409, 429) or refused.status >= 500:
            verdict = self._switches.should_retry
            headers = {"stripe-should-retry": verdict} if verdict else {}
        if refused.status == 429:
            headers["stripe-rate-limited-reason"] = "endpoint-rate"
        return Answer(status=refused.status, body=refused.body, headers=headers, content_type=JSON)

    def _permit(self, what: str) -> None:
        if what in self._switches.missing_permissions:
            raise _Refused(
                403,
                f"The provided key does not have the required permissions for this endpoint: {what}. "
                "Having the 'read' permission would allow this request to continue.",
            )

    # Lists and objects

    def _lister(self, name: str) -> Callable[[Request, Params], Answer]:
        return lambda request, _params: self._list(name, request)

    def _getter(self, name: str) -> Callable[[Request, Params], Answer]:
        return lambda request, params: self._get(name, params["id"], request)

    def _list(self, name: str, request: Request) -> Answer:
        self._permit(name)
        expanded = self._expanded(name, request, "data.customer")
        wanted = _filters(name, request)
        places, rows = self._ordered(name), self._tables[name].rows
        begin = self._begin(name, request, places)
        limit = _limit(request)
        chosen: list[Row] = []
        # The rest of the list is looked at only until there is one row more than the page holds.
        ids = list(places)
        for row_id in ids[begin:]:
            row = rows[row_id]
            if _listed(name, row, wanted):
                chosen.append(row)
                if len(chosen) > limit:
                    break
        shown = [self._shown(name, row, request, expanded=expanded) for row in chosen[:limit]]
        return _page(shown, has_more=len(chosen) > limit, url=f"/v1/{name}")

    def _get(self, name: str, row_id: str, request: Request) -> Answer:
        self._permit(name)
        row = self._tables[name].get(row_id)
        if row is None:
            raise _missing(SINGULAR[name], row_id, "id", status=404)
        expanded = self._expanded(name, request, "customer")
        return Answer(body=self._shown(name, row, request, expanded=expanded))

    def _items(self, request: Request, _params: Params) -> Answer:
        self._permit("subscriptions")
        _refuse_unknown(request, ("subscription",))
        row_id = request.first("subscription")
        if not row_id:
            message = "Missing required param: subscription."
            raise _Refused(400, message, code="parameter_missing", param="subscription")
        row = self._tables["subscriptions"].get(row_id)
        if row is None:
            raise _missing("subscription", row_id, "subscription")
        ids = [each["id"] for each in row["items"]]
        after = request.first("starting_after")
        if after and after not in ids:
            raise _missing("subscription_item", after, "starting_after")
        begin = ids.index(after) + 1 if after else 0
        limit = _limit(request)
        page = row["items"][begin : begin + limit]
        shown = [shapes.item(row, each, old=self._old(request)) for each in page]
        return _page(shown, has_more=begin + limit < len(ids), url="/v1/subscription_items")

    def _expanded(self, name: str, request: Request, customer: str) -> bool:
        asked = [each for key in ("expand[]", "expand[0]") for each in request.query.get(key, ())]
        for path in asked:
            if path != customer or name == "customers":
                raise _Refused(400, f"This property cannot be expanded ({path}).", param="expand")
        if asked:
            self._permit("customers")
        return bool(asked)

    def _ordered(self, name: str) -> dict[str, int]:
        """Give all ids, newest first, with their places."""
        if name not in self._newest:
            # Ids break ties without telling which came first, as at Stripe.
            rows = sorted(
                self._tables[name], key=lambda row: (-row["created"], hashed_share(row["id"]), row["id"])
            )
            self._newest[name] = {row["id"]: place for place, row in enumerate(rows)}
        return self._newest[name]

    def _begin(self, name: str, request: Request, places: Mapping[str, int]) -> int:
        after = request.first("starting_after")
        if not after:
            return 0
        if after not in places:
            raise _missing(SINGULAR[name], after, "starting_after")
        return places[after] + 1

    def _shown(self, name: str, row: Row, request: Request, *, expanded: bool) -> dict[str, Any]:
        livemode, old = self._switches.livemode, self._old(request)
        if name == "customers":
            return shapes.customer(row, livemode=livemode)
        customer: Any = row["customer"]
        if expanded and customer is not None:
            known = self._tables["customers"].get(customer)
            stub = {"id": customer, "object": "customer", "deleted": True}
            customer = stub if known is None else shapes.customer(known, livemode=livemode)
        if name == "subscriptions":
            return shapes.subscription(row, customer, livemode=livemode, old=old)
        billed = self._tables["subscriptions"].get(str(row["subscription"]))
        metadata = billed["metadata"] if billed else {}
        return shapes.invoice(row, customer, metadata, livemode=livemode, old=old)

    def _old(self, request: Request) -> bool:
        version = request.headers.get("stripe-version", self._switches.default_version)
        return self._switches.old_shapes or version < BASIL

    # Scripted misbehaviour

    def failure(self, action: Action) -> Answer:
        """Give the usual answer for a scripted status."""
        messages = {
            401: "Invalid API Key provided: rk_live_***",
            409: "This object cannot be accessed right now because another request is using it.",
            429: "Request rate limit exceeded.",
        }
        message = action.message or messages.get(action.status, "An unexpected error occurred.")
        code = action.code or {409: "lock_timeout", 429: "rate_limit"}.get(action.status, "")
        more = {"code": code} if code else {}
        kind = {"type": "api_error"} if action.status >= 500 else {}
        refused = _Refused(action.status, message, **more)
        refused.body["error"] |= kind
        return self._refusal(refused)

    def empty(self, request: Request) -> Answer:
        """Give the successful answer to this request with nothing in it."""
        return replace(_page([], has_more=False, url=request.path), content_type=JSON)

    def expire_session(self, request: Request) -> None:
        """Refuse the key of this request once."""
        self._expired.add(request.headers.get("authorization", "").partition(" ")[2])

    # Control

    def seed(self, object_name: str, records: Sequence[Row]) -> list[str]:
        """Put records in; known ids are changed. Times are unix seconds, amounts the smallest unit."""
        table, defaults = self._table(object_name), OBJECTS[object_name]
        ids = []
        for record in records:
            unknown = record.keys() - defaults.keys()
            unknown |= {name for each in record.get("items", ()) for name in each.keys() - shapes.ITEM.keys()}
            if unknown:
                raise ControlError(f"{object_name} have no {', '.join(sorted(unknown))}")
            row_id = str(record.get("id") or f"{SINGULAR[object_name][:3]}_{len(table) + 1}")
            before = table.rows.get(row_id)
            row = {**(before or defaults), **record, "id": row_id}
            if before is None or before["created"] != row["created"]:
                self._newest.pop(object_name, None)
            table.put(row_id, row)
            ids.append(row_id)
        return ids

    def truth(self, object_name: str) -> dict[str, Any]:
        """Give all records of one type."""
        return {"records": [dict(row) for row in self._table(object_name)], "history": []}

    def steer(self, what: str, wanted: Mapping[str, Any]) -> Any:
        """Delete a customer: a stub is left, and its subscriptions end."""
        if what != "delete_customer":
            raise ControlError(f"no {what!r} here; there is delete_customer")
        row_id, now = str(wanted.get("id")), int(self._clock.now().timestamp())
        if self._tables["customers"].get(row_id) is None:
            raise ControlError(f"no customer {row_id!r}")
        self.seed("customers", [{"id": row_id, "deleted": True}])
        for row in self._tables["subscriptions"].having("customer", row_id):
            if row["ended_at"] is None:
                ended = {"status": "canceled", "ended_at": now, "canceled_at": now}
                self.seed("subscriptions", [{"id": row["id"], **ended}])

    def switch(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change switches, and give all of them."""
        self._switches = switched(self._switches, changes)
        return asdict(self._switches)

    def snapshot(self) -> object:
        """Give all business state."""
        return {name: table.copy() for name, table in self._tables.items()}

    def restore(self, kept: object) -> None:
        """Go back to a snapshot."""
        assert isinstance(kept, dict)
        for name, rows in kept.items():
            self._tables[name].restore(rows)
        self._newest.clear()
        self._calls.clear()

    def _table(self, object_name: str) -> Table:
        if object_name not in self._tables:
            raise ControlError(f"no {object_name!r} here; there are {', '.join(self._tables)}")
        return self._tables[object_name]


def _filters(name: str, request: Request) -> dict[str, str]:
    _refuse_unknown(request, FILTERS[name])
    wanted = {each: request.first(each) for each in FILTERS[name] if request.first(each)}
    status = wanted.get("status")
    allowed = STATUSES.get(name, ())
    if name == "subscriptions":
        allowed = (*allowed, "all", "ended")
    if status is not None and status not in allowed:
        raise _Refused(400, f"Invalid status: must be one of {', '.join(allowed)}", param="status")
    return wanted


def _refuse_unknown(request: Request, known: Sequence[str]) -> None:
    for name in request.query:
        if name not in (*known, "limit", "starting_after", "expand[]", "expand[0]"):
            message = f"Received unknown parameter: {name}"
            raise _Refused(400, message, code="parameter_unknown", param=name)


def _listed(name: str, row: Row, wanted: Mapping[str, str]) -> bool:
    if name == "customers" and row["deleted"]:
        return False
    if name == "subscriptions":
        status = wanted.get("status")
        ended = row["status"] in ("canceled", "incomplete_expired")
        if status is None and row["status"] == "canceled":
            return False
        if status == "ended" and not ended:
            return False
        if status not in (None, "all", "ended") and row["status"] != status:
            return False
        wanted = {key: value for key, value in wanted.items() if key != "status"}
    return all(row[key] == value for key, value in wanted.items())


def _limit(request: Request) -> int:
    given = request.first("limit", str(USUAL))
    if not given.isdigit():
        raise _Refused(400, f"Invalid integer: {given}", param="limit", code="parameter_invalid_integer")
    if not 1 <= int(given) <= MOST:
        raise _Refused(400, f"Invalid limit: must be between 1 and {MOST}", param="limit")
    return int(given)


def _page(shown: Sequence[Mapping[str, Any]], *, has_more: bool, url: str) -> Answer:
    return Answer(body={"object": "list", "data": list(shown), "has_more": has_more, "url": url})


def _missing(what: str, row_id: str, param: str, *, status: int = 400) -> _Refused:
    return _Refused(status, f"No such {what}: '{row_id}'", code="resource_missing", param=param)


def _masked(key: str) -> str:
    return f"{key[:8]}***{key[-4:]}" if len(key) > 16 else "***"
