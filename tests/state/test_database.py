"""The database as a whole: schema, locks, refusals."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from scoring.errors import StateError
from state.database import Database
from state.migrate import upgrade
from state.tables import metadata


def shape(url: str) -> dict[str, object]:
    engine = create_engine(url)
    seen = inspect(engine)
    tables = [name for name in seen.get_table_names() if name != "alembic_version"]
    found = {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(name)],
            sorted(seen.get_pk_constraint(name)["constrained_columns"]),
            sorted((i["name"] or "", tuple(i["column_names"])) for i in seen.get_indexes(name)),
        )
        for name in tables
    }
    engine.dispose()
    return {**found}


def test_a_migrated_database_has_the_schema_of_a_fresh_one(database: Database, tmp_path: Path) -> None:
    if not database.is_sqlite:
        with database.transaction() as connection:
            connection.execute(text("CREATE SCHEMA fresh"))
            connection.execute(text("SET search_path TO fresh"))
            metadata.create_all(connection)
        with database.reading() as connection:
            same = connection.execute(
                text(
                    "SELECT count(*) FROM information_schema.columns a FULL JOIN information_schema.columns b"
                    " ON a.table_name = b.table_name AND a.column_name = b.column_name"
                    " AND a.data_type = b.data_type AND a.is_nullable = b.is_nullable"
                    " AND b.table_schema = 'fresh'"
                    " WHERE a.table_schema = 'public' AND a.table_name <> 'alembic_version'"
                    " AND b.column_name IS NULL"
                )
            ).scalar()
        assert same == 0
        return
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    engine = create_engine(url)
    metadata.create_all(engine)
    engine.dispose()

    assert shape(str(database.url)) == shape(url)


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    upgrade(database)

    with database.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StateError, match="newer crmhealth"):
        upgrade(database)


def test_only_one_process_at_a_time_may_write(database: Database, state_url: str) -> None:
    second = Database(state_url)

    with database.exclusive(), pytest.raises(StateError, match="another crmhealth"), second.exclusive():
        pass

    with second.exclusive():
        pass
    second.close()


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="does not exist"):
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'state.db'}")


def test_an_in_memory_database_is_refused() -> None:
    with pytest.raises(StateError, match="forgets"):
        Database("sqlite://")


def test_a_password_never_stands_in_an_error() -> None:
    database = Database("postgresql+psycopg://somebody:s3cret@127.0.0.1:1/nowhere")

    with pytest.raises(StateError) as caught, database.reading():
        pass

    assert "s3cret" not in str(caught.value)
    database.close()
