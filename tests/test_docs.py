"""What is written for people is true: the example loads, the pages exist, commands are the ones there are."""

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import connectors
from connectors.crm import hubspot, salesforce
from crmhealth import config
from crmhealth import settings as settings_module
from crmhealth.cli import app
from crmhealth.playbooks import Playbook
from sync.guard import Limits

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "config.example.toml"


def test_the_example_configuration_loads_with_the_real_loader() -> None:
    settings = config.load(EXAMPLE, resolve=lambda reference: "sqlite:///nowhere.db")

    assert {source.type for source in settings.sources} == set(connectors.available())
    assert {crm.table.type for crm in settings.crms} == set(settings_module.CRM_TYPES)


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        ("daemon", settings_module.Daemon),
        ("crm.salesforce", settings_module.CrmTable),
        ("crm.salesforce", salesforce.Settings),
        ("crm.hubspot", settings_module.CrmTable),
        ("crm.hubspot", hubspot.Settings),
        ("sources.warehouse.match", settings_module.Matching),
        ("guard", Limits),
        ("playbook", Playbook),
    ],
)
def test_the_example_shows_every_setting(table: str, settings: Any) -> None:
    text = EXAMPLE.read_text()
    section = text[text.index(f"[{table}]") :] if table != "playbook" else text[text.index("[[playbook]]") :]
    names = (
        set(settings.model_fields)
        if isinstance(settings, type) and issubclass(settings, BaseModel)
        else {field.name for field in dataclasses.fields(settings)}
    )

    absent = sorted(
        name
        for name in names
        if not re.search(rf"^(# )?{name} = ", section, re.MULTILINE) and f"[{table}.{name}]" not in text
    )

    # `match` of the master and `own_field` of a source have no meaning there.
    assert [name for name in absent if name not in ("match", "own_field", "task")] == []


def test_the_example_is_toml_whose_defaults_are_the_real_ones() -> None:
    guard = tomllib.loads(EXAMPLE.read_text())["guard"]

    assert guard == dataclasses.asdict(Limits())


def test_every_command_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }

    assert {name for name in commands if f"`{name}`" not in readme and f"`{name} " not in readme} == set()


def test_links_in_documents_lead_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
        if not target.startswith(("http://", "https://")) and not (page.parent / target).exists()
    ]

    assert broken == []
