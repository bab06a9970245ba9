"""Reads tables from files into columns of text: CSV, JSON lines and Parquet, each also gzipped.

Everything becomes text, also what the file calls a number, because an id is text whatever it looks like:
`007` keeps its zeros. Cells are stripped, empty ones are null. What a column means is for
`connectors._mapping` to say.

It refuses a table without rows, a missing column, a row with more cells than the header, and text that is
not UTF-8.
"""

import gzip
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from connectors._text import read_json
from scoring.errors import PayloadError

ROW = "#row"
"""The column that numbers the rows of a whole table, from 0."""


EMPTY = "has no rows; an empty export is taken for a failed one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Where a stretch of rows came from, so that an error can name the row as an editor shows it."""

    name: str
    first_row: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns of text, and where each row came from."""

    system: str
    frame: pl.DataFrame
    parts: tuple[Part, ...]

    def row_name(self, row: int) -> str:
        """Name a row for people: `usage.csv row 17`."""
        for part in self.parts:
            if row < part.rows:
                return f"{part.name} row {part.first_row + row}"
            row -= part.rows
        raise IndexError(row)

    def error(self, column: str, rows: Collection[int], detail: str) -> PayloadError:
        """Make the error that names the column and the first of the offending rows."""
        first = ", ".join(self.row_name(row) for row in sorted(rows)[:3])
        more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
        return PayloadError(self.system, f"{first}{more}, column {column!r}", detail)


def as_table(system: str, frames: Iterable[tuple[str, int, pl.DataFrame]]) -> Table:
    """Put named frames under one another; the number beside a name is what an editor calls its first row."""
    named = list(frames)
    parts = tuple(Part(name=name, first_row=first, rows=frame.height) for name, first, frame in named)
    columns = pl.concat([frame for _, _, frame in named], how="vertical")
    return Table(
        system=system,
        frame=columns.select(pl.all().str.strip_chars().replace("", None))
        .with_row_index(ROW)
        .filter(pl.any_horizontal(pl.exclude(ROW).is_not_null())),  # a blank line is no row
        parts=parts,
    )


def read_files(system: str, paths: Sequence[Path], wanted: Collection[str], delimiter: str) -> Table:
    """Read the wanted columns of files of the same kind.

    Raises PayloadError naming the file, and all missing columns at once.
    """
    return as_table(system, (_read_file(system, path, wanted, delimiter) for path in paths))


def column_problem(wanted: Collection[str], present: Collection[str]) -> str | None:
    """Say which columns are missing and which there are, or None."""
    missing = sorted(set(wanted) - set(present))
    if not missing:
        return None
    return f"no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, present))}"


def cell_text(value: object) -> str | None:
    """Write one value as text; a whole float loses its `.0`, which only says that a neighbour was empty.

    Raises ValueError for a list or an object.
    """
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case list() | dict() | tuple() | bytes() | memoryview():
            raise ValueError("a nested value")
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat())
        case _:
            return str(value)


def _read_file(
    system: str, path: Path, wanted: Collection[str], delimiter: str
) -> tuple[str, int, pl.DataFrame]:
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    try:
        source = BytesIO(gzip.decompress(path.read_bytes())) if path.suffix == ".gz" else path
        match suffix.lower():
            case ".csv" | ".tsv" | ".txt":
                first, frame = 2, _csv(system, path.name, source, wanted, delimiter)
            case ".jsonl" | ".ndjson":
                first, frame = 1, _json_lines(system, path.name, source, wanted)
            case ".parquet":
                first, frame = 1, _parquet(system, path.name, source, wanted)
            case _:
                raise PayloadError(system, path.name, "its name ends in none of .csv, .jsonl, .parquet (.gz)")
    except (gzip.BadGzipFile, EOFError, zlib.error) as exc:
        raise PayloadError(system, path.name, "the gzip archive is damaged or cut short") from exc
    except pl.exceptions.NoDataError as exc:
        raise PayloadError(system, path.name, EMPTY) from exc
    except pl.exceptions.PolarsError as exc:
        # The library quotes cells in its messages; they do not belong in a log.
        detail = (
            f"cannot be read as {suffix} ({type(exc).__name__}); are delimiter, quotes and encoding right?"
        )
        raise PayloadError(system, path.name, detail) from exc
    if all(column.null_count() == frame.height for column in frame):
        raise PayloadError(system, path.name, EMPTY)
    return path.name, first, frame


def _csv(
    system: str, name: str, source: Path | BytesIO, wanted: Collection[str], delimiter: str
) -> pl.DataFrame:
    lazy = pl.scan_csv(source, separator=delimiter, infer_schema=False, encoding="utf8")
    present = lazy.collect_schema().names()
    _require(system, name, wanted, present)
    twice = [column for column in wanted if f"{column}_duplicated_0" in present]
    if twice:
        raise PayloadError(system, name, f"has two columns {twice[0]!r}")
    return lazy.select(sorted(wanted)).collect()


def _json_lines(system: str, name: str, source: Path | BytesIO, wanted: Collection[str]) -> pl.DataFrame:
    columns: Mapping[str, list[str | None]] = {column: [] for column in sorted(wanted)}
    present: dict[str, None] = {}
    lines = source.read_bytes() if isinstance(source, Path) else source.getvalue()
    for number, line in enumerate(lines.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        # A blank line stays a row of nothing, so that later rows keep their numbers
        record = _json_record(system, f"{name} row {number}", line) if line.strip() else {}
        present.update(dict.fromkeys(record))
        for column, cells in columns.items():
            try:
                cells.append(cell_text(record.get(column)))
            except ValueError as exc:
                raise PayloadError(system, f"{name} row {number}, column {column!r}", str(exc)) from exc
    if present:
        _require(system, name, wanted, list(present))
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _json_record(system: str, place: str, line: bytes) -> dict[str, Any]:
    try:
        record = read_json(line)
    except (ValueError, RecursionError) as exc:
        raise PayloadError(system, place, "is not JSON; cut short?") from exc
    if not isinstance(record, dict):
        raise PayloadError(system, place, "is not a JSON object")
    return record


def _parquet(system: str, name: str, source: Path | BytesIO, wanted: Collection[str]) -> pl.DataFrame:
    lazy = pl.scan_parquet(source)
    schema = lazy.collect_schema()
    _require(system, name, wanted, schema.names())
    nested = [column for column in wanted if schema[column].is_nested() or schema[column] == pl.Binary]
    if nested:
        raise PayloadError(system, name, f"column {nested[0]!r} is nested")
    return lazy.select(_as_text(column, schema[column]) for column in sorted(wanted)).collect()


def _as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    cells = pl.col(column)
    if not dtype.is_float():
        return cells.cast(pl.String)
    whole = (cells == cells.round()) & (cells.abs() < 2**53)  # as in cell_text
    return (
        pl.when(whole)
        .then(cells.cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(cells.cast(pl.String))
    ).alias(column)


def _require(system: str, name: str, wanted: Collection[str], present: Collection[str]) -> None:
    problem = column_problem(wanted, present)
    if problem is not None:
        raise PayloadError(system, name, problem)
