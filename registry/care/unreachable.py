"""Commits that nothing names any more: found, marked, and removed once they were marked for long enough.

A commit is reachable from whatever refers to it, a ref, a version, or a discussion, and by the parents of those; of a
deleted repository only the versions' own commits are, since only they can still be asked for. What refers to commits is
read from the tables' foreign keys, so that a table that comes to do so is heeded at once.

How old a commit is says nothing: a branch that is squashed today leaves commits of years ago, and somebody may just be
downloading one. So the first collection that finds a commit unreachable notes when (``CommitRow.orphaned``), and one
that comes later than the grace removes it, if it still is; a ref made at it meanwhile takes the note off. All this
happens under the repository's lock, which all who make refs and commits hold.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Column, ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from registry.care.figures import Figures
from registry.index import Database, commits
from registry.index.tables import (
    CommitParentRow,
    CommitRow,
    RepositoryRow,
    Table,
    TreeEntryRow,
    VersionRow,
)

OWN = (CommitParentRow.__tablename__, TreeEntryRow.__tablename__)  # what a commit consists of names no commit


@dataclass(frozen=True)
class _History:
    """The commits of a repository, and whose parents are which."""

    orphaned: dict[str, datetime | None]
    parents: dict[str, list[str]]

    def reach(self, roots: Iterable[str]) -> set[str]:
        """The roots and all that came before them."""
        found, waiting = set[str](), [*roots]
        while waiting:
            commit = waiting.pop()
            if commit not in found:
                found.add(commit)
                waiting += self.parents.get(commit, ())
        return found


def repositories(database: Database) -> Sequence[int]:
    """The ids of all there are, deleted ones among them."""
    with database.read() as session:
        return session.scalars(select(RepositoryRow.id).order_by(RepositoryRow.id)).all()


def sweep(
    database: Database, repository: int, now: datetime, cutoff: datetime, figures: Figures, *, dry: bool
) -> set[str]:
    """Remove a repository's unreachable commits, and the repository itself if it was deleted and has no versions.

    Args:
        now: what is found unreachable for the first time is so since then.
        cutoff: what became unreachable, or was deleted, later than that stays.
        dry: change nothing, but tell what would be.

    Returns:
        The oids of the commits that went.
    """
    with database.read() as session:
        if not _anything(session, repository):
            return set()
    with database.write() as session:
        row = session.get(RepositoryRow, repository, with_for_update=True)
        if row is None:
            return set()
        if row.deleted:
            gone = _of_deleted(session, row, cutoff, figures)
        else:
            gone = _of_live(session, row, now, cutoff, figures)
        figures.commits += len(gone)
        if dry:
            session.rollback()
        return gone


def _anything(session: Session, repository: int) -> bool:
    """Whether there may be something to do: asked without the lock, which most repositories then need not give."""
    row = session.get(RepositoryRow, repository)
    if row is None or row.deleted:
        return row is not None
    history = _history(session, repository)
    reached = history.reach(_named(session, repository))
    return any(when or oid not in reached for oid, when in history.orphaned.items())


def _of_live(session: Session, row: RepositoryRow, now: datetime, cutoff: datetime, figures: Figures) -> set[str]:
    history = _history(session, row.id)
    reached = history.reach(_named(session, row.id))
    since = {oid: when or now for oid, when in history.orphaned.items() if oid not in reached}
    kept = history.reach({oid for oid, when in since.items() if when > cutoff} | reached)
    _mark(session, [oid for oid, when in history.orphaned.items() if when and oid in reached], None)
    _mark(session, [oid for oid in since if history.orphaned[oid] is None], now)
    figures.young_commits += len(kept) - len(reached)
    gone = set(history.orphaned) - kept
    _remove_commits(session, gone)
    return gone


def _of_deleted(session: Session, row: RepositoryRow, cutoff: datetime, figures: Figures) -> set[str]:
    held = set(session.scalars(select(VersionRow.commit).where(VersionRow.repository_id == row.id)))
    every = set(session.scalars(select(CommitRow.oid).where(CommitRow.repository_id == row.id)))
    if row.deleted and row.deleted > cutoff:
        figures.young_commits += len(every - held)
        return set()
    if not held:
        remove(session, RepositoryRow.__table__, RepositoryRow.id == row.id)
        figures.repositories += 1
        return every
    for column in _naming():
        if column.table is not VersionRow.__table__:
            own = column.table.c.repository_id == row.id
            remove(session, column.table, own & column.not_in(select(VersionRow.commit).where(_of(row.id))))
    _remove_commits(session, every - held)
    return every - held


def remove(session: Session, table: Any, which: ColumnElement[bool]) -> None:
    """Delete rows, and before them all that refers to them."""
    for other, referring, referred in _referring(table):
        remove(session, other, referring.in_(select(referred).where(which)))
    session.execute(delete(table).where(which))


def _referring(table: Any) -> Iterator[tuple[sqlalchemy.Table, Column[Any], Column[Any]]]:
    for other in Table.metadata.sorted_tables:
        for key in other.foreign_keys:
            if key.column.table is table:
                yield other, key.parent, key.column


def _naming() -> list[Column[Any]]:
    """The columns that name commits, each of a table that says of which repository."""
    found = [column for table, column, _ in _referring(CommitRow.__table__) if table.name not in OWN]
    return [column for column in found if "repository_id" in column.table.c]


def _of(repository: int) -> ColumnElement[bool]:
    return VersionRow.repository_id == repository


def _named(session: Session, repository: int) -> set[str]:
    named: set[str] = set()
    for column in _naming():
        query = select(column).where(column.table.c.repository_id == repository, column.is_not(None))
        named.update(session.scalars(query.distinct()))
    return named


def _history(session: Session, repository: int) -> _History:
    own = CommitRow.repository_id == repository
    own_commits = session.execute(select(CommitRow.oid, CommitRow.orphaned).where(own))
    orphaned: dict[str, datetime | None] = {oid: when for oid, when in own_commits}
    edges = select(CommitParentRow.commit, CommitParentRow.parent).join(
        CommitRow, CommitRow.oid == CommitParentRow.commit
    )
    parents: dict[str, list[str]] = {}
    for commit, parent in session.execute(edges.where(own)):
        parents.setdefault(commit, []).append(parent)
    return _History(orphaned, parents)


def _mark(session: Session, oids: Sequence[str], when: datetime | None) -> None:
    for some in commits.batches(oids):
        session.execute(update(CommitRow).where(CommitRow.oid.in_(some)).values(orphaned=when))


def _remove_commits(session: Session, oids: Collection[str]) -> None:
    """Those that stay forget parents that do not, as in a shallow clone; only a deleted repository's have such."""
    for column in (TreeEntryRow.commit, CommitParentRow.commit, CommitParentRow.parent, CommitRow.oid):
        for some in commits.batches(sorted(oids)):
            session.execute(delete(column.class_).where(column.in_(some)))
