"""The threads that bring versions into host memory, and from there to the device.

Knows one entry at a time, and that everything about it changes under the pool's lock. Knows nothing of who asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import torch

from adapterhub.errors import RequestError
from adapterhub.runtime.adapters import memory
from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.residency.entry import Entry
from adapterhub.runtime.residency.tiers import Tiers
from registry import Version
from registry.errors import RevokedVersion


class Loader:
    """Loads and copies for one pool, until `close`."""

    def __init__(
        self,
        fetch: Callable[[Version], Path],
        read: Callable[[Path], Adapter],
        device: torch.device,
        tiers: Tiers,
        changed: threading.Condition,
        loaders: int,
    ) -> None:
        """Load nothing yet.

        Args:
            fetch, read, device, loaders: as for `AdapterPool`.
            tiers: where what arrives is counted.
            changed: the pool's lock, notified when a slot was filled.
        """
        self._fetch, self._read, self._device = fetch, read, device
        self._tiers, self._changed = tiers, changed
        self._loaders = ThreadPoolExecutor(loaders, thread_name_prefix="adapter-loader")
        self._copier = ThreadPoolExecutor(1, thread_name_prefix="adapter-copier")  # no copy waits for a load

    def load(self, entry: Entry) -> None:
        """Begin to fetch, read and check what `entry` stands for."""

        def read() -> Adapter:
            folder = self._folder(entry)
            entry.reading = True
            return self._read(folder)

        self._loaders.submit(self.settle, entry, read)

    def place(self, slot: Future[Adapter], adapter: Adapter) -> None:
        """Begin to copy `adapter` into its `slot` on the device."""
        self._copier.submit(self._place, slot, adapter)

    def trim(self) -> None:
        """Begin to return to the system what the allocator keeps of unloaded adapters."""
        self._loaders.submit(memory.trim)

    def close(self) -> None:
        """Begin nothing more, and wait for what runs."""
        self._loaders.shutdown(cancel_futures=True)
        self._copier.shutdown(cancel_futures=True)

    def settle(self, entry: Entry, load: Callable[[], Adapter]) -> None:
        """Fill the entry's place in host memory; a failure goes to all who count on it, and the next one tries anew."""
        started = time.perf_counter()
        try:
            adapter = load()
            with self._changed:
                self._tiers.check_size(entry, adapter.nbytes())
        except BaseException as error:
            with self._changed:
                self._tiers.forget(entry)
                if not entry.host.done():  # else the pool was closed meanwhile
                    told = error if isinstance(error, Exception) else RequestError("interrupted", "Ask again.")
                    entry.host.set_exception(told)
            if not isinstance(error, Exception):
                raise  # an interrupt belongs to this thread
            return
        with self._changed:
            if entry.host.done():
                return
            entry.arrived(adapter, time.perf_counter() - started)
            entry.host.set_result(adapter)
            self._tiers.arrived(entry)
            self._tiers.forget_if_doomed(entry)

    def _folder(self, entry: Entry) -> Path:
        """The verified folder, by the first name that is not revoked of those by which `entry` is asked for."""
        tried = 0
        while True:
            try:
                return self._fetch(entry.names[tried])
            except RevokedVersion:
                with self._changed:
                    tried += 1
                    if tried == len(entry.names):
                        self._tiers.forget(entry)  # who asks by another name from now on begins anew
                        raise

    def _place(self, slot: Future[Adapter], adapter: Adapter) -> None:
        try:
            slot.set_result(memory.on_device(adapter, self._device))
        except BaseException as error:  # out of memory, say: for the rows that wanted it
            slot.set_exception(error if isinstance(error, RuntimeError) else RuntimeError(str(error)))
        with self._changed:
            self._changed.notify_all()
