"""Repositories: made, found, moved, hidden. Knows no files but the first commit's, and asks nobody's permission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from registry.errors import RepositoryExists, RepositoryNotFound
from registry.index import commits, facts, rows, trees
from registry.index.database import Database
from registry.index.tables import FormerNameRow, RepositoryRow, VersionRow
from registry.index.trees import TreeEntry
from registry.selector import MAIN


@dataclass(frozen=True)
class Repository:
    """A repository as it is now. `gated` is empty, auto or manual; `card` is the front matter of its README.md."""

    id: int
    kind: str
    name: str
    private: bool
    gated: str
    created: datetime
    updated: datetime
    downloads: int
    likes: int
    card: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        """The account that it belongs to, in lower case."""
        return self.name.partition("/")[0].lower()

    @classmethod
    def of(cls, row: RepositoryRow) -> Repository:
        """The value of a row."""
        return cls(
            row.id,
            row.kind,
            row.name,
            row.private,
            row.gated,
            row.created,
            row.updated,
            row.downloads,
            row.likes,
            row.card,
        )


class Repositories:
    """All repositories of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, kind: str, *, private: bool, author: str, first: TreeEntry | None = None) -> Repository:
        """Make a repository whose main branch holds one commit, with the file `first` or none.

        Raises:
            RepositoryExists: the name is taken, by a repository that is there or by one that was deleted or moved.
        """
        with self._database.write() as session:
            row = self._new(session, name, kind, private)
            if first:
                commits.register(session, first.sha256, first.size)
            commit = commits.write(session, row, [first] if first else [], [], "initial commit", author)
            commits.point(session, row, rows.BRANCH, MAIN, commit)
            rows.audit(session, "create", row.name, kind, "private" if private else "public", author)
            return Repository.of(row)

    def copy(self, source: Repository, commit: str, name: str, *, private: bool, author: str) -> Repository:
        """Make a repository that begins with the files of a commit of another one.

        Raises:
            RepositoryExists: as for `create`.
            MissingBytes: bytes of it are gone from the store.
        """
        with self._database.write() as session:
            row = self._new(session, name, source.kind, private)
            files = [replace(entry, changed=None) for entry in trees.read(session, commit).values()]
            made = commits.write(session, row, files, [], f"Duplicate from {source.name}", author)
            commits.point(session, row, rows.BRANCH, MAIN, made)
            facts.copy_card(session, row, source.card)
            rows.audit(session, "create", row.name, row.kind, f"a copy of {source.name} {commit}", author)
            return Repository.of(row)

    def find(self, name: str, kind: str = rows.MODEL) -> Repository:
        """The repository of that name, or that had it before it was moved.

        Raises:
            RepositoryNotFound: there is none.
        """
        with self._database.read() as session:
            return Repository.of(rows.repository(session, name, kind, lock=False))

    def settings(
        self, repository: Repository, author: str, *, private: bool | None = None, gated: str | None = None
    ) -> None:
        """Change who may see it and who may read it; None leaves as it is."""
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            row.private = row.private if private is None else private
            row.gated = row.gated if gated is None else gated
            detail = f"{'private' if row.private else 'public'}, gated: {row.gated or 'no'}"
            rows.audit(session, "settings", row.name, row.kind, detail, author)

    def move(self, repository: Repository, name: str, author: str) -> Repository:
        """Give it another name; the old one goes on meaning it.

        Raises:
            RepositoryExists: the name is taken.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            if name.lower() != row.key:
                self._refuse_taken(session, name, row.kind, moving=row.id)
                own = delete(FormerNameRow).where(FormerNameRow.kind == row.kind, FormerNameRow.key == name.lower())
                session.execute(own)
                rows.insert_new(session, FormerNameRow, kind=row.kind, key=row.key, repository_id=row.id)
            before, row.name, row.key = row.name, name, name.lower()
            row.namespace = row.key.partition("/")[0]
            session.flush()
            rows.note_name(session, row)
            rows.audit(session, "move", before, row.kind, name, author)
            rows.audit(session, "move", name, row.kind, f"from {before}", author)
            return Repository.of(row)

    def delete(self, repository: Repository, author: str) -> None:
        """Hide it for good. Its versions stay for whoever pins them by digest, and then its name stays taken."""
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            versions = session.scalar(select(func.count()).where(VersionRow.repository_id == row.id)) or 0
            row.deleted = datetime.now(UTC)
            if not versions:  # nothing is lost by giving the name free
                row.key = f"{row.key}#{row.id}"
                session.execute(delete(FormerNameRow).where(FormerNameRow.repository_id == row.id))
            rows.audit(session, "delete", repository.name, row.kind, f"{versions} versions", author)

    def add_downloads(self, counts: Mapping[int, int]) -> Mapping[int, int]:
        """Add to how often repositories were downloaded, by their ids, and return what has to wait.

        That are repositories that somebody changes just now: whoever waited for them would hold up all the others.
        """
        known = select(RepositoryRow.id).where(RepositoryRow.id.in_(counts))
        with self._database.write() as session:
            free = set(session.scalars(known.with_for_update(skip_locked=True)))
            for number in free:
                more = {"downloads": RepositoryRow.downloads + counts[number]}
                session.execute(update(RepositoryRow).where(RepositoryRow.id == number).values(more))
            return {number: counts[number] for number in session.scalars(known) if number not in free}

    def _new(self, session: Session, name: str, kind: str, private: bool) -> RepositoryRow:
        """The row of a new repository; whoever comes second at the same moment must not get the first one's."""
        self._refuse_taken(session, name, kind)
        if not rows.new_repository(session, name, kind, private):  # whoever made it was in the middle of that
            raise _taken(name, kind)
        return rows.repository(session, name, kind)

    def _refuse_taken(self, session: Session, name: str, kind: str, moving: int | None = None) -> None:
        try:
            found = rows.repository(session, name, kind, lock=False)
            if found.id == moving:
                return
        except RepositoryNotFound:
            hidden = select(RepositoryRow.id).where(RepositoryRow.kind == kind, RepositoryRow.key == name.lower())
            if session.scalar(hidden) is None:
                return
        raise _taken(name, kind)


def _taken(name: str, kind: str) -> RepositoryExists:
    return RepositoryExists(f"A {kind} repository called {name} already exists", "Choose another name.")
