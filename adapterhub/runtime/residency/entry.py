"""One version on its way through the tiers: registry → disk → host memory → a slot on the device, and out again.

Knows where a version is and who counts on it. Knows nothing of how it moves: that is for the pool.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum

from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.adapters.blend import Blend
from registry import Version

Wearable = Version | Blend
"""What a row can wear; known everywhere by its ``digest``."""


class Stage(StrEnum):
    """Where a version is. It goes down this list; a load that fails leaves nothing behind."""

    FETCHING = "fetching"  # registry → disk: each byte is verified
    CHECKING = "checking"  # disk → host: read, and held against the backbone
    HOST = "host"  # whole, in host memory
    DEVICE = "device"  # whole, in a slot that steps can use
    DRAINING = "draining"  # given up; rows that entered with it finish on it, then slot and memory are free


@dataclass
class Tally:
    """What happened to one version since the engine began or it was last unloaded, evictions survived.

    Attributes:
        loads: how often it was read from disk.
        loaded_in: seconds that the last load took, from its fetch to host memory.
        hits, misses: requests that found it in host memory, or already on its way; and those that began its load.
        evictions: how often it gave way to another one, in either tier.
        since: when it last arrived in host memory; seconds since the epoch.
    """

    loads: int = 0
    loaded_in: float = 0.0
    hits: int = 0
    misses: int = 0
    evictions: int = 0
    since: float = 0.0


@dataclass(eq=False)
class Entry:
    """One version that is in memory or on its way there. Changed by the pool alone, under its lock.

    Attributes:
        names: the versions of this content by which it is asked for until it is in host memory, the first one first.
        host: the adapter in host memory, once it is loaded and checked.
        slot: the adapter on the device, once it is there; None where it has no slot.
        claims: requests under way that entered with it; while there are any, its host memory is not given up.
        leases: rows of running steps that wear it; while there are any, its slot is not given up.
        pinned: it gives way to no other version.
        doomed: it is given up as soon as nobody counts on it.
    """

    version: Wearable
    tally: Tally
    names: list[Version] = field(default_factory=list)
    host: Future[Adapter] = field(default_factory=Future)
    slot: Future[Adapter] | None = None
    nbytes: int = 0
    claims: int = 0
    leases: int = 0
    pinned: bool = False
    doomed: bool = False
    reading: bool = False

    @property
    def digest(self) -> str:
        """The identity of its content."""
        return self.version.digest

    @property
    def stage(self) -> Stage:
        """Where it is now."""
        if not self.host.done():
            return Stage.CHECKING if self.reading else Stage.FETCHING
        if self.doomed:
            return Stage.DRAINING
        return Stage.DEVICE if self.placed else Stage.HOST

    @property
    def placed(self) -> bool:
        """Whether its slot is filled."""
        slot = self.slot  # which an operator's thread reads while the pool may take it back
        return slot is not None and slot.done()

    @property
    def idle(self) -> bool:
        """Whether nobody counts on it."""
        return not self.claims and not self.leases

    def ask_as(self, version: Wearable) -> None:
        """Let it be fetched by the name of `version` too, should it not be had by those before."""
        if isinstance(version, Version) and not self.host.done() and str(version) not in map(str, self.names):
            self.names.append(version)

    def arrived(self, adapter: Adapter, seconds: float) -> None:
        """Note that it was loaded in so many `seconds`."""
        self.nbytes = adapter.nbytes()
        self.tally.loads += 1
        self.tally.loaded_in = seconds
        self.tally.since = time.time()
