"""Blobs: whole or not at all, and never other bytes than their name says."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from registry.errors import CorruptBlob
from registry.store import Scratch, Store

DATA = b"weights" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "blobs", Scratch(tmp_path / "tmp"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "source"
    file.write_bytes(DATA)
    return file


def test_put_and_copy(store: Store, source: Path, tmp_path: Path) -> None:
    store.put(source, SHA256)
    assert store.path(SHA256) == tmp_path / "blobs" / SHA256[:2] / SHA256
    assert store.holds(SHA256)
    assert store.copy(SHA256, len(DATA), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == DATA
    assert not list((tmp_path / "tmp").iterdir())


def test_a_source_that_changed_is_not_stored(store: Store, source: Path, tmp_path: Path) -> None:
    source.write_bytes(DATA + b"x")
    with pytest.raises(CorruptBlob, match="source changed"):
        store.put(source, SHA256)
    assert not store.holds(SHA256)
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("damage", [b"", DATA[:-1], DATA[:-1] + b"x", DATA + b"x"])
def test_damage_is_seen_and_put_repairs_it(store: Store, source: Path, tmp_path: Path, damage: bytes) -> None:
    store.put(source, SHA256)
    store.path(SHA256).chmod(0o644)
    store.path(SHA256).write_bytes(damage)
    assert not store.holds(SHA256)
    assert not store.copy(SHA256, len(DATA), tmp_path / "copy")
    store.put(source, SHA256)
    assert store.copy(SHA256, len(DATA), tmp_path / "copy")


def test_a_blob_that_is_not_there(store: Store, tmp_path: Path) -> None:
    assert not store.holds(SHA256)
    assert not store.copy(SHA256, len(DATA), tmp_path / "copy")


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, SHA256 + "\n"])
def test_only_digests_name_blobs(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="not a sha256"):
        store.path(name)


def test_readers_never_see_a_part_while_others_put(store: Store, source: Path, tmp_path: Path) -> None:
    store.put(source, SHA256)
    writers = [threading.Thread(target=lambda: [store.put(source, SHA256) for _ in range(10)]) for _ in range(3)]
    for writer in writers:
        writer.start()
    seen = [store.copy(SHA256, len(DATA), tmp_path / "copy") for _ in range(50)]
    for writer in writers:
        writer.join()
    assert all(seen)
