"""What commands say where there is nothing to say, more than one answer, or the wrong state."""

import getpass
import pwd
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crmhealth.cli import main
from sandbox.server import run_in_thread
from tests.company import CREDENTIALS, Company
from tests.crashes.scenario import FIRST

STRANGERS = 12


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with run_in_thread(now=FIRST, frozen_clock=True) as running:
        made = Company(
            folder=tmp_path, urls={**running.urls, "control": running.control}, master="salesforce"
        )
        made.prepare()
        yield made


def text_of(company: Company, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command without --json; gives its exit code and what it printed."""
    capsys.readouterr()
    code = main([*words, "--config", str(company.config)])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_an_account_that_left_the_book_is_said_to_be_gone(company: Company) -> None:
    company.edit_config("[crm.salesforce]\n", "[crm.salesforce]\nwhere = \"Type != 'Former'\"\n")
    company.cycle(FIRST)
    gone = company.accounts()["acc-5"]["Id"]
    _, before = company.run("explain", gone)
    company.tell("salesforce/records", {"object": "Account", "records": [{"Id": gone, "Type": "Former"}]})
    company.cycle(FIRST + timedelta(hours=1))

    by_crm_id = company.run("explain", gone)
    by_account_id = company.run("explain", before["account_id"])

    for code, told in (by_crm_id, by_account_id):
        assert code == 1
        assert "no account any more" in told["error"]["message"]


def test_an_account_nobody_knows_is_exit_code_1(company: Company) -> None:
    company.cycle(FIRST)

    code, told = company.run("explain", "Nobody")

    assert code == 1
    assert told["error"]["message"] == "no account 'Nobody'"


def test_two_accounts_of_one_name_are_told_apart_by_their_crm_ids(company: Company) -> None:
    twins = [company.accounts()[key]["Id"] for key in ("acc-1", "acc-2")]
    company.tell(
        "salesforce/records", {"object": "Account", "records": [{"Id": i, "Name": "Twin"} for i in twins]}
    )
    company.cycle(FIRST)

    code, told = company.run("explain", "Twin")

    assert code == 1
    assert all(crm_id in told["error"]["message"] for crm_id in twins)
    assert [company.run("explain", crm_id)[1]["crm_id"] for crm_id in twins] == twins


def test_a_score_is_explained_by_the_model_that_made_it(company: Company) -> None:
    company.cycle(FIRST)
    before = company.run("explain", "Acc-1")[1]
    company.edit_config("weight = 60", "weight = 61")

    code, edited = company.run("explain", "Acc-1")
    company.cycle(FIRST + timedelta(hours=1))
    after = company.run("explain", "Acc-1")[1]

    assert code == 0
    assert edited == before
    assert after["model"]["hash"] != before["model"]["hash"]


def test_a_reworded_model_still_explains(company: Company) -> None:
    company.cycle(FIRST)
    company.edit_config('label = "Active users"', 'label = "People"')

    assert company.run("explain", "Acc-1")[0] == 0


def test_names_that_look_like_markup_are_shown_as_they_are(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    first = company.accounts()["acc-1"]["Id"]
    record = {"Id": first, "Name": "x\\[/red]y \x1b[31m"}
    company.tell("salesforce/records", {"object": "Account", "records": [record]})

    company.cycle(FIRST)
    shown = [
        text_of(company, capsys, *words) for words in (("score",), ("plan", "--details"), ("explain", first))
    ]

    assert [code for code, _ in shown] == [0, 0, 0]
    assert "\x1b" not in "".join(text for _, text in shown)
    assert "x\\[/red]y [31m" in shown[2][1]


def test_status_lists_accounts_of_sources_that_are_nobodys_with_the_reason(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = company.folder / "usage.csv"
    strangers = [f"stranger-{n:02}" for n in range(STRANGERS)]
    usage.write_text(
        usage.read_text() + "".join(f"{name},{FIRST.date() - timedelta(days=1)},5\n" for name in strangers)
    )
    company.cycle(FIRST)

    code, text = text_of(company, capsys, "status")
    _, document = company.run("status")

    assert code == 0
    assert [item["account"] for item in document["undecided"]] == strangers
    assert {item["source"] for item in document["undecided"]} == {"product"}
    assert all(item["evidence"].startswith("unmatched: ") for item in document["undecided"])
    assert "stranger-09" in text
    assert "stranger-10" not in text
    assert "2 more: crmhealth status --json" in text


@pytest.mark.parametrize(
    ("as_of", "meant"),
    [
        ("2026-03-02", "2026-03-02T05:00:00+00:00"),
        ("2026-03-02T07:30", "2026-03-02T12:30:00+00:00"),
        ("2026-03-02T07:30+01:00", "2026-03-02T06:30:00+00:00"),
        ("2026-07-02", "2026-07-02T04:00:00+00:00"),
    ],
)
def test_a_moment_without_an_offset_is_in_the_business_time_zone(
    company: Company, as_of: str, meant: str
) -> None:
    company.edit_config("[daemon]", '[daemon]\ntimezone = "America/New_York"')

    code, told = company.run("score", "--as-of", as_of)

    assert (code, told["as_of"]) == (0, meant)


def test_a_plan_that_does_not_exist_is_exit_code_1(company: Company) -> None:
    assert company.run("apply")[0] == 1
    assert company.run("apply", "7")[0] == 1
    assert company.run("approve", "7")[0] == 1


def test_a_plan_may_be_approved_by_a_user_without_a_name(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_uid: int) -> object:
        raise KeyError("getpwuid(): uid not found")

    company.cycle(FIRST)
    company.edit_config("band_changes_percent = 90", "band_changes_percent = 10\nband_changes_count = 1")
    company.second_day()
    _, refused = company.cycle(FIRST + timedelta(days=1))
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()

    code, _ = company.run("approve", str(refused["plan"]))

    assert code == 0


def test_a_database_of_a_newer_version_asks_for_that_version(company: Company) -> None:
    company.run("status")
    with sqlite3.connect(company.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    code, told = company.run("status")

    assert code == 5
    assert told["error"]["remedy"] == "install that version"


def wrong(told: dict[str, Any]) -> dict[str, str]:
    return {result["subject"]: result["detail"] for result in told["results"] if result["status"] == "wrong"}


def test_check_tries_the_very_query_of_the_account_book(company: Company) -> None:
    company.edit_config("[crm.salesforce]\n", "[crm.salesforce]\nwhere = \"Typo = 'Customer'\"\n")
    company.edit_config('key = "External_Key__c"\n', 'key = "External_Key__c"\nmanager = "Owner.Nope"\n')
    company.edit_config("[crm.hubspot]\n", '[crm.hubspot]\nwhere = { lifecycle = "customer" }\n')

    code, told = company.run("check")

    found = wrong(told)
    assert code == 2
    assert set(found) == {
        "crm.salesforce.where",
        "crm.salesforce.read.manager",
        "crm.hubspot.where.lifecycle",
    }
    assert "Typo" in found["crm.salesforce.where"]
    assert "Nope" in found["crm.salesforce.read.manager"]


def test_check_finds_a_condition_that_is_no_soql(company: Company) -> None:
    company.edit_config("[crm.salesforce]\n", "[crm.salesforce]\nwhere = \"Type = 'Customer' AND\"\n")

    code, told = company.run("check")

    assert code == 2
    assert set(wrong(told)) == {"crm.salesforce.where"}


def test_check_says_ok_of_conditions_that_select(company: Company) -> None:
    company.edit_config("[crm.salesforce]\n", "[crm.salesforce]\nwhere = \"Type != 'Former'\"\n")
    company.edit_config("[crm.hubspot]\n", '[crm.hubspot]\nwhere = { lifecyclestage = "customer" }\n')

    code, told = company.run("check")

    assert (code, wrong(told)) == (0, {})
