"""Is everything as it must be? Asks each system, changes nothing, and reports all at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import packages_distributions
from typing import Literal

from connectors import Connector
from connectors.crm._base import CrmField, CrmSession
from crmhealth.cycle import World
from crmhealth.settings import CrmSettings
from scoring.errors import CredentialsError, PayloadError, RejectedError, TransientError
from sync.fields import FieldMapping, output, type_of

TOP_LEVEL = ("connectors", "scoring", "state", "sync", "crmhealth", "sandbox")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "band": ("red", "yellow", "green", "unknown"),
    "trend": ("up", "steady", "down", "new"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One thing that was looked at."""

    subject: str
    status: Literal["ok", "wrong", "unreachable"]
    detail: str
    remedy: str = ""


def examine(world: World) -> list[Result]:
    """Look at the installation, every CRM with its mapped fields, and every source."""
    results = list(_installation())
    where = world.database.url.render_as_string()
    there = world.database.is_there()
    detail = where if there else f"{where} (will be created)"
    results.append(Result(subject="state", status="ok", detail=detail))
    for crm in world.settings.crms:
        results += _examined(crm.name, partial(_crm, world, crm))
    for name, connector in world.sources.items():
        results += _examined(name, partial(_source, name, connector))
    return results


def _examined(name: str, look: Callable[[], Iterator[Result]]) -> list[Result]:
    try:
        return list(look())
    except CredentialsError as exc:
        return [Result(subject=name, status="wrong", detail=exc.detail, remedy="check its credentials")]
    except TransientError as exc:
        return [Result(subject=name, status="unreachable", detail=exc.detail, remedy="try again")]
    except (RejectedError, PayloadError) as exc:
        return [Result(subject=name, status="wrong", detail=str(exc), remedy=f"check [*.{name}]")]


def _installation() -> Iterator[Result]:
    owners = packages_distributions()
    for package in TOP_LEVEL:
        others = sorted(set(owners.get(package, [])) - {"crmhealth"})
        if others:
            yield Result(
                subject="installation",
                status="wrong",
                detail=f"the package {package} also belongs to {', '.join(others)}",
                remedy="install crmhealth into an environment of its own",
            )


def _source(name: str, connector: Connector) -> Iterator[Result]:
    for found in connector.check():
        status: Literal["ok", "wrong"] = "ok" if found.ok else "wrong"
        yield Result(subject=f"{name}: {found.subject}", status=status, detail=found.detail)


def _crm(world: World, crm: CrmSettings) -> Iterator[Result]:
    session = world.sessions[crm.name]
    for found in session.check():
        yield Result(subject=found.subject, status="ok" if found.ok else "wrong", detail=found.detail)
    object_name: str = crm.session.object  # type: ignore[attr-defined]  # every CRM's settings have it
    fields = session.describe(object_name)
    wrong = [
        *_read_problems(crm, fields),
        *_write_problems(crm, fields),
        *_book_problems(crm, session, fields),
    ]
    if crm.table.task is not None:
        tasks = session.describe("Task" if crm.table.type == "salesforce" else "tasks")
        wrong += _task_problems(crm, tasks)
    yield from wrong
    if not wrong:
        yield Result(
            subject=crm.name,
            status="ok",
            detail=f"{len(crm.table.read)} fields to read and {len(crm.table.write)} to write are as mapped",
        )


def _read_problems(crm: CrmSettings, fields: Mapping[str, CrmField]) -> Iterator[Result]:
    for ours, theirs in crm.table.read.items():
        if "." not in theirs and theirs not in fields:
            yield _missing(f"crm.{crm.name}.read.{ours}", theirs)


def _book_problems(crm: CrmSettings, session: CrmSession, fields: Mapping[str, CrmField]) -> Iterator[Result]:
    """Try the query of the account book, with every field that is not known to be wrong already."""
    read = {ours: theirs for ours, theirs in crm.table.read.items() if "." in theirs or theirs in fields}
    written = [name for name in crm.table.write if name in fields]
    for refused in session.try_book(read=read, written=written, fields=fields):
        yield Result(
            subject=f"crm.{crm.name}.{refused.subject}",
            status="wrong",
            detail=refused.detail,
            remedy="correct it, or grant access to the field",
        )


def _write_problems(crm: CrmSettings, fields: Mapping[str, CrmField]) -> Iterator[Result]:
    for name, mapping in crm.table.write.items():
        key = f"crm.{crm.name}.write.{name}"
        field = fields.get(name)
        if field is None:
            yield _missing(key, name)
            continue
        if not field.writable:
            yield Result(
                subject=key,
                status="wrong",
                detail="the field cannot be written with these credentials",
                remedy="grant edit access to it",
            )
        yield from _type_problems(key, mapping, field)


def _type_problems(key: str, mapping: FieldMapping, field: CrmField) -> Iterator[Result]:
    wanted = type_of(mapping)
    fits = {"number": ("number",), "text": ("text", "choice"), "instant": ("instant",)}[wanted]
    if field.kind not in fits:
        yield Result(
            subject=key,
            status="wrong",
            detail=f"{mapping.output} is a {wanted}, the field is a {field.kind}",
            remedy=f"map it to a field of kind {' or '.join(fits)}",
        )
    if field.choices:
        shown = {mapping.values.get(word, word) for word in _WORDS.get(mapping.output, ())}
        absent = sorted(shown - set(field.choices))
        if absent:
            yield Result(
                subject=key,
                status="wrong",
                detail=f"the field does not allow {', '.join(absent)}",
                remedy=f"add these values to it, or map to: {', '.join(field.choices)}",
            )
    elif wanted == "text" and field.length is not None and _longest(mapping) > field.length:
        yield Result(
            subject=key,
            status="wrong",
            detail=f"the field holds {field.length} characters",
            remedy=f'write {{ output = "{mapping.output}", length = {field.length} }}',
        )


def _longest(mapping: FieldMapping) -> int:
    described = output(mapping.output)
    return mapping.length or (0 if described is None else described.length)


def _task_problems(crm: CrmSettings, fields: Mapping[str, CrmField]) -> Iterator[Result]:
    assert crm.table.task is not None
    key_field = crm.table.task.key
    if key_field not in fields:
        yield _missing(f"crm.{crm.name}.task.key", key_field)
    elif not fields[key_field].writable:
        yield Result(
            subject=f"crm.{crm.name}.task.key",
            status="wrong",
            detail="the field cannot be written with these credentials",
            remedy="grant edit access to it",
        )


def _missing(key: str, name: str) -> Result:
    return Result(
        subject=key,
        status="wrong",
        detail=f"there is no field {name}, or these credentials cannot see it",
        remedy="create it, or grant access to it",
    )
