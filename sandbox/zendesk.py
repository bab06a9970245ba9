"""The stand-in for Zendesk Support: the cursor export of tickets, and organizations.

Read-only: what is in it is put there through the control API or by the world. The export goes by
`generated_timestamp`, leaves out the last minute, refuses a start that is too recent, ends where
`end_of_stream` says so and nowhere else, and keeps deleted tickets. Times are stored as unix seconds.
"""

import base64
import binascii
import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from sandbox.core import ControlError, Core, Row, switched
from sandbox.faults import Action
from sandbox.table import Table
from sandbox.wire import Answer, Kind, Params, Request, find, route

UNSEEN_SECONDS = 60
"""What happened this recently is not in the export yet."""
MOST_TICKETS, MOST_ORGANIZATIONS = 1000, 100
JSON = "application/json; charset=utf-8"
OBJECTS: Mapping[str, Mapping[str, Any]] = {
    "organizations": {
        "id": None,
        "name": "",
        "external_id": None,
        "domain_names": (),
        "organization_fields": {},
        "created_at": 0,
    },
    "users": {"id": None, "name": "", "email": None, "organization_id": None},
    "tickets": {
        "id": None,
        "organization_id": None,
        "requester_id": None,
        "status": "new",
        "priority": None,
        "subject": None,
        "score": "unoffered",
        "created_at": 0,
        "updated_at": 0,
        "generated_timestamp": 0,
        "solved_at": None,
        "tags": (),
    },
}
"""What can be seeded, and what a record holds that does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Behaviour of the Zendesk stand-in that can be changed while it runs."""

    email: str = "admin@sandbox.example"
    """Whom the API token belongs to."""
    api_token: str = "sandbox-token"
    oauth_token: str = "sandbox-oauth"
    admin: bool = True
    """False: the credentials are an agent's, and the export is forbidden (403)."""
    limits: bool = True
    """False: no limit at all."""
    export_per_minute: int = 10
    """Calls of the export in a minute."""
    requests_per_minute: int = 700
    """All calls in a minute."""
    simulated_minutes: bool = False
    """True: minutes are counted by the simulated clock instead of real time."""
    empty_pages: int = 0
    """Every n-th page of the export is empty though the stream goes on; 0 means never."""
    too_recent_seconds: int = 60
    """A start_time nearer to now than this is refused with 422; some say 300."""
    final_empty_page: bool = True
    """The last page of organizations is an empty one after the last that holds any, as recorded."""


class _Refused(Exception):
    """A request is not carried out."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.answer = Answer(status=status, body=body, headers=headers or {}, content_type=JSON)


class Zendesk:
    """The stand-in for Zendesk."""

    name = "zendesk"
    changes = 0

    def __init__(self, core: Core) -> None:
        self._clock = core.clock
        self._switches = Switches()
        self._tables = {name: Table() for name in OBJECTS}
        self._order: list[tuple[int, int]] | None = None
        self._expired: set[str] = set()
        self._pages_given = 0
        self._windows: dict[str, deque[float]] = {"all": deque(), "export": deque()}
        self._routes = [
            route("GET", "/api/v2/incremental/tickets/cursor.json", "read", self._export),
            route("GET", "/api/v2/incremental/tickets/cursor", "read", self._export),
            route("GET", "/api/v2/organizations.json", "read", self._organizations),
            route("GET", "/api/v2/organizations", "read", self._organizations),
        ]

    # What every request passes

    def kind(self, _request: Request) -> Kind:
        """Say that every request reads."""
        return "read"

    def answer(self, request: Request) -> Answer:
        """Carry out a request."""
        export = "/incremental/" in request.path
        try:
            self._authenticate(request)
            found = find(self._routes, request)
            if found.route is None:
                raise _Refused(404, {"error": "InvalidEndpoint", "description": "Not found"})
            self._admit(export=export)
            answer = found.route.answer(request, found.params)
        except _Refused as refused:
            answer = refused.answer
        return replace(answer, headers={**self._rate_headers(export=export), **answer.headers})

    def _authenticate(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        wanted = self._switches
        if scheme == "Basic":
            try:
                known = base64.b64decode(given, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                known = ""
            good = known == f"{wanted.email}/token:{wanted.api_token}"
        else:
            good = scheme == "Bearer" and given == wanted.oauth_token
        if given in self._expired:
            self._expired.discard(given)
            good = False
        if not good:
            raise _Refused(
                401,
                {"error": "Couldn't authenticate you"},
                {"www-authenticate": 'Basic realm="Web Password"'},
            )

    def _admit(self, *, export: bool) -> None:
        switches = self._switches
        if not switches.limits:
            return
        now = self._now_seconds()
        limits = {"all": switches.requests_per_minute}
        if export:
            limits["export"] = switches.export_per_minute
        for name, most in limits.items():
            window = self._windows[name]
            while window and not 0 <= now - window[0] < 60:
                window.popleft()
            if len(window) >= most:
                wait = math.ceil(window[0] + 60 - now) if window else 60
                raise _Refused(*_too_many(), {"retry-after": str(max(1, wait))})
        for name in limits:
            self._windows[name].append(now)

    def _now_seconds(self) -> float:
        simulated = self._switches.simulated_minutes
        return self._clock.now().timestamp() if simulated else self._clock.monotonic()

    def _rate_headers(self, *, export: bool) -> dict[str, str]:
        switches = self._switches
        if not switches.limits:
            return {}

        def left(name: str, most: int) -> tuple[int, int]:
            window = self._windows[name]
            resets = math.ceil(window[0] + 60 - self._now_seconds()) if window else 0
            return max(0, most - len(window)), max(0, resets)

        most = switches.requests_per_minute
        remaining, resets = left("all", most)
        headers = {
            "x-rate-limit": str(most),
            "x-rate-limit-remaining": str(remaining),
            "ratelimit-limit": str(most),
            "ratelimit-remaining": str(remaining),
            "ratelimit-reset": str(resets),
        }
        if export:
            remaining, resets = left("export", switches.export_per_minute)
            headers["zendesk-ratelimit-incremental-exports"] = (
                f"total={switches.export_per_minute}; remaining={remaining}; resets={resets}"
            )
        return headers

    # The export

    def _export(self, request: Request, _params: Params) -> Answer:
        if not self._switches.admin:
            raise _Refused(403, _forbidden())
        order = self._ordered()
        seen_until = int(self._clock.now().timestamp()) - UNSEEN_SECONDS
        end = bisect_right(order, (seen_until, math.inf))
        begin, cursor = self._begin(request, order)
        per_page = _whole(request, "per_page", MOST_TICKETS, MOST_TICKETS)
        self._pages_given += 1
        every = self._switches.empty_pages
        empty = bool(every) and self._pages_given % every == 0 and begin < end
        page = [] if empty else order[begin : max(begin, min(end, begin + per_page))]
        if page:
            cursor = (*page[-1], "")
        elif empty:
            # Another text for the same place, as a cursor never comes back twice.
            cursor = (cursor[0], cursor[1], str(self._pages_given))
        after = _cursor_text(cursor)
        rows = [self._tables["tickets"].rows[str(ticket_id)] for _generated, ticket_id in page]
        sideloads = request.listed("include")
        query = {
            "cursor": after,
            **{name: values[0] for name, values in request.query.items() if name in ("per_page", "include")},
        }
        body: dict[str, Any] = {
            "tickets": [self._ticket(row, request.base_url, sideloads) for row in rows],
            "after_cursor": after,
            "after_url": f"{request.base_url}{request.path}?{urlencode(query)}",
            "before_cursor": None,
            "before_url": None,
            "end_of_stream": not empty and len(page) < per_page,
        }
        if "users" in sideloads:
            body["users"] = self._requesters(rows)
        return Answer(body=body, content_type=JSON)

    def _begin(self, request: Request, order: Sequence[tuple[int, int]]) -> tuple[int, tuple[int, int, str]]:
        """Find where a call starts in the order, and the cursor that means this place."""
        if "cursor" in request.query:
            place = _read_cursor(request.first("cursor"))
            return bisect_right(order, place), (*place, "")
        given = request.first("start_time")
        if not given.lstrip("-").isdigit():
            raise _Refused(400, _invalid("StartTimeMissing", "You must provide a start_time parameter"))
        start = int(given)
        if start > self._clock.now().timestamp() - self._switches.too_recent_seconds:
            minutes = math.ceil(self._switches.too_recent_seconds / 60)
            unit = "minute" if minutes == 1 else "minutes"
            sentence = f"Too recent start_time. Use a start_time older than {minutes} {unit}"
            raise _Refused(422, _invalid("InvalidValue", sentence))
        return bisect_left(order, (start, 0)), (start, 0, "")

    def _ordered(self) -> list[tuple[int, int]]:
        if self._order is None:
            self._order = sorted(
                (row["generated_timestamp"], int(row["id"])) for row in self._tables["tickets"]
            )
        return self._order

    def _ticket(self, row: Row, base_url: str, sideloads: Sequence[str]) -> dict[str, Any]:
        deleted = row["status"] == "deleted"
        subject = "SCRUBBED" if deleted else row["subject"] or f"Ticket {row['id']}"
        ticket = {
            "url": f"{base_url}/api/v2/tickets/{row['id']}.json",
            "id": row["id"],
            "external_id": None,
            "via": {"channel": "email", "source": {"from": {}, "to": {}, "rel": None}},
            "created_at": _stamp(row["created_at"]),
            "updated_at": _stamp(row["updated_at"]),
            "generated_timestamp": row["generated_timestamp"],
            "type": "incident",
            "subject": subject,
            "raw_subject": subject,
            "description": "SCRUBBED" if deleted else "It does not work as expected.",
            "priority": row["priority"],
            "status": row["status"],
            "recipient": None,
            "requester_id": row["requester_id"],
            "submitter_id": row["requester_id"],
            "assignee_id": None,
            "organization_id": row["organization_id"],
            "group_id": None,
            "tags": list(row["tags"]),
            "custom_fields": [],
            "satisfaction_rating": {"score": row["score"]},
            "fields": [],
            "allow_channelback": False,
            "is_public": True,
        }
        if "metric_sets" in sideloads and not deleted:
            ticket["metric_set"] = {
                "ticket_id": row["id"],
                "created_at": _stamp(row["created_at"]),
                "updated_at": _stamp(row["updated_at"]),
                "solved_at": None if row["solved_at"] is None else _stamp(row["solved_at"]),
                "reopens": 0,
            }
        return ticket

    def _requesters(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        users = self._tables["users"]
        ids = dict.fromkeys(str(row["requester_id"]) for row in rows if row["requester_id"] is not None)
        found = [user for user_id in ids if (user := users.get(user_id)) is not None]
        return [{**user, "role": "end-user", "active": True} for user in found]

    # Organizations

    def _organizations(self, request: Request, _params: Params) -> Answer:
        size = _whole(request, "page[size]", MOST_ORGANIZATIONS, MOST_ORGANIZATIONS)
        ids = sorted(int(row_id) for row_id in self._tables["organizations"].rows)
        after = request.first("page[after]")
        begin = bisect_right(ids, _read_cursor(after)[1]) if after else 0
        page = ids[begin : begin + size]
        has_more = bool(page) and (self._switches.final_empty_page or begin + size < len(ids))
        cursor = _cursor_text((0, page[-1], "")) if page else None
        query = urlencode({"page[after]": cursor, "page[size]": size})
        rows = [self._tables["organizations"].rows[str(each)] for each in page]
        body = {
            "organizations": [_organization(row, request.base_url) for row in rows],
            "meta": {"has_more": has_more, "after_cursor": cursor, "before_cursor": cursor},
            "links": {
                "prev": None,
                "next": f"{request.base_url}{request.path}?{query}" if has_more else None,
            },
        }
        return Answer(body=body, content_type=JSON)

    # Scripted misbehaviour

    def failure(self, action: Action) -> Answer:
        """Give the usual answer for a scripted status."""
        if action.status == 429:
            status, body = _too_many()
            return Answer(status=status, body=body, headers={"retry-after": "30"}, content_type=JSON)
        bodies: dict[int, Any] = {
            401: {"error": "Couldn't authenticate you"},
            403: _forbidden(),
            404: {"error": "RecordNotFound", "description": "Not found"},
            422: _invalid(action.code or "RecordInvalid", action.message or "Record validation errors"),
            503: {"error": "ServiceUnavailable", "description": "Down for maintenance"},
        }
        if action.status in bodies:
            return Answer(status=action.status, body=bodies[action.status], content_type=JSON)
        return Answer(status=action.status, content_type="text/html;charset=UTF-8")

    def empty(self, request: Request) -> Answer:
        """Give the successful answer to this request with nothing in it."""
        if request.path.startswith("/api/v2/organizations"):
            meta = {"has_more": False, "after_cursor": None, "before_cursor": None}
            body: Any = {"organizations": [], "meta": meta, "links": {"prev": None, "next": None}}
        else:
            cursor = request.first("cursor") or _cursor_text((int(request.first("start_time", "0")), 0, ""))
            body = {"tickets": [], "users": [], "after_cursor": cursor, "end_of_stream": True}
        return Answer(body=body, content_type=JSON)

    def expire_session(self, request: Request) -> None:
        """Refuse the credentials of this request once."""
        self._expired.add(request.headers.get("authorization", "").partition(" ")[2])

    # Control

    def seed(self, object_name: str, records: Sequence[Row]) -> list[str]:
        """Put records in; known ids are changed. Times are unix seconds."""
        table, defaults = self._table(object_name), OBJECTS[object_name]
        ids = []
        for record in records:
            unknown = record.keys() - defaults.keys()
            if unknown:
                raise ControlError(f"{object_name} have no {', '.join(sorted(unknown))}")
            given = record.get("id")
            row_id = str(len(table) + 1 if given is None else given)
            before = table.rows.get(row_id)
            row = {**(before or defaults), **record, "id": int(row_id)}
            if object_name == "tickets" and "generated_timestamp" not in record:
                # Whatever is changed now is exported as changed now.
                now = int(self._clock.now().timestamp())
                row["generated_timestamp"] = max(row["updated_at"], now)
            table.put(row_id, row)
            ids.append(row_id)
        if object_name == "tickets":
            self._order = None
        return ids

    def truth(self, object_name: str) -> dict[str, Any]:
        """Give all records of one type."""
        return {"records": [dict(row) for row in self._table(object_name)], "history": []}

    def steer(self, what: str, wanted: Mapping[str, Any]) -> Any:
        """Touch a ticket as the system does (`updated_at` stays), or delete it."""
        rows = self._tables["tickets"].rows
        row = rows.get(str(wanted.get("id")))
        if what not in ("touch", "delete"):
            raise ControlError(f"no {what!r} here; there are touch, delete")
        if row is None:
            raise ControlError(f"no ticket {wanted.get('id')!r}")
        now = int(self._clock.now().timestamp())
        gone = {"status": "deleted", "updated_at": now} if what == "delete" else {}
        self.seed("tickets", [{"id": row["id"], "generated_timestamp": now, **gone}])

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
        self._order = None
        self._pages_given = 0
        for window in self._windows.values():
            window.clear()

    def _table(self, object_name: str) -> Table:
        if object_name not in self._tables:
            raise ControlError(f"no {object_name!r} here; there are {', '.join(self._tables)}")
        return self._tables[object_name]


def _organization(row: Row, base_url: str) -> dict[str, Any]:
    return {
        "url": f"{base_url}/api/v2/organizations/{row['id']}.json",
        "id": row["id"],
        "name": row["name"],
        "shared_tickets": False,
        "shared_comments": False,
        "external_id": row["external_id"],
        "created_at": _stamp(row["created_at"]),
        "updated_at": _stamp(row["created_at"]),
        "domain_names": list(row["domain_names"]),
        "details": None,
        "notes": None,
        "group_id": None,
        "tags": [],
        "organization_fields": dict(row["organization_fields"]),
    }


def _cursor_text(cursor: tuple[int, int, str]) -> str:
    generated, ticket_id, note = cursor
    return base64.b64encode(f"{generated}.0||{ticket_id}|{note}".encode()).decode()


def _read_cursor(text: str) -> tuple[int, int]:
    try:
        generated, _, rest = base64.b64decode(text, validate=True).decode().partition("||")
        return int(float(generated)), int(rest.partition("|")[0])
    except ValueError:
        raise _Refused(400, _invalid("InvalidCursor", "The cursor is not valid")) from None


def _whole(request: Request, name: str, default: int, most: int) -> int:
    given = request.first(name, str(default))
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise _Refused(400, _invalid("InvalidPaginationParameter", f"{name} must be between 1 and {most}"))
    return int(given)


def _invalid(error: str, description: str) -> dict[str, str]:
    return {"error": error, "description": description}


def _forbidden() -> dict[str, Any]:
    message = "You do not have access to this page. Please contact the account owner for further help."
    return {"error": {"title": "Forbidden", "message": message}}


def _too_many() -> tuple[int, dict[str, str]]:
    sentence = "Number of allowed incremental export API requests per minute exceeded"
    return 429, {"error": "APIRateLimitExceeded", "description": sentence}


def _stamp(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
