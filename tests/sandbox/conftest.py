"""One sandbox for all tests of this folder, put back to its first state before each of them."""

from collections.abc import Iterator
from dataclasses import asdict

import httpx
import pytest

from sandbox.hubspot.switches import Switches as HubSpotSwitches
from sandbox.salesforce.switches import Switches as SalesforceSwitches
from sandbox.server import Running, run_in_thread
from tests.sandbox.worlds import seed_world


@pytest.fixture(scope="session")
def _listening() -> Iterator[tuple[Running, str]]:
    with run_in_thread() as running:
        seed_world(running.core)
        yield running, running.core.snapshot()


@pytest.fixture
def running(_listening: tuple[Running, str]) -> Running:
    """A sandbox with the small world of `worlds.seed_world`, no faults and every switch at its default."""
    running, first_state = _listening
    core = running.core
    with core.lock:
        core.restore(first_state)
        core.clock.set(core.clock.now(), frozen=False)
        core.faults.clear()
        core.log.reset()
        core.systems["salesforce"].switch(asdict(SalesforceSwitches()))
        core.systems["hubspot"].switch(
            {**asdict(HubSpotSwitches()), "search_delay_seconds": 0.0, "limits": False}
        )
    return running


@pytest.fixture
def control(running: Running) -> Iterator[httpx.Client]:
    """A client of the control API."""
    with httpx.Client(base_url=running.control) as client:
        yield client


@pytest.fixture
def salesforce(running: Running) -> Iterator[httpx.Client]:
    """A client of the Salesforce stand-in that is logged in."""
    url = running.urls["salesforce"]
    login = httpx.post(
        f"{url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=("sandbox-key", "sandbox-secret"),
    )
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    with httpx.Client(base_url=f"{url}/services/data/v66.0", headers=headers) as client:
        yield client


@pytest.fixture
def hubspot(running: Running) -> Iterator[httpx.Client]:
    """A client of the HubSpot stand-in."""
    headers = {"Authorization": "Bearer sandbox-token"}
    with httpx.Client(base_url=running.urls["hubspot"], headers=headers) as client:
        yield client
