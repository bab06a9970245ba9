"""When the guard refuses, and with which numbers."""

import pytest

from scoring.model import Band
from sync.guard import EmptiedSource, Limits, collapsed, findings
from tests.sync.builders import a_plan, task, transition

LIMITS = Limits()


def rules(**changes: object) -> list[str]:
    return [finding.rule for finding in findings(a_plan(**changes), LIMITS)]


def test_a_plan_that_changes_little_is_safe() -> None:
    assert rules(transitions=tuple(transition(f"a{n}", after=Band.YELLOW) for n in range(10))) == []


def test_too_many_band_changes_are_a_data_fault_until_somebody_says_otherwise() -> None:
    moved = tuple(transition(f"a{n}", after=Band.YELLOW) for n in range(11))

    (finding,) = findings(a_plan(transitions=moved), LIMITS)

    assert (finding.rule, finding.measured, finding.limit) == ("mass_change", 11, 10)
    assert finding.setting == "guard.band_changes_percent"
    assert "11 of 100" in finding.message


def test_in_a_small_base_a_few_changes_never_stop_a_run() -> None:
    moved = tuple(transition(f"a{n}", after=Band.YELLOW) for n in range(5))

    assert findings(a_plan(transitions=moved, scored=8), LIMITS) == []


def test_too_many_newly_red_stop_a_run_below_the_limit_of_changes() -> None:
    assert rules(transitions=tuple(transition(f"a{n}") for n in range(6)), scored=100) == ["mass_red"]


def test_first_scorings_are_no_changes() -> None:
    assert rules(transitions=tuple(transition(f"a{n}", before=None) for n in range(50))) == []


def test_a_baseline_is_judged_by_its_share_of_red() -> None:
    reds = tuple(transition(f"a{n}", before=None) for n in range(26))

    assert rules(baseline=True, transitions=reds) == ["baseline_red"]
    assert rules(baseline=True, transitions=reds[:25]) == []


def test_more_tasks_than_a_team_can_work_through_stop_a_run() -> None:
    assert rules(tasks=tuple(task(f"a{n}") for n in range(101))) == ["tasks_per_run"]


def test_an_emptied_source_stops_a_run_and_says_how_much_is_left() -> None:
    emptied = EmptiedSource(setting="sources.desk", source="desk", stream="tickets", before=1000, now=3)

    (finding,) = findings(a_plan(), LIMITS, [emptied])

    assert finding.rule == "emptied_source"
    assert "3 records, 1000 the time before" in finding.message


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [(None, 0, False), (0, 0, False), (10, 5, False), (10, 4, True), (10, 0, True), (1, 0, True)],
)
def test_a_listing_with_less_than_half_is_not_believed(before: int | None, now: int, expected: bool) -> None:
    assert collapsed(before, now) is expected
