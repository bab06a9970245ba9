"""Reads remote systems. Keeps no state, decides nothing. A new source is one module in this folder."""

from connectors._base import (
    CheckResult,
    Connector,
    ConnectorType,
    Context,
    Mode,
    Page,
    Since,
    Stream,
)
from connectors._registry import available, load
from connectors._secrets import PREFIXES as SECRET_PREFIXES
from connectors._secrets import Resolve, Secret

__all__ = [
    "SECRET_PREFIXES",
    "CheckResult",
    "Connector",
    "ConnectorType",
    "Context",
    "Mode",
    "Page",
    "Resolve",
    "Secret",
    "Since",
    "Stream",
    "available",
    "load",
]
