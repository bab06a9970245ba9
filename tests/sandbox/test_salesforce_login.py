"""The Salesforce stand-in's front door: tokens, sessions, versions, limits."""

from datetime import datetime, timedelta

import httpx
import pytest

from sandbox.server import Running
from tests.sandbox.worlds import ACME

TOKEN_PATH = "/services/oauth2/token"


def login(running: Running, **form: str) -> httpx.Response:
    return httpx.post(
        running.urls["salesforce"] + TOKEN_PATH, data={"grant_type": "client_credentials", **form}
    )


def test_client_credentials_work_in_the_form_too(running: Running) -> None:
    answer = login(running, client_id="sandbox-key", client_secret="sandbox-secret")

    assert answer.status_code == 200
    assert answer.json()["instance_url"] == running.urls["salesforce"]
    assert answer.json()["token_type"] == "Bearer"
    assert "expires_in" not in answer.json()


@pytest.mark.parametrize(
    "form, error, description",
    [
        ({"client_id": "other", "client_secret": "x"}, "invalid_client_id", "client identifier invalid"),
        ({"client_id": "sandbox-key", "client_secret": "x"}, "invalid_client", "invalid client credentials"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant type not supported"),
    ],
)
def test_a_refused_login_is_a_400_that_names_its_error(
    running: Running, form: dict[str, str], error: str, description: str
) -> None:
    answer = login(running, **form)

    assert answer.status_code == 400
    assert answer.json() == {"error": error, "error_description": description}


def test_a_missing_run_as_user_is_an_invalid_grant(running: Running, control: httpx.Client) -> None:
    control.post("/switches", json={"salesforce": {"run_as_user": False}})

    answer = login(running, client_id="sandbox-key", client_secret="sandbox-secret")

    assert answer.json()["error_description"] == "no client credentials user enabled"


def test_a_login_can_name_another_address_of_the_org(running: Running, control: httpx.Client) -> None:
    control.post("/switches", json={"salesforce": {"instance_url": "https://moved.my.salesforce.com"}})

    answer = login(running, client_id="sandbox-key", client_secret="sandbox-secret")

    assert answer.json()["instance_url"] == "https://moved.my.salesforce.com"


def test_all_sessions_can_be_revoked_and_one_issued_without_login(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    token = control.post("/salesforce/sessions", json={"issue": True}).json()["token"]

    old = salesforce.get("/limits")
    new = salesforce.get("/limits", headers={"Authorization": f"Bearer {token}"})

    assert (old.status_code, new.status_code) == (401, 200)


def test_a_session_that_was_idle_too_long_is_invalid(salesforce: httpx.Client, control: httpx.Client) -> None:
    for _ in range(2):
        control.post("/clock", json={"advance_seconds": 7000})
        still_good = salesforce.get(f"/sobjects/Account/{ACME}")
    control.post("/clock", json={"advance_seconds": 7201})

    answer = salesforce.get(f"/sobjects/Account/{ACME}")

    assert still_good.status_code == 200
    assert answer.status_code == 401
    assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_a_request_without_a_token_has_an_invalid_header(running: Running) -> None:
    answer = httpx.get(running.urls["salesforce"] + "/services/data/v66.0/limits")

    assert answer.status_code == 401
    assert answer.json()[0]["errorCode"] == "INVALID_AUTH_HEADER"


def test_versions_are_listed_without_login_and_without_being_counted(running: Running) -> None:
    answer = httpx.get(running.urls["salesforce"] + "/services/data/")

    labels = {each["version"]: each["label"] for each in answer.json()}
    assert (labels["66.0"], labels["67.0"], labels["68.0"]) == ("Spring '26", "Summer '26", "Winter '27")
    assert "Sforce-Limit-Info" not in answer.headers


@pytest.mark.parametrize("version, status", [("v30.0", 410), ("v69.0", 404), ("v66", 404)])
def test_a_version_that_is_retired_or_unknown_is_refused(
    salesforce: httpx.Client, running: Running, version: str, status: int
) -> None:
    answer = salesforce.get(f"{running.urls['salesforce']}/services/data/{version}/limits")

    assert answer.status_code == status


def test_every_answer_tells_the_calls_used_in_24_hours(
    salesforce: httpx.Client, control: httpx.Client
) -> None:
    control.post("/salesforce/usage", json={"used": 41})
    good = salesforce.get("/limits/")
    bad = salesforce.get("/sobjects/Nothing/describe")
    control.post("/clock", json={"advance_seconds": 3600})
    salesforce.get("/limits")
    control.post("/clock", json={"now": _in_a_day(control)})
    control.post("/switches", json={"salesforce": {"session_seconds": 10**6}})

    later = salesforce.get("/limits")

    assert good.headers["Sforce-Limit-Info"] == "api-usage=42/100000"
    assert good.json()["DailyApiRequests"] == {"Max": 100000, "Remaining": 99958}
    assert (bad.status_code, bad.headers["Sforce-Limit-Info"]) == (404, "api-usage=43/100000")
    # The calls of 24 hours ago no longer count; the one made an hour after them still does.
    assert later.headers["Sforce-Limit-Info"] == "api-usage=2/100000"


def _in_a_day(control: httpx.Client) -> str:
    now = datetime.fromisoformat(control.get("/clock").json()["now"])
    return (now + timedelta(hours=23, minutes=30)).isoformat()


def test_at_the_daily_limit_every_call_is_refused(salesforce: httpx.Client, control: httpx.Client) -> None:
    control.post("/salesforce/usage", json={"used": 100_000})

    answer = salesforce.get("/limits")

    assert answer.status_code == 403
    assert answer.json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=100000/100000"


def test_an_address_of_more_than_16_kilobytes_is_too_long(salesforce: httpx.Client) -> None:
    answer = salesforce.get(
        "/query", params={"q": "SELECT Id FROM Account WHERE Name = '" + "x" * 16_500 + "'"}
    )

    assert answer.status_code == 414
    assert b"URI Too Long" in answer.content


def test_a_wrong_method_is_not_allowed_and_another_content_type_not_supported(
    salesforce: httpx.Client,
) -> None:
    wrong_method = salesforce.delete("/limits")
    wrong_type = salesforce.patch(
        f"/sobjects/Account/{ACME}", content=b"{}", headers={"Content-Type": "text/xml"}
    )

    assert (wrong_method.status_code, wrong_method.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    assert (wrong_type.status_code, wrong_type.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
