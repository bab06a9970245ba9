"""Finds connectors by name: the `type` in the configuration is the name of a module in this package.

Modules are listed without being imported, and imported only when used, so that nobody pays for the drivers
of systems they do not have. Third parties register their class in the entry point group
`crmhealth.connectors`; they cannot replace a built-in one.
"""

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from connectors._base import ConnectorType

GROUP = "crmhealth.connectors"

# Public modules of this package that are not source systems.
_SHARED = frozenset({"http", "matching"})


def available() -> tuple[str, ...]:
    """List the names of all connectors, built-in and installed, in alphabetical order."""
    return tuple(sorted({*_built_in(), *_installed()}))


def load(name: str) -> ConnectorType:
    """Import the connector of this name and return its class.

    Raises LookupError with a sentence for people if there is none.
    """
    if name in _built_in():
        return cast(ConnectorType, importlib.import_module(f"connectors.{name}").CONNECTOR)
    installed = _installed()
    if name not in installed:
        raise LookupError(f"there is no connector {name!r}; available: {', '.join(available())}")
    return cast(ConnectorType, installed[name].load())


def _built_in() -> frozenset[str]:
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    return frozenset(
        module.name for module in modules if not module.ispkg and not module.name.startswith("_")
    ) - frozenset(_SHARED)


def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
