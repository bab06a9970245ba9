"""Query endpoints: the first page of a result, and the following ones by locator.

A result is fixed when the query runs; a locator leads through it until it expires. Pages hold fewer records
when long text fields are selected, so that nobody can count on 2000.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sandbox.salesforce import soql
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.ids import new_id
from sandbox.salesforce.org import Org
from sandbox.salesforce.query import Rows
from sandbox.wire import Answer, Params, Request

LOCATORS_KEPT = 50
LONG_TEXT_PAGE = 200
SMALLEST_PAGE, LARGEST_PAGE = 200, 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Locator:
    """A result that has more pages."""

    rows: Rows
    page_size: int
    expires_at: datetime


class Pages:
    """The endpoints under `query` and `queryAll`."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._locators: dict[str, _Locator] = {}
        self._numbers = count(1)

    def query(self, request: Request, params: Params) -> Answer:
        """GET query?q= or queryAll?q=."""
        switches = self._org.switches
        rows = self._org.catalogue.run(
            soql.parse(request.first("q")),
            with_deleted=request.path.endswith("/queryAll"),
            today=self._org.clock.now().date(),
            switches=switches,
            base=_base(params),
        )
        wanted = _batch_size(request) or switches.page_size
        page_size = min(wanted, LONG_TEXT_PAGE) if rows.long_texts >= 2 else wanted
        return self._page(rows, 0, page_size, "", params)

    def more(self, _request: Request, params: Params) -> Answer:
        """GET query/{locator}."""
        name, _, start = params["locator"].rpartition("-")
        locator = self._locators.get(name)
        if locator is None or not start.isdigit() or locator.expires_at < self._org.clock.now():
            raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(locator.rows, int(start), locator.page_size, name, params)

    def _page(self, rows: Rows, start: int, page_size: int, locator: str, params: Params) -> Answer:
        end = start + page_size
        body: dict[str, Any] = {"totalSize": rows.total, "done": end >= len(rows.matching)}
        if not body["done"]:
            name = locator or self._locate(rows, page_size)
            body["nextRecordsUrl"] = f"{_base(params)}/query/{name}-{end}"
        body["records"] = [rows.show(row) for row in rows.matching[start:end]]
        return Answer(body=body)

    def _locate(self, rows: Rows, page_size: int) -> str:
        name = new_id("01g", next(self._numbers))
        expires_at = self._org.clock.now() + timedelta(seconds=self._org.switches.locator_seconds)
        self._locators[name] = _Locator(rows=rows, page_size=page_size, expires_at=expires_at)
        while len(self._locators) > LOCATORS_KEPT:
            del self._locators[next(iter(self._locators))]
        return name


def _base(params: Mapping[str, str]) -> str:
    return f"/services/data/v{params['version']}"


def _batch_size(request: Request) -> int | None:
    for option in request.headers.get("sforce-query-options", "").split(","):
        name, _, value = option.strip().partition("=")
        if name.casefold() == "batchsize" and value.isdigit():
            return min(LARGEST_PAGE, max(SMALLEST_PAGE, int(value)))
    return None
