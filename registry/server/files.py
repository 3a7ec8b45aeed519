"""From bytes that came in to files that a commit can name: hashed, stored, and noted as uploaded for a repository."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from registry.errors import BadUpload, RegistryUnavailable
from registry.index import commits, rows
from registry.index.repositories import Repository
from registry.index.tables import BlobRow
from registry.index.trees import TreeEntry
from registry.manifest.completion import sha256_of
from registry.server.services import Services
from registry.server.tickets import UploadTicket

CHUNK = 1 << 20  # bytes
AT_ONCE = 4  # files that are stored at once: on a local disk six times as fast as one by one, and more were slower


def store_bytes(hub: Services, data: bytes, path: str) -> TreeEntry:
    """Put a small file that is in memory into the store, and return the entry of a tree that names it."""
    with hub.scratch.folder() as folder:
        file = folder / "file"
        file.write_bytes(data)
        entry = entry_of(file, path)
        hub.store.put(file, entry.sha256, move=True)
        return entry


def entry_of(file: Path, path: str) -> TreeEntry:
    """The entry of a tree that names a regular file of these bytes."""
    size, sha256, sha1 = file.stat().st_size, hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    sha1.update(b"blob %d\0" % size)
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            sha256.update(chunk)
            sha1.update(chunk)
    return TreeEntry(path, size, sha256.hexdigest(), sha1.hexdigest())


def store_files(hub: Services, described: Collection[tuple[TreeEntry, Path]]) -> None:
    """Put small files into the store, several at once, since nearly all of it is waiting for a disk or a bucket.

    One by one, a commit of thousands took longer than proxies wait for an answer. The files are moved.

    Raises:
        RegistryUnavailable: one could not be stored; some others are.
    """

    def put(one: tuple[TreeEntry, Path]) -> None:
        hub.store.put(one[1], one[0].sha256, move=True)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="store") as pool:
        for _ in pool.map(put, described):  # after the first that fails, what has not begun is not begun
            pass


def grant(hub: Services, repository: Repository, entries: Collection[TreeEntry]) -> None:
    """Note that the store holds these files, and that a commit to the repository may name them.

    From then on garbage collection leaves them alone; what it took away just before is found missing here.

    Raises:
        RegistryUnavailable: it did; the upload must be repeated.
    """
    with hub.database.write() as session:
        for entry in sorted(entries, key=lambda one: one.sha256):  # in one order, so that nobody waits in a circle
            commits.register(session, entry.sha256, entry.size)
            rows.note_upload(session, repository.id, entry.sha256)
    for entry in entries:
        if hub.store.size(entry.sha256) is None:
            raise RegistryUnavailable(f"the bytes of {entry.path} were lost while they came in", "Send them again.")


def load(hub: Services, entry: TreeEntry) -> bytes:
    """The bytes of a file; only for small ones."""
    return b"".join(hub.store.read(entry.sha256, 0, entry.size)) if entry.size else b""


def granted(hub: Services, repository: Repository, wanted: Collection[str]) -> dict[str, int]:
    """Which of these bytes a commit to the repository may name already, and their lengths.

    Others may be in the store for other repositories; whether they are is nobody's business.
    """
    with hub.database.read() as session:
        row = rows.repository(session, repository.name, repository.kind, lock=False)
        return {sha256: session.get_one(BlobRow, sha256).size for sha256 in commits.granted(session, row, wanted)}


def renewed(hub: Services, repository: Repository, wanted: Collection[str]) -> set[str]:
    """Which of these bytes need not be sent: they are here, and from now on garbage collection leaves them alone.

    Bytes that were lost from the store are not here, whatever the index says: sending them again puts them back.
    """
    here = {sha256 for sha256 in granted(hub, repository, wanted) if hub.store.size(sha256) is not None}
    if not here:
        return here
    with hub.database.write() as session:
        kept = commits.held(session, here)
        for sha256 in sorted(kept):
            rows.note_upload(session, repository.id, sha256)
    return kept


def receive(hub: Services, repository: Repository, file: Path, wanted: UploadTicket, size: int) -> None:
    """Store what an upload address was given for, if these are the bytes; `file` is gone afterwards.

    Raises:
        BadUpload: they are others.
    """
    if size != wanted.size or sha256_of(file) != wanted.sha256:
        raise BadUpload(f"these are not the {wanted.size:,} bytes of sha256 {wanted.sha256}", "Upload the file again.")
    hub.store.put(file, wanted.sha256, move=True)
    grant(hub, repository, [TreeEntry("", wanted.size, wanted.sha256)])
