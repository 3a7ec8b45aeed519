"""Which adapters are on the device: a fixed number of slots, keyed by digest and never by name.

A slot is filled while nobody can see it, then named; it is freed only when no request leases it. So a request finishes
on the very tensors it started with, whatever is published, swapped, unloaded or revoked meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from adapterhub.errors import RequestError
from adapterhub.runtime.adapter import Adapter
from registry import Version


@dataclass
class Slot:
    """A place for one version: being filled until `content` is done, free to be reused at no leases."""

    version: Version
    content: Future[Adapter] = field(default_factory=Future)
    leases: int = 0
    doomed: bool = False
    loaded_in: float = 0.0


@dataclass(frozen=True)
class Residency:
    """One resident version as an operator sees it: tensor bytes, requests in flight, seconds that loading took."""

    version: Version
    nbytes: int
    leases: int
    loaded_in: float


class AdapterPool:
    """Slots for adapters, the least recently used given up first."""

    def __init__(self, slots: int, load: Callable[[Version], Adapter]) -> None:
        """Hold at most `slots` adapters; `load` fetches and checks one, and raises if it does not fit."""
        if slots < 1:
            raise ValueError(f"a pool of {slots} slots holds nothing; give it 1 or more")
        self.capacity = slots
        self._load = load
        self._slots: OrderedDict[str, Slot] = OrderedDict()
        self._changed = threading.Condition()

    @contextmanager
    def lease(self, versions: Collection[Version]) -> Iterator[Mapping[str, Adapter]]:
        """The adapters of `versions` by digest, none of which leaves its slot meanwhile.

        All are claimed at once or none, so two callers never wait for each other. A version is loaded by one caller
        however many ask for it.

        Raises:
            RequestError: more versions than there are slots.
            AdapterError, RegistryError: one could not be fetched or does not fit; nothing is left behind.
        """
        wanted = {version.digest: version for version in versions}
        if len(wanted) > self.capacity:
            raise RequestError(
                f"{len(wanted)} adapters are asked for at once, the pool has {self.capacity} slots",
                "Give the Engine more slots, or ask in smaller batches.",
            )
        claimed, fresh = self._claim(wanted)
        try:
            self._fill_all([claimed[digest] for digest in fresh])
            yield {digest: slot.content.result() for digest, slot in claimed.items()}
        finally:
            self._release(claimed.values())

    def load(self, version: Version) -> None:
        """Make `version` resident without using it yet."""
        with self.lease([version]):
            pass

    def discard(self, digest: str) -> None:
        """Free the slot of `digest`: now if no request leases it, else as soon as the last one is done."""
        with self._changed:
            slot = self._slots.get(digest)
            if slot is not None:
                slot.doomed = True
                self._drop_doomed()

    def residency(self) -> list[Residency]:
        """What is resident, the least recently used first."""
        with self._changed:
            ready = [slot for slot in self._slots.values() if slot.content.done() and not slot.content.exception()]
            return [Residency(s.version, s.content.result().nbytes(), s.leases, s.loaded_in) for s in ready]

    def _claim(self, wanted: Mapping[str, Version]) -> tuple[dict[str, Slot], list[str]]:
        """A leased slot for each version, and the digests whose slots the caller has to fill."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(wanted))
            fresh = [digest for digest in wanted if digest not in self._slots]
            for digest in wanted.keys() - fresh:
                self._slots.move_to_end(digest)
                self._slots[digest].leases += 1
            for digest in fresh:
                self._make_room()
                self._slots[digest] = Slot(wanted[digest], leases=1)
            return {digest: self._slots[digest] for digest in wanted}, fresh

    def _has_room(self, wanted: Mapping[str, Version]) -> bool:
        if any(digest in self._slots and self._slots[digest].doomed for digest in wanted):
            return False  # it is on its way out; wait for it to be gone, then load afresh
        busy_with_others = sum(1 for digest, slot in self._slots.items() if slot.leases and digest not in wanted)
        return busy_with_others + len(wanted) <= self.capacity

    def _make_room(self) -> None:
        if len(self._slots) >= self.capacity:
            idle = next(digest for digest, slot in self._slots.items() if not slot.leases)
            del self._slots[idle]

    def _fill_all(self, slots: Sequence[Slot]) -> None:
        """Fill claimed slots; if this thread is interrupted, whoever else waits for one of them is told so."""
        try:
            for slot in slots:
                self._fill(slot)
        finally:
            for slot in slots:
                if not slot.content.done():
                    slot.doomed = True
                    slot.content.set_exception(RequestError("the load was interrupted", "Ask again."))

    def _fill(self, slot: Slot) -> None:
        """Load into a claimed slot; a failure goes to all who wait for it, and the slot with their last lease."""
        started = time.perf_counter()
        try:
            adapter = self._load(slot.version)
        except BaseException as error:
            slot.doomed = True
            slot.content.set_exception(error)
            if not isinstance(error, Exception):
                raise  # an interrupt belongs to this thread
        else:
            slot.loaded_in = time.perf_counter() - started
            slot.content.set_result(adapter)

    def _release(self, slots: Collection[Slot]) -> None:
        with self._changed:
            for slot in slots:
                slot.leases -= 1
            self._drop_doomed()

    def _drop_doomed(self) -> None:
        for digest in [digest for digest, slot in self._slots.items() if slot.doomed and not slot.leases]:
            del self._slots[digest]
        self._changed.notify_all()
