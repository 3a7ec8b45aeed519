"""The tables: the Hub's own model (repositories, commits, trees, refs), plus versions, alias moves and the audit log.

One schema for a folder (SQLite) and a server (PostgreSQL). A version's row is written once; only its status changes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_VERSION = 1


class UtcDateTime(TypeDecorator[datetime]):
    """A moment; SQLite keeps no time zone, so all are written as UTC and read as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


class Table(DeclarativeBase):
    """Root of all tables."""

    type_annotation_map: ClassVar[dict[type, Any]] = {
        datetime: UtcDateTime,
        int: BigInteger().with_variant(Integer(), "sqlite"),  # which counts keys up only for the type of this name
    }


class Meta(Table):
    """Facts about the database itself, such as its ``schema_version``."""

    __tablename__ = "meta"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]


class RepositoryRow(Table):
    """`key` is the name in lower case: names that differ in case only are the same, as on the Hub."""

    __tablename__ = "repositories"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(256))
    key: Mapped[str] = mapped_column(String(256), unique=True)
    created: Mapped[datetime]


class CommitRow(Table):
    """One state of a repository's files. `oid` is 40 hex digits, as Hub clients expect."""

    __tablename__ = "commits"
    oid: Mapped[str] = mapped_column(String(40), primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), index=True)
    message: Mapped[str]
    created: Mapped[datetime]


class CommitParentRow(Table):
    """`position` 0 is the first parent."""

    __tablename__ = "commit_parents"
    commit: Mapped[str] = mapped_column(ForeignKey("commits.oid"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    parent: Mapped[str] = mapped_column(ForeignKey("commits.oid"))


class TreeEntryRow(Table):
    """One file of a commit; its bytes are in the store."""

    __tablename__ = "tree_entries"
    commit: Mapped[str] = mapped_column(ForeignKey("commits.oid"), primary_key=True)
    path: Mapped[str] = mapped_column(String(512), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int]


class RefRow(Table):
    """A name for a commit. `kind`: branch, tag or alias; an alias also names the version that it stands for."""

    __tablename__ = "refs"
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(256), primary_key=True)
    commit: Mapped[str] = mapped_column(ForeignKey("commits.oid"))
    version: Mapped[str | None] = mapped_column(String(96))


class VersionRow(Table):
    """An admitted SemVer tag, with the manifest it was admitted with. Rows are never deleted."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("repository_id", "number"), Index("ix_versions_digest", "digest"))
    id: Mapped[int] = mapped_column(primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"))
    number: Mapped[str] = mapped_column(String(96))
    commit: Mapped[str] = mapped_column(ForeignKey("commits.oid"))
    digest: Mapped[str] = mapped_column(String(71))
    manifest: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)  # not read where versions are listed
    derived: Mapped[bool]
    status: Mapped[str] = mapped_column(String(8), default="active")
    reason: Mapped[str] = mapped_column(default="")
    created: Mapped[datetime]


class AliasChangeRow(Table):
    """One move of an alias."""

    __tablename__ = "alias_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), index=True)
    alias: Mapped[str] = mapped_column(String(96))
    version: Mapped[str] = mapped_column(String(96))
    previous: Mapped[str | None] = mapped_column(String(96))
    created: Mapped[datetime]


class AuditRow(Table):
    """One change, or one refusal. Names the repository by text, since a refused one may not exist."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(32))
    repository: Mapped[str] = mapped_column(String(256), index=True)
    subject: Mapped[str]
    detail: Mapped[str]
