"""Admission on the server: when a tag is a version's, and how the files of its commit are judged.

The files are copied out of the store and judged before any transaction begins, since that may take seconds; what else
must hold is looked at again in the transaction that records the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from registry.admit import admit, check_listing
from registry.errors import (
    AdmissionRefused,
    CorruptBlob,
    ManifestError,
    RefExists,
    RevisionNotFound,
    SignatureError,
    VersionConflict,
)
from registry.folder import CONFIG, MANIFEST, SIGNATURE
from registry.index import Content
from registry.index.repositories import Repository
from registry.index.rows import MODEL
from registry.index.trees import TreeEntry
from registry.manifest import FileEntry
from registry.protocol import Version
from registry.selector import check_version, is_version
from registry.server import files
from registry.server.services import Services


def is_for_admission(hub: Services, repository: Repository, tag: str, commit: str) -> bool:
    """Whether that tag on that commit makes a version, or is refused; all other tags are plain."""
    return repository.kind == MODEL and is_version(tag) and CONFIG in hub.history.tree(commit)


def admit_commit(hub: Services, repository: Repository, number: str, commit: str, author: str) -> Version:
    """Judge a commit's files, and make it the version `number`. A refusal is in the audit log.

    Raises:
        InvalidReference: the number has build metadata.
        RefExists: there is a tag of that name, for this commit or as no version's.
        AdmissionRefused, ManifestError, VersionConflict: the commit cannot become that version.
        SignatureError: nor can it, for want of a signature that its namespace takes.
        CorruptBlob: a file of it is damaged in the store.
    """
    check_version(number)
    _refuse_tagged(hub, repository, number, commit)
    try:
        content = _judge(hub, hub.history.tree(commit))
        _check_signature(hub, repository, content)
        return hub.versions.admit(repository.name, number, commit, content, author)
    except (AdmissionRefused, ManifestError, SignatureError, VersionConflict) as error:
        hub.log.add("publish-refused", repository.name, number, error.message, author)
        raise


def _refuse_tagged(hub: Services, repository: Repository, number: str, commit: str) -> None:
    """Spare the work where the answer is known."""
    try:
        known = hub.refs.tag(repository, number)
    except RevisionNotFound:
        return
    if known.version is None or known.commit == commit:
        raise RefExists(f"Reference refs/tags/{number} already exists", "Compare the digest of that version.")


def _judge(hub: Services, tree: Mapping[str, TreeEntry]) -> Content:
    check_listing({entry.path: entry.size for entry in tree.values()})
    with hub.scratch.folder() as folder:
        files = {path: _fetch(hub, entry, folder / path) for path, entry in tree.items()}
        admission = admit(files)
    entries = [FileEntry(path=entry.path, size=entry.size, sha256=entry.sha256) for entry in tree.values()]
    return Content(admission.manifest, admission.derived, entries)


def _check_signature(hub: Services, repository: Repository, content: Content) -> None:
    """Look at the manifest as it will be pulled: in its canonical form."""
    digests = {entry.path: entry.sha256 for entry in content.tree}
    digests[MANIFEST] = content.manifest.digest.removeprefix("sha256:")
    signature = next((entry for entry in content.tree if entry.path == SIGNATURE), None)
    data = files.load(hub, TreeEntry(SIGNATURE, signature.size, signature.sha256)) if signature else None
    hub.keys.trust(repository.namespace).check(data, digests)


def _fetch(hub: Services, entry: TreeEntry, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not hub.store.copy(entry.sha256, entry.size, target):
        raise CorruptBlob(f"{entry.path} is damaged in the server's store", "Upload the file again, then tag again.")
    return target
