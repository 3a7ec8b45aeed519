"""What garbage collection takes, and what it leaves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from registry import LocalRegistry
from registry.care import Graces, backup, collect, restore
from registry.care.exclusive import alone
from registry.care.figures import Figures
from registry.errors import Conflict, MissingBytes, RevisionNotFound
from registry.index import commits, rows
from registry.index.accounts import USER
from registry.index.tables import BlobRow, CommitRow, DeliveryRow, Table, UploadRow, WebhookRow
from registry.index.trees import Put
from registry.server import files
from registry.server.services import Services
from registry.server.settings import Settings
from registry.store import open_store
from tests.registry.care.pushes import NO_GRACE, content, create, push, sha256, squash, store_of
from tests.registry.folders import FACTS, write_adapter

DAY = Graces()


def gc(hub: Services, graces: Graces = NO_GRACE, *, dry: bool = False) -> Figures:
    return collect(hub.database, store_of(hub), graces, dry=dry).figures


def stored(hub: Services) -> set[str]:
    return {one.key for one in hub.store.list()}


def rows_of(hub: Services) -> dict[str, int]:
    with hub.database.read() as session:
        return {table.name: len(session.execute(select(table)).all()) for table in Table.metadata.sorted_tables}


def age(hub: Services, column: str, days: float, table: type[Table] = CommitRow) -> None:
    with hub.database.write() as session:
        session.execute(update(table).values({column: datetime.now(UTC) - timedelta(days=days)}))


def test_what_refs_reach_stays(hub: Services) -> None:
    repository = create(hub)
    first = push(hub, repository, {"a": b"a", "b": b"b"})
    push(hub, repository, {"a": b"A"})
    assert gc(hub) == Figures()
    assert content(hub, repository, first) == {"a": b"a", "b": b"b"}
    assert content(hub, repository) == {"a": b"A", "b": b"b"}


def test_a_squashed_history_goes(hub: Services) -> None:
    repository = create(hub)
    first = push(hub, repository, {"a": b"old", "b": b"b"})
    push(hub, repository, {"a": b"new"})
    squash(hub, repository)
    found = gc(hub)
    assert (found.commits, found.blobs, found.objects, found.object_bytes) == (3, 1, 1, 3)
    assert content(hub, repository) == {"a": b"new", "b": b"b"}
    assert stored(hub) == {sha256(b"new"), sha256(b"b")}
    with pytest.raises(RevisionNotFound):
        hub.history.revision(repository, first)


def test_an_unreachable_commit_stays_for_the_grace_however_old_it_is(hub: Services) -> None:
    repository = create(hub)
    old = push(hub, repository, {"a": b"old"})
    age(hub, "created", 1000)
    age(hub, "created", 1000, BlobRow)
    age(hub, "created", 1000, UploadRow)
    push(hub, repository, {"a": b"new"})
    squash(hub, repository)
    assert gc(hub, DAY).young_commits == 3
    assert content(hub, repository, old) == {"a": b"old"}
    assert gc(hub, DAY).commits == 0
    with hub.database.write() as session:
        orphaned = CommitRow.orphaned.is_not(None)
        session.execute(update(CommitRow).where(orphaned).values(orphaned=datetime.now(UTC) - timedelta(days=1.1)))
    found = gc(hub, DAY)
    assert (found.commits, found.blobs, found.young_objects) == (3, 1, 1)
    assert content(hub, repository) == {"a": b"new"}


def test_a_commit_that_is_named_again_is_not_forgotten(hub: Services) -> None:
    repository = create(hub)
    old = push(hub, repository, {"a": b"old"})
    push(hub, repository, {"a": b"new"})
    squash(hub, repository)
    assert gc(hub, DAY).young_commits == 3
    with hub.database.write() as session:
        commits.point(session, rows.repository(session, repository.name), rows.BRANCH, "again", old)
    assert gc(hub, DAY).young_commits == 1
    assert gc(hub).commits == 1
    assert content(hub, repository, "again") == {"a": b"old"}
    with hub.database.read() as session:
        assert not session.scalars(select(CommitRow).where(CommitRow.orphaned.is_not(None))).all()


def test_parents_of_a_commit_in_its_grace_stay_too(hub: Services) -> None:
    repository = create(hub)
    push(hub, repository, {"a": b"1"})
    second = push(hub, repository, {"a": b"2"})
    squash(hub, repository)
    gc(hub, DAY)
    with hub.database.write() as session:
        older = CommitRow.oid != second
        session.execute(
            update(CommitRow)
            .where(older, CommitRow.orphaned.is_not(None))
            .values(orphaned=datetime(2000, 1, 1, tzinfo=UTC))
        )
    assert gc(hub, DAY).commits == 0
    assert gc(hub).commits == 3


def test_a_deleted_repository_without_versions_leaves_nothing(hub: Services) -> None:
    empty = rows_of(hub)
    repository = create(hub)
    push(hub, repository, {"a": b"a"})
    hub.repositories.delete(repository, "ada")
    assert gc(hub, DAY).young_commits == 2
    assert content(hub, repository)
    found = gc(hub)
    assert (found.repositories, found.commits, found.blobs, found.objects) == (1, 2, 1, 1)
    after = rows_of(hub)
    changed = {name for name in after if after[name] != empty[name]}
    assert changed == {"audit"}
    assert not stored(hub)


def test_a_deleted_repository_keeps_its_versions_and_nothing_else(tmp_path: Path) -> None:
    registry = LocalRegistry(tmp_path / "hub")
    adapter = write_adapter(tmp_path / "adapter")
    version = registry.publish(adapter, "ada/one", "1.0.0", facts=FACTS)
    hub = Services.open(Settings(tmp_path / "hub"))
    repository = hub.repositories.find("ada/one")
    push(hub, repository, {"draft.bin": b"a draft"})
    registry.alias("ada/one", "production", "1.0.0", expect=None)
    files_of_version = set(one.sha256 for one in hub.history.tree(version.commit).values())
    hub.repositories.delete(repository, "ada")
    found = gc(hub)
    assert (found.repositories, found.commits, found.blobs) == (0, 1, 1)
    assert stored(hub) == files_of_version
    assert all(hub.store.holds(one) for one in files_of_version)
    assert gc(hub) == Figures()
    hub.close()


def test_a_dry_run_tells_what_a_run_then_takes(hub: Services) -> None:
    repository, other = create(hub), create(hub, "ada/two")
    push(hub, repository, {"a": b"old", "b": b"both"})
    push(hub, repository, {"a": b"new"}, gone="b")
    push(hub, other, {"b": b"both", "c": b"c"})
    squash(hub, repository)
    files.store_bytes(hub, b"never registered", "x")
    third = create(hub, "ada/three")
    push(hub, third, {"d": b"d"})
    hub.repositories.delete(third, "ada")
    before, there = rows_of(hub), stored(hub)
    told = gc(hub, dry=True)
    assert rows_of(hub) == before and stored(hub) == there
    assert told == gc(hub)
    assert (told.commits, told.repositories, told.blobs, told.objects) == (5, 1, 2, 3)
    assert content(hub, other) == {"b": b"both", "c": b"c"}


def test_an_upload_that_was_not_committed_stays_for_the_grace(hub: Services) -> None:
    repository = create(hub)
    entry = files.store_bytes(hub, b"waiting", "a")
    files.grant(hub, repository, [entry])
    assert gc(hub, DAY).young_blobs == 0  # somebody may commit it still: it is not unneeded
    assert stored(hub) == {entry.sha256}
    assert gc(hub).blobs == 1
    assert not stored(hub)
    with pytest.raises(MissingBytes):
        hub.history.commit(repository, "main", [Put(entry)], "late", "ada")


def test_who_is_told_that_a_file_is_there_finds_it_there(hub: Services) -> None:
    """An old upload is as good as new once a client was told that it need not send the file."""
    repository = create(hub)
    entry = files.store_bytes(hub, b"waiting", "a")
    files.grant(hub, repository, [entry])
    age(hub, "created", 3, UploadRow)
    age(hub, "created", 3, BlobRow)
    assert files.renewed(hub, repository, [entry.sha256, sha256(b"unknown")]) == {entry.sha256}
    assert gc(hub, DAY).blobs == 0
    hub.history.commit(repository, "main", [Put(entry)], "late", "ada")
    age(hub, "created", 3, UploadRow)
    files.grant(hub, repository, [files.store_bytes(hub, b"waiting", "a")])  # sent again
    gc(hub, DAY)
    with hub.database.read() as session:
        assert len(session.scalars(select(UploadRow)).all()) == 1


def test_bytes_that_were_lost_are_asked_for_again(hub: Services) -> None:
    repository = create(hub)
    push(hub, repository, {"a": b"a"})
    hub.store.delete(sha256(b"a"))
    assert files.renewed(hub, repository, [sha256(b"a")]) == set()


def test_bytes_without_a_row_go_once_they_are_old(hub: Services) -> None:
    create(hub)
    files.store_bytes(hub, b"a process died before it noted these", "x")
    assert gc(hub, DAY).young_objects == 1
    assert gc(hub).objects == 1
    assert not stored(hub)
    with hub.database.read() as session:
        assert not session.scalars(select(BlobRow)).all()


def test_parts_and_xorbs(hub: Services, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"part")
    for key in ("uploads/x/00001", "uploads/x/00002", "xorbs/ada/aa"):
        hub.staging.put(key, tmp_path / "part")
    address = hub.cas_instance()
    assert gc(hub, DAY) == Figures()
    assert gc(hub, Graces(timedelta(0), timedelta(days=7))) == Figures(parts=2, part_bytes=8)
    assert hub.cas_instance() == address
    assert gc(hub, dry=True) == Figures(xorbs=1, xorb_bytes=4)
    assert hub.cas_instance() == address
    assert gc(hub) == Figures(xorbs=1, xorb_bytes=4)
    assert hub.cas_instance() != address
    assert not list(hub.staging.list())


def test_it_is_in_the_audit_log(hub: Services) -> None:
    create(hub)
    files.store_bytes(hub, b"garbage", "x")
    gc(hub, dry=True)
    assert not [one for one in hub.log.entries() if one.action == "gc"]
    gc(hub)
    (entry,) = [one for one in hub.log.entries() if one.action == "gc"]
    assert entry.detail == "1 objects, 7 object_bytes"


def test_a_store_and_a_database_that_do_not_belong_together(hub: Services, tmp_path: Path) -> None:
    files.store_bytes(hub, b"another database's", "x")
    with pytest.raises(Conflict, match="none of the files"):
        gc(hub)  # this one was never used
    push(hub, create(hub), {"a": b"a"})
    (tmp_path / "x").write_bytes(b"another database's")
    other = open_store(str(tmp_path / "other"), tmp_path)
    other.blobs.put(tmp_path / "x", sha256(b"another database's"))
    with pytest.raises(Conflict, match="none of the files"):
        collect(hub.database, other, NO_GRACE)
    assert other.blobs.holds(sha256(b"another database's"))
    assert gc(hub).objects == 1


def test_one_caretaker_at_a_time(hub: Services) -> None:
    with alone(hub.database), pytest.raises(Conflict, match="at work already"):
        gc(hub)
    assert gc(hub) == Figures()


def test_files_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "hub", blobs=bucket)
    settings.data.mkdir()
    index = settings.open_database()
    index.migrate()
    index.close()
    hub = Services.open(settings)
    repository = create(hub)
    push(hub, repository, {"a": b"old", "b": b"b"})
    push(hub, repository, {"a": b"new"})
    squash(hub, repository)
    files.store_bytes(hub, b"never registered", "x")
    (tmp_path / "xorb").write_bytes(b"xorb")
    hub.staging.put("xorbs/ada/aa", tmp_path / "xorb")
    assert gc(hub, DAY).young_objects == 1
    found = gc(hub)
    assert (found.commits, found.blobs, found.objects, found.xorbs) == (3, 1, 2, 1)
    assert content(hub, repository) == {"a": b"new", "b": b"b"}
    assert stored(hub) == {sha256(b"new"), sha256(b"b")}
    made = backup(hub.database, store_of(hub), tmp_path / "backup")
    hub.close()
    moved = Settings(tmp_path / "moved")
    index = moved.open_database()
    assert restore(tmp_path / "backup", index, open_store(str(moved.data), moved.data)) == made
    index.close()
    again = Services.open(moved)
    assert content(again, again.repositories.find("ada/one")) == {"a": b"new", "b": b"b"}
    again.close()


def test_logs_of_webhooks_are_kept_for_a_month(hub: Services) -> None:
    hub.accounts.create("ada", USER, "")
    now = datetime.now(UTC)
    with hub.database.write() as session:
        hook = WebhookRow(account_id=1, url="http://x", secret="s", events=["a"], created=now)
        session.add(hook)
        session.flush()
        for message, days, due in (("new", 29, None), ("old", 31, None), ("waiting", 31, now)):
            about = {"event": "a", "payload": {}, "created": now - timedelta(days=days), "due": due}
            session.add(DeliveryRow(webhook_id=hook.id, message=message, **about))
    assert gc(hub, dry=True).deliveries == 0
    assert gc(hub).deliveries == 1
    assert [one.message for one in hub.webhooks.deliveries("ada", 1, 10)] == ["waiting", "new"]
