"""The audit log: every change and every refusal, in the order in which they became visible."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from registry.index import rows
from registry.index.database import Database
from registry.index.tables import AuditRow
from registry.protocol import AuditEntry, Changes


class Log:
    """The audit log of a database. Nothing in it is ever changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, action: str, repository: str, subject: str, detail: str, actor: str = "") -> None:
        """Add to the audit log what changed nothing here: a refusal, say."""
        with self._database.write() as session:
            rows.audit(session, action, repository, subject, detail, actor)

    def changes(self, since: int | None) -> Changes:
        """The repositories that the log names after the entry `since` (None: not asked for), and its last entry.

        Writers come one at a time, so an entry that is read has none before it that is still to come.
        """
        with self._database.read() as session:
            mark = session.scalar(select(func.max(AuditRow.id))) or 0
            if since is None or mark < since:  # the latter where the index was restored from an older copy
                return Changes(mark, None)
            named = select(func.lower(AuditRow.repository)).where(AuditRow.id > since, AuditRow.id <= mark).distinct()
            return Changes(mark, frozenset(session.scalars(named)) if mark != since else frozenset())

    def entries(
        self, repository: str | None = None, *, since: datetime | None = None, limit: int | None = None
    ) -> list[AuditEntry]:
        """Changes and refusals, the newest first: of one repository, after a moment, at most so many."""
        query = select(AuditRow).order_by(AuditRow.id.desc())
        if repository is not None:
            query = query.where(func.lower(AuditRow.repository) == repository.lower())
        if since is not None:
            query = query.where(AuditRow.created >= since)
        with self._database.read() as session:
            return [_entry(row) for row in session.scalars(query.limit(limit))]

    def page(
        self,
        *,
        namespace: str | None = None,
        repository: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[AuditEntry]:
        """A page of changes and refusals, the newest first.

        Args:
            namespace: only what is about repositories of this one.
            repository: only what is about this one.
            before: only entries of lower ids: that of the last entry of the page before.
        """
        query, about = select(AuditRow).order_by(AuditRow.id.desc()), func.lower(AuditRow.repository)
        if namespace is not None:
            query = query.where(about.startswith(namespace.lower() + "/", autoescape=True))
        if repository is not None:
            query = query.where(about == repository.lower())
        if before is not None:
            query = query.where(AuditRow.id < before)
        with self._database.read() as session:
            return [_entry(row) for row in session.scalars(query.limit(limit))]


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(row.created, row.action, row.repository, row.subject, row.detail, row.actor, row.id)
