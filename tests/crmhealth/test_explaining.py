"""The commands that say why: explain with its past, what changed and what would help; compare and portfolio."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.company import DAY, Company, a_company
from tests.crashes.scenario import COLLAPSED, FIRST, SECOND


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with a_company(tmp_path) as made:
        yield made


def summed(rows: list[dict[str, str]]) -> Decimal:
    return sum((Decimal(row["points"]) for row in rows), Decimal(0))


def test_a_past_day_is_explained_as_it_was_published(company: Company) -> None:
    company.cycle(FIRST)
    then = company.run("explain", "Acc-0")[1]
    company.second_day()
    company.cycle(SECOND)

    code, again = company.run("explain", "Acc-0", "--as-of", FIRST.date().isoformat())
    now = company.run("explain", "Acc-0")[1]

    assert code == 0
    assert {key: again[key] for key in ("score", "band", "rows", "as_of")} == {
        key: then[key] for key in ("score", "band", "rows", "as_of")
    }
    assert now["band"] == "red"
    assert summed(again["rows"]) == Decimal(str(again["score"]))


def test_a_change_is_told_in_rows_that_add_up(company: Company) -> None:
    company.cycle(FIRST)
    before = company.run("explain", "Acc-0")[1]["score"]
    company.second_day()
    company.cycle(SECOND)

    code, told = company.run("explain", "Acc-0", "--since", FIRST.date().isoformat())

    change = told["change"]
    assert code == 0
    assert (Decimal(change["before"]), Decimal(change["after"])) == (
        Decimal(str(before)),
        Decimal(str(told["score"])),
    )
    assert summed(change["rows"]) == Decimal(change["after"]) - Decimal(change["before"])
    assert {row["kind"] for row in change["rows"]} >= {"behaviour"}


def test_a_red_account_is_told_what_would_bring_it_back(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.cycle(SECOND)

    told = company.run("explain", "Acc-0")[1]

    assert {way["to"] for way in told["remedies"]} >= {"yellow"}
    assert all(Decimal(way["score"]) >= 50 for way in told["remedies"])
    assert all(way["sentence"].startswith("To ") for way in told["remedies"])


def test_a_day_before_the_first_publication_is_refused_with_a_remedy(company: Company) -> None:
    company.cycle(FIRST)

    code, told = company.run("explain", "Acc-0", "--as-of", (FIRST - 5 * DAY).date().isoformat())

    assert code == 1
    assert "nothing had been published" in told["error"]["message"]


def test_compare_shows_what_another_model_would_change_and_writes_nothing(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.cycle(SECOND)
    before, calls = company.accounts(), company.counted()
    text = company.config.read_text()
    model = "[model]" + text.split("[model]")[1].split("[[playbook]]")[0].split("[guard]")[0]
    other = company.folder / "other.toml"
    other.write_text(model.replace("good = 20", "good = 2000").replace("crash-1", "crash-2"))

    code, told = company.run("compare", str(other))

    assert code == 0
    assert told["other"]["version"] == "crash-2"
    assert told["live"]["hash"] != told["other"]["hash"]
    assert sum(row["accounts"] for row in told["bands"]) == 8
    # whoever was well has next to no usage by that measure: 0.4 · 100 + 0.6 · 1 is red
    assert told["moved"] == 8 - COLLAPSED
    assert len(told["would_enter_red"]) == 8 - COLLAPSED
    assert all("model" in row["why"] or "Active users" in row["why"] for row in told["movers"])
    assert sum(told["other"]["percentages"].values()) == pytest.approx(100)
    assert (company.accounts(), company.counted()) == (before, calls)


def test_comparing_with_a_model_that_is_not_there_names_those_that_are(company: Company) -> None:
    company.cycle(FIRST)

    code, told = company.run("compare", "nonesuch")

    assert code == 2
    assert "starter" in told["problems"][0]["remedy"]


def test_the_portfolio_counts_every_account_once(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.cycle(SECOND)

    code, told = company.run("portfolio")

    whole = told["segments"][0]
    assert code == 0
    assert (whole["accounts"], whole["red"]) == (8, COLLAPSED)
    assert sum(part["accounts"] for part in told["segments"][1:]) == 8
