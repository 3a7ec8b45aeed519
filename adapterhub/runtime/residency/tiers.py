"""What is in host memory and in slots, how much that is, and what gives way: bookkeeping, without threads or loading.

What has a slot is in host memory too. The least recently asked for gives way first; what is pinned, or counted on by a
request, does not. Everything but giving way takes the same time however much there is.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass

from adapterhub.errors import AdapterError, RequestError
from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.residency.entry import Entry, Tally, Wearable
from adapterhub.runtime.residency.status import Tier

HOST_BYTES = 2 << 30
REMEMBERED = 10_000  # versions whose tally is kept after they left


@dataclass(frozen=True)
class Budget:
    """What may be held.

    Attributes:
        slots: adapters on the device.
        device_bytes: of their tensors, together; None leaves it to `slots`.
        host_bytes: of all adapters in host memory, those with a slot included. Requests under way may exceed it by
            what they count on.
    """

    slots: int = 64
    device_bytes: int | None = None
    host_bytes: int = HOST_BYTES

    def __post_init__(self) -> None:
        limits = {"slots": self.slots, "device_bytes": self.device_bytes, "host_bytes": self.host_bytes}
        for name, value in limits.items():
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}, and must be 1 or more")


class Tiers:
    """The entries of both tiers. Not safe to use from threads: the pool holds its lock meanwhile."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._entries: OrderedDict[str, Entry] = OrderedDict()  # the least recently asked for first
        self._slots: OrderedDict[str, Entry] = OrderedDict()  # those that have one, the least recently leased first
        self._pinned: dict[str, Entry] = {}
        self._tallies: OrderedDict[str, Tally] = OrderedDict()
        self._host_bytes = self._device_bytes = self._freed = 0

    def entries(self) -> list[Entry]:
        """All entries, the least recently asked for first."""
        return list(self._entries.values())

    def find(self, digest: str) -> Entry | None:
        """The entry of `digest`, if there is one."""
        return self._entries.get(digest)

    def ask(self, version: Wearable) -> tuple[Entry, bool]:
        """The entry of `version`, and whether it is new, so that somebody has to load it."""
        entry = self._entries.get(version.digest)
        fresh = entry is None
        if entry is None:
            entry = self._entries[version.digest] = Entry(version, self._tally(version.digest))
        self._entries.move_to_end(version.digest)
        entry.tally.misses += fresh
        entry.tally.hits += not fresh
        return entry, fresh

    def check_size(self, entry: Entry, nbytes: int) -> None:
        """Refuse an adapter of so many `nbytes` that could never find a place.

        Raises:
            AdapterError: it is larger than a whole tier, or than what pins leave of it.
        """
        device = self.budget.device_bytes
        limits = {"host": self.budget.host_bytes, "device": None if device is None else device - self._pinned_bytes()}
        for tier, limit in limits.items():
            if limit is not None and nbytes > limit:
                raise AdapterError(
                    f"{entry.version} has {nbytes} bytes of tensors, and the {tier} budget leaves {limit}",
                    f"Give the Engine a larger {tier} budget.",
                )

    def arrived(self, entry: Entry) -> None:
        """Count the bytes of an entry whose adapter is in host memory now, and let others give way to it."""
        self._host_bytes += entry.nbytes
        self.shrink(entry)

    def shrink(self, keep: Entry | None = None) -> None:
        """Let those on which nobody counts leave host memory until it is within its budget; `keep` stays."""
        while self._host_bytes > self.budget.host_bytes:
            idle = (one for one in self._entries.values() if one.idle and not one.pinned and one.host.done())
            victim = next((one for one in idle if one is not keep), None)
            if victim is None:
                return
            self.forget(victim)
            victim.tally.evictions += 1

    def open_slot(self, entry: Entry) -> Future[Adapter] | None:
        """An empty slot for `entry`, after others that nobody uses gave theirs up; None if too many are in use."""
        idle = (one for one in self._slots.values() if not one.leases and not one.pinned and one.placed)
        count, used, limit = len(self._slots), self._device_bytes, self.budget.device_bytes
        giving_way = []
        while count >= self.budget.slots or (limit is not None and used + entry.nbytes > limit):
            victim = next(idle, None)
            if victim is None:
                return None
            giving_way.append(victim)
            count, used = count - 1, used - victim.nbytes
        for victim in giving_way:
            self.close_slot(victim)
            victim.tally.evictions += 1
        entry.slot = Future()
        self._slots[entry.digest] = entry
        self._device_bytes += entry.nbytes
        return entry.slot

    def use_slot(self, entry: Entry) -> None:
        """Let the slot of `entry` be the last to give way."""
        self._slots.move_to_end(entry.digest)

    def close_slot(self, entry: Entry) -> None:
        """Take the slot of `entry` back, if it has one."""
        if self._slots.pop(entry.digest, None) is not None:
            self._device_bytes -= entry.nbytes
        entry.slot = None

    def unpin(self, entry: Entry) -> None:
        """Let `entry` give way again."""
        entry.pinned = False
        self._pinned.pop(entry.digest, None)

    def pin(self, entry: Entry) -> None:
        """Let `entry` give way to none.

        Raises:
            RequestError: then every slot but one would be pinned, or more than half of the device's bytes, and what
                else is asked for might find no place.
        """
        others, limit = [other for other in self._pinned.values() if other is not entry], self.budget.device_bytes
        if len(others) + 1 >= self.budget.slots:
            raise RequestError(
                f"{len(others)} of {self.budget.slots} slots are pinned, and one must stay free for everything else",
                "Unpin another version, or give the Engine more slots.",
            )
        nbytes = sum(other.nbytes for other in [*others, entry])
        if limit is not None and 2 * nbytes > limit:
            raise RequestError(
                f"{nbytes} bytes would be pinned, more than half of the device's {limit}",
                "Unpin another version, or give the Engine more device_bytes.",
            )
        entry.pinned = True
        self._pinned[entry.digest] = entry

    def retire(self, entry: Entry) -> None:
        """Take its slot back, and let its host memory be the first to be given up."""
        self.unpin(entry)
        self.close_slot(entry)
        self._entries.move_to_end(entry.digest, last=False)

    def forget(self, entry: Entry) -> None:
        """Return its slot and its host memory, unless both were returned before."""
        if self._entries.get(entry.digest) is entry:
            del self._entries[entry.digest]
            self.unpin(entry)
            self.close_slot(entry)
            self._host_bytes -= entry.nbytes
            self._freed += entry.nbytes

    def forget_if_doomed(self, entry: Entry) -> bool:
        """Return what `entry` holds if it is given up and nobody counts on it; whether that is so."""
        gone = entry.doomed and entry.idle and entry.host.done()
        if gone:
            self.forget(entry)
            self._tallies.pop(entry.digest, None)
        return gone

    def freed(self, enough: int) -> bool:
        """Whether `enough` bytes of host memory were given up since this was last so."""
        if self._freed < enough:
            return False
        self._freed = 0
        return True

    def usage(self) -> dict[str, Tier]:
        """How full ``device`` and ``host`` are."""
        hosted = sum(entry.host.done() for entry in self._entries.values())
        return {
            "device": Tier(len(self._slots), self._device_bytes, self.budget.slots, self.budget.device_bytes),
            "host": Tier(hosted, self._host_bytes, None, self.budget.host_bytes),
        }

    def _pinned_bytes(self) -> int:
        return sum(entry.nbytes for entry in self._pinned.values())

    def _tally(self, digest: str) -> Tally:
        tally = self._tallies.setdefault(digest, Tally())
        self._tallies.move_to_end(digest)
        if len(self._tallies) > REMEMBERED:
            self._tallies.popitem(last=False)
        return tally
