"""Whole cycles: files in, two CRMs out, through the command line and the real vendor clients."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crmhealth.cli import main
from tests.company import DAY, Company, a_company
from tests.crashes.scenario import COLLAPSED, FIRST, SECOND


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with a_company(tmp_path) as made:
        yield made


@pytest.fixture
def company_on_postgres(tmp_path: Path, postgres_url: str) -> Iterator[Company]:
    with a_company(tmp_path, state_url=postgres_url) as made:
        yield made


def test_a_whole_life_on_postgresql(company_on_postgres: Company) -> None:
    company = company_on_postgres
    first, _ = company.cycle(FIRST)
    before = company.counted()
    second, _ = company.cycle(FIRST + timedelta(hours=1))
    unchanged = company.counted()
    company.second_day()
    third, report = company.cycle(SECOND)
    code, told = company.run("explain", company.accounts()["acc-0"]["Id"])

    assert (first, second, third) == (0, 0, 0)
    assert unchanged == before
    assert report["tasks_opened"] == COLLAPSED
    assert code == 0
    assert told["band"] == "red"


def test_the_first_cycle_publishes_a_baseline_into_both_crms_without_tasks(company: Company) -> None:
    code, report = company.cycle(FIRST)

    assert (code, report["outcome"], report["tasks_opened"]) == (0, "done", 0)
    assert report["scored"] == 8
    for key, account in company.accounts().items():
        other = company.companies()[key]
        assert account["Health_Score__c"] == float(other["health_score"])
        assert account["Health_Band__c"].lower() == other["health_band"]
        assert account["Health_Reasons__c"] == other["health_reasons"]
        assert account["Health_Computed_At__c"]
    assert company.truth("salesforce", "Task") == []


def test_a_second_cycle_without_change_makes_no_write_call(company: Company) -> None:
    company.cycle(FIRST)
    before = company.counted()

    code, report = company.cycle(FIRST + timedelta(hours=1))

    assert code == 0
    assert report["records_planned"] == 0
    assert company.counted() == before


def test_accounts_that_turn_red_get_one_task_each_with_reasons_and_due_date(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()

    code, report = company.cycle(SECOND)

    tasks = company.truth("salesforce", "Task")
    assert (code, report["tasks_opened"]) == (0, COLLAPSED)
    assert len({task["Health_Task_Key__c"] for task in tasks}) == COLLAPSED
    reds = {key for key, account in company.accounts().items() if account["Health_Band__c"] == "Red"}
    assert reds == set(company.names[:COLLAPSED])
    for task in tasks:
        # 2026-03-03 is a Tuesday; two business days later is Thursday.
        assert task["ActivityDate"] == "2026-03-05"
        assert "turned red" in task["Subject"]
        assert "Urgent tickets" in task["Description"]


def test_a_red_account_that_stays_red_gets_no_second_task(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.cycle(SECOND)

    company.cycle(SECOND + DAY)
    company.cycle(SECOND + 2 * DAY)

    assert len(company.truth("salesforce", "Task")) == COLLAPSED


def test_refused_records_are_listed_with_code_and_message_and_written_when_the_cause_is_gone(
    company: Company,
) -> None:
    first = next(record["Id"] for record in company.truth("salesforce", "Account"))
    company.fault(
        "salesforce",
        "reject_record",
        {"path": "composite/sobjects"},
        ids=[first],
        code="FIELD_CUSTOM_VALIDATION_EXCEPTION",
        message="Industry must be set",
    )

    code, report = company.cycle(FIRST)
    listed = company.run("rejects")
    status = company.run("status")
    company.clear_faults()
    again = company.cycle(FIRST + timedelta(hours=1))
    left = company.run("rejects")

    assert code == 1
    assert report["ended"] == {"acknowledged": 15, "rejected": 1, "deferred": 0, "unknown": 0}
    (reject,) = listed[1]["rejects"]
    assert (reject["crm_id"], reject["code"], reject["message"]) == (
        first,
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "Industry must be set",
    )
    assert len(status[1]["rejects"]) == 1
    assert again[0] == 0
    assert again[1]["records_planned"] == 1
    assert left == (0, {"rejects": []})
    assert all(account["Health_Score__c"] is not None for account in company.accounts().values())


def test_the_rows_of_every_explanation_add_up_to_the_published_score(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.cycle(SECOND)

    for account in company.accounts().values():
        code, told = company.run("explain", account["Id"])
        total = sum(Decimal(row["points"]) for row in told["rows"])
        assert code == 0
        assert total == Decimal(str(account["Health_Score__c"]))
        assert told["band"] == account["Health_Band__c"].lower()


def test_a_mass_change_stops_at_the_guard_and_is_written_once_approved(company: Company) -> None:
    company.cycle(FIRST)
    company.edit_config("band_changes_percent = 90", "band_changes_percent = 10\nband_changes_count = 1")
    company.second_day()
    before = company.counted()

    code, report = company.cycle(SECOND)
    stopped = company.counted()
    company.run("approve", str(report["plan"]))
    applied = company.run("apply", str(report["plan"]))

    assert code == 3
    assert [finding["rule"] for finding in report["findings"]] == ["mass_change"]
    assert report["findings"][0]["measured"] == COLLAPSED
    assert stopped == before
    assert applied[0] == 0
    assert len(company.truth("salesforce", "Task")) == COLLAPSED
    assert company.run("apply", str(report["plan"]))[0] == 3


def test_a_refused_plan_leaves_no_trace_when_its_cause_is_gone(company: Company) -> None:
    company.cycle(FIRST)
    company.edit_config("band_changes_percent = 90", "band_changes_percent = 10\nband_changes_count = 1")
    company.second_day()
    company.cycle(SECOND)
    tickets = company.folder / "tickets.csv"
    tickets.write_text(tickets.read_text().replace("urgent", "normal"))
    usage = company.folder / "usage.csv"
    usage.write_text(usage.read_text().replace(",0\n", ",12\n").replace(",0\r\n", ",12\r\n"))
    before = company.counted()

    code, report = company.cycle(SECOND + timedelta(hours=1))

    assert (code, report["findings"]) == (0, [])
    assert report["records_planned"] <= 2 * 8
    assert all(account["Health_Band__c"] == "Green" for account in company.accounts().values())
    assert before < company.counted()
    assert company.truth("salesforce", "Task") == []


def test_a_plan_shows_every_field_and_apply_writes_exactly_that(company: Company) -> None:
    company.run("pull", as_of=FIRST)
    before = company.counted()

    code, planned = company.run("plan", as_of=FIRST)
    untouched = company.counted()
    applied = company.run("apply")

    assert code == 0
    assert untouched == before
    assert planned["calls"] == {"salesforce": 1, "hubspot": 1}
    assert applied[0] == 0
    held = {record["Id"]: record for record in company.truth("salesforce", "Account")}
    for record in planned["records"]:
        if record["crm"] == "salesforce":
            for change in record["changes"]:
                value = held[record["crm_id"]][change["field"]]
                if change["field"] != "Health_Computed_At__c":
                    assert value == change["after"]


def test_a_source_that_collapses_is_not_believed_and_nothing_is_written(company: Company) -> None:
    company.cycle(FIRST)
    lines = (company.folder / "usage.csv").read_text().splitlines()
    (company.folder / "usage.csv").write_text("\n".join(lines[:3]) + "\n")
    before = company.counted()

    code, report = company.cycle(SECOND)

    assert code == 3
    assert [finding["rule"] for finding in report["findings"]] == ["emptied_source"]
    assert company.counted() == before


def test_a_source_that_fails_changes_no_band_and_is_said_once(
    company: Company, capfd: pytest.CaptureFixture[str]
) -> None:
    company.cycle(FIRST)
    bands = {key: account["Health_Band__c"] for key, account in company.accounts().items()}
    usage = (company.folder / "usage.csv").read_text()
    (company.folder / "usage.csv").unlink()
    capfd.readouterr()

    first = company.cycle(SECOND)
    second = company.cycle(SECOND + timedelta(hours=6))
    during = capfd.readouterr().err
    (company.folder / "usage.csv").write_text(usage)
    back = company.cycle(SECOND + timedelta(hours=12))
    after = capfd.readouterr().err

    assert (first[0], second[0], back[0]) == (4, 4, 0)
    assert bands == {key: account["Health_Band__c"] for key, account in company.accounts().items()}
    assert during.count("source_went_down") == 1
    assert after.count("source_came_back") == 1


def test_a_crm_that_is_down_does_not_stop_the_other(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.fault("hubspot", "status", {"path": "batch/update"}, status=401, body={"message": "no"})

    code, _report = company.cycle(SECOND)
    company.clear_faults()
    again = company.cycle(SECOND + timedelta(hours=1))

    assert code == 4
    assert len(company.truth("salesforce", "Task")) == COLLAPSED
    assert again[0] == 0
    for key, account in company.accounts().items():
        assert float(company.companies()[key]["health_score"]) == account["Health_Score__c"]


def test_only_mapped_fields_are_touched(company: Company) -> None:
    untouched = {
        record["Id"]: (record["Name"], record["OwnerId"]) for record in company.truth("salesforce", "Account")
    }

    company.cycle(FIRST)

    now = {
        record["Id"]: (record["Name"], record["OwnerId"]) for record in company.truth("salesforce", "Account")
    }
    assert now == untouched


def test_check_finds_missing_and_wrong_fields_all_at_once(company: Company) -> None:
    good = company.run("check")
    company.edit_config('Health_Score__c = "score"', 'Name = "score"\nNonsense__c = "confidence"')
    company.edit_config('red = "Red"', 'red = "Crimson"')

    code, found = company.run("check")

    assert good[0] == 0
    assert code == 2
    wrong = {result["subject"] for result in found["results"] if result["status"] == "wrong"}
    assert wrong == {
        "crm.salesforce.write.Name",
        "crm.salesforce.write.Nonsense__c",
        "crm.salesforce.write.Health_Band__c",
    }


def test_fields_of_an_account_that_left_are_cleared_once_if_so_configured(company: Company) -> None:
    company.edit_config("[daemon]", '[daemon]\non_leave = "clear"')
    company.edit_config("[crm.salesforce]\n", "[crm.salesforce]\nwhere = \"Type != 'Former'\"\n")
    company.cycle(FIRST)
    gone = company.accounts()["acc-5"]["Id"]
    company.tell("salesforce/records", {"object": "Account", "records": [{"Id": gone, "Type": "Former"}]})

    company.cycle(FIRST + timedelta(hours=1))
    cleared = company.accounts()["acc-5"]
    before = company.counted()
    code, _ = company.cycle(FIRST + timedelta(hours=2))

    assert cleared["Health_Score__c"] is None
    assert cleared["Health_Band__c"] is None
    assert company.accounts()["acc-4"]["Health_Score__c"] is not None
    assert (code, company.counted()) == (0, before)


def test_unmatched_accounts_of_a_source_are_listed_never_guessed(company: Company) -> None:
    text = (company.folder / "usage.csv").read_text()
    (company.folder / "usage.csv").write_text(text + f"stranger,{FIRST.date() - DAY},5\n")

    company.cycle(FIRST)

    _, status = company.run("status")
    product = {row["outcome"]: row["count"] for row in status["matching"] if row["source"] == "product"}
    assert product == {"matched": 8, "unmatched": 1}


def test_nothing_of_the_future_counts(company: Company) -> None:
    company.cycle(FIRST)
    _, before = company.run("score", as_of=FIRST)
    company.second_day()
    company.cycle(SECOND)

    _, replayed = company.run("score", as_of=FIRST + timedelta(minutes=1))

    then = {account["account_id"]: account["score"] for account in before["accounts"]}
    assert {account["account_id"]: account["score"] for account in replayed["accounts"]} == then


def test_a_missing_configuration_is_exit_code_2_and_an_unusable_state_5(
    company: Company, tmp_path: Path
) -> None:
    assert main(["status", "--config", str(tmp_path / "nowhere.toml")]) == 2

    company.edit_config(f"sqlite:///{company.database}", f"sqlite:///{tmp_path}/no/such/folder/state.db")
    assert main(["status", "--config", str(company.config)]) == 5


def test_as_of_must_be_a_date(company: Company) -> None:
    assert main(["score", "--config", str(company.config), "--as-of", "soon"]) == 2
