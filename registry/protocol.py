"""The verbs of a registry and the values they hand out; implemented by ``registry.local``, and later for any Hub.

Knows no storage. Whatever implements `Registry` keeps these promises: a version never changes, a folder that `pull`
hands out was verified byte by byte, and a revoked version is refused by every verb.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from registry.finding import AdapterFound, AdapterQuery
from registry.manifest import Facts, Manifest

Status = Literal["active", "yanked", "revoked"]


@dataclass(frozen=True)
class Version:
    """An admitted version: what its number, its content and its place in the history are.

    Attributes:
        repository: ``owner/name``.
        version: strict SemVer.
        digest: ``sha256:`` of the manifest's canonical form; the identity of the content everywhere.
        commit: 40 hex digits; the commit that the version's tag names.
        status: active; yanked (hidden from ranges and latest); revoked (refused everywhere).
        reason: why it was yanked or revoked.
    """

    repository: str
    version: str
    digest: str
    commit: str
    status: Status = "active"
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.repository}@{self.version}"


@dataclass(frozen=True)
class AliasChange:
    """One move of an alias; `previous` is None for the first, `author` empty without a server."""

    repository: str
    alias: str
    version: str
    previous: str | None
    at: datetime
    author: str = ""


@dataclass(frozen=True)
class RepositorySummary:
    """A repository in a listing. `latest` is None where no version can be chosen without naming it."""

    repository: str
    latest: Version | None
    versions: int
    task: str | None
    base: str | None
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionFacts:
    """All that the registry knows of one version. `derived`: the publisher wrote no manifest, the registry made it."""

    version: Version
    manifest: Manifest
    derived: bool
    published: datetime
    aliases: Sequence[str]


@dataclass(frozen=True)
class AuditEntry:
    """One change or refusal. `action` is the verb, ``refused`` after a dash where nothing was done.

    `actor` is who did it: empty without a server, ``os:name`` for a command on the server's machine; `id` grows with
    each entry.
    """

    at: datetime
    action: str
    repository: str
    subject: str
    detail: str
    actor: str = ""
    id: int = 0


@dataclass(frozen=True)
class Changes:
    """What changed since a mark: `mark` is where to ask from next.

    Attributes:
        repositories: those in which anything changed, in lower case; None if that is not known, so any may have.
    """

    mark: int
    repositories: frozenset[str] | None

    def touches(self, repository: str) -> bool:
        """Whether anything may have changed in `repository`."""
        return self.repositories is None or repository.lower() in self.repositories


class Registry(Protocol):
    """Where versions are published and found."""

    def publish(self, folder: Path, repository: str, version: str, *, facts: Facts | None = None) -> Version:
        """Make the content of an adapter folder (or of a run folder that holds ``adapter/``) an immutable version."""

    def resolve(self, reference: str) -> Version:
        """The version that a reference means now."""

    def pull(self, reference: str | Version) -> Path:
        """A verified folder with the version's files, manifest.json included; not to be written to."""

    def list(self, *, base: str | None = None, task: str | None = None) -> Sequence[RepositorySummary]:
        """Repositories in the order of their ids, of one base or task if named."""

    def search(self, query: AdapterQuery, *, limit: int = 100) -> Sequence[AdapterFound]:
        """The first `limit` adapters that a query asks for, in its order."""

    def versions(self, repository: str) -> Sequence[Version]:
        """All versions of a repository, the highest first, whatever their status."""

    def show(self, reference: str) -> VersionFacts:
        """What is known of a version; a revoked one can be shown, not pulled."""

    def alias(self, repository: str, name: str, version: str, *, expect: str | None) -> AliasChange:
        """Point an alias at a version, if it is at `expect` now (None: if there is none of that name)."""

    def alias_history(self, repository: str, name: str) -> Sequence[AliasChange]:
        """All moves of an alias, the newest first."""

    def changes(self, since: int | None) -> Changes:
        """In which repositories something changed since the mark `since`; None asks for a mark to begin from."""

    def yank(self, reference: str, reason: str) -> Version:
        """Hide a version from ranges and latest; who pins it exactly still gets it, with a warning."""

    def revoke(self, reference: str, reason: str) -> Version:
        """Withdraw a version: from now on it is refused everywhere."""
