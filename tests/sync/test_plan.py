"""What a plan contains, and what it does not."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scoring.model import Band
from sync.plan import make_plan
from sync.values import Plan, Remembered, TaskChange, Transition, Wanted
from tests.sync.builders import AS_OF, remembered, task, transition, wanted


def plan_of(
    want: Sequence[Wanted] = (),
    known: Sequence[Remembered] = (),
    moved: Sequence[Transition] = (),
    **changes: Any,
) -> Plan:
    arguments: dict[str, Any] = {
        "as_of": AS_OF,
        "baseline": False,
        "scored": 100,
        "wanted": want,
        "remembered": {(item.crm, item.crm_id): item for item in known},
        "riding": frozenset({"computed_at"}),
        "transitions": moved,
        "open_episodes": {},
        "last_episodes": {},
        "waiting_tasks": [],
        "compose_task": lambda move, episode: task(move.account_id, episode),
    }
    return make_plan(**{**arguments, **changes})


def test_a_record_never_written_is_written_whole() -> None:
    plan = plan_of([wanted()])

    (record,) = plan.records
    assert {(c.field, c.before, c.after) for c in record.changes} == {
        ("score", None, 42),
        ("computed_at", None, "t1"),
    }


def test_an_equal_fingerprint_means_nothing_to_write_even_where_texts_differ() -> None:
    plan = plan_of([wanted(values={"score": 42, "computed_at": "t2"})], [remembered()])

    assert plan.is_empty
    assert plan.adoptions == ()


def test_only_what_differs_is_written_and_what_rides_goes_along() -> None:
    known = remembered(acknowledged={"score": 42, "band": "red", "computed_at": "t1"})

    plan = plan_of(
        [wanted(values={"score": 43, "band": "red", "computed_at": "t2"}, fingerprint="f2")], [known]
    )

    (record,) = plan.records
    assert {(c.field, c.before, c.after) for c in record.changes} == {
        ("score", 42, 43),
        ("computed_at", "t1", "t2"),
    }


def test_a_refused_record_stays_dirty() -> None:
    plan = plan_of([wanted(fingerprint="f2", values={"score": 50})], [remembered(fingerprint="f1")])

    assert len(plan.records) == 1


def test_a_write_whose_answer_was_lost_is_adopted_when_the_crm_shows_it() -> None:
    known = remembered(
        acknowledged={"score": 42, "computed_at": "t1"},
        fingerprint="f1",
        observed={"score": 50, "computed_at": "t1b"},
    )

    plan = plan_of([wanted(values={"score": 50, "computed_at": "t2"}, fingerprint="f2")], [known])

    assert plan.is_empty
    (adoption,) = plan.adoptions
    assert adoption.values == {"score": 50, "computed_at": "t1b"}
    assert adoption.fingerprint == "f2"


def test_a_field_that_was_added_to_the_mapping_is_written() -> None:
    plan = plan_of([wanted(values={"score": 42, "trend": "up", "computed_at": "t2"})], [remembered()])

    (record,) = plan.records
    assert {c.field for c in record.changes} == {"trend", "computed_at"}


def test_what_a_rep_typed_is_what_the_plan_shows_as_before() -> None:
    known = remembered(observed={"score": 99, "computed_at": "t1"})

    plan = plan_of([wanted(values={"score": 43}, fingerprint="f2")], [known])

    assert plan.records[0].changes[0].before == 99


def test_entering_red_opens_an_episode_and_one_task() -> None:
    plan = plan_of(moved=[transition()], last_episodes={"a1": 3})

    assert [(e.account_id, e.number, e.change, e.baseline) for e in plan.episodes] == [
        ("a1", 4, "opened", False)
    ]
    assert [t.task.key for t in plan.tasks] == ["a1:turned_red:4:1:1"]


def test_the_first_publication_opens_episodes_but_no_tasks() -> None:
    plan = plan_of(moved=[transition(before=None)], baseline=True)

    assert [(e.change, e.baseline) for e in plan.episodes] == [("opened", True)]
    assert plan.tasks == ()


def test_a_new_account_that_is_red_from_the_start_gets_no_task() -> None:
    assert plan_of(moved=[transition(before=None)]).tasks == ()


def test_a_change_of_the_model_opens_no_task() -> None:
    moved = Transition(account_id="a1", account_name="A", before=Band.GREEN, after=Band.RED, migrated=True)

    assert plan_of(moved=[moved]).tasks == ()


def test_red_through_unknown_and_back_is_one_episode() -> None:
    plan = plan_of(moved=[transition(before=Band.UNKNOWN)], open_episodes={"a1": 1})

    assert plan.episodes == ()
    assert plan.tasks == ()


def test_becoming_unknown_ends_no_episode() -> None:
    plan = plan_of(moved=[transition(before=Band.RED, after=Band.UNKNOWN)], open_episodes={"a1": 1})

    assert plan.episodes == ()


def test_leaving_red_ends_the_episode_and_drops_its_waiting_task() -> None:
    plan = plan_of(
        moved=[transition(before=Band.RED, after=Band.YELLOW)],
        open_episodes={"a1": 1},
        waiting_tasks=[task()],
    )

    assert [(e.number, e.change) for e in plan.episodes] == [(1, "closed")]
    assert plan.tasks == ()


def test_a_task_that_is_not_open_yet_is_part_of_the_next_plan() -> None:
    waiting: list[TaskChange] = [task("a2")]

    assert plan_of(waiting_tasks=waiting).tasks == tuple(waiting)


values = st.dictionaries(
    st.sampled_from(["score", "band", "trend", "computed_at"]),
    st.one_of(st.none(), st.integers(0, 100), st.text(max_size=5)),
    min_size=1,
)


@given(st.dictionaries(st.integers(0, 20), st.tuples(values, values, st.booleans())))
def test_the_plan_of_what_was_just_applied_is_empty(world: dict[int, Any]) -> None:
    want = [wanted(f"a{n}", new, "new") for n, (new, _, _) in world.items()]
    known = [
        remembered(f"a{n}", old, "old", observed={**old, **new} if lost else None)
        for n, (new, old, lost) in world.items()
    ]
    first = plan_of(want, known)

    after = {item.crm_id: item for item in known}
    for record in first.records:
        before = after[record.crm_id]
        shown = {**before.acknowledged, **(before.observed or {})}
        applied = {change.field: change.after for change in record.changes}
        after[record.crm_id] = remembered(record.account_id, {**shown, **applied}, record.fingerprint)
    for adoption in first.adoptions:
        merged = {**after[adoption.crm_id].acknowledged, **adoption.values}
        after[adoption.crm_id] = remembered(adoption.account_id, merged, adoption.fingerprint)
    second = plan_of(want, list(after.values()))

    assert second.is_empty
    assert second.adoptions == ()


@given(st.dictionaries(st.integers(0, 20), st.tuples(values, values)))
def test_a_field_that_is_not_wanted_is_never_in_a_plan(world: dict[int, Any]) -> None:
    plan = plan_of(
        [wanted(f"a{n}", new, "new") for n, (new, _) in world.items()],
        [remembered(f"a{n}", {**old, "rep_notes": "mine"}, "old") for n, (_, old) in world.items()],
    )

    assert "rep_notes" not in {change.field for record in plan.records for change in record.changes}
