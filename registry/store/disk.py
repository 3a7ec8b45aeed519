"""Objects as files of a folder, made in the scratch folder and renamed into place: whole, and durable, or not there.

Needs a file system with atomic renames. Folders that deletion leaves empty go too, so a put may find its folder gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from registry.store.faults import disk_faults
from registry.store.objects import CHUNK, Stored
from registry.store.scratch import Scratch, sync_file, sync_folder

TRIES = 100  # of renaming into a folder that deletions elsewhere keep removing


class FolderObjects:
    """Objects under `root`; the key is the path. `scratch` is on the same file system."""

    def __init__(self, root: Path, scratch: Scratch) -> None:
        self._root = root
        self._scratch = scratch

    def __str__(self) -> str:
        return str(self._root)

    @property
    def scratch(self) -> Scratch:
        """See `Objects`."""
        return self._scratch

    def put(self, key: str, file: Path) -> None:
        """See `Objects`. Costs a rename if the file is on this file system, else a copy."""
        with disk_faults(self):
            try:
                self._place(file, self._root / key)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                with self._scratch.folder() as folder:
                    self._place(Path(shutil.copyfile(file, folder / "copy")), self._root / key)

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """See `Objects`."""
        with disk_faults(self):
            stream = (self._root / key).open("rb")
            if os.fstat(stream.fileno()).st_size < stop:
                stream.close()
                raise FileNotFoundError(f"{self._root / key} ends before byte {stop}")
            stream.seek(start)
        return self._pieces(stream, stop - start)

    def stat(self, key: str) -> Stored | None:
        """See `Objects`. A link is no object."""
        with disk_faults(self):
            try:
                found = (self._root / key).lstat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return Stored(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def path(self, key: str) -> Path | None:
        """See `Objects`."""
        return self._root / key

    def delete(self, keys: Iterable[str]) -> None:
        """See `Objects`."""
        for key in keys:
            target = self._root / key
            with disk_faults(self):
                target.unlink(missing_ok=True)
            for folder in target.parents:
                if folder == self._root:
                    break
                try:
                    folder.rmdir()
                except OSError:  # not empty, or gone
                    break

    def list(self, prefix: str) -> Iterator[Stored]:
        """See `Objects`."""
        single = self.stat(prefix)
        if single is not None:
            yield single
        for folder, _, names in os.walk(self._root / prefix, onerror=self._refuse_unreadable):
            for name in names:
                found = self.stat((Path(folder) / name).relative_to(self._root).as_posix())
                if found is not None:
                    yield found

    def _place(self, file: Path, target: Path) -> None:
        sync_file(file)
        file.chmod(0o444)
        os.utime(file)  # it was put now, however old the file is: what collects garbage goes by that
        _rename(file, target)
        with contextlib.suppress(FileNotFoundError):  # taken away already, with its folder
            sync_folder(target.parent)

    def _pieces(self, stream: BinaryIO, left: int) -> Iterator[bytes]:
        with disk_faults(self), stream:
            while left and (piece := stream.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece

    def _refuse_unreadable(self, error: OSError) -> None:
        """A folder that cannot be listed may not look empty; one that is gone is."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            with disk_faults(self):
                raise error


def _rename(file: Path, target: Path) -> None:
    for attempt in range(TRIES):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
            return
        except (FileNotFoundError, FileExistsError):  # both come of a folder that went while it was looked for
            if attempt == TRIES - 1 or not file.exists():
                raise
