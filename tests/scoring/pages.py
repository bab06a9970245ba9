"""The pages about scoring, as tests read them: sections, tables, and TOML that adds to their example."""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from scoring.definition import (
    ScoringModel,
)
from tests.scoring.builders import (
    with_durations,
)

DOCS = Path(__file__).parents[2] / "docs"
PAGE, CURVES, RULES, REASONS = (
    (DOCS / f"{name}.md").read_text() for name in ("scoring", "curves", "scoring-rules", "scoring-reasons")
)
SUNDAY = date(2026, 3, 1)
TODAY = date(2026, 3, 2)
HOUR = timedelta(hours=1)
Row = list[str]


def section(page: str, heading: str) -> str:
    """Give what stands below a heading, up to the next one of any level."""
    start = page.index(f"# {heading}\n")
    rest = page[start + len(heading) + 2 :]
    end = re.search(r"^#+ ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def tables(text: str) -> list[list[Row]]:
    """Give the cells of every table, heads first."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()]
        for table in found
    ]


def body(text: str, place: int = 0) -> list[Row]:
    """Give the rows of a table without its head."""
    return tables(text)[place][2:]


def toml(text: str) -> list[dict[str, Any]]:
    return [
        with_durations(tomllib.loads(block)) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    ]


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add a table to another one; tables in lists are added, and take the place of those with the same id."""
    result = dict(base)
    for key, value in more.items():
        before = result.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            result[key] = merged(before, value)
        elif isinstance(value, list) and isinstance(before, list) and "id" in value[0]:
            ids = {item["id"] for item in value}
            result[key] = [*(item for item in before if item["id"] not in ids), *value]
        else:
            result[key] = value
    return result


EXAMPLE = toml(PAGE)[0]


def model_with(*blocks: Mapping[str, Any]) -> ScoringModel:
    """Give the example model with these tables added; a category that is new gets a signal."""
    table: Mapping[str, Any] = EXAMPLE
    for block in blocks:
        table = merged(table, block)
    inner = dict(table["model"])
    used = {signal["category"] for signal in inner["signal"]}
    inner["signal"] = [
        *inner["signal"],
        *(
            {
                "id": f"of_{category['id']}",
                "label": "x",
                "category": category["id"],
                "metric": "usage.x",
                "normalise": {"type": "linear", "bad": 0, "good": 100},
            }
            for category in inner["category"]
            if category["id"] not in used
        ),
    ]
    return TypeAdapter(ScoringModel).validate_python(inner)


MODEL = model_with()


def short(points_: float | None) -> str:
    return "" if points_ is None else f"{points_:g}"
