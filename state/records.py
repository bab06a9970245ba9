"""The ledger of acknowledged values: what every CRM record holds of ours, and what was refused.

A value enters the ledger only with the CRM's proof. What was refused or left unanswered leaves the ledger as
it was, so the record stays dirty and is tried again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import orjson
from sqlalchemy import Connection, bindparam, delete, select, update

from state._bulk import chunks, insert_rows
from state.tables import crm_record, rejection, to_microseconds

Values: TypeAlias = Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """What is known of one CRM record. `observed` is set where the last reading differed from the ledger."""

    crm: str
    crm_id: str
    account_id: str
    acknowledged: Values
    fingerprint: str | None
    observed: Values | None
    before: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one CRM record held in our fields when the account book was read."""

    crm_id: str
    account_id: str
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Values that a CRM has confirmed, and the fingerprint of what they were made from."""

    crm_id: str
    account_id: str
    values: Values
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One input that did not end well: what it was, and the CRM's own code and words."""

    crm: str
    crm_id: str
    subject: str
    """"fields", or the key of a task."""
    account_id: str
    outcome: str
    code: str
    message: str
    field: str | None
    first_at: datetime
    last_at: datetime
    times: int


FIELDS = "fields"


def load(connection: Connection, crm: str) -> dict[str, StoredRecord]:
    """Load the ledger of one CRM, by crm_id."""
    rows = connection.execute(select(crm_record).where(crm_record.c.crm == crm))
    return {
        row.crm_id: StoredRecord(
            crm=row.crm,
            crm_id=row.crm_id,
            account_id=row.account_id,
            acknowledged=orjson.loads(row.acknowledged),
            fingerprint=row.fingerprint,
            observed=orjson.loads(row.observed) if row.observed is not None else None,
            before=orjson.loads(row.before),
        )
        for row in rows
    }


def remember_reading(connection: Connection, crm: str, readings: Iterable[Reading], now: datetime) -> None:
    """Keep what the CRM holds in our fields: all at first sight, later where it differs from the ledger."""
    known = load(connection, crm)
    new: list[tuple[object, ...]] = []
    changed: list[dict[str, object]] = []
    for reading in readings:
        stored = known.get(reading.crm_id)
        if stored is None:
            values = _json(reading.values)
            new.append((crm, reading.crm_id, reading.account_id, "{}", values, values, to_microseconds(now)))
            continue
        # A field is compared once it is ours: acknowledged, or never written and still as it was.
        differs = any(
            stored.acknowledged.get(name, value) != value or name not in stored.acknowledged
            for name, value in reading.values.items()
        )
        observed = dict(reading.values) if differs else None
        added = {name: value for name, value in reading.values.items() if name not in stored.before}
        if observed != stored.observed or added or reading.account_id != stored.account_id:
            changed.append(
                {
                    "key": reading.crm_id,
                    "owner": reading.account_id,
                    "observed": _json(observed) if observed is not None else None,
                    "before": _json({**stored.before, **added}),
                }
            )
    insert_rows(
        connection,
        crm_record,
        ("crm", "crm_id", "account_id", "acknowledged", "before", "observed", "before_at"),
        new,
    )
    for chunk in chunks(changed, 1_000):
        connection.execute(
            update(crm_record)
            .where(crm_record.c.crm == crm, crm_record.c.crm_id == bindparam("key"))
            .values(
                account_id=bindparam("owner"), observed=bindparam("observed"), before=bindparam("before")
            ),
            chunk,
        )


def acknowledge(
    connection: Connection, crm: str, acknowledgements: Iterable[Acknowledgement], now: datetime
) -> None:
    """Enter confirmed values into the ledger; refusals of these records are over."""
    for chunk in chunks(acknowledgements, 500):
        ids = [item.crm_id for item in chunk]
        rows = connection.execute(
            select(crm_record.c.crm_id, crm_record.c.acknowledged).where(
                crm_record.c.crm == crm, crm_record.c.crm_id.in_(ids)
            )
        )
        stored = {row.crm_id: orjson.loads(row.acknowledged) for row in rows}
        insert_rows(
            connection,
            crm_record,
            ("crm", "crm_id", "account_id", "acknowledged", "before", "before_at"),
            (
                (crm, item.crm_id, item.account_id, "{}", "{}", to_microseconds(now))
                for item in chunk
                if item.crm_id not in stored
            ),
        )
        connection.execute(
            update(crm_record)
            .where(crm_record.c.crm == crm, crm_record.c.crm_id == bindparam("key"))
            .values(
                acknowledged=bindparam("held"),
                fingerprint=bindparam("made_from"),
                acknowledged_at=now,
                observed=None,
            ),
            [
                {
                    "key": item.crm_id,
                    "held": _json({**stored.get(item.crm_id, {}), **item.values}),
                    "made_from": item.fingerprint,
                }
                for item in chunk
            ],
        )
        connection.execute(
            delete(rejection).where(
                rejection.c.crm == crm, rejection.c.subject == FIELDS, rejection.c.crm_id.in_(ids)
            )
        )


def reject(
    connection: Connection,
    *,
    crm: str,
    crm_id: str,
    subject: str,
    account_id: str,
    outcome: str,
    code: str,
    message: str,
    field: str | None,
    now: datetime,
) -> None:
    """Keep why an input did not end well, since when and how often."""
    where = (rejection.c.crm == crm) & (rejection.c.crm_id == crm_id) & (rejection.c.subject == subject)
    values = {
        "account_id": account_id,
        "outcome": outcome,
        "code": code,
        "message": message,
        "field": field,
        "last_at": now,
    }
    changed = connection.execute(update(rejection).where(where).values(times=rejection.c.times + 1, **values))
    if changed.rowcount == 0:
        connection.execute(
            rejection.insert().values(
                crm=crm, crm_id=crm_id, subject=subject, first_at=now, times=1, **values
            )
        )


def clear_rejection(connection: Connection, crm: str, crm_id: str, subject: str) -> None:
    """Forget a refusal whose input has been acknowledged."""
    connection.execute(
        delete(rejection).where(
            rejection.c.crm == crm, rejection.c.crm_id == crm_id, rejection.c.subject == subject
        )
    )


def reopen(connection: Connection, crm: str, crm_ids: Sequence[str]) -> None:
    """Forget what records were last made from: how a write of theirs ended is not known for sure.

    Until the CRM has been read again nothing is known of what it holds (`observed` is there, and empty).
    """
    connection.execute(
        update(crm_record)
        .where(crm_record.c.crm == crm, crm_record.c.crm_id.in_(crm_ids))
        .values(fingerprint=None, observed="{}")
    )


def forget_rejections(connection: Connection, account_ids: Collection[str]) -> None:
    """Forget refusals of records whose accounts are no longer scored: nothing is wanted of them."""
    for row in connection.execute(select(rejection)).all():
        if row.subject == FIELDS and row.account_id not in account_ids:
            clear_rejection(connection, row.crm, row.crm_id, row.subject)


def rejections(connection: Connection) -> list[Rejection]:
    """List everything that is refused, deferred or unanswered at the moment."""
    rows = connection.execute(
        select(rejection).order_by(rejection.c.crm, rejection.c.crm_id, rejection.c.subject)
    )
    return [Rejection(**row._mapping) for row in rows]


def _json(values: Values) -> str:
    return orjson.dumps(dict(values), option=orjson.OPT_SORT_KEYS).decode()
