"""The account book: what the CRMs know of accounts, as facts, as accounts of ours, as links between CRMs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection

from connectors.crm._base import BookRecord
from crmhealth.settings import ACCOUNT_FIELDS, CrmSettings
from scoring.model import Account, Fact, JsonValue, SourceAccount
from state import accounts as stored_accounts
from state import recall
from sync.fields import canonical, type_of
from sync.values import Value

STREAM = "accounts"
TOPIC = "accounts"


def facts(records: Sequence[BookRecord], now: datetime) -> list[Fact]:
    """Turn a page of the book into facts."""
    return [
        Fact(
            topic=TOPIC,
            source_id=record.crm_id,
            account_key=record.crm_id,
            observed_at=now,
            body=dict(record.fields),
        )
        for record in records
    ]


def source_accounts(records: Sequence[BookRecord], external_id: str) -> list[SourceAccount]:
    """Turn a page of the book of a CRM that is not the master into what matching wants."""
    return [
        SourceAccount(
            account_key=record.crm_id,
            name=_text(record.fields.get("name")),
            external_id=_text(record.fields.get(external_id)),
            domains=_domains(record.fields.get("domain")),
        )
        for record in records
    ]


def shown(crm: CrmSettings, record: BookRecord) -> dict[str, Value]:
    """Give what the fields we write hold, in canonical form."""
    return {
        name: canonical(type_of(mapping), record.shown.get(name)) for name, mapping in crm.table.write.items()
    }


def load(connection: Connection, master: CrmSettings, as_of: datetime) -> list[Account]:
    """Give the accounts of the master's book as they were known at `as_of`."""
    prefix = f"{master.name}:"
    stored = recall.records(connection, topic=TOPIC, as_of=as_of, streams={(master.name, STREAM)})
    return [
        account(account_id, source_id.removeprefix(prefix), body) for account_id, source_id, _, body in stored
    ]


def account(account_id: str, crm_id: str, fields: Mapping[str, Any]) -> Account:
    """Make an account of mapped fields; what cannot be read as its type counts as not known."""
    active = fields.get("owner_active")
    return Account(
        account_id=account_id,
        crm_id=crm_id,
        name=_text(fields.get("name")) or crm_id,
        owner_id=_text(fields.get("owner_id")),
        owner_active=str(active).lower() != "false",
        domains=_domains(fields.get("domain")),
        segment=_text(fields.get("segment")),
        arr=_number(fields.get("arr")),
        renewal_on=as_date(fields.get("renewal_on")),
        created_on=as_date(fields.get("created_on")),
        fields={name: value for name, value in fields.items() if name not in ACCOUNT_FIELDS},
    )


def links(connection: Connection, crms: Sequence[CrmSettings], as_of: datetime) -> dict[str, dict[str, str]]:
    """Give, per CRM, crm_id -> account_id of the records its book lists."""
    found: dict[str, dict[str, str]] = {}
    for crm in crms:
        listed = recall.records(connection, topic=TOPIC, as_of=as_of, streams={(crm.name, STREAM)})
        crm_ids = {source_id.removeprefix(f"{crm.name}:") for _, source_id, _, _ in listed}
        linked = stored_accounts.links(connection, crm.name)
        found[crm.name] = {crm_id: linked[crm_id] for crm_id in crm_ids & linked.keys()}
    return found


def _text(value: JsonValue) -> str:
    return "" if value is None else str(value).strip()


def _number(value: JsonValue) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except ValueError:
        return None


def as_date(value: JsonValue) -> date | None:
    """Read a date as CRMs write it: ISO date, ISO datetime, or milliseconds since 1970."""
    text = _text(value)
    if not text:
        return None
    try:
        if text.isascii() and text.isdecimal() and len(text) > 8:
            return datetime.fromtimestamp(int(text) / 1000, UTC).date()
        return datetime.fromisoformat(text).date()
    except (ValueError, OverflowError, OSError):  # fromtimestamp raises any of them, as the platform has it
        return None


def _domains(value: JsonValue) -> tuple[str, ...]:
    """Split a website or list of domains into host names."""
    hosts = (
        part.strip().removeprefix("https://").removeprefix("http://").partition("/")[0].lower()
        for part in _text(value).replace(",", ";").split(";")
    )
    return tuple(dict.fromkeys(host for host in hosts if host))
