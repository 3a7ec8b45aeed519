"""Our own server, by the endpoints that it adds to the Hub's protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import msgspec

from registry.errors import CorruptBlob, RegistryUnavailable
from registry.finding import AdapterFound, AdapterQuery
from registry.manifest import Manifest
from registry.protocol import AliasChange, Changes, RepositorySummary, Version, VersionFacts
from registry.remote.dialect import Withdrawal
from registry.remote.documents import (
    AliasDocument,
    ChangesDocument,
    FoundDocument,
    FullVersion,
    Page,
    Refs,
    VersionDocument,
)
from registry.remote.endpoint import Endpoint
from registry.remote.fetching import LYING
from registry.resolve import latest
from registry.selector import Kind, Reference

PAGE = 100  # adapters; the server's limit

T = TypeVar("T")


class OwnHub:
    """Asks a server of this project; a `Dialect`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def resolve(self, reference: Reference) -> Version:
        """See `Dialect`; the server chooses.

        Raises:
            CorruptBlob: it chose something else than what was named.
        """
        answer = self._endpoint.get("resolve", reference=str(reference))
        found = self._read(answer, VersionDocument).version()
        selector = reference.selector
        named = {Kind.EXACT: found.version, Kind.DIGEST: found.digest}.get(selector.kind, selector.text)
        if named != selector.text:
            raise CorruptBlob(f"{self._endpoint.address} answers {reference} with {found}, {found.digest}", LYING)
        return found

    def versions(self, repository: str) -> Sequence[Version]:
        """See `Dialect`."""
        return self._versions(repository)

    def same(self, version: Version) -> Sequence[Version]:
        """See `Dialect`; the server answers for a deleted repository too, since a digest is named."""
        return self._versions(version.repository, version.digest)

    def facts(self, reference: Reference) -> VersionFacts:
        """See `Dialect`."""
        exact = reference.selector.kind is Kind.EXACT
        number = reference.selector.text if exact else self.resolve(reference).version
        full = self._full(reference.repository, number)
        manifest, version = self._manifest(full), full.version()
        aliases = [name for name, target in self._aliases(reference.repository).items() if target == number]
        return VersionFacts(version, manifest, full.derived, full.published, sorted(aliases))

    def manifest(self, version: Version) -> tuple[Manifest, datetime]:
        """See `Dialect`.

        Raises:
            CorruptBlob: it is not the one whose digest was asked for.
        """
        full = self._full(version.repository, version.digest)
        if full.digest != version.digest:
            raise CorruptBlob(f"{self._endpoint.address} has another manifest than {version.digest}", LYING)
        return self._manifest(full), full.published

    def alias(self, repository: str, name: str, version: str, expect: str | None) -> AliasChange:
        """See `Dialect`."""
        answer = self._endpoint.put(*_model(repository), "alias", name, body={"version": version, "expect": expect})
        return self._read(answer, AliasDocument).change(repository)

    def alias_history(self, repository: str, name: str) -> Sequence[AliasChange]:
        """See `Dialect`."""
        answer = self._endpoint.get(*_model(repository), "alias", name)
        return [one.change(repository) for one in self._read(answer, list[AliasDocument])]

    def changes(self, since: int | None) -> Changes:
        """See `Dialect`."""
        found = self._read(self._endpoint.get("changes", since=since), ChangesDocument)
        return Changes(found.mark, None if found.repositories is None else frozenset(found.repositories))

    def withdraw(self, repository: str, number: str, how: Withdrawal, reason: str) -> Version:
        """See `Dialect`."""
        answer = self._endpoint.post(*_model(repository), "versions", number, how, body={"reason": reason})
        return self._read(answer, VersionDocument).version()

    def summaries(self, base: str | None, task: str | None) -> Sequence[RepositorySummary]:
        """See `Dialect`. Costs two requests a repository."""
        query = AdapterQuery(base=base, task=task, status="any", sort="createdAt")
        found = [self._summary(one) for one in self._found(query, PAGE)]
        return sorted(found, key=lambda one: one.repository.lower())

    def search(self, query: AdapterQuery, limit: int) -> Sequence[AdapterFound]:
        """See `Dialect`; a request for each hundred."""
        return [one.found() for one in islice(self._found(query, min(limit, PAGE)), limit)]

    def _found(self, query: AdapterQuery, page_size: int) -> Iterator[FoundDocument]:
        filters = asdict(query)
        labels = list(filters.pop("labels")) or None
        cursor: str | None = ""
        while cursor is not None:
            answer = self._endpoint.get("adapters", **filters, label=labels, limit=page_size, cursor=cursor)
            page = self._read(answer, Page)
            yield from page.adapters
            cursor = page.cursor

    def _summary(self, found: FoundDocument) -> RepositorySummary:
        versions = self._versions(found.repository)
        return RepositorySummary(
            repository=found.repository,
            latest=latest(versions),
            versions=len(versions),
            task=found.task,
            base=found.base,
            aliases=self._aliases(found.repository),
        )

    def _versions(self, repository: str, digest: str | None = None) -> list[Version]:
        answer = self._endpoint.get(*_model(repository), "versions", digest=digest)
        return [one.version() for one in self._read(answer, list[VersionDocument])]

    def _full(self, repository: str, wanted: str) -> FullVersion:
        return self._read(self._endpoint.get(*_model(repository), "versions", wanted), FullVersion)

    def _manifest(self, full: FullVersion) -> Manifest:
        found = Manifest.from_document(full.manifest)
        if found.digest != full.digest:
            raise CorruptBlob(f"the manifest that {self._endpoint.address} sent has another digest than it says", LYING)
        return found

    def _aliases(self, repository: str) -> dict[str, str]:
        found = self._read(self._endpoint.get(*_model(repository), "refs"), Refs)
        return {one.name: one.version for one in found.aliases}

    def _read(self, answer: Any, kind: type[T]) -> T:
        try:
            return msgspec.convert(answer, kind)
        except msgspec.ValidationError as error:
            raise RegistryUnavailable(
                f"{self._endpoint.address} answered what this client cannot read: {error}", "Update adapterhub."
            ) from error


def _model(repository: str) -> tuple[str, str, str]:
    namespace, _, name = repository.partition("/")
    return "models", namespace, name
