"""Which version each followed reference stands for, kept up to date by polling.

A request reads the map and never the network. A change goes through the stages of ``registry.swap``: the new version
is loaded and verified before one assignment names it, and one that fails changes nothing, is recorded, and is tried
again later and later (``registry.failures``). A revoked version is refused from the next poll on, whether or not its
replacement can be had, and however long others take: one thread polls, another one swaps. A poll asks the registry what
changed since the last one, so names that stay cost nothing; what nobody asked for in a long time is forgotten
(``registry.followed``), and followed again by whoever asks next. Knows not what loading, verifying and releasing are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from registry.beat import Beat
from registry.errors import RegistryError, RevokedVersion
from registry.failures import Failure, Failures
from registry.followed import Followed, usable
from registry.protocol import Registry, Version
from registry.swap import Swap, SwapStage


def _nothing(version: Version) -> None:
    """A stage in which there is nothing to do."""


def _unused(version: Version) -> bool:
    """Nothing was held, so nothing counts on it."""
    return False


def _gone(version: Version) -> bool:
    """Nothing was held, so nothing is left."""
    return True


class Follower:
    """Follows references of one registry. Safe to use from threads; started, two of its own keep it up to date."""

    def __init__(
        self,
        registry: Registry,
        interval: float = 2.0,
        *,
        load: Callable[[Version], object] = _nothing,
        verify: Callable[[Version], object] = _nothing,
        release: Callable[[Version], bool] = _gone,
        in_use: Callable[[Version], bool] = _unused,
        followed: Followed | None = None,
    ) -> None:
        """Follow nothing yet.

        Args:
            interval: seconds between polls.
            load, verify: called in turn with each new version before it replaces another; each raises if it must not.
            release: called with a version that no reference stands for any more, at each poll until it says that
                nothing of it is in use.
            in_use: whether something counts on a version, so that what stands for it is not forgotten.
            followed: an empty one, of other bounds or with another clock than usual.
        """
        if interval <= 0:
            raise ValueError(f"interval is {interval}, and must be more than 0 seconds")
        self._registry = registry
        self._load, self._verify, self._release = load, verify, release
        self._followed = followed or Followed()
        self._in_use = in_use
        self._failures = Failures(interval, self._followed.clock)
        self._swaps: dict[str, Swap] = {}
        self._wanted: dict[str, Version] = {}  # what the last poll found for references that stand for another version
        self._leaving: dict[str, Version] = {}  # by digest: what no reference stands for, and is in use
        self._mark: int | None = None  # the registry's changes up to here are known
        self._unsure: set[str] = set()  # references that were resolved while a poll took note of changes
        self._change = threading.Lock()  # held for assignments only, never while resolving or preparing
        self._poll = threading.Lock()  # one poll at a time
        self._preparing = threading.Lock()  # one version at a time
        self._beat = Beat(interval, self._resolve_all, self._work)

    def follow(self, reference: str) -> Version:
        """The version that `reference` stands for; the first time it is resolved, from then on it is followed.

        What is not asked for in a long time is forgotten, and then resolved again.

        Raises:
            RevokedVersion: it was revoked.
            RegistryError: it does not resolve (the first time only).
        """
        entry = self._followed.ask(reference)
        if entry is None:
            mark = self._mark
            found = self._registry.resolve(reference)
            with self._change:
                entry = self._followed.add(reference, found)
                if mark != self._mark:
                    self._unsure.add(reference)
        return usable(entry)

    def version(self, reference: str) -> Version:
        """The version of a followed reference, from the map alone.

        Raises:
            KeyError: it is not followed.
            RevokedVersion: it was revoked.
        """
        return usable(self._followed[reference])

    def versions(self) -> Mapping[str, Version]:
        """The map as it is now, without references whose version was revoked."""
        return self._followed.versions()

    def failures(self) -> Mapping[str, Failure]:
        """References that could not be brought up to date when they were last tried, and why."""
        with self._change:
            return self._failures.known()

    def swaps(self) -> Mapping[str, Swap]:
        """The last swap of each reference that moved since it is followed."""
        return dict(self._swaps)

    def unfollow(self, reference: str) -> Version | None:
        """Stop following; returns the version that it stood for, None if it was revoked or not followed."""
        with self._change:
            entry = self._forget(reference)
        return entry if isinstance(entry, Version) else None

    def refresh(self) -> None:
        """Poll now, and swap what that finds and what failed before. Never raises: what goes wrong is in `failures`."""
        with self._change:
            self._failures.hurry()
        self.poll()

    def poll(self) -> None:
        """Poll once, and swap what that finds, as the threads do: what failed is tried again when it is time."""
        self._resolve_all()
        self._work()

    def nudge(self) -> None:
        """Let the thread poll now instead of at its next interval, and return at once; many before it does are one."""
        self._beat.nudge()

    def start(self) -> None:
        """Poll in a thread, and swap in another, until `stop`."""
        self._beat.start()

    def stop(self) -> None:
        """End the threads, after the version that is being prepared."""
        self._beat.stop()

    def __enter__(self) -> Follower:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _work(self) -> None:
        for reference in list(self._wanted):
            if not self._beat.ending:
                self._swap(reference)
        self._release_all()

    def _resolve_all(self) -> None:
        """Poll, without loading: revocations hold at once, other changes are wanted."""
        with self._poll:
            self._forget_idle()
            try:
                due = self._due()
            except Exception as error:  # whatever a registry raises, the map stays as it is
                with self._change:
                    for reference in self._followed:
                        self._failures.unreachable(reference, error)
                return
            for reference in due:
                try:
                    self._resolve(reference)
                except Exception as error:  # as above; the other references go on
                    with self._change:
                        self._wanted.pop(reference, None)
                        if reference in self._followed:
                            self._failures.unresolved(reference, error)

    def _due(self) -> list[str]:
        """The references that may stand for something else than at the last poll."""
        changes = self._registry.changes(self._mark)
        with self._change:
            self._mark = changes.mark
            unsure = self._unsure.union(self._failures.due(), self._wanted)
            self._unsure = set()
            return [one for one in self._followed if one in unsure or changes.touches(one.partition("@")[0])]

    def _resolve(self, reference: str) -> None:
        old = self._followed.get(reference)
        try:
            new = self._registry.resolve(reference)
        except RevokedVersion as error:
            self._refuse(reference, error)
            raise
        except RegistryError:
            self._refuse_if_revoked(reference, old)  # a range of which nothing else is left, say
            raise
        if isinstance(old, Version) and new.digest != old.digest:
            # The new version may take long to prepare, or fail: a revoked one must not answer until then.
            self._refuse_if_revoked(reference, old)
        with self._change:
            entry = self._followed.get(reference)
            if isinstance(entry, Version) and entry.digest == new.digest:
                self._flip(reference, new)  # the same content: at most its status changed
            elif entry is not None:  # else it was unfollowed meanwhile
                self._failures.moved(reference, new.digest)
                if not self._failures.waits(reference, new.digest):
                    self._wanted[reference] = new

    def _refuse_if_revoked(self, reference: str, old: Version | RevokedVersion | None) -> None:
        if isinstance(old, Version):
            try:
                self._registry.resolve(str(old))
            except RevokedVersion as error:
                self._refuse(reference, error)

    def _swap(self, reference: str) -> None:
        """Load and verify what is wanted and flip to it, unless something else is wanted by then."""
        with self._preparing:
            new = self._wanted.get(reference)
            if new is None:
                return
            old = self._followed.get(reference)
            swap = self._note(Swap(reference, old if isinstance(old, Version) else None, new))
            failure = None
            try:
                self._load(new)
                swap = self._note(swap.to(SwapStage.VERIFYING))
                self._verify(new)
            except Exception as error:  # the hooks are not ours: whatever they raise, the other references go on
                failure = error
                self._note(swap.to(SwapStage.FAILED, error))
            with self._change:
                wanted = self._wanted.get(reference)
                if wanted is None or wanted.digest != new.digest:
                    if self._swaps.get(reference) == swap:
                        del self._swaps[reference]  # it ends here: another one is wanted, or none
                    return self._leave(new)
                if failure is not None:
                    del self._wanted[reference]  # a later poll wants it again
                    return self._failures.unprepared(reference, new.digest, failure)
                self._flip(reference, wanted)
                self._swaps[reference] = swap.to(SwapStage.NAMED).to(SwapStage.DRAINING)
                if swap.old is not None:
                    self._leave(swap.old)

    def _release_all(self) -> None:
        """Release what no reference stands for any more; what is in use is asked about again at the next poll."""
        leaving = list(self._leaving.items())
        standing = {version.digest for version in self._followed.versions().values()} if leaving else set()
        for digest, version in leaving:
            if digest in standing or self._release(version):
                with self._change:
                    self._leaving.pop(digest, None)
        with self._change:
            for reference, swap in self._swaps.items():
                if swap.stage is SwapStage.DRAINING and (swap.old is None or swap.old.digest not in self._leaving):
                    self._swaps[reference] = swap.to(SwapStage.RELEASED)

    def _note(self, swap: Swap) -> Swap:
        with self._change:
            if swap.reference in self._followed:
                self._swaps[swap.reference] = swap
        return swap

    def _refuse(self, reference: str, error: RevokedVersion) -> None:
        with self._change:
            entry = self._followed.get(reference)
            if isinstance(entry, Version):
                self._leave(entry)
            if entry is not None:
                self._followed[reference] = error

    def _forget_idle(self) -> None:
        for reference in self._followed.idle():
            entry = self._followed.get(reference)
            if not isinstance(entry, Version) or not self._in_use(entry):
                with self._change:
                    entry = self._forget(reference)
                    if isinstance(entry, Version):
                        self._leave(entry)

    def _forget(self, reference: str) -> Version | RevokedVersion | None:
        """With `_change` held, as the following: follow `reference` no more; what it stood for."""
        self._wanted.pop(reference, None)
        self._failures.forget(reference)
        self._swaps.pop(reference, None)
        return self._followed.remove(reference)

    def _leave(self, version: Version) -> None:
        """Let `version` be released unless a reference stands for it."""
        self._leaving[version.digest] = version

    def _flip(self, reference: str, version: Version) -> None:
        self._followed[reference] = version
        self._wanted.pop(reference, None)
        self._failures.forget(reference)
