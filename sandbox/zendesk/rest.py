"""The REST API: the cursor export of tickets, and organizations.

Read-only: what is in it is put there through the control API or by the world. The export goes by
`generated_timestamp`, leaves out the last minute, refuses a start that is too recent, ends where
`end_of_stream` says so and nowhere else, and keeps deleted tickets.
"""

import base64
import binascii
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlencode

from sandbox.core import ControlError, Core, Row, switched
from sandbox.faults import Action
from sandbox.table import Table
from sandbox.wire import Answer, Kind, Params, Request, find, route
from sandbox.zendesk.errors import JSON, Refused, forbidden, invalid, too_many
from sandbox.zendesk.limits import Limits
from sandbox.zendesk.shapes import OBJECTS, cursor_text, organization, read_cursor, ticket
from sandbox.zendesk.switches import Switches

UNSEEN_SECONDS = 60
"""What happened this recently is not in the export yet."""
MOST_TICKETS, MOST_ORGANIZATIONS = 1000, 100


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
        self._limits = Limits(core.clock)
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
                raise Refused(404, {"error": "InvalidEndpoint", "description": "Not found"})
            self._limits.admit(self._switches, export=export)
            answer = found.route.answer(request, found.params)
        except Refused as refused:
            answer = refused.answer
        return replace(
            answer, headers={**self._limits.headers(self._switches, export=export), **answer.headers}
        )

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
            raise Refused(
                401,
                {"error": "Couldn't authenticate you"},
                {"www-authenticate": 'Basic realm="Web Password"'},
            )

    # The export

    def _export(self, request: Request, _params: Params) -> Answer:
        if not self._switches.admin:
            raise Refused(403, forbidden())
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
        after = cursor_text(cursor)
        rows = [self._tables["tickets"].rows[str(ticket_id)] for _generated, ticket_id in page]
        sideloads = request.listed("include")
        query = {
            "cursor": after,
            **{name: values[0] for name, values in request.query.items() if name in ("per_page", "include")},
        }
        body: dict[str, Any] = {
            "tickets": [ticket(row, request.base_url, sideloads) for row in rows],
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
            place = read_cursor(request.first("cursor"))
            return bisect_right(order, place), (*place, "")
        given = request.first("start_time")
        if not given.lstrip("-").isdigit():
            raise Refused(400, invalid("StartTimeMissing", "You must provide a start_time parameter"))
        start = int(given)
        if start > self._clock.now().timestamp() - self._switches.too_recent_seconds:
            minutes = math.ceil(self._switches.too_recent_seconds / 60)
            unit = "minute" if minutes == 1 else "minutes"
            sentence = f"Too recent start_time. Use a start_time older than {minutes} {unit}"
            raise Refused(422, invalid("InvalidValue", sentence))
        return bisect_left(order, (start, 0)), (start, 0, "")

    def _ordered(self) -> list[tuple[int, int]]:
        if self._order is None:
            self._order = sorted(
                (row["generated_timestamp"], int(row["id"])) for row in self._tables["tickets"]
            )
        return self._order

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
        begin = bisect_right(ids, read_cursor(after)[1]) if after else 0
        page = ids[begin : begin + size]
        has_more = bool(page) and (self._switches.final_empty_page or begin + size < len(ids))
        cursor = cursor_text((0, page[-1], "")) if page else None
        query = urlencode({"page[after]": cursor, "page[size]": size})
        rows = [self._tables["organizations"].rows[str(each)] for each in page]
        body = {
            "organizations": [organization(row, request.base_url) for row in rows],
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
            status, body = too_many()
            return Answer(status=status, body=body, headers={"retry-after": "30"}, content_type=JSON)
        bodies: dict[int, Any] = {
            401: {"error": "Couldn't authenticate you"},
            403: forbidden(),
            404: {"error": "RecordNotFound", "description": "Not found"},
            422: invalid(action.code or "RecordInvalid", action.message or "Record validation errors"),
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
            cursor = request.first("cursor") or cursor_text((int(request.first("start_time", "0")), 0, ""))
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
        self._limits.forget()

    def _table(self, object_name: str) -> Table:
        if object_name not in self._tables:
            raise ControlError(f"no {object_name!r} here; there are {', '.join(self._tables)}")
        return self._tables[object_name]


def _whole(request: Request, name: str, default: int, most: int) -> int:
    given = request.first(name, str(default))
    if not given.isdigit() or not 1 <= int(given) <= most:
        raise Refused(400, invalid("InvalidPaginationParameter", f"{name} must be between 1 and {most}"))
    return int(given)
