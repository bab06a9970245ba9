"""Every exception the vendor clients can raise ends in the session as one of ours."""

import inspect

import pytest
import requests
import simple_salesforce.exceptions
import urllib3.exceptions
from hubspot.crm.objects import ApiException

from connectors.crm._base import repeat
from sandbox.server import Running
from scoring.errors import CrmhealthError, PayloadError
from tests.sync.crm import canned, sessions


def classes(module: object, base: type[BaseException]) -> list[type[BaseException]]:
    return [
        thing
        for _, thing in inspect.getmembers(module, inspect.isclass)
        if issubclass(thing, base) and not issubclass(thing, Warning)
    ]


def made(kind: type[BaseException]) -> BaseException:
    """Make an exception of any class without knowing what it wants."""
    error = kind.__new__(kind)
    Exception.__init__(error, "x")
    for name, value in {
        "status": 503,
        "content": b"",
        "url": "u",
        "resource_name": "n",
        "reason": None,
    }.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    "kind",
    [
        *classes(requests.exceptions, requests.exceptions.RequestException),
        *classes(simple_salesforce.exceptions, simple_salesforce.exceptions.SalesforceError),
    ],
    ids=lambda kind: kind.__name__,
)
def test_what_simple_salesforce_raises_is_translated(stand_ins: Running, kind: type[BaseException]) -> None:
    session = sessions.salesforce_session(stand_ins)

    def call() -> None:
        raise made(kind)

    with pytest.raises(CrmhealthError):
        session._ask(call, idempotent=False)
    session.close()


@pytest.mark.parametrize(
    "kind", classes(urllib3.exceptions, urllib3.exceptions.HTTPError), ids=lambda kind: kind.__name__
)
def test_what_urllib3_raises_under_the_hubspot_client_is_translated(
    stand_ins: Running, kind: type[BaseException]
) -> None:
    session = sessions.hubspot_session(stand_ins)

    def call(**_: object) -> None:
        raise made(kind)

    with pytest.raises(CrmhealthError):
        session.ask(call, idempotent=False)
    session.close()


def test_what_the_hubspot_client_raises_is_translated(stand_ins: Running) -> None:
    session = sessions.hubspot_session(stand_ins)
    assert session.objects().batch_api

    def call(**_: object) -> None:
        raise ApiException(status=404, reason="gone")

    with pytest.raises(CrmhealthError):
        session.ask(call, idempotent=False)
    session.close()


ODD = [
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeError,
    ValueError,
]


@pytest.mark.parametrize("kind", ODD)
def test_what_a_client_trips_over_is_a_payload_error(kind: type[Exception]) -> None:
    def call(**_: object) -> None:
        raise kind("x")

    with pytest.raises(PayloadError, match=kind.__name__):
        canned.salesforce_session({})._ask(call, idempotent=False)
    with pytest.raises(PayloadError, match=kind.__name__):
        canned.hubspot_session({}).ask(call, idempotent=False)


@pytest.mark.parametrize("asked", ["nan", "inf", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_wait_that_is_no_wait_is_not_believed(stand_ins: Running, asked: str) -> None:
    waits: list[float] = []
    action = {"do": "status", "status": 429, "headers": {"Retry-After": asked}, "body": {"message": "limit"}}
    sessions.tell(stand_ins, "faults", {"system": "hubspot", "match": {}, "times": 1, "action": action})
    session = sessions.hubspot_session(stand_ins, waits)

    session.check()
    session.close()

    assert waits == [10.0]


def test_a_wait_longer_than_the_longest_is_not_waited_for() -> None:
    from scoring.errors import TransientError

    waits: list[float] = []

    def call() -> None:
        raise TransientError("crm", "later", retry_after_seconds=3600)

    with pytest.raises(TransientError):
        repeat(call, idempotent=True, sleep=waits.append, jitter=lambda: 0.0)

    assert waits == []
