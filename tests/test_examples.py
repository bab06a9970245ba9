"""The examples on exported files: every model is valid, and a past date sees only what was known by then.

Real exports are scored end to end where they lie beside the checkout; their labels are never opened.
"""

import csv
from datetime import date
from pathlib import Path

import pytest

from examples import score_files
from examples.exported import load
from scoring.model import TOPICS
from scoring.problems import problems

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
MODELS = sorted((ROOT / "examples").glob("*/model.toml"))

CONFIG = """
[sources.exports]
type = "files"
settle_seconds = 0

[[sources.exports.streams]]
name = "clicks"
kind = "daily"
path = "clicks.csv"
account = "customer"
date = "day"
known = "observed"
metrics = { clicks = { column = "n", aggregate = "sum" } }

[accounts]
path = "customers.csv"
id = "customer"
begins = "since"
fields = { created_on = "since", segment = "plan" }

[accounts.terms]
path = "terms.csv"
id = "customer"
begins = "from"
ends = "to"
fields = { arr = { column = "monthly", scale = 12 } }

[model]
version = "test"

[[model.category]]
id = "usage"
label = "Usage"
weight = 1

[[model.category]]
id = "price"
label = "Price"
weight = 1

[[model.signal]]
id = "clicks"
label = "Clicks"
category = "usage"
metric = "usage.clicks"
normalise = { type = "linear", bad = 0, good = 10 }

[[model.signal]]
id = "revenue"
label = "Revenue"
category = "price"
metric = "account.arr"
normalise = { type = "linear", bad = 0, good = 240 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config beside three small exports.

    007 clicks more each day, and pays 10 a month until the 4th, then 20; 008 does not renew on the 3rd.
    """
    (tmp_path / "model.toml").write_text(CONFIG)
    (tmp_path / "customers.csv").write_text(
        "customer,since,plan\n007,2024-01-01,pro\n008,2024-01-01,pro\n009,2024-01-04,pro\n"
    )
    (tmp_path / "terms.csv").write_text(
        "customer,from,to,monthly\n"
        "007,2024-01-04,2024-02-04,20\n"
        "007,2024-01-01,2024-01-04,10\n"
        "008,2024-01-01,2024-01-03,10\n"
        "009,2024-01-04,2024-02-04,10\n"
    )
    (tmp_path / "clicks.csv").write_text(
        "customer,day,n\n"
        "007,2024-01-01,1\n007,2024-01-02,3\n007,2024-01-03,5\n007,2024-01-04,9\n"
        "008,2024-01-01,2\n008,2024-01-02,2\n009,2024-01-04,4\n"
    )
    return tmp_path


def scores(folder: Path, *arguments: str) -> dict[tuple[str, str], str]:
    """Run the command and give the score of every account and date."""
    out = folder / "out.csv"
    assert score_files.main([str(folder / "model.toml"), str(folder), str(out), *arguments]) == 0
    with out.open(newline="") as file:
        return {(row["account_id"], row.get("as_of", "")): row["score"] for row in csv.DictReader(file)}


def test_there_is_a_model_for_every_set_of_files() -> None:
    assert [path.parent.name for path in MODELS] == [
        "crm5",
        "iran",
        "oulad",
        "ravenstack",
        "saasguard",
        "socialnet7",
        "telco",
    ]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.parent.name)
def test_a_model_of_an_example_is_valid_and_says_when_it_was_reviewed(path: Path) -> None:
    example = load(path)

    streams = example.source.streams if example.source else ()
    series = {stream.topic for stream in streams if stream.kind == "daily"} - set(TOPICS)
    assert problems(example.model, None, series) == []
    assert example.model.reviewed_on is not None


def test_a_date_sees_only_the_days_before_it_and_the_term_that_has_begun(folder: Path) -> None:
    found = scores(folder, "2024-01-03", "2024-01-04", "2024-01-05")

    # half of the points from the clicks of the day before, half from twelve times the monthly price
    assert found == {
        ("007", "2024-01-03"): "40.0",  # 3 clicks, 120 a year
        ("007", "2024-01-04"): "75.0",  # 5 clicks, 240 a year
        ("007", "2024-01-05"): "95.0",  # 9 clicks, 240 a year
        ("009", "2024-01-04"): "50.0",  # nothing yet but a price
        ("009", "2024-01-05"): "45.0",  # 4 clicks, 120 a year
    }


def test_dates_come_from_the_column_as_of_each_once(folder: Path) -> None:
    snapshots = folder / "snapshots.csv"
    snapshots.write_text("account_id,as_of,truth\n007,2024-01-05,1\n009,2024-01-03,?\n007,2024-01-03,0\n")

    found = scores(folder, "--snapshots", str(snapshots))

    assert sorted({as_of for _, as_of in found}) == ["2024-01-03", "2024-01-05"]
    assert score_files.snapshot_days(snapshots) == [date(2024, 1, 3), date(2024, 1, 5)]


def test_a_date_comes_out_the_same_whatever_came_later(folder: Path) -> None:
    alone = scores(folder, "2024-01-04")
    with (folder / "clicks.csv").open("a") as file:
        file.write("007,2024-01-05,10\n009,2024-01-06,10\n")

    assert scores(folder, "2024-01-04") == alone


def test_files_with_dates_are_not_scored_without_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = score_files.main([str(folder / "model.toml"), str(folder), str(folder / "out.csv")])

    assert code == 2
    assert "name at least one" in capsys.readouterr().err
    assert not (folder / "out.csv").exists()


def test_what_a_model_asks_for_in_vain_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder / "model.toml"
    config.write_text(config.read_text().replace("account.arr", "account.seats"))

    code = score_files.main([str(config), str(folder), str(folder / "out.csv"), "2024-01-03"])

    assert code == 2
    assert "model.signal[revenue].metric: there is no account field 'seats'" in capsys.readouterr().err


needs_data = pytest.mark.skipif(
    not DATA.exists(), reason="the third-party data does not lie beside the checkout"
)


@needs_data
@pytest.mark.parametrize(
    "name, dates, accounts",
    [("iran", [], 2018), ("ravenstack", ["2024-06-01"], 232)],
)
def test_a_small_export_is_scored_from_end_to_end(
    name: str, dates: list[str], accounts: int, tmp_path: Path
) -> None:
    config, inputs = ROOT / "examples" / name / "model.toml", DATA / name / "dev" / "inputs"
    out = tmp_path / "scores.csv"

    code = score_files.main([str(config), str(inputs), str(out), *dates])

    assert code == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["account_id"] for row in rows}) == len(rows) == accounts
    assert {row["band"] for row in rows} == {"red", "yellow", "green"}
    assert all(0 <= float(row["score"]) <= 100 for row in rows)
    assert len({row["score"] for row in rows}) > accounts / 5
