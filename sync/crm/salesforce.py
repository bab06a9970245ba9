"""Writes fields and tasks into Salesforce, in collections of 200.

A collections call answers 200 even when every record failed; results are in request order and a failed one
has no id, so they are told apart by position; one that succeeded must also name the record that was asked for. Updating fields sets values and may be repeated; creating
a task may not, so an unanswered creation is looked for by its key before anything else happens.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from simple_salesforce.format import format_soql

from connectors.crm._base import an_id, an_object, known_shape
from connectors.crm.salesforce import SalesforceSession
from connectors.matching import canonical_id
from scoring.errors import PayloadError, RejectedError, UnansweredError
from sync.values import FieldUpdate, NewTask, Outcome, OutcomeStatus

COLLECTION = 200
# A WHERE clause stays below 4,000 characters and the URL below 16 kB.
KEYS_PER_QUERY = 50
# The lock on an account is held for about 10 s; four rounds of growing waits outlast it.
LOCK_ROUNDS = 4
LOCK_CODE = "UNABLE_TO_LOCK_ROW"
AMBIGUOUS_CODES = frozenset({"UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE", "API_ERROR"})


class SalesforceCrm:
    """One org, as `sync.ports.Crm`."""

    batch_size = COLLECTION
    settle_seconds = 0.0
    """A query by field sees a committed task at once."""

    def __init__(
        self,
        session: SalesforceSession,
        *,
        key_field: str,
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
    ) -> None:
        self._session = session
        self._key_field = key_field
        self._sleep = sleep
        self._jitter = jitter

    @property
    def name(self) -> str:
        return self._session.name

    def write(self, updates: Sequence[FieldUpdate]) -> Sequence[Outcome]:
        """Set fields; a locked record is tried again alone and later, then deferred."""
        records = {update.crm_id: dict(update.values) for update in updates}
        outcomes = self._update(records)
        for round_number in range(LOCK_ROUNDS):
            locked = [ref for ref, outcome in outcomes.items() if _is_locked(outcome)]
            if not locked:
                break
            self._sleep((0.5 + self._jitter()) * 2**round_number)
            size = 1 if round_number == LOCK_ROUNDS - 1 else max(1, len(locked) // 4)
            for part in _parts(locked, size):
                outcomes |= self._update({ref: records[ref] for ref in part})
        return [outcomes[update.crm_id] for update in updates]

    def find_tasks(self, tasks: Sequence[NewTask]) -> Mapping[str, str]:
        """Find tasks by key, those included that somebody has deleted: they were opened once."""
        found: dict[str, str] = {}
        for part in _parts([task.key for task in tasks], KEYS_PER_QUERY):
            condition = format_soql("IN {keys}", keys=part)
            soql = f"SELECT Id, {self._key_field} FROM Task WHERE {self._key_field} {condition}"
            for page in self._session.query(soql, include_deleted=True):
                with known_shape(self.name, "query.records"):
                    found |= {
                        an_id(an_object(record)[self._key_field]): an_id(record["Id"]) for record in page
                    }
        return {task.key: found[task.key] for task in tasks if task.key in found}

    def open_tasks(self, tasks: Sequence[NewTask]) -> Sequence[Outcome]:
        """Create tasks in one call that is never repeated; without an answer they are looked for."""
        records = [
            {
                "attributes": {"type": "Task"},
                self._key_field: task.key,
                "WhatId": task.crm_id,
                "Subject": task.subject,
                "Description": task.body,
                "ActivityDate": task.due_on.isoformat(),
                **({"OwnerId": task.owner_id} if task.owner_id else {}),
            }
            for task in tasks
        ]
        refs = [task.key for task in tasks]
        try:
            answer = self._session.restful(
                "composite/sobjects",
                method="POST",
                body={"allOrNone": False, "records": records},
                idempotent=False,
            )
        except (UnansweredError, PayloadError) as exc:
            return self._looked_for(tasks, exc.detail)
        except RejectedError as exc:
            return [_rejected(ref, exc.code, exc.detail, exc.field) for ref in refs]
        return [_outcome(ref, result) for ref, result in _in_order(refs, answer)]

    def _update(self, records: Mapping[str, Mapping[str, object]]) -> dict[str, Outcome]:
        body = {
            "allOrNone": False,
            "records": [
                {"attributes": {"type": self._session.settings.object}, "id": crm_id, **values}
                for crm_id, values in records.items()
            ],
        }
        refs = list(records)
        try:
            answer = self._session.restful("composite/sobjects", method="PATCH", body=body)
        except RejectedError as exc:
            return {ref: _rejected(ref, exc.code, exc.detail, exc.field) for ref in refs}
        except PayloadError as exc:
            return {ref: _unknown(ref, "UNREADABLE", exc.detail) for ref in refs}
        return {ref: _outcome(ref, result, record_id=ref) for ref, result in _in_order(refs, answer)}

    def _looked_for(self, tasks: Sequence[NewTask], why: str) -> list[Outcome]:
        try:
            found = self.find_tasks(tasks)
        except (PayloadError, RejectedError):
            found = {}
        return [
            Outcome(ref=task.key, status=OutcomeStatus.ACKNOWLEDGED, created_id=found[task.key])
            if task.key in found
            else _unknown(task.key, "UNANSWERED", why)
            for task in tasks
        ]


def _in_order(refs: Sequence[str], answer: object) -> Iterator[tuple[str, object]]:
    """Match a collections answer with what was asked; a result that is missing proves nothing."""
    whole = isinstance(answer, list) and len(answer) == len(refs)
    return zip(refs, answer if whole and isinstance(answer, list) else [None] * len(refs), strict=True)


def _outcome(ref: str, result: object, *, record_id: str | None = None) -> Outcome:
    """Say how one input ended; success must name `record_id`, or of a new record any id."""
    if not isinstance(result, dict):
        return _unknown(ref, "NO_RESULT", "no result for this record")
    if result.get("success") is True:
        return _success(ref, result.get("id"), record_id)
    first = _first(result.get("errors"))
    if result.get("success") is not False or not isinstance(first, dict):
        return _unknown(ref, "NO_RESULT", "neither success nor an error for this record")
    code = str(first.get("statusCode") or "NO_CODE")
    message = str(first.get("message") or "refused without a reason")
    # An org's own trigger wraps the lock error in a code of its own.
    if code == LOCK_CODE or LOCK_CODE in message:
        return Outcome(ref=ref, status=OutcomeStatus.DEFERRED, code=LOCK_CODE, message=message)
    if code in AMBIGUOUS_CODES:
        return _unknown(ref, code, message)
    field = _first(first.get("fields"))
    return _rejected(ref, code, message, field if isinstance(field, str) else None)


def _success(ref: str, given: object, wanted: str | None) -> Outcome:
    if not isinstance(given, str) or not given:
        return _unknown(ref, "NO_RESULT", "success without an id")
    if wanted is not None and canonical_id(given) != canonical_id(wanted):
        return _unknown(ref, "WRONG_ID", f"the result is that of another record, {given}")
    return Outcome(ref=ref, status=OutcomeStatus.ACKNOWLEDGED, created_id=given)


def _first(items: object) -> object:
    return items[0] if isinstance(items, list) and items else None


def _unknown(ref: str, code: str, message: str) -> Outcome:
    return Outcome(ref=ref, status=OutcomeStatus.UNKNOWN, code=code, message=message)


def _rejected(ref: str, code: str, message: str, field: str | None) -> Outcome:
    return Outcome(ref=ref, status=OutcomeStatus.REJECTED, code=code, message=message, field=field)


def _is_locked(outcome: Outcome) -> bool:
    return outcome.status is OutcomeStatus.DEFERRED and outcome.code == LOCK_CODE


def _parts(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
