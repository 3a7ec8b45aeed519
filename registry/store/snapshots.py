"""Verified folders of whole versions, ``snapshots/<digest>/``, built aside and renamed into place.

Two versions of one digest may differ in files that no manifest lists, such as their signatures: they have folders of
their own, ``snapshots/<digest>-<what differs>/``.

A snapshot shares no bytes with the store, so that either can restore the other. Its files are hashed at each use: a
disk that lies is found out before anything is loaded. One process builds a snapshot, however many want it. Together
they have a budget of bytes; the least recently used give way, but none that was used in the last `IN_USE` seconds,
since whoever got it may be reading it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock

from registry.errors import CorruptBlob
from registry.folder import MANIFEST, UNLISTED
from registry.manifest import FileEntry, Manifest
from registry.store.blobs import BlobStore, is_intact
from registry.store.scratch import Scratch

Fetch = Callable[[FileEntry, Path], None]
"""Writes the verified bytes of a file to a path, or raises CorruptBlob."""


CACHE_BYTES = 10 << 30
IN_USE = 600.0  # seconds
SPARE = 0.1  # of the budget is made free at once, so that the folder is not measured at each build


class Snapshots:
    """The folder of snapshots. Safe to use from threads and processes."""

    def __init__(self, root: Path, scratch: Scratch, store: BlobStore | None, max_bytes: int = CACHE_BYTES) -> None:
        """Make nothing yet.

        Args:
            store: gets back what only a damaged snapshot still has; None where the bytes come from elsewhere.
        """
        self._root = root
        self._scratch = scratch
        self._store = store
        self._max_bytes = max_bytes
        self._used: int | None = None  # bytes, as far as this process knows; None before it measured
        self._measuring = threading.Lock()

    def path(self, digest: str, entries: Iterable[FileEntry] = ()) -> Path:
        """Where the snapshot of these files is, or would be."""
        unlisted = sorted(f"{entry.path} {entry.sha256}" for entry in entries if entry.path in UNLISTED)
        apart = "-" + hashlib.sha256("\n".join(unlisted).encode()).hexdigest()[:16] if unlisted else ""
        return self._root / (digest.removeprefix("sha256:") + apart)

    def of(self, digest: str) -> list[Path]:
        """All snapshots of that digest."""
        return sorted(self._root.glob(self.path(digest).name + "*"))

    def get(self, manifest: Manifest, entries: Iterable[FileEntry], fetch: Fetch) -> Path:
        """The verified snapshot of a version, made by `fetch` where there is none.

        Args:
            entries: all files of it but its manifest.

        Raises:
            CorruptBlob: a file of it was damaged, or cannot be fetched. A damaged snapshot is gone afterwards, so that
                the next call makes it anew.
        """
        files = [*entries, _own_entry(manifest)]
        target = self.path(manifest.digest, files[:-1])
        if not target.is_dir():
            with self._building(target):
                if not target.is_dir():
                    self._build(target, manifest, files[:-1], fetch)
                    self._make_room(sum(entry.size for entry in files))
        self._note_use(target)
        damaged = self.damaged(target, files)
        if damaged:
            self._rescue(target, files[:-1])
            self.discard(target)
            raise CorruptBlob(
                f"{damaged} of snapshot {target.name[:12]} is not what was published; the snapshot was discarded",
                "Pull again: it is made anew.",
            )
        return target

    def damaged(self, folder: Path, files: Iterable[FileEntry]) -> str | None:
        """The first file of a snapshot that is missing, altered or does not belong there."""
        expected = {entry.path: entry for entry in files}
        present = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()
        }
        strangers = sorted(present - expected.keys())
        altered = (place for place, entry in expected.items() if not is_intact(folder / place, entry.sha256))
        return next(iter(strangers), None) or next(altered, None)

    def discard(self, folder: Path) -> None:
        """Take a snapshot away at once; readers that have its files open keep them."""
        with self._scratch.folder() as aside:
            try:
                os.rename(folder, aside / "discarded")
            except FileNotFoundError:
                return  # another process was faster

    def _building(self, target: Path) -> FileLock:
        """Held by the one process that builds; the system lets it go with its holder, however that ends."""
        locks = self._root.parent / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        return FileLock(locks / f"{target.name[:2]}.lock")

    def _note_use(self, target: Path) -> None:
        try:
            os.utime(target)
        except FileNotFoundError:
            return  # another process gave it up just now; the check that follows says so

    def _make_room(self, added: int) -> None:
        """Discard the least recently used snapshots where all are more than the budget."""
        with self._measuring:
            self._used = None if self._used is None else self._used + added
            if self._used is not None and self._used <= self._max_bytes:
                return
            found = sorted((_last_use(folder), folder) for folder in self._root.iterdir())
            sizes = {folder: _size(folder) for _, folder in found}
            self._used = sum(sizes.values())
            if self._used <= self._max_bytes:
                return
            for _, folder in found:
                if self._used <= self._max_bytes * (1 - SPARE):
                    return
                if _last_use(folder) < time.time() - IN_USE:  # asked again: measuring took its time
                    self.discard(folder)
                    self._used -= sizes[folder]

    def _rescue(self, folder: Path, entries: Iterable[FileEntry]) -> None:
        """Give back to the store what only a snapshot that is about to go still has intact."""
        if self._store is None:
            return
        for entry in entries:
            if not self._store.holds(entry.sha256) and is_intact(folder / entry.path, entry.sha256):
                self._store.put(folder / entry.path, entry.sha256)

    def _build(self, target: Path, manifest: Manifest, entries: Iterable[FileEntry], fetch: Fetch) -> None:
        with self._scratch.folder() as folder:
            for entry in entries:
                file = folder / entry.path
                file.parent.mkdir(parents=True, exist_ok=True)
                fetch(entry, file)
                file.chmod(0o444)
            (folder / MANIFEST).write_bytes(manifest.canonical())
            (folder / MANIFEST).chmod(0o444)
            folder.chmod(0o755)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.rename(folder, target)
            except OSError:
                if not target.is_dir():
                    raise
                # another process was faster, and its snapshot is verified like any other


def _last_use(folder: Path) -> float:
    """When a snapshot was used last, in seconds since the epoch; now if another process took it away just now."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _size(folder: Path) -> int:
    """Bytes of its files; those that another process takes away meanwhile do not count."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


def _own_entry(manifest: Manifest) -> FileEntry:
    data = manifest.canonical()
    return FileEntry(path=MANIFEST, size=len(data), sha256=hashlib.sha256(data).hexdigest())
