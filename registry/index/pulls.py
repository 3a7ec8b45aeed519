"""Pull requests as commits: where one begins, what it asks to change, and merging it.

Its head is the ref ``refs/pr/N``; commits go on top of it like on a branch. It is compared with the commit that it
began from, which is kept with it: so it can still be merged after a branch was squashed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.errors import MergeConflict, RevisionNotFound, WrongStatus
from registry.index import commits, discussions, history, merging, rows, trees
from registry.index.database import Database
from registry.index.discussions import Discussion
from registry.index.facts import CardReader, main_moved, no_card
from registry.index.repositories import Repository
from registry.index.tables import CommitParentRow, DiscussionRow, RefRow, RepositoryRow
from registry.index.trees import Change, TreeEntry
from registry.selector import MAIN

MAX_TITLE = 200  # characters


@dataclass(frozen=True)
class Sides:
    """The three trees of a pull request. `base` is None where its branch was deleted, or where it was merged."""

    start: Mapping[str, TreeEntry]
    base: Mapping[str, TreeEntry] | None
    head: Mapping[str, TreeEntry]

    @property
    def conflicts(self) -> Sequence[str]:
        """The paths that keep it from being merged."""
        return merging.conflicts(self.start, self.base, self.head) if self.base is not None else []


class Pulls:
    """The pull requests of all repositories of a database."""

    def __init__(self, database: Database, read_card: CardReader = no_card) -> None:
        self._database, self._read_card = database, read_card

    def open(self, repository: Repository, title: str, text: str, author: str) -> Discussion:
        """Begin a pull request for the main branch with no commits yet: a draft.

        Raises:
            RevisionNotFound: there is no main branch.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            base = _base(session, row, MAIN)
            opened = _open(session, row, base, base.commit, title, text, author, discussions.DRAFT)
            _audit(session, row, opened)
            return Discussion.of(opened)

    def propose(
        self,
        repository: Repository,
        base: str,
        changes: Sequence[Change],
        message: str,
        author: str,
        parent: str | None = None,
    ) -> tuple[Discussion, str]:
        """Open a pull request for the branch `base` with one commit, and return that commit's oid with it.

        Args:
            message: the first `MAX_TITLE` characters of its first line become the title, the rest the first comment.
            parent: the commit of the branch's history to begin from, or its first digits; None is its head.

        Raises:
            RevisionNotFound: `base` is no branch, or `parent` is not in its history.
            MissingBytes, EntryNotFound, InvalidPath: as for ``History.commit``.
        """
        title, _, text = message.partition("\n")
        title, text = title[:MAX_TITLE], title[MAX_TITLE:] + text
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            target = _base(session, row, base)
            start = _before(session, target, parent.lower()) if parent else target.commit
            opened = _open(session, row, target, start, title, text.strip(), author, discussions.OPEN)
            head = session.get_one(RefRow, (row.id, rows.PULL, str(opened.number)))
            oid = history.advance(session, row, head, changes, message, author)
            history.move(session, row, head, oid, message, author)
            _audit(session, row, opened)
            return Discussion.of(opened), oid

    def foresee(
        self,
        repository: Repository,
        base: str,
        changes: Sequence[Change],
        message: str,
        author: str,
        parent: str | None = None,
    ) -> None:
        """Refuse now what `propose` would refuse, so that nothing need be stored for it.

        Raises:
            RevisionNotFound, EntryNotFound, InvalidPath: as for `propose`.
        """
        with self._database.read() as session:
            row = rows.repository(session, repository.name, repository.kind, lock=False)
            target = _base(session, row, base)
            start = _before(session, target, parent.lower()) if parent else target.commit
            trees.changed(trees.read(session, start), changes)

    def sides(self, repository: Repository, number: int) -> Sides:
        """What a pull request is about.

        Raises:
            DiscussionNotFound: there is nothing of that number.
            WrongStatus: it is no pull request.
        """
        with self._database.read() as session:
            found, head = _find(session, repository.id, number)
            base = session.get(RefRow, (repository.id, rows.BRANCH, found.base))
            start = trees.read(session, found.start) if found.start else {}
            onto = trees.read(session, base.commit) if base and found.status != discussions.MERGED else None
            return Sides(start, onto, trees.read(session, head.commit))

    def merge(self, repository: Repository, number: int, author: str, text: str = "") -> str:
        """Put what a pull request changed on top of its base, as one commit with two parents, and return its oid.

        Args:
            text: a comment on that.

        Raises:
            DiscussionNotFound: there is nothing of that number.
            WrongStatus: it is no pull request, or not open.
            RevisionNotFound: its base was deleted.
            MergeConflict: both sides changed the same files.
            MissingBytes: bytes of it are gone from the store.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            found, head = _find(session, row.id, number)
            if found.status != discussions.OPEN:
                raise WrongStatus(f"#{number} is {found.status}, so it cannot be merged", _advice(found.status))
            base = _base(session, row, found.base or "")
            start = trees.read(session, found.start) if found.start else {}
            ours, theirs = trees.read(session, base.commit), trees.read(session, head.commit)
            if wrong := merging.conflicts(start, ours, theirs):
                shown = ", ".join(wrong[:10]) + (f" and {len(wrong) - 10} more" if len(wrong) > 10 else "")
                raise MergeConflict(
                    f"#{number} cannot be merged: {base.name} has other changes to {shown}",
                    f"Commit to refs/pr/{number} what {base.name} has there, or open another pull request from it.",
                    tuple(wrong),
                )
            tree = list(merging.merge(start, ours, theirs).values())
            message = f"{found.title} (#{number})"
            oid = commits.write(session, row, tree, [base.commit, head.commit], message, author)
            if base.name == MAIN:
                main_moved(session, row, base.commit, oid, self._read_card)
            commits.point(session, row, base.kind, base.name, oid)
            if text:
                discussions.add_comment(session, found, text, author)
            found.merged = oid
            discussions.change_status(session, found, discussions.MERGED, author)
            rows.audit(session, "merge", row.name, f"refs/pr/{number}", f"{base.name} is {oid}", author)
            return oid


def _open(
    session: Session,
    row: RepositoryRow,
    base: RefRow,
    start: str,
    title: str,
    text: str,
    author: str,
    status: str,
) -> DiscussionRow:
    opened = discussions.add(session, row, title, author, status, base.name, start)
    commits.point(session, row, rows.PULL, str(opened.number), start)
    discussions.add_comment(session, opened, text, author)
    return opened


def _audit(session: Session, row: RepositoryRow, opened: DiscussionRow) -> None:
    detail = f"{opened.base} {opened.start}"
    rows.audit(session, "pull-request-open", row.name, str(opened.number), detail, opened.author)


def _base(session: Session, row: RepositoryRow, text: str) -> RefRow:
    found = history.branch(session, row, text)
    if found.kind != rows.BRANCH:
        raise RevisionNotFound(f"Invalid rev id: {text}", "Open a pull request against a branch.")
    return found


def _before(session: Session, base: RefRow, prefix: str) -> str:
    """The commit of the branch's history that begins so, by first parents."""
    following: str | None = base.commit
    while following and not following.startswith(prefix):
        parent = select(CommitParentRow.parent).where(CommitParentRow.commit == following)
        following = session.scalar(parent.where(CommitParentRow.position == 0))
    if following is None:
        raise RevisionNotFound(f"Invalid rev id: {prefix}", f"Begin from a commit of {base.name}.")
    return following


def _find(session: Session, repository_id: int, number: int) -> tuple[DiscussionRow, RefRow]:
    found = discussions.find(session, repository_id, number)
    if found.base is None:
        raise WrongStatus(f"#{number} is a discussion, not a pull request", "Name a pull request.")
    return found, session.get_one(RefRow, (repository_id, rows.PULL, str(number)))


def _advice(status: str) -> str:
    return "Nothing is left to do." if status == discussions.MERGED else "Open it first (`hf discussions reopen`)."
