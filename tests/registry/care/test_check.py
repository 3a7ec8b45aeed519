"""The check finds each kind of damage, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from registry import LocalRegistry
from registry.care import check
from registry.index.tables import BlobRow, RefRow, TreeEntryRow, VersionRow
from registry.server.services import Services
from registry.server.settings import Settings
from tests.registry.care.pushes import create, push, sha256
from tests.registry.folders import FACTS, write_adapter


def kinds(hub: Services, *, deep: bool = False) -> list[tuple[str, str]]:
    return [(one.kind, one.where) for one in check(hub.database, hub.store, deep=deep)]


def overwrite(hub: Services, name: str, data: bytes) -> None:
    path = hub.store.path(name)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(data)


def test_nothing_is_wrong(hub: Services) -> None:
    push(hub, create(hub), {"a": b"a"})
    assert kinds(hub, deep=True) == []


def test_files_that_are_gone_short_or_altered(hub: Services) -> None:
    push(hub, create(hub), {"a": b"aaa", "b": b"bbb", "c": b"ccc"})
    hub.store.delete(sha256(b"aaa"))
    overwrite(hub, sha256(b"bbb"), b"b")
    overwrite(hub, sha256(b"ccc"), b"cc?")
    short = [("damaged", sha256(b"bbb")), ("missing", sha256(b"aaa"))]
    assert sorted(kinds(hub)) == short
    assert sorted(kinds(hub, deep=True)) == sorted([*short, ("damaged", sha256(b"ccc"))])
    (missing,) = [one for one in check(hub.database, hub.store) if one.kind == "missing"]
    assert "needed by ada/one/a" in missing.what


def test_a_missing_file_is_uploaded_again(hub: Services) -> None:
    repository = create(hub)
    push(hub, repository, {"a": b"aaa"})
    hub.store.delete(sha256(b"aaa"))
    assert kinds(hub)
    push(hub, repository, {"b": b"aaa"})
    assert kinds(hub, deep=True) == []


def test_rows_that_do_not_fit(hub: Services) -> None:
    repository, other = create(hub), create(hub, "ada/two")
    commit = push(hub, repository, {"a": b"a", "b": b"b"})
    with hub.database.write() as session:
        session.execute(update(RefRow).where(RefRow.repository_id == other.id).values(commit=commit))
        session.execute(update(BlobRow).where(BlobRow.sha256 == sha256(b"a")).values(size=7))
        session.execute(update(TreeEntryRow).where(TreeEntryRow.path == "b").values(sha256="0" * 64))
    assert sorted(kinds(hub)) == [
        ("damaged", sha256(b"a")),
        ("ref", "ada/two branch main"),
        ("tree", f"ada/one {commit[:12]} a"),
        ("tree", f"ada/one {commit[:12]} b"),
    ]


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Services]:
    LocalRegistry(tmp_path / "hub").publish(write_adapter(tmp_path / "adapter"), "ada/one", "1.0.0", facts=FACTS)
    hub = Services.open(Settings(tmp_path / "hub"))
    yield hub
    hub.close()


def test_versions(released: Services) -> None:
    assert kinds(released, deep=True) == []
    with released.database.write() as session:
        session.execute(delete(TreeEntryRow).where(TreeEntryRow.path == "adapter_model.safetensors"))
    assert kinds(released) == [("version", "ada/one@1.0.0")]
    with released.database.write() as session:
        session.execute(update(VersionRow).values(manifest=b"{}"))
    (problem,) = check(released.database, released.store)
    assert "has the digest" in problem.what
