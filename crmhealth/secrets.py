"""Turns references to secrets into secrets: `env:NAME`, `file:/path`, `keyring:service/user`."""

from collections.abc import Mapping
from pathlib import Path

from connectors import Resolve


def resolver(environment: Mapping[str, str], folder: Path) -> Resolve:
    """Give the function that resolves references; it raises LookupError with a sentence for people."""

    def resolve(reference: str) -> str:
        kind, _, name = reference.partition(":")
        match kind:
            case "env":
                return _environment(environment, name)
            case "file":
                return _file(folder / name)
            case _:
                return _keyring(name)

    return resolve


def _environment(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise LookupError(f"the environment variable {name} is not set; set it, or write file:/path")
    return value


def _file(path: Path) -> str:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise LookupError(
            f"the file {path} cannot be read: {exc.strerror}; check the path and its permissions"
        ) from exc
    except UnicodeDecodeError:
        # Not the error itself: it holds what it could not read.
        raise LookupError(f"the file {path} is not text in UTF-8; write the secret into it as such") from None
    if not value:
        raise LookupError(f"the file {path} is empty; write the secret into it")
    return value


def _keyring(name: str) -> str:
    service, slash, user = name.partition("/")
    if not slash or not service or not user:
        raise LookupError("is not a whole reference to a keyring; write keyring:service/user")
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as exc:
        raise LookupError(
            "keyring is not installed; install crmhealth[keyring], or write env:NAME or file:/path"
        ) from exc
    try:
        value = keyring.get_password(service, user)
    except KeyringError as exc:
        raise LookupError(
            f"the keyring cannot be used here ({type(exc).__name__}); write env:NAME or file:/path"
        ) from exc
    if not value:
        raise LookupError(f"the keyring has no password for {name}; run `keyring set {service} {user}`")
    return value
