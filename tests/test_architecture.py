"""The floors hold, starting is quick, and nobody else owns our names."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("connectors", "scoring", "state", "sync", "crmhealth", "sandbox")
HEAVY = (
    "polars",
    "sqlalchemy",
    "alembic",
    "simple_salesforce",
    "hubspot",
    "httpx",
    "requests",
    "apscheduler",
    "structlog",
    "pydantic",
    "rich",
    "starlette",
)


def test_imports_point_down_only() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from crmhealth.cli import main; main(['--help']);"
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert "HEAVY []" in done.stdout
    assert "cycle" in done.stdout


@pytest.mark.parametrize("package", OURS)
def test_nobody_else_owns_our_package_names(package: str) -> None:
    assert set(packages_distributions().get(package, ["crmhealth"])) == {"crmhealth"}


@pytest.mark.parametrize("package", OURS)
def test_every_module_says_what_it_is_for(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts
        and path.stat().st_size > 0
        and not path.read_text().lstrip().startswith('"""')
    ]

    assert silent == []
