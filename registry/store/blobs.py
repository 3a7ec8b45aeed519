"""Bytes by their sha256, one file each: ``blobs/aa/aabb…``. Written once, whole or not at all; read only verified."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from registry.errors import CorruptBlob
from registry.store.scratch import Scratch, sync_file, sync_folder

CHUNK = 1 << 20  # bytes
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Store:
    """A folder of blobs. Any number of threads and processes may put and copy at once."""

    def __init__(self, root: Path, scratch: Scratch) -> None:
        self._root = root
        self._scratch = scratch

    def path(self, sha256: str) -> Path:
        """Where the blob is, or would be."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is not a sha256")
        return self._root / sha256[:2] / sha256

    def put(self, source: Path, sha256: str) -> None:
        """Copy `source` in as the blob of that sha256; a damaged copy that is there already is replaced.

        Raises:
            CorruptBlob: `source` has other bytes, for example because it is being changed.
        """
        target = self.path(sha256)
        with self._scratch.folder() as folder:
            fresh = folder / sha256
            if copy_hashed(source, fresh) != sha256:
                raise CorruptBlob(f"{source.name} changed while it was read", "Publish it when nothing writes to it.")
            sync_file(fresh)
            fresh.chmod(0o444)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(fresh, target)
        sync_folder(target.parent)

    def copy(self, sha256: str, size: int, target: Path) -> bool:
        """Copy a blob to `target`; False where it is missing or damaged (`target` is then of no use)."""
        source = self.path(sha256)
        try:
            if source.stat().st_size != size:
                return False
            return copy_hashed(source, target) == sha256
        except FileNotFoundError:
            return False

    def check(self) -> None:
        """Write a little, and remove it.

        Raises:
            OSError: the store cannot be written to: its disk is full, or gone, or not ours.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        with self._scratch.folder() as folder:
            probe = folder / "probe"
            probe.write_bytes(bytes(4096))
            target = self._root / f".{folder.name}"
            os.replace(probe, target)
            target.unlink()

    def holds(self, sha256: str) -> bool:
        """Whether the blob is here and intact."""
        return is_intact(self.path(sha256), sha256)


def copy_hashed(source: Path, target: Path) -> str:
    """Copy a file and return the hex sha256 of exactly the bytes that were written."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            writer.write(chunk)
    return digest.hexdigest()


def is_intact(file: Path, sha256: str) -> bool:
    """Whether a plain file has exactly these bytes."""
    if file.is_symlink() or not file.is_file():
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
