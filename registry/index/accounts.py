"""Users, organisations and their members, and the tokens that stand for users. Knows no permissions."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from registry.errors import Conflict
from registry.index import rows
from registry.index.database import Database
from registry.index.tables import AccountRow, MembershipRow, TokenRow

USER, ORGANISATION = "user", "organisation"
PREFIX = "ahub_"  # so that scanners for leaked secrets can find tokens


@dataclass(frozen=True)
class Holder:
    """The user whom a token stands for, and what the token allows.

    Attributes:
        roles: namespace in lower case → read, write or admin; the user's own and those of organisations.
        right: read, write or admin: the most that the token allows anywhere.
        namespace: the only one that the token is for, in lower case; None for all.
    """

    user: str
    fullname: str
    email: str
    admin: bool
    token: str
    roles: Mapping[str, str]
    right: str
    namespace: str | None
    created: datetime


class Accounts:
    """All accounts of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, name: str, kind: str, author: str, *, fullname: str = "", email: str = "", admin: bool = False
    ) -> None:
        """Make a user or an organisation; one of that name, in whatever case, is a `Conflict`."""
        with self._database.write() as session:
            values = {"fullname": fullname, "email": email, "admin": admin, "created": datetime.now(UTC)}
            session.add(AccountRow(kind=kind, name=name, key=name.lower(), **values))
            session.flush()
            rows.audit(session, f"{kind}-create", "", name, "admin" if admin else "", author)

    def first_admin(self, name: str) -> str | None:
        """Make an administrator if there is no account at all, and return their token; None where there is one."""
        with self._database.read() as session:
            if session.scalar(select(AccountRow.id).limit(1)) is not None:
                return None
        try:
            self.create(name, USER, "", admin=True)
        except Conflict:  # another process of the server was faster, and prints it
            return None
        return self.issue(name, "first", "admin", "")

    def issue(
        self,
        user: str,
        name: str,
        right: str,
        author: str,
        *,
        namespace: str | None = None,
        expires: datetime | None = None,
    ) -> str:
        """Make a token and return its text, which is kept nowhere."""
        text = PREFIX + secrets.token_urlsafe(32)
        with self._database.write() as session:
            account = session.scalars(select(AccountRow).where(AccountRow.key == user.lower())).one()
            values = {"name": name, "right": right, "namespace": namespace and namespace.lower(), "expires": expires}
            session.add(TokenRow(sha256=digest(text), user_id=account.id, created=datetime.now(UTC), **values))
            session.flush()
            rows.audit(session, "token-issue", "", account.name, f"{name}: {right} {namespace or ''}", author)
        return text

    def holder(self, token: str) -> Holder | None:
        """Whom a token stands for; None for one that is unknown, expired or revoked, or whose user is disabled."""
        query = select(TokenRow, AccountRow).join(AccountRow, AccountRow.id == TokenRow.user_id)
        with self._database.read() as session:
            found = session.execute(query.where(TokenRow.sha256 == digest(token))).first()
            if found is None:
                return None
            row, user = found
            over = row.expires is not None and row.expires <= datetime.now(UTC)
            if over or row.revoked or user.disabled:
                return None
            member = (
                select(AccountRow.key, MembershipRow.role)
                .join(MembershipRow, MembershipRow.organisation_id == AccountRow.id)
                .where(MembershipRow.user_id == user.id, AccountRow.disabled.is_(None))
            )
            roles = {key: role for key, role in session.execute(member)} | {user.key: "admin"}
            return Holder(
                user.name,
                user.fullname,
                user.email,
                user.admin,
                row.name,
                roles,
                row.right,
                row.namespace,
                row.created,
            )


def digest(token: str) -> str:
    """What is kept of a token: with 256 random bits in it, a plain hash cannot be searched back."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogateescape")).hexdigest()
