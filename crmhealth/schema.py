"""The JSON Schema of the configuration file, for editors that complete and check while one writes."""

from typing import Any

from pydantic import TypeAdapter

import connectors
from crmhealth.config import session_settings
from crmhealth.playbooks import Playbook
from crmhealth.settings import CRM_TYPES, CrmTable, Daemon, SourceTable
from scoring.definition import ScoringModel
from sync.guard import Limits


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of the file, for editors."""
    crms = {name: session_settings(name) for name in CRM_TYPES}
    definitions: dict[str, Any] = {}

    def schema_of(thing: Any) -> dict[str, Any]:
        made = TypeAdapter(thing).json_schema(ref_template="#/$defs/{model}")
        definitions.update(made.pop("$defs", {}))
        return made

    def merged(*parts: dict[str, Any]) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for part in parts:
            properties |= part.get("properties", {})
        return {"type": "object", "properties": properties, "additionalProperties": False}

    crm_table = schema_of(CrmTable)
    crm_variants = [merged(crm_table, schema_of(settings)) for settings in crms.values()]
    source_variants = []
    for name in connectors.available():
        variant = merged(schema_of(SourceTable), schema_of(connectors.load(name).Settings))
        variant["properties"]["type"] = {"const": name}
        source_variants.append(variant)
    properties = {
        "daemon": schema_of(Daemon),
        "crm": {"type": "object", "additionalProperties": {"anyOf": crm_variants}},
        "sources": {"type": "object", "additionalProperties": {"anyOf": source_variants}},
        "model": {"anyOf": [schema_of(ScoringModel), {"required": ["use"]}]},
        "scores": {
            "type": "object",
            "additionalProperties": {"anyOf": [schema_of(ScoringModel), {"required": ["use"]}]},
        },
        "playbook": {"type": "array", "items": schema_of(Playbook)},
        "guard": schema_of(Limits),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "crmhealth configuration",
        "type": "object",
        "properties": properties,
        "required": ["crm", "sources", "model"],
        "additionalProperties": False,
        "$defs": definitions,
    }
