"""An account: its records, owners and associations, and the rules by which records change.

A record is one flat row: its properties by name, and what is no property under names that begin with an
underscore. Planning a change (`planned`) checks everything and changes nothing, so that a batch can be
refused as a whole. Searches read an index that lags behind. Knows no HTTP.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sandbox.clock import Clock
from sandbox.hubspot.errors import Problem, Refused, invalid_values, not_found
from sandbox.hubspot.schema import ASSOCIATION_IDS, ObjectType, Property, default_types
from sandbox.hubspot.switches import Switches
from sandbox.hubspot.values import InvalidValueError, accepted, property_stamp, stamp
from sandbox.table import Row, Table
from sandbox.wire import Request

Links = Mapping[tuple[str, str, str], tuple[str, ...]]
"""(type, id, other type) to the ids on the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A user who can own records."""

    id: str
    email: str
    first_name: str = ""
    last_name: str = ""
    user_id: int = 0
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything a snapshot holds."""

    rows: Mapping[str, Mapping[str, Row]]
    indexed: Mapping[str, Mapping[str, Row]]
    pending: Sequence[tuple[float, str, str, Row]]
    properties: Mapping[str, Mapping[str, Property]]
    groups: Mapping[str, Mapping[str, str]]
    next_ids: Mapping[str, int]
    owners: Mapping[str, Owner]
    links: Links
    history: Sequence[Mapping[str, Any]]
    used_today: int = 0


class Portal:
    """Records, owners, associations, definitions and history of one account."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.switches = Switches()
        self.changes = 0
        self.types = {each.name: each for each in default_types()}
        self.tables = {name: Table() for name in self.types}
        self.owners: dict[str, Owner] = {}
        self.history: list[Mapping[str, Any]] = []
        self._indexed: dict[str, dict[str, Row]] = {name: {} for name in self.types}
        self._pending: deque[tuple[float, str, str, Row]] = deque()
        self._next_ids = {name: each.first_id for name, each in self.types.items()}
        self._links: dict[tuple[str, str, str], tuple[str, ...]] = {}
        self.apply_switches(self.switches)

    def apply_switches(self, switches: Switches) -> None:
        """Take new switches; some of them are definitions of properties."""
        self.switches = switches
        tasks = self.types["tasks"].properties
        if "health_task_key" in tasks:
            tasks["health_task_key"] = replace(tasks["health_task_key"], unique=switches.task_key_unique)

    # Reading

    def type_named(self, name: str) -> ObjectType:
        """Find an object type by any of its names; raises Refused."""
        for each in self.types.values():
            if each.known_as(name):
                return each
        raise Refused(f"Unable to infer object type from: {name}")

    def find(self, kind: ObjectType, record_id: str, *, archived: bool = False) -> Row | None:
        """Find a record by id, following merges if the account does; archived ones only when asked for."""
        row = self.tables[kind.name].get(record_id)
        while row is not None and row.get("_merged_into"):
            if self.switches.merged_id != "redirect":
                return None
            row = self.tables[kind.name].get(row["_merged_into"])
        if row is None or bool(row.get("_archived")) != archived:
            return None
        return row

    def find_by(self, kind: ObjectType, id_property: str, value: str) -> Row | None:
        """Find a record by id or by a property with unique values; raises Refused for any other property."""
        if not id_property:
            return self.find(kind, value)
        known = kind.live(id_property)
        if known is None or not known.unique:
            raise Refused(
                f"Unable to perform update/upsert by non-unique {kind.type_id} property {id_property}",
                context={"propertyName": [id_property]},
            )
        for row in self.tables[kind.name].having(id_property, value):
            if self.visible(row):
                return row
        return None

    @staticmethod
    def visible(row: Row) -> bool:
        """Say whether a record is neither archived nor merged away."""
        return not row.get("_archived") and not row.get("_merged_into")

    def searchable(self, kind: ObjectType) -> list[Row]:
        """Give the records as searches see them: as they were a while ago."""
        now = self.clock.monotonic()
        while self._pending and self._pending[0][0] <= now - self.switches.search_delay_seconds:
            _changed_at, name, record_id, row = self._pending.popleft()
            self._indexed[name][record_id] = row
        return [row for row in self._indexed[kind.name].values() if self.visible(row)]

    def shown(self, kind: ObjectType, row: Row, names: Iterable[str] = ()) -> dict[str, Any]:
        """Give a record as the API does; a property that was asked for and is empty is null."""
        asked = [name for name in names if kind.live(name)]
        wanted = (
            [*asked, kind.created, "hs_lastmodifieddate", "hs_object_id"] if asked else kind.shown_by_default
        )
        shown = {
            "id": row["hs_object_id"],
            "properties": {name: row.get(name) for name in sorted(set(wanted))},
            "createdAt": stamp(row["_created_at"]),
            "updatedAt": stamp(row["_updated_at"]),
            "archived": bool(row.get("_archived")),
        }
        return {**shown, "archivedAt": stamp(row["_updated_at"])} if row.get("_archived") else shown

    # Writing

    def planned(
        self, kind: ObjectType, before: Row | None, values: Mapping[str, Any], request: Request
    ) -> dict[str, Any]:
        """Give the row as it would be after a write; raises Refused with all that is wrong."""
        row = dict(before or {})
        problems = []
        for name, value in values.items():
            known = kind.live(name)
            if known is None:
                message = f'Property "{name}" does not exist'
                problems.append(Problem(name=name, code="PROPERTY_DOESNT_EXIST", message=message))
            elif known.read_only:
                message = f'"{name}" is a read only property; its value cannot be set.'
                problems.append(Problem(name=name, code="READ_ONLY_VALUE", message=message))
            else:
                try:
                    row[name] = accepted(known, value, self.switches)
                except InvalidValueError as exc:
                    problems.append(exc.problem)
        owner = row.get("hubspot_owner_id")
        if "hubspot_owner_id" in values and owner is not None and not self._may_own(owner):
            message = f"Owner {owner} does not exist"
            problems.append(Problem(name="hubspot_owner_id", code="INVALID_OWNER_ID", message=message))
        if problems:
            raise invalid_values(problems)
        missing = [
            each.name for each in kind.properties.values() if each.required and row.get(each.name) is None
        ]
        if missing:
            raise Refused(
                f"Error creating {kind.singular.upper()}. Some required properties were not set.",
                errors=[
                    {
                        "message": f"{name} is required",
                        "code": "REQUIRED_FIELD",
                        "context": {"properties": [name]},
                    }
                    for name in missing
                ],
            )
        self._refuse_scripted(kind, row, request)
        self._keep_unique(kind, row)
        return row

    def _may_own(self, owner_id: str) -> bool:
        owner = self.owners.get(owner_id)
        return owner is not None and not (owner.archived and self.switches.archived_owner_refused)

    def _refuse_scripted(self, kind: ObjectType, row: Row, request: Request) -> None:
        # A record that does not exist yet is known by its key or name.
        keys = [row.get(name) for name in ("hs_object_id", "health_task_key", "external_key", "name")]
        refusal = request.refused(kind.name, *[key for key in keys if key])
        if refusal is None:
            return
        action = refusal.action
        if action.do == "lock_row":
            raise Refused("This record is locked, try again later", status=423, category="LOCKED")
        known = action.field or "health_score"
        message = action.message or "This record cannot be saved as it is"
        raise invalid_values([Problem(name=known, code=action.code or "VALIDATION_ERROR", message=message)])

    def _keep_unique(self, kind: ObjectType, row: Row) -> None:
        for known in kind.properties.values():
            value = row.get(known.name)
            if not known.unique or value is None:
                continue
            for other in self.tables[kind.name].having(known.name, value):
                if other["hs_object_id"] != row.get("hs_object_id") and self.visible(other):
                    raise Refused(
                        f"{known.name} {value} is already used by {other['hs_object_id']}",
                        status=409, category="CONFLICT", context={"propertyName": [known.name]},
                    )  # fmt: skip

    def save(self, kind: ObjectType, row: dict[str, Any]) -> Row:
        """Carry out a planned write."""
        now = self.clock.now()
        if "hs_object_id" not in row:
            row |= {
                "hs_object_id": self._next_id(kind),
                kind.created: property_stamp(now),
                "_created_at": now,
            }
        before = self.tables[kind.name].get(row["hs_object_id"])
        row |= {"hs_lastmodifieddate": property_stamp(now), "_updated_at": now}
        for known in kind.properties.values():
            old = None if before is None else before.get(known.name)
            if known.tracked and row.get(known.name) != old:
                self.history.append(
                    {
                        "at": now.isoformat(), "object": kind.name, "id": row["hs_object_id"],
                        "field": known.name, "old": old, "new": row.get(known.name),
                    }
                )  # fmt: skip
        self._put(kind, row)
        self.changes += 1
        return row

    def archive(self, kind: ObjectType, row: Row) -> None:
        """Archive a record."""
        self.save(kind, {**row, "_archived": True})

    def merge(self, kind: ObjectType, primary: Row, other: Row) -> Row:
        """Merge a record into another; the loser's id is no longer a record."""
        merged = [*(primary.get("hs_merged_object_ids") or "").split(";"), other["hs_object_id"]]
        self.save(kind, {**other, "_merged_into": primary["hs_object_id"]})
        return self.save(kind, {**primary, "hs_merged_object_ids": ";".join(each for each in merged if each)})

    def _put(self, kind: ObjectType, row: Row) -> None:
        self.tables[kind.name].put(row["hs_object_id"], row)
        self._pending.append((self.clock.monotonic(), kind.name, row["hs_object_id"], row))

    def _next_id(self, kind: ObjectType) -> str:
        while True:
            record_id = str(self._next_ids[kind.name])
            self._next_ids[kind.name] += 1
            if self.tables[kind.name].get(record_id) is None:
                return record_id

    # Associations

    def linked(self, kind: ObjectType, record_id: str, other: ObjectType) -> Sequence[str]:
        """Give the ids of one type that a record is associated with."""
        return self._links.get((kind.name, record_id, other.name), ())

    def link(self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str) -> None:
        """Associate two records, both ways; doing it twice changes nothing."""
        for key, target in (
            ((kind.name, record_id, other.name), other_id),
            ((other.name, other_id, kind.name), record_id),
        ):
            present = self._links.get(key, ())
            if target not in present:
                self._links[key] = (*present, target)

    def unlink(self, kind: ObjectType, record_id: str, other: ObjectType, other_id: str) -> None:
        """Take an association away."""
        for key, target in (
            ((kind.name, record_id, other.name), other_id),
            ((other.name, other_id, kind.name), record_id),
        ):
            self._links[key] = tuple(each for each in self._links.get(key, ()) if each != target)

    def must_find(self, kind: ObjectType, record_id: str) -> Row:
        """Find a record; raises Refused when it is not there."""
        row = self.find(kind, record_id)
        if row is None:
            raise not_found()
        return row

    # Past the API: seeds, truth, snapshots

    def seed(self, object_name: str, records: Sequence[Row]) -> list[str]:
        """Put records or owners in without the limits of the API; known ids are changed."""
        if object_name == "owners":
            return [self._seed_owner(record) for record in records]
        kind = self.type_named(object_name)
        now, ids = self.clock.now(), []
        for record in records:
            unknown = record.keys() - kind.properties.keys() - {"id", "associations"}
            if unknown:
                raise ValueError(f"{kind.name} have no {', '.join(sorted(unknown))}")
            values = {name: value for name, value in record.items() if name not in ("id", "associations")}
            record_id = str(record.get("id") or values.get("hs_object_id") or self._next_id(kind))
            created = values.get(kind.created)
            created_at = datetime.fromisoformat(created).astimezone(UTC) if created else now
            before = self.tables[kind.name].get(record_id)
            fresh = {"_created_at": created_at, kind.created: property_stamp(created_at)}
            stamps = {"hs_lastmodifieddate": property_stamp(now), "_updated_at": now}
            texts = {name: value if value is None else _text(value) for name, value in values.items()}
            row = {**(before or fresh), **stamps, **texts, "hs_object_id": record_id}
            self.tables[kind.name].put(record_id, row)
            # What was there before the story begins is long since indexed.
            self._indexed[kind.name][record_id] = row
            for other_name, other_ids in record.get("associations", {}).items():
                for other_id in other_ids:
                    self.link(kind, record_id, self.type_named(other_name), str(other_id))
            ids.append(record_id)
        return ids

    def _seed_owner(self, record: Row) -> str:
        number = 64_000_001 + len(self.owners)
        owner = Owner(
            **{"id": str(number), "email": f"owner{number}@sandbox.example", "user_id": number, **record}
        )
        self.owners[owner.id] = owner
        return owner.id

    def truth(self, object_name: str) -> dict[str, Any]:
        """Give all records of a type with all properties, and the history of the tracked ones."""
        kind = self.type_named(object_name)
        records = [
            {
                "id": row["hs_object_id"],
                "archived": bool(row.get("_archived")),
                "merged_into": row.get("_merged_into"),
                "properties": {name: row.get(name) for name in kind.properties},
                "associations": {
                    other.name: linked
                    for other in self.types.values()
                    if (linked := self.linked(kind, row["hs_object_id"], other))
                },
            }
            for row in self.tables[kind.name]
        ]
        return {"records": records, "history": [each for each in self.history if each["object"] == kind.name]}

    def kept(self) -> Kept:
        """Give everything as a value that later changes do not touch."""
        return Kept(
            rows={name: table.copy() for name, table in self.tables.items()},
            indexed={name: dict(rows) for name, rows in self._indexed.items()},
            pending=tuple(self._pending),
            properties={name: dict(each.properties) for name, each in self.types.items()},
            groups={name: dict(each.groups) for name, each in self.types.items()},
            next_ids=dict(self._next_ids),
            owners=dict(self.owners),
            links=dict(self._links),
            history=tuple(self.history),
        )

    def restore(self, kept: Kept) -> None:
        """Go back to what was kept."""
        for name, rows in kept.rows.items():
            self.tables[name].restore(rows)
            self.types[name].properties = dict(kept.properties[name])
            self.types[name].groups = dict(kept.groups[name])
        self._indexed = {name: dict(rows) for name, rows in kept.indexed.items()}
        self._pending = deque(kept.pending)
        self._next_ids = dict(kept.next_ids)
        self.owners = dict(kept.owners)
        self._links = dict(kept.links)
        self.history = list(kept.history)
        self.apply_switches(self.switches)


def association_type(kind: ObjectType, other: ObjectType) -> int:
    """Give the id of the unlabelled association from one type to another; raises Refused."""
    number = ASSOCIATION_IDS.get((kind.name, other.name))
    if number is None:
        raise Refused(f"No association between {kind.name} and {other.name}")
    return number


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
