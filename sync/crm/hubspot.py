"""Writes fields and tasks into HubSpot, in batches of 100.

Success of an input is its id in `results`, nothing else: HubSpot answers 2xx with empty results, and puts
errors into a 200 as well as a 207. One bad input makes it refuse a whole batch with 400. Where the cause is
a property that cannot be written at all, every input that sets it is refused at once; else the batch is halved
until the bad input stands alone. Values are strings; "" clears.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, TypeAlias

from connectors.crm._base import an_id, an_object, known_shape
from connectors.crm.hubspot import SAME_FOR_ALL, HubspotSession, Reply, cause
from scoring.errors import PayloadError, RejectedError, UnansweredError
from sync.values import FieldUpdate, NewTask, Outcome, OutcomeStatus, Value

BATCH = 100
TASKS = "tasks"
TASK_TO_COMPANY = 192
# A search body may have 3,000 characters; a key has about 50.
KEYS_PER_SEARCH = 30

Inputs: TypeAlias = Sequence[Mapping[str, Any]]


class HubspotCrm:
    """One portal, as `sync.ports.Crm`."""

    batch_size = BATCH

    def __init__(self, session: HubspotSession, *, key_property: str) -> None:
        self._session = session
        self._key_property = key_property
        self._unique_key: bool | None = None

    @property
    def name(self) -> str:
        return self._session.name

    @property
    def settle_seconds(self) -> float:
        """Search lags behind; reading by a unique property does not."""
        return 0.0 if self._key_is_unique() else self._session.settings.settle_seconds

    def write(self, updates: Sequence[FieldUpdate]) -> Sequence[Outcome]:
        """Set properties; a refused batch is halved until each bad input stands alone."""
        inputs = [
            {
                "id": update.crm_id,
                "objectWriteTraceId": update.crm_id,
                "properties": {name: _text(value) for name, value in update.values.items()},
            }
            for update in updates
        ]
        outcomes = self._carried_out(inputs, self._update)
        return [outcomes[update.crm_id] for update in updates]

    def find_tasks(self, tasks: Sequence[NewTask]) -> Mapping[str, str]:
        """Find tasks by key; search may not see one that was created within `settle_seconds`."""
        keys = [task.key for task in tasks]
        found: dict[str, str] = {}
        if self._key_is_unique():
            for part in _parts(keys, BATCH):
                reply = self._session.ask(
                    self._session.objects().batch_api.read,
                    TASKS,
                    {
                        "idProperty": self._key_property,
                        "properties": [self._key_property],
                        "propertiesWithHistory": [],
                        "inputs": [{"id": key} for key in part],
                    },
                    idempotent=True,
                )
                found |= self._found(reply)
            return {key: found[key] for key in keys if key in found}
        for part in _parts(keys, KEYS_PER_SEARCH):
            reply = self._session.ask(
                self._session.objects().search_api.do_search,
                TASKS,
                {
                    "filterGroups": [
                        {"filters": [{"propertyName": self._key_property, "operator": "IN", "values": part}]}
                    ],
                    "properties": [self._key_property],
                    "sorts": ["hs_object_id"],
                    "limit": BATCH,
                    "after": "0",
                },
                idempotent=True,
            )
            found |= self._found(reply)
        return {key: found[key] for key in keys if key in found}

    def open_tasks(self, tasks: Sequence[NewTask]) -> Sequence[Outcome]:
        """Create tasks, each with its association, in one call that is never repeated."""
        inputs = [
            {
                "objectWriteTraceId": task.key,
                "properties": {
                    "hs_task_subject": task.subject,
                    "hs_task_body": escape(task.body).replace("\n", "<br>"),
                    "hs_timestamp": f"{task.due_on.isoformat()}T12:00:00.000Z",
                    "hs_task_status": "NOT_STARTED",
                    "hs_task_priority": "HIGH",
                    "hs_task_type": "TODO",
                    self._key_property: task.key,
                    **({"hubspot_owner_id": task.owner_id} if task.owner_id else {}),
                },
                "associations": [
                    {
                        "to": {"id": task.crm_id},
                        "types": [
                            {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TASK_TO_COMPANY}
                        ],
                    }
                ],
            }
            for task in tasks
        ]
        outcomes = self._carried_out(inputs, self._create)
        return [outcomes[task.key] for task in tasks]

    def _carried_out(
        self, inputs: Inputs, send: Callable[[Inputs], dict[str, Outcome]]
    ) -> dict[str, Outcome]:
        """Send a batch; one that is refused as a whole changed nothing, so parts of it may be sent.

        With k bad inputs among n, halving costs at most 2 k log2(n) calls.
        """
        refs = _refs(inputs)
        try:
            return send(inputs)
        except PayloadError as exc:
            return {ref: _unknown(ref, "UNREADABLE", exc.detail) for ref in refs}
        except RejectedError as exc:
            guilty = [ref for ref, item in zip(refs, inputs, strict=True) if _is_certain(item, exc)]
            if len(inputs) == 1:
                guilty = refs
            refused = {ref: _rejected(ref, exc) for ref in guilty}
        rest = [item for ref, item in zip(refs, inputs, strict=True) if ref not in refused]
        parts = [rest] if refused else [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
        for part in filter(None, parts):
            refused |= self._carried_out(part, send)
        return refused

    def _update(self, inputs: Inputs) -> dict[str, Outcome]:
        reply = self._session.ask(
            self._session.objects().batch_api.update,
            self._session.settings.object,
            {"inputs": inputs},
            idempotent=True,
        )
        proven = {record_id: record_id for record_id, _ in _results(reply)}
        return _outcomes(_refs(inputs), reply, proven)

    def _create(self, inputs: Inputs) -> dict[str, Outcome]:
        try:
            reply = self._session.ask(
                self._session.objects().batch_api.create, TASKS, {"inputs": inputs}, idempotent=False
            )
        except UnansweredError as exc:
            return {ref: _unknown(ref, "UNANSWERED", exc.detail) for ref in _refs(inputs)}
        proven = {
            str(properties.get(self._key_property)): record_id for record_id, properties in _results(reply)
        }
        return _outcomes(_refs(inputs), reply, proven)

    def _found(self, reply: Reply) -> dict[str, str]:
        """Read what was looked for; an answer that does not say so clearly is no "there is none"."""
        with known_shape(self.name, "results"):
            results = reply.body["results"]
            if not isinstance(results, list):
                raise TypeError(type(results).__name__)
            return {
                an_id(an_object(an_object(item)["properties"])[self._key_property]): an_id(item["id"])
                for item in results
            }

    def _key_is_unique(self) -> bool:
        if self._unique_key is None:
            self._unique_key = self._session.key_is_unique(TASKS, self._key_property)
        return self._unique_key


def _refs(inputs: Inputs) -> list[str]:
    return [str(item["objectWriteTraceId"]) for item in inputs]


def _is_certain(item: Mapping[str, Any], refusal: RejectedError) -> bool:
    """Say whether the refusal of a whole batch surely holds for this input, too."""
    return refusal.code in SAME_FOR_ALL and (refusal.field is None or refusal.field in item["properties"])


def _results(reply: Reply) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield id and properties of each result that can be read."""
    results = reply.body.get("results")
    for item in results if isinstance(results, list) else ():
        given = item.get("id") if isinstance(item, dict) else None
        if isinstance(given, str | int) and not isinstance(given, bool):
            properties = item.get("properties")
            yield str(given), properties if isinstance(properties, dict) else {}


def _refusals(reply: Reply) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each error that names inputs, by the name of the input."""
    errors = reply.body.get("errors")
    for error in errors if isinstance(errors, list) else ():
        context = error.get("context") if isinstance(error, dict) else None
        for name in ("objectWriteTraceId", "ids"):
            named = context.get(name) if isinstance(context, dict) else None
            for ref in named if isinstance(named, list) else ():
                yield str(ref), error


def _outcomes(refs: Sequence[str], reply: Reply, proven: Mapping[str, str]) -> dict[str, Outcome]:
    """Give every input its outcome: proven by its id, refused by name, or unknown."""
    refused = dict(_refusals(reply))
    outcomes: dict[str, Outcome] = {}
    for ref in refs:
        if ref in proven:
            outcomes[ref] = Outcome(ref=ref, status=OutcomeStatus.ACKNOWLEDGED, created_id=proven[ref])
        elif ref in refused:
            code, name = cause(refused[ref])
            message = str(refused[ref].get("message") or "refused without a reason")
            outcomes[ref] = Outcome(
                ref=ref,
                status=OutcomeStatus.REJECTED,
                code=code or "NO_CATEGORY",
                message=message,
                field=name,
            )
        else:
            outcomes[ref] = _unknown(ref, "NO_RESULT", f"HTTP {reply.status} without a result for this input")
    return outcomes


def _unknown(ref: str, code: str, message: str) -> Outcome:
    return Outcome(ref=ref, status=OutcomeStatus.UNKNOWN, code=code, message=message)


def _rejected(ref: str, error: RejectedError) -> Outcome:
    return Outcome(
        ref=ref, status=OutcomeStatus.REJECTED, code=error.code, message=error.detail, field=error.field
    )


def _text(value: Value) -> str:
    return "" if value is None else str(value)


def _parts(items: Sequence[str], size: int) -> list[list[str]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
