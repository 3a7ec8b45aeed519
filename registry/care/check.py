"""Whether everything that the index promises is there: refs, versions, trees, and the bytes of every file.

Reads the index in one snapshot, and the store after it, so pushes do not disturb it; garbage collection waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from registry.care.exclusive import alone
from registry.folder import MANIFEST
from registry.index import Database, trees
from registry.index.tables import BlobRow, CommitParentRow, CommitRow, RefRow, RepositoryRow, TreeEntryRow, VersionRow
from registry.manifest import Manifest
from registry.store import BlobStore

AT_ONCE = 500  # rows


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: missing, damaged, ref, commit, tree or version.
        where: a repository with what of it, or a file's sha256.
    """

    kind: str
    where: str
    what: str


def check(database: Database, store: BlobStore, *, deep: bool = False) -> Iterator[Problem]:
    """All problems.

    Args:
        deep: read and hash every file; else only its presence and length are looked at.

    Raises:
        Conflict: a garbage collection or backup is at work.
        RegistryUnavailable: database or store cannot be used.
    """
    database.check()
    with alone(database):
        with database.snapshot() as connection:
            yield from _refs(connection)
            yield from _parents(connection)
            yield from _trees(connection)
            yield from _versions(connection)
            files = {sha256: size for sha256, size in connection.execute(select(BlobRow.sha256, BlobRow.size))}
        yield from _files(database, store, files, deep)


def _refs(connection: Connection) -> Iterator[Problem]:
    """A foreign key holds refs to commits; not to commits of their own repository."""
    query = (
        select(RepositoryRow.name, RefRow.kind, RefRow.name.label("ref"), RefRow.commit)
        .join(RefRow, RefRow.repository_id == RepositoryRow.id)
        .outerjoin(CommitRow, CommitRow.oid == RefRow.commit)
        .where(or_(CommitRow.oid.is_(None), CommitRow.repository_id != RefRow.repository_id))
    )
    for row in connection.execute(query):
        yield Problem("ref", f"{row.name} {row.kind} {row.ref}", f"names {row.commit}, no commit of the repository")


def _parents(connection: Connection) -> Iterator[Problem]:
    query = (
        select(CommitParentRow.commit, CommitParentRow.parent)
        .outerjoin(CommitRow, CommitRow.oid == CommitParentRow.parent)
        .where(CommitRow.oid.is_(None))
    )
    for row in connection.execute(query):
        yield Problem("commit", row.commit, f"its parent {row.parent} is not there")


def _trees(connection: Connection) -> Iterator[Problem]:
    query = (
        select(
            RepositoryRow.name,
            TreeEntryRow.commit,
            TreeEntryRow.path,
            TreeEntryRow.sha256,
            TreeEntryRow.size,
            BlobRow.size.label("known"),
        )
        .join(CommitRow, CommitRow.oid == TreeEntryRow.commit)
        .join(RepositoryRow, RepositoryRow.id == CommitRow.repository_id)
        .outerjoin(BlobRow, BlobRow.sha256 == TreeEntryRow.sha256)
        .where(or_(BlobRow.sha256.is_(None), BlobRow.size != TreeEntryRow.size))
    )
    for row in connection.execution_options(yield_per=AT_ONCE).execute(query):
        where = f"{row.name} {row.commit[:12]} {row.path}"
        if row.known is None:
            yield Problem("tree", where, f"its file {row.sha256} is not among the files of the index")
        else:
            yield Problem("tree", where, f"has {row.size:,} bytes, and its file {row.sha256} has {row.known:,}")


def _versions(connection: Connection) -> Iterator[Problem]:
    for identity in connection.scalars(select(VersionRow.id).order_by(VersionRow.id)).all():
        query = (
            select(RepositoryRow.name, *VersionRow.__table__.columns)
            .join(VersionRow, VersionRow.repository_id == RepositoryRow.id)
            .where(VersionRow.id == identity)
        )
        version = connection.execute(query).one()
        for what in _of_version(connection, version):
            yield Problem("version", f"{version.name}@{version.number}", what)


def _of_version(connection: Connection, version: Row[Any]) -> Iterator[str]:
    digest = f"sha256:{hashlib.sha256(version.manifest).hexdigest()}"
    if digest != version.digest:
        yield f"its manifest has the digest {digest}, not {version.digest}"
        return
    if version.removed:  # its files were taken down
        return
    entries = connection.execute(trees.TREE, {"commit": version.commit})
    tree = {entry.path: (entry.size, entry.sha256) for entry in entries}
    listed = {one.path: (one.size, one.sha256) for one in Manifest.from_bytes(version.manifest).files}
    for path in sorted(path for path, file in listed.items() if tree.get(path) != file):
        yield f"{path} is not in its commit as the manifest lists it"
    own = tree.get(MANIFEST)
    if own and not version.derived and f"sha256:{own[1]}" != version.digest:
        yield f"{MANIFEST} in its commit is another than the admitted one"


def _files(database: Database, store: BlobStore, files: dict[str, int], deep: bool) -> Iterator[Problem]:
    here = {found.key: found.size for found in store.list()}
    for sha256, size in sorted(files.items()):
        found = here.get(sha256)
        if found is None:
            yield Problem("missing", sha256, f"needed by {_users(database, sha256)}; uploading it again puts it back")
        elif found != size or (deep and not store.holds(sha256)):
            yield Problem(
                "damaged",
                sha256,
                f"needed by {_users(database, sha256)}; take blobs/{sha256[:2]}/{sha256} away, and upload it again",
            )


def _users(database: Database, sha256: str) -> str:
    query = (
        select(RepositoryRow.name, TreeEntryRow.path)
        .join(CommitRow, CommitRow.repository_id == RepositoryRow.id)
        .join(TreeEntryRow, TreeEntryRow.commit == CommitRow.oid)
        .where(TreeEntryRow.sha256 == sha256)
        .distinct()
    )
    with database.read() as session:
        found = [f"{name}/{path}" for name, path in session.execute(query.limit(4))]
    return ", ".join(found[:3]) + (" and others" if len(found) > 3 else "") if found else "nothing yet"
