"""What could not be brought up to date, why, since when, and when it is tried again.

A version that could not be prepared is tried again after the time given first, and after twice as long each further
time, up to `LONGEST_WAIT`: fetching and checking may be dear, and what fails twice mostly fails again. What could not
be resolved is asked for at each poll, since that costs one query.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

LONGEST_WAIT = 300.0  # seconds; an operator who mended something and cannot wait refreshes


@dataclass(frozen=True)
class Failure:
    """Why a reference could not be brought up to date when it was last tried, and since when that is so."""

    error: Exception
    since: datetime


@dataclass(frozen=True)
class _Wait:
    """For another try of a version: not before `until`, on the clock, which is `seconds` after the last try."""

    digest: str
    seconds: float
    until: float


class Failures:
    """The failures of followed references. Not safe to use from threads: the follower holds its lock meanwhile."""

    def __init__(self, first_wait: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold none; a version that fails for the first time is tried again after `first_wait` seconds."""
        self._first_wait, self._clock = first_wait, clock
        self._known: dict[str, Failure] = {}
        self._waits: dict[str, _Wait] = {}

    def known(self) -> Mapping[str, Failure]:
        """Each reference that is not up to date, and why."""
        return dict(self._known)

    def due(self) -> list[str]:
        """The references that are to be tried again now."""
        now = self._clock()
        return [one for one in self._known if one not in self._waits or self._waits[one].until <= now]

    def waits(self, reference: str, digest: str) -> bool:
        """Whether it is too early to prepare the version of `digest` again for `reference`."""
        wait = self._waits.get(reference)
        return wait is not None and wait.digest == digest and wait.until > self._clock()

    def unresolved(self, reference: str, error: Exception) -> None:
        """Note that it could not be found out what `reference` stands for."""
        self._waits.pop(reference, None)
        self._note(reference, error)

    def unreachable(self, reference: str, error: Exception) -> None:
        """Note that nothing could be asked; what waits for another try has its own reason, and goes on waiting."""
        if reference not in self._waits:
            self._note(reference, error)

    def unprepared(self, reference: str, digest: str, error: Exception) -> None:
        """Note that the version of `digest`, which `reference` stands for, could not be prepared."""
        last = self._waits.get(reference)
        again = last is not None and last.digest == digest
        seconds = min(2 * last.seconds, max(LONGEST_WAIT, self._first_wait)) if last and again else self._first_wait
        self._waits[reference] = _Wait(digest, seconds, self._clock() + seconds)
        self._note(reference, error)

    def moved(self, reference: str, digest: str) -> None:
        """Begin anew if `reference` stands for another version than the one that failed."""
        wait = self._waits.get(reference)
        if wait is not None and wait.digest != digest:
            del self._waits[reference]

    def forget(self, reference: str) -> None:
        """It is up to date, or not followed any more."""
        self._known.pop(reference, None)
        self._waits.pop(reference, None)

    def hurry(self) -> None:
        """Let everything be tried now, as if for the first time."""
        self._waits.clear()

    def _note(self, reference: str, error: Exception) -> None:
        known = self._known.get(reference)
        if known is None or str(known.error) != str(error):
            self._known[reference] = Failure(error, datetime.now(UTC))
