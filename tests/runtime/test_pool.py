"""Slots: loaded once however many ask, freed only when nobody uses them, and never left half filled."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from adapterhub.errors import AdapterError, RequestError
from adapterhub.runtime.pool import AdapterPool
from registry import Version


def version(name: str) -> Version:
    digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
    return Version(repository=f"acme/{name}", version="1.0.0", digest=digest, commit="0" * 40, status="active")


class Shelf:
    """Loads stand-ins for adapters and counts; some names fail, and loading can be held up."""

    def __init__(self) -> None:
        self.loads: Counter[str] = Counter()
        self.broken: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def load(self, wanted: Version) -> Any:
        self.gate.wait(10)
        self.loads[wanted.repository] += 1
        if wanted.repository in self.broken:
            raise AdapterError("it does not fit", "mend it")
        return SimpleNamespace(name=wanted.repository, nbytes=lambda: 8)


def names(pool: AdapterPool) -> list[str]:
    return [entry.version.repository for entry in pool.residency()]


def test_the_least_recently_used_gives_way() -> None:
    shelf = Shelf()
    pool = AdapterPool(2, shelf.load)
    for name in ("a", "b", "a", "c"):
        pool.load(version(name))
    assert names(pool) == ["acme/a", "acme/c"]
    assert shelf.loads == {"acme/a": 1, "acme/b": 1, "acme/c": 1}


def test_many_threads_that_ask_at_once_load_once() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    pool = AdapterPool(2, shelf.load)

    def ask(_: int) -> int:
        with pool.lease([version("a")]) as adapters:
            return id(adapters[version("a").digest])

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, index) for index in range(8)]
        shelf.gate.set()
        assert len({future.result(10) for future in asked}) == 1
    assert shelf.loads["acme/a"] == 1


def test_a_leased_adapter_outlives_its_eviction_and_a_full_pool_waits() -> None:
    shelf = Shelf()
    pool = AdapterPool(1, shelf.load)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> str:
        with pool.lease([version("a")]) as adapters:
            entered.set()
            leave.wait(10)
            return str(adapters[version("a").digest].name)  # type: ignore[attr-defined]

    with ThreadPoolExecutor(2) as threads:
        holder = threads.submit(hold)
        assert entered.wait(10)
        other = threads.submit(pool.load, version("b"))
        pool.discard(version("a").digest)
        assert not other.done() and names(pool) == ["acme/a"]
        leave.set()
        assert holder.result(10) == "acme/a"
        other.result(10)
    assert names(pool) == ["acme/b"]


def test_a_failed_load_leaves_the_slot_free_and_the_next_try_starts_afresh() -> None:
    shelf = Shelf()
    shelf.broken.add("acme/a")
    pool = AdapterPool(1, shelf.load)
    for _ in range(2):
        with pytest.raises(AdapterError, match="does not fit"):
            pool.load(version("a"))
    assert shelf.loads["acme/a"] == 2 and names(pool) == []
    shelf.broken.clear()
    pool.load(version("a"))
    assert names(pool) == ["acme/a"]


def test_one_that_fails_does_not_take_its_companions_with_it() -> None:
    shelf = Shelf()
    shelf.broken.add("acme/a")
    pool = AdapterPool(2, shelf.load)
    with pytest.raises(AdapterError), pool.lease([version("a"), version("b")]):
        pass
    assert names(pool) == ["acme/b"]


def test_more_adapters_than_slots_is_an_error_not_a_wait() -> None:
    pool = AdapterPool(1, Shelf().load)
    with pytest.raises(RequestError, match=r"2 adapters .* 1 slots"), pool.lease([version("a"), version("b")]):
        pass


def test_overlapping_demands_of_many_threads_never_deadlock_and_never_mix() -> None:
    shelf = Shelf()
    pool = AdapterPool(3, shelf.load)

    def work(seed: int) -> None:
        for step in range(30):
            wanted = [version(f"v{(seed + step * k) % 7}") for k in (1, 2, 3)]
            with pool.lease(wanted) as adapters:
                for one in wanted:
                    assert adapters[one.digest].name == one.repository  # type: ignore[attr-defined]

    with ThreadPoolExecutor(6) as threads:
        for future in [threads.submit(work, seed) for seed in range(6)]:
            future.result(30)
    assert len(pool.residency()) <= 3
    assert all(entry.leases == 0 for entry in pool.residency())


def test_an_interrupted_load_leaves_nobody_waiting() -> None:
    shelf = Shelf()
    pool = AdapterPool(2, shelf.load)
    loading, interrupt = threading.Event(), threading.Event()

    def load(wanted: Version) -> Any:
        if wanted.repository == "acme/a":
            loading.set()
            interrupt.wait(10)
            raise KeyboardInterrupt
        return Shelf.load(shelf, wanted)

    pool._load = load
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(lambda: pool.lease([version("a"), version("b")]).__enter__())
        assert loading.wait(10)
        second = threads.submit(pool.load, version("b"))
        interrupt.set()
        with pytest.raises(KeyboardInterrupt):
            first.result(10)
        with pytest.raises(RequestError, match="interrupted"):
            second.result(10)
    pool.load(version("b"))
    assert names(pool) == ["acme/b"]


def test_a_pool_holds_at_least_one() -> None:
    with pytest.raises(ValueError, match="0 slots"):
        AdapterPool(0, Shelf().load)
