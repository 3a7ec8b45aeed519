"""What a Hub can be asked, in words that both kinds of Hub understand; each kind answers in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from registry.finding import AdapterFound, AdapterQuery
from registry.manifest import Manifest
from registry.protocol import AliasChange, Changes, RepositorySummary, Version, VersionFacts
from registry.selector import Reference

Withdrawal = Literal["yank", "revoke"]


class Dialect(Protocol):
    """Asks one Hub. Every verb raises RegistryError: what the Hub refused, or that it cannot be asked.

    Nothing that is answered is believed beyond its form: see `registry.remote.memory` and `registry.remote.fetching`.
    """

    def resolve(self, reference: Reference) -> Version:
        """What a reference means now."""

    def versions(self, repository: str) -> Sequence[Version]:
        """All versions of a repository, the highest first."""

    def same(self, version: Version) -> Sequence[Version]:
        """The versions of its repository that have its content, with the status that they have now."""

    def facts(self, reference: Reference) -> VersionFacts:
        """What is known of a version; one that is named exactly is shown even if it is revoked."""

    def manifest(self, version: Version) -> tuple[Manifest, datetime]:
        """The manifest of a version, and when it was published."""

    def alias(self, repository: str, name: str, version: str, expect: str | None) -> AliasChange:
        """See `Registry.alias`."""

    def alias_history(self, repository: str, name: str) -> Sequence[AliasChange]:
        """See `Registry.alias_history`."""

    def changes(self, since: int | None) -> Changes:
        """See `Registry.changes`."""

    def withdraw(self, repository: str, number: str, how: Withdrawal, reason: str) -> Version:
        """Yank or revoke a version."""

    def summaries(self, base: str | None, task: str | None) -> Sequence[RepositorySummary]:
        """See `Registry.list`."""

    def search(self, query: AdapterQuery, limit: int) -> Sequence[AdapterFound]:
        """See `Registry.search`."""
