"""docs/curves.md gives the points that the code gives."""

import re
import tomllib
from dataclasses import fields
from typing import get_args

import polars as pl
import pytest
from pydantic import TypeAdapter

from scoring.curves import Curve, Distribution, Frame, points
from tests.scoring.builders import (
    with_durations,
)
from tests.scoring.pages import (
    CURVES,
    body,
    tables,
)

TWENTY = Distribution(
    n=20,
    values=[float(value) for value in range(1, 21)],
    at=[(2 * less + 1) / 40 for less in range(20)],
    between=[(less + 1) / 20 for less in range(20)],
)
BLOCKS = re.findall(r"```toml\nnormalise = ([^\n]*)\n```[^`]*?((?:^\|[^\n]*\|\n)+)", CURVES, re.MULTILINE)
TYPES = {next(item.default for item in fields(kind) if item.name == "type"): kind for kind in get_args(Curve)}


def test_the_page_of_curves_lists_every_type_and_key() -> None:
    listed = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in body(CURVES)}

    assert listed == {name: {item.name for item in fields(kind)} - {"type"} for name, kind in TYPES.items()}


@pytest.mark.parametrize("written, table", BLOCKS, ids=[block[0][:40] for block in BLOCKS])
def test_a_curve_gives_the_points_that_stand_below_it(written: str, table: str) -> None:
    raw = with_durations(tomllib.loads(f"normalise = {written}")["normalise"])
    curve: Curve = TypeAdapter(Curve).validate_python(raw)
    (values, _, *rows) = tables(table)[0]

    found = []
    for name, *_ in rows:
        age = re.search(r"(\d+) days old", name)
        tenure = pl.lit(float(age[1]) if age else None, dtype=pl.Float64)
        frame = Frame(tenure_days=tenure, segment=pl.lit("A"), distributions={"": TWENTY})
        worth = [pl.select(points(curve, pl.lit(float(value)), frame)).item() for value in values[1:]]
        found.append([name, *(f"{value:.1f}" for value in worth)])

    assert found == rows


def test_every_curve_but_the_one_for_words_is_worked_out() -> None:
    types = {with_durations(tomllib.loads(f"n = {written}")["n"])["type"] for written, _ in BLOCKS}

    assert types == set(TYPES) - {"map"}
