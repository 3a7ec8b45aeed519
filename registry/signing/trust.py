"""Whom a machine trusts to sign, by namespace: the policy, and the file ``trust.json`` that keeps it.

    {"namespaces": {"acme": {"required": true, "keys": [{"key_id": …, "public_pem": …, "name": …, "added": …}]}}}

A namespace is the owner in ``owner/name``. One that is not in the file takes everything. A key that is not known is an
error: a misspelt ``required`` must not mean that nothing is. Knows no registry; a server may keep `Trust` elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from registry.errors import InvalidKey, SignatureMissing, TrustError
from registry.folder import SIGNATURE
from registry.selector import check_namespace
from registry.signing.bundle import SIGN_AGAIN, Bundle
from registry.signing.keys import PublicKey
from registry.signing.signature import verify_digests
from registry.signing.trusted import TrustedKey

TRUST_FILE = "trust.json"


class Trust(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom one namespace trusts, and whether it takes unsigned versions."""

    required: bool = False
    keys: tuple[TrustedKey, ...] = ()

    def check(self, signature: bytes | None, digests: Mapping[str, str], at: datetime | None = None) -> None:
        """Judge a version. A signature that is there must cover its files, whatever is required.

        Args:
            signature: the bytes of its manifest.sig, if it has one.
            digests: path → hex sha256 of its files, manifest.json included.
            at: when it was published; now where it was not yet.

        Raises:
            SignatureMissing: it must have one.
            SignatureInvalid: it is over other files, or not by a key that was in use then.
            MissingDependency: the packages of the extra ``signing`` are not installed.
        """
        if signature is None:
            if self.required:
                raise SignatureMissing(f"there is no {SIGNATURE}, and its namespace requires one", SIGN_AGAIN)
        elif self.keys or self.required:
            verify_digests(signature, digests, self.keys, at)
        else:
            Bundle.read(signature).check_covers(digests)


class TrustStore(Struct, frozen=True, forbid_unknown_fields=True):
    """`Trust` by namespace, in lower case: ids that differ in case only are the same."""

    namespaces: dict[str, Trust] = {}

    def __post_init__(self) -> None:
        for name in self.namespaces:
            if name != name.lower():
                raise ValueError(f"the namespace {name} is to be written in lower case")

    @classmethod
    def read(cls, file: Path) -> TrustStore:
        """What a file says; where there is none, nobody is trusted and nothing required.

        Raises:
            TrustError: it is not valid; the message names the place.
        """
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except FileNotFoundError:
            return cls()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
            raise TrustError(f"{file}: {error}", "Correct it; until then every version is refused.") from error

    def write(self, file: Path) -> None:
        """Put this in the place of what the file says."""
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
        os.replace(fresh, file)

    def of(self, repository: str) -> Trust:
        """What holds for a repository."""
        return self.namespaces.get(repository.partition("/")[0].lower(), Trust())

    def trusting(self, namespace: str, key: PublicKey, name: str, required: bool | None = None) -> TrustStore:
        """This, with one more key; one that is trusted already stays as it is.

        Args:
            required: None leaves it as it is.

        Raises:
            InvalidReference: `namespace` cannot be one.
            InvalidKey: the key was retired.
        """
        check_namespace(namespace)
        trust = self.of(namespace)
        known = next((one for one in trust.keys if one.key_id == key.key_id), None)
        if known and known.retired:
            raise InvalidKey(f"{key.key_id} was retired for {namespace}", "A retired key stays so: make a new one.")
        if not known:
            fresh = TrustedKey(key.key_id, key.pem, name, datetime.now(UTC).replace(microsecond=0))
            trust = replace(trust, keys=(*trust.keys, fresh))
        if required is not None:
            trust = replace(trust, required=required)
        return self._with(namespace, trust)

    def retiring(self, namespace: str, key_id: str) -> TrustStore:
        """This, with a key that signs nothing new from now on; one that was retired before stays so.

        Raises:
            InvalidKey: the namespace trusts no key of that id.
        """
        trust = self.of(namespace)
        if key_id not in (one.key_id for one in trust.keys):
            known = ", ".join(one.key_id for one in trust.keys) or "none"
            raise InvalidKey(f"{namespace} trusts no key {key_id}", f"Its keys: {known}.")
        now = datetime.now(UTC)
        keys = (replace(one, retired=one.retired or now) if one.key_id == key_id else one for one in trust.keys)
        return self._with(namespace, replace(trust, keys=tuple(keys)))

    def _with(self, namespace: str, trust: Trust) -> TrustStore:
        return TrustStore({**self.namespaces, namespace.lower(): trust})
