"""The JSON of our own server's endpoints, as far as this client reads it; what else they say is passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from registry.errors import InvalidReference
from registry.finding import AdapterFacts, AdapterFound
from registry.protocol import AliasChange, Status, Version
from registry.selector import check_repository, check_version

Digest = Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}\\Z")]
Commit = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}\\Z")]


class VersionDocument(msgspec.Struct):
    """What the server says of a version; what else it says is passed over."""

    repository: str
    number: str
    digest: Digest
    commit: Commit
    status: Status
    reason: str

    def __post_init__(self) -> None:
        try:
            check_repository(self.repository)
            check_version(self.number)
        except InvalidReference as error:
            raise ValueError(error.message) from error

    def version(self) -> Version:
        """The value of it."""
        return Version(self.repository, self.number, self.digest, self.commit, self.status, self.reason)


class FullVersion(VersionDocument):
    """A version with its manifest."""

    published: datetime
    derived: bool
    manifest: dict[str, Any]


class AliasDocument(msgspec.Struct):
    """One move of an alias."""

    alias: str
    version: str
    previous: str | None
    at: datetime
    author: str

    def change(self, repository: str) -> AliasChange:
        """The value of it."""
        return AliasChange(repository, self.alias, self.version, self.previous, self.at, self.author)


class AliasRef(msgspec.Struct):
    """An alias in the list of refs."""

    name: str
    version: str


class Refs(msgspec.Struct):
    """The list of refs, as far as it is the server's own."""

    aliases: list[AliasRef] = []


class ChangesDocument(msgspec.Struct):
    """What changed since a mark."""

    mark: int
    repositories: list[str] | None


class FoundDocument(msgspec.Struct):
    """An adapter that a search found."""

    repository: str
    version: str
    digest: Digest
    status: Status
    base: str
    base_fingerprint: str | None
    task: str
    method: str
    rank: int | None
    labels: list[str]
    languages: list[str]
    licence: str
    metrics: dict[str, float]
    size: int
    downloads: int
    likes: int
    private: bool
    created: datetime
    updated: datetime

    def found(self) -> AdapterFound:
        """The value of it."""
        facts = AdapterFacts(
            base=self.base,
            fingerprint=self.base_fingerprint,
            task=self.task,
            method=self.method,
            rank=self.rank,
            licence=self.licence,
            labels=self.labels,
            languages=self.languages,
            size=self.size,
            metrics=self.metrics,
        )
        return AdapterFound(
            repository=self.repository,
            version=self.version,
            digest=self.digest,
            status=self.status,
            facts=facts,
            downloads=self.downloads,
            likes=self.likes,
            created=self.created,
            updated=self.updated,
            private=self.private,
        )


class Page(msgspec.Struct):
    """A page of them."""

    adapters: list[FoundDocument]
    cursor: str | None
