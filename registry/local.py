"""A registry in a folder: its own files, any number of processes, no server.

    index.sqlite       who, what and when
    blobs/aa/…         bytes by sha256
    snapshots/<hex>/   versions that were pulled, verified again at each pull; the oldest give way to a budget
    locks/             held while a snapshot is built
    tmp/               unfinished things
    trust.json         whom it trusts to sign, if it says so

A publish is: copy, judge, store the bytes, then one transaction that commits, tags and admits. Dying anywhere in it
leaves either no version or a whole one, and publishing again is always right. Needs a file system with locks that work
and atomic renames, which network file systems often lack.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from registry.admit import admit
from registry.cards import card_reader
from registry.errors import (
    AdmissionRefused,
    CorruptBlob,
    InvalidReference,
    ManifestError,
    NotFound,
    RegistryUnavailable,
    SignatureError,
    VersionConflict,
    VersionImmutable,
    VersionNotFound,
    YankedWarning,
)
from registry.finding import AdapterFound, AdapterQuery
from registry.folder import MANIFEST, SIGNATURE
from registry.gather import gather
from registry.index import Aliases, Content, Database, Log, StoredVersion, Versions
from registry.index.catalogue import Catalogue
from registry.index.search import Search
from registry.manifest import Facts, FileEntry
from registry.protocol import AliasChange, AuditEntry, Changes, RepositorySummary, Version, VersionFacts
from registry.resolve import choose, usable
from registry.selector import Kind, check_alias, check_repository, check_version, parse_reference, precedence
from registry.signing import TRUST_FILE, TrustStore
from registry.store import CACHE_BYTES, BlobStore, FolderObjects, Scratch, Snapshots


class LocalRegistry:
    """The registry in `root`. Safe to use from threads; open one in each process."""

    def __init__(self, root: Path, cache_bytes: int = CACHE_BYTES, trust: TrustStore | None = None) -> None:
        """Open it, making what is missing.

        Args:
            cache_bytes: how much the snapshots may take together, those in use apart.
            trust: whose signatures are asked for, besides what the registry's own trust.json says at that moment.

        Raises:
            RegistryUnavailable: the folder cannot be used, or a newer version wrote it.
        """
        self.root = root.expanduser().absolute()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryUnavailable(
                f"{self.root} cannot hold a registry: {error}", "Name a folder to write to."
            ) from error
        self._scratch = Scratch(self.root / "tmp")
        self._store = BlobStore(FolderObjects(self.root, self._scratch))
        self._snapshots = Snapshots(self.root / "snapshots", self._scratch, self._store, cache_bytes)
        database = Database.in_file(self.root / "index.sqlite")
        self._versions = Versions(database, card_reader(self._store))
        self._aliases, self._log = Aliases(database), Log(database)
        self._search, self._catalogue = Search(database), Catalogue(database)
        self._trust = trust or TrustStore()
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        return f"LocalRegistry({str(self.root)!r})"

    def publish(self, folder: Path | str, repository: str, version: str, *, facts: Facts | None = None) -> Version:
        """Make the content of `folder` the immutable version `version`; again with the same content changes nothing.

        Args:
            folder: an adapter folder, or a run folder that holds ``adapter/``. It is only read.
            facts: what the folder does not say; may not contradict its manifest.json.

        Raises:
            AdmissionRefused, ManifestError: the content cannot become a version; the refusal is in the audit log.
            SignatureError: nor can it, for want of a good signature.
            VersionConflict: other content has this number, or the same, but unsigned.
        """
        check_repository(repository)
        check_version(version)
        facts = facts or Facts()
        self._scratch.clean()
        try:
            with self._scratch.folder() as copy:
                files = gather(Path(folder).expanduser(), copy, facts)
                if not (admission := admit(files, facts)).derived:
                    files[MANIFEST].write_bytes(admission.manifest.canonical())
                content = Content(admission.manifest, admission.derived, admission.tree(files))
                at = self._published(repository, version, content)
                self._check_signature(repository, content, copy / SIGNATURE, at)
                for entry in content.tree:  # always, so that publishing again repairs bytes that were damaged since
                    self._store.put(files[entry.path], entry.sha256)
                return self._versions.record(repository, version, content)
        except (AdmissionRefused, ManifestError, SignatureError, VersionConflict) as error:
            self._log.add("publish-refused", repository, version, error.message)
            raise

    def resolve(self, reference: str) -> Version:
        """The version that `reference` means now; a yanked one that is pinned warns once.

        Raises:
            InvalidReference: it is not of the form ``owner/name@selector``.
            RepositoryNotFound, VersionNotFound, AliasNotFound: it means none.
            RevokedVersion: the version that it means was revoked.
        """
        parsed = parse_reference(reference)
        view = self._versions.view(parsed.repository)
        found = choose(parsed, view.versions, view.aliases)
        if found.status == "yanked" and str(found) not in self._warned:
            self._warned.add(str(found))
            warnings.warn(f"{found} is yanked: {found.reason}", YankedWarning, stacklevel=2)
        return found

    def pull(self, reference: str | Version) -> Path:
        """The version's files in a folder that was verified just now; do not write to it.

        Raises:
            CorruptBlob: bytes are damaged; the message names the file. What can be repaired is, for the next call.
            SignatureError: it is not signed as those require whose trust counts here.
            RegistryError: as for `resolve`.
        """
        version = self.resolve(reference) if isinstance(reference, str) else reference
        stored = self._versions.stored(version.repository, version.version)
        usable(stored.version)
        if stored.version.digest != version.digest:
            raise VersionNotFound(
                f"{version} of digest {version.digest} is not in this registry", "Resolve it here first."
            )
        manifest = stored.content.manifest
        entries = [entry for entry in stored.content.tree if entry.path != MANIFEST]
        folder = self._snapshots.get(manifest, entries, lambda entry, target: self._fetch(version, entry, target))
        self._check_signature(stored.version.repository, stored.content, folder / SIGNATURE, stored.published)
        return folder

    def list(self, *, base: str | None = None, task: str | None = None) -> Sequence[RepositorySummary]:
        """All repositories in the order of their ids, or those of one base or task (by their newest version)."""
        return self._catalogue.summaries(base=base, task=task)

    def search(self, query: AdapterQuery, *, limit: int = 100) -> Sequence[AdapterFound]:
        """The first `limit` adapters that a query asks for, in its order."""
        return self._search.first(query, limit)

    def versions(self, repository: str) -> Sequence[Version]:
        """All versions of a repository, the highest first, whatever their status.

        Raises:
            RepositoryNotFound: there is none of that id.
        """
        found = self._versions.view(check_repository(repository)).versions
        return sorted(found, key=lambda one: precedence(one.version), reverse=True)

    def show(self, reference: str) -> VersionFacts:
        """What is known of a version; one that is named exactly is shown even if it is revoked.

        Raises:
            RegistryError: as for `resolve`.
        """
        parsed = parse_reference(reference)
        view = self._versions.view(parsed.repository)
        exact = parsed.selector.kind is Kind.EXACT
        number = parsed.selector.text if exact else choose(parsed, view.versions, view.aliases).version
        stored = self._versions.stored(view.name, number)
        aliases = sorted(name for name, target in view.aliases.items() if target == number)
        return VersionFacts(stored.version, stored.content.manifest, stored.content.derived, stored.published, aliases)

    def alias(self, repository: str, name: str, version: str, *, expect: str | None) -> AliasChange:
        """Point alias `name` at `version` if it is at `expect` now (None: if there is none of that name).

        Raises:
            AliasConflict: it is elsewhere; nothing was changed.
            InvalidReference: `name` cannot be an alias.
            RepositoryNotFound, VersionNotFound, RevokedVersion: there is no such version to point at.
        """
        check_repository(repository)
        check_version(version)
        return self._aliases.move(repository, check_alias(name), version, expect)

    def alias_history(self, repository: str, name: str) -> Sequence[AliasChange]:
        """All moves of an alias, the newest first.

        Raises:
            RepositoryNotFound, AliasNotFound: there is none.
        """
        return self._aliases.history(check_repository(repository), name)

    def changes(self, since: int | None) -> Changes:
        """The repositories that the audit log names after its entry `since`; each change is in it."""
        return self._log.changes(since)

    def yank(self, reference: str, reason: str) -> Version:
        """Hide the exact version `reference` from ranges and latest; pins still work, with a warning.

        Raises:
            InvalidReference: `reference` names no exact version, or `reason` is blank.
            RevokedVersion: it was revoked, which is more.
        """
        return self._versions.withdraw(*_exact(reference, reason), "yanked", reason)

    def revoke(self, reference: str, reason: str) -> Version:
        """Withdraw the exact version `reference`: it is refused everywhere from now on, and for good.

        Raises:
            InvalidReference: `reference` names no exact version, or `reason` is blank.
        """
        return self._versions.withdraw(*_exact(reference, reason), "revoked", reason)

    def delete_version(self, reference: str) -> NoReturn:
        """Refuse: a version is for good. The attempt is in the audit log.

        Raises:
            VersionImmutable: always, if there is such a version.
        """
        self._refuse_change("delete", reference)

    def move_version(self, reference: str, commit: str) -> NoReturn:
        """Refuse: a version's tag names one commit for good. The attempt is in the audit log.

        Raises:
            VersionImmutable: always, if there is such a version.
        """
        self._refuse_change("move", reference, f" to {commit}")

    def audit(self, repository: str | None = None) -> Sequence[AuditEntry]:
        """Changes and refusals, the newest first."""
        return self._log.entries(repository)

    def _published(self, repository: str, number: str, content: Content) -> datetime | None:
        """When this content got that number; None if it has not."""
        try:
            stored = self._versions.stored(repository, number)
        except NotFound:
            return None
        return stored.published if stored.version.digest == content.manifest.digest else None

    def _check_signature(self, repository: str, content: Content, file: Path, at: datetime | None) -> None:
        """Judge a version by all whose trust counts: the registry's own, and whoever opened it."""
        digests = {entry.path: entry.sha256 for entry in content.tree}
        digests[MANIFEST] = content.manifest.digest.removeprefix("sha256:")
        signature = file.read_bytes() if file.is_file() else None
        for trust in {one.of(repository) for one in (TrustStore.read(self.root / TRUST_FILE), self._trust)}:
            trust.check(signature, digests, at)

    def _fetch(self, version: Version, entry: FileEntry, target: Path) -> None:
        """Copy a verified blob; a damaged one is first restored from a snapshot that still has it."""
        if self._store.copy(entry.sha256, entry.size, target):
            return
        holders = self._versions.holders(entry.sha256)
        for file in (folder / place for digest, place in holders for folder in self._snapshots.of(digest)):
            try:
                self._store.put(file, entry.sha256)
            except (CorruptBlob, FileNotFoundError):
                continue
            if self._store.copy(entry.sha256, entry.size, target):
                return
        raise CorruptBlob(
            f"{entry.path} of {version} is damaged in the store, and no snapshot has it intact",
            f"Publish the same content as {version} again: that puts its bytes back.",
        )

    def _refuse_change(self, action: str, reference: str, detail: str = "") -> NoReturn:
        repository, number = _exact(reference, action)
        stored: StoredVersion = self._versions.stored(repository, number)
        self._log.add(f"{action}-refused", stored.version.repository, number, f"{action}{detail}")
        raise VersionImmutable(
            f"{stored.version} is a version: it cannot be moved or deleted",
            "Yank it to hide it from new users, or revoke it to refuse it everywhere.",
        )


def _exact(reference: str, reason: str) -> tuple[str, str]:
    """The repository and number of a reference that names one version for good."""
    parsed = parse_reference(reference)
    if parsed.selector.kind is not Kind.EXACT or not reference.partition("@")[2]:
        raise InvalidReference(f"{reference} names no exact version", "Write owner/name@1.4.0.")
    if not reason.strip():
        raise InvalidReference("the reason is blank", "Say why: whoever is refused reads it.")
    return parsed.repository, parsed.selector.text
