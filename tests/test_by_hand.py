"""What people write in the CRM is read back and counts; every format and score beside health is written."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.company import DAY, Company, a_company
from tests.crashes.scenario import FIRST

TEXT, DATE = {"type": "string", "length": 255}, {"type": "date"}
FIELDS: dict[str, dict[str, Any]] = {
    "Pulse__c": TEXT,
    "Pulse_Note__c": TEXT,
    "Pulse_On__c": DATE,
    "Override__c": TEXT,
    "Override_Reason__c": TEXT,
    "Override_Until__c": DATE,
    "Override_By__c": TEXT,
    "Health_Letter__c": {"type": "string", "length": 8},
    "Health_By_Hand__c": TEXT,
    "Health_Way_Back__c": TEXT,
    "Expansion_Score__c": {"type": "double", "precision": 3},
}
READ = """
parent = "ParentId"
arr = "ARR__c"
pulse = "Pulse__c"
pulse_note = "Pulse_Note__c"
pulse_on = "Pulse_On__c"
override = "Override__c"
override_reason = "Override_Reason__c"
override_until = "Override_Until__c"
override_author = "Override_By__c"
"""
WRITE = """
Health_Letter__c = "letter"
Health_By_Hand__c = "by_hand"
Health_Way_Back__c = { output = "remedy", length = 255 }
Expansion_Score__c = "expansion.score"
"""
EXPANSION = """
[scores.expansion]
version = "expansion-test"
[[scores.expansion.category]]
id = "room"
label = "Room to grow"
weight = 1
[[scores.expansion.signal]]
id = "users"
label = "Active users"
category = "room"
metric = "usage.users"
normalise = { type = "linear", bad = 0, good = 40 }

[[playbook]]
"""


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with a_company(tmp_path) as made:
        for name, spec in FIELDS.items():
            made.tell("salesforce/fields", {"object": "Account", "name": name, **spec})
        made.edit_config('key = "External_Key__c"\n', f'key = "External_Key__c"\n{READ}')
        made.edit_config('Health_Score__c = "score"\n', f'Health_Score__c = "score"\n{WRITE}')
        made.edit_config("[[playbook]]\n", EXPANSION)
        yield made


def write(company: Company, key: str, **fields: object) -> None:
    """Change a record as a rep would."""
    record = {"Id": company.accounts()[key]["Id"], **fields}
    company.tell("salesforce/records", {"object": "Account", "records": [record]})


def rows(company: Company, account: str) -> dict[str, Decimal]:
    told = company.run("explain", account)[1]
    return {row["id"]: Decimal(row["points"]) for row in told["rows"]}


def test_a_pulse_moves_the_score_and_stands_in_the_ledger(company: Company) -> None:
    company.cycle(FIRST)
    before = company.accounts()["acc-0"]["Health_Score__c"]
    write(company, "acc-0", Pulse__c="20", Pulse_On__c=FIRST.date().isoformat(), Pulse_Note__c="Sponsor left")

    company.cycle(FIRST + timedelta(hours=1))

    after = company.accounts()["acc-0"]["Health_Score__c"]
    ledger = rows(company, "Acc-0")
    # users 12 of 20 are 60, no urgent tickets 100: 0.6 · 60 + 0.4 · 100 = 76; a quarter of the way to 20
    assert (before, after) == (76, 62)
    assert ledger["pulse"] == Decimal(-14)
    assert sum(ledger.values()) == 62


def test_a_pulse_without_a_note_does_not_count_and_is_said(company: Company) -> None:
    write(company, "acc-0", Pulse__c="20", Pulse_On__c=FIRST.date().isoformat())

    company.cycle(FIRST)
    told = company.run("explain", "Acc-0")[1]

    assert told["score"] == 76
    assert any("note" in gap for gap in told["gaps"])


def test_an_override_sets_the_band_for_its_time_and_is_shown(company: Company) -> None:
    write(
        company,
        "acc-0",
        Override__c="red",
        Override_Reason__c="They told us so",
        Override_By__c="Ana",
        Override_Until__c=(FIRST + 3 * DAY).date().isoformat(),
    )

    company.cycle(FIRST)
    during = company.accounts()["acc-0"]
    for day in range(1, 7):
        company.cycle(FIRST + day * DAY)
    after = company.accounts()["acc-0"]

    assert (during["Health_Band__c"], during["Health_Score__c"]) == ("Red", 49)
    assert during["Health_By_Hand__c"] == "Set to red by Ana until 2026-03-05: They told us so"
    assert after["Health_Band__c"] != "Red"
    assert not after["Health_By_Hand__c"]


def test_formats_the_way_back_and_a_score_beside_health_are_written(company: Company) -> None:
    company.cycle(FIRST)
    company.second_day()
    company.cycle(FIRST + DAY)

    accounts = company.accounts()
    assert accounts["acc-5"]["Health_Letter__c"] in {"A", "B", "C"}
    assert accounts["acc-0"]["Health_Letter__c"] == "F"
    assert accounts["acc-0"]["Health_Way_Back__c"].startswith("To yellow: ")
    # 17 users − 1 on the second day, of 40
    assert accounts["acc-5"]["Expansion_Score__c"] == 40
    assert accounts["acc-0"]["Expansion_Score__c"] == 0


def test_nothing_new_means_no_write_with_all_of_it_mapped(company: Company) -> None:
    company.cycle(FIRST)
    calls = company.counted()

    code, _ = company.cycle(FIRST + timedelta(hours=1))

    assert (code, company.counted()) == (0, calls)


def test_a_parent_shows_what_its_subtree_makes_of_it(company: Company) -> None:
    company.edit_config(
        'version = "crash-1"\n', 'version = "crash-1"\nhierarchy = { mode = "arr_weighted_mean" }\n'
    )
    company.second_day()
    parent = company.accounts()["acc-7"]["Id"]
    write(company, "acc-7", ARR__c=100)
    write(company, "acc-0", ARR__c=300, ParentId=parent)

    company.cycle(FIRST + DAY)

    accounts, ledger = company.accounts(), rows(company, "Acc-7")
    own = sum(points for name, points in ledger.items() if name != "family")
    assert ledger["family"] < 0
    assert accounts["acc-7"]["Health_Score__c"] == sum(ledger.values())
    assert own > accounts["acc-7"]["Health_Score__c"]
