"""Tables of text become facts: compared with the plainest way to say the same."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors._mapping import Daily
from connectors._rows import AGGREGATES, paged, translate
from connectors._tables import Table, as_table
from scoring.model import number_id
from tests.connectors.fakes import NOW

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "007"]),
        st.dates(date(2026, 3, 27), date(2026, 3, 31)),
        st.one_of(st.none(), st.integers(-5, 5)),
    ),
    min_size=1,
    max_size=60,
)
PLAIN: Mapping[str, Callable[[list[int]], float]] = {
    "sum": sum,
    "mean": lambda numbers: sum(numbers) / len(numbers),
    "min": min,
    "max": max,
    "count": len,
    "nunique": lambda numbers: len(set(numbers)),
}


def a_table(rows: list[tuple[str, date, int | None]], parts: int = 1) -> Table:
    """Make a table in several parts."""
    frames = [
        pl.DataFrame(
            {
                "account": [account for account, _, _ in rows[part::parts]],
                "day": [day.isoformat() for _, day, _ in rows[part::parts]],
                "n": [None if n is None else str(n) for _, _, n in rows[part::parts]],
            },
            schema={"account": pl.String, "day": pl.String, "n": pl.String},
        )
        for part in range(parts)
    ]
    return as_table("exports", [(f"part {number}", 2, frame) for number, frame in enumerate(frames)])


def numbers(table: Table, aggregate: str) -> dict[str, float | None]:
    """Translate a table with one metric."""
    mapping = Daily.model_validate(
        {
            "kind": "daily",
            "account": "account",
            "date": "day",
            "metrics": {"m": {"column": "n", "aggregate": aggregate}},
        }
    )
    pages = translate(table, mapping, timezone=ZoneInfo("Europe/Berlin"), now=NOW)
    return {fact.source_id: fact.value for page in pages for fact in page.facts}


@pytest.mark.parametrize("aggregate", sorted(PLAIN))
@given(rows=ROWS, parts=st.integers(1, 3))
def test_numbers_are_what_plain_python_makes_of_the_rows(
    aggregate: str, rows: list[tuple[str, date, int | None]], parts: int
) -> None:
    cells: dict[str, list[int]] = defaultdict(list)
    for account, day, n in rows:
        cells[number_id(account, "m", day)] += [] if n is None else [n]
    expected = {
        key: float(PLAIN[aggregate](found))
        for key, found in cells.items()
        if found or aggregate in ("count", "nunique")
    }

    assert numbers(a_table(rows, parts), aggregate) == pytest.approx(expected)


def test_every_aggregate_but_single_is_compared() -> None:
    assert set(PLAIN) == set(AGGREGATES) - {"single"}


@given(st.integers(0, 30), st.integers(1, 7))
def test_pages_keep_every_item_and_only_the_last_says_so(count: int, size: int) -> None:
    pages = list(paged(range(count), size))

    assert [item for page, _ in pages for item in page] == list(range(count))
    assert [last for _, last in pages] == [False] * (len(pages) - 1) + [True]
    assert all(len(page) <= size for page, _ in pages)


def test_a_row_is_named_as_an_editor_shows_it_across_parts() -> None:
    day = date(2026, 3, 27)
    table = a_table([("A", day + timedelta(days=n), n) for n in range(5)], parts=2)

    assert [table.row_name(row) for row in range(5)] == [
        "part 0 row 2",
        "part 0 row 3",
        "part 0 row 4",
        "part 1 row 2",
        "part 1 row 3",
    ]
    with pytest.raises(IndexError):
        table.row_name(5)
