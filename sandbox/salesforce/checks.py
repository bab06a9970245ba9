"""What a record must satisfy before it is saved, each check on its own.

Required fields, references, scripted refusals, uniqueness, validation rules. Single values were checked before
(`values`); nothing here changes anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sandbox.salesforce import errors, soql
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.query import Resolved, condition
from sandbox.salesforce.schema import Field, SObject
from sandbox.table import Row, Table
from sandbox.wire import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRule:
    """An admin's rule: a record that would match `where` (SOQL) after a write is refused."""

    object: str
    where: str
    message: str
    field: str = ""


def require(sobject: SObject, row: Row) -> None:
    """Refuse a record whose required fields are empty."""
    missing = [known.name for known in sobject if known.required and row.get(known.name) is None]
    if missing:
        listed = ", ".join(missing)
        raise Refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{listed}]", fields=missing)


def refer(
    sobject: SObject,
    given: Sequence[Field],
    row: Row,
    objects: Mapping[str, SObject],
    tables: Mapping[str, Table],
) -> None:
    """Refuse references that were given to records that are not there, deleted, or cannot own anything."""
    for known in given:
        target_id = row.get(known.name)
        if not known.refers_to or target_id is None:
            continue
        target = tables[known.refers_to.casefold()].get(target_id)
        if target is None:
            if known.name == "OwnerId" or target_id[:3] in {each.key_prefix for each in objects.values()}:
                raise Refused(
                    "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields=[known.name]
                )
            raise Refused(
                "MALFORMED_ID",
                f"{known.label}: id value of incorrect type: {target_id}",
                fields=[known.name],
            )
        if target.get("IsDeleted"):
            raise Refused("ENTITY_IS_DELETED", "entity is deleted", fields=[known.name])
        if known.name == "OwnerId" and not target.get("IsActive"):
            raise Refused(
                "INACTIVE_OWNER_OR_USER",
                f"operation performed with inactive user [{target_id}] as owner of {sobject.name.lower()}",
                fields=["OwnerId"],
            )


def refuse_scripted(sobject: SObject, row: Row, request: Request) -> None:
    """Refuse what a fault script wants refused."""
    # A record that does not exist yet is known by its key, or by what it belongs to.
    keys = [row.get(name) for name in ("Id", "Health_Task_Key__c", "External_Key__c", "WhatId", "Name")]
    refusal = request.refused(sobject.name, *[key for key in keys if key])
    if refusal is None:
        return
    action = refusal.action
    if action.do == "lock_row":
        raise errors.locked(row.get("WhatId") or row.get("Id") or "")
    raise Refused(
        action.code or "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        action.message or "This record cannot be saved as it is",
        fields=[action.field] if action.field else [],
    )


def keep_unique(sobject: SObject, row: Row, table: Table) -> None:
    """Refuse a unique value that another record has."""
    for known in sobject:
        if not known.unique or row.get(known.name) is None:
            continue
        for other in table.having(known.name, row[known.name]):
            if other["Id"] != row.get("Id") and not other.get("IsDeleted"):
                raise Refused(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {known.name} duplicates value on record with id: {other['Id']}",
                    fields=[known.name],
                )


def obey(sobject: SObject, row: Row, rules: Sequence[ValidationRule], today: date) -> None:
    """Refuse a record that an admin's rules forbid; tells every rule that fired."""
    fired = []
    for rule in rules:
        if rule.object.casefold() != sobject.name.casefold():
            continue
        test = condition(
            soql.parse_condition(rule.where),
            lambda path: _own_field(sobject, path),
            today,
        )
        if test(row):
            names = [rule.field] if rule.field else []
            fired.append(Refused("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, fields=names))
    if fired:
        first, *fired = fired
        first.others = fired
        raise first


def _own_field(sobject: SObject, path: soql.Path) -> Resolved:
    known = sobject.field(str(path))
    if known is None:
        raise errors.no_such_column(str(path), sobject.name)
    name = known.name
    return Resolved(field=known, read=lambda row: row.get(name))
