"""What changed since a mark, for one who may not see everything: the audit log as followers read it.

A repository that was moved is named by all the names it has and had, since followers know it by the one that their
references say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.index import rows
from registry.index.database import Database
from registry.index.log import Log
from registry.index.repositories import Repository
from registry.index.tables import FormerNameRow, RepositoryRow
from registry.protocol import Changes

MAX_NAMED = 500  # repositories; of more it is only said that any may have changed


class Following:
    """The changes of a database's model repositories."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = Log(database)

    def changes(self, since: int | None, sees: Callable[[Repository], bool]) -> Changes:
        """Repositories that `sees` allows and that changed after the mark; deleted ones among them.

        Args:
            since: a mark that an earlier answer gave; None asks for one to begin from.
        """
        changes = self._log.changes(since)
        if not changes.repositories:
            return changes
        if len(changes.repositories) > MAX_NAMED:
            return Changes(changes.mark, None)
        with self._database.read() as session:
            return Changes(changes.mark, frozenset(_names(session, changes.repositories, sees)))


def _names(session: Session, named: Collection[str], sees: Callable[[Repository], bool]) -> set[str]:
    former = select(FormerNameRow.repository_id).where(FormerNameRow.kind == rows.MODEL, FormerNameRow.key.in_(named))
    query = select(RepositoryRow).where(
        RepositoryRow.kind == rows.MODEL, RepositoryRow.key.in_(named) | RepositoryRow.id.in_(former)
    )
    seen = {row.id: row.key for row in session.scalars(query) if sees(Repository.of(row))}
    also = select(FormerNameRow.key).where(FormerNameRow.repository_id.in_(seen))
    return {*seen.values(), *session.scalars(also)}
