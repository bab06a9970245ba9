"""Settings to objects. The only place where connectors, sessions and gateways are built."""

import importlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import connectors
from connectors import Connector, Context
from connectors.crm._base import CrmSession
from crmhealth import book
from crmhealth.cycle import World
from crmhealth.progress import Silent
from crmhealth.settings import CrmSettings, Settings
from state.database import Database
from state.migrate import upgrade
from sync.ports import Crm


class Stop:
    """The wish to stop: set by a signal, waited on instead of sleeping."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        self._event.set()

    def requested(self) -> bool:
        return self._event.is_set()

    def sleep(self, seconds: float) -> None:
        """Wait, unless asked to stop."""
        self._event.wait(seconds)


def system_clock() -> datetime:
    """Give the time, aware UTC."""
    return datetime.now(UTC)


@contextmanager
def open_world(
    settings: Settings,
    *,
    stop: Stop | None = None,
    progress: Silent | None = None,
    clock: Callable[[], datetime] = system_clock,
    alone: str | None = "work",
    migrate: bool = True,
) -> Iterator[World]:
    """Build everything a pass works with, holding the lock `alone` on the database (None: no lock).

    Without `migrate` the database is not even created, and nothing may be read from it.

    Raises StateError, BusyError where another process holds that lock.
    """
    stop = stop or Stop()
    progress = progress or Silent()
    jitter = random.Random().random
    with ExitStack() as stack:
        database = open_database(settings)
        stack.callback(database.close)
        if alone is not None:
            stack.enter_context(database.exclusive(alone))
        if migrate:
            upgrade(database)
        sessions = {crm.name: make_session(crm, settings, stop, jitter) for crm in settings.crms}
        for session in sessions.values():
            stack.callback(session.close)
        sources: dict[str, Connector] = {}
        for source in settings.sources:
            connector = connectors.load(source.type)(
                settings=source.connector, context=_context(source.name, settings, stop, jitter)
            )
            stack.callback(connector.close)
            sources[source.name] = connector
        yield World(
            settings=settings,
            database=database,
            streams=frozenset(
                [(crm.name, book.STREAM) for crm in settings.crms]
                + [(name, stream.name) for name, source in sources.items() for stream in source.streams()]
            ),
            sessions=sessions,
            sources=sources,
            crms=[make_gateway(crm, sessions, stop, jitter) for crm in settings.crms],
            clock=clock,
            stopped=stop.requested,
            progress=progress.step,
            progress_written=progress.written,
            progress_total=progress.total,
        )


def open_database(settings: Settings) -> Database:
    """Open the state database; a relative SQLite path starts at the folder of the configuration."""
    url = settings.daemon.state
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith("sqlite:////"):
        url = f"{prefix}{settings.folder / url.removeprefix(prefix)}"
    return Database(url)


def make_session(crm: CrmSettings, settings: Settings, stop: Stop, jitter: Callable[[], float]) -> CrmSession:
    """Build the session of one CRM; nothing is asked of it yet."""
    module: Any = importlib.import_module(f"connectors.crm.{crm.table.type}")
    session: CrmSession = module.CRM(settings=crm.session, context=_context(crm.name, settings, stop, jitter))
    return session


def make_gateway(
    crm: CrmSettings, sessions: Mapping[str, CrmSession], stop: Stop, jitter: Callable[[], float]
) -> Crm:
    """Build the writing half of one CRM on its session."""
    session: Any = sessions[crm.name]
    key = crm.table.task.key if crm.table.task else ""
    if crm.table.type == "salesforce":
        from sync.crm.salesforce import SalesforceCrm

        return SalesforceCrm(session, key_field=key, sleep=stop.sleep, jitter=jitter)
    from sync.crm.hubspot import HubspotCrm

    return HubspotCrm(session, key_property=key)


def _context(name: str, settings: Settings, stop: Stop, jitter: Callable[[], float]) -> Context:
    return Context(
        source=name,
        timezone=settings.timezone,
        folder=settings.folder,
        sleep=stop.sleep,
        jitter=jitter,
        stopping=stop.requested,
    )
