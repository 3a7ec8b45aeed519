"""What one Hub answered last, on disk: so that names can be resolved without it, and what it changes is noticed.

One JSON file a repository, written aside and renamed into place, changed by one process at a time. A version that was
known to be revoked stays so, whatever is answered later, and a number whose content is not what it was is refused: a
Hub may be taken over, or move a tag that should not move. Manifests are files of their own, named by their digest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import msgspec
from filelock import FileLock

from registry.errors import CorruptBlob, ManifestError, RegistryUnavailable, RevokedVersion
from registry.manifest import FileEntry, Manifest
from registry.protocol import Version
from registry.resolve import usable
from registry.selector import Kind, Reference
from registry.store import Scratch


class Kept(msgspec.Struct):
    """What a version that was pulled has besides what its manifest says: files that it does not list, and its age."""

    unlisted: list[FileEntry]
    published: datetime


class Record(msgspec.Struct):
    """What is known of a repository.

    Attributes:
        versions: by number.
        references: selector → the number that it meant last, or why it was refused then.
        kept: by number; of those that were pulled.
        plain: commits with a version's tag that were looked at, and hold no version.
    """

    versions: dict[str, Version] = {}
    references: dict[str, str | tuple[str, str]] = {}
    kept: dict[str, Kept] = {}
    plain: set[str] = set()


class Memory:
    """What the Hub at `address` answered, in the folder `root`. Safe to use from threads and processes."""

    def __init__(self, root: Path, address: str, scratch: Scratch) -> None:
        self._folder = root / "known" / hashlib.sha256(address.encode()).hexdigest()[:16]
        self._manifests = root / "manifests"
        self._address = address
        self._scratch = scratch

    def record(self, repository: str) -> Record:
        """All that is known of a repository; nothing, if its file cannot be read."""
        try:
            return msgspec.json.decode(self._file(repository).read_bytes(), type=Record)
        except (FileNotFoundError, msgspec.MsgspecError, ValueError):
            return Record()

    def learn(self, versions: Iterable[Version]) -> list[Version]:
        """Note versions of one repository, and return them with what was known before: revoked ones stay revoked.

        Raises:
            CorruptBlob: one has other content than it had; nothing is noted.
        """
        told = list(versions)
        if not told:
            return told

        def note(record: Record) -> None:
            for index, version in enumerate(told):
                known = record.versions.get(version.version)
                if known is not None and known.digest != version.digest:
                    raise CorruptBlob(
                        f"{version} is {version.digest[:19]}… at {self._address} now, and was {known.digest[:19]}…",
                        f"A version never changes. If the Hub was set up anew, delete {self._file(version.repository)}",
                    )
                if known is not None and known.status == "revoked":
                    told[index] = known
                record.versions[version.version] = told[index]

        self._change(told[0].repository, note)
        return told

    def resolved(self, reference: Reference, version: Version) -> None:
        """Note what a reference means now; `version` is known by `learn`."""

        def note(record: Record) -> None:
            record.references[str(reference.selector)] = version.version
            record.versions[version.version] = version  # here too, if the repository's id is another one now

        self._change(reference.repository, note)

    def refused(self, reference: Reference, error: RevokedVersion) -> None:
        """Note that what a reference means was revoked."""

        def note(record: Record) -> None:
            record.references[str(reference.selector)] = (error.message, error.hint)

        self._change(reference.repository, note)

    def answer(self, reference: Reference) -> Version:
        """What a reference meant when the Hub was last asked.

        Raises:
            RevokedVersion: it was revoked by then, or is known to be by now.
            RegistryUnavailable: it was never asked.
        """
        record = self.record(reference.repository)
        known = record.references.get(str(reference.selector))
        if isinstance(known, tuple):
            raise RevokedVersion(*known)
        number = known or (reference.selector.text if reference.selector.kind is Kind.EXACT else "")
        found = record.versions.get(number)
        if reference.selector.kind is Kind.DIGEST:
            same = [one for one in record.versions.values() if one.digest == reference.selector.text]
            found = next((one for one in same if one.status == "revoked"), found or next(iter(same), None))
        if found is None:
            raise RegistryUnavailable(
                f"{reference} was never resolved here, and {self._address} cannot be asked",
                "Connect to the network once, or use what was pulled before.",
            )
        return usable(found)

    def check_not_revoked(self, version: Version) -> None:
        """Refuse content that is known to be revoked, whatever number it has.

        Raises:
            RevokedVersion: it is.
        """
        for known in self.record(version.repository).versions.values():
            if known.digest == version.digest:
                usable(known)

    def note_plain(self, repository: str, commit: str) -> None:
        """Note that a commit holds no version."""
        self._change(repository, lambda record: record.plain.add(commit))

    def note_kept(self, version: Version, kept: Kept) -> None:
        """Note what a version has besides its manifest."""

        def note(record: Record) -> None:
            record.kept[version.version] = kept

        self._change(version.repository, note)

    def manifest(self, digest: str) -> Manifest | None:
        """A manifest that was kept, if it is still what its name says."""
        try:
            found = Manifest.from_bytes(self._manifest_file(digest).read_bytes())
        except (FileNotFoundError, ManifestError):
            return None
        return found if found.digest == digest else None

    def keep(self, manifest: Manifest) -> None:
        """Keep a manifest."""
        self._write(self._manifest_file(manifest.digest), manifest.canonical())

    def _change(self, repository: str, note: Callable[[Record], None]) -> None:
        file = self._file(repository)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_suffix(".lock")):
                record = self.record(repository)
                before = msgspec.json.encode(record, order="sorted")
                note(record)
                after = msgspec.json.encode(record, order="sorted")
                if after != before:
                    self._write(file, after)
        except OSError as error:
            raise RegistryUnavailable(f"the cache cannot be written: {error}", "Free space, or move it.") from error

    def _write(self, file: Path, data: bytes) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._scratch.folder() as folder:
            aside = folder / file.name
            aside.write_bytes(data)
            os.replace(aside, file)

    def _file(self, repository: str) -> Path:
        return self._folder / (quote(repository.lower(), safe="") + ".json")

    def _manifest_file(self, digest: str) -> Path:
        return self._manifests / f"{digest.removeprefix('sha256:')}.json"
