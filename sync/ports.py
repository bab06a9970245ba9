"""The shape sync needs of a CRM. One gateway per CRM has it, and so has the in-memory one."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sync.values import FieldUpdate, NewTask, Outcome


class Crm(Protocol):
    """Writes fields and tasks into one CRM. Every input of a call ends in exactly one outcome.

    Raises CredentialsError or TransientError only when the system as a whole cannot be used; whatever one
    record did wrong is an outcome.
    """

    @property
    def name(self) -> str:
        """The name of the CRM in the configuration."""

    @property
    def batch_size(self) -> int:
        """How many records one call takes at most."""

    @property
    def settle_seconds(self) -> float:
        """How long a task whose creation went unanswered may stay invisible to `find_tasks`."""

    def write(self, updates: Sequence[FieldUpdate]) -> Sequence[Outcome]:
        """Set the fields of at most `batch_size` records; `ref` of an outcome is the crm_id."""

    def find_tasks(self, tasks: Sequence[NewTask]) -> Mapping[str, str]:
        """Find which of these tasks exist already, whoever created them: key -> the CRM's id of the task."""

    def open_tasks(self, tasks: Sequence[NewTask]) -> Sequence[Outcome]:
        """Open at most `batch_size` tasks that do not exist; `ref` is the key. Never repeats blindly."""
