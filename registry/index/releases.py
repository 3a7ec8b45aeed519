"""Versions as they are read by others: with when, by whom and how they came to be. Writes nothing.

Finds repositories by their rows, not names, so that it answers for moved ones; and for deleted ones, of which only
what somebody pinned by digest can still be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, select
from sqlalchemy.orm import Session

from registry.index import rows
from registry.index.database import Database
from registry.index.repositories import Repository
from registry.index.tables import FormerNameRow, RepositoryRow, TreeEntryRow, VersionRow
from registry.manifest import Manifest
from registry.protocol import Version
from registry.selector import precedence

SIGNATURE = "manifest.sig"

_SIGNED = exists().where(TreeEntryRow.commit == VersionRow.commit, TreeEntryRow.path == SIGNATURE)
_COLUMNS = (
    VersionRow.number,
    VersionRow.digest,
    VersionRow.commit,
    VersionRow.status,
    VersionRow.reason,
    VersionRow.created,
    VersionRow.author,
    VersionRow.derived,
    VersionRow.removed,
    _SIGNED.label("signed"),
)


@dataclass(frozen=True)
class Release:
    """A version and its circumstances.

    Attributes:
        author: who published it; empty if that was without a server.
        derived: its commit held no manifest, and the registry made one.
        signed: its files include a signature; by whom, and whether it is right, is not said.
        removed: when its files were taken down.
    """

    version: Version
    published: datetime
    author: str
    derived: bool
    signed: bool
    removed: datetime | None


class Releases:
    """The versions of all model repositories of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, repository: Repository) -> Sequence[Release]:
        """All versions of a repository, the highest first, whatever their status."""
        with self._database.read() as session:
            return _all(session, repository)

    def aliases(self, repository: Repository) -> Mapping[str, str]:
        """The aliases of a repository: name → number."""
        with self._database.read() as session:
            found = session.execute(rows.ALIASES_OF, {"repository_id": repository.id})
            return {alias.name: alias.version for alias in found if alias.version}

    def one(self, repository: Repository, wanted: str) -> tuple[Release, Manifest]:
        """A version with its manifest, whatever its status.

        Args:
            wanted: its number, or its digest; where several numbers have that digest, an active one, and the highest.

        Raises:
            VersionNotFound: there is none.
        """
        with self._database.read() as session:
            fitting = [one for one in _all(session, repository) if wanted in (one.version.version, one.version.digest)]
            if not fitting:
                raise rows.no_version(repository.name, wanted)
            found = next((one for one in fitting if one.version.status == "active"), fitting[0])
            manifest = select(VersionRow.manifest).where(
                VersionRow.repository_id == repository.id, VersionRow.number == found.version.version
            )
            return found, Manifest.from_bytes(session.scalars(manifest).one())

    def hidden(self, name: str) -> Repository:
        """A model repository that was deleted, and is kept for the sake of its versions.

        Raises:
            RepositoryNotFound: there is none of that name.
        """
        former = select(FormerNameRow.repository_id).where(
            FormerNameRow.kind == rows.MODEL, FormerNameRow.key == name.lower()
        )
        query = select(RepositoryRow).where(
            RepositoryRow.kind == rows.MODEL,
            RepositoryRow.deleted.is_not(None),
            (RepositoryRow.key == name.lower()) | RepositoryRow.id.in_(former),
        )
        with self._database.read() as session:
            row = session.scalars(query).first()
            if row is None:
                raise rows.no_repository(name)
            return Repository.of(row)

    def pins(self, repository: Repository, commit: str) -> bool:
        """Whether a commit is that of a version which was not revoked."""
        query = select(VersionRow.id).where(VersionRow.repository_id == repository.id, VersionRow.commit == commit)
        with self._database.read() as session:
            return session.scalar(query.where(VersionRow.status != "revoked").limit(1)) is not None


def _all(session: Session, repository: Repository) -> list[Release]:
    found = session.execute(select(*_COLUMNS).where(VersionRow.repository_id == repository.id))
    releases = [_release(repository.name, row) for row in found]
    return sorted(releases, key=lambda one: precedence(one.version.version), reverse=True)


def _release(name: str, row: Row[*tuple[Any, ...]]) -> Release:
    return Release(rows.as_version(name, row), row.created, row.author, row.derived, row.signed, row.removed)
