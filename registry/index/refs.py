"""Branches and plain tags: made, removed, listed; and a branch whose history is squashed to one commit.

Keeps one meaning for a name that a version or an alias has: neither a branch nor a tag can take it, since branches
are looked up first. Tags that are versions' are made by ``versions``, and only refused here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.errors import (
    InvalidReference,
    NotPermitted,
    RefExists,
    RevisionNotFound,
    VersionImmutable,
)
from registry.index import commits, events, history, rows, trees
from registry.index.database import Database
from registry.index.events import Event
from registry.index.refnames import check_ref_name
from registry.index.repositories import Repository
from registry.index.tables import RefRow, RepositoryRow
from registry.selector import MAIN

FOLDERS = {rows.BRANCH: "refs/heads", rows.TAG: "refs/tags", rows.PULL: "refs/pr", rows.ALIAS: "refs/aliases"}


@dataclass(frozen=True)
class Ref:
    """A name for a commit; `version` is the number of the version that an alias, or a version's tag, stands for."""

    kind: str
    name: str
    commit: str
    version: str | None


class Refs:
    """The refs of all repositories of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, repository: Repository) -> Sequence[Ref]:
        """All of a repository, by kind and name."""
        query = select(RefRow).where(RefRow.repository_id == repository.id).order_by(RefRow.kind, RefRow.name)
        with self._database.read() as session:
            return [Ref(row.kind, row.name, row.commit, row.version) for row in session.scalars(query)]

    def tag(self, repository: Repository, name: str) -> Ref:
        """One tag.

        Raises:
            RevisionNotFound: there is none of that name.
        """
        with self._database.read() as session:
            row = _required(session, repository.id, rows.TAG, name)
            return Ref(row.kind, row.name, row.commit, row.version)

    def create_branch(self, repository: Repository, name: str, start: str, author: str) -> str:
        """Make a branch that begins at the commit `start` stands for, and return that commit.

        Raises:
            InvalidReference: `name` cannot be a branch's, or is an alias's.
            RefExists: there is a branch of that name.
            VersionImmutable: a version has that name, and would be hidden by the branch.
            RevisionNotFound, RevokedVersion: there is nothing to start from.
        """
        check_ref_name(name)
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            refuse_taken(session, row, rows.BRANCH, name)
            tag = session.get(RefRow, (row.id, rows.TAG, name))
            if tag and tag.version:
                raise VersionImmutable(f"{name} is a version: a branch of that name would hide it", "Choose another.")
            commit = history.find(session, row.id, start).commit
            commits.point(session, row, rows.BRANCH, name, commit)
            events.note(session, row, Event("branch-create", name, commit, author))
            return commit

    def delete_branch(self, repository: Repository, name: str, author: str) -> None:
        """Remove a branch; its commits stay as long as something else names them.

        Raises:
            NotPermitted: it is the main branch.
            RevisionNotFound: there is none of that name.
        """
        if name == MAIN:
            raise NotPermitted(f"Cannot delete refs/heads/{MAIN}", "A repository always has its main branch.")
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            ref = _required(session, row.id, rows.BRANCH, name)
            session.delete(ref)
            session.flush()
            events.note(session, row, Event("branch-delete", name, ref.commit, author))

    def create_tag(self, repository: Repository, name: str, revision: str, message: str, author: str) -> str:
        """Give the commit that `revision` stands for a plain tag, and return it; `message` is kept in the audit log.

        Raises:
            InvalidReference: `name` cannot be a tag's, or is an alias's.
            RefExists: there is a tag of that name.
            RevisionNotFound, RevokedVersion: there is nothing to tag.
        """
        check_ref_name(name)
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            refuse_taken(session, row, rows.TAG, name)
            commit = history.find(session, row.id, revision).commit
            commits.point(session, row, rows.TAG, name, commit)
            events.note(session, row, Event("tag-create", name, f"{commit} {message}".rstrip(), author))
            return commit

    def delete_tag(self, repository: Repository, name: str, author: str) -> None:
        """Remove a plain tag.

        Raises:
            RevisionNotFound: there is none of that name.
            VersionImmutable: it is a version's.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            ref = _required(session, row.id, rows.TAG, name)
            if ref.version:
                raise VersionImmutable(
                    f"{row.name}@{name} is a version: it cannot be moved or deleted",
                    "Yank it to hide it from new users, or revoke it to refuse it everywhere.",
                )
            session.delete(ref)
            session.flush()
            events.note(session, row, Event("tag-delete", name, ref.commit, author))

    def squash(self, repository: Repository, revision: str, message: str, author: str) -> str:
        """Make one commit, without parents, of what a branch or pull request holds, and return its oid.

        Other refs, and so versions, keep the commits that they name.

        Raises:
            RevisionNotFound: `revision` is no branch and no pull request.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            ref = history.branch(session, row, revision)
            tree = [replace(entry, changed=None) for entry in trees.read(session, ref.commit).values()]
            before, commit = ref.commit, commits.write(session, row, tree, [], message, author)
            commits.point(session, row, ref.kind, ref.name, commit)
            events.note(session, row, Event("squash", revision, f"{before} → {commit}", author))
            return commit


def refuse_taken(session: Session, row: RepositoryRow, kind: str, name: str) -> None:
    """Refuse the name of a new branch or tag that something else has.

    Raises:
        RefExists: a ref of the same kind has it.
        InvalidReference: an alias has it.
    """
    if session.get(RefRow, (row.id, kind, name)):
        raise RefExists(f"Reference {FOLDERS[kind]}/{name} already exists", "Choose another name, or delete it first.")
    if session.get(RefRow, (row.id, rows.ALIAS, name)):
        raise InvalidReference(
            f"{name} is an alias of {row.name}, and would be hidden by a {kind} of that name", "Choose another name."
        )


def _required(session: Session, repository_id: int, kind: str, name: str) -> RefRow:
    ref = session.get(RefRow, (repository_id, kind, name))
    if ref is None:
        raise RevisionNotFound(f"Invalid rev id: {FOLDERS[kind]}/{name}", "See the list of branches and tags.")
    return ref
