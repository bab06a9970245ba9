"""Reads the one TOML file into frozen settings, or says everything that is wrong with it at once.

Types are checked by pydantic; what types cannot say (exactly one master, a mapping to an unknown output) is
checked here, and the model by `scoring.problems`. Nothing is written and nothing is asked over the network:
whether a CRM has the fields is `check`'s business (`crmhealth.doctor`).
"""

import importlib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    TypeAdapter,
    ValidationError,
)

import connectors
from connectors import Resolve, Secret
from crmhealth import validation
from crmhealth.playbooks import Playbook, template_problems
from crmhealth.settings import (
    ACCOUNT_FIELDS,
    CRM_TYPES,
    CrmSettings,
    CrmTable,
    Daemon,
    Matching,
    Settings,
    SourceSettings,
    SourceTable,
    state_url,
)
from scoring.definition import ScoringModel, toml_name
from scoring.errors import ConfigError, Problem
from scoring.problems import problems as model_problems
from sync.fields import OF_SIDE_SCORES, OUTPUTS, of_side, output
from sync.guard import Limits
from sync.guard import problems as limit_problems

Thing = TypeVar("Thing")


@dataclass(slots=True)
class _Collector:
    """Gathers problems, so that all of them are told at once."""

    resolve: Resolve | None
    problems: list[Problem] = field(default_factory=list)

    def parse(self, key: str, adapter: TypeAdapter[Thing], raw: object) -> Thing | None:
        """Validate one table; None when it has problems, which are kept."""
        try:
            return adapter.validate_python(raw, context={"resolve": self.resolve})
        except ValidationError as exc:
            self.problems += validation.problems(key, raw, exc)
            return None

    def add(self, key: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(key=key, message=message, remedy=remedy))


def load(path: Path, *, resolve: Resolve | None) -> Settings:
    """Read and check a configuration file. Raises ConfigError with every problem there is.

    Without `resolve`, references to secrets are checked for their form only.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as exc:
        raise ConfigError(
            [Problem(key=str(path), message="there is no such file", remedy="name one with --config FILE")]
        ) from exc
    except OSError as exc:
        raise ConfigError(
            [
                Problem(
                    key=str(path), message=f"cannot be read: {exc.strerror}", remedy="check its permissions"
                )
            ]
        ) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(
            [Problem(key=str(path), message=f"is not TOML: {exc}", remedy="mend the line it names")]
        ) from exc
    return parse(raw, folder=path.resolve().parent, resolve=resolve)


def parse(raw: Mapping[str, Any], *, folder: Path, resolve: Resolve | None) -> Settings:
    """Check a configuration that was read already. Raises ConfigError with every problem there is."""
    found = _Collector(resolve=resolve)
    known = {"daemon", "crm", "sources", "model", "scores", "playbook", "guard"}
    for key in sorted(set(raw) - known):
        found.add(key, "unknown table", f"the tables are: {', '.join(sorted(known))}")

    daemon = found.parse("daemon", TypeAdapter(Daemon), raw.get("daemon", {}))
    if daemon is not None:
        daemon = _with_state(daemon, found, resolve)
    crms = list(_crms(_table(raw, "crm", found), _table(raw, "scores", found), found))
    sources = list(_sources(_table(raw, "sources", found), found))
    model = _model("model", raw.get("model"), found)
    sides = {
        name: _model(f"scores.{name}", table, found) for name, table in _table(raw, "scores", found).items()
    }
    playbooks = found.parse("playbook", TypeAdapter(tuple[Playbook, ...]), _listed(raw.get("playbook", ())))
    guard = found.parse("guard", TypeAdapter(Limits), raw.get("guard", {}))

    _check_master(crms, _table(raw, "crm", found), found)
    _check_matching(crms, sources, found)
    if not raw.get("sources"):
        found.add("sources", "no source is configured", "add a table such as [sources.usage]")
    fields = _account_fields(crms)
    for key, judged_by in (("model", model), *((f"scores.{name}", side) for name, side in sides.items())):
        if judged_by is not None:
            found.problems += [
                replace(problem, key=key + problem.key.removeprefix("model"))
                for problem in model_problems(judged_by, fields)
            ]
    for name in sides:
        if not _SIDE_NAME.match(name):
            found.add(f"scores.{name}", "cannot be used as a name", "use small letters, digits and _")
    for index, playbook in enumerate(playbooks or ()):
        found.problems += template_problems(f"playbook[{index}]", playbook)
    ids = [playbook.id for playbook in playbooks or ()]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        found.add("playbook", f"the id {twice!r} is used twice", "give every playbook an id of its own")

    if guard is not None:
        found.problems += limit_problems(guard)

    if found.problems:
        raise ConfigError(found.problems)
    assert daemon is not None
    assert model is not None
    assert playbooks is not None
    assert guard is not None
    return Settings(
        folder=folder,
        daemon=daemon,
        crms=tuple(crms),
        sources=tuple(sources),
        model=model,
        side_scores={name: side for name, side in sides.items() if side is not None},
        playbooks=playbooks,
        guard=guard,
    )


# --- the parts ---------------------------------------------------------------------------------------


def _table(raw: Mapping[str, Any], key: str, found: _Collector) -> Mapping[str, Any]:
    value = raw.get(key, {})
    if isinstance(value, Mapping) and all(isinstance(item, Mapping) for item in value.values()):
        return value
    problem = Problem(key=key, message="must hold tables", remedy=f"write [{key}.<name>]")
    if problem not in found.problems:
        found.problems.append(problem)
    return {}


def _listed(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else value


def _with_state(daemon: Daemon, found: _Collector, resolve: Resolve | None) -> Daemon:
    state = daemon.state
    if state.startswith(connectors.SECRET_PREFIXES):
        if resolve is None:
            return daemon
        secret = found.parse("daemon.state", TypeAdapter(Secret), state)
        if secret is None:
            return daemon
        state = secret.get_secret_value()
    elif _has_password(state):
        found.add(
            "daemon.state",
            "holds a password",
            "put the whole URL into the environment and write env:NAME",
        )
        return daemon
    checked = found.parse("daemon.state", TypeAdapter(Annotated[str, AfterValidator(state_url)]), state)
    return daemon if checked is None else daemon.model_copy(update={"state": checked})


def _has_password(url: str) -> bool:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return False  # said by `state_url`
    return bool(parsed.password) or "password" in parsed.query


def session_settings(type_name: str) -> type[BaseModel]:
    module = importlib.import_module(f"connectors.crm.{type_name}")
    settings: type[BaseModel] = module.Settings
    return settings


def _crms(
    tables: Mapping[str, Mapping[str, Any]], sides: Collection[str], found: _Collector
) -> Iterator[CrmSettings]:
    common = set(CrmTable.model_fields)
    for name, raw in tables.items():
        key = f"crm.{name}"
        mine = {"type": name} | {k: v for k, v in raw.items() if k in common}
        table = found.parse(key, TypeAdapter(CrmTable), mine)
        type_name = mine["type"]
        session = None
        if type_name in CRM_TYPES:
            rest = {k: v for k, v in raw.items() if k not in common}
            session = found.parse(key, TypeAdapter(session_settings(type_name)), rest)
        if table is not None:
            _check_mapping(key, table, sides, found)
        if table is None or session is None:
            continue
        yield CrmSettings(name=name, table=table, session=session)


def _check_mapping(key: str, table: CrmTable, sides: Collection[str], found: _Collector) -> None:
    beside = [f"{side}.{name}" for side in sides for name in OF_SIDE_SCORES]
    for crm_field, mapping in table.write.items():
        side = of_side(mapping.output)
        if output(mapping.output) is None or (side and side not in sides):
            found.add(
                f"{key}.write.{crm_field}",
                f"there is no output {mapping.output!r}",
                f"the outputs are: {', '.join((*OUTPUTS, *beside))}",
            )
    if not table.write:
        found.add(f"{key}.write", "no field is mapped", "map at least one field, such as score")
    if table.master and "name" not in table.read:
        found.add(f"{key}.read", "the account's name is not mapped", 'add name = "<field>"')
    if table.master and table.task is None:
        found.add(f"{key}.task", "is missing", "name the task field that keeps our key: task = {key = …}")


def _check_master(
    crms: Sequence[CrmSettings], tables: Mapping[str, Mapping[str, Any]], found: _Collector
) -> None:
    if not tables:
        found.add("crm", "no CRM is configured", "add a table such as [crm.salesforce]")
        return
    masters = [name for name, raw in tables.items() if raw.get("master") is True]
    if len(masters) != 1:
        named = f"{len(masters)} CRMs are" if masters else "no CRM is"
        found.add("crm", f"{named} the master", "set master = true in exactly one [crm.<name>]")


def _sources(tables: Mapping[str, Mapping[str, Any]], found: _Collector) -> Iterator[SourceSettings]:
    common = set(SourceTable.model_fields)
    for name, raw in tables.items():
        key = f"sources.{name}"
        table = found.parse(key, TypeAdapter(SourceTable), {k: v for k, v in raw.items() if k in common})
        type_name = raw.get("type")
        if not isinstance(type_name, str):
            continue
        if type_name not in connectors.available():
            found.add(
                f"{key}.type",
                f"there is no connector {type_name!r}",
                f"the connectors are: {', '.join(connectors.available())}",
            )
            continue
        rest = {k: v for k, v in raw.items() if k not in common}
        settings = found.parse(key, TypeAdapter(connectors.load(type_name).Settings), rest)
        if table is not None and settings is not None:
            yield SourceSettings(name=name, type=type_name, match=table.match, connector=settings)


def _check_matching(
    crms: Sequence[CrmSettings], sources: Sequence[SourceSettings], found: _Collector
) -> None:
    masters = [crm for crm in crms if crm.table.master]
    if len(masters) != 1:
        return
    ours = set(masters[0].table.read) - set(ACCOUNT_FIELDS)
    where = f"[crm.{masters[0].name}.read]"

    def check(key: str, match: Matching) -> None:
        for name, value, known in (
            ("source_id", match.source_id, ours | {""}),
            ("external_id", match.external_id, ours | {"crm_id"}),
        ):
            if value not in known:
                names = ", ".join(sorted(known - {""})) or "none yet"
                found.add(
                    f"{key}.{name}",
                    f"there is no field {value!r} to match by",
                    f"add it to {where}, or write one of: {names}",
                )

    for source in sources:
        check(f"sources.{source.name}.match", source.match)
        if source.match.own_field:
            key = f"sources.{source.name}.match.own_field"
            found.add(key, "has no meaning for a source", "remove it")
    for crm in crms:
        if crm.table.master:
            continue
        check(f"crm.{crm.name}.match", crm.table.match)
        if crm.table.match.own_field not in {"", *crm.table.read}:
            found.add(
                f"crm.{crm.name}.match.own_field",
                f"there is no field {crm.table.match.own_field!r}",
                f"add it to [crm.{crm.name}.read], or write one of: {', '.join(crm.table.read)}",
            )


_SIDE_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


def _model(key: str, raw: object, found: _Collector) -> ScoringModel | None:
    if not isinstance(raw, Mapping):
        found.add(key, "is missing", f'write [{key}] with use = "starter", or a model of your own')
        return None
    if "use" in raw:
        if set(raw) != {"use"}:
            found.add(key, "`use` stands beside other keys", "either use a ready-made model or write one")
            return None
        ready = ready_made()
        if raw["use"] not in ready:
            found.add(f"{key}.use", f"there is no model {raw['use']!r}", f"ready-made: {', '.join(ready)}")
            return None
        raw = tomllib.loads(ready[str(raw["use"])].read_text(encoding="utf-8"))["model"]
    return found.parse(key, TypeAdapter(ScoringModel), durations(raw))


def model_of(raw: object) -> ScoringModel:
    """Read a model on its own. Raises ConfigError with what types can say; see `scoring.problems` for the rest."""
    found = _Collector(resolve=None)
    model = _model("model", raw, found)
    if model is None:
        raise ConfigError(found.problems)
    return model


def ready_made() -> dict[str, Path]:
    """List the models that ship with crmhealth."""
    folder = Path(importlib.import_module("scoring").__file__ or "").parent / "models"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


_UNITS: Mapping[str, timedelta] = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def durations(raw: Any, shape: Any = ScoringModel) -> Any:
    """Turn "90m", "24h", "14d" and "2w" into durations, wherever the shape has one and nowhere else."""
    if shape is timedelta:
        return _duration(raw) if isinstance(raw, str) else raw
    if is_dataclass(shape) and isinstance(raw, Mapping):
        hints = get_type_hints(shape)
        shapes = {toml_name(item.name): hints[item.name] for item in fields(shape)}
        return {key: durations(value, shapes.get(key)) for key, value in raw.items()}
    if get_origin(shape) is tuple and isinstance(raw, list):
        return [durations(value, get_args(shape)[0]) for value in raw]
    if isinstance(shape, UnionType):
        for choice in get_args(shape):
            raw = durations(raw, choice)
    return raw


def _duration(text: str) -> timedelta | str:
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdecimal() and unit in _UNITS):
        return text
    try:
        return int(number) * _UNITS[unit]
    except (OverflowError, ValueError):  # ValueError: Python refuses to read thousands of digits
        return text


def _account_fields(crms: Sequence[CrmSettings]) -> frozenset[str] | None:
    masters = [crm for crm in crms if crm.table.master]
    return frozenset(masters[0].table.read) if len(masters) == 1 else None
