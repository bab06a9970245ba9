"""The ASGI application in front of all stand-ins: reads requests, lets faults strike, answers, keeps the log.

The port a request arrived at decides which stand-in answers. Paths under `/_sandbox/` belong to the control
API on every port; faults do not strike there and nothing there is counted. Decides nothing about any vendor.
"""

import asyncio
import gzip
from asyncio import Transport
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox import control
from sandbox.core import Core, System
from sandbox.faults import Action, Refusal
from sandbox.wire import Answer, Request

WEB_PAGE = (
    b"<html><head><title>Please wait</title></head><body><h1>We are setting things up.</h1></body></html>"
)
RECORD_ACTIONS = ("lock_row", "reject_record")
FINAL_ACTIONS = ("drop_before", "drop_after", "status", "odd_body", "empty_results")


class SandboxApp:
    """One application for all ports."""

    def __init__(self, core: Core, ports: Mapping[int, str]) -> None:
        self._core = core
        self._ports = ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or close its connection."""
        try:
            request = await _read(scope, receive)
        except ClientDisconnect:
            return
        system = self._core.systems[self._ports[scope["server"][1]]]
        if request.path.startswith(control.PREFIX):
            with self._core.lock:
                answer: Answer | None = control.answer(self._core, request, self._urls(scope))
        else:
            answer = await self._strike_and_answer(system, request, _target(scope))
        if answer is None:
            await _hang_up(scope, receive)
            return
        headers = {"content-type": answer.content_type, **answer.headers}
        body = b"" if request.method == "HEAD" else answer.payload()
        await Response(body, status_code=answer.status, headers=headers)(scope, receive, send)

    def _urls(self, scope: Scope) -> dict[str, str]:
        host = scope["server"][0]
        return {name: f"http://{host}:{port}" for port, name in self._ports.items()}

    async def _strike_and_answer(self, system: System, request: Request, target: str) -> Answer | None:
        core = self._core
        with core.lock:
            actions = core.faults.strike(system.name, request.method, target, request.body)
        refusals = [Refusal(action=action) for action in actions if action.do in RECORD_ACTIONS]
        final = next((action for action in actions if action.do in FINAL_ACTIONS), None)
        if refusals:
            request = replace(request, refusals=refusals)
        answer: Answer | None = None
        changed = 0
        for action in actions:
            if action.do == "expire_session":
                with core.lock:
                    system.expire_session(request)
            elif action.do == "delay":
                if action.commit and answer is None:
                    answer, changed = self._carry_out(system, request)
                await asyncio.sleep(action.seconds)
        if answer is None and (final is None or final.commit or final.do == "drop_after"):
            answer, changed = self._carry_out(system, request)
        if final is not None:
            answer = _struck(system, request, final)
        assert answer is not None or final is not None
        with core.lock:
            core.log.add(
                at=core.clock.now().isoformat(),
                system=system.name,
                kind=system.kind(request),
                method=request.method,
                path=target,
                status=None if answer is None else answer.status,
                changed=changed,
                struck_by=[action.do for action in actions],
            )
        return answer

    def _carry_out(self, system: System, request: Request) -> tuple[Answer, int]:
        with self._core.lock:
            before = system.changes
            answer = system.answer(request)
            return answer, system.changes - before


def _struck(system: System, request: Request, action: Action) -> Answer | None:
    if action.do in ("drop_before", "drop_after"):
        return None
    if action.do == "empty_results":
        return system.empty(request)
    if action.do == "odd_body":
        return _scripted(200, action, WEB_PAGE)
    if action.body is None:
        usual = system.failure(action)
        return Answer(
            status=usual.status,
            body=usual.body,
            headers={**usual.headers, **action.headers},
            content_type=usual.content_type,
        )
    return _scripted(action.status, action, b"")


def _scripted(status: int, action: Action, default: bytes) -> Answer:
    body = default if action.body is None else action.body
    if isinstance(body, str):
        body = body.encode()
    kind = "text/html;charset=UTF-8" if isinstance(body, bytes) else "application/json;charset=UTF-8"
    headers = {name.lower(): str(value) for name, value in action.headers.items()}
    return Answer(status=status, body=body, headers=headers, content_type=headers.pop("content-type", kind))


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    path: str = scope["raw_path"].decode("latin-1")
    return f"{path}?{query}" if query else path


async def _read(scope: Scope, receive: Receive) -> Request:
    incoming = HttpRequest(scope, receive)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    host, port = scope["server"]
    body = await incoming.body()
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    path = scope["raw_path"].decode("latin-1")
    return Request(
        method=scope["method"],
        path=path.rstrip("/") or "/",
        query=parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True),
        headers=headers,
        body=body,
        base_url=f"http://{host}:{port}",
        target_bytes=len(_target(scope)) + sum(len(name) + len(value) + 4 for name, value in headers.items()),
    )


async def _hang_up(scope: Scope, receive: Receive) -> None:
    """Close the connection without a byte; the server puts its transport into the state of the scope."""
    transport: Transport = scope["state"]["transport"]
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
