"""The values that planning, guarding and applying exchange.

Field values are *canonical*: what a CRM sends back for a value we wrote compares equal to it (`sync.fields`).
A plan is data: printable, storable, refusable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from scoring.model import Band

Value: TypeAlias = str | int | float | None
"""A canonical field value; instants are ISO 8601 text in UTC."""

Values: TypeAlias = Mapping[str, Value]

LEFT = "left"
"""The fingerprint of a record whose account is no longer scored: it should show nothing of ours."""


class OutcomeStatus(StrEnum):
    """How one input of a write ended."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one input of a write ended, with proof or with a reason.

    `ref` is the crm_id of a record, or the key of a task. `created_id` is the CRM's id of a task.
    `code` and `message` are the CRM's own words.
    """

    ref: str
    status: OutcomeStatus
    code: str = ""
    message: str = ""
    field: str | None = None
    created_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldUpdate:
    """The fields of one record to be set in a CRM; None clears a field."""

    crm_id: str
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task to be opened in a CRM, once per `key` for ever."""

    key: str
    crm_id: str
    """The account's record."""
    subject: str
    body: str
    """Plain text with line breaks."""
    owner_id: str
    """The CRM's id of a user; empty: unassigned where the CRM allows it."""
    due_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one CRM record should show."""

    account_id: str
    account_name: str
    crm: str
    crm_id: str
    values: Values
    fingerprint: str
    """What the material outputs were; equal fingerprints mean there is nothing to write."""
    reason: str
    """Why, in words a sales rep understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What state knows of one CRM record."""

    crm: str
    crm_id: str
    account_id: str
    acknowledged: Values
    fingerprint: str | None
    """None: we never wrote it."""
    observed: Values | None
    """What the CRM held at the last reading, where that differs from `acknowledged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field, old and new."""

    field: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChange:
    """The fields of one CRM record that a plan changes."""

    crm: str
    crm_id: str
    account_id: str
    account_name: str
    changes: tuple[FieldChange, ...]
    fingerprint: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """A record that already shows what we want (a write whose answer was lost): remembered, not written."""

    crm: str
    crm_id: str
    account_id: str
    values: Values
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An account whose confirmed band changed in this run. `before` is None at its first scoring."""

    account_id: str
    account_name: str
    before: Band | None
    after: Band
    migrated: bool = False
    """The model changed, not the account."""
    quiet: str = ""
    """Why this is no reason to ask anybody to act, though the band is shown: "" where it is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeChange:
    """The beginning or end of an account's stay in red."""

    account_id: str
    number: int
    band: Band
    change: Literal["opened", "closed"]
    baseline: bool
    """Opened without a task: at the first publication, by a change of the model, or of the data alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChange:
    """A task that a plan opens, with what identifies it."""

    task: NewTask
    crm: str
    account_id: str
    account_name: str
    playbook: str
    episode: int
    reason: str


PlanRow: TypeAlias = RecordChange | Adoption | EpisodeChange | TaskChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything one run would do, decided before anything is done."""

    as_of: datetime
    baseline: bool
    """The first publication: accounts already red get no task."""
    transitions: tuple[Transition, ...]
    records: tuple[RecordChange, ...]
    adoptions: tuple[Adoption, ...]
    episodes: tuple[EpisodeChange, ...]
    tasks: tuple[TaskChange, ...]
    """New ones, and earlier ones that are not open yet."""
    scored: int
    """How many accounts were judged: what the guard's shares are shares of."""

    @property
    def is_empty(self) -> bool:
        return not (self.records or self.tasks)

    @property
    def leavers(self) -> frozenset[str]:
        """The accounts whose records are cleared because they are no longer scored."""
        return frozenset(record.account_id for record in self.records if record.fingerprint == LEFT)
