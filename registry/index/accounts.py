"""Users and organisations. Their names are the namespaces of repositories. Knows no permissions, members or tokens.

An account is never removed, only disabled: its name stays taken, so that nobody inherits what it owned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from registry.errors import AccountNotFound, Conflict, InvalidReference
from registry.index import rows
from registry.index.database import Database
from registry.index.tables import AccountRow, MembershipRow, RepositoryRow
from registry.selector import check_namespace

USER, ORGANISATION = "user", "organisation"

# What addresses of a Hub begin with where no namespace does, and how an anonymous caller is called.
RESERVED = frozenset(
    [
        "about",
        "anonymous",
        "api",
        "assets",
        "blog",
        "buckets",
        "chat",
        "collections",
        "datasets",
        "discussions",
        "docs",
        "enterprise",
        "favicon.ico",
        "health",
        "hub",
        "join",
        "jobs",
        "kernels",
        "login",
        "logout",
        "metrics",
        "models",
        "new",
        "notifications",
        "oauth",
        "openapi.json",
        "organizations",
        "papers",
        "pricing",
        "privacy",
        "ready",
        "redoc",
        "resolve",
        "robots.txt",
        "search",
        "settings",
        "signup",
        "spaces",
        "static",
        "tasks",
        "terms",
        "users",
        "webhooks",
    ]
)


@dataclass(frozen=True)
class Account:
    """A user or an organisation (`kind`). `admin`: a user who may do all; `disabled`: since when it counts for none."""

    name: str
    kind: str
    fullname: str
    email: str
    admin: bool
    created: datetime
    disabled: datetime | None

    @classmethod
    def of(cls, row: AccountRow) -> Account:
        """The value of a row."""
        return cls(row.name, row.kind, row.fullname, row.email, row.admin, row.created, row.disabled)


class Accounts:
    """All accounts of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        kind: str,
        author: str,
        *,
        fullname: str = "",
        email: str = "",
        admin: bool = False,
        owner: str = "",
    ) -> None:
        """Make a user or an organisation.

        Args:
            owner: the user who becomes an organisation's first member with the role admin; by default its `author`,
                if that is a user.

        Raises:
            InvalidReference: no account can have that name.
            Conflict: there is one of that name, in whatever case.
            AccountNotFound: there is no such owner.
        """
        if check_namespace(name).lower() in RESERVED or name.startswith("_"):
            raise InvalidReference(f"the name {name!r} is reserved for addresses of the server", "Choose another name.")
        now = datetime.now(UTC)
        with self._database.write() as session:
            if session.scalar(select(AccountRow.id).where(AccountRow.key == name.lower())) is not None:
                raise Conflict(f"there is an account {name} already", "Choose another name.")
            row = AccountRow(kind=kind, name=name, key=name.lower(), fullname=fullname, email=email, created=now)
            row.admin = admin
            session.add(row)
            session.flush()
            first = account(session, owner, USER) if owner else None
            if first is None and kind == ORGANISATION:
                first = session.scalar(_named(author, USER))
            if first is not None:
                session.add(MembershipRow(organisation_id=row.id, user_id=first.id, role="admin"))
                session.flush()
            detail = "admin" if admin else f"with {first.name} as admin" if first else ""
            rows.audit(session, f"{kind}-create", "", name, detail, author)

    def list(self, kind: str | None = None) -> Sequence[Account]:
        """All of a kind, or of both, in the order of their names."""
        query = select(AccountRow).order_by(AccountRow.key)
        with self._database.read() as session:
            found = session.scalars(query.where(AccountRow.kind == kind) if kind else query)
            return [Account.of(row) for row in found]

    def find(self, name: str, kind: str | None = None) -> Account:
        """The account of that name.

        Raises:
            AccountNotFound: there is none, or none of that kind.
        """
        with self._database.read() as session:
            return Account.of(account(session, name, kind))

    def enable(self, name: str, author: str, *, enabled: bool) -> None:
        """Disable an account, or let it come back. The tokens of a disabled user, and roles in a disabled organisation,
        are worth nothing meanwhile.

        Raises:
            AccountNotFound: there is none.
        """
        with self._database.write() as session:
            row = account(session, name, lock=True)
            row.disabled = None if enabled else row.disabled or datetime.now(UTC)
            session.flush()
            rows.audit(session, f"{row.kind}-{'enable' if enabled else 'disable'}", "", row.name, "", author)

    def count_repositories(self, name: str, *, private: bool) -> dict[str, int]:
        """How many repositories of each kind a namespace has, with the private ones or without."""
        query = select(RepositoryRow.kind, func.count()).group_by(RepositoryRow.kind)
        query = query.where(RepositoryRow.namespace == name.lower(), RepositoryRow.deleted.is_(None))
        with self._database.read() as session:
            found = session.execute(query if private else query.where(RepositoryRow.private.is_(False)))
            return {rows.MODEL: 0, rows.DATASET: 0} | {kind: count for kind, count in found}

    def first_admin(self, name: str) -> bool:
        """Make an administrator if there is no account at all; whether this call made it."""
        with self._database.read() as session:
            if session.scalar(select(AccountRow.id).limit(1)) is not None:
                return False
        try:
            self.create(name, USER, "", admin=True)
        except Conflict:  # another process of the server was faster
            return False
        return True


def account(session: Session, name: str, kind: str | None = None, *, lock: bool = False) -> AccountRow:
    """The account's row, inside a transaction that somebody else began.

    Raises:
        AccountNotFound: there is none, or none of that kind.
    """
    query = _named(name, kind)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise AccountNotFound(f"there is no {kind or 'account'} {name}", "See the list of users and organisations.")
    return row


def _named(name: str, kind: str | None) -> Select[AccountRow]:
    query = select(AccountRow).where(AccountRow.key == name.lower())
    return query.where(AccountRow.kind == kind) if kind else query
