"""Brings a database to the schema this version of the program knows; refuses one from the future."""

import secrets
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select

from scoring.errors import StateError
from state.database import Database
from state.tables import installation


def upgrade(database: Database) -> None:
    """Create or migrate the schema, each step in a transaction of its own. Raises StateError."""
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    with database.transaction() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if current == scripts.get_current_head():
            return
        known = {revision.revision for revision in scripts.walk_revisions()}
        if current is not None and current not in known:
            raise StateError(
                f"the database was last used by a newer crmhealth (schema {current}); install that version"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if connection.execute(select(installation)).first() is None:
            connection.execute(insert(installation).values(installation_id=secrets.token_hex(4)))


def installation_id(connection: Connection) -> str:
    """Give the id that was drawn when this database was made. Raises StateError."""
    found = connection.execute(select(installation.c.installation_id)).scalar()
    if found is None:
        raise StateError("the database has lost its installation id; restore it from a backup")
    return str(found)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
