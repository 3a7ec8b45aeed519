"""Backups: from one database to another and back, again and again, interrupted, damaged, refused."""

from __future__ import annotations

import gzip
import json
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from registry import LocalRegistry
from registry.care import backup, check, restore
from registry.care.document import Backup
from registry.errors import Conflict, CorruptBlob, InvalidReference, RegistryUnavailable, UnsupportedRegistry
from registry.index import Database, meta
from registry.index.accounts import ORGANISATION, USER
from registry.index.tables import Meta, Table, WebhookRow
from registry.server.services import Services
from registry.server.settings import Settings
from registry.store import BlobStore, Store, open_store
from tests.registry.care.pushes import content, create, push, sha256, store_of
from tests.registry.folders import FACTS, write_adapter
from tests.support.hub import PostgreSQL

Place = tuple[Database, Store]


@pytest.fixture
def filled(hub: Services, tmp_path: Path) -> Services:
    """A server with something in most tables, texts of all kinds among it."""
    hub.accounts.create("ada", USER, "", fullname="Ada Lovelace, Ἄδα", email="a@b", admin=True)
    hub.accounts.create("acme", ORGANISATION, "ada")
    hub.tokens.issue("ada", "laptop", "write", "ada", expires=datetime(2100, 1, 1, tzinfo=UTC))
    first, second = create(hub), create(hub, "ada/data", "dataset")
    push(
        hub, first, {"README.md": 'naïve – 日本 \\ " \n'.encode(), "sub/empty": b"", "weights.bin": os.urandom(200_000)}
    )
    push(hub, second, {"a": b"a"})
    hub.repositories.move(second, "acme/data", "ada")
    hub.repositories.delete(create(hub, "ada/gone"), "ada")
    with hub.database.write() as session:
        hook = {"account_id": 1, "url": "http://x", "secret": "s", "events": ["a", "b"], "created": datetime.now(UTC)}
        session.add(WebhookRow(repository_id=1, **hook))
    return hub


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All there is but what a restore makes anew."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with database.read() as session:
        for table in Table.metadata.sorted_tables:
            query = select(table).order_by(*table.primary_key.columns)
            found[table.name] = [tuple(row) for row in session.execute(query)]
    found["meta"] = [row for row in found["meta"] if row[0] != meta.CAS_INSTANCE]
    found["audit"] = [row for row in found["audit"] if row[3] != "restore"]
    return found


@pytest.fixture
def make_place(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Callable[[str], Place]]:
    """An empty place on a database of that kind."""
    made: list[Database] = []

    def make(kind: str) -> Place:
        root = tmp_path / f"place{len(made)}"
        root.mkdir()
        url = postgresql.create() if kind == "postgresql" else f"sqlite:///{root}/index.sqlite"
        made.append(Database.at(url))
        return made[-1], open_store(str(root), root)

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_all_comes_back_on_either_database(
    filled: Services, make_place: Callable[[str], Place], tmp_path: Path, target: str
) -> None:
    made = backup(filled.database, store_of(filled), tmp_path / "backup")
    place, store = make_place(target)
    assert restore(tmp_path / "backup", place, store) == made
    before, after = rows(filled.database), rows(place)
    assert before == after
    assert sum(map(len, before.values())) > 25
    assert {one.key for one in store.blobs.list()} == {one.key for one in filled.store.list()}
    assert made.blobs == len(list(store.blobs.list())) == 4
    assert not list(check(place, store.blobs, deep=True))
    assert meta.fact(place, meta.SECRET) == meta.fact(filled.database, meta.SECRET)
    assert meta.fact(place, meta.CAS_INSTANCE) != filled.cas_instance()


def test_a_restored_server_goes_on(filled: Services, postgresql: PostgreSQL, tmp_path: Path) -> None:
    """Whatever counts up goes on behind what is there, and the way back to SQLite is the same."""
    backup(filled.database, store_of(filled), tmp_path / "one")
    settings = Settings(tmp_path / "moved", postgresql.create())
    restore(tmp_path / "one", settings.open_database(), open_store(str(settings.data), settings.data))
    moved = Services.open(settings)
    repository = create(moved, "ada/new")
    push(moved, repository, {"new": b"new"})
    moved.accounts.create("bob", USER, "")
    assert moved.tokens.issue("bob", "x", "read", "")
    assert content(moved, moved.repositories.find("ada/one"))["sub/empty"] == b""
    backup(moved.database, store_of(moved), tmp_path / "two")
    back = Settings(tmp_path / "back")
    back.data.mkdir()
    index = back.open_database()
    restore(tmp_path / "two", index, open_store(str(back.data), back.data))
    assert rows(index) == rows(moved.database)
    moved.close()
    index.close()


def test_versions_come_back(tmp_path: Path) -> None:
    registry = LocalRegistry(tmp_path / "hub")
    version = registry.publish(write_adapter(tmp_path / "adapter"), "ada/one", "1.0.0", facts=FACTS)
    registry.alias("ada/one", "production", "1.0.0", expect=None)
    hub = Services.open(Settings(tmp_path / "hub"))
    backup(hub.database, store_of(hub), tmp_path / "backup")
    hub.close()
    root = tmp_path / "again"
    root.mkdir()
    restore(tmp_path / "backup", Database.at(f"sqlite:///{root}/index.sqlite"), open_store(str(root), root))
    again = LocalRegistry(root)
    assert again.resolve("ada/one@production") == version
    assert again.pull("ada/one@production").is_dir()


def test_a_second_backup_copies_only_what_is_new(filled: Services, tmp_path: Path) -> None:
    root = tmp_path / "backup"
    first = backup(filled.database, store_of(filled), root)
    times = {path: path.stat().st_mtime_ns for path in root.glob("blobs/*/*")}
    push(filled, filled.repositories.find("ada/one"), {"more": b"more"})
    second = backup(filled.database, store_of(filled), root)
    assert second.blobs == first.blobs + 1
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert [path.name for path in root.glob("tables-*")] == [second.folder]
    assert Backup.read(root) == second
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_files_that_are_not_needed_go_when_asked(filled: Services, tmp_path: Path) -> None:
    root = tmp_path / "backup"
    backup(filled.database, store_of(filled), root)
    own = open_store(str(root), root)
    (tmp_path / "x").write_bytes(b"x")
    own.blobs.put(tmp_path / "x", sha256(b"x"))
    backup(filled.database, store_of(filled), root)
    assert own.blobs.holds(sha256(b"x"))
    made = backup(filled.database, store_of(filled), root, prune=True)
    assert len(list(own.blobs.list())) == made.blobs
    assert not own.blobs.holds(sha256(b"x"))


class Failing(BlobStore):
    """Dies at the copy of the nth file."""

    left = 2

    def copy(self, sha256: str, size: int, target: Path) -> bool:
        self.left -= 1
        if not self.left:
            raise RegistryUnavailable("the machine died")
        return super().copy(sha256, size, target)


def test_an_interrupted_backup_is_none(filled: Services, tmp_path: Path, make_place: Callable[[str], Place]) -> None:
    root = tmp_path / "backup"
    dying = store_of(filled)._replace(blobs=Failing(filled.store._objects))
    with pytest.raises(RegistryUnavailable):
        backup(filled.database, dying, root)
    with pytest.raises(InvalidReference, match="no finished backup"):
        restore(root, *make_place("sqlite"))
    made = backup(filled.database, store_of(filled), root)
    push(filled, filled.repositories.find("ada/one"), {"more": b"more", "more2": b"2"})
    with pytest.raises(RegistryUnavailable):
        backup(filled.database, store_of(filled)._replace(blobs=Failing(filled.store._objects)), root)
    assert restore(root, *make_place("sqlite")) == made  # the one before


def test_an_interrupted_restore_leaves_no_rows_and_can_go_on(
    filled: Services, tmp_path: Path, make_place: Callable[[str], Place]
) -> None:
    root = tmp_path / "backup"
    backup(filled.database, store_of(filled), root)
    place, store = make_place("sqlite")
    victim = next(root.glob("blobs/*/*"))
    data = victim.read_bytes()
    victim.chmod(0o644)
    victim.write_bytes(bytes(len(data)) or b"x")
    with pytest.raises(CorruptBlob, match="missing or damaged"):
        restore(root, place, store)
    empty = rows(place)
    assert not any(empty[name] for name in empty if name not in ("meta", "alembic_version"))
    victim.write_bytes(data)
    restore(root, place, store)
    assert rows(place) == rows(filled.database)


def test_a_damaged_table_is_refused(filled: Services, tmp_path: Path, make_place: Callable[[str], Place]) -> None:
    root = tmp_path / "backup"
    made = backup(filled.database, store_of(filled), root)
    file = root / made.folder / "audit.jsonl.gz"
    with gzip.open(file, "at") as stream:
        stream.write(json.dumps(["forged"]) + "\n")
    place, store = make_place("sqlite")
    with pytest.raises(CorruptBlob, match="not what was backed up"):
        restore(root, place, store)
    with place.read() as session:
        assert not session.scalars(select(Meta)).all()
    file.unlink()
    with pytest.raises(CorruptBlob, match="is not there"):
        restore(root, place, store)


def test_what_is_not_empty_is_left_alone(filled: Services, tmp_path: Path, make_place: Callable[[str], Place]) -> None:
    root = tmp_path / "backup"
    backup(filled.database, store_of(filled), root)
    before = rows(filled.database)
    with pytest.raises(Conflict, match="is not empty"):
        restore(root, filled.database, store_of(filled))
    place, store = make_place("sqlite")
    (tmp_path / "x").write_bytes(b"x")
    store.blobs.put(tmp_path / "x", sha256(b"x"))
    with pytest.raises(Conflict, match="1 files that are not the backup's"):
        restore(root, place, store)
    assert rows(filled.database) == before


def test_a_missing_file_fails_the_backup(filled: Services, tmp_path: Path) -> None:
    filled.store.delete(sha256(b"a"))
    with pytest.raises(CorruptBlob, match="hub check --deep"):
        backup(filled.database, store_of(filled), tmp_path / "backup")
    assert not (tmp_path / "backup" / "manifest.json").exists()


def test_another_migration(filled: Services, tmp_path: Path, make_place: Callable[[str], Place]) -> None:
    root = tmp_path / "backup"
    made = backup(filled.database, store_of(filled), root)
    changed = Backup(**{name: getattr(made, name) for name in made.__struct_fields__} | {"revision": "0000"})
    changed.write(root)
    with pytest.raises(UnsupportedRegistry, match="migration 0000"):
        restore(root, *make_place("sqlite"))
