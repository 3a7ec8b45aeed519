"""Who likes which repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from registry.index import rows
from registry.index.database import Database
from registry.index.repositories import Repository
from registry.index.tables import AccountRow, LikeRow, RepositoryRow


@dataclass(frozen=True)
class Liker:
    """A user who likes a repository."""

    name: str
    fullname: str


class Likes:
    """The likes of all repositories of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, repository: Repository, user: str) -> None:
        """The user likes it; again changes nothing."""
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            values = {"user_id": _id(session, user), "created": datetime.now(UTC)}
            rows.insert_new(session, LikeRow, repository_id=row.id, **values)
            _count(session, row)

    def remove(self, repository: Repository, user: str) -> None:
        """The user does not like it any more."""
        with self._database.write() as session:
            row = rows.repository(session, repository.name, repository.kind)
            own = LikeRow.user_id == _id(session, user)
            session.execute(delete(LikeRow).where(LikeRow.repository_id == row.id, own))
            _count(session, row)

    def likers(self, repository: Repository) -> Sequence[Liker]:
        """Who likes it, the newest first."""
        query = (
            select(AccountRow.name, AccountRow.fullname)
            .join(LikeRow, LikeRow.user_id == AccountRow.id)
            .where(LikeRow.repository_id == repository.id, AccountRow.disabled.is_(None))
            .order_by(LikeRow.created.desc(), AccountRow.key)
        )
        with self._database.read() as session:
            return [Liker(name, fullname) for name, fullname in session.execute(query)]

    def of(self, user: str) -> Sequence[tuple[Repository, datetime]]:
        """What a user likes, and since when, the newest first."""
        query = (
            select(RepositoryRow, LikeRow.created)
            .join(LikeRow, LikeRow.repository_id == RepositoryRow.id)
            .join(AccountRow, AccountRow.id == LikeRow.user_id)
            .where(AccountRow.key == user.lower(), RepositoryRow.deleted.is_(None))
            .order_by(LikeRow.created.desc(), RepositoryRow.id)
        )
        with self._database.read() as session:
            return [(Repository.of(row), created) for row, created in session.execute(query)]


def _id(session: Session, user: str) -> int:
    return session.scalars(select(AccountRow.id).where(AccountRow.key == user.lower())).one()


def _count(session: Session, row: RepositoryRow) -> None:
    row.likes = session.scalar(select(func.count()).where(LikeRow.repository_id == row.id)) or 0
    session.flush()
