"""What the stages of a swap (``registry.swap``) do to the pool: load, verify, and afterwards drain and release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.residency.pool import AdapterPool
from registry import Registry, Version

SLOT_SECONDS = 1.0  # then the first row gets it one: rows that wait in the queue are not to hold a swap up


class Swapper:
    """The hooks of the engine's follower. Called by its threads, never by one that computes."""

    def __init__(self, registry: Registry, read: Callable[[Path], Adapter], pool: AdapterPool) -> None:
        self._registry, self._read, self._pool = registry, read, pool
        self._folders: dict[str, Path] = {}

    def load(self, version: Version) -> None:
        """Bring the version's verified folder to this machine's disk.

        Raises:
            RegistryError: it cannot be had.
        """
        self._folders[version.digest] = self._registry.pull(version)

    def verify(self, version: Version) -> None:
        """Hold it against the backbone, and give it a slot if there is one within `SLOT_SECONDS`.

        Raises:
            AdapterError: it does not fit.
            RuntimeError: the device has no memory for it.
        """
        folder = self._folders.pop(version.digest)
        entry = self._pool.claim_made(version, lambda: self._read(folder))
        try:
            if self._pool.lease_soon(entry, SLOT_SECONDS) is not None:
                self._pool.unlease(entry)
        except RuntimeError:
            self._pool.discard(version.digest)
            raise
        finally:
            self._pool.unclaim(entry)

    def in_use(self, version: Version) -> bool:
        """Whether a request counts on it, or an operator pinned it."""
        return self._pool.in_use(version.digest)

    def release(self, version: Version) -> bool:
        """Give its place up as soon as no request counts on it; whether that is so now."""
        return self._pool.vacate(version.digest)
