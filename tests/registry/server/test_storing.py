"""The small files of a commit are stored several at once: all of them, or the commit fails."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from registry.errors import RegistryUnavailable
from registry.server.services import Services
from registry.server.storing import AT_ONCE, MAX_WAITING, Storing
from registry.store import blobs


def test_all_are_stored_once_the_block_ends(hub: Services) -> None:
    sent = {f"{number}.txt": f"{number % 150}".encode() for number in range(200)}  # some bytes twice, at once
    with Storing(hub) as storing:
        entries = [storing.put(data, path) for path, data in sent.items()]
    assert [entry.path for entry in entries] == list(sent)
    for entry, data in zip(entries, sent.values(), strict=True):
        assert entry.sha256 == hashlib.sha256(data).hexdigest()
        assert entry.oid == hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        assert b"".join(hub.store.read(entry.sha256, 0, entry.size)) == data


def test_a_file_that_cannot_be_stored_fails_the_block(hub: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = failing_disk(monkeypatch)
    with pytest.raises(RegistryUnavailable), Storing(hub) as storing:
        storing.put(b"first", "a")
    with pytest.raises(RegistryUnavailable), Storing(hub) as storing:
        for number in range(10 * MAX_WAITING):
            storing.put(b"%d" % number, f"{number}")
    assert len(tried) <= 2 * MAX_WAITING + AT_ONCE, "it went on after the first failure"


def test_what_fails_in_the_block_stops_what_waits(hub: Services) -> None:
    with pytest.raises(KeyError), Storing(hub) as storing:
        entry = storing.put(b"content", "a")
        raise KeyError(entry.path)


def failing_disk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let nothing be put; returns what it was tried with."""
    tried: list[str] = []

    def put(store: blobs.BlobStore, source: Path, sha256: str, **options: Any) -> None:
        tried.append(sha256)
        raise RegistryUnavailable("the disk is full", "Make room.")

    monkeypatch.setattr(blobs.BlobStore, "put", put)
    return tried
