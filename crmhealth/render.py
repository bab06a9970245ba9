"""What people see: text with rich, or one JSON document. Decides nothing.

Names and messages come from other systems: they are never markup, and no control character of theirs reaches
the terminal.
"""

import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from crmhealth.progress import Silent
from scoring.errors import Finding, Problem

STYLES: Mapping[str, str] = {"red": "red", "yellow": "yellow", "green": "green", "unknown": "bright_black"}


class Output:
    """Prints the result of one command, in the form that was asked for."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=not sys.stdout.isatty())
        self.errors = Console(file=sys.stderr, highlight=False, soft_wrap=not sys.stderr.isatty())

    def document(self, value: object) -> None:
        """Print one JSON document."""
        sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
        sys.stdout.flush()

    def line(self, *parts: str | Text) -> None:
        """Print a line of text; markup in it is not interpreted."""
        self.console.print(Text.assemble(*map(plain, parts)))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table; nothing where it has no rows."""
        if not rows:
            return
        table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self.console.print(table)

    def problems(self, problems: Sequence[Problem]) -> None:
        """Print everything that is wrong with the configuration."""
        if self.json:
            self.document({"ok": False, "problems": problems})
            return
        self.errors.print(plain(f"{len(problems)} problem(s) in the configuration; nothing was written:"))
        for problem in problems:
            self.errors.print(plain(f"  {problem.key}: {problem.message}; {problem.remedy}"))

    def findings(self, findings: Sequence[Finding], plan_id: int | None) -> None:
        """Print why the guard refused, and how to release it."""
        self.line("The guard refused this plan; nothing was written:")
        for finding in findings:
            self.line(f"  {finding.message} [{finding.setting}]")
        self.line(f"If it is right: crmhealth approve {plan_id}, then crmhealth apply {plan_id}")

    def failure(self, subject: str, message: str, remedy: str) -> None:
        """Print one error with its remedy."""
        if self.json:
            self.document({"ok": False, "error": {"subject": subject, "message": message, "remedy": remedy}})
            return
        self.errors.print(plain(f"{subject}: {message}; {remedy}"))

    @contextmanager
    def progress(self) -> Iterator[Silent]:
        """Show progress on a terminal; say nothing elsewhere."""
        if self.json or not sys.stderr.isatty():
            yield Silent()
            return
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}"),
            console=self.errors,
            transient=True,
        ) as bar:
            yield _Bar(bar)


class _Bar(Silent):
    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID = bar.add_task("starting", total=None)

    def step(self, name: str) -> None:
        self._bar.update(self._task, description=name)

    def total(self, count: int) -> None:
        self._bar.update(self._task, description="write", total=count, completed=0)

    def written(self, count: int) -> None:
        self._bar.advance(self._task, count)


def band(name: str) -> Text:
    """Give a band in its colour."""
    return Text(name, style=STYLES.get(name, ""))


def plain(text: str | Text) -> Text:
    """Make text of what may come from anywhere: without control characters, but with its line breaks."""
    if isinstance(text, Text):
        return text
    return Text("".join(char for char in text.expandtabs(1) if char == "\n" or not _steers(char)))


def _steers(char: str) -> bool:
    """Tell whether a terminal would act on a character instead of showing it."""
    # Cc: escapes and the like. The others turn the direction of text around, so that it reads as another.
    return (
        unicodedata.category(char) == "Cc" or char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def _cell(value: Any) -> Text:
    if value is None:
        return Text("–")
    if isinstance(value, float):
        return Text(f"{value:g}")
    text = str(value)
    return band(text) if text in STYLES else plain(text)
