"""Objects and fields of the stand-in's org, and how `describe` shows them.

A field without permission to see it is absent everywhere, as if it did not exist. The custom fields are those
an admin who uses crmhealth would have; more can be defined while the sandbox runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeAlias, get_args

FieldType: TypeAlias = Literal[
    "id", "string", "textarea", "double", "int", "currency", "date", "datetime", "boolean", "picklist",
    "reference", "email", "url",
]  # fmt: skip
TEXT_TYPES = ("string", "textarea", "picklist", "email", "url")
NUMBER_TYPES = ("double", "int", "currency")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an object."""

    name: str
    label: str
    type: FieldType
    length: int = 0
    precision: int = 0
    """Digits in all, of a number."""
    scale: int = 0
    values: Sequence[str] = ()
    """Of a picklist."""
    restricted: bool = False
    default: Any = None
    required: bool = False
    external_id: bool = False
    unique: bool = False
    refers_to: str = ""
    relationship: str = ""
    """Name for one hop to the parent in a query, such as Owner."""
    createable: bool = True
    updateable: bool = True
    visible: bool = True
    """Field-level security: may the integration user see it."""
    writable: bool = True
    """Field-level security: may the integration user set it."""
    tracked: bool = False
    """Every change is kept in the history that the control API shows."""

    @property
    def custom(self) -> bool:
        """Say whether an admin made this field."""
        return self.name.endswith("__c")

    @property
    def long_text(self) -> bool:
        """Say whether this is a long text area, which can be neither filtered nor sorted."""
        return self.type == "textarea" and self.length > 255

    def described(self) -> dict[str, Any]:
        """Give it as `describe` does."""
        number = self.type in NUMBER_TYPES
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "length": self.length,
            "byteLength": self.length * 3,
            "precision": self.precision if number else 0,
            "scale": self.scale if number else 0,
            "digits": self.precision if self.type == "int" else 0,
            "createable": self.createable and self.writable,
            "updateable": self.updateable and self.writable,
            "nillable": not self.required and self.type not in ("id", "boolean"),
            "defaultedOnCreate": self.default is not None or not self.createable,
            "defaultValue": self.default,
            "picklistValues": [
                {
                    "active": True,
                    "defaultValue": value == self.default,
                    "label": value,
                    "validFor": None,
                    "value": value,
                }
                for value in self.values
            ],
            "restrictedPicklist": self.restricted,
            "externalId": self.external_id,
            "idLookup": self.external_id or self.type == "id",
            "unique": self.unique,
            "caseSensitive": False,
            "calculated": False,
            "calculatedFormula": None,
            "autoNumber": False,
            "custom": self.custom,
            "nameField": self.name in ("Name", "Subject"),
            "filterable": not self.long_text,
            "sortable": not self.long_text,
            "groupable": not self.long_text and not number,
            "aggregatable": not self.long_text,
            "permissionable": self.custom or self.updateable,
            "deprecatedAndHidden": False,
            "encrypted": False,
            "htmlFormatted": False,
            "inlineHelpText": None,
            "referenceTo": [self.refers_to] if self.refers_to else [],
            "relationshipName": self.relationship or None,
            "soapType": _SOAP[self.type],
        }


_SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "double": "xsd:double", "currency": "xsd:double", "int": "xsd:int",
    "date": "xsd:date", "datetime": "xsd:dateTime", "boolean": "xsd:boolean",
    **dict.fromkeys(TEXT_TYPES, "xsd:string"),
}  # fmt: skip


class SObject:
    """One object: its fields by name, found without regard to case."""

    def __init__(self, name: str, label: str, plural: str, key_prefix: str, known: Sequence[Field]) -> None:
        self.name = name
        self.label = label
        self.plural = plural
        self.key_prefix = key_prefix
        self._fields = {field.name.casefold(): field for field in known}

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def field(self, name: str) -> Field | None:
        """Find a field, visible or not."""
        return self._fields.get(name.casefold())

    def visible(self, name: str) -> Field | None:
        """Find a field that the integration user may see."""
        field = self.field(name)
        return field if field is not None and field.visible else None

    def related(self, relationship: str) -> Field | None:
        """Find the reference that a relationship name in a query follows."""
        for field in self:
            if field.relationship.casefold() == relationship.casefold() and field.visible:
                return field
        return None

    def define(self, field: Field) -> None:
        """Add or redefine a field."""
        self._fields[field.name.casefold()] = field

    def kept(self) -> dict[str, Field]:
        """Give the definitions as a value that later changes do not touch."""
        return dict(self._fields)

    def restore(self, known: Mapping[str, Field]) -> None:
        """Hold exactly these definitions."""
        self._fields = dict(known)

    def described(self, version: str) -> dict[str, Any]:
        """Give it as `describe` does: fields the user may not see are absent."""
        base = f"/services/data/v{version}/sobjects/{self.name}"
        return {
            **self.listed(version),
            "fields": [field.described() for field in self if field.visible],
            "childRelationships": [],
            "recordTypeInfos": [],
            "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
        }

    def listed(self, version: str) -> dict[str, Any]:
        """Give its line in the list of objects."""
        base = f"/services/data/v{version}/sobjects/{self.name}"
        return {
            "name": self.name,
            "label": self.label,
            "labelPlural": self.plural,
            "keyPrefix": self.key_prefix,
            "custom": False,
            "createable": True,
            "updateable": True,
            "deletable": True,
            "queryable": True,
            "retrieveable": True,
            "undeletable": True,
            "searchable": True,
            "triggerable": True,
            "mergeable": self.name == "Account",
            "deprecatedAndHidden": False,
            "urls": {"sobject": base, "describe": f"{base}/describe", "rowTemplate": f"{base}/{{ID}}"},
        }


def _field(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return Field(name=name, label=label, type=kind, **more)


def _read_only(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return Field(name=name, label=label, type=kind, createable=False, updateable=False, **more)


def _owner(**more: Any) -> Field:
    return _field(
        "OwnerId", "Owner ID", "reference", length=18, refers_to="User", relationship="Owner", **more
    )


def _system_fields() -> list[Field]:
    return [
        _read_only("Id", "Record ID", "id", length=18),
        _read_only("IsDeleted", "Deleted", "boolean"),
        _read_only("CreatedDate", "Created Date", "datetime"),
        _read_only("LastModifiedDate", "Last Modified Date", "datetime"),
        _read_only("SystemModstamp", "System Modstamp", "datetime"),
        _read_only(
            "LastModifiedById", "Last Modified By ID", "reference", length=18, refers_to="User",
            relationship="LastModifiedBy",
        ),
    ]  # fmt: skip


def _health_fields() -> list[Field]:
    def tracked(name: str, label: str, kind: FieldType, **more: Any) -> Field:
        return _field(name, label, kind, tracked=True, **more)

    bands, trends = ("Green", "Yellow", "Red", "Unknown"), ("Up", "Steady", "Down", "New")
    return [
        tracked("Health_Score__c", "Health Score", "double", precision=3),
        tracked("Health_Band__c", "Health Band", "picklist", length=255, values=bands, restricted=True),
        tracked("Health_Trend__c", "Health Trend", "picklist", length=255, values=trends, restricted=True),
        tracked("Health_Reasons__c", "Health Reasons", "string", length=255),
        tracked("Health_Details__c", "Health Details", "textarea", length=4000),
        tracked("Health_Confidence__c", "Health Confidence", "double", precision=3),
        tracked("Health_Computed_At__c", "Health Computed At", "datetime"),
    ]


def default_objects() -> dict[str, SObject]:
    """Describe a fresh org: Account, Task, User."""
    account = [
        *_system_fields(),
        _read_only("MasterRecordId", "Master Record ID", "reference", length=18, refers_to="Account"),
        _field("Name", "Account Name", "string", length=255, required=True),
        _owner(),
        _field(
            "Type",
            "Account Type",
            "picklist",
            length=255,
            values=("Prospect", "Customer", "Partner", "Other"),
        ),
        _field("Industry", "Industry", "picklist", length=255, values=("Education", "Finance", "Technology")),
        _field("Website", "Website", "url", length=255),
        _field("AnnualRevenue", "Annual Revenue", "currency", precision=18),
        _field("NumberOfEmployees", "Employees", "int", precision=8),
        _field(
            "ParentId",
            "Parent Account ID",
            "reference",
            length=18,
            refers_to="Account",
            relationship="Parent",
        ),
        _field("Segment__c", "Segment", "string", length=80),
        _field("Stage__c", "Stage", "string", length=80),
        _field("ARR__c", "ARR", "currency", precision=18, scale=2),
        _field("Renewal_Date__c", "Renewal Date", "date"),
        _field("Customer_Since__c", "Customer Since", "date"),
        _field("Term_Start__c", "Term Start", "date"),
        _field("External_Key__c", "External Key", "string", length=80, external_id=True),
        *_health_fields(),
    ]
    task = [
        *_system_fields(),
        _field("Subject", "Subject", "string", length=255),
        _field("WhatId", "Related To ID", "reference", length=18, refers_to="Account", relationship="What"),
        _read_only(
            "AccountId", "Account ID", "reference", length=18, refers_to="Account", relationship="Account"
        ),
        _owner(),
        _field("ActivityDate", "Due Date Only", "date"),
        _field(
            "Status", "Status", "picklist", length=255, required=True, default="Not Started",
            values=("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"),
        ),
        _field(
            "Priority", "Priority", "picklist", length=255, required=True, default="Normal",
            values=("High", "Normal", "Low"),
        ),
        _field("Description", "Description", "textarea", length=32000),
        _read_only("IsClosed", "Closed", "boolean"),
        _field("Health_Task_Key__c", "Health Task Key", "string", length=100, external_id=True),
    ]  # fmt: skip
    user = [
        *_system_fields(),
        _field("Name", "Full Name", "string", length=121, required=True),
        _field("Username", "Username", "string", length=80),
        _field("Email", "Email", "email", length=128),
        _field("IsActive", "Active", "boolean", default=True),
    ]
    return {
        "account": SObject("Account", "Account", "Accounts", "001", account),
        "task": SObject("Task", "Task", "Tasks", "00T", task),
        "user": SObject("User", "User", "Users", "005", user),
    }


def read_field(spec: Mapping[str, Any], present: Field | None) -> Field:
    """Read a definition from JSON; what it leaves out stays as it is. Raises ValueError."""
    known = {known.name for known in fields(Field)}
    unknown = set(spec) - known
    if unknown:
        raise ValueError(
            f"a field knows no {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}"
        )
    given: dict[str, Any] = {
        name: tuple(value) if name == "values" else value for name, value in spec.items()
    }
    if given.get("type", "string") not in get_args(FieldType):
        raise ValueError(f"type must be one of {', '.join(get_args(FieldType))}")
    if present is not None:
        return replace(present, **given)
    fresh: dict[str, Any] = {"label": given["name"], "type": "string", **given}
    return Field(**fresh)
