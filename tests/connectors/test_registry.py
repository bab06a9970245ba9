"""Connectors are found by name, and their papers are complete."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import connectors
from connectors import available, load
from connectors._mapping import Records
from scoring.model import TOPICS

REPOSITORY = Path(__file__).parents[2]
SHARED = {"http", "matching"}


def test_every_public_module_is_a_connector_or_known_to_be_shared() -> None:
    public = {
        module.name
        for module in pkgutil.iter_modules(connectors.__path__)
        if not module.ispkg and not module.name.startswith("_")
    }

    assert set(available()) == public - SHARED
    for name in SHARED:
        assert not hasattr(importlib.import_module(f"connectors.{name}"), "CONNECTOR")


@pytest.mark.parametrize("name", ["files", "sql", "zendesk", "stripe"])
def test_a_connector_is_loaded_by_its_module_name(name: str) -> None:
    assert load(name).Settings.__name__.lower() == f"{name}settings"


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LookupError, match="no connector 'zendesc'; available: files, sql, stripe, zendesk"):
        load("zendesc")


def test_listing_connectors_imports_none_of_them() -> None:
    code = (
        "import sys; from connectors import available; available(); "
        "print([m for m in ('httpx', 'polars', 'sqlalchemy', 'connectors.zendesk') if m in sys.modules])"
    )

    out = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout

    assert out.strip() == "[]"


def test_loading_sql_imports_neither_sqlalchemy_nor_polars() -> None:
    code = (
        "import sys; from connectors import load; load('sql'); "
        "print('sqlalchemy' in sys.modules or 'polars' in sys.modules)"
    )

    out = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout

    assert out.strip() == "False"


def test_records_may_be_of_every_record_topic_there_is() -> None:
    assert get_args(Records.model_fields["topic"].annotation) == tuple(TOPICS)


def a_plugin(folder: Path, name: str) -> None:
    """Install a distribution that registers a connector."""
    (folder / "acme_plugin.py").write_text("class Acme:\n    Settings = None\n")
    info = folder / "acme_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[crmhealth.connectors]\n{name} = acme_plugin:Acme\n")


def test_an_installed_connector_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_plugin(tmp_path, "acme")
    monkeypatch.syspath_prepend(tmp_path)

    assert "acme" in available()
    assert load("acme").__name__ == "Acme"  # type: ignore[attr-defined]


def test_an_installed_connector_cannot_replace_a_built_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_plugin(tmp_path, "zendesk")
    monkeypatch.syspath_prepend(tmp_path)

    assert load("zendesk").Settings.__name__ == "ZendeskSettings"


def test_every_connector_has_its_page_its_tests_and_only_they_do() -> None:
    pages = {page.stem for page in (REPOSITORY / "docs" / "connectors").glob("*.md")}
    tests = {
        test.stem.removeprefix("test_") for test in (REPOSITORY / "tests" / "connectors").glob("test_*.py")
    }

    assert pages == set(available())
    assert set(available()) <= tests


@pytest.mark.parametrize("name", ["files", "sql", "zendesk", "stripe"])
def test_the_page_of_a_connector_names_every_setting(name: str) -> None:
    page = (REPOSITORY / "docs" / "connectors" / f"{name}.md").read_text(encoding="utf-8")
    schema = load(name).Settings.model_json_schema()

    settings = {
        key for model in (schema, *schema.get("$defs", {}).values()) for key in model.get("properties", {})
    }

    assert [key for key in sorted(settings) if f"`{key}`" not in page] == []


def test_the_names_the_package_exports_are_there() -> None:
    assert [name for name in connectors.__all__ if not hasattr(connectors, name)] == []
