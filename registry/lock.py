"""``adapters.lock``: which content references meant when they were locked, so that every machine pulls the same.

JSON, sorted, the same bytes for the same content. A folder is not named in it, since it lies elsewhere on the next
machine; a Hub's address is, and whoever pulls has to name the same one: a file does not choose whom to talk to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from registry.errors import InvalidReference, LockError, VersionNotFound
from registry.opening import HUB, is_hub
from registry.protocol import Registry, Version
from registry.selector import check_repository, check_version, parse_reference

LOCK_FILE = "adapters.lock"
FORMAT = 1
FOLDER = "folder"


class Locked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reference means for good.

    Attributes:
        registry: the Hub's address, or ``folder``.
    """

    repository: str
    version: str
    digest: Annotated[str, msgspec.Meta(pattern="^sha256:[0-9a-f]{64}\\Z")]
    commit: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}\\Z")]
    registry: str

    def __post_init__(self) -> None:
        try:
            check_repository(self.repository)
            check_version(self.version)
        except InvalidReference as error:
            raise ValueError(error.message) from error

    def value(self) -> Version:
        """The version, as registries take it."""
        return Version(self.repository, self.version, self.digest, self.commit)


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    adapters: dict[str, Locked]


@dataclass(frozen=True)
class Lock:
    """References and what they mean; changing it makes another one."""

    adapters: Mapping[str, Locked] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path, *, missing_ok: bool = False) -> Lock:
        """Read a lock file.

        Raises:
            LockError: it is not there, or not valid.
        """
        try:
            document = msgspec.json.decode(file.read_bytes(), type=_Document)
            if document.format != FORMAT:
                raise msgspec.ValidationError(f"format {document.format}, of which this version knows {FORMAT}")
            for reference in document.adapters:
                parse_reference(reference)
        except FileNotFoundError as error:
            if missing_ok:
                return cls()
            raise LockError(f"{file} is not there", "Write it: adapterhub lock REFERENCE...") from error
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidReference) as error:
            raise LockError(f"{file} is not valid: {error}", "Restore it, or delete it and lock again.") from error
        return cls(document.adapters)

    def write(self, file: Path) -> None:
        """Write it, whole or not at all."""
        document = _Document(FORMAT, dict(self.adapters))
        encoded = msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2)
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        aside.write_bytes(encoded + b"\n")
        os.replace(aside, file)

    def locked(self, reference: str, registry: Registry, address: str) -> Lock:
        """A lock in which `reference` means what it means now.

        Raises:
            RegistryError: it does not resolve.
        """
        found = registry.resolve(reference)
        entry = Locked(found.repository, found.version, found.digest, found.commit, address)
        return Lock({**self.adapters, reference: entry})

    def pull(self, reference: str, registry: Registry, address: str) -> tuple[Version, Path]:
        """Pull exactly what `reference` was locked to.

        Raises:
            LockError: it is not locked, or to what another registry had, or the registry has other content now.
            RegistryError: it cannot be pulled, or was revoked.
        """
        entry = self.adapters.get(reference)
        if entry is None:
            raise LockError(f"{reference} is not locked", f"Lock it: adapterhub lock {reference}")
        if entry.registry != address:
            raise LockError(
                f"{reference} is locked to the registry {entry.registry}, not {address}",
                f"Name it with --registry {entry.registry}, or lock again."
                if entry.registry != FOLDER
                else "Lock again.",
            )
        try:
            return entry.value(), registry.pull(entry.value())
        except VersionNotFound as error:
            raise LockError(
                f"{address} has no {entry.value()} of the locked digest {entry.digest[:19]}…: {error.message}",
                "Find out why it changed before you lock again.",
            ) from error


def address_of(location: str) -> str:
    """How a lock names the registry at a location: ``hf`` by its address too, since HF_ENDPOINT may change."""
    if not is_hub(location):
        return FOLDER
    from registry.remote import Endpoint  # only who talks to a Hub needs huggingface_hub

    return Endpoint(None if location == HUB else location).address
