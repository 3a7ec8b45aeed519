"""Bytes by their sha256, one object each: ``blobs/aa/aabb…``. Written once, whole or not at all; read only verified.

Only `read` cannot verify, since it gives a part: whoever wants a part has the sha256, and the whole to ask for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from registry.errors import CorruptBlob
from registry.manifest.completion import sha256_of
from registry.store.faults import disk_faults
from registry.store.objects import CHUNK, Objects, Stored

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ROOT = "blobs"


class BlobStore:
    """The blobs among some objects. Any number of threads and processes may put and copy at once.

    Each verb raises ValueError for what is no sha256, and RegistryUnavailable where `objects` does.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def put(self, source: Path, sha256: str, *, move: bool = False) -> None:
        """Make the bytes of `source` the blob of that sha256; a damaged copy that is there already is replaced.

        Args:
            move: `source` is the caller's own plain file, which nobody writes to and nobody needs afterwards: saves
                copying it. It is still there if this raises.

        Raises:
            CorruptBlob: `source` has other bytes, for example because it is being changed.
        """
        key = _key(sha256)
        with disk_faults(self._objects.scratch), self._objects.scratch.folder() as folder:
            own = source if move else folder / sha256
            if (sha256_of(own) if move else copy_hashed(source, own)) != sha256:
                raise CorruptBlob(f"{source.name} changed while it was read", "Publish it when nothing writes to it.")
            self._objects.put(key, own)

    def copy(self, sha256: str, size: int, target: Path) -> bool:
        """Copy a blob to `target`; False where it is missing or damaged (`target` is then of no use)."""
        if self.size(sha256) != size:
            return False
        digest = hashlib.sha256()
        try:
            pieces = self._whole(sha256, size)
        except FileNotFoundError:
            return False
        with disk_faults(target.parent), target.open("wb") as writer:
            for piece in pieces:
                digest.update(piece)
                writer.write(piece)
        return digest.hexdigest() == sha256

    def check(self) -> None:
        """Write a little, and remove it.

        Raises:
            RegistryUnavailable: that cannot be done: the disk is full, or the place is gone, or not ours.
        """
        with disk_faults(self._objects.scratch), self._objects.scratch.folder() as folder:
            key, probe = f"staged/probe/{folder.name}", folder / "probe"
            probe.write_bytes(bytes(4096))
            self._objects.put(key, probe)
        self._objects.delete([key])

    def holds(self, sha256: str) -> bool:
        """Whether the blob is here and intact; reads all of it."""
        size = self.size(sha256)
        if size is None:
            return False
        digest = hashlib.sha256()
        try:
            for piece in self._whole(sha256, size):
                digest.update(piece)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == sha256

    def size(self, sha256: str) -> int | None:
        """Bytes of the blob, None where there is none; reads nothing of it."""
        found = self._objects.stat(_key(sha256))
        return None if found is None else found.size

    def stat(self, sha256: str) -> Stored | None:
        """Its size and when it was put last, with the sha256 as the key; None where there is none."""
        found = self._objects.stat(_key(sha256))
        return found and found._replace(key=sha256)

    def read(self, sha256: str, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `start` to before `stop` of the blob, in pieces of about 1 MiB, as they are: not verified.

        Raises:
            CorruptBlob: there is no such blob, or it ends before `stop`; by the call, before any byte.
            ValueError: not 0 ≤ start ≤ stop.
        """
        key = _key(sha256)
        if not 0 <= start <= stop:
            raise ValueError(f"there are no bytes from {start} to {stop}")
        if start == stop:
            return iter(())
        try:
            return self._objects.read(key, start, stop)
        except FileNotFoundError as error:
            raise CorruptBlob(
                f"blob {sha256[:12]} of {self._objects} is not there, or ends before byte {stop}",
                "Publish the same content again: that puts its bytes back.",
            ) from error

    def path(self, sha256: str) -> Path | None:
        """Where the blob's file is, or would be; None where blobs are not files."""
        return self._objects.path(_key(sha256))

    def delete(self, sha256: str) -> None:
        """Take the blob away, if it is there. Readers that have it open keep it."""
        self._objects.delete([_key(sha256)])

    def list(self) -> Iterator[Stored]:
        """All blobs, their sha256 as the key, in no order; what is no blob is left out."""
        for found in self._objects.list(_ROOT):
            sha256 = found.key.rpartition("/")[2]
            if _SHA256.fullmatch(sha256) and found.key == _key(sha256):
                yield found._replace(key=sha256)

    def _whole(self, sha256: str, size: int) -> Iterator[bytes]:
        return self._objects.read(_key(sha256), 0, size) if size else iter(())


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


def _key(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is not a sha256")
    return f"{_ROOT}/{sha256[:2]}/{sha256}"
