"""Files of a commit, fetched into a folder and believed only if their bytes are those that a manifest lists.

Leaves nothing in huggingface_hub's own cache: what was verified is kept once, as a snapshot.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub.hf_api import RepoFile

from registry.admit import check_listing
from registry.errors import CorruptBlob, EntryNotFound
from registry.folder import MANIFEST, UNLISTED, size_cap
from registry.manifest import FileEntry, Manifest
from registry.manifest.completion import sha256_of
from registry.protocol import Version
from registry.remote.endpoint import Endpoint
from registry.remote.failures import translated
from registry.store import Scratch

GIT = ".gitattributes"  # for git alone: it says which files are large, and comes with each repository
LYING = "Do not use this Hub for it; tell whoever runs it."


class Fetcher:
    """Fetches from one Hub by way of a scratch folder."""

    def __init__(self, endpoint: Endpoint, scratch: Scratch) -> None:
        self._endpoint = endpoint
        self._scratch = scratch

    def sizes(self, repository: str, commit: str) -> Mapping[str, int]:
        """The files of a commit with their sizes, without the one that is git's own.

        Raises:
            RegistryError: it cannot be read.
        """
        with translated(self._endpoint.address):
            listed = self._endpoint.api.list_repo_tree(repository, revision=commit, recursive=True)
            return {one.path: one.size for one in listed if isinstance(one, RepoFile) and one.path != GIT}

    def fetch(self, version: Version, entry: FileEntry, target: Path) -> None:
        """Write a file of a version to `target`.

        Raises:
            CorruptBlob: the Hub sent other bytes, or has none.
        """
        try:
            found = self.file(version.repository, version.commit, entry.path, target)
        except EntryNotFound as error:
            raise CorruptBlob(f"{entry.path} of {version} is missing at {self._endpoint.address}", LYING) from error
        if found != entry:
            target.unlink()
            raise CorruptBlob(
                f"{entry.path} of {version}, as {self._endpoint.address} sent it, is not what was published", LYING
            )

    def file(self, repository: str, commit: str, path: str, target: Path) -> FileEntry:
        """Write a file of a commit to `target`, and say what it is.

        Raises:
            EntryNotFound: the commit has none of that path.
            RegistryError: it cannot be fetched.
        """
        with self._scratch.folder() as folder, translated(self._endpoint.address):
            fetched = self._endpoint.api.hf_hub_download(repository, path, revision=commit, local_dir=folder)
            os.replace(fetched, target)
        return FileEntry(path=path, size=target.stat().st_size, sha256=sha256_of(target))

    def small(self, repository: str, commit: str, path: str) -> bytes:
        """The bytes of a file that is read, not kept.

        Raises:
            EntryNotFound, RegistryError: as for `file`.
        """
        with self._scratch.folder() as folder:
            self.file(repository, commit, path, folder / "file")
            return (folder / "file").read_bytes()

    def all(self, repository: str, commit: str, folder: Path) -> Mapping[str, Path]:
        """Fetch every file of a commit.

        Raises:
            AdmissionRefused: no version may hold one of them, or one is missing; nothing is fetched.
            RegistryError: one cannot be fetched.
        """
        sizes = self.sizes(repository, commit)
        check_listing(sizes)
        files = {path: folder / path for path in sizes}
        for path, file in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            self.file(repository, commit, path, file)
        return files

    def unlisted(self, version: Version, manifest: Manifest) -> list[FileEntry]:
        """The files of a version that its manifest does not list, itself and git's own left out.

        Raises:
            CorruptBlob: the commit does not hold exactly the manifest's files and those.
        """
        there = self.sizes(version.repository, version.commit)
        listed = {entry.path: entry.size for entry in manifest.files}
        for path in sorted(there.keys() | listed.keys()):
            if path in listed and there.get(path) == listed[path]:
                continue
            if path not in UNLISTED or there[path] > (size_cap(path) or 0):
                raise CorruptBlob(
                    f"{path} of {version}, as {self._endpoint.address} has it, is not what its manifest lists", LYING
                )
        found = []
        for path in sorted(there.keys() & UNLISTED - {MANIFEST}):
            with self._scratch.folder() as folder:
                found.append(self.file(version.repository, version.commit, path, folder / "file"))
        return found
