"""One record in ten is refused: the rest is written, each refusal is listed, and it ends with its cause."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from crmhealth.cli import main
from crmhealth.demo import Stage, set_stage

ACCOUNTS = 200


def run(stage: Stage, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    config = ("--config", str(stage.folder / "crmhealth.toml"), "--json")
    code = main([*words, *config])
    return code, json.loads(capsys.readouterr().out)


def refuse(stage: Stage, system: str, path: str, code: str) -> None:
    action = {"do": "reject_record", "share": 0.1, "code": code, "message": "An admin's rule says no."}
    httpx.post(
        f"{stage.running.control}/faults",
        json={"system": system, "match": {"path": path}, "times": None, "action": action},
    ).raise_for_status()


@pytest.mark.timeout(240)
def test_one_record_in_ten_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with set_stage(tmp_path, accounts=ACCOUNTS, seed=5) as stage:
        refuse(stage, "salesforce", "composite/sobjects", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
        refuse(stage, "hubspot", "batch/update", "VALIDATION_ERROR")
        as_of = ("--as-of", stage.world.at.isoformat())

        code, report = run(stage, capsys, "cycle", *as_of)
        listed_code, listed = run(stage, capsys, "rejects")
        _, status = run(stage, capsys, "status")
        unwritten = {
            *(r["Id"] for r in stage.records("salesforce", "Account") if r["Health_Band__c"] is None),
            *(str(r["id"]) for r in stage.records("hubspot", "companies") if r["health_band"] is None),
        }
        httpx.delete(f"{stage.running.control}/faults").raise_for_status()
        writes = stage.writes()
        again_code, again = run(stage, capsys, "cycle", *as_of)
        calls = stage.writes() - writes
        clean = run(stage, capsys, "rejects")

        refused = {reject["crm_id"] for reject in listed["rejects"]}
        assert (code, listed_code) == (1, 1)
        assert 0.05 * 2 * ACCOUNTS < len(refused) < 0.2 * 2 * ACCOUNTS
        assert refused == unwritten
        assert report["ended"]["rejected"] == len(refused)
        assert report["ended"]["acknowledged"] == 2 * ACCOUNTS - len(refused)
        assert {reject["code"] for reject in listed["rejects"]} == {
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "VALIDATION_ERROR",
        }
        assert all("rule says no" in reject["message"] for reject in listed["rejects"])
        assert len(status["rejects"]) == len(refused)
        assert (again_code, again["records_planned"]) == (0, len(refused))
        assert calls == 2
        assert clean == (0, {"rejects": []})


@pytest.mark.timeout(240)
def test_the_explanation_of_every_account_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with set_stage(tmp_path, accounts=60, seed=6) as stage:
        run(stage, capsys, "cycle", "--as-of", stage.world.at.isoformat())

        for record in stage.records("salesforce", "Account"):
            code, told = run(stage, capsys, "explain", record["Id"])
            total = sum(Decimal(row["points"]) for row in told["rows"])
            published = record["Health_Score__c"]
            assert code == 0
            assert total == (0 if published is None else Decimal(str(published)))
