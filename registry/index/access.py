"""Who was let into gated repositories, and who asked to be. Knows neither roles nor tokens.

A gate is automatic (who asks is let in) or manual (an owner decides). A decision stays when the gate is lifted and put
back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from registry.errors import AccessNotFound, InvalidAccess
from registry.index import rows
from registry.index.accounts import USER, account
from registry.index.database import Database
from registry.index.repositories import Repository
from registry.index.tables import AccessRow, AccountRow, RepositoryRow

Status = Literal["pending", "accepted", "rejected"]
AUTO = "auto"

# What every download from a gated repository asks.
_STATUS = (
    select(AccessRow.status)
    .join(AccountRow, AccountRow.id == AccessRow.user_id)
    .where(AccessRow.repository_id == bindparam("repository_id"), AccountRow.key == bindparam("key"))
)


@dataclass(frozen=True)
class AccessRequest:
    """A user's request to read a gated repository. `id` names it among the requests for that repository."""

    id: int
    user: str
    fullname: str
    email: str
    status: str
    reason: str
    created: datetime


class Access:
    """The gates of all repositories of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_accepted(self, repository: Repository, user: str) -> bool:
        """Whether a user was let in."""
        with self._database.read() as session:
            return session.scalar(_STATUS, {"repository_id": repository.id, "key": user.lower()}) == "accepted"

    def ask(self, repository: Repository, user: str) -> str:
        """Ask to be let in, and return how that stands: what was decided before stays decided.

        Raises:
            InvalidAccess: the repository has no gate.
        """
        with self._database.write() as session:
            row = _gated(session, repository)
            who = account(session, user, USER)
            status = "accepted" if row.gated == AUTO else "pending"
            known = session.get(AccessRow, (row.id, who.id))
            if known is not None and (known.status != "pending" or status == "pending"):
                return known.status
            _set(session, row, who, known, status, "", who.name)
            return status

    def list(self, repository: Repository, status: Status, after: int = 0, limit: int = 100) -> Sequence[AccessRequest]:
        """Requests that stand so, in the order of their ids, from the one after `after` on."""
        query = (
            select(AccessRow, AccountRow)
            .join(AccountRow, AccountRow.id == AccessRow.user_id)
            .where(AccessRow.repository_id == repository.id, AccessRow.status == status, AccessRow.user_id > after)
            .order_by(AccessRow.user_id)
            .limit(limit)
        )
        with self._database.read() as session:
            return [
                AccessRequest(who.id, who.name, who.fullname, who.email, row.status, row.reason, row.created)
                for row, who in session.execute(query)
            ]

    def decide(
        self, repository: Repository, status: Status, author: str, *, user: str = "", request: int = 0, reason: str = ""
    ) -> None:
        """Accept or reject a request, or make it wait again; it is named by its user or its id.

        Raises:
            InvalidAccess: the repository has no gate.
            AccountNotFound: there is no such user.
            AccessNotFound: there is no such request, or it stands so already.
        """
        with self._database.write() as session:
            row = _gated(session, repository)
            who = account(session, user, USER) if user else session.get(AccountRow, request)
            known = session.get(AccessRow, (row.id, who.id)) if who else None
            if who is None or known is None:
                raise AccessNotFound(f"{user or f'request {request}'}: no such request", "See the lists of requests.")
            if known.status == status:
                raise AccessNotFound(f"the request of {who.name} is {status} already", "Nothing is left to be done.")
            _set(session, row, who, known, status, reason, author)

    def grant(self, repository: Repository, user: str, author: str) -> None:
        """Let somebody in who may not have asked.

        Raises:
            InvalidAccess: the repository has no gate, or they are in.
            AccountNotFound: there is no such user.
        """
        with self._database.write() as session:
            row = _gated(session, repository)
            who = account(session, user, USER)
            known = session.get(AccessRow, (row.id, who.id))
            if known is not None and known.status == "accepted":
                raise InvalidAccess(f"{who.name} has access to {row.name} already", "Nothing is left to be done.")
            _set(session, row, who, known, "accepted", "", author)


def _gated(session: Session, repository: Repository) -> RepositoryRow:
    row = rows.repository(session, repository.name, repository.kind)
    if not row.gated:
        raise InvalidAccess(f"{row.name} is not gated: who sees it may read it", "Set `gated` in its settings first.")
    return row


def _set(
    session: Session,
    row: RepositoryRow,
    who: AccountRow,
    known: AccessRow | None,
    status: str,
    reason: str,
    author: str,
) -> None:
    if known is None:
        known = AccessRow(repository_id=row.id, user_id=who.id, created=datetime.now(UTC))
        session.add(known)
    known.status, known.reason = status, reason
    session.flush()
    rows.audit(session, f"access-{status}", row.name, who.name, reason, author)
