"""``manifest.sig`` as anyone can read it without a key: which key says that it signed which files. Proves nothing.

The form is that of OpenSSF Model Signing 1.0 (https://github.com/ossf/model-signing-spec): a Sigstore bundle
(https://docs.sigstore.dev/about/bundle/) around a DSSE envelope around an in-toto statement that lists files and their
sha256. Only such lists by whole files are read, as ``model_signing sign`` makes them unless it is told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from registry.errors import SignatureInvalid
from registry.folder import SIGNATURE, UNSIGNED

SIGN_AGAIN = "Sign it again: `adapterhub publish --sign KEY`."
_SHA256 = r"^[0-9a-f]{64}$"


class _Key(Struct):
    hint: str | None = None


class _Material(Struct, rename="camel"):
    public_key: _Key | None = None


class _Envelope(Struct):
    payload: bytes


class _Outside(Struct, rename="camel"):
    verification_material: _Material
    dsse_envelope: _Envelope


class _Resource(Struct):
    name: str
    algorithm: Literal["sha256"]
    digest: Annotated[str, Meta(pattern=_SHA256)]


class _Serialization(Struct):
    method: Literal["files"]


class _Predicate(Struct):
    serialization: _Serialization
    resources: list[_Resource]


class _Statement(Struct, rename="camel"):
    predicate_type: Literal["https://model_signing/signature/v1.0"]
    predicate: _Predicate


@dataclass(frozen=True)
class Bundle:
    """What a signature claims.

    Attributes:
        hint: names the key, see `PublicKey.hint`; empty where it was not signed with a key of one's own.
        signed: path → hex sha256 of each file.
    """

    hint: str
    signed: Mapping[str, str]

    @classmethod
    def read(cls, data: bytes) -> Bundle:
        """Read the bytes of a ``manifest.sig``.

        Raises:
            SignatureInvalid: it is of another form, or names a file twice.
        """
        try:
            outside = msgspec.json.decode(data, type=_Outside)
            predicate = msgspec.json.decode(outside.dsse_envelope.payload, type=_Statement).predicate
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SignatureInvalid(f"{SIGNATURE} is no signature that can be read: {error}", SIGN_AGAIN) from error
        signed = {resource.name: resource.digest for resource in predicate.resources}
        if len(signed) != len(predicate.resources):
            raise SignatureInvalid(f"{SIGNATURE} names a file twice", SIGN_AGAIN)
        key = outside.verification_material.public_key
        return cls((key.hint if key else None) or "", signed)

    def check_covers(self, digests: Mapping[str, str]) -> None:
        """Make sure that it lists exactly these files (path → hex sha256), those apart that no signature covers.

        Raises:
            SignatureInvalid: the message names the first file that differs.
        """
        files = {path: digest for path, digest in digests.items() if path not in UNSIGNED}
        for path in sorted(files.keys() | self.signed.keys()):
            if path not in self.signed:
                raise SignatureInvalid(f"{path} is there, but {SIGNATURE} does not cover it", SIGN_AGAIN)
            if path not in files:
                raise SignatureInvalid(f"{path} was signed, but is not there", SIGN_AGAIN)
            if files[path] != self.signed[path]:
                raise SignatureInvalid(f"{path} is not the file that was signed", SIGN_AGAIN)
