"""A CRM in memory: for trying things out and for tests. It keeps every promise of the port, at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.values import FieldUpdate, NewTask, Outcome, OutcomeStatus, Value


@dataclass(slots=True)
class MemoryCrm:
    """Records and tasks in dictionaries. `refusals`: crm_id or task key -> the code it is refused with."""

    name: str = "memory"
    batch_size: int = 100
    settle_seconds: float = 0.0
    records: dict[str, dict[str, Value]] = field(default_factory=dict)
    tasks: dict[str, NewTask] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    write_calls: int = 0

    def write(self, updates: Sequence[FieldUpdate]) -> Sequence[Outcome]:
        """Set fields of records that exist and are not refused."""
        self.write_calls += 1
        return [self._write_one(update) for update in updates]

    def find_tasks(self, tasks: Sequence[NewTask]) -> Mapping[str, str]:
        """Find tasks by key."""
        return {task.key: f"task:{task.key}" for task in tasks if task.key in self.tasks}

    def open_tasks(self, tasks: Sequence[NewTask]) -> Sequence[Outcome]:
        """Keep tasks that are not refused."""
        self.write_calls += 1
        return [self._open_one(task) for task in tasks]

    def _write_one(self, update: FieldUpdate) -> Outcome:
        if update.crm_id in self.refusals:
            return self._refused(update.crm_id)
        if update.crm_id not in self.records:
            return Outcome(
                ref=update.crm_id, status=OutcomeStatus.REJECTED, code="NOT_FOUND", message="no such record"
            )
        self.records[update.crm_id].update(update.values)
        return Outcome(ref=update.crm_id, status=OutcomeStatus.ACKNOWLEDGED)

    def _open_one(self, task: NewTask) -> Outcome:
        if task.key in self.refusals:
            return self._refused(task.key)
        self.tasks[task.key] = task
        return Outcome(ref=task.key, status=OutcomeStatus.ACKNOWLEDGED, created_id=f"task:{task.key}")

    def _refused(self, ref: str) -> Outcome:
        code = self.refusals[ref]
        return Outcome(ref=ref, status=OutcomeStatus.REJECTED, code=code, message=f"refused with {code}")
