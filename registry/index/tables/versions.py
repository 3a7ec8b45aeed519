"""Versions, the moves of aliases, and the audit log. A version's row is written once; only its status changes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from registry.index.tables.base import Table


class VersionRow(Table):
    """An admitted SemVer tag, with the manifest it was admitted with. Rows are never deleted.

    `removed` is when its files were taken down; what stays is this row.
    """

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("repository_id", "number"), Index("ix_versions_digest", "digest"))
    id: Mapped[int] = mapped_column(primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"))
    number: Mapped[str] = mapped_column(String(96))
    commit: Mapped[str] = mapped_column(ForeignKey("commits.oid"), index=True)
    digest: Mapped[str] = mapped_column(String(71))
    manifest: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)  # not read where versions are listed
    derived: Mapped[bool]
    status: Mapped[str] = mapped_column(String(8), default="active")
    reason: Mapped[str] = mapped_column(default="")
    created: Mapped[datetime]
    author: Mapped[str] = mapped_column(String(96), default="")  # "": published without a server
    removed: Mapped[datetime | None]


class AliasChangeRow(Table):
    """One move of an alias; `author` is who made it, empty without a server."""

    __tablename__ = "alias_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), index=True)
    alias: Mapped[str] = mapped_column(String(96))
    version: Mapped[str] = mapped_column(String(96))
    previous: Mapped[str | None] = mapped_column(String(96))
    author: Mapped[str] = mapped_column(String(96), default="")
    created: Mapped[datetime]


class AuditRow(Table):
    """One change, or one refusal. Names the repository by text, since a refused one may not exist."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(96), default="")  # "": made without a server
    action: Mapped[str] = mapped_column(String(32))
    repository: Mapped[str] = mapped_column(String(256), index=True)
    subject: Mapped[str]
    detail: Mapped[str]
