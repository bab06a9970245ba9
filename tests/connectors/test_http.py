"""The one HTTP client, with the wire faked by respx."""

import inspect
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import respx
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from connectors._policy import Budget, Policy, ResetUnit, server_wait_seconds
from connectors.http import Auth, BaseUrl, Basic, Bearer, Header, Http, Purpose
from scoring.errors import (
    CredentialsError,
    CrmhealthError,
    PayloadError,
    RejectedError,
    TransientError,
    UnansweredError,
)
from tests.connectors.fakes import NOW, FakeTime, a_context

BASE = "https://api.example.com/v1/"
TICKETS = Purpose(stream="tickets", permission="an administrator's token")
TOKEN = "tok-3f9a"


class Answer(BaseModel):
    """A shape for tests."""

    value: int
    next: str | None = None


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def wire() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        yield router


@pytest.fixture
def http(time: FakeTime) -> Iterator[Http]:
    client = a_client(time)
    yield client
    client.close()


def a_client(time: FakeTime, policy: Policy | None = None, *, jitter: float = 0.0) -> Http:
    auth = Bearer(token=SecretStr(TOKEN))
    context = a_context(time=time, jitter=jitter)
    return Http(system="support", base_url=BASE, auth=auth, context=context, policy=policy)


def test_an_answer_comes_in_its_shape(http: Http, wire: respx.MockRouter) -> None:
    route = wire.get("things", params={"limit": "5"}).respond(json={"value": 7})

    answer = http.get("things", Answer, TICKETS, {"limit": 5})

    assert answer.value == 7
    assert route.calls.last.request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(
    http: Http, wire: respx.MockRouter, time: FakeTime, status: int
) -> None:
    wire.get("things").mock(side_effect=[httpx.Response(status), httpx.Response(200, json={"value": 1})])

    assert http.get("things", Answer, TICKETS).value == 1
    assert len(time.slept) == 1


@pytest.mark.parametrize("status", [400, 405, 410, 422])
def test_a_refusal_is_not_tried_again(
    http: Http, wire: respx.MockRouter, time: FakeTime, status: int
) -> None:
    route = wire.get("things").respond(
        status, json={"error": "InvalidValue", "description": "no such filter"}
    )

    with pytest.raises(RejectedError) as caught:
        http.get("things", Answer, TICKETS)

    assert caught.value.code == f"http_{status}"
    assert caught.value.detail == "InvalidValue: no such filter"
    assert route.call_count == 1
    assert time.slept == []


def test_attempts_are_bounded_on_429_too(http: Http, wire: respx.MockRouter) -> None:
    route = wire.get("things").respond(429, headers={"Retry-After": "1"})

    with pytest.raises(TransientError) as caught:
        http.get("things", Answer, TICKETS)

    assert route.call_count == Policy().attempts
    assert caught.value.status == 429
    assert caught.value.retry_after_seconds == 1


def test_waits_double_and_jitter_only_shortens_them(wire: respx.MockRouter) -> None:
    calm, lively = FakeTime(), FakeTime()
    wire.get("things").respond(503)

    for time, jitter in ((calm, 0.0), (lively, 0.999)):
        client = a_client(time, jitter=jitter)
        with pytest.raises(TransientError):
            client.get("things", Answer, TICKETS)
        client.close()

    assert calm.slept == [0.25, 0.5, 1.0, 2.0]
    assert lively.slept == pytest.approx([0.5, 1.0, 2.0, 4.0], rel=0.01)


@pytest.mark.parametrize(
    "retry_after, seconds",
    [("7", 7.0), (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9.0), ("0", 0.0)],
)
def test_a_server_gets_the_wait_it_asks_for(
    http: Http, wire: respx.MockRouter, time: FakeTime, retry_after: str, seconds: float
) -> None:
    wire.get("things").mock(
        side_effect=[
            httpx.Response(429, headers={"Retry-After": retry_after}),
            httpx.Response(200, json={"value": 1}),
        ]
    )

    http.get("things", Answer, TICKETS)

    assert time.slept == [seconds]


def test_a_server_that_asks_for_too_long_a_wait_is_left_alone(
    http: Http, wire: respx.MockRouter, time: FakeTime
) -> None:
    route = wire.get("things").respond(429, headers={"Retry-After": "3600"})

    with pytest.raises(TransientError) as caught:
        http.get("things", Answer, TICKETS)

    assert caught.value.retry_after_seconds == 3600
    assert route.call_count == 1
    assert time.slept == []


@pytest.mark.parametrize(
    "unit, text, seconds",
    [
        ("delta", "53", 53.0),
        ("epoch", str(int(NOW.timestamp()) + 30), 30.0),
        ("instant", "2026-11-21T12:15Z", 900.0),
        ("instant", "2026-11-21T12:15", 900.0),
        ("epoch", str(int(NOW.timestamp()) - 30), 0.0),
        ("delta", "soon", None),
        ("epoch", "-5", None),
        ("instant", "soon", None),
        ("delta", "inf", None),
        ("delta", "nan", None),
    ],
)
def test_a_reset_header_is_read_in_its_vendors_unit(
    unit: ResetUnit, text: str, seconds: float | None
) -> None:
    policy = Policy(reset_headers=(("x-reset", unit),))

    assert server_wait_seconds(httpx.Headers({"X-Reset": text}), policy, NOW) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "1e9", "Wed, 99 Nov 2026 12:00:00 GMT", ""])
def test_an_unreadable_wait_is_none(text: str) -> None:
    assert server_wait_seconds(httpx.Headers({"Retry-After": text}), Policy(), NOW) is None


def test_retry_after_comes_before_the_reset_header() -> None:
    headers = httpx.Headers({"Retry-After": "3", "x-reset": "50"})

    assert server_wait_seconds(headers, Policy(reset_headers=(("x-reset", "delta"),)), NOW) == 3


def test_a_date_is_compared_with_the_servers_own_clock() -> None:
    wrong_by_a_day = NOW + timedelta(days=1)
    headers = httpx.Headers(
        {
            "Date": format_datetime(NOW, usegmt=True),
            "Retry-After": format_datetime(NOW + timedelta(seconds=20), usegmt=True),
        }
    )

    assert server_wait_seconds(headers, Policy(), wrong_by_a_day) == 20


@pytest.mark.parametrize(
    "status, verdict, calls", [(400, "true", 5), (409, "false", 1), (500, "false", 1), (500, "", 5)]
)
def test_a_vendors_verdict_overrules_the_status(
    time: FakeTime, wire: respx.MockRouter, status: int, verdict: str, calls: int
) -> None:
    client = a_client(time, Policy(retry_verdict_header="Should-Retry"))
    route = wire.get("things").respond(status, headers={"Should-Retry": verdict})

    with pytest.raises(CrmhealthError):
        client.get("things", Answer, TICKETS)
    client.close()

    assert route.call_count == calls


def test_a_refused_login_is_not_tried_again(http: Http, wire: respx.MockRouter) -> None:
    route = wire.get("things").respond(401, json={"error": f"bad token {TOKEN}"})

    with pytest.raises(CredentialsError) as caught:
        http.get("things", Answer, TICKETS)

    assert route.call_count == 1
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("status", [403, 404])
def test_a_forbidden_stream_is_named_with_what_it_needs(
    http: Http, wire: respx.MockRouter, status: int
) -> None:
    wire.get("things").respond(status, json={"error": {"title": "Forbidden"}})

    with pytest.raises(RejectedError) as caught:
        http.get("things", Answer, TICKETS)

    assert caught.value.field == "tickets"
    assert caught.value.detail == (
        "stream 'tickets' needs an administrator's token; the system said: Forbidden"
    )


def test_a_secret_that_is_quoted_back_does_not_reach_the_error(http: Http, wire: respx.MockRouter) -> None:
    wire.get("things").respond(400, json={"error": {"message": f"Invalid API key: {TOKEN}"}})

    with pytest.raises(RejectedError) as caught:
        http.get("things", Answer, TICKETS)

    assert caught.value.detail == "Invalid API key: ***"


def test_query_strings_are_neither_logged_nor_in_errors(
    http: Http, wire: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wire.get("things").mock(side_effect=httpx.ReadTimeout(f"GET {BASE}things?cursor=s3cret"))

    with pytest.raises(TransientError) as caught:
        http.get("things", Answer, TICKETS, {"cursor": "s3cret"})

    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("body", [b"", b"  ", b"<html>down for maintenance</html>", b'{"value": 1'])
def test_what_is_not_json_is_tried_again_and_then_a_payload_error(
    http: Http, wire: respx.MockRouter, body: bytes
) -> None:
    route = wire.get("things").respond(200, content=body)

    with pytest.raises(PayloadError):
        http.get("things", Answer, TICKETS)

    assert route.call_count == Policy().attempts


@pytest.mark.parametrize("body", [b"[]", b'{"value": "many"}', b"{}", b'"x"', b"null"])
def test_another_shape_is_a_payload_error_at_once(http: Http, wire: respx.MockRouter, body: bytes) -> None:
    route = wire.get("things").respond(content=body)

    with pytest.raises(PayloadError) as caught:
        http.get("things", Answer, TICKETS)

    assert route.call_count == 1
    assert "many" not in str(caught.value)


def test_a_payload_error_says_where(http: Http, wire: respx.MockRouter) -> None:
    class Listing(BaseModel):
        """A nested shape."""

        items: list[Answer]

    wire.get("things").respond(json={"items": [{"value": 1}, {"value": "x"}]})

    with pytest.raises(PayloadError) as caught:
        http.get("things", Listing, TICKETS)

    assert caught.value.path == "items.1.value"


def test_an_endless_answer_is_cut_off(time: FakeTime, wire: respx.MockRouter) -> None:
    client = a_client(time, Policy(answer_bytes=100))
    wire.get("things").respond(content=b'{"value": ' + b"1" * 200 + b"}")

    with pytest.raises(PayloadError, match="more than 100 bytes"):
        client.get("things", Answer, TICKETS)
    client.close()


def test_an_answer_that_drips_is_given_up(time: FakeTime, wire: respx.MockRouter) -> None:
    class Drip(httpx.SyncByteStream):
        """A byte a minute."""

        def __iter__(self) -> Iterator[bytes]:
            while True:
                time.seconds += 60
                yield b" "

    wire.get("things").mock(side_effect=lambda request: httpx.Response(200, stream=Drip()))
    client = a_client(time, Policy(attempts=2))

    with pytest.raises(TransientError, match="took too long"):
        client.get("things", Answer, TICKETS)
    client.close()


def test_redirects_are_not_followed(http: Http, wire: respx.MockRouter) -> None:
    wire.get("things").respond(302, headers={"Location": "https://evil.example/"})

    with pytest.raises(RejectedError, match="base_url"):
        http.get("things", Answer, TICKETS)


def test_a_post_is_repeated_only_as_a_pure_read(http: Http, wire: respx.MockRouter) -> None:
    route = wire.post("search").mock(side_effect=httpx.ReadTimeout("late"))

    with pytest.raises(UnansweredError):
        http.post("search", Answer, TICKETS, {"q": 1}, pure_read=False)
    assert route.call_count == 1

    with pytest.raises(TransientError) as caught:
        http.post("search", Answer, TICKETS, {"q": 1}, pure_read=True)
    assert route.call_count == 1 + Policy().attempts
    assert not isinstance(caught.value, UnansweredError)


def httpx_exceptions() -> list[type[Exception]]:
    """List every exception class httpx exports."""
    return sorted(
        {value for value in vars(httpx).values() if inspect.isclass(value) and issubclass(value, Exception)},
        key=lambda value: value.__name__,
    )


def raised(exception: type[Exception]) -> Exception:
    """Make an instance of any of them."""
    if issubclass(exception, httpx.HTTPStatusError):
        request = httpx.Request("GET", BASE)
        return exception("x", request=request, response=httpx.Response(500, request=request))
    if issubclass(
        exception, (httpx.StreamConsumed, httpx.StreamClosed, httpx.ResponseNotRead, httpx.RequestNotRead)
    ):
        return exception()
    return exception(f"secret {TOKEN}")


def test_there_are_exceptions_to_walk() -> None:
    assert len(httpx_exceptions()) > 20


@pytest.mark.parametrize("exception", httpx_exceptions(), ids=lambda value: value.__name__)
def test_no_exception_of_httpx_leaves_the_client(
    http: Http, wire: respx.MockRouter, exception: type[Exception]
) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise raised(exception)

    wire.get("things").mock(side_effect=fail)

    with pytest.raises(CrmhealthError) as caught:
        http.get("things", Answer, TICKETS)

    assert TOKEN not in str(caught.value)


def test_a_dropped_connection_is_tried_again(http: Http, wire: respx.MockRouter) -> None:
    wire.get("things").mock(
        side_effect=[httpx.RemoteProtocolError("gone"), httpx.Response(200, json={"value": 1})]
    )

    assert http.get("things", Answer, TICKETS).value == 1


def following(page: Answer) -> tuple[str, dict[str, str | int]] | None:
    """Go where the page says."""
    return (page.next, {}) if page.next else None


def test_pages_are_followed_to_the_end(http: Http, wire: respx.MockRouter) -> None:
    wire.get("things", params={"after": "b"}).respond(json={"value": 2})
    wire.get("things").respond(json={"value": 1, "next": f"{BASE}things?after=b"})

    pages = http.pages(("things", {}), Answer, TICKETS, following)

    assert [page.value for page in pages] == [1, 2]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1/things",
        "http://api.example.com/v1/things",
        "https://api.example.com:8443/v1/things",
        "//evil.example/things",
        "https://me:pw@api.example.com/v1/things",
        "https://api.example.com.evil.example/",
        "https://[broken/",
    ],
)
def test_a_link_to_another_place_is_refused(http: Http, wire: respx.MockRouter, link: str) -> None:
    wire.get("things").respond(json={"value": 1, "next": link})
    elsewhere = wire.route(url__regex=".*").respond(json={"value": 2})

    with pytest.raises(PayloadError):
        list(http.pages(("things", {}), Answer, TICKETS, following))

    assert elsewhere.call_count == 0


def test_a_page_that_comes_round_again_is_an_error(http: Http, wire: respx.MockRouter) -> None:
    wire.get("things").respond(json={"value": 1, "next": "things?after=a"})

    seen: list[Answer] = []
    with pytest.raises(PayloadError, match="read before"):
        seen.extend(http.pages(("things", {}), Answer, TICKETS, following))

    assert len(seen) == 2


def test_too_many_pages_are_an_error_not_an_end(time: FakeTime, wire: respx.MockRouter) -> None:
    numbers = iter(range(1_000))
    wire.get("things").mock(
        side_effect=lambda _: httpx.Response(200, json={"value": 1, "next": f"things?after={next(numbers)}"})
    )
    client = a_client(time, Policy(pages=7))

    with pytest.raises(PayloadError, match="more than 7 pages"):
        list(client.pages(("things", {}), Answer, TICKETS, following))
    client.close()


def test_a_budget_is_kept_in_any_window(time: FakeTime) -> None:
    budget = Budget(10, 60, a_context(time=time))
    sent = []

    for _ in range(35):
        budget.wait()
        sent.append(time.seconds)
        time.seconds += 0.5

    assert all(later - earlier >= 60 for earlier, later in zip(sent, sent[10:], strict=False))
    assert sent[34] - sent[0] < 3 * 60 + 10


def test_repeated_requests_count_in_the_budget(time: FakeTime, wire: respx.MockRouter) -> None:
    client = a_client(time, Policy(budgets={"export": (2, 60)}))
    wire.get("things").respond(500)

    with pytest.raises(TransientError):
        client.get("things", Answer, Purpose(stream="tickets", permission="", budget="export"))
    client.close()

    assert sum(time.slept) >= 120  # 5 attempts, 2 a minute


def test_nothing_is_sent_once_the_daemon_is_asked_to_stop(wire: respx.MockRouter) -> None:
    route = wire.get("things").respond(json={"value": 1})
    context = a_context(stopping=True)
    client = Http(system="support", base_url=BASE, auth=Bearer(token=SecretStr(TOKEN)), context=context)

    with pytest.raises(TransientError, match="asked to stop"):
        client.get("things", Answer, TICKETS)
    client.close()

    assert route.call_count == 0


def test_each_way_to_log_in_sends_its_header(wire: respx.MockRouter) -> None:
    route = wire.get("things").respond(json={"value": 1})
    ways: list[tuple[Auth, str, str]] = [
        (
            Basic(user=SecretStr("ann/token"), password=SecretStr("pw")),
            "authorization",
            "Basic YW5uL3Rva2VuOnB3",
        ),
        (Basic(user=SecretStr("key"), password=SecretStr("")), "authorization", "Basic a2V5Og=="),
        (Header(name="X-Key", value=SecretStr("k")), "x-key", "k"),
    ]

    for auth, header, value in ways:
        client = Http(system="support", base_url=BASE, auth=auth, context=a_context())
        client.get("things", Answer, TICKETS)
        client.close()
        assert route.calls.last.request.headers[header] == value


@pytest.mark.parametrize("token", ["abc\n", "schlüssel", " abc", "a\x00b"])
def test_a_secret_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        Http(system="support", base_url=BASE, auth=Bearer(token=SecretStr(token)), context=a_context())

    assert token.strip() not in str(caught.value)


def test_cookies_are_not_kept(http: Http, wire: respx.MockRouter) -> None:
    route = wire.get("things").respond(json={"value": 1}, headers={"Set-Cookie": "session=1; Path=/"})

    http.get("things", Answer, TICKETS)
    http.get("things", Answer, TICKETS)

    assert "cookie" not in route.calls.last.request.headers


BASE_URL: TypeAdapter[str] = TypeAdapter(BaseUrl)


@pytest.mark.parametrize("url", ["https://acme.zendesk.com", "http://127.0.0.1:8080/", "http://localhost:1"])
def test_an_address_ends_in_a_slash(url: str) -> None:
    assert BASE_URL.validate_python(url) == url.rstrip("/") + "/"


@pytest.mark.parametrize(
    "url", ["acme.zendesk.com", "http://acme.zendesk.com", "ftp://x", "https://a:b@c/", "https://c/?q=1", ""]
)
def test_an_address_that_would_expose_credentials_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        BASE_URL.validate_python(url)


def test_a_server_error_outside_the_list_is_transient_but_not_repeated(
    http: Http, wire: respx.MockRouter
) -> None:
    route = wire.get("things").respond(501)

    with pytest.raises(TransientError):
        http.get("things", Answer, TICKETS)

    assert route.call_count == 1


def test_instants_compared_are_aware() -> None:
    assert (
        server_wait_seconds(
            httpx.Headers({"Retry-After": "Sat, 21 Nov 2026 12:00:05 -0000"}),
            Policy(),
            datetime(2026, 11, 21, 12, tzinfo=UTC),
        )
        == 5
    )
