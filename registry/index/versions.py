"""Versions: an admitted commit under a number, for good. One method a question or change, one transaction each.

Keeps the rules that must hold under any concurrency: a number is given once, its row never changes but for its status,
and every change is in the audit log. Knows no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from registry.errors import AdmissionRefused, RefExists, RevisionNotFound, VersionConflict
from registry.folder import SIGNATURE
from registry.index import commits, events, facts, refs, rows, trees
from registry.index.database import Database
from registry.index.events import Event
from registry.index.facts import CardReader, no_card
from registry.index.tables import CommitRow, RefRow, RepositoryRow, TreeEntryRow, VersionRow
from registry.index.trees import TreeEntry
from registry.manifest import FileEntry, Manifest
from registry.protocol import Status, Version
from registry.resolve import usable
from registry.selector import MAIN

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


class Versions:
    """The versions of all model repositories of a database."""

    def __init__(self, database: Database, read_card: CardReader = no_card) -> None:
        self._database, self._read_card = database, read_card

    def view(self, repository: str) -> RepositoryView:
        """Versions and aliases of a repository, as of one moment.

        Raises:
            RepositoryNotFound: there is none of that name.
        """
        with self._database.read() as session:
            found = session.execute(rows.VERSIONS_OF, {"repository": repository.lower()}).all()
            if not found:
                return RepositoryView(rows.repository(session, repository, lock=False).name, [], {})
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
                raise rows.no_version(rows.repository(session, repository, lock=False).name, number)
            entries = session.execute(trees.TREE, {"commit": found.commit})
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
            VersionConflict: other content has this number, or the same unsigned, which cannot be signed any more.
            AdmissionRefused: this content was revoked in this repository, under whatever number.
        """
        with self._database.write() as session:
            row = rows.repository_for_publish(session, repository)
            known = self._known(session, row, number, content)
            if known:
                return known
            for entry in sorted(content.tree, key=lambda one: one.sha256):  # in one order, as all who lock them do
                commits.register(session, entry.sha256, entry.size)
            ref = session.get(RefRow, (row.id, rows.BRANCH, MAIN))
            head = ref.commit if ref else None
            tree = [TreeEntry(entry.path, entry.size, entry.sha256) for entry in content.tree]
            commit = commits.write(session, row, tree, [head] if head else [], f"Publish {number}")
            commits.point(session, row, rows.BRANCH, MAIN, commit)
            facts.main_moved(session, row, head, commit, self._read_card)
            return self._give(session, row, number, commit, content, "")

    def admit(self, repository: str, number: str, commit: str, content: Content, author: str) -> Version:
        """Give the version `number` to a commit whose files were admitted; its tag with it.

        Admitting took its time, so all that the files do not say is looked at here.

        Raises:
            VersionConflict: other content has this number.
            RefExists: this content has it already, or a tag that is no version's.
            AdmissionRefused: this content was revoked here, or a branch has that name and would hide the tag.
            RevisionNotFound, MissingBytes: the commit, or bytes of it, were removed meanwhile.
        """
        with self._database.write() as session:
            row = rows.repository(session, repository)
            if self._known(session, row, number, content):
                raise RefExists(
                    f"Reference refs/tags/{number} already exists: a version of this very content",
                    "Nothing is left to do.",
                )
            refs.refuse_taken(session, row, rows.TAG, number)
            if session.get(RefRow, (row.id, rows.BRANCH, number)):
                raise AdmissionRefused(f"the branch {number} would hide a version of that name", "Delete the branch.")
            tagged = session.get(CommitRow, commit)
            if tagged is None or tagged.repository_id != row.id:
                raise RevisionNotFound(f"Invalid rev id: {commit}", "Nothing named the commit, and it was removed.")
            commits.hold(session, {entry.sha256 for entry in content.tree})
            return self._give(session, row, number, commit, content, author)

    def _known(self, session: Session, row: RepositoryRow, number: str, content: Content) -> Version | None:
        """The version that has this number and this content already."""
        digest, found = content.manifest.digest, None
        for known in session.scalars(select(VersionRow).where(VersionRow.repository_id == row.id)):
            if known.digest == digest and known.status == "revoked":
                raise AdmissionRefused(
                    f"this content was revoked as {row.name}@{known.number}: {known.reason}",
                    "Publish other content.",
                )
            if known.number == number and known.digest != digest:
                raise VersionConflict(
                    f"{row.name}@{number} exists with other content ({known.digest[:19]}…)",
                    "A version never changes: publish under the next number.",
                )
            if known.number == number:
                signed = any(entry.path == SIGNATURE for entry in content.tree)
                if signed and not trees.entry(session, known.commit, SIGNATURE):
                    raise VersionConflict(
                        f"{row.name}@{number} exists with this content, unsigned",
                        "A version never changes: publish it signed under the next number.",
                    )
                found = rows.as_version(row.name, known)
        return found

    def _give(
        self, session: Session, row: RepositoryRow, number: str, commit: str, content: Content, author: str
    ) -> Version:
        digest = content.manifest.digest
        commits.point(session, row, rows.TAG, number, commit, number)
        values = {"digest": digest, "manifest": content.manifest.canonical(), "derived": content.derived}
        session.execute(
            insert(VersionRow).values(
                repository_id=row.id, number=number, commit=commit, author=author, created=datetime.now(UTC), **values
            )
        )
        facts.refresh(session, row)
        told = {"version": number, "digest": digest}
        events.note(session, row, Event("publish", number, digest, author, told))
        return Version(row.name, number, digest, commit)

    def withdraw(self, repository: str, number: str, status: Status, reason: str, author: str = "") -> Version:
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
                facts.refresh(session, row)
                told = {"version": number, "digest": version.digest, "reason": reason}
                events.note(session, row, Event(WITHDRAWALS[status], number, reason, author, told))
            session.refresh(version)
            return rows.as_version(row.name, version)
