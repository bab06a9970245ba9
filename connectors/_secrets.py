"""Secrets in settings: written as references, never as values.

`env:NAME`, `file:/path` and `keyring:service/user` are references; anything else is refused, so that a
password never lands in a file that is copied around. What resolves a reference is handed in as validation
context by the loader of the configuration, because only the application reads the environment.
"""

from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, SecretStr, ValidationInfo

Resolve = Callable[[str], str]
"""Turns a reference into the secret; raises LookupError with a sentence for people."""

PREFIXES = ("env:", "file:", "keyring:")


def _resolve(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str) or not value.startswith(PREFIXES):
        raise ValueError("is not a reference to a secret; write env:NAME, file:/path or keyring:service/user")
    resolve: Resolve | None = (info.context or {}).get("resolve")
    if resolve is None:
        return value
    try:
        return resolve(value)
    except LookupError as exc:
        raise ValueError(str(exc.args[0])) from exc


Secret = Annotated[SecretStr, BeforeValidator(_resolve)]
"""A pydantic field that is written as a reference and read as a SecretStr."""
