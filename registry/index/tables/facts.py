"""What repositories are found by: their tags, and the facts of the newest version of those that hold an adapter.

All of it is derived from versions and cards, and can be made again from them at any time.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from registry.index.tables.base import Table


class TagRow(Table):
    """A tag of a repository, such as ``lora``, ``license:mit`` or ``base_model:owner/name``; in lower case."""

    __tablename__ = "repository_tags"
    __table_args__ = (Index("ix_repository_tags_repository", "repository_id"),)
    tag: Mapped[str] = mapped_column(String(256), primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)


class AdapterRow(Table):
    """The facts of a repository's newest version: of the one that a bare name means, else of the highest.

    Labels and languages are searched as tags, in lower case. `status` is the version's.
    """

    __tablename__ = "adapters"
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    base: Mapped[str] = mapped_column(String(256), index=True)
    fingerprint: Mapped[str | None] = mapped_column(String(71), index=True)
    task: Mapped[str] = mapped_column(String(96), index=True)
    method: Mapped[str] = mapped_column(String(32))
    rank: Mapped[int | None]
    licence: Mapped[str] = mapped_column(String(96))
    labels: Mapped[list[str]]
    languages: Mapped[list[str]]
    size: Mapped[int]  # bytes of all its files
    status: Mapped[str] = mapped_column(String(8), index=True)


class MetricRow(Table):
    """A figure that the newest version states for its test data after training."""

    __tablename__ = "metrics"
    __table_args__ = (Index("ix_metrics_name", "name", "value", "repository_id"),)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(96), primary_key=True)
    value: Mapped[float]
