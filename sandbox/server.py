"""Runs the stand-ins: one process, one event loop, one port per system.

`run_in_thread` is for tests and for code in the same interpreter; `serve` blocks until told to stop. Plain
HTTP on 127.0.0.1 only: it holds no secrets and checks no certificates.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.app import SandboxApp
from sandbox.control import PREFIX
from sandbox.core import Core, System
from sandbox.hubspot import HubSpot
from sandbox.salesforce import Salesforce
from sandbox.stripe import Stripe
from sandbox.zendesk import Zendesk

HOST = "127.0.0.1"

SYSTEMS: Mapping[str, Callable[[Core], System]] = {
    "salesforce": Salesforce,
    "hubspot": HubSpot,
    "zendesk": Zendesk,
    "stripe": Stripe,
}
"""Every stand-in by name. A new one is a class with the shape of `sandbox.core.System`, and a line here."""

LONGEST_HEAD = 256 * 1024
"""Bytes of request line and headers the server reads; the vendors' lower limits are the stand-ins' matter."""

KEEP_ALIVE_SECONDS = 600
"""Longer than any test: an idle connection that the server closed by itself would look like a fault."""


class _Protocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with the transport in reach so that a fault can close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Stand-ins that are listening."""

    core: Core
    urls: Mapping[str, str]

    @property
    def control(self) -> str:
        """Where the control API is."""
        return f"{next(iter(self.urls.values()))}{PREFIX}"


class Listener:
    """Sockets that are bound and listening, and the server that will answer on them."""

    def __init__(self, core: Core, ports: Mapping[str, int]) -> None:
        self._sockets: list[socket.socket] = []
        names: dict[int, str] = {}
        try:
            for name in core.systems:
                names[self._listen(ports.get(name, 0))] = name
        except OSError:
            self.close()
            raise
        self.running = Running(
            core=core, urls={name: f"http://{HOST}:{port}" for port, name in names.items()}
        )
        config = uvicorn.Config(
            SandboxApp(core, names),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=LONGEST_HEAD,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)

    def _listen(self, port: int) -> int:
        # asyncio turns Nagle's algorithm off only for sockets that say they are TCP; with it on, each answer
        # on a kept-alive connection waits 40 ms for the client's delayed acknowledgement.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._sockets.append(listening)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        # Listening before the loop runs: who connects early waits in the queue instead of being refused.
        listening.listen(256)
        bound: int = listening.getsockname()[1]
        return bound

    def serve(self) -> None:
        """Answer until stopped; in the main thread SIGTERM and SIGINT stop it too."""
        try:
            asyncio.run(self._server.serve(sockets=self._sockets))
        finally:
            self.close()

    def stop(self) -> None:
        """Ask `serve` to return."""
        self._server.should_exit = True

    def close(self) -> None:
        """Give back the sockets."""
        for listening in self._sockets:
            listening.close()


def make_core(
    *,
    now: datetime | None = None,
    frozen_clock: bool = False,
    seed: int = 0,
    systems: Sequence[str] | None = None,
) -> Core:
    """Build a core with the named stand-ins, by default all of them."""
    core = Core(now=now, frozen_clock=frozen_clock, seed=seed)
    core.add({name: SYSTEMS[name] for name in systems or SYSTEMS})
    return core


@contextmanager
def run_in_thread(
    core: Core | None = None,
    *,
    ports: Mapping[str, int] | None = None,
    now: datetime | None = None,
    frozen_clock: bool = False,
    seed: int = 0,
    systems: Sequence[str] | None = None,
) -> Iterator[Running]:
    """Run stand-ins in a thread for the length of a block: those of `core`, or of one made for it."""
    made = core or make_core(now=now, frozen_clock=frozen_clock, seed=seed, systems=systems)
    listener = Listener(made, ports or {})
    thread = threading.Thread(target=listener.serve, name="sandbox", daemon=True)
    thread.start()
    try:
        yield listener.running
    finally:
        listener.stop()
        thread.join()
