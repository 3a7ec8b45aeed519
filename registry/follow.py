"""Which version each followed reference stands for, kept up to date by polling.

A request reads the map and never the network. A change is prepared first (loaded, say) and flipped by one assignment;
a version that cannot be prepared changes nothing and is recorded. A revoked version is refused from the next poll on,
whether or not its replacement can be prepared, and however long others take: one thread polls, another one prepares.
Knows nothing of what preparing means.
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
    """Follows references of one registry. Safe to use from threads; started, two of its own keep it up to date."""

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
        self._wanted: dict[str, Version] = {}  # what the last poll found for references that stand for another version
        self._change = threading.Lock()  # held for assignments only, never while resolving or preparing
        self._poll = threading.Lock()  # one poll at a time
        self._preparing = threading.Lock()  # one version at a time
        self._found = threading.Event()  # the worker should look at what is wanted
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

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
            self._wanted.pop(reference, None)
            self._failures.pop(reference, None)
        return entry if isinstance(entry, Version) else None

    def refresh(self) -> None:
        """Poll once, now, and prepare what it finds. Never raises: what went wrong is in `failures`."""
        self._resolve_all()
        for reference in list(self._wanted):
            self._bring_up_to_date(reference)

    def start(self) -> None:
        """Poll in a thread, and prepare in another, until `stop`."""
        if not self._threads:
            self._stop.clear()
            self._found.clear()
            for name, run in (("registry-follower", self._run), ("registry-preparer", self._run_worker)):
                self._threads.append(threading.Thread(target=run, name=name, daemon=True))
                self._threads[-1].start()

    def stop(self) -> None:
        """End the threads, after the version that is being prepared."""
        self._stop.set()
        self._found.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def __enter__(self) -> Follower:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._resolve_all()
            self._found.set()

    def _run_worker(self) -> None:
        while self._found.wait() and not self._stop.is_set():
            self._found.clear()
            for reference in list(self._wanted):
                if not self._stop.is_set():
                    self._bring_up_to_date(reference)

    def _resolve_all(self) -> None:
        """Poll, without preparing: revocations hold at once, other changes are wanted."""
        with self._poll:
            for reference in list(self._entries):
                try:
                    self._resolve(reference)
                except Exception as error:  # whatever a registry raises, the other references go on
                    with self._change:
                        self._wanted.pop(reference, None)
                        self._fail(reference, error)

    def _resolve(self, reference: str) -> None:
        old = self._entries.get(reference)
        try:
            new = self._registry.resolve(reference)
        except RevokedVersion as error:
            self._refuse(reference, error)
            raise
        if isinstance(old, Version) and new.digest != old.digest:
            try:  # the new version may take long to prepare, or fail: a revoked one must not answer until then
                self._registry.resolve(str(old))
            except RevokedVersion as error:
                self._refuse(reference, error)
        with self._change:
            entry = self._entries.get(reference)
            if isinstance(entry, Version) and entry.digest == new.digest:
                self._flip(reference, new)
            elif entry is not None:  # else it was unfollowed meanwhile
                self._wanted[reference] = new

    def _bring_up_to_date(self, reference: str) -> None:
        """Prepare what is wanted and flip to it, unless something else is wanted by then."""
        with self._preparing:
            new = self._wanted.get(reference)
            if new is None:
                return
            failure = None
            try:
                self._prepare(new)
            except Exception as error:  # `prepare` is not ours: whatever it raises, the other references go on
                failure = error
            with self._change:
                wanted = self._wanted.get(reference)
                if wanted is None or wanted.digest != new.digest:
                    return
                if failure is None:
                    return self._flip(reference, wanted)
                del self._wanted[reference]  # the next poll wants it again
                self._fail(reference, failure)

    def _refuse(self, reference: str, error: RevokedVersion) -> None:
        with self._change:
            if reference in self._entries:
                self._entries[reference] = error

    def _flip(self, reference: str, version: Version) -> None:
        """With `_change` held, as `_fail`."""
        self._entries[reference] = version
        self._wanted.pop(reference, None)
        self._failures.pop(reference, None)

    def _fail(self, reference: str, error: Exception) -> None:
        known = self._failures.get(reference)
        if reference in self._entries and (known is None or str(known.error) != str(error)):
            self._failures[reference] = Failure(error, datetime.now(UTC))


def _usable(entry: Version | RevokedVersion) -> Version:
    if isinstance(entry, RevokedVersion):
        raise RevokedVersion(entry.message, entry.hint)  # a new one: threads that share one would share its traceback
    return entry
