"""The account book: what CRMs hold is read as its type, or counts as not known."""

from datetime import date

import pytest

from crmhealth import book


@pytest.mark.parametrize(
    ("held", "read"),
    [
        ("2026-12-31", date(2026, 12, 31)),
        ("2026-12-31T23:30:00.000Z", date(2026, 12, 31)),
        ("1798675200000", date(2026, 12, 31)),
        (1798675200000, date(2026, 12, 31)),
        ("12345678901234567", None),
        ("9" * 30, None),
        ("9" * 5000, None),
        ("²²²²²²²²²", None),
        ("٣٣٣٣٣٣٣٣٣", None),
        ("31.12.2026", None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_a_date_is_read_as_crms_write_it_and_nothing_else_is_one(held: object, read: date | None) -> None:
    account = book.account("a1", "001", {"renewal_on": held})

    assert account.renewal_on == read
