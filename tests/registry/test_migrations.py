"""The scripts of registry.index.migrations and the tables of registry.index.tables are the same schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from registry.errors import RegistryUnavailable
from registry.index.database import REVISION, Database
from registry.index.migrations import SCRIPTS, upgrade
from registry.index.tables import Table


def test_the_scripts_lead_to_the_tables(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/index.sqlite")
    upgrade(engine, None)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert context.get_current_revision() == REVISION
        assert compare_metadata(context, Table.metadata) == []
    assert len(Table.metadata.tables) > 20


def test_the_newest_script_is_the_revision_that_is_asked_for() -> None:
    assert ScriptDirectory(str(SCRIPTS)).get_current_head() == REVISION


def test_a_server_refuses_tables_that_are_not_there(tmp_path: Path) -> None:
    database = Database.at(f"sqlite:///{tmp_path}/index.sqlite")
    with pytest.raises(RegistryUnavailable, match="at migration none"):
        database.check()
    database.migrate()
    database.check()


def test_tables_from_before_there_were_migrations_are_refused(tmp_path: Path) -> None:
    with create_engine(f"sqlite:///{tmp_path}/index.sqlite").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
    with pytest.raises(RegistryUnavailable, match="before there were migrations"):
        Database.in_file(tmp_path / "index.sqlite")
