"""An org: its records, and the rules by which they are created, changed and deleted.

Every write goes through one path that checks permissions, types, required fields, references, uniqueness and
validation rules, and refuses with the original's codes. Knows no HTTP. Records are replaced, never changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import Clock
from sandbox.salesforce import checks, errors
from sandbox.salesforce.checks import ValidationRule
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.ids import canonical, new_id
from sandbox.salesforce.query import Catalogue
from sandbox.salesforce.schema import Field, SObject, default_objects
from sandbox.salesforce.switches import Switches
from sandbox.salesforce.usage import Usage
from sandbox.salesforce.values import accepted, seeded, shown
from sandbox.table import Row, Table
from sandbox.wire import Request

ORG_ID = "00D5f0000000001EAA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One tracked field's change."""

    at: datetime
    by: str
    object: str
    id: str
    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything a snapshot holds."""

    tables: Mapping[str, Mapping[str, Row]]
    definitions: Mapping[str, Mapping[str, Field]]
    last_numbers: Mapping[str, int]
    history: Sequence[Change]
    rules: Sequence[ValidationRule]
    usage: Mapping[int, int]


class Org:
    """Records, definitions, rules, history and usage of one org."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.switches = Switches()
        self.changes = 0
        self.objects = default_objects()
        self.tables = {name: Table() for name in self.objects}
        self.rules: list[ValidationRule] = []
        self.history: list[Change] = []
        self._numbers = dict.fromkeys(self.objects, 0)
        self.usage = Usage(clock)
        self.catalogue = Catalogue(self.objects, self.tables)
        user = {"Name": "Integration User", "Username": "integration@sandbox.example", "IsActive": True}
        (self.user_id,) = self.seed("User", [{**user, "Email": "integration@sandbox.example"}])
        self.apply_switches(self.switches)

    # Objects and switches

    def sobject(self, name: str) -> SObject:
        """Find an object; raises Refused."""
        sobject = self.objects.get(name.casefold())
        if sobject is None:
            raise errors.unknown_type(name)
        return sobject

    def table(self, sobject: SObject) -> Table:
        """Find the rows of an object."""
        return self.tables[sobject.name.casefold()]

    def apply_switches(self, switches: Switches) -> None:
        """Take new switches; some of them are definitions of fields."""
        self.switches = switches
        task = self.objects["task"]
        key = task.field("Health_Task_Key__c")
        if key is not None:
            external, unique = switches.task_key_external_id, switches.task_key_unique
            task.define(replace(key, external_id=external, unique=unique))

    # Reading

    def live(self, sobject: SObject, record_id: str) -> Row:
        """Find a record that is not deleted; raises Refused."""
        known = canonical(record_id)
        row = self.table(sobject).get(known) if known else None
        if row is None:
            raise errors.unknown_record()
        if row.get("IsDeleted"):
            raise errors.deleted()
        return row

    def by_external_id(self, sobject: SObject, field_name: str, value: Any) -> list[Row]:
        """Find live records by an external id (or Id); raises Refused when the field is none."""
        known = sobject.visible(field_name)
        if known is None or not (known.external_id or known.type == "id"):
            raise Refused(
                "NOT_FOUND",
                f"Provided external ID field does not exist or is not accessible: {field_name}",
                status=404,
            )
        if known.type == "id":
            row = self.table(sobject).get(canonical(str(value)) or "")
            found = [row] if row is not None else []
        else:
            found = self.table(sobject).having(known.name, value)
        return [row for row in found if not row.get("IsDeleted")]

    # Writing

    def create(self, sobject: SObject, values: Mapping[str, Any], request: Request) -> str:
        """Insert a record and give its id."""
        row = {known.name: known.default for known in sobject if known.default is not None}
        if "OwnerId" in {known.name for known in sobject}:
            row["OwnerId"] = self.user_id
        checked = self._checked(sobject, None, row, values, request)
        record_id = self._next_id(sobject)
        now = self._second()
        self._put(sobject, None, {**checked, "Id": record_id, "CreatedDate": now, "IsDeleted": False})
        return record_id

    def update(self, sobject: SObject, record_id: str, values: Mapping[str, Any], request: Request) -> str:
        """Change a record and give its id."""
        before = self.live(sobject, record_id)
        self._put(sobject, before, self._checked(sobject, before, dict(before), values, request))
        return str(before["Id"])

    def upsert(
        self, sobject: SObject, field_name: str, value: Any, values: Mapping[str, Any], request: Request
    ) -> tuple[str, bool]:
        """Change the record with this external id or create it; give id and whether it was created."""
        known = sobject.visible(field_name)
        found = self.by_external_id(sobject, field_name, value) if value is not None else []
        if len(found) > 1:
            raise Refused(
                "DUPLICATE_EXTERNAL_ID", f"{field_name}: more than one record found for external id field: "
                f"{[row['Id'] for row in found]}", fields=[field_name],
            )  # fmt: skip
        if found:
            return self.update(sobject, found[0]["Id"], values, request), False
        if known is not None and known.type == "id":
            if value is not None:
                raise errors.unknown_record()
            return self.create(sobject, values, request), True
        return self.create(sobject, {**values, field_name: value}, request), True

    def merge(self, sobject: SObject, primary_id: str, other_id: str) -> None:
        """Merge a record into another: the loser is deleted and names the winner."""
        primary, other = self.live(sobject, primary_id), self.live(sobject, other_id)
        self._put(sobject, other, {**other, "IsDeleted": True, "MasterRecordId": primary["Id"]})

    def delete(self, sobject: SObject, record_id: str) -> None:
        """Move a record to the recycle bin."""
        before = self.live(sobject, record_id)
        self._put(sobject, before, {**before, "IsDeleted": True})

    def _checked(
        self,
        sobject: SObject,
        before: Row | None,
        row: dict[str, Any],
        values: Mapping[str, Any],
        request: Request,
    ) -> dict[str, Any]:
        given = []
        for name, value in values.items():
            if name == "attributes":
                continue
            known = sobject.visible(name)
            if known is None:
                raise errors.no_such_column(name, sobject.name)
            if not (known.writable and (known.createable if before is None else known.updateable)):
                raise errors.not_writable(known.name)
            row[known.name] = accepted(known, value, self.switches)
            given.append(known)
        checks.require(sobject, row)
        checks.refer(sobject, given, row, self.objects, self.tables)
        _derive(sobject, row, self.tables)
        checks.refuse_scripted(sobject, row, request)
        checks.keep_unique(sobject, row, self.table(sobject))
        checks.obey(sobject, row, self.rules, self.clock.now().date())
        return row

    def _put(self, sobject: SObject, before: Row | None, row: dict[str, Any]) -> None:
        now = self._second()
        row |= {"LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": self.user_id}
        for known in sobject:
            old = None if before is None else before.get(known.name)
            if known.tracked and row.get(known.name) != old:
                self.history.append(
                    Change(
                        at=self.clock.now(), by=self.user_id, object=sobject.name, id=row["Id"],
                        field=known.name, old=old, new=row.get(known.name),
                    )
                )  # fmt: skip
        self.table(sobject).put(row["Id"], row)
        self.changes += 1

    def _second(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    def _next_id(self, sobject: SObject) -> str:
        name = sobject.name.casefold()
        while True:
            self._numbers[name] += 1
            record_id = new_id(sobject.key_prefix, self._numbers[name])
            if self.tables[name].get(record_id) is None:
                return record_id

    # Past the API: seeds, truth, snapshots

    def seed(self, object_name: str, records: Sequence[Row]) -> list[str]:
        """Put records in without the API's limits; known ids are changed. Raises Refused or ValueError."""
        sobject = self.sobject(object_name)
        table, now, ids = self.table(sobject), self._second(), []
        known = {field.name: field for field in sobject}
        stamps = {"CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now, "IsDeleted": False}
        defaults = {field.name: field.default for field in sobject if field.default is not None}
        if "OwnerId" in known:
            defaults["OwnerId"] = self.user_id
        for record in records:
            unknown = record.keys() - known.keys()
            if unknown:
                raise ValueError(f"{sobject.name} has no {', '.join(sorted(unknown))}")
            values = {name: seeded(known[name], value) for name, value in record.items()}
            record_id = values.get("Id") or self._next_id(sobject)
            before = table.get(record_id)
            row = {**stamps, **defaults, **values} if before is None else {**before, **values}
            row["Id"] = record_id
            if before is not None and "SystemModstamp" not in values:
                row |= {"LastModifiedDate": now, "SystemModstamp": now}
            _derive(sobject, row, self.tables)
            table.put(record_id, row)
            ids.append(record_id)
        return ids

    def truth(self, object_name: str) -> dict[str, Any]:
        """Give all records of an object with all fields, and the history of the tracked ones."""
        sobject = self.sobject(object_name)
        every = Switches(number_as_float=True)
        records = [
            {known.name: shown(known, row.get(known.name), every) for known in sobject}
            for row in self.table(sobject)
        ]
        history = [
            {
                "at": change.at.isoformat(),
                "by": change.by,
                "id": change.id,
                "field": change.field,
                "old": _plain(change.old),
                "new": _plain(change.new),
            }
            for change in self.history
            if change.object == sobject.name
        ]
        return {"records": records, "history": history}

    def kept(self) -> Kept:
        """Give everything as a value that later changes do not touch."""
        return Kept(
            tables={name: table.copy() for name, table in self.tables.items()},
            definitions={name: sobject.kept() for name, sobject in self.objects.items()},
            last_numbers=dict(self._numbers),
            history=tuple(self.history),
            rules=tuple(self.rules),
            usage=self.usage.kept(),
        )

    def restore(self, kept: Kept) -> None:
        """Go back to what was kept."""
        for name, rows in kept.tables.items():
            self.tables[name].restore(rows)
            self.objects[name].restore(kept.definitions[name])
        self._numbers = dict(kept.last_numbers)
        self.history = list(kept.history)
        self.rules = list(kept.rules)
        self.usage.restore(kept.usage)
        self.apply_switches(self.switches)


def _derive(sobject: SObject, row: dict[str, Any], tables: Mapping[str, Table]) -> None:
    """Compute the fields of a task that nobody can set."""
    if sobject.name == "Task":
        row["IsClosed"] = row.get("Status") == "Completed"
        what = row.get("WhatId") or ""
        row["AccountId"] = what if what.startswith("001") and tables["account"].get(what) else None


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
