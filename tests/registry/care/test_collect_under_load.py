"""Pushes, deletions and squashes by several threads while collections without any grace run in a loop."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.care import check, collect
from registry.errors import MissingBytes, RegistryUnavailable
from registry.server.services import Services
from tests.registry.care.pushes import NO_GRACE, content, create, push, squash, store_of

SECONDS = float(os.environ.get("CARE_SECONDS", "6"))
THREADS = 4


class Pusher:
    """One repository, and what must be in it. Files are few and small, so that threads meet in the same bytes."""

    def __init__(self, hub: Services, seed: int, until: float) -> None:
        self.hub, self.until, self.random = hub, until, random.Random(seed)
        self.repository = create(hub, f"ada/r{seed}")
        self.expected: dict[str, bytes] = {}
        self.pushed = self.repeated = self.squashed = 0

    def work(self) -> None:
        while time.monotonic() < self.until:
            if self.random.random() < 0.15:
                squash(self.hub, self.repository)
                self.squashed += 1
            self.push()

    def push(self) -> None:
        added = {f"f{self.random.randrange(4)}": b"%d" % self.random.randrange(40) for _ in range(2)}
        others = sorted(set(self.expected) - set(added))
        gone = self.random.choice(others) if others and self.random.random() < 0.4 else ""
        while True:
            try:
                push(self.hub, self.repository, added, gone)
                break
            except (MissingBytes, RegistryUnavailable) as error:  # what a client repeats, or a person
                assert "lost while they came in" in str(error) or "uploaded" in str(error) or "lacks" in str(error)
                self.repeated += 1
        self.expected |= added
        self.expected.pop(gone, None)
        self.pushed += 1


@pytest.mark.slow
def test_nothing_that_is_reachable_goes(hub: Services) -> None:
    until = time.monotonic() + SECONDS
    pushers = [Pusher(hub, seed, until) for seed in range(THREADS)]
    stop, removed = threading.Event(), []

    def collecting() -> int:
        rounds = 0
        while not stop.is_set():
            removed.append(collect(hub.database, store_of(hub), NO_GRACE).figures)
            rounds += 1
        return rounds

    with ThreadPoolExecutor(THREADS + 1) as threads:
        collector = threads.submit(collecting)
        for done in [threads.submit(one.work) for one in pushers]:
            done.result(120)
        stop.set()
        rounds = collector.result(120)
    assert not list(check(hub.database, hub.store, deep=True))
    for one in pushers:
        assert content(hub, one.repository) == one.expected
    objects = sum(one.objects for one in removed)
    pushed, repeated = sum(one.pushed for one in pushers), sum(one.repeated for one in pushers)
    print(f"{pushed} pushes, {repeated} repeated, {rounds} collections, {objects} files removed")
    assert pushed > 20 and rounds > 3 and objects > 5
