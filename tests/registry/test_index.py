"""The database: made once, the same schema everywhere, and its failures told apart from everything else."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from registry import LocalRegistry
from registry.errors import RegistryUnavailable
from registry.index import Database
from registry.index.tables import Table
from registry.protocol import Changes
from tests.registry.folders import FACTS, write_adapter


def query(registry: LocalRegistry, statement: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(registry.root / "index.sqlite")
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


def change(registry: LocalRegistry, statement: str) -> None:
    database = sqlite3.connect(registry.root / "index.sqlite")
    with database:
        database.execute(statement)
    database.close()


def test_a_publish_is_a_commit_a_branch_and_a_tag(registry: LocalRegistry, adapter: Path) -> None:
    first = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    second = registry.publish(adapter, "acme/intent", "1.0.1", facts=FACTS)
    refs = query(registry, 'SELECT kind, name, "commit" FROM refs ORDER BY kind, name')
    assert refs == [("branch", "main", second.commit), ("tag", "1.0.0", first.commit), ("tag", "1.0.1", second.commit)]
    assert query(registry, "SELECT * FROM commit_parents") == [(second.commit, 0, first.commit)]
    tree = query(registry, f"SELECT path, size FROM tree_entries WHERE \"commit\" = '{first.commit}' ORDER BY path")
    sizes = {path.name: path.stat().st_size for path in adapter.iterdir()}
    assert tree == sorted(sizes.items())


def test_moments_are_kept_in_utc(registry: LocalRegistry, adapter: Path) -> None:
    before = datetime.now(UTC)
    registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    assert before <= registry.show("acme/intent").published <= datetime.now(UTC)


def test_the_audit_log_is_by_repository_and_newest_first(registry: LocalRegistry, adapter: Path) -> None:
    registry.publish(adapter, "acme/one", "1.0.0", facts=FACTS)
    registry.publish(adapter, "acme/two", "1.0.0", facts=FACTS)
    registry.yank("acme/one@1.0.0", "slow")
    assert [entry.action for entry in registry.audit("ACME/one")] == ["yank", "publish"]
    assert [entry.repository for entry in registry.audit()] == ["acme/one", "acme/two", "acme/one"]


def test_readers_do_not_wait_for_a_writer(registry: LocalRegistry, adapter: Path) -> None:
    version = registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)
    writer = sqlite3.connect(registry.root / "index.sqlite", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert registry.resolve("acme/intent") == version
    finally:
        writer.close()


def test_opening_waits_for_whoever_makes_the_database(tmp_path: Path) -> None:
    """SQLite itself does not wait when it is told to keep a write-ahead log."""
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.rollback)
    release.start()
    assert LocalRegistry(tmp_path).list() == []
    release.join()
    other.close()


def test_a_writer_waits_for_another(registry: LocalRegistry, adapter: Path) -> None:
    other = sqlite3.connect(registry.root / "index.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.rollback)
    release.start()
    assert str(registry.publish(adapter, "acme/intent", "1.0.0", facts=FACTS)) == "acme/intent@1.0.0"
    release.join()
    other.close()


def test_threads_share_one_registry(registry: LocalRegistry, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            folder = write_adapter(tmp_path / str(number), seed=number)
            registry.pull(registry.publish(folder, "acme/intent", f"1.0.{number}", facts=FACTS))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(registry.versions("acme/intent")) == 6


def test_a_newer_schema_is_not_touched(registry: LocalRegistry) -> None:
    change(registry, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(RegistryUnavailable, match="migration 9999, which this version does not know"):
        LocalRegistry(registry.root)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(RegistryUnavailable, match=r"index\.sqlite cannot be used") as refused:
        LocalRegistry(tmp_path)
    assert refused.value.hint


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path, registry: LocalRegistry) -> None:
    database = Database.in_file(registry.root / "index.sqlite")
    from registry.index.tables import Meta

    with pytest.raises(KeyError), database.write() as session:
        session.add(Meta(key="a", value="b"))
        session.flush()
        raise KeyError
    assert query(registry, "SELECT key FROM meta") == []


@pytest.mark.parametrize("dialect", [postgresql.dialect(), sqlite.dialect()], ids=["postgresql", "sqlite"])
def test_the_schema_suits_both_databases(dialect: object) -> None:
    tables = [str(CreateTable(table).compile(dialect=dialect)) for table in Table.metadata.sorted_tables]  # type: ignore[arg-type]
    names = {table.name for table in Table.metadata.sorted_tables}
    assert {
        "repositories",
        "commits",
        "commit_parents",
        "tree_entries",
        "refs",
        "versions",
        "alias_changes",
        "audit",
    } <= names
    assert all("CREATE TABLE" in table for table in tables)
    timestamps = "TIMESTAMP WITH TIME ZONE" if "BYTEA" in "".join(tables) else "DATETIME"
    assert timestamps in "".join(tables)


def test_changes_name_the_repositories_that_changed_since(registry: LocalRegistry, tmp_path: Path) -> None:
    start = registry.changes(None)
    assert start.repositories is None and start.touches("acme/anything")
    registry.publish(write_adapter(tmp_path / "a", seed=1), "Acme/Intent", "1.0.0", facts=FACTS)
    registry.publish(write_adapter(tmp_path / "b", seed=2), "acme/other", "1.0.0", facts=FACTS)
    published = registry.changes(start.mark)
    assert published.touches("acme/intent") and published.touches("ACME/other") and not published.touches("acme/third")
    assert registry.changes(published.mark) == Changes(published.mark, frozenset())
    registry.alias("acme/intent", "production", "1.0.0", expect=None)
    moved = registry.changes(published.mark)
    assert moved.repositories == {"acme/intent"}
    registry.yank("acme/other@1.0.0", "slow")
    registry.revoke("acme/intent@1.0.0", "wrong")
    assert registry.changes(moved.mark).repositories == {"acme/intent", "acme/other"}
