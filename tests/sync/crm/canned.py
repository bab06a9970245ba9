"""Sessions whose vendor client is real and whose wire is not: every request gets the answers given here."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import requests
import urllib3
from pydantic import SecretStr
from requests.adapters import BaseAdapter

from connectors.crm import hubspot, salesforce
from sync.crm.hubspot import HubspotCrm
from sync.crm.salesforce import SalesforceCrm
from tests.sync.crm.sessions import context

TOKEN = {"access_token": "00Dx!AQ", "instance_url": "https://acme.my.salesforce.com"}


def as_bytes(answer: object) -> bytes:
    """Write an answer as JSON, bytes as they are; lone surrogates and NUL included."""
    return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


class _Wire(BaseAdapter):
    """Answers logins with a token and everything else with what is given, the last one again and again."""

    def __init__(self, answers: Sequence[object], status: int) -> None:
        super().__init__()
        self._answers = _repeated(answers)
        self._status = status

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        login = str(request.url).endswith("/oauth2/token")
        response = requests.Response()
        response.status_code = 200 if login else self._status
        response._content = as_bytes(TOKEN if login else next(self._answers))
        response.url = str(request.url)
        response.request = request
        return response

    def close(self) -> None:
        """Do nothing."""


class _Pool:
    """Stands where the HubSpot client keeps its urllib3 pool."""

    def __init__(self, answers: Iterator[object], status: int) -> None:
        self._answers = answers
        self._status = status
        self.requests: list[str] = []

    def request(self, method: str, url: str, **_: Any) -> urllib3.HTTPResponse:
        """Answer."""
        self.requests.append(f"{method} {url}")
        return urllib3.HTTPResponse(body=as_bytes(next(self._answers)), status=self._status)

    def clear(self) -> None:
        """Do nothing."""


class _CannedHubspot(hubspot.HubspotSession):
    pool: _Pool

    def _make_api(self, package: Any, api_name: str, config: object) -> Any:
        api = super()._make_api(package, api_name, config)
        api.api_client.rest_client.pool_manager = self.pool
        return api


def _repeated(answers: Sequence[object]) -> Iterator[object]:
    return itertools.chain(answers, itertools.repeat(answers[-1]))


def salesforce_session(*answers: object, status: int = 200) -> salesforce.SalesforceSession:
    """Make a session with an org that gives these answers."""
    settings = salesforce.Settings.model_construct(
        url="https://acme.my.salesforce.com", client_id=SecretStr("key"), client_secret=SecretStr("secret")
    )
    session = salesforce.SalesforceSession(settings=settings, context=context("salesforce"))
    session._http.mount("https://", _Wire(answers, status))
    return session


def salesforce_crm(*answers: object, status: int = 200) -> SalesforceCrm:
    """Make a gateway to an org that gives these answers."""
    return SalesforceCrm(
        salesforce_session(*answers, status=status),
        key_field="Health_Task_Key__c",
        sleep=lambda _: None,
        jitter=lambda: 0.5,
    )


def hubspot_session(*answers: object, status: int = 200) -> _CannedHubspot:
    """Make a session with a portal that gives these answers."""
    settings = hubspot.Settings.model_construct(token=SecretStr("token"), settle_seconds=60.0)
    session = _CannedHubspot(settings=settings, context=context("hubspot"))
    session.pool = _Pool(_repeated(answers), status)
    return session


def hubspot_crm(*answers: object, status: int = 200) -> HubspotCrm:
    """Make a gateway to a portal that gives these answers; the task key is not unique there."""
    crm = HubspotCrm(hubspot_session(*answers, status=status), key_property="health_task_key")
    crm._unique_key = False
    return crm
