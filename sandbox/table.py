"""Rows by id with lookups by value: what every stand-in keeps its records in.

Rows are replaced, never changed in place, so copying a table is copying one dictionary. Lookups are built
when first needed and kept up to date after that. Knows nothing of types or rules.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]


class Table:
    """Records of one type."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._lookups: dict[str, dict[Any, dict[str, None]]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())

    def get(self, row_id: str) -> Row | None:
        """Find a row by id."""
        return self.rows.get(row_id)

    def put(self, row_id: str, row: Row) -> None:
        """Insert or replace a row."""
        before = self.rows.get(row_id)
        self.rows[row_id] = row
        for name, lookup in self._lookups.items():
            if before is not None:
                lookup.get(_key(before.get(name)), {}).pop(row_id, None)
            lookup.setdefault(_key(row.get(name)), {})[row_id] = None

    def having(self, name: str, value: Any) -> list[Row]:
        """Find rows by the value of one field; text is compared without regard to case."""
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = {}
            for row_id, row in self.rows.items():
                lookup.setdefault(_key(row.get(name)), {})[row_id] = None
        return [self.rows[row_id] for row_id in lookup.get(_key(value), ())]

    def copy(self) -> dict[str, Row]:
        """Give the rows as a value that later changes do not touch."""
        return dict(self.rows)

    def restore(self, rows: Mapping[str, Row]) -> None:
        """Hold exactly these rows."""
        self.rows = dict(rows)
        self._lookups.clear()

    def remove(self, row_ids: Iterable[str]) -> None:
        """Drop rows altogether."""
        for row_id in row_ids:
            row = self.rows.pop(row_id, None)
            if row is not None:
                for name, lookup in self._lookups.items():
                    lookup.get(_key(row.get(name)), {}).pop(row_id, None)


def _key(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
