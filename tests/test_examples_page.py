"""examples/README.md lists the data sets there are, and its commands name files that exist."""

import re
from pathlib import Path

from examples.validate import SETS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "examples" / "README.md").read_text()


def test_the_page_lists_every_data_set_and_no_other() -> None:
    assert tuple(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)) == SETS


def test_the_models_named_in_commands_are_there() -> None:
    named = set(re.findall(r"examples/\w+/model\.toml", PAGE + (ROOT / "README.md").read_text()))

    assert named == {"examples/oulad/model.toml", "examples/telco/model.toml"}
    assert [name for name in named if not (ROOT / name).exists()] == []
