"""The REST API: endpoints under their old and their date-based paths, authentication and limits.

`/crm/v3/objects/companies`, `/crm/objects/2026-03/companies` and `/crm/objects/2026-09/companies` are one
endpoint; what differs between them is told by `params["api"]`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sandbox.core import ControlError, Core, Row, switched
from sandbox.faults import Action
from sandbox.hubspot import search
from sandbox.hubspot.associations import Associations
from sandbox.hubspot.batches import Batches, planned_create
from sandbox.hubspot.errors import Refused, not_found
from sandbox.hubspot.limits import Limits, too_many
from sandbox.hubspot.portal import Kept, Owner, Portal
from sandbox.hubspot.properties import Properties
from sandbox.hubspot.schema import ObjectType, read_property
from sandbox.wire import Answer, BodyError, Kind, Params, Request, find, kind_of, route

OLD_PATH = re.compile(r"/crm/(v3|v4)/(objects|properties|owners|associations)(/.*)?")
DATED_PATH = re.compile(r"/crm/(objects|properties|owners|associations)/(2026-03|2026-09)(/.*)?")
ACCOUNT_PATH = re.compile(r"/account-info/(v3|2026-03|2026-09)(/.*)")
PAGE_LIMIT = 100
OWNER_PAGE_LIMIT = 500
HEAD_LIMIT = 16_384
STAMP = "2024-01-01T00:00:00.000Z"


class HubSpot:
    """The stand-in for HubSpot."""

    name = "hubspot"

    def __init__(self, core: Core) -> None:
        self.portal = Portal(core.clock)
        self.limits = Limits(core.clock)
        self._expired: set[str] = set()
        batches, links = Batches(self.portal), Associations(self.portal)
        properties = Properties(self.portal)
        one = "/objects/{type}/{id}"
        self._routes = [
            route("POST", "/objects/{type}/batch/read", "read", batches.read),
            route("POST", "/objects/{type}/batch/create", "write", batches.create),
            route("POST", "/objects/{type}/batch/update", "write", batches.update),
            route("POST", "/objects/{type}/batch/upsert", "write", batches.upsert),
            route("POST", "/objects/{type}/batch/archive", "write", batches.archive),
            route("POST", "/objects/{type}/search", "read", self._search),
            route("POST", "/objects/{type}/merge", "write", self._merge),
            route("GET", "/objects/{type}", "read", self._list),
            route("POST", "/objects/{type}", "write", self._create),
            route("GET", one, "read", self._get),
            route("PATCH", one, "write", self._update),
            route("DELETE", one, "write", self._archive),
            route("GET", f"{one}/associations/{{other}}", "read", links.listed),
            route("PUT", f"{one}/associations/default/{{other}}/{{other_id}}", "write", links.put_default),
            route("POST", "/associations/{type}/{other}/batch/read", "read", links.read),
            route(
                "POST", "/associations/{type}/{other}/batch/associate/default", "write", links.create_default
            ),
            route("POST", "/associations/{type}/{other}/batch/archive", "write", links.archive),
            route("GET", "/properties/{type}", "read", properties.listed),
            route("POST", "/properties/{type}", "write", properties.create),
            route("POST", "/properties/{type}/batch/read", "read", properties.read),
            route("GET", "/properties/{type}/groups", "read", properties.groups),
            route("POST", "/properties/{type}/groups", "write", properties.create_group),
            route("GET", "/properties/{type}/{name}", "read", properties.get),
            route("PATCH", "/properties/{type}/{name}", "write", properties.update),
            route("DELETE", "/properties/{type}/{name}", "write", properties.archive),
            route("GET", "/owners", "read", self._owners),
            route("GET", "/owners/{id}", "read", self._owner),
            route("GET", "/account/details", "read", self._account),
        ]

    @property
    def changes(self) -> int:
        """Tell how many records were changed through the API, ever."""
        return self.portal.changes

    # What every request passes

    def kind(self, request: Request) -> Kind:
        """Say whether this request reads or writes."""
        inner, _api = _inner(request)
        return kind_of(self._routes, inner)

    def answer(self, request: Request) -> Answer:
        """Carry out a request."""
        switches = self.portal.switches
        if request.target_bytes > HEAD_LIMIT:
            return Answer(status=414, content_type="text/html;charset=UTF-8")
        inner, api = _inner(request)
        search_call = inner.path.endswith("/search")
        try:
            self._authenticate(request)
            limited = self.limits.admit(switches, search=search_call)
            if limited is not None:
                return limited
            answer = self._admitted(inner, api)
        except Refused as refused:
            answer = refused.answer()
        except BodyError as exc:
            answer = Refused(f"Invalid input JSON on line 1, column 1: {exc}").answer()
        if search_call or answer.status == 401:
            return answer
        return replace(answer, headers={**answer.headers, **self.limits.headers(switches)})

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.portal.switches.tokens:
            message = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
            raise Refused(message, status=401, category="INVALID_AUTHENTICATION")
        if token in self._expired:
            # A static token does not expire; the next request with it is fine again.
            self._expired.discard(token)
            raise Refused("The OAuth token used to make this call expired", status=401,
                          category="EXPIRED_AUTHENTICATION")  # fmt: skip

    def _admitted(self, inner: Request, api: str) -> Answer:
        found = find(self._routes, inner)
        if not api or (api.startswith("v") and not self.portal.switches.old_paths):
            raise not_found()
        if found.route is None:
            if found.other_methods:
                raise Refused("Method not allowed", status=405, category="METHOD_NOT_ALLOWED")
            raise not_found()
        self._check_scope(found.params, found.route.kind)
        return found.route.answer(inner, {**found.params, "api": api})

    def _check_scope(self, params: Params, kind: Kind) -> None:
        if "type" not in params:
            return
        verb = "write" if kind == "write" else "read"
        wanted = f"crm.objects.{self.portal.type_named(params['type']).name}.{verb}"
        if wanted in self.portal.switches.missing_scopes:
            raise Refused(
                "This app hasn't been granted all required scopes to make this call.",
                status=403,
                category="MISSING_SCOPES",
                errors=[
                    {
                        "message": "One or more of the following scopes are required.",
                        "context": {"requiredGranularScopes": [wanted]},
                    }
                ],
            )

    # Records

    def _list(self, request: Request, params: Params) -> Answer:
        kind = self.portal.type_named(params["type"])
        limit = _limit(request, 10, PAGE_LIMIT)
        archived = request.first("archived") == "true"
        rows = [
            row
            for row in self.portal.tables[kind.name]
            if bool(row.get("_archived")) == archived and not row.get("_merged_into")
        ]
        rows.sort(key=lambda row: int(row["hs_object_id"]))
        after = request.first("after", "0")
        if not after.isdigit():
            raise Refused(f"after={after} is not a cursor")
        rows = [row for row in rows if int(row["hs_object_id"]) > int(after)]
        page = rows[:limit]
        body: dict[str, Any] = {"results": [self._shown(kind, row, request) for row in page]}
        if len(rows) > limit:
            last = page[-1]["hs_object_id"]
            body["paging"] = {
                "next": {"after": last, "link": f"{request.base_url}{request.path}?after={last}"}
            }
        return Answer(body=body)

    def _shown(self, kind: ObjectType, row: Row, request: Request) -> dict[str, Any]:
        shown = self.portal.shown(kind, row, request.listed("properties"))
        associations = {}
        for name in request.listed("associations"):
            other = self.portal.type_named(name)
            linked = self.portal.linked(kind, row["hs_object_id"], other)
            if linked:
                label = f"{kind.singular}_to_{other.singular}"
                associations[other.name] = {"results": [{"id": each, "type": label} for each in linked]}
        return {**shown, "associations": associations} if associations else shown

    def _found(self, kind: ObjectType, request: Request, params: Params) -> Row:
        archived = request.first("archived") == "true"
        id_property = request.first("idProperty")
        if id_property:
            row = self.portal.find_by(kind, id_property, params["id"])
        else:
            row = self.portal.find(kind, params["id"], archived=archived)
        if row is None:
            raise not_found()
        return row

    def _get(self, request: Request, params: Params) -> Answer:
        kind = self.portal.type_named(params["type"])
        return Answer(body=self._shown(kind, self._found(kind, request, params), request))

    def _update(self, request: Request, params: Params) -> Answer:
        kind = self.portal.type_named(params["type"])
        values = _values(request)
        row = self.portal.planned(kind, self._found(kind, request, params), values, request)
        return Answer(body=self.portal.shown(kind, self.portal.save(kind, row), list(values)))

    def _create(self, request: Request, params: Params) -> Answer:
        kind = self.portal.type_named(params["type"])
        values = _values(request)
        planned = planned_create(self.portal, kind, request.json_object, request)
        row = self.portal.save(kind, planned.row)
        if planned.after is not None:
            planned.after(row)
        return Answer(status=201, body=self.portal.shown(kind, row, list(values)))

    def _archive(self, _request: Request, params: Params) -> Answer:
        kind = self.portal.type_named(params["type"])
        row = self.portal.find(kind, params["id"])
        if row is not None:
            self.portal.archive(kind, row)
        return Answer(status=204)

    def _merge(self, request: Request, params: Params) -> Answer:
        kind = self.portal.type_named(params["type"])
        primary, other = (
            self.portal.must_find(kind, str(request.json_object.get(name)))
            for name in ("primaryObjectId", "objectIdToMerge")
        )
        return Answer(body=self.portal.shown(kind, self.portal.merge(kind, primary, other)))

    def _search(self, request: Request, params: Params) -> Answer:
        return search.search(self.portal, self.portal.type_named(params["type"]), request)

    # Owners and the account

    def _owners(self, request: Request, _params: Params) -> Answer:
        limit = _limit(request, 100, OWNER_PAGE_LIMIT)
        archived, email = request.first("archived") == "true", request.first("email")
        start = int(request.first("after", "0"))
        owners = [
            owner
            for owner in sorted(self.portal.owners.values(), key=lambda owner: int(owner.id))
            if owner.archived == archived and email in ("", owner.email) and int(owner.id) > start
        ]
        body: dict[str, Any] = {"results": [_shown_owner(owner) for owner in owners[:limit]]}
        if len(owners) > limit:
            body["paging"] = {"next": {"after": owners[limit - 1].id}}
        return Answer(body=body)

    def _owner(self, request: Request, params: Params) -> Answer:
        archived, by_user = request.first("archived") == "true", request.first("idProperty") == "userId"
        for owner in self.portal.owners.values():
            known_as = str(owner.user_id) if by_user else owner.id
            if known_as == params["id"] and owner.archived == archived:
                return Answer(body=_shown_owner(owner))
        raise not_found()

    def _account(self, _request: Request, _params: Params) -> Answer:
        switches = self.portal.switches
        return Answer(
            body={
                "portalId": switches.portal_id,
                "accountType": "STANDARD",
                "timeZone": switches.time_zone,
                "companyCurrency": "USD",
                "additionalCurrencies": [],
                "utcOffset": "+00:00",
                "utcOffsetMilliseconds": 0,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }
        )

    # Scripted faults

    def failure(self, action: Action) -> Answer:
        """Give the usual answer for a scripted status."""
        if action.status == 429:
            return too_many(action.code or "TEN_SECONDLY_ROLLING")
        category = {
            401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND", 409: "CONFLICT",
            423: "LOCKED", 400: "VALIDATION_ERROR",
        }.get(action.status, "")  # fmt: skip
        if not (action.code or category):
            return Answer(status=action.status, content_type="text/html;charset=UTF-8")
        message = action.message or "The request could not be carried out"
        return Refused(message, status=action.status, category=action.code or category).answer()

    def empty(self, request: Request) -> Answer:
        """Give the successful answer to this request with nothing in it."""
        inner, _api = _inner(request)
        if inner.path.endswith("/search"):
            return Answer(body={"total": 0, "results": []})
        if "/batch/" in inner.path:
            body = {"status": "COMPLETE", "results": [], "startedAt": STAMP, "completedAt": STAMP}
            return Answer(status=201 if inner.path.endswith("/create") else 200, body=body)
        return Answer(body={"results": []} if request.method == "GET" else {})

    def expire_session(self, request: Request) -> None:
        """Refuse the token of this request once."""
        self._expired.add(request.headers.get("authorization", "").partition(" ")[2])

    # Control

    def seed(self, object_name: str, records: Sequence[Row]) -> list[str]:
        """Put records in, past the API and its limits."""
        try:
            return self.portal.seed(object_name, records)
        except (Refused, ValueError) as exc:
            raise ControlError(str(exc)) from exc

    def truth(self, object_name: str) -> dict[str, Any]:
        """Give all records of a type, archived and merged ones too, and the history of tracked properties."""
        if object_name == "owners":
            return {"records": [asdict(owner) for owner in self.portal.owners.values()], "history": []}
        try:
            return self.portal.truth(object_name)
        except Refused as exc:
            raise ControlError(str(exc)) from exc

    def steer(self, what: str, wanted: Mapping[str, Any]) -> Any:
        """Define a property or merge two companies."""
        try:
            kind = self.portal.type_named(str(wanted.get("object", "companies")))
            if what == "fields":
                spec = {name: value for name, value in wanted.items() if name != "object"}
                present = kind.properties.get(str(spec.get("name", "")))
                kind.properties[str(spec["name"])] = read_property(spec, present)
                return None
            if what == "merge":
                rows = [self.portal.must_find(kind, str(wanted[name])) for name in ("primary", "other")]
                self.portal.merge(kind, *rows)
                return None
        except Refused as exc:
            raise ControlError(str(exc)) from exc
        raise ControlError(f"no {what!r} here; there are fields, merge")

    def switch(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change switches, and give all of them."""
        self.portal.apply_switches(switched(self.portal.switches, changes))
        return asdict(self.portal.switches)

    def snapshot(self) -> object:
        """Give all business state."""
        return replace(self.portal.kept(), used_today=self.limits.used_today)

    def restore(self, kept: object) -> None:
        """Go back to a snapshot."""
        assert isinstance(kept, Kept)
        self.portal.restore(kept)
        self.limits.restart(kept.used_today)


def _inner(request: Request) -> tuple[Request, str]:
    """Take the API's version out of the path; the version is empty when the path is unknown."""
    if match := OLD_PATH.fullmatch(request.path):
        api, rest = match[1], f"/{match[2]}{match[3] or ''}"
    elif match := DATED_PATH.fullmatch(request.path):
        api, rest = match[2], f"/{match[1]}{match[3] or ''}"
    elif match := ACCOUNT_PATH.fullmatch(request.path):
        api, rest = match[1], f"/account{match[2]}"
    else:
        return request, ""
    return replace(request, path=rest), api


def _limit(request: Request, default: int, most: int) -> int:
    text = request.first("limit") or str(default)
    if not text.isdigit() or not 0 < int(text) <= most:
        raise Refused(f"limit must be between 1 and {most}, not {text}")
    return int(text)


def _values(request: Request) -> Mapping[str, Any]:
    values = request.json_object.get("properties", {})
    if not isinstance(values, dict):
        raise Refused("Invalid input JSON: properties must be an object")
    return values


def _shown_owner(owner: Owner) -> dict[str, Any]:
    return {
        "id": owner.id,
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": None if owner.archived else owner.user_id,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": STAMP,
        "updatedAt": STAMP,
        "archived": owner.archived,
        "teams": [],
    }
