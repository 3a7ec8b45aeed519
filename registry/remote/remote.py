"""A registry on a Hub, with a cache on this machine that all processes share:

    snapshots/<hex>/   versions that were pulled, verified again at each pull, whichever Hub they came from
    manifests/         manifests by their digest
    known/             what each Hub answered last
    locks/ tmp/        while a snapshot is built, and unfinished things

A pull asks the Hub whether the version was revoked, and for bytes only where no snapshot has them. Where the Hub cannot
be asked, what it said last has to do, with a warning; a version that is known to be revoked stays refused.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from registry.errors import (
    CorruptBlob,
    InvalidReference,
    NotFound,
    OfflineWarning,
    RegistryUnavailable,
    RevokedVersion,
    VersionNotFound,
    YankedWarning,
)
from registry.finding import AdapterFound, AdapterQuery
from registry.folder import MANIFEST, SIGNATURE
from registry.manifest import Facts, Manifest
from registry.protocol import AliasChange, Changes, RepositorySummary, Version, VersionFacts
from registry.remote.dialect import Dialect, Withdrawal
from registry.remote.endpoint import Endpoint
from registry.remote.fetching import LYING, Fetcher
from registry.remote.memory import Kept, Memory
from registry.remote.own import OwnHub
from registry.remote.publishing import Publisher
from registry.remote.stock import StockHub
from registry.resolve import usable
from registry.selector import Kind, Reference, check_alias, check_repository, check_version, parse_reference
from registry.signing import TrustStore
from registry.store import CACHE_BYTES, Scratch, Snapshots

T = TypeVar("T")


class RemoteRegistry:
    """The registry on one Hub. Safe to use from threads; open one in each process."""

    def __init__(
        self, endpoint: Endpoint, cache: Path, cache_bytes: int = CACHE_BYTES, trust: TrustStore | None = None
    ) -> None:
        """Open it; the Hub is not asked for anything yet.

        Args:
            cache: the folder of what was pulled; made where it is missing.
            cache_bytes: how much the snapshots may take together, those in use apart.
            trust: whose signatures are asked for.
        """
        self.endpoint = endpoint
        root = cache.expanduser().absolute()
        self._scratch = Scratch(root / "tmp")
        self._snapshots = Snapshots(root / "snapshots", self._scratch, None, cache_bytes)
        self._memory = Memory(root, endpoint.address, self._scratch)
        self._fetcher = Fetcher(endpoint, self._scratch)
        self._trust = trust or TrustStore()
        self._warned: set[str] = set()

    def __repr__(self) -> str:
        return f"RemoteRegistry({self.endpoint.address!r})"

    def publish(self, folder: Path | str, repository: str, version: str, *, facts: Facts | None = None) -> Version:
        """Make the content of `folder` the immutable version `version`; again with the same content changes nothing.

        Args:
            folder: an adapter folder, or a run folder that holds ``adapter/``. It is only read.
            facts: what the folder does not say; may not contradict its manifest.json.

        Raises:
            AdmissionRefused, ManifestError: the content cannot become a version.
            VersionConflict: other content has this number.
            NotAuthenticated, NotPermitted: this caller may not publish there.
        """
        check_repository(repository)
        check_version(version)
        self._scratch.clean()
        publisher = Publisher(
            self.endpoint, self._fetcher, lambda: self._dialect, self._scratch, self._trust.of(repository)
        )
        made = publisher.publish(Path(folder).expanduser(), repository, version, facts or Facts())
        return self._memory.learn([made])[0]

    def resolve(self, reference: str) -> Version:
        """The version that `reference` means now, or meant when the Hub could be asked; a yanked one warns once.

        Raises:
            InvalidReference: it is not of the form ``owner/name@selector``.
            RepositoryNotFound, VersionNotFound, AliasNotFound: it means none.
            RevokedVersion: the version that it means was revoked.
            CorruptBlob: the Hub answers with other content than it did before.
            RegistryUnavailable: the Hub cannot be asked, and never was for this reference.
        """
        parsed = parse_reference(reference)
        found = self._asked(lambda: self._resolve(parsed), lambda: self._memory.answer(parsed))
        if found.status == "yanked":
            self._warn(f"{found} is yanked: {found.reason}", YankedWarning)
        return found

    def pull(self, reference: str | Version) -> Path:
        """The version's files in a folder that was verified just now; do not write to it.

        Raises:
            CorruptBlob: the Hub has other bytes, files or another manifest than the version's, and nothing is left of
                them here; or the snapshot was damaged, and the next call makes it anew.
            SignatureError: it is not signed as those require who are trusted here.
            RegistryError: as for `resolve`.
        """
        version = self.resolve(reference) if isinstance(reference, str) else reference
        check_repository(version.repository)
        self._memory.check_not_revoked(version)
        if not isinstance(reference, str):
            self._asked(lambda: self._check_now(version), lambda: None)
        manifest, kept = self._content(version)
        entries = [*manifest.files, *kept.unlisted]
        folder = self._snapshots.get(
            manifest, entries, lambda entry, target: self._fetcher.fetch(version, entry, target)
        )
        digests = {entry.path: entry.sha256 for entry in entries} | {MANIFEST: manifest.digest.removeprefix("sha256:")}
        signature = (folder / SIGNATURE).read_bytes() if SIGNATURE in digests else None
        self._trust.of(version.repository).check(signature, digests, kept.published)
        return folder

    def list(self, *, base: str | None = None, task: str | None = None) -> Sequence[RepositorySummary]:
        """Repositories in the order of their ids, of one base or task if named.

        Raises:
            UnsupportedRegistry: a Hub that is not one of ours was asked for everything.
        """
        return self._dialect.summaries(base, task)

    def search(self, query: AdapterQuery, *, limit: int = 100) -> Sequence[AdapterFound]:
        """The first `limit` adapters that a query asks for, in its order.

        Raises:
            UnsupportedRegistry: a Hub that is not one of ours was asked by what it does not know of adapters.
        """
        return self._dialect.search(query, limit)

    def versions(self, repository: str) -> Sequence[Version]:
        """All versions of a repository, the highest first, whatever their status.

        Raises:
            RepositoryNotFound: there is none of that id, or none that this caller may see.
        """
        return self._memory.learn(self._dialect.versions(check_repository(repository)))

    def show(self, reference: str) -> VersionFacts:
        """What is known of a version; one that is named exactly is shown even if it is revoked.

        Raises:
            RegistryError: as for `resolve`.
        """
        found = self._dialect.facts(parse_reference(reference))
        self._memory.learn([found.version])
        return found

    def alias(self, repository: str, name: str, version: str, *, expect: str | None) -> AliasChange:
        """Point alias `name` at `version` if it is at `expect` now (None: if there is none of that name).

        Our own server does so atomically. On any other Hub an alias is a branch that is deleted and made again.

        Raises:
            AliasConflict: it is elsewhere; nothing was changed.
            InvalidReference: `name` cannot be an alias.
            RepositoryNotFound, VersionNotFound, RevokedVersion: there is no such version to point at.
        """
        check_repository(repository)
        check_version(version)
        return self._dialect.alias(repository, check_alias(name), version, expect)

    def alias_history(self, repository: str, name: str) -> Sequence[AliasChange]:
        """All moves of an alias, the newest first.

        Raises:
            RepositoryNotFound, AliasNotFound: there is none.
            UnsupportedRegistry: the Hub is none of ours, and keeps none.
        """
        return self._dialect.alias_history(check_repository(repository), check_alias(name))

    def changes(self, since: int | None) -> Changes:
        """What changed since a mark, as our own server tells it; of any other Hub, everything may have.

        Raises:
            RegistryUnavailable: the Hub cannot be asked; but offline on purpose, nothing changes.
        """
        if self.endpoint.offline:
            return Changes(since or 0, frozenset())
        return self._dialect.changes(since)

    def yank(self, reference: str, reason: str) -> Version:
        """Hide the exact version `reference` from ranges and latest; pins still work, with a warning.

        Raises:
            InvalidReference: `reference` names no exact version, or `reason` is blank.
            RevokedVersion: it was revoked, which is more.
            UnsupportedRegistry: the Hub is none of ours.
        """
        return self._withdraw(reference, "yank", reason)

    def revoke(self, reference: str, reason: str) -> Version:
        """Withdraw the exact version `reference`: it is refused everywhere from now on, and for good.

        Raises:
            InvalidReference, UnsupportedRegistry: as for `yank`.
        """
        return self._withdraw(reference, "revoke", reason)

    @cached_property
    def _dialect(self) -> Dialect:
        """How this Hub is asked; not kept where it cannot be found out."""
        if self.endpoint.ours():
            return OwnHub(self.endpoint)
        return StockHub(self.endpoint, self._fetcher, self._memory, self._scratch)

    def _asked(self, ask: Callable[[], T], remembered: Callable[[], T]) -> T:
        """What the Hub says; where it cannot be asked, what is remembered, with a warning."""
        try:
            return ask()
        except RegistryUnavailable as error:
            found = remembered()
            self._warn(f"{error.message}; using what was known before", OfflineWarning, once="offline")
            return found

    def _resolve(self, reference: Reference) -> Version:
        try:
            found = usable(self._memory.learn([self._dialect.resolve(reference)])[0])
        except RevokedVersion as error:
            self._memory.refused(reference, error)
            with contextlib.suppress(NotFound):  # a deleted repository answers for the digest only
                self._memory.learn(self._dialect.versions(reference.repository))  # which content it is
            raise
        self._memory.resolved(reference, found)
        return found

    def _check_now(self, version: Version) -> None:
        """Refuse a version that is not what the Hub has, or whose content was revoked since it was resolved."""
        same = self._memory.learn(self._dialect.same(version))
        if not same:
            what = f"{version} of digest {version.digest} is not at {self.endpoint.address}"
            raise VersionNotFound(what, "Resolve it there first.")
        for one in same:
            usable(one)

    def _content(self, version: Version) -> tuple[Manifest, Kept]:
        """What a version holds: as it was when it was pulled, or else as the Hub says, proven by the digest."""
        kept = self._memory.record(version.repository).kept.get(version.version)
        manifest = self._memory.manifest(version.digest)
        if manifest is not None and kept is not None:
            return manifest, kept
        manifest, published = self._dialect.manifest(version)
        if manifest.digest != version.digest:
            raise CorruptBlob(f"the manifest of {version} at {self.endpoint.address} has another digest", LYING)
        kept = Kept(self._fetcher.unlisted(version, manifest), published)
        self._memory.keep(manifest)
        self._memory.note_kept(version, kept)
        return manifest, kept

    def _withdraw(self, reference: str, how: Withdrawal, reason: str) -> Version:
        parsed = parse_reference(reference)
        if parsed.selector.kind is not Kind.EXACT or not reference.partition("@")[2]:
            raise InvalidReference(f"{reference} names no exact version", "Write owner/name@1.4.0.")
        if not reason.strip():
            raise InvalidReference("the reason is blank", "Say why: whoever is refused reads it.")
        done = self._dialect.withdraw(parsed.repository, parsed.selector.text, how, reason)
        return self._memory.learn([done])[0]

    def _warn(self, text: str, kind: type[Warning], once: str = "") -> None:
        if (once or text) not in self._warned:
            self._warned.add(once or text)
            warnings.warn(text, kind, stacklevel=4)
