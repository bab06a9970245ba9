"""Compares what the CRMs hold, by their own account, with state and with an undisturbed run."""

import sqlite3
from collections import Counter
from typing import Any

import orjson

from tests.crashes.scenario import COLLAPSED, KEYS, OBJECTS, TASKS, WRITTEN, Scenario

Picture = dict[str, Any]


def differences(scenario: Scenario, expected: Picture | None) -> list[str] | Picture:
    """List what is wrong; if nothing is, give the picture of what the CRMs hold."""
    problems: list[str] = []
    picture: Picture = {}
    database = sqlite3.connect(f"file:{scenario.database}?mode=ro", uri=True)
    for system, fields in WRITTEN.items():
        records = scenario.truth(system, OBJECTS[system])
        picture[system] = {
            str(record["External_Key__c" if system == "salesforce" else "external_key"]): {
                output: _plain(record.get(name)) for output, name in fields.items() if output != "computed_at"
            }
            for record in records
        }
        problems += _state_against_crm(database, system, records)
        keys = Counter(record[KEYS[system]] for record in scenario.truth(system, TASKS[system]))
        picture[f"{system} tasks"] = sorted(keys)
        problems += [f"{system}: {count} tasks with key {key}" for key, count in keys.items() if count != 1]
    problems += _tasks_against_crm(database, scenario)
    database.close()
    if len(picture[f"{scenario.master} tasks"]) != COLLAPSED:
        problems.append(f"{len(picture[f'{scenario.master} tasks'])} tasks, not {COLLAPSED}")
    if expected is not None and picture != expected:
        problems += [
            f"{key}: {picture[key]} is not {expected[key]}"
            for key in picture
            if picture[key] != expected[key]
        ]
    return problems or picture


def _state_against_crm(database: sqlite3.Connection, system: str, records: list[dict[str, Any]]) -> list[str]:
    held = {str(record["Id" if system == "salesforce" else "id"]): record for record in records}
    rows = database.execute("SELECT crm_id, acknowledged FROM crm_record WHERE crm = ?", (system,)).fetchall()
    problems = [] if len(rows) == len(held) else [f"{system}: {len(rows)} records in state, {len(held)} held"]
    for crm_id, acknowledged in rows:
        for name, value in orjson.loads(acknowledged).items():
            if _plain(held[crm_id].get(name)) != _plain(value):
                problems.append(f"{system} {crm_id}.{name}: state {value!r}, CRM {held[crm_id].get(name)!r}")
        if not orjson.loads(acknowledged):
            problems.append(f"{system} {crm_id}: nothing acknowledged")
    return problems


def _tasks_against_crm(database: sqlite3.Connection, scenario: Scenario) -> list[str]:
    id_name = "Id" if scenario.master == "salesforce" else "id"
    held = {
        record[KEYS[scenario.master]]: str(record[id_name])
        for record in scenario.truth(scenario.master, TASKS[scenario.master])
    }
    rows = database.execute("SELECT task_key, status, crm_task_id FROM task").fetchall()
    state = {key: crm_task_id for key, status, crm_task_id in rows if status == "open"}
    problems = [f"task {key} is {status}" for key, status, _ in rows if status != "open"]
    if state != held:
        problems.append(f"tasks in state {state}, in the CRM {held}")
    return problems


def _plain(value: Any) -> Any:
    """Bring both sides to one form: numbers as numbers, instants without their spelling."""
    if value in (None, ""):
        return None
    text = str(value)
    try:
        return float(text)
    except ValueError:
        return text.replace("+0000", "Z").replace(".000Z", "Z").replace("+00:00", "Z")
