"""Object types and properties of the stand-in's account.

The custom properties are those an admin who uses crmhealth would have; more can be created through the API or
the control API. Knows no records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias, get_args

PropertyType: TypeAlias = Literal[
    "string", "number", "enumeration", "date", "datetime", "bool", "phone_number"
]
FIELD_TYPES: Mapping[str, Sequence[str]] = {
    "string": ("text", "textarea", "html", "phonenumber", "file"),
    "number": ("number", "calculation_equation"),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
    "bool": ("booleancheckbox",),
    "date": ("date",),
    "datetime": ("date",),
    "phone_number": ("phonenumber",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One value of an enumeration."""

    value: str
    label: str
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property of an object type."""

    name: str
    label: str
    type: PropertyType = "string"
    field_type: str = "text"
    group: str = ""
    options: Sequence[Option] = ()
    description: str = ""
    unique: bool = False
    read_only: bool = False
    required: bool = False
    defined_by_hubspot: bool = False
    archived: bool = False
    tracked: bool = False
    """Every change is kept in the history that the control API shows."""

    def shown(self) -> dict[str, Any]:
        """Give it as the properties API does."""
        stamp = "2024-01-01T00:00:00.000Z"
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [
                {"label": each.label, "value": each.value, "displayOrder": place, "hidden": each.hidden}
                for place, each in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": self.name == "hubspot_owner_id",
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": self.defined_by_hubspot,
            "modificationMetadata": {
                "archivable": not self.defined_by_hubspot,
                "readOnlyDefinition": self.defined_by_hubspot,
                "readOnlyValue": self.read_only,
            },
            "formField": False,
            "archived": self.archived,
            "dataSensitivity": "non_sensitive",
            "createdAt": stamp,
            "updatedAt": stamp,
        }


@dataclass(slots=True, kw_only=True)
class ObjectType:
    """One kind of record."""

    name: str
    singular: str
    type_id: str
    first_id: int
    created: str
    """Name of its creation-time property."""
    shown_by_default: Sequence[str]
    properties: dict[str, Property]
    groups: dict[str, str] = field(default_factory=dict)
    """Property groups: name and label."""

    def known_as(self, name: str) -> bool:
        """Say whether a path means this type."""
        return name in (self.name, self.singular, self.type_id)

    def live(self, name: str) -> Property | None:
        """Find a property that is not archived."""
        known = self.properties.get(name)
        return known if known is not None and not known.archived else None


ASSOCIATION_IDS = {("tasks", "companies"): 192, ("companies", "tasks"): 191}


def _own(name: str, label: str, kind: PropertyType = "string", shape: str = "", **more: Any) -> Property:
    """Make a property that comes with the product."""
    return Property(
        name=name,
        label=label,
        type=kind,
        field_type=shape or FIELD_TYPES[kind][0],
        defined_by_hubspot=True,
        **more,
    )


def _custom(name: str, label: str, kind: PropertyType = "string", shape: str = "", **more: Any) -> Property:
    return Property(
        name=name, label=label, type=kind, field_type=shape or FIELD_TYPES[kind][0], group="customer_health",
        tracked=name.startswith("health_"), **more,
    )  # fmt: skip


def _options(*values: str) -> list[Option]:
    return [Option(value=value, label=value.replace("_", " ").capitalize()) for value in values]


def _by_name(properties: Sequence[Property], group: str) -> dict[str, Property]:
    return {each.name: replace(each, group=each.group or group) for each in properties}


def _everywhere(created: str) -> list[Property]:
    return [
        _own("hs_object_id", "Record ID", "number", read_only=True),
        _own(created, "Create date", "datetime", read_only=True),
        _own("hs_lastmodifieddate", "Last modified date", "datetime", read_only=True),
        _own("hubspot_owner_id", "Owner", "enumeration"),
    ]


def default_types() -> list[ObjectType]:
    """Describe a fresh account: companies and tasks."""
    companies = [
        *_everywhere("createdate"),
        _own("name", "Company name"),
        _own("domain", "Company domain name"),
        _own("hs_additional_domains", "Additional domains", "enumeration", "checkbox", read_only=True),
        _own("hs_merged_object_ids", "Merged object IDs", "enumeration", "checkbox", read_only=True),
        _own("industry", "Industry"),
        _own("annualrevenue", "Annual revenue", "number"),
        _own(
            "lifecyclestage",
            "Lifecycle stage",
            "enumeration",
            "radio",
            options=_options("subscriber", "lead", "opportunity", "customer", "other"),
        ),
        _custom("salesforce_account_id", "Salesforce account ID"),
        _custom("segment", "Segment"),
        _custom("renewal_date", "Renewal date", "date"),
        _custom("external_key", "External key"),
        _custom("health_score", "Health score", "number"),
        _custom(
            "health_band", "Health band", "enumeration", options=_options("green", "yellow", "red", "unknown")
        ),
        _custom(
            "health_trend", "Health trend", "enumeration", options=_options("up", "steady", "down", "new")
        ),
        _custom("health_reasons", "Health reasons"),
        _custom("health_details", "Health details", shape="textarea"),
        _custom("health_confidence", "Health confidence", "number"),
        _custom("health_computed_at", "Health computed at", "datetime"),
    ]
    tasks = [
        *_everywhere("hs_createdate"),
        _own("hs_timestamp", "Due date", "datetime", required=True),
        _own("hs_task_subject", "Task title"),
        _own("hs_task_body", "Notes", shape="html"),
        _own(
            "hs_task_status", "Task status", "enumeration",
            options=_options("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"),
        ),
        _own(
            "hs_task_priority", "Priority", "enumeration", options=_options("NONE", "LOW", "MEDIUM", "HIGH")
        ),
        _own("hs_task_type", "Task type", "enumeration", options=_options("TODO", "CALL", "EMAIL")),
        _custom("health_task_key", "Health task key"),
    ]  # fmt: skip
    group = {"customer_health": "Customer health"}
    return [
        ObjectType(
            name="companies", singular="company", type_id="0-2", first_id=17_800_000_001,
            created="createdate",
            shown_by_default=("name", "domain", "createdate", "hs_lastmodifieddate", "hs_object_id"),
            properties=_by_name(companies, "companyinformation"),
            groups={"companyinformation": "Company information", **group},
        ),
        ObjectType(
            name="tasks", singular="task", type_id="0-27", first_id=54_300_000_001, created="hs_createdate",
            shown_by_default=("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
            properties=_by_name(tasks, "task"),
            groups={"task": "Task information", **group},
        ),
    ]  # fmt: skip


def read_property(spec: Mapping[str, Any], present: Property | None) -> Property:
    """Read a definition from JSON in our own words; what it leaves out stays. Raises ValueError."""
    known = {known.name for known in fields(Property)}
    unknown = set(spec) - known
    if unknown:
        raise ValueError(
            f"a property knows no {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}"
        )
    given = dict(spec)
    if "options" in given:
        given["options"] = [
            Option(value=each, label=each) if isinstance(each, str) else Option(**each)
            for each in given["options"]
        ]
    if given.get("type", "string") not in get_args(PropertyType):
        raise ValueError(f"type must be one of {', '.join(get_args(PropertyType))}")
    if present is not None:
        return replace(present, **given)
    kind = given.get("type", "string")
    return Property(
        **{"label": given["name"], "field_type": FIELD_TYPES[kind][0], "group": "customer_health", **given}
    )
