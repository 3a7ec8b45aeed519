"""Run by alembic, inside the transaction of whoever called ``registry.index.migrations``."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from registry.index.tables import RevisionRow, Table
from registry.index.tables.base import UtcDateTime


def render(kind: str, item: Any, _: object) -> str | Literal[False]:
    """A script holds only what SQLAlchemy itself knows, so that it stays what it was when our types change."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_item=render,
    render_as_batch=True,  # SQLite changes a table by copying it
    include_object=lambda item, name, kind, *_: not (kind == "table" and name == RevisionRow.__tablename__),
)
with context.begin_transaction():
    context.run_migrations()
