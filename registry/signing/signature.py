"""Signing a version's folder, and finding out which of the trusted keys signed it. A key's private half stays a file.

The subject of a signature is named by the version's digest, which is for people to read: verifying looks at files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from registry.errors import SignatureInvalid, SignatureMissing
from registry.folder import MANIFEST, SIGNATURE, UNSIGNED, survey
from registry.manifest import Manifest
from registry.manifest.completion import sha256_of
from registry.signing.bundle import SIGN_AGAIN, Bundle
from registry.signing.keys import PublicKey, check_private_key
from registry.signing.packages import needed
from registry.signing.trusted import TrustedKey


def sign(folder: Path, private_key: Path, passphrase: str | None = None) -> PublicKey:
    """Write ``manifest.sig`` to an adapter folder, over every file of it that a version may hold.

    What is published must be exactly this, so its ``manifest.json`` has to be complete and canonical: see `seal`.

    Returns:
        The public half of the key.

    Raises:
        ManifestError: the folder has no manifest.json, or it is not valid.
        AdmissionRefused: the folder is no adapter's.
        InvalidKey: the key is none that can sign, or `passphrase` does not open it.
        MissingDependency: the packages of the extra ``signing`` are not installed.
    """
    public = check_private_key(private_key, passphrase)
    manifest = Manifest.read(folder)
    digests = {place: sha256_of(path) for place, path in survey(folder).files.items() if place not in UNSIGNED}
    with needed():
        from registry.signing.openssf import sign_digests
    (folder / SIGNATURE).write_bytes(sign_digests(manifest.digest, digests, private_key, passphrase))
    return public


def verify(files: Path | Mapping[str, Path], keys: Sequence[TrustedKey], at: datetime | None = None) -> TrustedKey:
    """The key that signed exactly these files.

    Args:
        files: a version's folder, or path in the version → where its bytes are; with manifest.json and manifest.sig.
        keys: those that may have signed it.
        at: when the version was published; now where it was not yet.

    Raises:
        SignatureMissing: there is no manifest.sig.
        SignatureInvalid: none of the keys signed them, or one that was retired by then; a file that differs is named.
        MissingDependency: the packages of the extra ``signing`` are not installed.
    """
    found = _in_folder(files) if isinstance(files, Path) else files
    if SIGNATURE not in found:
        raise SignatureMissing(f"there is no {SIGNATURE}", SIGN_AGAIN)
    digests = {place: sha256_of(path) for place, path in found.items() if place not in UNSIGNED}
    return verify_digests(found[SIGNATURE].read_bytes(), digests, keys, at)


def verify_digests(
    signature: bytes, digests: Mapping[str, str], keys: Sequence[TrustedKey], at: datetime | None = None
) -> TrustedKey:
    """The same, where the sha256 of each file is known (path → hex); `MANIFEST` is one of them.

    Raises:
        SignatureInvalid, MissingDependency: as for `verify`.
    """
    bundle = Bundle.read(signature)
    key = next((one for one in keys if one.public.hint == bundle.hint), None)
    if key is None:
        named = ", ".join(f"{one.name} ({one.key_id[:12]}…)" for one in keys) or "none"
        raise SignatureInvalid(
            f"{SIGNATURE} is by an unknown key, none of those that are trusted here: {named}",
            "If you trust whoever signed it: `adapterhub key trust NAMESPACE PUB`.",
        )
    files = {place: sha256 for place, sha256 in digests.items() if place not in UNSIGNED}
    bundle.check_covers(files)  # names the file, which the package's own check does not
    if MANIFEST not in files:
        raise SignatureInvalid(f"{MANIFEST} is not among what was signed", SIGN_AGAIN)
    with needed():
        from registry.signing.openssf import check
    check(signature, files, key.public)
    if not key.signs_at(at or datetime.now(UTC)):
        raise SignatureInvalid(
            f"{SIGNATURE} is by the key {key.name} ({key.key_id[:12]}…), which was retired on {key.retired:%Y-%m-%d}",
            "Sign it with a key that is in use: `adapterhub publish --sign KEY`.",
        )
    return key


def _in_folder(folder: Path) -> dict[str, Path]:
    """Every file of a folder, whether a version may hold it or not.

    Raises:
        SignatureInvalid: one of them is a link.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise SignatureInvalid(f"{place} is a link, which no signature covers", "Pull the version again.")
        if path.is_file():
            found[place] = path
    return found
