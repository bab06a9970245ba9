"""The ledger of acknowledged values on both databases."""

from datetime import UTC, datetime, timedelta

from state import records
from state.database import Database
from state.records import Acknowledgement, Reading

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def read(database: Database, **values: str | int | None) -> None:
    with database.transaction() as connection:
        records.remember_reading(
            connection, "crm", [Reading(crm_id="1", account_id="a1", values=values)], NOW
        )


def acknowledge(database: Database, fingerprint: str = "f1", **values: str | int | None) -> None:
    with database.transaction() as connection:
        records.acknowledge(
            connection,
            "crm",
            [Acknowledgement(crm_id="1", account_id="a1", values=values, fingerprint=fingerprint)],
            NOW,
        )


def reject(database: Database, now: datetime = NOW, code: str = "NO") -> None:
    with database.transaction() as connection:
        records.reject(
            connection,
            crm="crm",
            crm_id="1",
            subject=records.FIELDS,
            account_id="a1",
            outcome="rejected",
            code=code,
            message="because",
            field=None,
            now=now,
        )


def stored(database: Database) -> records.StoredRecord:
    with database.reading() as connection:
        return records.load(connection, "crm")["1"]


def test_what_a_record_held_before_our_first_write_is_kept_for_ever(database: Database) -> None:
    read(database, score=99, band="old")
    acknowledge(database, score=42, band="red")
    read(database, score=42, band="red")

    assert stored(database).before == {"score": 99, "band": "old"}
    assert stored(database).acknowledged == {"score": 42, "band": "red"}


def test_a_field_mapped_later_is_read_before_its_first_write_too(database: Database) -> None:
    read(database, score=99)
    acknowledge(database, score=42)
    read(database, score=42, trend="typed by hand")

    assert stored(database).before == {"score": 99, "trend": "typed by hand"}


def test_a_reading_that_equals_the_ledger_leaves_nothing_to_compare(database: Database) -> None:
    read(database, score=None)
    acknowledge(database, score=42)
    read(database, score=42)

    assert stored(database).observed is None


def test_a_reading_that_differs_from_the_ledger_is_kept(database: Database) -> None:
    acknowledge(database, score=42)
    read(database, score=7)

    assert stored(database).observed == {"score": 7}


def test_an_acknowledgement_adds_to_the_ledger_and_ends_the_refusal(database: Database) -> None:
    acknowledge(database, score=42, band="red")
    reject(database)
    acknowledge(database, fingerprint="f2", score=43)

    assert stored(database).acknowledged == {"score": 43, "band": "red"}
    assert stored(database).fingerprint == "f2"
    with database.reading() as connection:
        assert records.rejections(connection) == []


def test_a_refusal_leaves_the_ledger_and_counts_how_often(database: Database) -> None:
    acknowledge(database, score=42)
    reject(database)
    reject(database, now=NOW + timedelta(days=1), code="STILL_NO")

    with database.reading() as connection:
        (refusal,) = records.rejections(connection)
    assert (refusal.code, refusal.times) == ("STILL_NO", 2)
    assert (refusal.first_at, refusal.last_at) == (NOW, NOW + timedelta(days=1))
    assert stored(database).acknowledged == {"score": 42}
