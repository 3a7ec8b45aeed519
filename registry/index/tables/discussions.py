"""Discussions and pull requests, which share their numbers, and what happened in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from registry.index.tables.base import Table


class DiscussionRow(Table):
    """A discussion, or a pull request (`base` is then the branch that it asks to change).

    `status`: draft, open, closed or merged. `start` is the commit of the base that a pull request began from, and stays
    what it is compared with, whatever is squashed; `merged` is the commit that merging made.
    """

    __tablename__ = "discussions"
    __table_args__ = (UniqueConstraint("repository_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"))
    number: Mapped[int]
    title: Mapped[str]
    author: Mapped[str] = mapped_column(String(96))
    status: Mapped[str] = mapped_column(String(8))
    base: Mapped[str | None] = mapped_column(String(256))
    start: Mapped[str | None] = mapped_column(ForeignKey("commits.oid"), index=True)
    merged: Mapped[str | None] = mapped_column(String(40))
    created: Mapped[datetime]


class DiscussionEventRow(Table):
    """One entry of a discussion. `kind`: comment, status-change, commit or title-change; `data` depends on it.

    A comment's ``texts`` are all that it ever said, the newest last, and it may be ``hidden``; then they are gone.
    """

    __tablename__ = "discussion_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    discussion_id: Mapped[int] = mapped_column(ForeignKey("discussions.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    author: Mapped[str] = mapped_column(String(96))
    created: Mapped[datetime]
    data: Mapped[dict[str, Any]]
