"""Fixtures every test folder may use: databases of both kinds, and the stand-ins."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from sandbox.server import Running, run_in_thread
from state.database import Database
from state.migrate import upgrade

# A busy machine is no bug: examples may take their time.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@pytest.fixture(autouse=True)
def _logs_as_configured_by_nobody() -> Iterator[None]:
    """What one command said about logs is not what the next test hears."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_server() -> str | None:
    """The URL of a PostgreSQL server where we may create databases; None where there is none."""
    engine = create_engine(POSTGRES, connect_args={"connect_timeout": 2})
    try:
        with engine.connect():
            return POSTGRES
    except OperationalError:
        return None
    finally:
        engine.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def postgres_url(postgres_server: str | None) -> Iterator[str]:
    if postgres_server is None:
        pytest.skip("no PostgreSQL server listens on 127.0.0.1:5432")
    name = f"crmhealth_{uuid.uuid4().hex[:12]}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield postgres_server.rsplit("/", 1)[0] + f"/{name}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, of each kind in turn."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def database(state_url: str) -> Iterator[Database]:
    opened = Database(state_url)
    upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def stand_ins() -> Iterator[Running]:
    """Salesforce, HubSpot and the sources on loopback, fresh for one test."""
    with run_in_thread() as running:
        yield running
