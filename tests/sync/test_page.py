"""docs/writing.md says which outputs there are, and which of them are a reason to write."""

import re
from pathlib import Path

from crmhealth import config
from sync.fields import ALSO_MATERIAL, OF_SIDE_SCORES, OUTPUTS, RIDING, output

ROOT = Path(__file__).parents[2]
TABLE = re.findall(
    r"^\| (`[^|]+) \| ([^|]+) \| [^|]+ \| ([^|]+) \|$",
    (ROOT / "docs" / "writing.md").read_text(),
    re.MULTILINE,
)
TYPES = {"number": "number", "picklist": "text", "text": "text", "long text": "text", "datetime": "instant"}
SHOWN = {
    name: (TYPES[kinds[place] if len(kinds) > 1 else kinds[0]], written)
    for cell, kind, written in TABLE
    for kinds in (kind.split(", "),)
    for place, name in enumerate(re.findall(r"`([^`]+)`", cell))
}


def test_the_page_lists_every_output_with_its_type() -> None:
    beside = {f"<name>.{name}" for name in OF_SIDE_SCORES}

    assert set(SHOWN) == set(OUTPUTS) | beside
    assert {name: kind for name, (kind, _) in SHOWN.items()} == {
        name: found.type for name in SHOWN if (found := output(name.replace("<name>", "side")))
    }


def test_the_page_tells_what_is_a_reason_to_write_and_what_rides_along() -> None:
    reasons = {name for name, (_, written) in SHOWN.items() if written.startswith("when")}

    assert {name for name, (_, written) in SHOWN.items() if written == "rides along"} == RIDING
    assert reasons == {
        *ALSO_MATERIAL,
        *("score", "band", "trend", "confidence", "reasons"),
        *("<name>.score", "<name>.band"),
    }


def test_what_the_example_configuration_leaves_out_would_load_as_well(tmp_path: Path) -> None:
    example = (ROOT / "config.example.toml").read_text()
    whole = tmp_path / "crmhealth.toml"
    whole.write_text(re.sub(r"^# (?=\w+ = |\[scores\.)", "", example, flags=re.MULTILINE))

    settings = config.load(whole, resolve=lambda reference: "sqlite:///nowhere.db")

    assert list(settings.side_scores) == ["expansion"]
    assert {
        "pulse",
        "pulse_on",
        "pulse_note",
        "override",
        "override_reason",
        "override_until",
        "parent",
    } <= set(settings.master.table.read)
