"""Commits and the revisions that name them: what a repository held, holds, and holds next.

Keeps the rules that must hold under any concurrency: a commit goes on top of the commit that its author saw, a ref
never names a commit whose bytes are not all in the store, and the tag of a version stays. Knows no permissions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.errors import (
    InvalidReference,
    MissingBytes,
    RevisionNotFound,
    RevokedVersion,
    TakenDown,
    WrongStatus,
)
from registry.index import commits, discussions, drafts, rows, trees
from registry.index.database import Database
from registry.index.facts import CardReader, main_moved, no_card
from registry.index.repositories import Repository
from registry.index.tables import CommitParentRow, CommitRow, RefRow, RepositoryRow, VersionRow
from registry.index.trees import Change, Put, TreeEntry
from registry.selector import MAIN

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_QUALIFIED = re.compile(r"refs/(heads|tags|pr|aliases)/(.+)")
_KINDS = {"heads": rows.BRANCH, "tags": rows.TAG, "pr": rows.PULL, "aliases": rows.ALIAS}


@dataclass(frozen=True)
class Revision:
    """What a revision's text means now.

    `kind` and `name` are of the ref, None where a commit was named itself. `yanked` is the reason why the version that
    it names was yanked; empty for all else.
    """

    commit: str
    kind: str | None
    name: str | None
    yanked: str = ""


@dataclass(frozen=True)
class Commit:
    """One commit of a history."""

    oid: str
    message: str
    author: str
    created: datetime

    @property
    def title(self) -> str:
        """The first line of its message."""
        return self.message.partition("\n")[0]


class History:
    """The commits of all repositories of a database."""

    def __init__(self, database: Database, read_card: CardReader = no_card) -> None:
        self._database, self._read_card = database, read_card

    def revision(self, repository: Repository, text: str) -> Revision:
        """The commit that a branch, tag, ``refs/pr/N``, alias or commit (from 7 digits on) stands for.

        Raises:
            RevisionNotFound: there is none of that name.
            RevokedVersion: it is the tag of a revoked version, or an alias for one.
        """
        with self._database.read() as session:
            return find(session, repository.id, text)

    def tree(self, commit: str) -> Mapping[str, TreeEntry]:
        """All files of a commit, by path, in the order of their paths."""
        with self._database.read() as session:
            return trees.read(session, commit)

    def entry(self, repository: Repository, revision: str, path: str) -> tuple[Revision, TreeEntry | None]:
        """The commit that a revision stands for, and one file of it if it is there.

        Raises:
            RevisionNotFound, RevokedVersion: as for `revision`; also for the oid of its commit.
            TakenDown: the files of that commit were removed.
        """
        with self._database.read() as session:
            found = find(session, repository.id, revision)
            entry = trees.entry(session, found.commit, path)
            if entry is None or found.kind is None:
                _refuse_withdrawn(session, repository.id, found)
            return found, entry

    def log(self, commit: str, limit: int) -> Sequence[Commit]:
        """A commit and what came before it by first parents, the newest first."""
        found: list[Commit] = []
        following: str | None = commit
        with self._database.read() as session:
            while following and len(found) < limit:
                row = session.get_one(CommitRow, following)
                found.append(Commit(row.oid, row.message, row.author, row.created))
                parent = select(CommitParentRow.parent).where(CommitParentRow.commit == row.oid)
                following = session.scalar(parent.where(CommitParentRow.position == 0))
        return found

    def commits(self, oids: Sequence[str]) -> Mapping[str, Commit]:
        """Commits by their oids."""
        with self._database.read() as session:
            found = (
                row
                for some in commits.batches(sorted(set(oids)))
                for row in session.scalars(select(CommitRow).where(CommitRow.oid.in_(some)))
            )
            return {row.oid: Commit(row.oid, row.message, row.author, row.created) for row in found}

    def commit(
        self,
        repository: Repository,
        revision: str,
        changes: Sequence[Change],
        message: str,
        author: str,
        parent: str | None = None,
    ) -> str:
        """Put a commit on top of a branch or pull request and return its oid; the head's where nothing would change.

        The commit that made the head, sent again because its answer was lost, is the head and not another commit.

        Args:
            parent: the oid, or its first 5 digits or more, that the author saw as the head; None does not compare.

        Raises:
            RevisionNotFound: `revision` is no branch and no pull request.
            WrongStatus: it is a pull request that was closed or merged.
            StaleParent: the head is another commit than `parent`.
            MissingBytes: a file's bytes were not uploaded for this repository.
            EntryNotFound, InvalidPath: as for ``trees.changed``.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            ref = branch(session, row, revision)
            if ref.kind == rows.PULL:
                _check_open(session, row, ref)
            before, after = ref.commit, advance(session, row, ref, changes, message, author, parent)
            if (ref.kind, ref.name) == (rows.BRANCH, MAIN):
                main_moved(session, row, before, after, self._read_card)
            move(session, row, ref, after, message, author)
            return after

    def foresee(
        self,
        repository: Repository,
        revision: str,
        changes: Sequence[Change],
        message: str,
        author: str,
        parent: str | None = None,
    ) -> None:
        """Refuse now what `commit` would refuse, so that nothing need be stored for it.

        Raises:
            RevisionNotFound, WrongStatus, StaleParent, EntryNotFound, InvalidPath: as for `commit`.
        """
        with self._database.read() as session:
            row = rows.repository(session, repository.name, repository.kind, lock=False)
            ref = branch(session, row, revision)
            if ref.kind == rows.PULL:
                _check_open(session, row, ref)
            drafts.plan(session, ref, changes, message, author, parent)


def find(session: Session, repository_id: int, text: str) -> Revision:
    """See `History.revision`."""
    qualified = _QUALIFIED.fullmatch(text)
    wanted = [(_KINDS[qualified[1]], qualified[2])] if qualified else []
    wanted += [(kind, text) for kind in (rows.BRANCH, rows.TAG, rows.ALIAS)]
    for kind, name in wanted:
        ref = session.get(RefRow, (repository_id, kind, name))
        if ref:
            return Revision(ref.commit, kind, name, _yanked(session, ref) if ref.version else "")
    if _COMMIT.fullmatch(text):
        query = select(CommitRow.oid).where(CommitRow.repository_id == repository_id)
        exact = CommitRow.oid == text if len(text) == 40 else CommitRow.oid.startswith(text)
        found = session.scalars(query.where(exact).limit(2)).all()
        if len(found) == 1:
            return Revision(found[0], None, None)
    raise RevisionNotFound(f"Invalid rev id: {text}", "See the list of branches and tags.")


def _yanked(session: Session, ref: RefRow) -> str:
    """Why the version that a ref names was yanked; a revoked one is refused."""
    version = rows.version_of(session, ref.repository_id, ref.version or "")
    if version.removed:
        raise TakenDown(f"{version.number} was taken down: {version.reason}", "Move to another version.")
    if version.status == "revoked":
        raise _revoked(version)
    return version.reason if version.status == "yanked" else ""


def _refuse_withdrawn(session: Session, repository_id: int, found: Revision) -> None:
    """Refuse a commit that was a version's, by its oid or as far as its files are gone.

    A branch that still holds the commit gives its files on: it is a draft again, and whoever mends it must read it.
    """
    query = select(VersionRow).where(VersionRow.repository_id == repository_id, VersionRow.commit == found.commit)
    withdrawn = session.scalar(query.where(VersionRow.status == "revoked").limit(1))
    if withdrawn and withdrawn.removed:
        raise TakenDown(
            f"the files of {withdrawn.number} were taken down: {withdrawn.reason}", "Move to another version."
        )
    if withdrawn and found.kind is None:
        raise _revoked(withdrawn)


def _revoked(version: VersionRow) -> RevokedVersion:
    return RevokedVersion(f"{version.number} was revoked: {version.reason}", "Move to another version.")


def branch(session: Session, row: RepositoryRow, text: str) -> RefRow:
    """The ref of a branch or pull request, which commits can go on top of.

    Raises:
        RevisionNotFound: there is none of that name.
        InvalidReference: it is an alias, which names versions only.
    """
    qualified = _QUALIFIED.fullmatch(text)
    kind, name = (_KINDS[qualified[1]], qualified[2]) if qualified else (rows.BRANCH, text)
    ref = session.get(RefRow, (row.id, kind, name)) if kind in (rows.BRANCH, rows.PULL) else None
    alias = session.get(RefRow, (row.id, rows.ALIAS, name))
    if ref is None and alias is not None:
        raise InvalidReference(
            f"{name} is an alias of {row.name}: it moves from version to version and takes no commits",
            "Commit to a branch, tag the commit with a version, then move the alias.",
        )
    if ref is None:
        raise RevisionNotFound(f"Invalid rev id: {text}", "Commit to a branch, or to refs/pr/N; create it first.")
    return ref


def advance(
    session: Session,
    row: RepositoryRow,
    ref: RefRow,
    changes: Sequence[Change],
    message: str,
    author: str,
    parent: str | None = None,
) -> str:
    """Write the commit that `changes` make of the ref's head; see `History.commit`. The ref is not moved."""
    after = drafts.plan(session, ref, changes, message, author, parent)
    if after is None:
        return ref.commit
    fresh = {change.entry.sha256 for change in changes if isinstance(change, Put)}
    if missing := sorted(fresh - commits.granted(session, row, fresh)):
        raise MissingBytes(f"no file of sha256 {missing[0]} was uploaded here", "Upload the file, then commit it.")
    return commits.write(session, row, list(after.values()), [ref.commit], message, author)


def move(session: Session, row: RepositoryRow, ref: RefRow, after: str, message: str, author: str) -> None:
    """Let a branch or pull request name the commit that was made on top of it, and note that; the last of a write."""
    if after == ref.commit:
        return
    commits.point(session, row, ref.kind, ref.name, after)
    if ref.kind == rows.PULL:
        found = discussions.find(session, row.id, int(ref.name))
        subject = message.partition("\n")[0]
        discussions.add_event(session, found, discussions.COMMIT, author, {"subject": subject, "oid": after})
    name = f"refs/pr/{ref.name}" if ref.kind == rows.PULL else ref.name
    rows.audit(session, "commit", row.name, name, after, author)


def _check_open(session: Session, row: RepositoryRow, ref: RefRow) -> None:
    status = discussions.find(session, row.id, int(ref.name)).status
    if status not in (discussions.DRAFT, discussions.OPEN):
        raise WrongStatus(f"#{ref.name} is {status}, so nothing can be committed to it", "Open another pull request.")
