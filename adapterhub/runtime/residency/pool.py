"""Which versions are in memory: host memory first, then a slot on the device; both bounded, both by digest.

Where the device computes in host memory, taking a slot copies nothing. A version is loaded once however many ask, by
the loader's threads, never in one that computes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from adapterhub.errors import EngineClosed
from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.residency.entry import Entry, Wearable
from adapterhub.runtime.residency.loader import Loader
from adapterhub.runtime.residency.status import Tier
from adapterhub.runtime.residency.tiers import Budget, Tiers
from registry import Version

TRIM_BYTES = 8 << 20  # so much has to be unloaded for the allocator to be trimmed


class AdapterPool:
    """The adapters that are in memory. Safe to use from threads.

    Attributes:
        budget: what it may hold.
        changed: notified when a slot was filled or freed; guards everything here.
    """

    def __init__(
        self,
        fetch: Callable[[Version], Path],
        read: Callable[[Path], Adapter],
        budget: Budget,
        device: torch.device,
        loaders: int = 2,
    ) -> None:
        """Hold nothing yet.

        Args:
            fetch: brings a version's verified folder to this machine's disk.
            read: reads and checks a folder into one block of host memory; raises if it does not fit.
            device: where the slots are.
            loaders: how many versions are loaded at a time.
        """
        self.budget = budget
        self.changed = threading.Condition()
        self._device = device
        self._tiers = Tiers(budget)
        self._loader = Loader(fetch, read, device, self._tiers, self.changed, loaders)
        self._closed = False

    def claim(self, version: Version) -> Entry:
        """Count on `version` from now on, beginning to load it if it is not here; pair it with `unclaim`.

        Its ``host`` gives the adapter, or raises what the registry or the check against the backbone raised.

        Raises:
            EngineClosed: it was closed.
        """
        with self.changed:
            entry, fresh = self._claimed(version)
            if fresh:
                self._loader.load(entry)
            return entry

    def claim_made(self, version: Wearable, make: Callable[[], Adapter]) -> Entry:
        """As `claim`, but made here and now by `make` if it is not in memory.

        Raises: what `make` raises.
        """
        with self.changed:
            entry, fresh = self._claimed(version)
        try:
            if fresh:
                self._loader.settle(entry, make)
            entry.host.result()
        except BaseException:
            self.unclaim(entry)
            raise
        return entry

    def unclaim(self, entry: Entry) -> None:
        """Count on it no more."""
        with self.changed:
            entry.claims -= 1
            self._drop_if_doomed(entry)
            if entry.idle:
                self._tiers.shrink()

    @contextmanager
    def holding(self, version: Version) -> Iterator[Entry]:
        """`version` in host memory, counted on until the block ends; waits for its load.

        Raises: as `claim`.
        """
        entry = self.claim(version)
        try:
            entry.host.result()
            yield entry
        finally:
            self.unclaim(entry)

    @contextmanager
    def wearing(self, version: Version) -> Iterator[Adapter]:
        """The adapter of `version` in its slot, for steps that are run by hand; waits for a slot.

        Raises: as `claim` and `lease`.
        """
        with self.holding(version) as entry:
            if (adapter := self.lease_soon(entry)) is None:
                raise EngineClosed()
            try:
                yield adapter
            finally:
                self.unlease(entry)

    def lease_soon(self, entry: Entry, seconds: float | None = None) -> Adapter | None:
        """As `lease`, but waits for a slot, and for what fills it; None if there is none within so many `seconds`.

        Raises:
            EngineClosed: it was closed meanwhile.
        """
        until = None if seconds is None else time.monotonic() + seconds
        with self.changed:
            while (adapter := self.lease(entry)) is None:
                if self._closed:
                    raise EngineClosed()
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self.changed.wait(left)
            return adapter

    def lease(self, entry: Entry) -> Adapter | None:
        """The adapter of a loaded `entry` in its slot, which is kept until `unlease`; None if it has none yet.

        Never waits: a slot that has to be filled by copying is filled by a loader, and `changed` tells when.

        Raises:
            RuntimeError: the device has no memory for it.
        """
        with self.changed:
            if entry.slot is None and (slot := self._tiers.open_slot(entry)) is not None:
                adapter = entry.host.result()
                if adapter.block is None or adapter.block.device == self._device:
                    slot.set_result(adapter)
                else:
                    self._loader.place(slot, adapter)
            if entry.slot is None or not entry.placed:
                return None
            filled = entry.slot
            if filled.exception() is not None:
                self._tiers.close_slot(entry)  # the next try is a new one
            placed = filled.result()
            self._tiers.use_slot(entry)
            entry.leases += 1
            return placed

    def unlease(self, entry: Entry) -> None:
        """Let its slot go as far as this lease is concerned."""
        with self.changed:
            entry.leases -= 1
            self._drop_if_doomed(entry)
            self.changed.notify_all()

    def pin(self, digest: str, pinned: bool = True) -> None:
        """Let the version of `digest` give way to no other one, or again; nothing happens if it is not here.

        Raises:
            RequestError: every slot but one is pinned already, or half of the device's bytes, so that what else is
                asked for might find no place.
        """
        with self.changed:
            entry = self._tiers.find(digest)
            if entry is None:
                return
            if pinned:
                self._tiers.pin(entry)
            else:
                self._tiers.unpin(entry)
            self.changed.notify_all()

    def discard(self, digest: str) -> None:
        """Give the version of `digest` up: now if nobody counts on it, else as soon as the last one is done."""
        with self.changed:
            entry = self._tiers.find(digest)
            if entry is not None:
                entry.doomed = True
                self._tiers.unpin(entry)
                self._drop_if_doomed(entry)
                self.changed.notify_all()

    def in_use(self, digest: str) -> bool:
        """Whether a request counts on the version of `digest`, or it is pinned."""
        with self.changed:
            entry = self._tiers.find(digest)
            return entry is not None and (entry.pinned or not entry.idle)

    def vacate(self, digest: str) -> bool:
        """Give back the slot of `digest` if no request counts on it; whether it has none now.

        Its host memory is the first to be given up from now on; until then, going back to it reads nothing.
        """
        with self.changed:
            entry = self._tiers.find(digest)
            if entry is None or not entry.idle or not entry.host.done():
                return entry is None
            self._tiers.retire(entry)
            self.changed.notify_all()
            return True

    def entries(self) -> list[Entry]:
        """What is in memory or on its way there, the least recently asked for first."""
        with self.changed:
            return self._tiers.entries()

    def tiers(self) -> dict[str, Tier]:
        """How full host memory and the device are."""
        with self.changed:
            return self._tiers.usage()

    def close(self) -> None:
        """Begin no further loads, and wait for those that are running; who waits for one that was not begun is told."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self._loader.close()
        with self.changed:
            for entry in self._tiers.entries():
                if not entry.host.done():
                    entry.host.set_exception(EngineClosed())

    def _claimed(self, version: Wearable) -> tuple[Entry, bool]:
        if self._closed:
            raise EngineClosed()
        entry, fresh = self._tiers.ask(version)
        entry.doomed = False  # the digest says that what is here is what is asked for
        entry.ask_as(version)
        entry.claims += 1
        return entry, fresh

    def _drop_if_doomed(self, entry: Entry) -> None:
        if self._tiers.forget_if_doomed(entry) and self._tiers.freed(TRIM_BYTES) and not self._closed:
            self._loader.trim()
