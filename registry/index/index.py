"""The questions and changes that a registry has for its database, one method each, one transaction each.

Keeps the rules that must hold under any concurrency: a version number is given once, its row never changes but for its
status, an alias moves only from where its mover saw it, and every change is in the audit log. Knows no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, insert, select, update

from registry.errors import AdmissionRefused, AliasConflict, AliasNotFound, VersionConflict
from registry.index import rows
from registry.index.database import Database
from registry.index.schema import AliasChangeRow, AuditRow, RefRow, RepositoryRow, TreeEntryRow, VersionRow
from registry.manifest import FileEntry, Manifest
from registry.protocol import AliasChange, AuditEntry, Changes, Status, Version
from registry.resolve import usable

WITHDRAWALS = {"yanked": "yank", "revoked": "revoke"}


@dataclass(frozen=True)
class Content:
    """What a version is made of: the admitted manifest, and every file of the commit."""

    manifest: Manifest
    derived: bool
    tree: Sequence[FileEntry]


@dataclass(frozen=True)
class StoredVersion:
    """A version, its content, and when it was published."""

    version: Version
    content: Content
    published: datetime


@dataclass(frozen=True)
class RepositoryView:
    """A repository at one moment: its name as first published, versions in any order, aliases by name."""

    name: str
    versions: Sequence[Version]
    aliases: Mapping[str, str]


class Index:
    """Facts about repositories and versions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def repositories(self) -> list[str]:
        """The names of all repositories, in order."""
        with self._database.read() as session:
            return list(session.scalars(select(RepositoryRow.name).order_by(RepositoryRow.key)))

    def view(self, repository: str) -> RepositoryView:
        """Versions and aliases of a repository, as of one moment.

        Raises:
            RepositoryNotFound: there is none of that name.
        """
        with self._database.read() as session:
            found = session.execute(rows.VERSIONS_OF, {"repository": repository.lower()}).all()
            if not found:
                return RepositoryView(rows.repository(session, repository).name, [], {})
            aliases = session.execute(rows.ALIASES_OF, {"repository_id": found[0].repository_id})
            return RepositoryView(
                found[0].repository,
                [rows.as_version(one.repository, one) for one in found],
                {alias.name: alias.version for alias in aliases if alias.version},
            )

    def stored(self, repository: str, number: str) -> StoredVersion:
        """A version with its content, whatever its status.

        Raises:
            RepositoryNotFound, VersionNotFound: there is none.
        """
        with self._database.read() as session:
            found = session.execute(rows.STORED, {"repository": repository.lower(), "number": number}).first()
            if found is None:
                raise rows.no_version(rows.repository(session, repository).name, number)
            entries = session.execute(rows.TREE, {"commit": found.commit})
            tree = [FileEntry(path=entry.path, size=entry.size, sha256=entry.sha256) for entry in entries]
            content = Content(Manifest.from_bytes(found.manifest), found.derived, tree)
            return StoredVersion(rows.as_version(found.repository, found), content, found.created)

    def holders(self, sha256: str) -> list[tuple[str, str]]:
        """Versions that hold a file of these bytes: their digests, and the file's path in them."""
        query = select(VersionRow.digest, TreeEntryRow.path).join(
            TreeEntryRow, TreeEntryRow.commit == VersionRow.commit
        )
        with self._database.read() as session:
            return [(digest, path) for digest, path in session.execute(query.where(TreeEntryRow.sha256 == sha256))]

    def record(self, repository: str, number: str, content: Content) -> Version:
        """Commit `content` on the main branch and give it the version `number`; both or neither.

        The same content under the same number again is the version that is there already.

        Raises:
            VersionConflict: other content has this number.
            AdmissionRefused: this content was revoked in this repository, under whatever number.
        """
        digest = content.manifest.digest
        with self._database.write() as session:
            row = rows.repository_for_publish(session, repository)
            existing = session.scalars(select(VersionRow).where(VersionRow.repository_id == row.id)).all()
            for known in existing:
                if known.digest == digest and known.status == "revoked":
                    raise AdmissionRefused(
                        f"this content was revoked as {row.name}@{known.number}: {known.reason}",
                        "Publish other content.",
                    )
                if known.number == number and known.digest == digest:
                    return rows.as_version(row.name, known)
                if known.number == number:
                    raise VersionConflict(
                        f"{row.name}@{number} exists with other content ({known.digest[:19]}…)",
                        "A version never changes: publish under the next number.",
                    )
            now = datetime.now(UTC)
            commit = rows.commit(session, row, content.tree, f"Publish {number}", now)
            refs = {"repository_id": row.id, "commit": commit}
            session.execute(insert(RefRow).values(kind=rows.TAG, name=number, **refs))
            session.execute(
                insert(VersionRow).values(
                    number=number,
                    digest=digest,
                    manifest=content.manifest.canonical(),
                    derived=content.derived,
                    created=now,
                    **refs,
                )
            )
            rows.audit(session, "publish", row.name, number, digest)
            return Version(row.name, number, digest, commit)

    def move_alias(self, repository: str, name: str, number: str, expect: str | None) -> AliasChange:
        """Point an alias at a version, if it is at `expect` (None: if there is none of that name).

        Raises:
            AliasConflict: it is elsewhere.
            RepositoryNotFound, VersionNotFound, RevokedVersion: there is no such version to point at.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository)
            target = rows.version(session, row, number)
            usable(rows.as_version(row.name, target))
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
            session.add(AliasChangeRow(repository_id=row.id, alias=name, version=number, previous=current, created=now))
            rows.audit(session, "alias", row.name, name, f"{current} → {number}")
            return AliasChange(row.name, name, number, current, now)

    def alias_history(self, repository: str, name: str) -> list[AliasChange]:
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
            return [AliasChange(row.name, name, move.version, move.previous, move.created) for move in moves]

    def withdraw(self, repository: str, number: str, status: Status, reason: str) -> Version:
        """Set a version's status to yanked or revoked; who is there already keeps the first reason.

        Raises:
            RepositoryNotFound, VersionNotFound: there is none.
            RevokedVersion: it is to be yanked, but was revoked.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository)
            version = rows.version(session, row, number)
            if version.status != status:
                usable(rows.as_version(row.name, version))
                changed = {"status": status, "reason": reason}
                session.execute(update(VersionRow).where(VersionRow.id == version.id).values(changed))
                rows.audit(session, WITHDRAWALS[status], row.name, number, reason)
            session.refresh(version)
            return rows.as_version(row.name, version)

    def audit(self, action: str, repository: str, subject: str, detail: str) -> None:
        """Add to the audit log what changed nothing here: a refusal, say."""
        with self._database.write() as session:
            rows.audit(session, action, repository, subject, detail)

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

    def audit_log(self, repository: str | None = None) -> list[AuditEntry]:
        """Changes and refusals, the newest first."""
        query = select(AuditRow).order_by(AuditRow.id.desc())
        if repository is not None:
            query = query.where(func.lower(AuditRow.repository) == repository.lower())
        with self._database.read() as session:
            return [
                AuditEntry(row.created, row.action, row.repository, row.subject, row.detail)
                for row in session.scalars(query)
            ]
