"""A help desk is down for a day, beside a twin company where it is not: silence is not bad health."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from crmhealth.cycle import cycle
from crmhealth.demo import DAY, Stage, set_stage
from crmhealth.logs import configure
from crmhealth.wiring import Stop, open_world
from state import scores

DAYS = 9
OUTAGE = 5
ACCOUNTS = 150


class Hurried(Stop):
    """Waits take no time."""

    def sleep(self, seconds: float) -> None:
        return None


def life(folder: Path, *, outage: bool) -> list[Mapping[str, tuple[str, float]]]:
    """Live some days; gives band and confidence of every account, by day."""
    days: list[Mapping[str, tuple[str, float]]] = []
    folder.mkdir()
    with (
        set_stage(folder, accounts=ACCOUNTS, seed=11) as stage,
        open_world(stage.settings, stop=Hurried()) as world,
    ):
        for number in range(DAYS):
            if number:
                stage.world.advance(stage.world.at + DAY)
            if outage and number == OUTAGE:
                break_down(stage)
            if outage and number == OUTAGE + 1:
                httpx.delete(f"{stage.running.control}/faults").raise_for_status()
            report = cycle(world, stage.world.at)
            assert report is not None
            assert report.applied
            if outage and number == OUTAGE:
                # Two cycles on the bad day: it is said once.
                cycle(world, stage.world.at + timedelta(hours=6))
            with world.database.reading() as connection:
                days.append({s.account_id: (s.band, s.confidence or 0.0) for s in scores.current(connection)})
    return days


def break_down(stage: Stage) -> None:
    httpx.post(
        f"{stage.running.control}/faults",
        json={"system": "zendesk", "times": None, "action": {"do": "status", "status": 503}},
    ).raise_for_status()


@pytest.mark.timeout(240)
def test_while_the_help_desk_is_down_bands_are_those_of_the_twin_and_only_confidence_falls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    configure(sys.stderr)

    calm = life(tmp_path / "calm", outage=False)
    capsys.readouterr()
    hit = life(tmp_path / "hit", outage=True)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]

    bands = [{account: band for account, (band, _) in day.items()} for day in (calm[OUTAGE], hit[OUTAGE])]
    assert bands[0] == bands[1]
    assert len(bands[0]) > ACCOUNTS * 0.9
    sure = [{account: sure for account, (_, sure) in day.items()} for day in (calm[OUTAGE], hit[OUTAGE])]
    lower = [account for account in sure[0] if sure[1][account] < sure[0][account]]
    assert len(lower) > ACCOUNTS / 2
    assert not [account for account in sure[0] if sure[1][account] > sure[0][account]]
    assert hit[OUTAGE - 1] == calm[OUTAGE - 1]
    assert hit[-1] == calm[-1]

    went = [event for event in events if event["event"] == "source_went_down"]
    came = [event for event in events if event["event"] == "source_came_back"]
    assert [event["source"] for event in went] == ["support"]
    assert [event["source"] for event in came] == ["support"]
