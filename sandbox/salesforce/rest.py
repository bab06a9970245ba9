"""The REST API: endpoints, sessions and limits in front of an org.

Leaves out what a later stage needs: Bulk API, composite and graph requests, SOAP, tooling and metadata.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from sandbox.core import ControlError, Core, Row, switched
from sandbox.faults import Action
from sandbox.salesforce import errors, soql
from sandbox.salesforce.checks import ValidationRule
from sandbox.salesforce.collections import Collections
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.ids import canonical
from sandbox.salesforce.org import ORG_ID, Kept, Org
from sandbox.salesforce.pages import Pages
from sandbox.salesforce.query import attributes
from sandbox.salesforce.schema import SObject, read_field
from sandbox.salesforce.sessions import Sessions, bearer
from sandbox.salesforce.values import WrongJsonTypeError, shown
from sandbox.wire import Answer, BodyError, Kind, Params, Request, find, kind_of, route

HEAD_LIMIT = 16_384
TOO_LONG = b"<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>"
DATA = "/services/data/v{version}"


class Salesforce:
    """The stand-in for Salesforce."""

    name = "salesforce"

    def __init__(self, core: Core) -> None:
        self.org = Org(core.clock)
        self.sessions = Sessions(self.org)
        collections, pages = Collections(self.org), Pages(self.org)
        record, external = f"{DATA}/sobjects/{{type}}/{{id}}", f"{DATA}/sobjects/{{type}}/{{field}}/{{value}}"
        self._open_routes = [
            route(
                "POST",
                "/services/oauth2/token",
                "login",
                lambda request, _params: self.sessions.login(request),
            ),
            route("GET", "/services/data", "read", self._versions),
        ]
        self._routes = [
            route("GET", "/services/oauth2/userinfo", "read", self._userinfo),
            route("GET", DATA, "read", self._root),
            route("GET", f"{DATA}/limits", "read", self._limits),
            route("GET", f"{DATA}/sobjects", "read", self._objects),
            route("GET", f"{DATA}/sobjects/{{type}}", "read", self._basic),
            route("POST", f"{DATA}/sobjects/{{type}}", "write", self._create),
            route("GET", f"{DATA}/sobjects/{{type}}/describe", "read", self._describe),
            route("GET", record, "read", self._get),
            route("PATCH", record, "write", self._update),
            route("DELETE", record, "write", self._delete),
            route("GET", external, "read", self._get_external),
            route("PATCH", external, "write", self._upsert),
            route("GET", f"{DATA}/query", "read", pages.query),
            route("GET", f"{DATA}/queryAll", "read", pages.query),
            route("GET", f"{DATA}/query/{{locator}}", "read", pages.more),
            route("GET", f"{DATA}/queryAll/{{locator}}", "read", pages.more),
            route("POST", f"{DATA}/composite/sobjects", "write", collections.create),
            route("PATCH", f"{DATA}/composite/sobjects", "write", collections.update),
            route("PATCH", f"{DATA}/composite/sobjects/{{type}}/{{field}}", "write", collections.upsert),
        ]

    @property
    def changes(self) -> int:
        """Tell how many records were changed through the API, ever."""
        return self.org.changes

    # What every request passes

    def kind(self, request: Request) -> Kind:
        """Say whether this request reads, writes or logs in."""
        return kind_of([*self._open_routes, *self._routes], request)

    def answer(self, request: Request) -> Answer:
        """Carry out a request."""
        if request.target_bytes > HEAD_LIMIT:
            return Answer(status=414, body=TOO_LONG, content_type="text/html;charset=UTF-8")
        opened = find(self._open_routes, request)
        if opened.route is not None:
            return opened.route.answer(request, opened.params)
        try:
            answer = self._admitted(request)
        except Refused as refused:
            answer = refused.answer()
        except WrongJsonTypeError as wrong:
            answer = wrong.parser_error.answer()
        except BodyError as exc:
            answer = errors.bad_json(f"Unexpected character at [line:1, column:1]: {exc}").answer()
        usage = f"api-usage={self.org.usage.total()}/{self.org.switches.daily_api_requests}"
        headers = {**answer.headers, "Sforce-Limit-Info": usage}
        return Answer(
            status=answer.status, body=answer.body, headers=headers, content_type=answer.content_type
        )

    def _admitted(self, request: Request) -> Answer:
        switches = self.org.switches
        token = bearer(request)
        if token is None:
            raise Refused("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE", status=401)
        if not self.sessions.touch(token):
            raise errors.session_invalid()
        if not switches.api_enabled:
            message = "API is not enabled for this Organization or Partner"
            raise Refused("API_DISABLED_FOR_ORG", message, status=403)
        if self.org.usage.total() >= switches.daily_api_requests:
            raise Refused("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        self.org.usage.add()
        found = find(self._routes, request)
        if found.route is None:
            if found.other_methods:
                message = (
                    f"HTTP Method '{request.method}' not allowed. Allowed are {','.join(found.other_methods)}"
                )
                raise Refused("METHOD_NOT_ALLOWED", message, status=405)
            raise errors.not_found()
        if "version" in found.params:
            self._check_version(found.params["version"])
        if request.body and "json" not in request.headers.get("content-type", "application/json"):
            kind = request.headers["content-type"]
            raise Refused("UNSUPPORTED_MEDIA_TYPE", f"Content type {kind} is not supported", status=415)
        return found.route.answer(request, found.params)

    def _check_version(self, version: str) -> None:
        number, _, rest = version.partition(".")
        if not number.isdigit() or rest != "0" or int(number) > self.org.switches.newest_version:
            raise errors.not_found()
        if int(number) < self.org.switches.oldest_version:
            raise Refused("UNSUPPORTED_API_VERSION", f"API version {version} is retired", status=410)

    # Describing

    def _versions(self, _request: Request, _params: Params) -> Answer:
        switches = self.org.switches
        versions = range(switches.oldest_version, switches.newest_version + 1)
        return Answer(
            body=[
                {"label": _label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
                for number in versions
            ]
        )

    def _userinfo(self, request: Request, _params: Params) -> Answer:
        user = self.org.tables["user"].rows[self.org.user_id]
        return Answer(
            body={
                "sub": f"{request.base_url}/id/{ORG_ID}/{self.org.user_id}",
                "user_id": self.org.user_id,
                "organization_id": ORG_ID,
                "preferred_username": user.get("Username"),
                "name": user.get("Name"),
                "email": user.get("Email"),
            }
        )

    def _root(self, _request: Request, params: Params) -> Answer:
        base = _base(params)
        names = ("sobjects", "limits", "query", "queryAll", "composite")
        return Answer(body={name: f"{base}/{name}" for name in names})

    def _limits(self, _request: Request, _params: Params) -> Answer:
        most, used = self.org.switches.daily_api_requests, self.org.usage.total()
        return Answer(
            body={
                "DailyApiRequests": {"Max": most, "Remaining": max(0, most - used)},
                "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000},
                "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 10000},
            }
        )

    def _objects(self, _request: Request, params: Params) -> Answer:
        listed = [sobject.listed(params["version"]) for sobject in self.org.objects.values()]
        return Answer(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})

    def _basic(self, _request: Request, params: Params) -> Answer:
        sobject = self._sobject(params)
        return Answer(body={"objectDescribe": sobject.listed(params["version"]), "recentItems": []})

    def _describe(self, _request: Request, params: Params) -> Answer:
        return Answer(body=self._sobject(params).described(params["version"]))

    # Single records

    def _sobject(self, params: Params) -> SObject:
        try:
            return self.org.sobject(params["type"])
        except Refused:
            raise errors.not_found() from None

    def _create(self, request: Request, params: Params) -> Answer:
        record_id = self.org.create(self._sobject(params), _values(request), request)
        location = f"{_base(params)}/sobjects/{params['type']}/{record_id}"
        body = {"id": record_id, "success": True, "errors": []}
        return Answer(status=201, body=body, headers={"Location": location})

    def _get(self, request: Request, params: Params) -> Answer:
        sobject = self._sobject(params)
        row = self.org.table(sobject).get(canonical(params["id"]) or "")
        if row is None:
            raise errors.not_found()
        if row.get("IsDeleted"):
            raise errors.deleted()
        return Answer(body=self._shown(sobject, row, request.listed("fields"), params))

    def _shown(self, sobject: SObject, row: Row, names: Sequence[str], params: Params) -> dict[str, Any]:
        wanted = []
        for name in names or [known.name for known in sobject if known.visible]:
            known = sobject.visible(name)
            if known is None:
                raise errors.no_such_column(name, sobject.name)
            wanted.append(known)
        fields = {known.name: shown(known, row.get(known.name), self.org.switches) for known in wanted}
        return {"attributes": attributes(sobject.name, row["Id"], _base(params)), **fields}

    def _update(self, request: Request, params: Params) -> Answer:
        values = _values(request)
        if any(name.casefold() == "id" for name in values):
            raise Refused("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
        self.org.update(self._sobject(params), params["id"], values, request)
        return Answer(status=204)

    def _delete(self, _request: Request, params: Params) -> Answer:
        self.org.delete(self._sobject(params), params["id"])
        return Answer(status=204)

    def _get_external(self, request: Request, params: Params) -> Answer:
        sobject = self._sobject(params)
        found = self.org.by_external_id(sobject, params["field"], params["value"])
        if not found:
            raise errors.not_found()
        if len(found) > 1:
            return self._several(sobject, found, params)
        return Answer(body=self._shown(sobject, found[0], request.listed("fields"), params))

    def _upsert(self, request: Request, params: Params) -> Answer:
        sobject, values, name = self._sobject(params), _values(request), params["field"]
        if any(key.casefold() == name.casefold() for key in values):
            raise Refused("INVALID_FIELD", f"The {name} field should not be specified in the sobject data.")
        found = self.org.by_external_id(sobject, name, params["value"])
        if len(found) > 1:
            return self._several(sobject, found, params)
        record_id, created = self.org.upsert(sobject, name, params["value"], values, request)
        body = {"id": record_id, "success": True, "errors": [], "created": created}
        return Answer(status=201 if created else 200, body=body)

    def _several(self, sobject: SObject, found: Sequence[Row], params: Params) -> Answer:
        urls = [f"{_base(params)}/sobjects/{sobject.name}/{quote(row['Id'])}" for row in found]
        return Answer(status=300, body=urls)

    # Scripted faults

    def failure(self, action: Action) -> Answer:
        """Give the usual answer for a scripted status."""
        code, message = {
            401: ("INVALID_SESSION_ID", "Session expired or invalid"),
            403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            404: ("NOT_FOUND", "The requested resource does not exist"),
            500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred."),
            503: ("SERVER_UNAVAILABLE", "Server Unavailable"),
        }.get(action.status, ("", ""))
        code = action.code or code
        if not code:
            return Answer(status=action.status, content_type="text/html;charset=UTF-8")
        return Refused(code, action.message or message, status=action.status).answer()

    def empty(self, request: Request) -> Answer:
        """Give the successful answer to this request with nothing in it."""
        if "/query" in request.path:
            return Answer(body={"totalSize": 0, "done": True, "records": []})
        return Answer(body=[]) if "/composite/" in request.path else Answer(body={})

    def expire_session(self, request: Request) -> None:
        """End the session this request came with."""
        token = bearer(request)
        if token:
            self.sessions.revoke(token)

    # Control

    def seed(self, object_name: str, records: Sequence[Row]) -> list[str]:
        """Put records in, past the API and its limits."""
        try:
            return self.org.seed(object_name, records)
        except (Refused, ValueError) as exc:
            raise ControlError(str(exc)) from exc

    def truth(self, object_name: str) -> dict[str, Any]:
        """Give all records of an object, deleted ones too, and the history of tracked fields."""
        try:
            return self.org.truth(object_name)
        except Refused as exc:
            raise ControlError(str(exc)) from exc

    def steer(self, what: str, wanted: Mapping[str, Any]) -> Any:
        """Define a field, add a validation rule, merge records, set the calls used, end or issue sessions."""
        try:
            return self._steer(what, wanted)
        except Refused as exc:
            raise ControlError(str(exc)) from exc

    def _steer(self, what: str, wanted: Mapping[str, Any]) -> Any:
        if what == "fields":
            spec = dict(wanted)
            sobject = self.org.sobject(str(spec.pop("object", "")))
            sobject.define(read_field(spec, sobject.field(str(spec.get("name", "")))))
            return None
        if what == "validation_rules":
            rule = ValidationRule(**wanted)
            soql.parse_condition(rule.where)
            self.org.rules.append(rule)
            return None
        if what == "merge":
            sobject = self.org.sobject(str(wanted.get("object", "Account")))
            self.org.merge(sobject, str(wanted["primary"]), str(wanted["other"]))
            return None
        if what == "usage":
            self.org.usage.set(int(wanted["used"]))
            return None
        if what == "sessions":
            self.sessions.revoke()
            return {"token": self.sessions.issue()} if wanted.get("issue") else None
        raise ControlError(f"no {what!r} here; there are fields, validation_rules, merge, usage, sessions")

    def switch(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change switches, and give all of them."""
        self.org.apply_switches(switched(self.org.switches, changes))
        return asdict(self.org.switches)

    def snapshot(self) -> object:
        """Give all business state."""
        return self.org.kept()

    def restore(self, kept: object) -> None:
        """Go back to a snapshot."""
        assert isinstance(kept, Kept)
        self.org.restore(kept)


def _base(params: Params) -> str:
    return f"/services/data/v{params['version']}"


def _values(request: Request) -> dict[str, Any]:
    body = request.json
    if not isinstance(body, dict):
        raise errors.bad_json("Cannot deserialize instance of sobject from START_ARRAY value")
    return body


def _label(version: int) -> str:
    """Name a release: three a year, and 66.0 is Spring '26."""
    years, season = divmod(version - 66, 3)
    return f"{('Spring', 'Summer', 'Winter')[season]} '{(26 + years + (season == 2)) % 100:02}"
