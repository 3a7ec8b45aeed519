"""Which version each followed reference stands for, kept up to date by polling.

A request reads the map and never the network. A change is prepared first (loaded, say) and flipped by one assignment;
a version that cannot be prepared changes nothing and is recorded. A revoked version is refused from the next poll on,
whether or not its replacement can be prepared. Knows nothing of what preparing means.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from registry.errors import RevokedVersion
from registry.protocol import Registry, Version


@dataclass(frozen=True)
class Failure:
    """Why a reference could not be brought up to date at the last poll, and since when that is so."""

    error: Exception
    since: datetime


class Follower:
    """Follows references of one registry. Safe to use from threads; one thread of its own polls, once started."""

    def __init__(
        self, registry: Registry, interval: float = 2.0, prepare: Callable[[Version], object] = lambda version: None
    ) -> None:
        """Follow nothing yet.

        Args:
            interval: seconds between polls.
            prepare: called with each new version before it replaces another; raises if it must not.
        """
        if interval <= 0:
            raise ValueError(f"interval is {interval}, and must be more than 0 seconds")
        self._registry = registry
        self._interval = interval
        self._prepare = prepare
        self._entries: dict[str, Version | RevokedVersion] = {}
        self._failures: dict[str, Failure] = {}
        self._change = threading.Lock()  # held for assignments only, never while resolving or preparing
        self._poll = threading.Lock()  # one poll at a time
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, reference: str) -> Version:
        """The version that `reference` stands for; the first time it is resolved, from then on it is followed.

        Raises:
            RevokedVersion: it was revoked.
            RegistryError: it does not resolve (the first time only).
        """
        entry = self._entries.get(reference)
        if entry is None:
            found = self._registry.resolve(reference)
            with self._change:
                entry = self._entries.setdefault(reference, found)
        return _usable(entry)

    def version(self, reference: str) -> Version:
        """The version of a followed reference, from the map alone.

        Raises:
            KeyError: it is not followed.
            RevokedVersion: it was revoked.
        """
        return _usable(self._entries[reference])

    def versions(self) -> Mapping[str, Version]:
        """The map as it is now, without references whose version was revoked."""
        return {reference: entry for reference, entry in list(self._entries.items()) if isinstance(entry, Version)}

    def failures(self) -> Mapping[str, Failure]:
        """References that could not be brought up to date at the last poll, and why."""
        return dict(self._failures)

    def unfollow(self, reference: str) -> Version | None:
        """Stop following; returns the version that it stood for, None if it was revoked or not followed."""
        with self._change:
            entry = self._entries.pop(reference, None)
            self._failures.pop(reference, None)
        return entry if isinstance(entry, Version) else None

    def refresh(self) -> None:
        """Poll once, now. Never raises: what went wrong is in `failures`."""
        with self._poll:
            for reference in list(self._entries):
                try:
                    self._bring_up_to_date(reference)
                except Exception as error:  # `prepare` is not ours: whatever it raises, the other references go on
                    self._record(reference, error)
                else:
                    self._record(reference, None)

    def start(self) -> None:
        """Poll in a thread until `stop`."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="registry-follower", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread, after the poll that it is in."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Follower:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.refresh()

    def _bring_up_to_date(self, reference: str) -> None:
        old = self._entries.get(reference)
        try:
            new = self._registry.resolve(reference)
            if isinstance(old, Version) and new.digest != old.digest:
                self._refuse_if_revoked(reference, old)
        except RevokedVersion as error:
            self._assign(reference, error)
            raise
        if not isinstance(old, Version) or new.digest != old.digest:
            self._prepare(new)
        self._assign(reference, new)

    def _refuse_if_revoked(self, reference: str, old: Version) -> None:
        """The new version may take long to prepare, or fail: a revoked one must not answer until then."""
        try:
            self._registry.resolve(str(old))
        except RevokedVersion as error:
            self._assign(reference, error)

    def _assign(self, reference: str, entry: Version | RevokedVersion) -> None:
        with self._change:
            if reference in self._entries:  # else it was unfollowed meanwhile
                self._entries[reference] = entry

    def _record(self, reference: str, error: Exception | None) -> None:
        with self._change:
            if error is None or reference not in self._entries:
                self._failures.pop(reference, None)
            elif str(error) != str(getattr(self._failures.get(reference), "error", None)):
                self._failures[reference] = Failure(error, datetime.now(UTC))


def _usable(entry: Version | RevokedVersion) -> Version:
    if isinstance(entry, RevokedVersion):
        raise RevokedVersion(entry.message, entry.hint)  # a new one: threads that share one would share its traceback
    return entry
