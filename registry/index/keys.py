"""The keys that a namespace signs its versions with, and whether it must: `registry.signing`'s policy, in tables."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry.errors import InvalidKey, NotFound
from registry.index import rows
from registry.index.database import Database
from registry.index.tables import AccountRow, KeyRow
from registry.signing import PublicKey, Trust, TrustedKey


class Keys:
    """The signing keys of all namespaces of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def trust(self, namespace: str) -> Trust:
        """What holds for a namespace; one without an account requires nothing."""
        with self._database.read() as session:
            account = session.scalar(select(AccountRow).where(AccountRow.key == namespace.lower()))
            if account is None:
                return Trust()
            found = session.scalars(select(KeyRow).where(KeyRow.account_id == account.id).order_by(KeyRow.id))
            keys = tuple(TrustedKey(one.key_id, one.pem, one.name, one.added, one.retired) for one in found)
            return Trust(account.signed, keys)

    def add(self, namespace: str, key: PublicKey, name: str, author: str) -> None:
        """Trust one more key; one that is trusted already stays as it is.

        Raises:
            NotFound: there is no such namespace.
            InvalidKey: the key was retired.
        """
        with self._database.write() as session:
            account = _account(session, namespace)
            known = _key(session, account, key.key_id)
            if known and known.retired:
                raise InvalidKey(f"{key.key_id} was retired for {account.name}", "It stays so: make a new key.")
            if not known:
                now = datetime.now(UTC)
                session.add(
                    KeyRow(account_id=account.id, key_id=key.key_id, name=name, pem=key.pem, added=now, retired=None)
                )
                session.flush()
                rows.audit(session, "key-add", "", account.name, f"{name}: {key.key_id}", author)

    def retire(self, namespace: str, key_id: str, author: str) -> None:
        """Let a key sign nothing new from now on.

        Raises:
            NotFound: there is no such namespace, or it has no key of that id.
        """
        with self._database.write() as session:
            account = _account(session, namespace)
            known = _key(session, account, key_id)
            if known is None:
                raise NotFound(f"{account.name} trusts no key {key_id}", "See the list of its keys.")
            if known.retired is None:
                known.retired = datetime.now(UTC)
                session.flush()
                rows.audit(session, "key-retire", "", account.name, key_id, author)

    def require(self, namespace: str, required: bool, author: str) -> None:
        """Say whether new versions of a namespace must be signed.

        Raises:
            NotFound: there is no such namespace.
        """
        with self._database.write() as session:
            account = _account(session, namespace)
            if account.signed != required:
                account.signed = required
                session.flush()
                rows.audit(session, "signing", "", account.name, "required" if required else "not required", author)


def _account(session: Session, namespace: str) -> AccountRow:
    account = session.scalar(select(AccountRow).where(AccountRow.key == namespace.lower()).with_for_update())
    if account is None:
        raise NotFound(f"there is no user or organisation {namespace}", "Check the name.")
    return account


def _key(session: Session, account: AccountRow, key_id: str) -> KeyRow | None:
    query = select(KeyRow).where(KeyRow.account_id == account.id, KeyRow.key_id == key_id)
    return session.scalar(query)
