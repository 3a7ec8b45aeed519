"""The followed references: which version each stands for, or why that is refused, and when it was last asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from registry.errors import RevokedVersion
from registry.protocol import Version

IDLE_SECONDS = 3600.0  # then a reference costs more than to resolve it again would
MOST = 100_000  # references, about 100 MB: who asks by ever new ranges of one name is not to fill the memory


class Followed:
    """A map that requests read without a lock; the follower holds its own while it changes one reference or more.

    Attributes:
        clock: seconds that pass.
    """

    def __init__(
        self, idle_seconds: float = IDLE_SECONDS, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Hold nothing.

        Args:
            idle_seconds, most: a reference that nobody asked for so long, and the longest unasked of more than so many,
                are `idle`.
            clock: see above.
        """
        self.clock = clock
        self._idle_seconds, self._most = idle_seconds, most
        self._entries: dict[str, Version | RevokedVersion] = {}
        self._asked: dict[str, float] = {}

    def ask(self, reference: str) -> Version | RevokedVersion | None:
        """What `reference` stands for, None if it is not followed; it is not idle from now on."""
        entry = self._entries.get(reference)
        if entry is not None:
            self._asked[reference] = self.clock()
        return entry

    def get(self, reference: str) -> Version | RevokedVersion | None:
        """What `reference` stands for, None if it is not followed."""
        return self._entries.get(reference)

    def __getitem__(self, reference: str) -> Version | RevokedVersion:
        return self._entries[reference]

    def __contains__(self, reference: str) -> bool:
        return reference in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))

    def versions(self) -> Mapping[str, Version]:
        """Those whose version is not refused."""
        return {reference: entry for reference, entry in list(self._entries.items()) if isinstance(entry, Version)}

    def idle(self) -> list[str]:
        """Those that may be forgotten, the longest unasked first."""
        order = sorted((asked, reference) for reference, asked in list(self._asked.items()))
        oldest = self.clock() - self._idle_seconds
        surplus = len(order) - self._most
        return [reference for place, (asked, reference) in enumerate(order) if asked < oldest or place < surplus]

    def add(self, reference: str, version: Version) -> Version | RevokedVersion:
        """Follow `reference`, which is asked for now, unless it is followed already; what it stands for."""
        self._asked[reference] = self.clock()
        return self._entries.setdefault(reference, version)

    def __setitem__(self, reference: str, entry: Version | RevokedVersion) -> None:
        self._entries[reference] = entry

    def remove(self, reference: str) -> Version | RevokedVersion | None:
        """Follow `reference` no more; what it stood for."""
        self._asked.pop(reference, None)
        return self._entries.pop(reference, None)


def usable(entry: Version | RevokedVersion) -> Version:
    """The version itself.

    Raises:
        RevokedVersion: it is refused.
    """
    if isinstance(entry, RevokedVersion):
        raise RevokedVersion(entry.message, entry.hint)  # a new one: threads that share one would share its traceback
    return entry
