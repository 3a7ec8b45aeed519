"""From an adapter folder to a signed copy of exactly what a publish of it will store."""

from __future__ import annotations

from pathlib import Path

from registry.admit import admit
from registry.folder import MANIFEST
from registry.gather import gather
from registry.manifest import Facts
from registry.signing.keys import PublicKey
from registry.signing.signature import sign


def seal(
    folder: Path, target: Path, facts: Facts | None = None, *, private_key: Path, passphrase: str | None = None
) -> PublicKey:
    """Gather what can be published from `folder` in `target`, complete its manifest, and sign that.

    Publish `target` without facts: they are in its ``manifest.json`` now, which a signature needs as a file.

    Args:
        folder: an adapter folder, or a run folder that holds ``adapter/``. A signature in it is left out.
        target: an empty folder.

    Returns:
        The public half of the key.

    Raises:
        AdmissionRefused, ManifestError: the content cannot become a version.
        InvalidKey, MissingDependency: as for `sign`.
    """
    facts = facts or Facts()
    files = gather(folder, target, facts, signed=False)
    (target / MANIFEST).write_bytes(admit(files, facts).manifest.canonical())
    return sign(target, private_key, passphrase)
