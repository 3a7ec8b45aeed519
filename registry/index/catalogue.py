"""The list of all model repositories, with what each one's newest version is for, in a few statements."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from registry.index import rows
from registry.index.database import Database
from registry.index.tables import AdapterRow, RefRow, RepositoryRow, VersionRow
from registry.protocol import RepositorySummary
from registry.resolve import latest


class Catalogue:
    """All model repositories of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def summaries(self, *, base: str | None = None, task: str | None = None) -> Sequence[RepositorySummary]:
        """In the order of their ids; those of one base or task, by their newest version."""
        newest = (VersionRow.number, VersionRow.digest, VersionRow.commit, VersionRow.status, VersionRow.reason)
        query = (
            select(RepositoryRow.id, RepositoryRow.name, AdapterRow.base, AdapterRow.task, *newest)
            .outerjoin(AdapterRow, AdapterRow.repository_id == RepositoryRow.id)
            .outerjoin(VersionRow, VersionRow.id == AdapterRow.version_id)
            .where(RepositoryRow.kind == rows.MODEL, RepositoryRow.deleted.is_(None))
            .order_by(RepositoryRow.key)
        )
        query = query if base is None else query.where(AdapterRow.base == base)
        query = query if task is None else query.where(AdapterRow.task == task)
        counted = select(VersionRow.repository_id, func.count()).group_by(VersionRow.repository_id)
        aliases = select(RefRow.repository_id, RefRow.name, RefRow.version).where(RefRow.kind == rows.ALIAS)
        with self._database.read() as session:
            found = session.execute(query).all()
            counts = {id: count for id, count in session.execute(counted)}
            named: dict[int, dict[str, str]] = {}
            for id, name, version in session.execute(aliases.order_by(RefRow.name)):
                named.setdefault(id, {})[name] = version or ""
        return [
            RepositorySummary(
                repository=one.name,
                latest=latest([rows.as_version(one.name, one)]) if one.number else None,
                versions=counts.get(one.id, 0),
                task=one.task,
                base=one.base,
                aliases=named.get(one.id, {}),
            )
            for one in found
        ]
