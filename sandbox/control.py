"""The control API under `/_sandbox/`: look at and steer the stand-ins from outside.

Works on every port. Takes and gives JSON; a mistake is a 400 with a sentence. It sees and sets the truth,
past the permissions, limits and validations of the APIs that clients use.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sandbox.clock import instant
from sandbox.core import ControlError, Core, Life
from sandbox.faults import read_fault
from sandbox.wire import Answer, BodyError, Request, find, route

PREFIX = "/_sandbox"


def answer(core: Core, request: Request, urls: Mapping[str, str]) -> Answer:
    """Carry out one control request."""
    steering = _Steering(core, urls)
    found = find(steering.routes(), request)
    if found.route is None:
        status = 405 if found.other_methods else 404
        return Answer(status=status, body={"error": f"no {request.method} {request.path}"})
    try:
        return found.route.answer(request, found.params)
    except (ControlError, BodyError, ValueError, TypeError, KeyError) as exc:
        return Answer(status=400, body={"error": f"{type(exc).__name__}: {exc}"})


class _Steering:
    """The endpoints, bound to one core."""

    def __init__(self, core: Core, urls: Mapping[str, str]) -> None:
        self._core = core
        self._urls = urls

    def routes(self) -> list[Any]:
        return [
            route("GET", "/_sandbox/status", "read", self._status),
            route("GET", "/_sandbox/requests", "read", self._requests),
            route("DELETE", "/_sandbox/requests", "write", self._forget_requests),
            route("GET", "/_sandbox/clock", "read", self._clock),
            route("POST", "/_sandbox/clock", "write", self._set_clock),
            route("GET", "/_sandbox/faults", "read", self._faults),
            route("POST", "/_sandbox/faults", "write", self._add_faults),
            route("DELETE", "/_sandbox/faults", "write", self._clear_faults),
            route("GET", "/_sandbox/switches", "read", self._switches),
            route("POST", "/_sandbox/switches", "write", self._set_switches),
            route("POST", "/_sandbox/snapshot", "write", self._snapshot),
            route("POST", "/_sandbox/restore", "write", self._restore),
            route("GET", "/_sandbox/world", "read", self._world),
            route("POST", "/_sandbox/world/advance", "write", self._advance),
            route("GET", "/_sandbox/{system}/records", "read", self._records),
            route("POST", "/_sandbox/{system}/records", "write", self._seed),
            route("POST", "/_sandbox/{system}/{what}", "write", self._steer),
        ]

    def _status(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        return Answer(
            body={
                "urls": dict(self._urls),
                "now": self._core.clock.now().isoformat(),
                "frozen": self._core.clock.frozen,
                "requests": self._counts(),
            }
        )

    def _counts(self) -> dict[str, dict[str, int]]:
        return self._core.log.counts(list(self._core.systems))

    def _requests(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        return Answer(body={"counts": self._counts(), "latest": self._core.log.latest()})

    def _forget_requests(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        self._core.log.reset()
        return Answer(status=204)

    def _clock(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        clock = self._core.clock
        return Answer(body={"now": clock.now().isoformat(), "frozen": clock.frozen})

    def _set_clock(self, request: Request, params: Mapping[str, str]) -> Answer:
        wanted = _object(request, {"now", "advance_seconds", "frozen"})
        clock = self._core.clock
        if "frozen" in wanted:
            clock.set(clock.now(), frozen=bool(wanted["frozen"]))
        if "now" in wanted:
            clock.set(instant(wanted["now"]))
        if "advance_seconds" in wanted:
            clock.advance(float(wanted["advance_seconds"]))
        return self._clock(request, params)

    def _faults(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        return Answer(body={"faults": self._core.faults.listed()})

    def _add_faults(self, request: Request, params: Mapping[str, str]) -> Answer:
        wanted = request.json
        if isinstance(wanted, dict) and "faults" in wanted:
            wanted = wanted["faults"]
        specs = wanted if isinstance(wanted, list) else [wanted]
        faults = [read_fault(spec) for spec in specs]
        for fault in faults:
            if fault.system:
                self._core.system(fault.system)
        self._core.faults.add(*faults)
        return self._faults(request, params)

    def _clear_faults(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        self._core.faults.clear()
        return Answer(status=204)

    def _switches(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        return Answer(body={name: system.switch({}) for name, system in self._core.systems.items()})

    def _set_switches(self, request: Request, params: Mapping[str, str]) -> Answer:
        for name, changes in _object(request).items():
            self._core.system(name).switch(changes)
        return self._switches(request, params)

    def _snapshot(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        return Answer(body={"id": self._core.snapshot()})

    def _restore(self, request: Request, _params: Mapping[str, str]) -> Answer:
        self._core.restore(_object(request, {"id"})["id"])
        return Answer(status=204)

    def _world(self, _request: Request, _params: Mapping[str, str]) -> Answer:
        return Answer(body=self._living().summary())

    def _advance(self, request: Request, params: Mapping[str, str]) -> Answer:
        wanted = _object(request, {"to", "days"})
        if len(wanted) != 1:
            raise ControlError("say either to (an instant) or days")
        world = self._living()
        if "to" in wanted:
            world.advance(instant(wanted["to"]))
        else:
            world.advance(self._core.clock.now() + timedelta(days=float(wanted["days"])))
        return self._world(request, params)

    def _living(self) -> Life:
        if self._core.world is None:
            raise ControlError("there is no world; start with --accounts")
        return self._core.world

    def _records(self, request: Request, params: Mapping[str, str]) -> Answer:
        return Answer(body=self._core.system(params["system"]).truth(request.first("object")))

    def _seed(self, request: Request, params: Mapping[str, str]) -> Answer:
        wanted = _object(request, {"object", "records"})
        ids = self._core.system(params["system"]).seed(wanted["object"], wanted["records"])
        return Answer(status=201, body={"ids": ids})

    def _steer(self, request: Request, params: Mapping[str, str]) -> Answer:
        result = self._core.system(params["system"]).steer(params["what"], _object(request))
        return Answer(status=204) if result is None else Answer(body=result)


def _object(request: Request, known: set[str] | None = None) -> dict[str, Any]:
    wanted = request.json_object
    unknown = set(wanted) - (known or set(wanted))
    if unknown:
        raise ControlError(f"unknown: {', '.join(sorted(unknown))}")
    return wanted
