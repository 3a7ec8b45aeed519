"""A folder becomes a version on a Hub: judged here first, then one commit of exactly its files, then the tag.

What would be refused is refused before anything is sent. Dying between the commit and the tag leaves a commit on main
that is no version, and publishing again is always right. Files of main that are not the version's are deleted by the
same commit, git's own apart; earlier versions keep theirs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from registry.admit import admit
from registry.errors import (
    AdmissionRefused,
    Conflict,
    CorruptBlob,
    RepositoryNotFound,
    StaleParent,
    VersionConflict,
)
from registry.folder import CARD, MANIFEST, SIGNATURE
from registry.gather import gather
from registry.manifest import Facts, Manifest
from registry.protocol import Version
from registry.remote.dialect import Dialect
from registry.remote.endpoint import Endpoint
from registry.remote.failures import translated
from registry.remote.fetching import GIT, LYING, Fetcher
from registry.signing.trust import Trust
from registry.store import Scratch

TRIES = 5  # of a commit, where others commit to the same repository at the same time


class Publisher:
    """Publishes to one Hub."""

    def __init__(
        self, endpoint: Endpoint, fetcher: Fetcher, dialect: Callable[[], Dialect], scratch: Scratch, trust: Trust
    ) -> None:
        """Ask nothing yet: `dialect` is called when the content was judged."""
        self._endpoint = endpoint
        self._fetcher = fetcher
        self._dialect = dialect
        self._scratch = scratch
        self._trust = trust

    def publish(self, folder: Path, repository: str, number: str, facts: Facts) -> Version:
        """See `Registry.publish`.

        Raises:
            AdmissionRefused, ManifestError: the content cannot become a version; by this side, or in the Hub's words.
            SignatureError: nor can it, for want of a good signature.
            VersionConflict: other content has this number, or the same, but unsigned.
            RegistryError: what else the Hub refused.
        """
        with self._scratch.folder() as copy:
            files = gather(folder, copy, facts)
            admission = admit(files, facts)
            manifest = admission.manifest
            files[MANIFEST] = copy / MANIFEST
            files[MANIFEST].write_bytes(manifest.canonical())
            known = self._known(repository, number, manifest, signed=SIGNATURE in files)
            if known is not None:
                return known
            digests = {entry.path: entry.sha256 for entry in admission.tree(files)}
            digests[MANIFEST] = manifest.digest.removeprefix("sha256:")
            self._trust.check(files[SIGNATURE].read_bytes() if SIGNATURE in files else None, digests)
            commit = self._commit(repository, number, files)
            return self._tag(repository, number, commit, manifest)

    def _known(self, repository: str, number: str, manifest: Manifest, signed: bool = False) -> Version | None:
        """The version that has this number and this content already; None if there is none of the number.

        Raises:
            VersionConflict: it has other content, or no signature where this has one.
            AdmissionRefused: it was revoked.
        """
        try:
            found = next((one for one in self._dialect().versions(repository) if one.version == number), None)
        except RepositoryNotFound:
            return None
        if found is None:
            return None
        if found.digest != manifest.digest:
            raise VersionConflict(
                f"{found} exists with other content ({found.digest[:19]}…)",
                "A version never changes: publish under the next number.",
            )
        if found.status == "revoked":
            raise AdmissionRefused(f"this content was revoked as {found}: {found.reason}", "Publish other content.")
        if signed and SIGNATURE not in self._fetcher.sizes(repository, found.commit):
            raise VersionConflict(
                f"{found} exists with this content, unsigned",
                "A version never changes: publish it signed under the next number.",
            )
        return found

    def _commit(self, repository: str, number: str, files: Mapping[str, Path]) -> str:
        """Commit exactly these files to main, and return the commit."""
        api = self._endpoint.api
        for _ in range(TRIES):
            parent, there = self._head(repository)
            deletions = [CommitOperationDelete(path, is_folder=False) for path in sorted(there - files.keys() - {GIT})]
            additions = [CommitOperationAdd(path, file) for path, file in sorted(files.items())]
            try:
                with translated(self._endpoint.address), _values_judged():
                    made = api.create_commit(
                        repository, [*deletions, *additions], commit_message=f"Publish {number}", parent_commit=parent
                    )
                return str(made.oid)
            except StaleParent:
                continue
        raise StaleParent(f"{repository} changed {TRIES} times meanwhile", "Publish again.")

    def _head(self, repository: str) -> tuple[str | None, set[str]]:
        """Main's commit and the paths that it holds. Makes the repository where there is none."""
        api = self._endpoint.api
        try:
            with translated(self._endpoint.address):
                info = api.model_info(repository)
        except RepositoryNotFound:
            with translated(self._endpoint.address):
                api.create_repo(repository, exist_ok=True)
                info = api.model_info(repository)
        return info.sha, {one.rfilename for one in info.siblings or []}

    def _tag(self, repository: str, number: str, commit: str, manifest: Manifest) -> Version:
        """Tag the commit, which makes it the version.

        Raises:
            VersionConflict: the number was taken meanwhile, by other content or by a plain tag.
            CorruptBlob: the Hub made another version of it.
        """
        made = Version(repository, number, manifest.digest, commit)
        try:
            with translated(self._endpoint.address):
                self._endpoint.api.create_tag(repository, tag=number, revision=commit)
        except Conflict as error:
            known = self._known(repository, number, manifest)
            if known is None:
                raise VersionConflict(
                    f"{repository} has a tag {number} that is no version", "Delete the tag, or choose another number."
                ) from error
            return known
        found = next((one for one in self._dialect().same(made) if one.version == number), None)
        if found is None:
            raise CorruptBlob(f"{self._endpoint.address} has no {made} of digest {manifest.digest}", LYING)
        return found


@contextlib.contextmanager
def _values_judged() -> Iterator[None]:
    """A card that the Hub does not accept comes as a ValueError, which huggingface_hub's other errors are too.

    Raises:
        AdmissionRefused: that is what happened.
    """
    try:
        yield
    except (HfHubHTTPError, HFValidationError):
        raise
    except ValueError as error:
        raise AdmissionRefused(f"the Hub does not accept the files: {error}", f"Correct {CARD}, say.") from error
