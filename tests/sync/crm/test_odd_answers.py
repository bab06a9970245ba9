"""Answers nobody foresaw: no proof is no success, a malformed page is an error of ours, nothing crashes."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.crm._base import CrmSession
from scoring.errors import CredentialsError, CrmhealthError, PayloadError, TransientError
from sync.ports import Crm
from sync.values import FieldUpdate, NewTask, Outcome, OutcomeStatus
from tests.sync.crm import canned

ACKNOWLEDGED, REJECTED, UNKNOWN = OutcomeStatus.ACKNOWLEDGED, OutcomeStatus.REJECTED, OutcomeStatus.UNKNOWN
ACME, OTHER = "001000000000001AAA", "001000000000002AAA"
KEY = "a1:red:1:1:1"
READ = {"name": "Name", "owner_id": "OwnerId", "owner_active": "Owner.IsActive"}

# The words the parsers look for, so that hostile answers get past the first look.
WORDS = st.sampled_from(
    [
        "results",
        "errors",
        "id",
        "Id",
        "properties",
        "context",
        "paging",
        "next",
        "after",
        "records",
        "done",
        "nextRecordsUrl",
        "success",
        "message",
        "category",
        "statusCode",
        "fields",
        "objectWriteTraceId",
        "ids",
        "health_task_key",
        "Health_Task_Key__c",
        "name",
        "Owner",
        "propertyName",
        "code",
        "error",
        "status",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10),
    st.floats(),
    st.sampled_from([ACME, OTHER, KEY, "", "no", "PROPERTY_DOESNT_EXIST", "a\0b", "\ud800"]),
    st.text(max_size=5),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=5)),
    max_leaves=20,
)
SHAPED = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"results": st.lists(JSON, max_size=3)}, optional={"errors": JSON, "paging": JSON, "message": JSON}
    ),
    st.fixed_dictionaries({"records": st.lists(JSON, max_size=3), "done": st.booleans()}),
    st.lists(
        st.fixed_dictionaries(
            {"success": JSON | st.booleans()}, optional={"id": SCALARS, "errors": JSON | st.lists(JSON)}
        ),
        min_size=2,
        max_size=2,
    ),
)
STATUSES = st.sampled_from([200, 200, 200, 201, 207, 300, 400, 401, 403, 404, 409, 423, 429, 500])
GATEWAYS = pytest.mark.parametrize("make", [canned.salesforce_crm, canned.hubspot_crm])
SESSIONS = pytest.mark.parametrize("make", [canned.salesforce_session, canned.hubspot_session])


def updates(*ids: str) -> list[FieldUpdate]:
    return [FieldUpdate(crm_id=crm_id, values={"health_score": 1}) for crm_id in ids]


def tasks(*keys: str) -> list[NewTask]:
    return [
        NewTask(key=key, crm_id=ACME, subject="Call", body="why", owner_id="", due_on=date(2026, 11, 24))
        for key in keys
    ]


def ended(outcomes: Sequence[Outcome]) -> list[tuple[OutcomeStatus, str]]:
    return [(outcome.status, outcome.code) for outcome in outcomes]


def attempted(write: Callable[[], Sequence[Outcome]]) -> list[str] | None:
    """Give the refs of the outcomes; None where the system as a whole cannot be used."""
    try:
        return [outcome.ref for outcome in write()]
    except (CredentialsError, TransientError):
        return None


@GATEWAYS
@given(answer=SHAPED, status=STATUSES)
def test_every_input_ends_once_whatever_the_answer(make: type[Crm], answer: object, status: int) -> None:
    crm = make(answer, status=status)  # type: ignore[call-arg]

    written = attempted(lambda: crm.write(updates(ACME, OTHER)))
    opened = attempted(lambda: crm.open_tasks(tasks(KEY, "a2")))

    assert written in (None, [ACME, OTHER])
    assert opened in (None, [KEY, "a2"])


@GATEWAYS
@given(answer=SHAPED, status=STATUSES)
def test_looking_for_tasks_finds_only_what_was_asked_for(
    make: type[Crm], answer: object, status: int
) -> None:
    crm = make(answer, status=status)  # type: ignore[call-arg]

    try:
        found = crm.find_tasks(tasks(KEY))
    except CrmhealthError:
        return

    assert set(found) <= {KEY}


@SESSIONS
@given(answers=st.lists(SHAPED, min_size=1, max_size=3), status=STATUSES)
def test_reading_ends_in_records_or_in_an_error_of_ours(
    make: type[CrmSession], answers: list[object], status: int
) -> None:
    session = make(*answers, status=status)  # type: ignore[call-arg]

    with suppress(CrmhealthError):
        for page in session.read_book(read=READ, written=["Score"]):
            assert all(record.crm_id.encode() and "\0" not in record.crm_id for record in page)
    with suppress(CrmhealthError):
        session.describe("Account")
    with suppress(CrmhealthError):
        session.check()


@pytest.mark.parametrize(
    "result",
    [
        "yes",
        None,
        [],
        {},
        {"success": True},
        {"success": True, "id": ""},
        {"success": True, "id": True},
        {"success": "true", "id": ACME},
        {"success": False},
        {"success": False, "errors": "no"},
        {"success": False, "errors": [None]},
        {"success": False, "errors": {}},
    ],
)
def test_a_salesforce_result_without_proof_is_unknown(result: object) -> None:
    crm = canned.salesforce_crm([result])

    assert ended(crm.write(updates(ACME))) == [(UNKNOWN, "NO_RESULT")]
    assert ended(canned.salesforce_crm([result], {"records": [], "done": True}).open_tasks(tasks(KEY))) == [
        (UNKNOWN, "NO_RESULT")
    ]


def test_a_salesforce_update_that_names_another_record_proves_nothing() -> None:
    crm = canned.salesforce_crm([{"success": True, "id": OTHER, "errors": []}])

    assert ended(crm.write(updates(ACME))) == [(UNKNOWN, "WRONG_ID")]


@pytest.mark.parametrize("shown", [ACME, ACME[:15]])
def test_a_salesforce_id_is_the_same_in_its_short_and_its_long_form(shown: str) -> None:
    crm = canned.salesforce_crm([{"success": True, "id": shown, "errors": []}])

    assert ended(crm.write(updates(ACME))) == [(ACKNOWLEDGED, "")]


def test_a_salesforce_creation_may_give_any_id() -> None:
    crm = canned.salesforce_crm([{"success": True, "id": "00T000000000009", "errors": []}])

    (outcome,) = crm.open_tasks(tasks(KEY))

    assert (outcome.status, outcome.created_id) == (ACKNOWLEDGED, "00T000000000009")


def test_a_salesforce_refusal_with_odd_fields_keeps_its_code() -> None:
    error = {"statusCode": "STRING_TOO_LONG", "message": "too\0 long", "fields": {"0": "x"}}

    (outcome,) = canned.salesforce_crm([{"success": False, "errors": [error]}]).write(updates(ACME))

    assert (outcome.status, outcome.code, outcome.message, outcome.field) == (
        REJECTED,
        "STRING_TOO_LONG",
        "too long",
        None,
    )


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"results": None},
        {"results": [{}]},
        {"results": [None]},
        {"results": {"id": ACME}},
        {"results": [{"id": {"x": 1}}]},
        {"results": [{"id": True}]},
        {"results": [], "errors": [None]},
        {"results": [], "errors": "x"},
        {"results": [], "errors": [{"context": [ACME]}]},
        {"results": [], "errors": [{"context": {"ids": ACME}}]},
        {"results": [], "errors": [{"context": {"ids": [None, {}]}}]},
    ],
)
def test_a_hubspot_answer_without_proof_is_unknown(answer: object) -> None:
    crm = canned.hubspot_crm(answer)

    assert ended(crm.write(updates(ACME))) == [(UNKNOWN, "NO_RESULT")]
    assert ended(crm.open_tasks(tasks(KEY))) == [(UNKNOWN, "NO_RESULT")]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"results": None},
        {"results": [{}]},
        {"results": [None]},
        {"results": [{"id": 1, "properties": {}}]},
    ],
)
def test_a_hubspot_search_that_cannot_be_read_is_not_taken_for_no_task(answer: object) -> None:
    with pytest.raises(PayloadError):
        canned.hubspot_crm(answer).find_tasks(tasks(KEY))


@pytest.mark.parametrize("record", [None, "x", {}, {"Id": ACME}, {"Health_Task_Key__c": KEY}])
def test_a_salesforce_search_that_cannot_be_read_is_not_taken_for_no_task(record: object) -> None:
    with pytest.raises(PayloadError):
        canned.salesforce_crm({"records": [record], "done": True}).find_tasks(tasks(KEY))


@pytest.mark.parametrize(
    "page",
    [
        {"results": [None]},
        {"results": ["x"]},
        {"results": [{}]},
        {"results": [{"id": None, "properties": {}}]},
        {"results": [{"id": "1"}]},
        {"results": [{"id": "1", "properties": []}]},
        {"results": [], "paging": "x"},
        {"results": [], "paging": []},
        {"results": [], "paging": {"next": []}},
        {"results": [], "paging": {"next": {}}},
        {"results": [], "paging": {"next": {"after": {}}}},
        {"results": [], "paging": {"next": {"after": "7"}}},
    ],
)
def test_a_malformed_page_of_companies_is_a_payload_error(page: object) -> None:
    with pytest.raises(PayloadError):
        list(canned.hubspot_session(page).read_book(read={"name": "name"}, written=[]))


@pytest.mark.parametrize(
    "page",
    [
        {"records": [None], "done": True},
        {"records": ["x"], "done": True},
        {"records": [{}], "done": True},
        {"records": [{"Id": None}], "done": True},
        {"records": []},
        {"records": [], "done": "yes"},
        {"records": [], "done": False},
        {"records": [], "done": False, "nextRecordsUrl": "/services/data/v66.0/query/01g-1"},
    ],
)
def test_a_malformed_page_of_accounts_is_a_payload_error(page: object) -> None:
    with pytest.raises(PayloadError):
        list(canned.salesforce_session(page).read_book(read={"name": "Name"}, written=[]))


def test_pages_that_go_in_a_wider_circle_are_noticed() -> None:
    one = {"results": [], "paging": {"next": {"after": "1"}}}
    two = {"results": [], "paging": {"next": {"after": "2"}}}

    with pytest.raises(PayloadError, match="circles"):
        list(canned.hubspot_session(one, two, one).read_book(read={}, written=[]))


def test_text_no_database_takes_ends_in_the_session() -> None:
    account = {"Id": ACME, "Name": "A\0c\ud83dme", "Health_Reasons__c": "\0"}
    company = {"id": "7\0", "properties": {"name": "A\0c\ud83dme", "health_reasons": "\0"}}
    salesforce = canned.salesforce_session({"records": [account], "done": True})
    hubspot = canned.hubspot_session({"results": [company]})

    ((of_salesforce,),) = salesforce.read_book(read={"name": "Name"}, written=["Health_Reasons__c"])
    ((of_hubspot,),) = hubspot.read_book(read={"name": "name"}, written=["health_reasons"])

    assert (of_salesforce.fields, of_salesforce.shown) == ({"name": "Ac\ufffdme"}, {"Health_Reasons__c": ""})
    assert (of_hubspot.crm_id, of_hubspot.fields) == ("7", {"name": "Ac\ufffdme"})
    assert of_hubspot.shown == {"health_reasons": ""}


@pytest.mark.parametrize("body", [b"7", b"null", b"true"])
def test_an_answer_that_is_no_object_at_all_is_unknown(body: bytes) -> None:
    assert [status for status, _ in ended(canned.salesforce_crm(body).write(updates(ACME)))] == [UNKNOWN]
