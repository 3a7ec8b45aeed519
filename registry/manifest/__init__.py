"""manifest.json: what a version says of itself, and the digest that is the version's identity everywhere."""

from __future__ import annotations

from registry.manifest.completion import complete
from registry.manifest.derivation import Facts, derive
from registry.manifest.document import Manifest
from registry.manifest.schema import FileEntry

__all__ = ["Facts", "FileEntry", "Manifest", "complete", "derive"]
