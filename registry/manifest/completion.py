"""From a document without files to the manifest in its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.folder import MANIFEST, UNLISTED, survey
from registry.manifest.document import Manifest


def complete(folder: Path, document: Mapping[str, Any]) -> Manifest:
    """List the folder's files in `document`, check it, and write it to the folder as ``manifest.json``.

    Files that no version may hold are not listed; a publish leaves them out.

    Raises:
        ManifestError: the document is not valid.
        AdmissionRefused: the folder is no adapter's.
    """
    files = {place: path for place, path in survey(folder).files.items() if place not in UNLISTED}
    manifest = Manifest.from_document({**document, "files": list_files(files)})
    (folder / MANIFEST).write_bytes(manifest.canonical())
    return manifest


def list_files(files: Mapping[str, Path]) -> list[dict[str, Any]]:
    """The manifest's ``files``, in the order of their paths, without those that it does not list."""
    return [
        {"path": place, "size": path.stat().st_size, "sha256": sha256_of(path)}
        for place, path in sorted(files.items())
        if place not in UNLISTED
    ]


def sha256_of(file: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
