"""HubSpot misbehaves; nothing is lost, repeated blindly, or reported done that is not."""

from collections.abc import Iterator
from datetime import date

import pytest

from sandbox.server import Running
from scoring.errors import CredentialsError, TransientError, UnansweredError
from sync.crm.hubspot import HubspotCrm
from sync.values import FieldUpdate, NewTask, OutcomeStatus
from tests.sync.crm import sessions

ACKNOWLEDGED, REJECTED = OutcomeStatus.ACKNOWLEDGED, OutcomeStatus.REJECTED
UPDATE = {"method": "POST", "path": "companies/batch/update"}
CREATION = {"method": "POST", "path": "tasks/batch/create"}


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def ids(stand_ins: Running) -> list[str]:
    return sessions.seeded(stand_ins, "hubspot", 10)


@pytest.fixture
def crm(stand_ins: Running, ids: list[str], waits: list[float]) -> Iterator[HubspotCrm]:
    made = sessions.hubspot_crm(stand_ins, waits, settle_seconds=60.0)
    yield made
    made._session.close()


def fault(
    running: Running, do: str, *, match: dict[str, str], times: int | None = 1, **action: object
) -> None:
    sessions.tell(
        running,
        "faults",
        {"system": "hubspot", "match": match, "times": times, "action": {"do": do, **action}},
    )


def updates(ids: list[str], value: object = 42, name: str = "health_score") -> list[FieldUpdate]:
    return [FieldUpdate(crm_id=crm_id, values={name: value}) for crm_id in ids]  # type: ignore[dict-item]


def a_task(crm_id: str, key: str = "a1:red:1:1:1") -> NewTask:
    return NewTask(key=key, crm_id=crm_id, subject="Call", body="why", owner_id="", due_on=date(2026, 11, 24))


def tasks(running: Running) -> int:
    return len(sessions.truth(running, "hubspot", "tasks"))


@pytest.mark.parametrize("status", [502, 503, 504, 524])
def test_a_passing_error_is_waited_for_and_the_write_repeated(
    crm: HubspotCrm, stand_ins: Running, ids: list[str], waits: list[float], status: int
) -> None:
    fault(stand_ins, "status", match=UPDATE, status=status, body="<h1>bad gateway</h1>", times=2)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}
    assert len(waits) == 2


@pytest.mark.parametrize(("policy", "wait"), [("TEN_SECONDLY_ROLLING", 10.0), ("SECONDLY", 1.0)])
def test_a_429_without_retry_after_waits_as_long_as_its_policy_says(
    crm: HubspotCrm, stand_ins: Running, ids: list[str], waits: list[float], policy: str, wait: float
) -> None:
    body = {"status": "error", "message": "limit", "errorType": "RATE_LIMIT", "policyName": policy}
    fault(stand_ins, "status", match=UPDATE, status=429, body=body)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}
    assert waits == [wait]


def test_the_daily_limit_is_not_waited_for(
    crm: HubspotCrm, stand_ins: Running, ids: list[str], waits: list[float]
) -> None:
    body = {"status": "error", "message": "daily", "errorType": "RATE_LIMIT", "policyName": "DAILY"}
    fault(stand_ins, "status", match=UPDATE, status=429, body=body, times=None)

    with pytest.raises(TransientError) as caught:
        crm.write(updates(ids))

    assert caught.value.retry_after_seconds == 86_400
    assert waits == []


@pytest.mark.parametrize(("status", "wait"), [(423, 2.0), (477, 7.0)])
def test_a_locked_or_moving_account_is_waited_for(
    crm: HubspotCrm, stand_ins: Running, ids: list[str], waits: list[float], status: int, wait: float
) -> None:
    headers = {"Retry-After": "7"} if status == 477 else {}
    fault(stand_ins, "status", match=UPDATE, status=status, body={"message": "wait"}, headers=headers)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}
    assert waits == [wait]


@pytest.mark.parametrize("do", ["drop_before", "drop_after"])
def test_a_broken_connection_is_no_loss_for_fields(
    crm: HubspotCrm, stand_ins: Running, ids: list[str], do: str
) -> None:
    fault(stand_ins, do, match=UPDATE)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}


def test_one_bad_input_costs_only_itself(crm: HubspotCrm, stand_ins: Running, ids: list[str]) -> None:
    batch = updates(ids)
    batch[4] = FieldUpdate(crm_id=ids[4], values={"health_band": "purple"})

    outcomes = crm.write(batch)

    assert [o.ref for o in outcomes if o.status is REJECTED] == [ids[4]]
    assert "purple" in outcomes[4].message or "health_band" in outcomes[4].message
    assert sum(o.status is ACKNOWLEDGED for o in outcomes) == 9


@pytest.mark.parametrize(
    ("name", "code"), [("nonsense", "PROPERTY_DOESNT_EXIST"), ("createdate", "READ_ONLY_VALUE")]
)
def test_a_property_nobody_can_write_costs_one_call_and_the_others_one_more(
    crm: HubspotCrm, stand_ins: Running, ids: list[str], name: str, code: str
) -> None:
    batch = updates(ids)
    for n in range(8):
        batch[n] = FieldUpdate(crm_id=ids[n], values={"health_score": 42, name: "x"})

    outcomes = crm.write(batch)

    assert [(o.status, o.code, o.field) for o in outcomes[:8]] == [(REJECTED, code, name)] * 8
    assert {o.status for o in outcomes[8:]} == {ACKNOWLEDGED}
    assert sessions.counts(stand_ins, "hubspot")["write"] == 2


def test_a_property_named_in_the_sentence_only_is_found_there(
    crm: HubspotCrm, stand_ins: Running, ids: list[str]
) -> None:
    listed = '[{"isValid":false,"message":"no","error":"PROPERTY_DOESNT_EXIST","name":"health_score"}]'
    body = {"message": f"Property values were not valid: {listed}", "category": "VALIDATION_ERROR"}
    fault(stand_ins, "status", match=UPDATE, status=400, body=body)

    outcomes = crm.write(updates(ids))

    assert {(o.status, o.code, o.field) for o in outcomes} == {
        (REJECTED, "PROPERTY_DOESNT_EXIST", "health_score")
    }


def test_a_batch_without_a_right_is_refused_at_once(
    crm: HubspotCrm, stand_ins: Running, ids: list[str]
) -> None:
    body = {"message": "not granted", "category": "MISSING_SCOPES"}
    fault(stand_ins, "status", match=UPDATE, status=400, body=body, times=None)

    outcomes = crm.write(updates(ids))

    assert {(o.status, o.code) for o in outcomes} == {(REJECTED, "MISSING_SCOPES")}
    assert sessions.counts(stand_ins, "hubspot")["write"] == 1


def test_halving_for_bad_records_stays_within_its_bound(stand_ins: Running) -> None:
    ids = sessions.seeded(stand_ins, "hubspot", 100)
    crm = sessions.hubspot_crm(stand_ins)
    bad = {ids[n] for n in (0, 17, 50, 99)}
    batch = [
        FieldUpdate(crm_id=crm_id, values={"health_band": "purple" if crm_id in bad else "red"})
        for crm_id in ids
    ]

    outcomes = crm.write(batch)
    crm._session.close()

    assert {o.ref for o in outcomes if o.status is REJECTED} == bad
    assert {o.field for o in outcomes if o.status is REJECTED} == {"health_band"}
    assert sum(o.status is ACKNOWLEDGED for o in outcomes) == 96
    # 2 k log2(n), rounded up
    assert sessions.counts(stand_ins, "hubspot")["write"] <= 2 * 4 * 7


def test_a_portal_without_the_key_property_refuses_all_tasks_in_one_call(
    stand_ins: Running, ids: list[str]
) -> None:
    crm = HubspotCrm(sessions.hubspot_session(stand_ins), key_property="nonsense")

    outcomes = crm.open_tasks([a_task(crm_id, f"a{n}:red:1:1:1") for n, crm_id in enumerate(ids)])
    crm._session.close()

    assert {(o.status, o.code, o.field) for o in outcomes} == {
        (REJECTED, "PROPERTY_DOESNT_EXIST", "nonsense")
    }
    assert sessions.counts(stand_ins, "hubspot")["write"] == 1


def test_success_without_results_proves_nothing(crm: HubspotCrm, stand_ins: Running, ids: list[str]) -> None:
    fault(stand_ins, "empty_results", match=UPDATE)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {OutcomeStatus.UNKNOWN}


def test_a_refused_record_inside_a_multi_status_answer_is_rejected_by_name(
    crm: HubspotCrm, stand_ins: Running, ids: list[str]
) -> None:
    sessions.tell(stand_ins, "switches", {"hubspot": {"multi_status": ["create", "update", "upsert"]}})
    fault(
        stand_ins,
        "reject_record",
        match=UPDATE,
        ids=[ids[2]],
        code="VALIDATION_ERROR",
        message="no",
        times=None,
    )

    outcomes = crm.write(updates(ids))

    assert [o.ref for o in outcomes if o.status is REJECTED] == [ids[2]]
    assert outcomes[2].code == "VALIDATION_ERROR"
    assert sessions.counts(stand_ins, "hubspot")["write"] == 1


def test_a_refused_token_stops_the_portal(crm: HubspotCrm, stand_ins: Running, ids: list[str]) -> None:
    sessions.tell(stand_ins, "switches", {"hubspot": {"tokens": ["another"]}})

    with pytest.raises(CredentialsError):
        crm.write(updates(ids))


def test_a_web_page_instead_of_an_answer_is_repeated(
    crm: HubspotCrm, stand_ins: Running, ids: list[str]
) -> None:
    fault(stand_ins, "odd_body", match=UPDATE)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}


def test_a_portal_that_stays_down_is_given_up_after_a_few_attempts(
    crm: HubspotCrm, stand_ins: Running, ids: list[str], waits: list[float]
) -> None:
    fault(stand_ins, "status", match=UPDATE, status=503, times=None)

    with pytest.raises(UnansweredError):
        crm.write(updates(ids))

    assert len(waits) == 4


@pytest.mark.parametrize(("do", "existing"), [("drop_after", 1), ("drop_before", 0)])
def test_an_unanswered_creation_is_unknown_and_never_repeated(
    crm: HubspotCrm, stand_ins: Running, ids: list[str], do: str, existing: int
) -> None:
    fault(stand_ins, do, match=CREATION)

    (outcome,) = crm.open_tasks([a_task(ids[0])])

    assert outcome.status is OutcomeStatus.UNKNOWN
    assert tasks(stand_ins) == existing


def test_search_does_not_see_a_new_task_and_so_an_attempt_must_settle(
    crm: HubspotCrm, stand_ins: Running, ids: list[str]
) -> None:
    sessions.tell(stand_ins, "switches", {"hubspot": {"search_delay_seconds": 30.0}})

    crm.open_tasks([a_task(ids[0])])

    assert crm.find_tasks([a_task(ids[0])]) == {}
    assert crm.settle_seconds == 60.0


def test_with_a_unique_key_a_new_task_is_found_at_once(stand_ins: Running, ids: list[str]) -> None:
    sessions.tell(stand_ins, "switches", {"hubspot": {"search_delay_seconds": 30.0, "task_key_unique": True}})
    crm = sessions.hubspot_crm(stand_ins)

    (outcome,) = crm.open_tasks([a_task(ids[0])])

    assert crm.find_tasks([a_task(ids[0]), a_task(ids[0], "a2:red:1:1:1")]) == {
        "a1:red:1:1:1": outcome.created_id
    }
    assert crm.settle_seconds == 0
    crm._session.close()


def test_a_task_stands_on_the_record_of_its_account(
    crm: HubspotCrm, stand_ins: Running, ids: list[str]
) -> None:
    (outcome,) = crm.open_tasks([a_task(ids[0])])

    session = crm._session
    reply = session.ask(
        session._ready().crm.associations.v4.basic_api.get_page,
        "companies",
        ids[0],
        "tasks",
        idempotent=True,
    )
    assert [str(item["toObjectId"]) for item in reply.body["results"]] == [outcome.created_id]


def test_one_connection_pool_serves_every_part_of_the_client(
    crm: HubspotCrm, stand_ins: Running, ids: list[str]
) -> None:
    for score in range(5):
        crm.write(updates(ids, score))

    assert crm._session.objects().batch_api is crm._session.objects().batch_api


def test_reading_the_book_follows_pages_and_selects_customers(stand_ins: Running) -> None:
    records = [{"name": f"C{n}", "lifecyclestage": "customer" if n % 2 else "lead"} for n in range(250)]
    sessions.tell(stand_ins, "hubspot/records", {"object": "companies", "records": records})
    session = sessions.hubspot_session(stand_ins, where={"lifecyclestage": "customer"}, object="companies")

    pages = list(session.read_book(read={"name": "name"}, written=["health_score"]))

    assert sum(len(page) for page in pages) == 125
    assert len(pages) == 3
    session.close()


@pytest.fixture
def owned(stand_ins: Running) -> Running:
    """A portal with a company of somebody who is there, one of somebody who has left, and one of nobody."""
    owners = sessions.tell(
        stand_ins,
        "hubspot/records",
        {"object": "owners", "records": [{"id": "11"}, {"id": "12", "archived": True}]},
    )["ids"]
    records = [
        {"name": "Here", "hubspot_owner_id": owners[0]},
        {"name": "Left", "hubspot_owner_id": owners[1]},
        {"name": "Nobody"},
    ]
    sessions.tell(stand_ins, "hubspot/records", {"object": "companies", "records": records})
    return stand_ins


def owner_active(running: Running, **read: str) -> dict[object, object]:
    """Read the book and give owner_active by name, "absent" where it is not there."""
    session = sessions.hubspot_session(running)
    fields = {"name": "name", **read}
    records = [record for page in session.read_book(read=fields, written=[]) for record in page]
    session.close()
    return {record.fields["name"]: record.fields.get("owner_active", "absent") for record in records}


def test_owners_who_have_left_are_told_from_those_who_are_there(owned: Running) -> None:
    assert owner_active(owned, owner_id="hubspot_owner_id") == {
        "Here": True,
        "Left": False,
        "Nobody": "absent",
    }


def test_owners_are_looked_up_once_for_the_whole_book_and_only_where_they_are_read(owned: Running) -> None:
    records = [{"name": f"C{n}", "hubspot_owner_id": "11"} for n in range(250)]
    sessions.tell(owned, "hubspot/records", {"object": "companies", "records": records})
    before = sessions.counts(owned, "hubspot")["read"]

    owner_active(owned, owner_id="hubspot_owner_id")
    with_owners = sessions.counts(owned, "hubspot")["read"] - before
    owner_active(owned)
    without = sessions.counts(owned, "hubspot")["read"] - before - with_owners

    assert (with_owners, without) == (4, 3)


def test_a_mapped_owner_active_is_believed_instead(owned: Running) -> None:
    shown = owner_active(owned, owner_id="hubspot_owner_id", owner_active="domain")

    assert set(shown.values()) == {None}


def test_a_token_that_may_not_read_owners_still_reads_the_book(owned: Running) -> None:
    fault(owned, "status", match={"method": "GET", "path": "owners"}, status=403, times=None)

    assert set(owner_active(owned, owner_id="hubspot_owner_id").values()) == {"absent"}
