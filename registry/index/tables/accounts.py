"""Who may do what: users, organisations, their members, tokens, and the keys that a namespace signs with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from registry.index.tables.base import Table


class AccountRow(Table):
    """A user or an organisation; its name is a namespace. `key` is the name in lower case.

    `admin`: a user who may do all. `signed`: its versions must carry a signature by one of its keys.
    """

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))  # user or organisation
    name: Mapped[str] = mapped_column(String(96))
    key: Mapped[str] = mapped_column(String(96), unique=True)
    fullname: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    admin: Mapped[bool] = mapped_column(default=False)
    signed: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime]
    disabled: Mapped[datetime | None]


class MembershipRow(Table):
    """A user's role in an organisation: read, write or admin."""

    __tablename__ = "memberships"
    organisation_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(8))


class TokenRow(Table):
    """A user's access token; only its sha256 is kept. `namespace` (lower case) narrows it to one, if set."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    name: Mapped[str] = mapped_column(String(96))
    right: Mapped[str] = mapped_column(String(8))  # read, write or admin
    namespace: Mapped[str | None] = mapped_column(String(96))
    created: Mapped[datetime]
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class KeyRow(Table):
    """A public key that a namespace signs its versions with; retired, it vouches for what was published before."""

    __tablename__ = "signing_keys"
    __table_args__ = (UniqueConstraint("account_id", "key_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    key_id: Mapped[str] = mapped_column(String(71))
    name: Mapped[str] = mapped_column(String(96))
    pem: Mapped[str]
    added: Mapped[datetime]
    retired: Mapped[datetime | None]
