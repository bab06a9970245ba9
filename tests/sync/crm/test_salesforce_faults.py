"""Salesforce misbehaves; nothing is lost, repeated blindly, or reported done that is not."""

import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from sandbox.server import Running
from scoring.errors import CredentialsError, PayloadError, RejectedError, TransientError, UnansweredError
from sync.crm.salesforce import SalesforceCrm
from sync.values import FieldUpdate, NewTask, OutcomeStatus
from tests.sync.crm import sessions

ACKNOWLEDGED, REJECTED = OutcomeStatus.ACKNOWLEDGED, OutcomeStatus.REJECTED
COLLECTIONS = {"method": "PATCH", "path": "composite/sobjects"}
CREATION = {"method": "POST", "path": "composite/sobjects"}


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def ids(stand_ins: Running) -> list[str]:
    return sessions.seeded(stand_ins, "salesforce", 10)


@pytest.fixture
def crm(stand_ins: Running, ids: list[str], waits: list[float]) -> Iterator[SalesforceCrm]:
    made = sessions.salesforce_crm(stand_ins, waits)
    yield made
    made._session.close()


def fault(
    running: Running, do: str, *, match: dict[str, str], times: int | None = 1, **action: object
) -> None:
    sessions.tell(
        running,
        "faults",
        {"system": "salesforce", "match": match, "times": times, "action": {"do": do, **action}},
    )


def scores(running: Running) -> list[float | None]:
    return [record["Health_Score__c"] for record in sessions.truth(running, "salesforce", "Account")]


def a_task(crm_id: str, key: str = "a1:red:1:1:1", owner_id: str = "") -> NewTask:
    return NewTask(
        key=key, crm_id=crm_id, subject="Call", body="why", owner_id=owner_id, due_on=date(2026, 11, 24)
    )


def updates(ids: list[str], score: float = 42) -> list[FieldUpdate]:
    return [FieldUpdate(crm_id=crm_id, values={"Health_Score__c": score}) for crm_id in ids]


@pytest.mark.parametrize("status", [420, 429, 500, 502, 503])
def test_a_passing_error_is_waited_for_and_the_write_repeated(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str], waits: list[float], status: int
) -> None:
    fault(stand_ins, "status", match=COLLECTIONS, status=status, body="<h1>busy</h1>", times=2)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}
    assert len(waits) == 2
    assert waits[1] > waits[0]


@pytest.mark.parametrize("do", ["drop_before", "drop_after"])
def test_a_broken_connection_is_no_loss_for_fields(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str], do: str
) -> None:
    fault(stand_ins, do, match=COLLECTIONS)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}
    assert scores(stand_ins) == [42] * 10


def test_a_system_that_stays_down_is_given_up_after_a_few_attempts(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str], waits: list[float]
) -> None:
    fault(stand_ins, "status", match=COLLECTIONS, status=503, times=None)

    with pytest.raises(UnansweredError):
        crm.write(updates(ids))

    assert len(waits) == 4


def test_an_expired_session_is_renewed_once_and_the_write_goes_on(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    crm.write(updates(ids, 1))
    fault(stand_ins, "expire_session", match=COLLECTIONS)

    outcomes = crm.write(updates(ids, 2))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}
    assert sessions.counts(stand_ins, "salesforce")["login"] == 2


def test_a_session_that_is_refused_for_ever_is_not_renewed_for_ever(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    body = [
        {"errorCode": "INVALID_SESSION_ID", "message": "This session is not valid for use with the REST API"}
    ]
    fault(stand_ins, "status", match=COLLECTIONS, status=401, body=body, times=None)

    with pytest.raises(CredentialsError):
        crm.write(updates(ids))

    assert sessions.counts(stand_ins, "salesforce")["login"] == 2


@pytest.mark.parametrize("body", [{"error": "x"}, "<html>", []])
def test_a_401_with_an_odd_body_is_still_a_401(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str], body: object
) -> None:
    fault(stand_ins, "status", match=COLLECTIONS, status=401, body=body, times=None)

    with pytest.raises(CredentialsError):
        crm.write(updates(ids))


def test_many_threads_with_an_expired_session_log_in_once(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    crm.write(updates(ids, 1))
    before = sessions.counts(stand_ins, "salesforce")["login"]
    sessions.tell(stand_ins, "clock", {"advance_seconds": 100_000})
    results: list[OutcomeStatus] = []

    def write(score: int) -> None:
        results.extend(o.status for o in crm.write(updates(ids[score : score + 1], score)))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [ACKNOWLEDGED] * 8
    assert sessions.counts(stand_ins, "salesforce")["login"] == before + 1


def test_a_refused_record_is_rejected_with_code_and_words_and_the_others_are_written(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    fault(
        stand_ins,
        "reject_record",
        match=COLLECTIONS,
        ids=[ids[3]],
        code="FIELD_CUSTOM_VALIDATION_EXCEPTION",
        message="Industry must be set: always, even here",
        times=None,
    )

    outcomes = crm.write(updates(ids))

    refused = [o for o in outcomes if o.status is REJECTED]
    assert [o.ref for o in refused] == [ids[3]]
    assert refused[0].code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert refused[0].message == "Industry must be set: always, even here"
    assert sum(o.status is ACKNOWLEDGED for o in outcomes) == 9


def test_a_locked_record_is_tried_again_alone_and_later(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str], waits: list[float]
) -> None:
    fault(stand_ins, "lock_row", match=COLLECTIONS, ids=[ids[0], ids[1]], times=2)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}
    assert waits


def test_a_record_that_stays_locked_is_deferred_not_lost(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    fault(stand_ins, "lock_row", match=COLLECTIONS, ids=[ids[0]], times=None)

    outcomes = crm.write(updates(ids))

    assert outcomes[0].status is OutcomeStatus.DEFERRED
    assert outcomes[0].code == "UNABLE_TO_LOCK_ROW"


def test_a_lock_inside_the_error_of_a_trigger_is_a_lock(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    fault(
        stand_ins,
        "reject_record",
        match=COLLECTIONS,
        ids=[ids[0]],
        code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        message="Trig: execution of BeforeUpdate caused by: UNABLE_TO_LOCK_ROW",
        times=1,
    )

    outcomes = crm.write(updates(ids))

    assert outcomes[0].status is ACKNOWLEDGED


def test_success_without_results_proves_nothing(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    fault(stand_ins, "empty_results", match=COLLECTIONS)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {OutcomeStatus.UNKNOWN}


def test_a_web_page_instead_of_an_answer_is_repeated(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    fault(stand_ins, "odd_body", match=COLLECTIONS)

    outcomes = crm.write(updates(ids))

    assert {o.status for o in outcomes} == {ACKNOWLEDGED}


def test_the_daily_limit_stops_the_org_for_an_hour_at_least(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str], waits: list[float]
) -> None:
    sessions.tell(stand_ins, "switches", {"salesforce": {"daily_api_requests": 0}})

    with pytest.raises(TransientError) as caught:
        crm.write(updates(ids))

    assert caught.value.retry_after_seconds == 3600
    assert waits == []


def test_a_field_that_does_not_exist_is_rejected_for_every_record(crm: SalesforceCrm, ids: list[str]) -> None:
    outcomes = crm.write([FieldUpdate(crm_id=ids[0], values={"Nonsense__c": 1})])

    assert (outcomes[0].status, outcomes[0].code) == (REJECTED, "INVALID_FIELD")


def test_wrong_credentials_are_told_as_such(stand_ins: Running, ids: list[str]) -> None:
    sessions.tell(stand_ins, "switches", {"salesforce": {"run_as_user": False}})
    crm = sessions.salesforce_crm(stand_ins)

    with pytest.raises(CredentialsError, match="no client credentials user enabled"):
        crm.write(updates(ids))
    crm._session.close()


LOGIN = {"method": "POST", "path": "oauth2/token"}


@pytest.mark.parametrize("do", ["drop_before", "drop_after", "status"])
def test_a_login_that_fails_in_passing_is_repeated_even_before_a_creation(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str], waits: list[float], do: str
) -> None:
    fault(stand_ins, do, match=LOGIN, times=2, status=503, body="<h1>maintenance</h1>")

    (outcome,) = crm.open_tasks([a_task(ids[0])])

    assert outcome.status is ACKNOWLEDGED
    assert len(sessions.truth(stand_ins, "salesforce", "Task")) == 1
    assert len(waits) == 2


def test_a_login_that_breaks_off_when_a_session_is_renewed_leaves_nothing_unknown(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    crm.write(updates(ids))
    fault(stand_ins, "expire_session", match=CREATION)
    fault(stand_ins, "drop_after", match=LOGIN)

    (outcome,) = crm.open_tasks([a_task(ids[0])])

    assert outcome.status is ACKNOWLEDGED
    assert len(sessions.truth(stand_ins, "salesforce", "Task")) == 1


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_web_page_instead_of_a_login_is_no_refusal_of_it(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str], status: int
) -> None:
    fault(stand_ins, "status", match=LOGIN, status=status, body="<h1>busy</h1>", times=None)

    with pytest.raises(TransientError) as caught:
        crm.open_tasks([a_task(ids[0])])

    assert not isinstance(caught.value, UnansweredError)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "body", ["<html>", {}, {"access_token": "x"}, [], {"access_token": "x", "instance_url": "http://["}]
)
def test_a_login_without_a_token_is_a_payload_error(stand_ins: Running, body: object) -> None:
    fault(stand_ins, "odd_body", match=LOGIN, body=body, times=None)
    session = sessions.salesforce_session(stand_ins)

    with pytest.raises(PayloadError):
        session.check()
    session.close()


def test_an_unanswered_creation_that_was_carried_out_is_found_not_repeated(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    fault(stand_ins, "drop_after", match=CREATION)

    (outcome,) = crm.open_tasks([a_task(ids[0])])

    assert outcome.status is ACKNOWLEDGED
    assert len(sessions.truth(stand_ins, "salesforce", "Task")) == 1


def test_an_unanswered_creation_that_was_not_carried_out_is_unknown_not_repeated(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    fault(stand_ins, "drop_before", match=CREATION)

    (outcome,) = crm.open_tasks([a_task(ids[0])])

    assert outcome.status is OutcomeStatus.UNKNOWN
    assert sessions.truth(stand_ins, "salesforce", "Task") == []


def test_a_creation_that_was_surely_refused_for_load_is_repeated(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    body = [
        {
            "errorCode": "REQUEST_LIMIT_EXCEEDED",
            "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        }
    ]
    fault(stand_ins, "status", match=CREATION, status=403, body=body)

    (outcome,) = crm.open_tasks([a_task(ids[0])])

    assert outcome.status is ACKNOWLEDGED


def test_a_task_somebody_deleted_counts_as_opened(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    (outcome,) = crm.open_tasks([a_task(ids[0])])
    assert outcome.created_id
    client: Any = crm._session._client_ready()
    client.Task.delete(outcome.created_id)

    found = crm.find_tasks([a_task(ids[0])])

    assert found == {"a1:red:1:1:1": outcome.created_id}


def test_an_inactive_owner_is_a_rejection_with_its_code(
    crm: SalesforceCrm, stand_ins: Running, ids: list[str]
) -> None:
    (user,) = sessions.tell(
        stand_ins,
        "salesforce/records",
        {"object": "User", "records": [{"Name": "Gone", "Email": "g@x.example", "IsActive": False}]},
    )["ids"]

    (outcome,) = crm.open_tasks([a_task(ids[0], owner_id=user)])

    assert (outcome.status, outcome.code) == (REJECTED, "INACTIVE_OWNER_OR_USER")


def test_keys_with_quotes_are_escaped(crm: SalesforceCrm, ids: list[str]) -> None:
    key = "a1:it's \\ odd:1:1:1"
    crm.open_tasks([a_task(ids[0], key=key)])

    assert set(crm.find_tasks([a_task(ids[0], key=key)])) == {key}


def test_reading_the_book_follows_pages_and_parents(stand_ins: Running) -> None:
    sessions.seeded(stand_ins, "salesforce", 2_500)
    session = sessions.salesforce_session(stand_ins)

    pages = list(
        session.read_book(
            read={"name": "Name", "owner_active": "Owner.IsActive"}, written=["Health_Score__c"]
        )
    )

    assert sum(len(page) for page in pages) == 2_500
    assert len(pages) > 1
    assert set(pages[0][0].fields) == {"name", "owner_active"}
    session.close()


def test_a_field_that_cannot_be_read_is_a_rejection_with_salesforces_words(stand_ins: Running) -> None:
    session = sessions.salesforce_session(stand_ins)

    with pytest.raises(RejectedError, match="No such column"):
        list(session.read_book(read={"name": "Nonsense__c"}, written=[]))
    session.close()
