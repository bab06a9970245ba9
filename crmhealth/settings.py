"""What the configuration is made of: the tables an admin writes, and the checked whole.

Refuses to read files and to look for problems across tables; that is `crmhealth.config`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from crmhealth.playbooks import Playbook
from scoring.definition import ScoringModel
from sync.fields import FieldMapping
from sync.guard import Limits

CRM_TYPES = ("hubspot", "salesforce")
ACCOUNT_FIELDS = ("name", "owner_id", "owner_active", "segment", "arr", "renewal_on", "created_on", "domain")
"""The fields of an account that crmhealth itself understands; any other name is a signal of the admin's."""

STRICT = ConfigDict(extra="forbid", frozen=True)


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:  # OSError: "Europe" is a folder
        raise ValueError("not a time zone; write one such as Europe/Berlin or UTC") from exc
    return value


def _as_mapping(value: object) -> object:
    return {"output": value} if isinstance(value, str) else value


def state_url(value: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    # Nothing of the value is repeated, nor the error that names it: it may hold a password.
    wrong = (
        "is not the URL of a state database; write sqlite:///file.db or postgresql+psycopg://user@host/name"
    )
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(wrong) from None
    if url.drivername not in ("sqlite", "postgresql+psycopg") or not url.database:
        raise ValueError(wrong)
    return value


def _some_times(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError('names no time; write one such as ["06:30"]')
    return value


class Daemon(BaseModel):
    """When and where the daemon works."""

    model_config = STRICT

    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="UTC", description="business time zone: days, windows and due dates are counted in it"
    )
    state: str = Field(
        default="sqlite:///crmhealth.db",
        description="URL of the state database, or a reference to a secret that holds it",
    )
    cycle_at: Annotated[
        tuple[Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")], ...],
        AfterValidator(_some_times),
    ] = Field(default=("06:30",), description="times of day at which `run` starts a cycle")
    on_leave: Literal["clear", "freeze"] = Field(
        default="freeze",
        description="our fields of an account that leaves `where`: emptied once, or left alone",
    )


class Matching(BaseModel):
    """How accounts of a source are told to be accounts of ours; see docs/matching.md for the order."""

    model_config = STRICT

    manual: Mapping[str, str] = Field(
        default_factory=dict, description='source account = CRM id of the account, or "ignore"'
    )
    external_id: str = Field(
        default="crm_id",
        description="account field that the source's external id equals: crm_id, or a name from `read`",
    )
    source_id: str = Field(
        default="", description="account field (a name from `read`) that holds the source's own id"
    )
    own_field: str = Field(
        default="", description="of a second CRM: the name from its `read` that holds the external id"
    )
    domains: bool = Field(
        default=True, description="match by e-mail or web domain where exactly one account has it"
    )
    ignore_domains: tuple[str, ...] = Field(
        default=(), description="domains that say nothing about an account"
    )


class TaskFields(BaseModel):
    """Where tasks keep the key that makes each of them unique."""

    model_config = STRICT

    key: str = Field(description="text field of tasks (Salesforce: on Activity) that holds the key")


class CrmTable(BaseModel):
    """The part of `[crm.<name>]` that is the same for every CRM."""

    model_config = STRICT

    type: Literal["hubspot", "salesforce"]
    master: bool = Field(
        default=False, description="account book, owners and tasks come from and go to this CRM"
    )
    read: Mapping[str, str] = Field(description="our name = CRM field")
    write: Mapping[str, Annotated[FieldMapping, BeforeValidator(_as_mapping)]] = Field(
        description="CRM field = our output"
    )
    task: TaskFields | None = Field(default=None, description="needed for the master")
    match: Matching = Field(default_factory=Matching, description="for CRMs that are not the master")


class SourceTable(BaseModel):
    """The part of `[sources.<name>]` that is the same for every source."""

    model_config = STRICT

    type: str
    match: Matching = Field(default_factory=Matching)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmSettings:
    """One CRM: what is common to all, and the settings of its own session."""

    name: str
    table: CrmTable
    session: BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One source: how its accounts are matched, and the settings of its connector."""

    name: str
    type: str
    match: Matching
    connector: BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration, checked."""

    folder: Path
    daemon: Daemon
    crms: tuple[CrmSettings, ...]
    sources: tuple[SourceSettings, ...]
    model: ScoringModel
    side_scores: Mapping[str, ScoringModel]
    """Scores beside health, by name."""
    playbooks: tuple[Playbook, ...]
    guard: Limits

    @property
    def master(self) -> CrmSettings:
        return next(crm for crm in self.crms if crm.table.master)

    @property
    def timezone(self) -> ZoneInfo:
        return ZoneInfo(self.daemon.timezone)
