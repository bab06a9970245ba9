"""Things that went wrong, or were done wrong, on the way: each once found by trying, none may come back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.company import DAY, Company, a_company
from tests.crashes.scenario import COLLAPSED, FIRST, SECOND


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with a_company(tmp_path) as made:
        yield made


def test_a_lost_answer_followed_by_a_return_to_the_old_value_is_mended(company: Company) -> None:
    company.cycle(FIRST)
    usage = company.folder / "usage.csv"
    healthy = usage.read_text()
    usage.write_text(healthy.replace(",12\r\n", ",6\r\n").replace(",12\n", ",6\n"))
    company.fault("hubspot", "drop_after", {"path": "batch/update"}, times=5)
    code, _ = company.cycle(FIRST + timedelta(hours=1))
    company.clear_faults()
    usage.write_text(healthy)

    again = company.cycle(FIRST + timedelta(hours=2))

    assert code == 4
    assert again[0] == 0
    for key, account in company.accounts().items():
        assert float(company.companies()[key]["health_score"]) == account["Health_Score__c"]
    assert company.run("rejects") == (0, {"rejects": []})


def test_a_renamed_source_does_not_count_twice(company: Company) -> None:
    company.cycle(FIRST)
    scores = {key: account["Health_Score__c"] for key, account in company.accounts().items()}
    company.edit_config("[sources.product]", "[sources.renamed]")
    company.edit_config("[[sources.product.streams]]", "[[sources.renamed.streams]]")

    code, _ = company.cycle(FIRST + timedelta(hours=1))

    assert code == 0
    assert {key: account["Health_Score__c"] for key, account in company.accounts().items()} == scores


def test_a_new_source_that_has_never_delivered_takes_no_score_away(company: Company) -> None:
    company.cycle(FIRST)
    before = company.counted()
    company.edit_config(
        "[model]",
        """[sources.another]
type = "files"
[[sources.another.streams]]
name = "usage"
kind = "daily"
path = "nowhere.csv"
account = "account"
date = "day"
metrics = { other = { column = "other", aggregate = "sum" } }

[model]""",
    )

    code, report = company.cycle(FIRST + timedelta(hours=1))

    assert code == 4
    assert report["records_planned"] == 0
    assert company.counted() == before


def test_a_record_matched_anew_is_not_cleared_when_its_former_account_leaves(company: Company) -> None:
    company.edit_config("[daemon]", '[daemon]\non_leave = "clear"')
    company.edit_config("[crm.salesforce]\n", "[crm.salesforce]\nwhere = \"Type != 'Former'\"\n")
    company.cycle(FIRST)
    moved = company.companies()["acc-5"]["id"]
    company.edit_config(
        'own_field = "key"',
        f'manual = {{ "{moved}" = "{company.accounts()["acc-4"]["Id"]}" }}, own_field = "key"',
    )
    company.cycle(FIRST + timedelta(hours=1))
    gone = company.accounts()["acc-5"]["Id"]
    company.tell("salesforce/records", {"object": "Account", "records": [{"Id": gone, "Type": "Former"}]})

    company.cycle(FIRST + timedelta(hours=2))
    before = company.counted()
    company.cycle(FIRST + timedelta(hours=3))

    assert company.accounts()["acc-5"]["Health_Score__c"] is None
    assert company.companies()["acc-5"]["health_score"] == company.companies()["acc-4"]["health_score"]
    assert company.counted() == before


def test_a_where_that_drops_many_accounts_stops_at_the_guard(company: Company) -> None:
    company.edit_config("[daemon]", '[daemon]\non_leave = "clear"')
    company.edit_config("[guard]", "[guard]\nleaving_count = 1")
    company.edit_config("[crm.salesforce]\n", "[crm.salesforce]\nwhere = \"Type != 'Former'\"\n")
    company.cycle(FIRST)
    ids = [account["Id"] for account in company.accounts().values()][:3]
    company.tell(
        "salesforce/records",
        {"object": "Account", "records": [{"Id": crm_id, "Type": "Former"} for crm_id in ids]},
    )
    before = company.counted()

    code, report = company.cycle(FIRST + timedelta(hours=1))

    assert code == 3
    assert [finding["rule"] for finding in report["findings"]] == ["mass_leave"]
    assert company.counted() == before


def test_a_database_begun_anew_opens_tasks_of_its_own(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.cycle(SECOND)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{company.database}{suffix}").unlink(missing_ok=True)
    company.write_files(collapsed=())
    company.cycle(SECOND + DAY)
    company.write_files(collapsed=company.names[:COLLAPSED])

    code, report = company.cycle(SECOND + DAY + timedelta(hours=1))

    assert (code, report["tasks_opened"]) == (0, COLLAPSED)
    assert len(company.truth("salesforce", "Task")) == 2 * COLLAPSED


@pytest.mark.parametrize("moment", [FIRST - DAY, datetime.now(UTC) + DAY])
def test_writing_as_of_the_past_or_the_future_is_refused(company: Company, moment: datetime) -> None:
    company.cycle(FIRST)

    code, told = company.run("cycle", as_of=moment)

    assert code == 2
    assert told["problems"][0]["key"] == "--as-of"
    assert company.run("score", as_of=FIRST)[0] == 0


def test_a_refused_task_is_opened_for_the_new_owner(company: Company) -> None:
    company.edit_config("[crm.salesforce.read]\n", '[crm.salesforce.read]\nowner_id = "OwnerId"\n')
    gone, here = company.tell(
        "salesforce/records",
        {
            "object": "User",
            "records": [
                {"Name": "Gone", "Email": "g@x.example", "IsActive": False},
                {"Name": "Here", "Email": "h@x.example", "IsActive": True},
            ],
        },
    )["ids"]
    ids = [account["Id"] for account in company.accounts().values()]
    own = [{"Id": crm_id, "OwnerId": gone} for crm_id in ids]
    company.tell("salesforce/records", {"object": "Account", "records": own})
    company.cycle(FIRST)
    company.second_day()
    refused, _ = company.cycle(SECOND)
    listed = company.run("rejects")[1]["rejects"]
    own = [{"Id": crm_id, "OwnerId": here} for crm_id in ids]
    company.tell("salesforce/records", {"object": "Account", "records": own})

    mended, report = company.cycle(SECOND + timedelta(hours=1))

    assert (refused, mended) == (1, 0)
    assert {item["code"] for item in listed} == {"INACTIVE_OWNER_OR_USER"}
    assert report["tasks_opened"] == COLLAPSED
    assert {task["OwnerId"] for task in company.truth("salesforce", "Task")} == {here}


def test_an_account_that_was_never_judged_and_is_red_when_its_data_arrives_gets_no_task(
    company: Company,
) -> None:
    company.second_day()
    usage = (company.folder / "usage.csv").rename(company.folder / "later.csv")
    tickets = (company.folder / "tickets.csv").rename(company.folder / "later2.csv")
    company.cycle(SECOND)
    usage.rename(company.folder / "usage.csv")
    tickets.rename(company.folder / "tickets.csv")
    company.edit_config("[guard]", "[guard]\nbaseline_red_percent = 90")

    code, report = company.cycle(SECOND + timedelta(hours=1))

    assert (code, report["tasks_opened"]) == (0, 0)
    assert company.truth("salesforce", "Task") == []


def test_a_task_of_an_account_that_left_is_not_opened_any_more(company: Company) -> None:
    company.edit_config("[crm.salesforce]\n", "[crm.salesforce]\nwhere = \"Type != 'Former'\"\n")
    company.cycle(FIRST)
    company.second_day()
    company.fault(
        "salesforce",
        "reject_record",
        {"method": "POST", "path": "composite/sobjects"},
        code="NO",
        message="no",
    )
    company.cycle(SECOND)
    company.clear_faults()
    gone = [company.accounts()[name]["Id"] for name in company.names[:COLLAPSED]]
    company.tell(
        "salesforce/records",
        {"object": "Account", "records": [{"Id": crm_id, "Type": "Former"} for crm_id in gone]},
    )

    code, report = company.cycle(SECOND + timedelta(hours=1))
    _, status = company.run("status")

    assert (code, report["tasks_opened"]) == (0, 0)
    assert company.truth("salesforce", "Task") == []
    assert status["open_red_episodes"] == 0


def test_a_collapsed_source_is_told_by_plan_too_and_can_be_approved(company: Company) -> None:
    company.cycle(FIRST)
    lines = (company.folder / "usage.csv").read_text().splitlines()
    (company.folder / "usage.csv").write_text("\n".join(lines[:3]) + "\n")
    company.tell("clock", {"now": SECOND.isoformat()})
    company.run("pull", as_of=SECOND)

    code, planned = company.run("plan", as_of=SECOND)
    approved, _ = company.run("approve", str(planned["plan"]))
    company.run("apply")
    believed = company.cycle(SECOND + timedelta(hours=1))

    assert code == 3
    assert [finding["setting"] for finding in planned["findings"]] == ["sources.product"]
    assert approved == 0
    assert believed[1]["findings"] == []


def test_a_plan_made_under_another_configuration_is_stale(company: Company) -> None:
    company.run("pull", as_of=FIRST)
    company.run("plan", as_of=FIRST)
    company.edit_config("Health_Trend__c = {", "# Health_Trend__c = {")

    code, told = company.run("apply")

    assert code in (1, 3)
    assert "configuration" in told["error"]["message"]


def test_another_master_on_the_same_database_is_refused(company: Company) -> None:
    company.cycle(FIRST)
    company.edit_config("master = true", "master = never")
    company.edit_config("master = false", "master = true")
    company.edit_config("master = never", "master = false")

    code, told = company.cycle(FIRST + timedelta(hours=1))

    assert code == 2
    assert "salesforce" in told["problems"][0]["message"]


def test_check_changes_nothing_not_even_the_state(company: Company) -> None:
    before = company.counted()

    code, _ = company.run("check")

    assert code == 0
    assert not company.database.exists()
    assert company.counted() == before


def test_an_outage_of_weeks_turns_nobody_red_and_needs_no_approval(company: Company) -> None:
    company.edit_config("band_changes_percent = 90", "band_changes_percent = 10\nband_changes_count = 1")
    company.cycle(FIRST)
    tickets = (company.folder / "tickets.csv").rename(company.folder / "elsewhere.csv")
    codes = set()
    for day in (1, 5, 8, 9, 10, 11, 20):
        write_usage(company, day)
        codes.add(company.cycle(FIRST + day * DAY)[0])
    lost = {account["Health_Band__c"] for account in company.accounts().values()}
    tickets.rename(company.folder / "tickets.csv")
    write_usage(company, 21)
    back, _ = company.cycle(FIRST + 21 * DAY)

    assert codes == {4}
    assert lost == {"Unknown"}
    assert back == 0
    assert {account["Health_Band__c"] for account in company.accounts().values()} == {"Green"}
    assert company.truth("salesforce", "Task") == []


def write_usage(company: Company, days: int) -> None:
    """Let usage go on as it was, up to the day before this one."""
    lines = ["account,day,users"]
    for back in range(1, 4):
        day = FIRST.date() + (days - back) * DAY
        lines += [f"{name},{day},{12 + n}" for n, name in enumerate(company.names)]
    (company.folder / "usage.csv").write_text("\n".join(lines) + "\n")


def test_a_lost_answer_is_mended_even_if_the_crm_cannot_be_read_next_time(company: Company) -> None:
    company.cycle(FIRST)
    usage = company.folder / "usage.csv"
    healthy = usage.read_text()
    usage.write_text(healthy.replace(",12\r\n", ",6\r\n").replace(",12\n", ",6\n"))
    company.fault("hubspot", "drop_after", {"path": "batch/update"}, times=5)
    company.cycle(FIRST + timedelta(hours=1))
    company.clear_faults()
    usage.write_text(healthy)
    company.fault("hubspot", "status", {"method": "GET", "path": "companies"}, status=401, body={})
    company.cycle(FIRST + timedelta(hours=2))
    company.clear_faults()

    code, _ = company.cycle(FIRST + timedelta(hours=3))

    assert code == 0
    for key, account in company.accounts().items():
        assert float(company.companies()[key]["health_score"]) == account["Health_Score__c"]


def test_the_refusal_of_a_task_ends_with_its_episode(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.fault(
        "salesforce",
        "reject_record",
        {"method": "POST", "path": "composite/sobjects"},
        code="NO",
        message="no",
    )
    company.cycle(SECOND)
    refused, _ = company.run("rejects")
    tickets = company.folder / "tickets.csv"
    tickets.write_text(tickets.read_text().replace("urgent", "normal"))
    for day in (2, 3, 4, 5):
        write_usage(company, day)
        company.cycle(FIRST + day * DAY)

    assert refused == 1
    assert company.run("rejects") == (0, {"rejects": []})


def test_a_company_deleted_in_the_second_crm_is_left_alone(company: Company) -> None:
    company.cycle(FIRST)
    company.cycle(FIRST + timedelta(hours=1))
    gone = company.companies()["acc-3"]["id"]
    url = f"{company.urls['hubspot']}/crm/v3/objects/companies/{gone}"
    httpx.delete(url, headers={"Authorization": "Bearer sandbox-token"}).raise_for_status()
    usage = company.folder / "usage.csv"
    usage.write_text(usage.read_text().replace(",15\r\n", ",2\r\n").replace(",15\n", ",2\n"))

    code, report = company.cycle(FIRST + timedelta(hours=2))

    assert (code, report["records_planned"]) == (0, 1)
    assert company.run("rejects")[0] == 0


def test_a_source_taken_out_of_the_configuration_opens_no_tasks(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    usage = company.folder / "usage.csv"
    usage.write_text(usage.read_text().replace(",0\r\n", ",8\r\n").replace(",0\n", ",8\n"))
    tickets = company.folder / "tickets.csv"
    tickets.write_text(tickets.read_text().replace("urgent", "normal"))
    company.cycle(SECOND)
    text = company.config.read_text()
    start = text.index('[[sources.product.streams]]\nname = "tickets"')
    company.config.write_text(text[:start] + text[text.index("[model]") :])

    for hours in (1, 25, 49):
        write_usage(company, 3)
        usage.write_text(usage.read_text().replace(",12\n", ",8\n"))
        company.cycle(SECOND + timedelta(hours=hours))

    assert company.truth("salesforce", "Task") == []


def test_plan_after_a_cycle_in_which_nothing_could_be_read(company: Company) -> None:
    company.cycle(FIRST)
    (company.folder / "usage.csv").unlink()
    company.cycle(FIRST + DAY)

    assert company.run("plan")[0] in (0, 3)


def test_a_look_at_the_past_is_not_coloured_by_what_came_later(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.cycle(SECOND)

    _, past = company.run("score", as_of=FIRST + timedelta(minutes=1))

    assert {account["band"] for account in past["accounts"]} == {"green"}
