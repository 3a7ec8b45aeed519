"""Bytes that wait under keys of their own to become blobs, shared by all processes: ``staged/<key>``.

Parts of uploads, say. Nothing here is verified, referred to or kept for good; whoever stages something takes it away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from registry.store.blobs import copy_hashed
from registry.store.faults import disk_faults
from registry.store.objects import Objects, Stored

_KEY = re.compile(r"[A-Za-z0-9._-]{1,200}(/[A-Za-z0-9._-]{1,200})*")
_LONGEST = 800  # characters of a key; S3 allows 1024 bytes, from which the bucket's own prefix goes off
_ROOT = "staged"


class Staging:
    """The staged bytes among some objects. Any number of threads and processes may use it at once.

    A key is names of ``A-Za-z0-9._-`` with slashes between them; none may be the folder of another key. Each verb
    raises ValueError for anything else, and RegistryUnavailable where `objects` does.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def put(self, key: str, source: Path, *, move: bool = False) -> None:
        """Stage the bytes of `source`, whole or not at all, replacing what has that key.

        Args:
            move: as for `BlobStore.put`.
        """
        name = _name(key)
        with disk_faults(self._objects.scratch), self._objects.scratch.folder() as folder:
            own = source if move else folder / "staged"
            if not move:
                copy_hashed(source, own)
            self._objects.put(name, own)

    def open(self, key: str) -> BinaryIO:
        """Staged bytes to read and seek in. A bucket's are copied to a nameless file in the scratch folder first.

        Raises:
            FileNotFoundError: nothing has that key.
        """
        name = _name(key)
        place, found = self._objects.path(name), self._objects.stat(name)
        if found is None:
            raise FileNotFoundError(f"nothing is staged as {key} in {self._objects}")
        if place is not None:
            with disk_faults(self._objects):
                return place.open("rb")
        with disk_faults(self._objects.scratch):
            spool = self._objects.scratch.file()
            try:
                for piece in self._objects.read(name, 0, found.size) if found.size else ():
                    spool.write(piece)
                spool.seek(0)
            except BaseException:
                spool.close()
                raise
            return spool

    def size(self, key: str) -> int | None:
        """Bytes that are staged under that key; None for nothing."""
        found = self._objects.stat(_name(key))
        return None if found is None else found.size

    def delete(self, prefix: str) -> None:
        """Take away what has that key and all that is below ``prefix/``; nothing may be there."""
        self._objects.delete([found.key for found in self._objects.list(_name(prefix))])

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """What has that key and all that is below ``prefix/``, or everything, in no order."""
        for found in self._objects.list(_name(prefix) if prefix else _ROOT):
            yield found._replace(key=found.key.removeprefix(f"{_ROOT}/"))


def _name(key: str) -> str:
    if not _KEY.fullmatch(key) or len(key) > _LONGEST or not {".", ".."}.isdisjoint(key.split("/")):
        raise ValueError(f"{key!r} is no key of a staged object")
    return f"{_ROOT}/{key}"
