"""Aliases: names for versions that move by compare-and-set, with their history."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from registry.errors import AliasConflict, AliasNotFound, RefExists
from registry.index import events, rows
from registry.index.database import Database
from registry.index.events import Event
from registry.index.tables import AliasChangeRow, RefRow
from registry.protocol import AliasChange
from registry.resolve import usable


class Aliases:
    """The aliases of all model repositories of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def move(self, repository: str, name: str, number: str, expect: str | None, author: str = "") -> AliasChange:
        """Point an alias at a version, if it is at `expect` (None: if there is none of that name).

        Raises:
            AliasConflict: it is elsewhere.
            RefExists: a branch or tag has that name, and would hide it.
            RepositoryNotFound, VersionNotFound, RevokedVersion: there is no such version to point at.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository)
            target = rows.version(session, row, number)
            usable(rows.as_version(row.name, target))
            for kind in (rows.BRANCH, rows.TAG):
                if session.get(RefRow, (row.id, kind, name)):
                    raise RefExists(f"{row.name} has a {kind} called {name}", "Choose another name for the alias.")
            alias = session.get(RefRow, (row.id, rows.ALIAS, name))
            current = alias.version if alias else None
            if current != expect:
                raise AliasConflict(
                    f"{row.name}@{name} {f'is {current}' if current else 'does not exist'}, not {expect or 'absent'}",
                    f"Look at what changed, then expect {current}."
                    if current
                    else "Expect nothing: it does not exist yet.",
                )
            if alias:
                alias.version, alias.commit = number, target.commit
            else:
                session.add(
                    RefRow(repository_id=row.id, kind=rows.ALIAS, name=name, commit=target.commit, version=number)
                )
            now = datetime.now(UTC)
            session.add(
                AliasChangeRow(
                    repository_id=row.id, alias=name, version=number, previous=current, created=now, author=author
                )
            )
            told = {"alias": name, "version": number, "previous": current, "digest": target.digest}
            events.note(session, row, Event("alias", name, f"{current} → {number}", author, told))
            return AliasChange(row.name, name, number, current, now, author)

    def history(self, repository: str, name: str) -> list[AliasChange]:
        """All moves of an alias, the newest first.

        Raises:
            RepositoryNotFound, AliasNotFound: there is none.
        """
        with self._database.read() as session:
            row = rows.repository(session, repository)
            query = select(AliasChangeRow).where(AliasChangeRow.repository_id == row.id, AliasChangeRow.alias == name)
            moves = session.scalars(query.order_by(AliasChangeRow.id.desc())).all()
            if not moves:
                raise AliasNotFound(f"{row.name} never had an alias {name!r}", "See its aliases with show.")
            return [
                AliasChange(row.name, name, move.version, move.previous, move.created, move.author) for move in moves
            ]
