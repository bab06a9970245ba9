"""Reads files that somebody exports: CSV, JSON lines or Parquet, each also gzipped, on a local path.

This is the reference connector: Settings say what the admin may write, translation is pure (and shared with
sql, in `connectors._mapping`), the class at the end is all that touches the disk.

A file is a snapshot. Its cursor is a digest of its content and of the mapping, so that an unchanged file
costs one read and no facts, and a changed mapping reads it anew. It refuses a file that may still be
written, that is empty, lacks a column or names one record twice: half a file looks like a healthy company
with few customers.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import BaseModel, Field

from connectors._base import SETTINGS, CheckResult, Context, Page, Since, Stream
from connectors._mapping import Accounts, Daily, Records, streams_named_once, wanted_columns
from connectors._rows import translate
from connectors._tables import Table, read_files
from scoring.errors import CredentialsError, PayloadError, TransientError

# Part of every digest: raise it when the same file makes other facts than before.
EDITION = 1


class _Place(BaseModel):
    """Where the rows of a stream are, and how they are written."""

    model_config = SETTINGS

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Name of the stream; stands in `status` and in errors."""
    path: str
    """The file, relative to the configuration file; `*` and `?` take several files of one kind."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """What separates the cells of a CSV."""
    decimal: str = Field(default=".", pattern=r"^[.,]$")
    """The decimal sign of numbers."""


class DailyFile(_Place, Daily):
    """Rows that add up to numbers per account and day."""


class RecordsFile(_Place, Records):
    """Rows that are records."""


class AccountsFile(_Place, Accounts):
    """Rows that describe accounts."""


FileStream: TypeAlias = Annotated[DailyFile | RecordsFile | AccountsFile, Field(discriminator="kind")]


class FilesSettings(BaseModel):
    """What the admin may write in `[sources.<name>]` with `type = "files"`."""

    model_config = SETTINGS

    streams: Annotated[list[FileStream], Field(min_length=1), streams_named_once]
    """The tables to read, in this order."""
    settle_seconds: float = Field(default=5, ge=0)
    """A file changed less than this long ago may still be written and is left for the next pull."""


class Files:
    """A folder of exports."""

    Settings = FilesSettings

    def __init__(self, *, settings: FilesSettings, context: Context) -> None:
        self._context = context
        self._settle_seconds = settings.settle_seconds
        self._streams = {stream.name: stream for stream in settings.streams}

    def streams(self) -> Sequence[Stream]:
        """List the declared tables."""
        return [
            Stream(name=stream.name, topic=getattr(stream, "topic", ""), mode="snapshot")
            for stream in self._streams.values()
        ]

    def check(self) -> Sequence[CheckResult]:
        """Read and translate every table, and say how many rows it has or what is wrong with it."""
        return [self._check(stream) for stream in self._streams.values()]

    def pull(self, stream: str, since: Since) -> Iterator[Page]:
        """Yield the facts of one table, or one page that says it has not changed."""
        place = self._streams[stream]
        with self._disk_errors(place):
            paths = self._paths(place)
            stamps = [self._settled_stamp(path) for path in paths]
            cursor = self._digest(place, paths)
            table = None if cursor == since.cursor else self._read(place, paths)
            if stamps != [_stamp(path) for path in paths]:
                raise TransientError(self._context.source, f"{place.path} changed while it was read")
        if table is None:
            yield Page(cursor=cursor, last=True, unchanged=True)
            return
        pages = translate(table, place, timezone=self._context.timezone, now=since.now, decimal=place.decimal)
        for page in pages:
            yield replace(page, cursor=cursor)

    def close(self) -> None:
        """Do nothing: files are closed as soon as they are read."""

    def _check(self, place: FileStream) -> CheckResult:
        try:
            with self._disk_errors(place):
                paths = self._paths(place)
                rows = self._read(place, paths).frame.height
        except PayloadError as exc:
            return CheckResult(subject=place.name, ok=False, detail=f"{exc.path}: {exc.detail}")
        return CheckResult(subject=place.name, ok=True, detail=f"{len(paths)} file(s), {rows:,} rows")

    def _read(self, place: FileStream, paths: Sequence[Path]) -> Table:
        return read_files(self._context.source, paths, wanted_columns(place), place.delimiter)

    @contextmanager
    def _disk_errors(self, place: FileStream) -> Iterator[None]:
        try:
            yield
        except PermissionError as exc:
            raise CredentialsError(self._context.source, f"{place.path} may not be read") from exc
        except OSError as exc:
            raise TransientError(self._context.source, f"{place.path}: {exc.strerror}") from exc

    def _paths(self, place: FileStream) -> list[Path]:
        pattern = Path(place.path)
        folder = Path(pattern.anchor) if pattern.is_absolute() else self._context.folder
        try:
            paths = sorted(folder.glob(str(pattern.relative_to(pattern.anchor)))) if pattern.parts else []
        except (ValueError, IndexError, NotImplementedError) as exc:
            raise PayloadError(self._context.source, place.path, "is no path or pattern of files") from exc
        files = [path for path in paths if path.is_file()]
        if not files:
            raise PayloadError(self._context.source, place.path, "there is no such file")
        return files

    def _settled_stamp(self, path: Path) -> tuple[int, int, int]:
        """Stamp a file that nobody has touched for a while; clocks of file servers may be ahead of ours."""
        stamp = _stamp(path)
        age_seconds = abs(self._context.wall_clock().timestamp() - stamp[0] / 1e9)
        if age_seconds < self._settle_seconds:
            raise TransientError(
                self._context.source,
                f"{path.name} was changed {age_seconds:.1f} s ago and may still be written",
                retry_after_seconds=self._settle_seconds - age_seconds,
            )
        return stamp

    def _digest(self, place: FileStream, paths: Sequence[Path]) -> str:
        digest = hashlib.sha256(f"{EDITION} {self._context.timezone.key} {place.model_dump_json()}".encode())
        for path in paths:
            with path.open("rb") as content:
                digest.update(f"{path.name} {hashlib.file_digest(content, 'sha256').hexdigest()}".encode())
        return f"sha256:{digest.hexdigest()}"


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


CONNECTOR = Files
