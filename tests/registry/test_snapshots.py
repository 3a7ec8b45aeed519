"""Snapshots: one folder a version, whoever is first, and nothing half made."""

from __future__ import annotations

import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from registry import Manifest
from registry.admit import admit
from registry.errors import CorruptBlob
from registry.folder import survey
from registry.manifest import FileEntry
from registry.store import BlobStore, FolderObjects, Scratch, Snapshots
from tests.registry.folders import FACTS, write_adapter


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")


@pytest.fixture
def manifest(source: Path) -> Manifest:
    return admit(survey(source).files, FACTS).manifest


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    scratch = Scratch(tmp_path / "tmp")
    return Snapshots(tmp_path / "snapshots", scratch, BlobStore(FolderObjects(tmp_path, scratch)))


def test_one_that_appears_while_it_is_built_is_taken(
    snapshots: Snapshots, manifest: Manifest, source: Path, tmp_path: Path
) -> None:
    """Where a file system's locks do not hold, two may build at once; whoever renames first has made it."""

    def fetch(entry: FileEntry, target: Path) -> None:
        shutil.copyfile(source / entry.path, target)

    other = Scratch(tmp_path / "other")
    made = Snapshots(tmp_path / "elsewhere" / "snapshots", other, BlobStore(FolderObjects(tmp_path, other))).get(
        manifest, manifest.files, fetch
    )

    def fetch_slowly(entry: FileEntry, target: Path) -> None:
        if not snapshots.path(manifest.digest).exists():
            shutil.copytree(made, snapshots.path(manifest.digest))
        fetch(entry, target)

    folder = snapshots.get(manifest, manifest.files, fetch_slowly)
    assert Manifest.read(folder) == manifest
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_cannot_be_fetched_leaves_no_folder(snapshots: Snapshots, manifest: Manifest, tmp_path: Path) -> None:
    def fetch(entry: FileEntry, target: Path) -> None:
        target.write_bytes(b"half")
        raise CorruptBlob(f"{entry.path} is damaged")

    with pytest.raises(CorruptBlob, match=r"adapter_config\.json is damaged"):
        snapshots.get(manifest, manifest.files, fetch)
    assert not snapshots.path(manifest.digest).exists()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_fetch_that_lies_is_found_out(snapshots: Snapshots, manifest: Manifest) -> None:
    with pytest.raises(CorruptBlob, match=r"adapter_config\.json"):
        snapshots.get(manifest, manifest.files, lambda entry, target: target.write_bytes(b"other") and None)
    assert not snapshots.path(manifest.digest).exists()


def versions_of(tmp_path: Path, count: int) -> list[tuple[Manifest, Path]]:
    folders = [write_adapter(tmp_path / f"adapter{seed}", seed=seed) for seed in range(count)]
    return [(admit(survey(folder).files, FACTS).manifest, folder) for folder in folders]


def get(snapshots: Snapshots, manifest: Manifest, source: Path) -> Path:
    def fetch(entry: FileEntry, target: Path) -> None:
        shutil.copyfile(source / entry.path, target)

    return snapshots.get(manifest, list(manifest.files), fetch)


def test_the_least_recently_used_give_way_to_the_budget_but_none_in_use(tmp_path: Path) -> None:
    made = versions_of(tmp_path, 5)
    scratch = Scratch(tmp_path / "tmp")
    folder = get(Snapshots(tmp_path / "measured", scratch, BlobStore(FolderObjects(tmp_path, scratch))), *made[0])
    size = sum(file.stat().st_size for file in folder.rglob("*"))
    snapshots = Snapshots(
        tmp_path / "snapshots", scratch, BlobStore(FolderObjects(tmp_path, scratch)), max_bytes=3 * size
    )
    folders = [get(snapshots, *one) for one in made[:4]]
    assert all(folder.is_dir() for folder in folders), "whoever got them may be reading them"
    for age, folder in zip((3000, 4000, 2000), folders, strict=False):
        os.utime(folder, (time.time() - age, time.time() - age))
    get(snapshots, *made[0])
    get(snapshots, *made[4])
    assert [folder.is_dir() for folder in folders] == [True, False, False, True]
    assert get(snapshots, *made[1]).is_dir(), "what gave way is made again"


def test_one_builds_while_others_wait(tmp_path: Path) -> None:
    """Processes are tried in test_processes; threads of two registries on one folder are told apart alike."""
    manifest, source = versions_of(tmp_path, 1)[0]
    scratch = Scratch(tmp_path / "tmp")
    fetched: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def fetch(entry: FileEntry, target: Path) -> None:
        fetched.append(entry.path)
        begun.set()
        assert go_on.wait(10)
        shutil.copyfile(source / entry.path, target)

    def get_it(_: int) -> Path:
        own = Snapshots(tmp_path / "snapshots", scratch, BlobStore(FolderObjects(tmp_path, scratch)))
        return own.get(manifest, list(manifest.files), fetch)

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(get_it, index) for index in range(4)]
        assert begun.wait(10)
        go_on.set()
        assert len({future.result(30) for future in asked}) == 1
    assert sorted(fetched) == sorted(entry.path for entry in manifest.files)
