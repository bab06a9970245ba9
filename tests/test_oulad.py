"""The file example on real third-party data; skipped where that data is not at hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.oulad import run as example
from sandbox.server import Running, run_in_thread
from tests.sync.crm.sessions import truth

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data" / "oulad" / "dev" / "inputs"

pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="the OULAD data does not lie beside the checkout"),
    pytest.mark.timeout(300),
]

AAA_AND_BBB_IN_AUTUMN = 1846
"""Enrolments whose term had begun and not ended on 2013-12-01, counted from subscriptions.csv."""


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for name, value in example.SECRETS.items():
        monkeypatch.setenv(name, value)
    with run_in_thread(now=example.moment("2013-12-01"), frozen_clock=True) as stand_ins:
        example.seed(stand_ins, DATA)
        yield stand_ins


def in_term(date: str) -> set[str]:
    return {
        row["account_id"]
        for row in example.rows(DATA / "subscriptions.csv.gz")
        if row["term_start"] <= date < row["renewal_date"]
    }


def published(running: Running, system: str, object_name: str, key: str, score: str) -> dict[str, float]:
    return {
        record[key]: float(record[score])
        for record in (item.get("properties", item) for item in truth(running, system, object_name))
        if record.get(score) not in (None, "")
    }


def test_every_account_in_term_is_in_both_crms_and_a_second_run_writes_nothing(
    running: Running, tmp_path: Path
) -> None:
    config = example.prepare(tmp_path, DATA, running)

    first = example.one_cycle(running, config, "2013-12-01")
    after_first = example.counted(running)
    accounts = published(running, "salesforce", "Account", "External_Key__c", "Health_Score__c")
    companies = published(running, "hubspot", "companies", "external_key", "health_score")
    second = example.one_cycle(running, config, "2013-12-01")
    after_second = example.counted(running)
    third = example.one_cycle(running, config, "2013-12-15")
    later = published(running, "salesforce", "Account", "External_Key__c", "Health_Score__c")

    assert (first, second, third) == (0, 0, 0)
    assert len(in_term("2013-12-01")) == AAA_AND_BBB_IN_AUTUMN
    assert set(accounts) == in_term("2013-12-01")
    assert companies == accounts
    assert after_first == {"salesforce": 10, "hubspot": 19}
    assert after_second == after_first
    assert 0 < sum(later[key] != accounts[key] for key in accounts) < len(accounts)
