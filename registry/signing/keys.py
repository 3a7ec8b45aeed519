"""Keys on the curve P-256 as PEM files: making a pair, and reading either half.

A private key is PKCS #8, encrypted where there is a passphrase; a public one is SubjectPublicKeyInfo (RFC 5280, 4.1).
A key's id is the sha256 of the latter's DER. Knows nothing of who trusts a key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import InvalidKey
from registry.signing.packages import needed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CURVE = "secp256r1"  # P-256, as SEC 2 names it
PUBLIC_SUFFIX = ".pub"
_PUBLIC = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\s(.*)-----END PUBLIC KEY-----\s*", re.DOTALL)
_PRIVATE = re.compile(rb"-----BEGIN (ENCRYPTED |EC )?PRIVATE KEY-----")


@dataclass(frozen=True)
class PublicKey:
    """The half that is given away, in one spelling: two are equal if they are the same key."""

    pem: str

    @classmethod
    def from_pem(cls, text: str) -> PublicKey:
        """Read a PEM text; its line breaks are put where RFC 7468 has them. Whether it is a point is not looked at.

        Raises:
            InvalidKey: it is no public key in PEM.
        """
        found = _PUBLIC.fullmatch(text)
        try:
            der = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
        except (binascii.Error, ValueError):
            der = b""
        if not der:
            raise InvalidKey("it is no public key in PEM", "Name the .pub file that `adapterhub key new` wrote.")
        encoded = base64.b64encode(der).decode()
        lines = [encoded[start : start + 64] for start in range(0, len(encoded), 64)]
        return cls("\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""]))

    @classmethod
    def read(cls, file: Path) -> PublicKey:
        """Read a file, and make sure that signatures can be checked with it.

        Raises:
            InvalidKey: there is none, or it holds anything else than a public key on P-256.
            MissingDependency: the packages of the extra ``signing`` are not installed.
        """
        data = _bytes_of(file)
        if _PRIVATE.search(data):
            raise InvalidKey(f"{file} holds a private key", f"Name the public one: {file}{PUBLIC_SUFFIX}.")
        try:
            key = cls.from_pem(data.decode("ascii", errors="replace"))
        except InvalidKey as error:
            raise InvalidKey(f"{file}: {error.message}", error.hint) from error
        with needed():
            from cryptography.exceptions import UnsupportedAlgorithm
            from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
            from cryptography.hazmat.primitives.serialization import load_pem_public_key
        try:
            loaded = load_pem_public_key(key.pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidKey(f"{file} holds no key that can be read: {error}", "Copy it again.") from error
        if not isinstance(loaded, EllipticCurvePublicKey) or loaded.curve.name != CURVE:
            raise InvalidKey(f"{file} is not a key on the curve P-256", "Make one: `adapterhub key new PATH`.")
        return key

    @property
    def key_id(self) -> str:
        """Hex sha256 of the key's DER."""
        return hashlib.sha256(base64.b64decode("".join(self.pem.split("\n")[1:-2]))).hexdigest()

    @property
    def hint(self) -> str:
        """How OpenSSF Model Signing names the key in a signature: hex sha256 of the PEM."""
        return hashlib.sha256(self.pem.encode()).hexdigest()


def new_key_pair(path: Path, passphrase: str | None = None) -> PublicKey:
    """Write a new private key to `path`, which only its owner can read, and the public one to ``<path>.pub``.

    Raises:
        InvalidKey: one of the two is there already; nothing was written.
        MissingDependency: the packages of the extra ``signing`` are not installed.
    """
    with needed():
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    for file in (path, public_path):
        if os.path.lexists(file):
            raise InvalidKey(f"{file} is there already", "Name another path: a key that is overwritten is lost.")
    key = ec.generate_private_key(ec.SECP256R1())
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    form = serialization.PrivateFormat.PKCS8
    _write_new(path, key.private_bytes(serialization.Encoding.PEM, form, encryption), 0o600)
    public = _public_half(key)
    _write_new(public_path, public.pem.encode(), 0o644)
    return public


def is_encrypted(private_key: Path) -> bool:
    """Whether a private key's file asks for a passphrase.

    Raises:
        InvalidKey: it is not there, or holds no private key.
    """
    data = _bytes_of(private_key)
    if not _PRIVATE.search(data):
        raise InvalidKey(f"{private_key} holds no private key in PEM", "Name the file that `adapterhub key new` wrote.")
    return b"ENCRYPTED" in data


def check_private_key(private_key: Path, passphrase: str | None) -> PublicKey:
    """The public half of a private key that can sign.

    Raises:
        InvalidKey: it is no private key on P-256, or `passphrase` does not open it.
        MissingDependency: the packages of the extra ``signing`` are not installed.
    """
    with needed():
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    encrypted = is_encrypted(private_key)
    if encrypted and not passphrase:
        raise InvalidKey(f"{private_key} needs its passphrase", "Set ADAPTERHUB_KEY_PASSPHRASE to it.")
    try:
        key = load_pem_private_key(_bytes_of(private_key), passphrase.encode() if encrypted and passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "Is the passphrase right?" if encrypted else "Is it a PEM file, and whole?"
        raise InvalidKey(f"{private_key} cannot be opened", hint) from error
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name != CURVE:
        raise InvalidKey(f"{private_key} is not a key on the curve P-256", "Make one: `adapterhub key new PATH`.")
    return _public_half(key)


def _public_half(key: EllipticCurvePrivateKey) -> PublicKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return PublicKey(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidKey(f"{file} cannot be read: {error.strerror}", "Name the file of a key.") from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that must not exist, with its permissions from the first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(data)
