"""Snapshots: one folder a version, whoever is first, and nothing half made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from registry import Manifest
from registry.admit import admit
from registry.errors import CorruptBlob
from registry.folder import survey
from registry.manifest import FileEntry
from registry.store import Scratch, Snapshots, Store
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
    return Snapshots(tmp_path / "snapshots", scratch, Store(tmp_path / "blobs", scratch))


def test_another_process_was_faster(snapshots: Snapshots, manifest: Manifest, source: Path, tmp_path: Path) -> None:
    """While one is being built, the same one appears."""

    def fetch(entry: FileEntry, target: Path) -> None:
        shutil.copyfile(source / entry.path, target)

    def fetch_slowly(entry: FileEntry, target: Path) -> None:
        snapshots.get(manifest, manifest.files, fetch)
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
