"""The tokens that stand for users: only their sha256 is kept. Knows what a token allows, and enforces none of it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session, aliased

from registry.errors import AccountNotFound, Conflict, InvalidReference
from registry.index import rows
from registry.index.accounts import USER, account
from registry.index.database import Database
from registry.index.members import check_role
from registry.index.tables import AccountRow, MembershipRow, TokenRow

PREFIX = "ahub_"  # so that scanners for leaked secrets can find tokens
MAX_NAME = 96  # characters
MAX_DIGITS = 18  # of an id; more are no 64-bit number

# What every request asks: one statement, put together once. A row for each organisation, at least one.
_ORGANISATION = aliased(AccountRow)
_HOLDERS = (
    select(
        TokenRow.id,
        AccountRow.name.label("user"),
        AccountRow.fullname,
        AccountRow.email,
        AccountRow.admin,
        TokenRow.name.label("token"),
        TokenRow.right,
        TokenRow.namespace,
        TokenRow.created,
        TokenRow.expires,
        _ORGANISATION.name.label("organisation"),
        _ORGANISATION.fullname.label("organisation_fullname"),
        MembershipRow.role,
    )
    .join(AccountRow, AccountRow.id == TokenRow.user_id)
    .outerjoin(MembershipRow, MembershipRow.user_id == AccountRow.id)
    .outerjoin(_ORGANISATION, and_(_ORGANISATION.id == MembershipRow.organisation_id, _ORGANISATION.disabled.is_(None)))
    .where(TokenRow.revoked.is_(None), AccountRow.disabled.is_(None))
)
_BY_TEXT = _HOLDERS.where(TokenRow.sha256 == bindparam("sha256"))
_BY_ID = _HOLDERS.where(TokenRow.id == bindparam("id"))


@dataclass(frozen=True)
class Membership:
    """An organisation of a token's holder, and their role there."""

    organisation: str
    fullname: str
    role: str


@dataclass(frozen=True)
class Holder:
    """The user whom a token stands for, and what the token allows.

    Attributes:
        id: of the token; what is done for it later asks by that whether it is still good.
        right: read, write or admin: the most that the token allows anywhere.
        namespace: the only one that the token is for, in lower case; None for all.
    """

    id: int
    user: str
    fullname: str
    email: str
    admin: bool
    token: str
    memberships: Sequence[Membership]
    right: str
    namespace: str | None
    created: datetime

    @property
    def roles(self) -> Mapping[str, str]:
        """Namespace in lower case → read, write or admin; the user's own and those of organisations."""
        return {one.organisation.lower(): one.role for one in self.memberships} | {self.user.lower(): "admin"}


@dataclass(frozen=True)
class Token:
    """A token as its owner sees it afterwards: without its text."""

    id: int
    user: str
    name: str
    right: str
    namespace: str | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None


class Tokens:
    """All tokens of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        """Make a token and return its text, which is kept nowhere.

        Raises:
            InvalidReference: it cannot have that name, right or end.
            AccountNotFound: there is no such user or namespace.
            Conflict: the user has a token of that name that is still good.
        """
        check_role(right)
        now = datetime.now(UTC)
        if not name.isprintable() or not name.strip() or name.isdigit() or len(name) > MAX_NAME:
            raise InvalidReference(
                f"{name[:MAX_NAME]!r} cannot be the name of a token", f"Use some words, {MAX_NAME} characters at most."
            )
        if expires is not None and expires <= now:
            raise InvalidReference(f"the token would have ended on {expires:%Y-%m-%d}", "Let it end later.")
        text = PREFIX + secrets.token_urlsafe(32)
        with self._database.write() as session:
            row = account(session, user, USER, lock=True)
            scope = account(session, namespace).key if namespace else None
            if _live(session, row.id, name, now):
                raise Conflict(f"{row.name} has a token {name!r} already", "Revoke it, or choose another name.")
            values = {"name": name, "right": right, "namespace": scope, "expires": expires, "created": now}
            session.add(TokenRow(sha256=digest(text), user_id=row.id, **values))
            session.flush()
            until = f" until {expires:%Y-%m-%d %H:%M}" if expires else ""
            rows.audit(session, "token-issue", "", row.name, f"{name}: {right} {namespace or ''}{until}", author)
        return text

    def list(self, user: str | None = None) -> Sequence[Token]:
        """All tokens, or a user's, good or not, the newest first.

        Raises:
            AccountNotFound: there is no such user.
        """
        query = select(TokenRow, AccountRow.name).join(AccountRow, AccountRow.id == TokenRow.user_id)
        with self._database.read() as session:
            if user is not None:
                query = query.where(AccountRow.id == account(session, user, USER).id)
            return [
                Token(row.id, owner, row.name, row.right, row.namespace, row.created, row.expires, row.revoked)
                for row, owner in session.execute(query.order_by(TokenRow.id.desc()))
            ]

    def revoke(self, user: str, token: str, author: str) -> None:
        """End a token of a user, by its name or, in digits, its id.

        Raises:
            AccountNotFound: they have no such token, or it was revoked before.
        """
        now = datetime.now(UTC)
        with self._database.write() as session:
            owner = account(session, user, USER, lock=True)
            query = select(TokenRow).where(TokenRow.user_id == owner.id, TokenRow.revoked.is_(None))
            named = (
                TokenRow.id == int(token) if token.isdecimal() and len(token) <= MAX_DIGITS else TokenRow.name == token
            )
            found = session.scalars(query.where(named)).all()
            if not found:
                raise AccountNotFound(f"{owner.name} has no token {token!r} to revoke", "See the list of tokens.")
            for row in found:  # more than one where those before it have expired
                row.revoked = now
            session.flush()
            rows.audit(session, "token-revoke", "", owner.name, found[0].name, author)

    def holder(self, text: str) -> Holder | None:
        """Whom a token stands for; None for one that is unknown, expired or revoked, or whose user is disabled."""
        return self._holder(_BY_TEXT, {"sha256": digest(text)})

    def issued(self, number: int) -> Holder | None:
        """Whom the token of that id stands for; None where `holder` would know none."""
        return self._holder(_BY_ID, {"id": number})

    def _holder(self, query: Any, values: Mapping[str, Any]) -> Holder | None:
        with self._database.read() as session:
            found = session.execute(query, values).all()
        if not found or (found[0].expires is not None and found[0].expires <= datetime.now(UTC)):
            return None
        first = found[0]
        return Holder(
            id=first.id,
            user=first.user,
            fullname=first.fullname,
            email=first.email,
            admin=first.admin,
            token=first.token,
            memberships=[
                Membership(row.organisation, row.organisation_fullname, row.role)
                for row in sorted(found, key=lambda one: one.organisation or "")
                if row.organisation is not None
            ],
            right=first.right,
            namespace=first.namespace,
            created=first.created,
        )


def digest(text: str) -> str:
    """What is kept of a token: with 256 random bits in it, a plain hash cannot be searched back."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogateescape")).hexdigest()


def _live(session: Session, user_id: int, name: str, now: datetime) -> bool:
    query = select(TokenRow.id).where(TokenRow.user_id == user_id, TokenRow.name == name, TokenRow.revoked.is_(None))
    return session.scalar(query.where(or_(TokenRow.expires.is_(None), TokenRow.expires > now)).limit(1)) is not None
