"""The package ``model-signing``, which makes signatures and checks them; the one module that imports it.

It is told which files there are by their digests, which the registry knows already: nothing is hashed twice, blobs of
a store need no folder, and what a signature says of paths to be ignored is not obeyed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.exceptions import InvalidSignature
from model_signing import hashing, manifest, signing, verifying
from model_signing._hashing.hashing import Digest  # of its manifests' items; it has no public name

from registry.errors import SignatureInvalid
from registry.folder import SIGNATURE, UNSIGNED
from registry.signing.keys import PublicKey


class _Known(hashing.Config):
    """A hashing configuration that does not read: the files are those of `digests`, none of them ignored."""

    def __init__(self, name: str, digests: Mapping[str, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # annotated but for what it returns
        form = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": sorted(UNSIGNED)}
        items = [
            manifest.FileManifestItem(path=PurePosixPath(path), digest=Digest("sha256", bytes.fromhex(sha256)))
            for path, sha256 in digests.items()
        ]
        self._known = manifest.Manifest(name, items, manifest.SerializationType.from_args(form))

    def hash(self, model_path: Any, *, files_to_hash: Iterable[Any] | None = None) -> manifest.Manifest:
        """What is known."""
        return self._known


def sign_digests(name: str, digests: Mapping[str, str], private_key: Path, passphrase: str | None) -> bytes:
    """A signature over files (path → hex sha256) by a key that can be opened; `name` is only informative."""
    password: Any = passphrase.encode() if passphrase else None  # annotated as str, and handed on to what takes bytes
    config = signing.Config().use_elliptic_key_signer(private_key=private_key, password=password)
    with TemporaryDirectory() as scratch:
        target = Path(scratch, SIGNATURE)
        config.set_hashing_config(_Known(name, digests)).sign(scratch, target)
        return target.read_bytes()


def check(signature: bytes, digests: Mapping[str, str], key: PublicKey) -> None:
    """Make sure that `key` signed exactly these files (path → hex sha256).

    Raises:
        SignatureInvalid: it did not.
    """
    with TemporaryDirectory() as scratch:
        file, public = Path(scratch, SIGNATURE), Path(scratch, "key.pub")
        file.write_bytes(signature)
        public.write_text(key.pem, encoding="ascii")
        config = verifying.Config().use_elliptic_key_verifier(public_key=public)
        try:
            config.set_hashing_config(_Known("", digests)).verify(scratch, file)
        except (InvalidSignature, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            # all but the first: it reads the file without checking its form
            raise SignatureInvalid(
                f"{SIGNATURE} was not made by the key {key.key_id} that it names, or was changed since",
                "Get the version anew from whoever publishes it, and tell them.",
            ) from error
