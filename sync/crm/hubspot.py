"""Writes fields and tasks into HubSpot, in batches of 100.

Success of an input is its id in `results`, nothing else: HubSpot answers 2xx with empty results, and puts
errors into a 200 as well as a 207. One bad input makes it refuse a whole batch with 400, so such a batch is
halved until the bad one stands alone. Values are strings; "" clears.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from connectors.crm.hubspot import HubspotSession, Reply
from scoring.errors import RejectedError, UnansweredError
from sync.values import FieldUpdate, NewTask, Outcome, OutcomeStatus, Value

BATCH = 100
TASKS = "tasks"
TASK_TO_COMPANY = 192
# A search body may have 3,000 characters; a key has about 50.
KEYS_PER_SEARCH = 30


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
        outcomes = self._update(inputs)
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
                found |= self._by_key(reply)
            return found
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
            found |= self._by_key(reply)
        return found

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
        outcomes = self._create(inputs)
        return [outcomes[task.key] for task in tasks]

    def _update(self, inputs: Sequence[Mapping[str, Any]]) -> dict[str, Outcome]:
        refs = [str(item["id"]) for item in inputs]
        try:
            reply = self._session.ask(
                self._session.objects().batch_api.update,
                self._session.settings.object,
                {"inputs": inputs},
                idempotent=True,
            )
        except RejectedError as exc:
            if len(inputs) == 1:
                return {refs[0]: _rejected(refs[0], exc)}
            half = len(inputs) // 2
            return {**self._update(inputs[:half]), **self._update(inputs[half:])}
        return _outcomes(refs, reply, {str(item["id"]): str(item["id"]) for item in _results(reply)})

    def _create(self, inputs: Sequence[Mapping[str, Any]]) -> dict[str, Outcome]:
        refs = [str(item["objectWriteTraceId"]) for item in inputs]
        try:
            reply = self._session.ask(
                self._session.objects().batch_api.create, TASKS, {"inputs": inputs}, idempotent=False
            )
        except UnansweredError as exc:
            return {
                ref: Outcome(ref=ref, status=OutcomeStatus.UNKNOWN, code="UNANSWERED", message=exc.detail)
                for ref in refs
            }
        except RejectedError as exc:
            # Refused as a whole before anything was created, so the halves may be sent.
            if len(inputs) == 1:
                return {refs[0]: _rejected(refs[0], exc)}
            half = len(inputs) // 2
            return {**self._create(inputs[:half]), **self._create(inputs[half:])}
        return _outcomes(refs, reply, self._by_key(reply))

    def _by_key(self, reply: Reply) -> dict[str, str]:
        return {
            str(item["properties"][self._key_property]): str(item["id"])
            for item in _results(reply)
            if (item.get("properties") or {}).get(self._key_property)
        }

    def _key_is_unique(self) -> bool:
        if self._unique_key is None:
            self._unique_key = self._session.key_is_unique(TASKS, self._key_property)
        return self._unique_key


def _results(reply: Reply) -> Sequence[Mapping[str, Any]]:
    results = reply.body.get("results")
    return results if isinstance(results, list) else []


def _outcomes(refs: Sequence[str], reply: Reply, proven: Mapping[str, str]) -> dict[str, Outcome]:
    """Give every input its outcome: proven by its id, refused by name, or unknown."""
    refused: dict[str, Outcome] = {}
    for error in reply.body.get("errors") or ():
        context = error.get("context") or {}
        for ref in [*(context.get("objectWriteTraceId") or ()), *(context.get("ids") or ())]:
            refused[str(ref)] = Outcome(
                ref=str(ref),
                status=OutcomeStatus.REJECTED,
                code=str(error.get("category") or "NO_CATEGORY"),
                message=str(error.get("message") or "refused without a reason"),
            )
    outcomes: dict[str, Outcome] = {}
    for ref in refs:
        if ref in proven:
            outcomes[ref] = Outcome(ref=ref, status=OutcomeStatus.ACKNOWLEDGED, created_id=proven[ref])
        elif ref in refused:
            outcomes[ref] = refused[ref]
        else:
            outcomes[ref] = Outcome(
                ref=ref,
                status=OutcomeStatus.UNKNOWN,
                code="NO_RESULT",
                message=f"HTTP {reply.status} without a result for this input",
            )
    return outcomes


def _rejected(ref: str, error: RejectedError) -> Outcome:
    return Outcome(
        ref=ref, status=OutcomeStatus.REJECTED, code=error.code, message=error.detail, field=error.field
    )


def _text(value: Value) -> str:
    return "" if value is None else str(value)


def _parts(items: Sequence[str], size: int) -> list[list[str]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
