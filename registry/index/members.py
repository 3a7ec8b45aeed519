"""Members of organisations and their roles: read, write or admin, each with those before it. Asks nobody's leave."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from registry.errors import AccountNotFound, InvalidReference
from registry.index import rows
from registry.index.accounts import ORGANISATION, USER, Account, account
from registry.index.database import Database
from registry.index.tables import AccountRow, MembershipRow

ROLES = ("read", "write", "admin")


@dataclass(frozen=True)
class Member:
    """The account at the other end of a membership, a user or an organisation, and the user's role there."""

    account: Account
    role: str


class Members:
    """All memberships of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, organisation: str, user: str, role: str, author: str) -> str | None:
        """Make a user a member with a role, or change the role; the role that they had before, None for a new member.

        Raises:
            InvalidReference: there is no such role.
            AccountNotFound: there is no such organisation or user.
        """
        check_role(role)
        with self._database.write() as session:
            where = account(session, organisation, ORGANISATION, lock=True)
            who = account(session, user, USER)
            row = session.get(MembershipRow, (where.id, who.id))
            before = row.role if row else None
            if row is None:
                session.add(MembershipRow(organisation_id=where.id, user_id=who.id, role=role))
            else:
                row.role = role
            session.flush()
            rows.audit(session, "member", "", where.name, f"{who.name}: {before or 'none'} → {role}", author)
            return before

    def remove(self, organisation: str, user: str, author: str) -> None:
        """End a membership.

        Raises:
            AccountNotFound: there is no such organisation or user, or they are no member of it.
        """
        with self._database.write() as session:
            where = account(session, organisation, ORGANISATION, lock=True)
            who = account(session, user, USER)
            row = session.get(MembershipRow, (where.id, who.id))
            if row is None:
                raise AccountNotFound(f"{who.name} is no member of {where.name}", "See the list of its members.")
            session.delete(row)
            session.flush()
            rows.audit(session, "member-remove", "", where.name, who.name, author)

    def of(self, organisation: str) -> list[Member]:
        """The members of an organisation who are not disabled, in the order of their names.

        Raises:
            AccountNotFound: there is none of that name.
        """
        with self._database.read() as session:
            where = account(session, organisation, ORGANISATION)
            query = (
                select(AccountRow, MembershipRow.role)
                .join(MembershipRow, MembershipRow.user_id == AccountRow.id)
                .where(MembershipRow.organisation_id == where.id, AccountRow.disabled.is_(None))
            )
            return [Member(Account.of(row), role) for row, role in session.execute(query.order_by(AccountRow.key))]

    def organisations(self, user: str) -> list[Member]:
        """The organisations that a user is a member of and that are not disabled, in the order of their names.

        Raises:
            AccountNotFound: there is no such user.
        """
        with self._database.read() as session:
            who = account(session, user, USER)
            query = (
                select(AccountRow, MembershipRow.role)
                .join(MembershipRow, MembershipRow.organisation_id == AccountRow.id)
                .where(MembershipRow.user_id == who.id, AccountRow.disabled.is_(None))
            )
            return [Member(Account.of(row), role) for row, role in session.execute(query.order_by(AccountRow.key))]


def check_role(role: str) -> str:
    """Return `role` if there is such a role, or such a right of a token.

    Raises:
        InvalidReference: there is none.
    """
    if role not in ROLES:
        raise InvalidReference(f"{role!r} is no role or right", f"It is one of {', '.join(ROLES)}.")
    return role
