"""What all tables have in common: their root, the types of their columns, and the table of the database's own facts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


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

    metadata = MetaData(  # constraints have names of their own, so that a migration can drop them on any database
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[type, Any]] = {
        datetime: UtcDateTime,
        str: Text(),
        int: BigInteger().with_variant(Integer(), "sqlite"),  # which counts keys up only for the type of this name
        dict[str, Any]: JSON(),
        list[str]: JSON(),
    }


class Meta(Table):
    """Facts about the database itself: its `cas_instance`, and the `secret` with which a server signs its links."""

    __tablename__ = "meta"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]


class RevisionRow(Table):
    """Which migration the tables are at; alembic's own table, under its own names."""

    __tablename__ = "alembic_version"
    version_num: Mapped[str] = mapped_column(String(32), primary_key=True)
