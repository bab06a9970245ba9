"""A day that was published can be judged again later, to the last bit, from what was known on it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from crmhealth.cycle import World, cycle
from crmhealth.demo import DAY, Stage, set_stage
from crmhealth.judging import judge
from crmhealth.wiring import Stop, open_world
from state import scores
from state.scores import StoredScore

DAYS = 8
OUTAGE = (4, 5)


class Hurried(Stop):
    """Waits take no time."""

    def sleep(self, seconds: float) -> None:
        return None


def published(world: World) -> Mapping[str, StoredScore]:
    with world.database.reading() as connection:
        return {row.account_id: row for row in scores.current(connection)}


def live(world: World, stage: Stage) -> dict[datetime, Mapping[str, StoredScore]]:
    """Live some days, the help desk down on two of them; gives what each day published."""
    faults = f"{stage.running.control}/faults"
    days: dict[datetime, Mapping[str, StoredScore]] = {}
    for number in range(DAYS):
        if number:
            stage.world.advance(stage.world.at + DAY)
        if number in OUTAGE:
            httpx.post(
                faults, json={"system": "zendesk", "times": None, "action": {"do": "status", "status": 503}}
            ).raise_for_status()
        else:
            httpx.delete(faults).raise_for_status()
        report = cycle(world, stage.world.at)
        assert report is not None
        assert report.applied
        days[stage.world.at] = published(world)
    return days


@pytest.mark.timeout(240)
def test_every_published_day_comes_out_again_as_it_was_whatever_was_learned_since(tmp_path: Path) -> None:
    with (
        set_stage(tmp_path, accounts=50, seed=5) as stage,
        open_world(stage.settings, stop=Hurried()) as world,
    ):
        days = live(world, stage)

        again = {}
        with world.database.reading() as connection:
            for day in days:
                judged = judge(
                    connection, stage.settings, as_of=day, streams=world.streams, replay=True
                ).judged()
                again[day] = {row.account_id: row for row in judged.scores}

        past = list(days)[3]
        with world.database.transaction() as connection:
            facts = connection.execute(text("SELECT count(*) FROM fact")).scalar_one()
            microseconds = int((past - datetime.fromtimestamp(0, past.tzinfo)) / timedelta(microseconds=1))
            connection.execute(text("DELETE FROM fact WHERE known_at > :day"), {"day": microseconds})
            kept = connection.execute(text("SELECT count(*) FROM fact")).scalar_one()
        with world.database.reading() as connection:
            unlearned = judge(
                connection, stage.settings, as_of=past, streams=world.streams, replay=True
            ).judged()

    assert len(days) == DAYS
    assert again == days
    assert len({row.score for day in days.values() for row in day.values()}) > DAYS
    assert kept < facts
    assert {row.account_id: row for row in unlearned.scores} == days[past]
