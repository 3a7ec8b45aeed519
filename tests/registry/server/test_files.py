"""The small files of a commit are stored several at once: all of them, or the commit fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.errors import CorruptBlob
from registry.index.trees import TreeEntry
from registry.server import files
from registry.server.services import Services


def described(folder: Path, number: int) -> tuple[TreeEntry, Path]:
    """A file, of which two others have the same bytes, and its entry."""
    file = folder / f"{number}"
    file.write_bytes(b"%d" % (number % 100))
    return files.entry_of(file, f"{number}.txt"), file


def test_all_are_stored(hub: Services, tmp_path: Path) -> None:
    sent = [described(tmp_path, number) for number in range(300)]
    files.store_files(hub, sent)
    for number, (entry, _) in enumerate(sent):
        assert b"".join(hub.store.read(entry.sha256, 0, entry.size)) == b"%d" % (number % 100)


def test_one_that_cannot_be_stored_fails_all_and_what_has_not_begun_is_not_begun(hub: Services, tmp_path: Path) -> None:
    sent = [described(tmp_path, number) for number in range(2000)]
    sent[0][1].write_bytes(b"changed")
    with pytest.raises(CorruptBlob):
        files.store_files(hub, sent)
    assert sent[-1][1].exists()
