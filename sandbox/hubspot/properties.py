"""The properties API: definitions of properties and of their groups."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.hubspot.errors import Refused, not_found
from sandbox.hubspot.portal import Portal
from sandbox.hubspot.schema import FIELD_TYPES, ObjectType, Option, Property
from sandbox.wire import Answer, Params, Request

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
UNIQUE_LIMIT = 10


class Properties:
    """The endpoints under `/properties/{type}`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def listed(self, request: Request, params: Params) -> Answer:
        """GET all properties."""
        kind = self._portal.type_named(params["type"])
        archived = request.first("archived") == "true"
        shown = [each.shown() for each in kind.properties.values() if each.archived == archived]
        return Answer(body={"results": shown})

    def get(self, request: Request, params: Params) -> Answer:
        """GET one property."""
        known = self._known(params, archived=request.first("archived") == "true")
        return Answer(body=known.shown())

    def read(self, request: Request, params: Params) -> Answer:
        """POST batch/read."""
        kind = self._portal.type_named(params["type"])
        names = [str(given.get("name")) for given in request.json_object.get("inputs", [])]
        shown = [known.shown() for name in names if (known := kind.live(name))]
        return Answer(body={"status": "COMPLETE", "results": shown, "startedAt": "", "completedAt": ""})

    def create(self, request: Request, params: Params) -> Answer:
        """POST a property."""
        kind, spec = self._portal.type_named(params["type"]), request.json_object
        missing = [name for name in ("name", "label", "type", "fieldType", "groupName") if not spec.get(name)]
        if missing:
            raise Refused(f"Invalid input JSON: required: {', '.join(missing)}")
        name, shape = str(spec["name"]), str(spec["fieldType"])
        if NAME.fullmatch(name) is None:
            raise Refused(f"{name} is not a valid property name")
        if shape not in FIELD_TYPES.get(str(spec["type"]), ()):
            raise Refused(f"type {spec['type']} and fieldType {shape} do not match")
        if spec["groupName"] not in kind.groups:
            raise Refused(f"Property group {spec['groupName']} does not exist")
        if name in kind.properties:
            message = f"A property named '{name}' already exists."
            raise Refused(message, status=409, category="OBJECT_ALREADY_EXISTS")
        unique = bool(spec.get("hasUniqueValue"))
        if unique and sum(each.unique for each in kind.properties.values()) >= UNIQUE_LIMIT:
            raise Refused(f"At most {UNIQUE_LIMIT} properties of a type can have unique values")
        made = Property(
            name=name,
            label=str(spec["label"]),
            type=spec["type"],
            field_type=shape,
            group=str(spec["groupName"]),
            options=_options(spec),
            description=str(spec.get("description") or ""),
            unique=unique,
            tracked=name.startswith("health_"),
        )
        kind.properties[name] = made
        self._portal.changes += 1
        return Answer(status=201, body=made.shown())

    def update(self, request: Request, params: Params) -> Answer:
        """PATCH a property; options are replaced as a whole."""
        kind, spec, known = self._portal.type_named(params["type"]), request.json_object, self._known(params)
        changed = replace(
            known,
            label=str(spec.get("label", known.label)),
            description=str(spec.get("description", known.description)),
            options=_options(spec) if "options" in spec else known.options,
        )
        kind.properties[known.name] = changed
        self._portal.changes += 1
        return Answer(body=changed.shown())

    def archive(self, _request: Request, params: Params) -> Answer:
        """DELETE a property."""
        kind, known = self._portal.type_named(params["type"]), self._known(params)
        if known.defined_by_hubspot:
            raise Refused(f"{known.name} cannot be archived")
        kind.properties[known.name] = replace(known, archived=True)
        self._portal.changes += 1
        return Answer(status=204)

    def groups(self, _request: Request, params: Params) -> Answer:
        """GET the groups."""
        kind = self._portal.type_named(params["type"])
        return Answer(body={"results": [_group(kind, name) for name in kind.groups]})

    def create_group(self, request: Request, params: Params) -> Answer:
        """POST a group."""
        kind, spec = self._portal.type_named(params["type"]), request.json_object
        name = str(spec.get("name") or "")
        if NAME.fullmatch(name) is None or not spec.get("label"):
            raise Refused("Invalid input JSON: a group needs a name and a label")
        if name in kind.groups:
            message = f"A group named '{name}' already exists."
            raise Refused(message, status=409, category="OBJECT_ALREADY_EXISTS")
        kind.groups[name] = str(spec["label"])
        self._portal.changes += 1
        return Answer(status=201, body=_group(kind, name))

    def _known(self, params: Params, *, archived: bool = False) -> Property:
        known = self._portal.type_named(params["type"]).properties.get(params["name"])
        if known is None or known.archived != archived:
            raise not_found(f"Property {params['name']} does not exist")
        return known


def _options(spec: Mapping[str, Any]) -> list[Option]:
    options = spec.get("options") or []
    for each in options:
        if not isinstance(each, dict) or {"label", "value", "hidden"} - each.keys():
            raise Refused("Invalid input JSON: an option needs label, value and hidden")
    return [Option(value=each["value"], label=each["label"], hidden=each["hidden"]) for each in options]


def _group(kind: ObjectType, name: str) -> dict[str, Any]:
    return {"name": name, "label": kind.groups[name], "displayOrder": -1, "archived": False}
