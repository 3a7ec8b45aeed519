"""Verified folders of whole versions, ``snapshots/<digest>/``, built aside and renamed into place.

A snapshot shares no bytes with the store, so that either can restore the other. Its files are hashed at each use: a
disk that lies is found out before anything is loaded.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from registry.errors import CorruptBlob
from registry.folder import MANIFEST
from registry.manifest import FileEntry, Manifest
from registry.store.blobs import Store, is_intact
from registry.store.scratch import Scratch

Fetch = Callable[[FileEntry, Path], None]
"""Writes the verified bytes of a file to a path, or raises CorruptBlob."""


class Snapshots:
    """The folder of snapshots."""

    def __init__(self, root: Path, scratch: Scratch, store: Store) -> None:
        self._root = root
        self._scratch = scratch
        self._store = store

    def path(self, digest: str) -> Path:
        """Where the snapshot is, or would be."""
        return self._root / digest.removeprefix("sha256:")

    def get(self, manifest: Manifest, entries: Iterable[FileEntry], fetch: Fetch) -> Path:
        """The verified snapshot of a version, made by `fetch` where there is none.

        Args:
            entries: all files of it but its manifest.

        Raises:
            CorruptBlob: a file of it was damaged, or cannot be fetched. A damaged snapshot is gone afterwards, so that
                the next call makes it anew.
        """
        target, files = self.path(manifest.digest), [*entries, _own_entry(manifest)]
        if not target.is_dir():
            self._build(target, manifest, files[:-1], fetch)
        damaged = self.damaged(target, files)
        if damaged:
            self._rescue(target, files[:-1])
            self.discard(target)
            raise CorruptBlob(
                f"{damaged} of snapshot {target.name[:12]} is not what was published; the snapshot was discarded",
                "Pull again: it is made anew from the registry's store.",
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

    def _rescue(self, folder: Path, entries: Iterable[FileEntry]) -> None:
        """Give back to the store what only a snapshot that is about to go still has intact."""
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


def _own_entry(manifest: Manifest) -> FileEntry:
    data = manifest.canonical()
    return FileEntry(path=MANIFEST, size=len(data), sha256=hashlib.sha256(data).hexdigest())
