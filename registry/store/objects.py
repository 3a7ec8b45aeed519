"""The seam to where bytes are kept: whole objects under keys, in a folder (``disk``) or in a bucket (``bucket``).

An object appears whole or not at all, whoever dies meanwhile, and may be replaced and read at once. Knows nothing of
what the bytes mean: ``blobs`` and ``staging`` do, are written once, and make the keys, so that no key has to be judged
here. Any number of threads and processes may use one place; open it in each process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from registry.store.scratch import Scratch

CHUNK = 1 << 20  # bytes that are held at once while an object is read


class Stored(NamedTuple):
    """An object that is there."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    """When it was put last, in UTC."""


class Objects(Protocol):
    """Bytes under keys such as ``blobs/aa/aabb…``. No key may be the folder of another one.

    Each verb raises RegistryUnavailable, which names the place, where a disk is full or fails, or a bucket cannot be
    reached. ``str()`` is the place, for people.
    """

    @property
    def scratch(self) -> Scratch:
        """Where to make files for `put`."""

    def put(self, key: str, file: Path) -> None:
        """Make a file of the caller's own an object, replacing one of that key. The file may be gone afterwards.

        Raises:
            FileNotFoundError: there is no such file.
        """

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `start` to before `stop` (0 ≤ start < stop), in pieces of about `CHUNK`. Opened by the call itself.

        Raises:
            FileNotFoundError: there is no such object, or it ends before `stop`.
        """

    def stat(self, key: str) -> Stored | None:
        """What is known without reading it; None where there is none."""

    def path(self, key: str) -> Path | None:
        """Where the object's file is, or would be; None where objects are not files."""

    def delete(self, keys: Iterable[str]) -> None:
        """Take objects away, all of which may be gone already. Readers that have one open keep it."""

    def list(self, prefix: str) -> Iterator[Stored]:
        """The object of key `prefix`, and all below ``prefix/``, in no order. What comes or goes meanwhile may miss."""
