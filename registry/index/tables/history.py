"""The Hub's own model of content: commits, their trees, the refs that name them, and the bytes that they need.

Whatever refers to commits or bytes has an index for that: garbage collection removes them, and for each of them the
database looks whether something still refers to it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from registry.index.tables.base import Table


class CommitRow(Table):
    """A state of a repository's files. `oid`: 40 hex digits, as Hub clients expect; `message` begins with its title.

    `orphaned` is when garbage collection first found that nothing names it; it goes some time after that.
    """

    __tablename__ = "commits"
    oid: Mapped[str] = mapped_column(String(40), primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), index=True)
    message: Mapped[str]
    author: Mapped[str] = mapped_column(String(96), default="")  # "": made without a server
    created: Mapped[datetime]
    orphaned: Mapped[datetime | None]


class CommitParentRow(Table):
    """`position` 0 is the first parent."""

    __tablename__ = "commit_parents"
    commit: Mapped[str] = mapped_column(ForeignKey("commits.oid"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    parent: Mapped[str] = mapped_column(ForeignKey("commits.oid"), index=True)


class TreeEntryRow(Table):
    """One file of a commit; its bytes are in the store.

    `oid` is the sha1 that git gives the file as a blob; a file without one is what the Hub calls an LFS file.
    `changed` is the commit that gave this path its present bytes; None means this commit.
    """

    __tablename__ = "tree_entries"
    commit: Mapped[str] = mapped_column(ForeignKey("commits.oid"), primary_key=True)
    path: Mapped[str] = mapped_column(String(512), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int]
    oid: Mapped[str | None] = mapped_column(String(40))
    changed: Mapped[str | None] = mapped_column(String(40))


class RefRow(Table):
    """A name for a commit.

    `kind`: branch, tag, alias, or pull (the head of a pull request, named by its number). An alias, and a tag that
    is a version's, also name the version.
    """

    __tablename__ = "refs"
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(256), primary_key=True)
    commit: Mapped[str] = mapped_column(ForeignKey("commits.oid"), index=True)
    version: Mapped[str | None] = mapped_column(String(96))


class BlobRow(Table):
    """Bytes that the store holds for sure. Whoever refers to them, or removes them, locks this row first."""

    __tablename__ = "blobs"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    created: Mapped[datetime]


class UploadRow(Table):
    """Bytes that somebody who may write to a repository sent for it: a commit there may name them by their sha256.

    Knowing the sha256 of somebody else's private file is not enough to commit it, and so to read it. `created` is when
    they sent them last, or were told last that they need not.
    """

    __tablename__ = "uploads"
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), primary_key=True, index=True)
    created: Mapped[datetime] = mapped_column(index=True)
