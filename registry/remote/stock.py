"""A Hub without this project's endpoints, huggingface.co above all: versions are tags, aliases are branches.

A version is a SemVer tag whose commit holds an adapter; its digest is that of the manifest.json there, or of the one
that admission derives from the files. An alias is a branch that names the commit of a version. Such a Hub moves no
branch conditionally and remembers none of its moves: an alias is looked at, deleted and made again, so that two who
move it at once may both believe that they did, readers may find none for a moment, and there is no history. Nothing
can be yanked or revoked. Tags can be moved there: `registry.remote.memory` notices if it saw the version before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NoReturn

from registry.admit import admit
from registry.errors import (
    AdmissionRefused,
    AliasConflict,
    Conflict,
    InvalidReference,
    ManifestError,
    NotPermitted,
    UnsupportedRegistry,
    VersionNotFound,
)
from registry.finding import AdapterFound, AdapterQuery
from registry.folder import CONFIG, MANIFEST, size_cap
from registry.manifest import Manifest
from registry.protocol import AliasChange, Changes, RepositorySummary, Version, VersionFacts
from registry.remote import searching
from registry.remote.dialect import Withdrawal
from registry.remote.endpoint import Endpoint
from registry.remote.failures import translated
from registry.remote.fetching import Fetcher
from registry.remote.memory import Memory
from registry.resolve import choose, latest
from registry.selector import MAIN, Kind, Reference, Selector, check_alias, check_version, precedence
from registry.store import Scratch

NOT_ATOMIC = "This Hub moves aliases in two steps: let one program at a time move them."
LISTED = 100  # repositories of a listing


@dataclass(frozen=True)
class Tags:
    """The names of a repository: SemVer tags as versions whose digest is not known yet, and branches' commits."""

    versions: Sequence[Version]
    branches: Mapping[str, str]

    def aliases(self) -> dict[str, str]:
        """Branches that name a version's commit: name → number."""
        numbers = {one.commit: one.version for one in sorted(self.versions, key=_order)}
        return {name: numbers[commit] for name, commit in self.branches.items() if commit in numbers and _free(name)}


class StockHub:
    """Asks any Hub; a `Dialect`."""

    def __init__(self, endpoint: Endpoint, fetcher: Fetcher, memory: Memory, scratch: Scratch) -> None:
        self._endpoint = endpoint
        self._fetcher = fetcher
        self._memory = memory
        self._scratch = scratch

    def resolve(self, reference: Reference) -> Version:
        """See `Dialect`; chosen here, by the same function as everywhere."""
        tags = self._tags(reference.repository)
        if reference.selector.kind is Kind.DIGEST:
            return choose(reference, self._identified(tags.versions), tags.aliases())
        versions = list(tags.versions)
        while True:
            chosen = choose(reference, versions, tags.aliases())
            found = self._identify(chosen)
            if found is not None:
                return found
            versions.remove(chosen)

    def versions(self, repository: str) -> Sequence[Version]:
        """See `Dialect`; tags whose commit would not be admitted, or is not shown, are left out.

        Raises:
            NotPermitted: none is shown.
        """
        return self._identified(self._tags(repository).versions)

    def same(self, version: Version) -> Sequence[Version]:
        """See `Dialect`."""
        reference = Reference(version.repository, Selector(Kind.EXACT, version.version))
        return [found for found in [self.resolve(reference)] if found.digest == version.digest]

    def facts(self, reference: Reference) -> VersionFacts:
        """See `Dialect`."""
        version = self.resolve(reference)
        derived = MANIFEST not in self._fetcher.sizes(version.repository, version.commit)
        targets = self._tags(version.repository).aliases().items()
        aliases = sorted(name for name, number in targets if number == version.version)
        manifest, published = self.manifest(version)
        return VersionFacts(version, manifest, derived, published, aliases)

    def manifest(self, version: Version) -> tuple[Manifest, datetime]:
        """See `Dialect`; a commit's age is all that such a Hub tells."""
        with translated(self._endpoint.address):
            committed = self._endpoint.api.model_info(version.repository, revision=version.commit).last_modified
        manifest = self._memory.manifest(version.digest) or self._read(version)
        return manifest, committed or datetime.fromtimestamp(0, UTC)

    def alias(self, repository: str, name: str, version: str, expect: str | None) -> AliasChange:
        """See `Dialect`; not atomic.

        Raises:
            AliasConflict: it is not at `expect`; or it was made by somebody else in between.
        """
        target = self.resolve(Reference(repository, Selector(Kind.EXACT, version)))
        tags = self._tags(repository)
        current = tags.aliases().get(name)
        if current != expect or (current is None and name in tags.branches):
            found = current or ("a branch that names no version" if name in tags.branches else "absent")
            raise AliasConflict(f"{repository}@{name} is {found}, not {expect or 'absent'}", NOT_ATOMIC)
        api = self._endpoint.api
        with translated(self._endpoint.address):
            if current is not None:
                api.delete_branch(repository, branch=name)
        try:
            with translated(self._endpoint.address):
                api.create_branch(repository, branch=name, revision=target.commit)
        except Conflict as error:
            raise AliasConflict(f"somebody else moved {repository}@{name} meanwhile", NOT_ATOMIC) from error
        return AliasChange(repository, name, version, current, datetime.now(UTC))

    def alias_history(self, repository: str, name: str) -> NoReturn:
        """Refuse.

        Raises:
            UnsupportedRegistry: always.
        """
        self._unsupported("remembers no moves of aliases")

    def changes(self, since: int | None) -> Changes:
        """Anything may have changed: who follows names asks for each, one listing of refs at a time."""
        return Changes(since or 0, None)

    def withdraw(self, repository: str, number: str, how: Withdrawal, reason: str) -> NoReturn:
        """Refuse.

        Raises:
            UnsupportedRegistry: always.
        """
        self._unsupported(f"cannot {how} versions")

    def summaries(self, base: str | None, task: str | None) -> Sequence[RepositorySummary]:
        """The first `LISTED` repositories of PEFT adapters, of a base or a task.

        Raises:
            UnsupportedRegistry: neither is named.
        """
        if base is None and task is None:
            self._unsupported("has too many repositories to list them all; name a base or a task")
        filters = ["peft", *([f"base_model:adapter:{base}"] if base else [])]
        with translated(self._endpoint.address):
            models = self._endpoint.api.list_models(filter=filters, pipeline_tag=task, limit=LISTED)
            names = sorted((one.id for one in models), key=str.lower)
        return [self._summary(name, base, task) for name in names]

    def search(self, query: AdapterQuery, limit: int) -> Sequence[AdapterFound]:
        """Repositories that the Hub finds by its own tags, of which the newest version is an adapter's.

        At most `LISTED` are looked at, each with a few requests where it was not seen before.

        Raises:
            UnsupportedRegistry: the query asks for what such a Hub does not know of adapters.
        """
        if refused := searching.unknown(query):
            self._unsupported(f"knows nothing of the {refused} of adapters")
        with translated(self._endpoint.address):
            models = list(self._endpoint.api.list_models(**searching.asked(query), limit=LISTED, full=True))
        found: list[AdapterFound] = []
        for model in models:
            if len(found) == limit:
                break
            newest = latest(self._tags(model.id).versions)
            known = self._shown(newest) if newest else None
            found += [searching.found(model, known, self.manifest(known)[0])] if known else []
        return found

    def _summary(self, repository: str, base: str | None, task: str | None) -> RepositorySummary:
        tags = self._tags(repository)
        newest = latest(tags.versions)
        return RepositorySummary(
            repository=repository,
            latest=self._shown(newest) if newest else None,
            versions=len(tags.versions),
            task=task,
            base=base,
            aliases=tags.aliases(),
        )

    def _tags(self, repository: str) -> Tags:
        with translated(self._endpoint.address):
            refs = self._endpoint.api.list_repo_refs(repository)
        versions = [Version(repository, one.name, "", one.target_commit) for one in refs.tags if _numbered(one.name)]
        branches = {one.name: one.target_commit for one in refs.branches if one.name != MAIN}
        return Tags(sorted(versions, key=_order, reverse=True), branches)

    def _identified(self, versions: Sequence[Version]) -> list[Version]:
        found, refused = [], None
        for one in versions:
            try:
                known = self._identify(one)
            except NotPermitted as error:  # of one commit, where it was revoked; of all, where the repository is gated
                refused = error
            except (AdmissionRefused, ManifestError):
                continue
            else:
                found += [known] if known else []
        if refused is not None and not found:
            raise refused
        return found

    def _shown(self, version: Version) -> Version | None:
        """A version for a listing of many repositories, which goes on where one of them shows nothing."""
        try:
            return self._identify(version)
        except (AdmissionRefused, ManifestError, NotPermitted):
            return None

    def _identify(self, version: Version) -> Version | None:
        """A tag's version with its digest; None where its commit holds no adapter."""
        record = self._memory.record(version.repository)
        known = record.versions.get(version.version)
        if known is not None and known.commit == version.commit:
            return replace(version, digest=known.digest)
        if version.commit in record.plain:
            return None
        if CONFIG not in self._fetcher.sizes(version.repository, version.commit):
            self._memory.note_plain(version.repository, version.commit)
            return None
        return replace(version, digest=self._read(version).digest)

    def _read(self, version: Version) -> Manifest:
        """The manifest of a commit that holds an adapter: its own, or what admission makes of the files."""
        sizes = self._fetcher.sizes(version.repository, version.commit)
        if CONFIG not in sizes:
            raise VersionNotFound(f"the commit of {version} holds no adapter", "See the repository's versions.")
        if MANIFEST in sizes and sizes[MANIFEST] <= (size_cap(MANIFEST) or 0):
            found = Manifest.from_bytes(self._fetcher.small(version.repository, version.commit, MANIFEST))
        else:
            with self._scratch.folder() as folder:
                found = admit(self._fetcher.all(version.repository, version.commit, folder)).manifest
        self._memory.keep(found)
        return found

    def _unsupported(self, what: str) -> NoReturn:
        raise UnsupportedRegistry(
            f"{self._endpoint.address} {what}", "A server of this project can: adapterhub hub serve."
        )


def _order(version: Version) -> Any:
    return precedence(version.version)


def _numbered(tag: str) -> bool:
    try:
        return bool(check_version(tag))
    except InvalidReference:
        return False


def _free(branch: str) -> bool:
    try:
        return bool(check_alias(branch))
    except InvalidReference:
        return False
