"""Repositories, the names that they had, who was let into the gated ones, and who likes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from registry.index.tables.base import Table


class RepositoryRow(Table):
    """A model or data-set repository.

    `key` is the name in lower case: names that differ in case only are the same, as on the Hub. One that was deleted
    and has versions is hidden (`deleted`), and its name stays taken. `card` is the front matter of the main branch's
    README.md; `updated` is the time of the last commit.
    """

    __tablename__ = "repositories"
    __table_args__ = (
        UniqueConstraint("kind", "key"),
        Index("ix_repositories_updated", "kind", "updated", "id"),
        Index("ix_repositories_created", "kind", "created", "id"),
        Index("ix_repositories_downloads", "kind", "downloads", "id"),
        Index("ix_repositories_likes", "kind", "likes", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), default="model")
    name: Mapped[str] = mapped_column(String(256))
    key: Mapped[str] = mapped_column(String(256))
    namespace: Mapped[str] = mapped_column(String(96), index=True)  # the part of the key before the slash
    created: Mapped[datetime]
    updated: Mapped[datetime]
    private: Mapped[bool] = mapped_column(default=False)
    gated: Mapped[str] = mapped_column(String(8), default="")  # "", auto or manual
    deleted: Mapped[datetime | None]
    downloads: Mapped[int] = mapped_column(default=0)
    likes: Mapped[int] = mapped_column(default=0)
    card: Mapped[dict[str, Any]] = mapped_column(default=dict)


class NamePartRow(Table):
    """Three letters that follow each other in a repository's key: what a search for a part of a name begins with.

    A table and not an extension (pg_trgm, FTS5), so that it is the same for both databases, needs no rights, and can
    be asked how frequent a part is.
    """

    __tablename__ = "name_parts"
    __table_args__ = (Index("ix_name_parts_repository", "repository_id"),)
    part: Mapped[str] = mapped_column(String(3), primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)


class FormerNameRow(Table):
    """A name that a repository had before it was moved, and that goes on meaning it."""

    __tablename__ = "former_names"
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    key: Mapped[str] = mapped_column(String(256), primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), index=True)


class AccessRow(Table):
    """A user's request to read a gated repository. `status`: pending, accepted or rejected."""

    __tablename__ = "accesses"
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    status: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(default="")
    created: Mapped[datetime]


class LikeRow(Table):
    """A user likes a repository; `RepositoryRow.likes` counts these rows."""

    __tablename__ = "likes"
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True, index=True)
    created: Mapped[datetime]
