"""Tiers: loaded once however many ask, freed only when nobody counts on it, bounded, and never left half filled."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adapterhub.errors import AdapterError, RequestError
from adapterhub.runtime.adapters import memory
from adapterhub.runtime.residency import pool as pools
from adapterhub.runtime.residency.entry import Stage
from adapterhub.runtime.residency.pool import AdapterPool
from adapterhub.runtime.residency.tiers import Budget
from registry import Version

CPU = torch.device("cpu")


def version(name: str) -> Version:
    digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
    return Version(repository=f"acme/{name}", version="1.0.0", digest=digest, commit="0" * 40, status="active")


class Shelf:
    """Loads stand-ins for adapters of 8 bytes and counts; some names fail, and loading can be held up."""

    def __init__(self) -> None:
        self.loads: Counter[str] = Counter()
        self.broken: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def fetch(self, wanted: Version) -> Path:
        return Path(wanted.repository)

    def read(self, folder: Path) -> Any:
        assert self.gate.wait(10)
        self.loads[str(folder)] += 1
        if str(folder) in self.broken:
            raise AdapterError("it does not fit", "mend it")
        return SimpleNamespace(name=str(folder), block=None, nbytes=lambda: 8)

    def pool(self, slots: int = 64, loaders: int = 2, **limits: int) -> AdapterPool:
        return AdapterPool(self.fetch, self.read, Budget(slots=slots, **limits), CPU, loaders)


def stages(pool: AdapterPool) -> dict[str, Stage]:
    return {entry.version.repository.removeprefix("acme/"): entry.stage for entry in pool.entries()}  # type: ignore[union-attr]


def step(pool: AdapterPool, name: str) -> None:
    """As a row of one step: claim, lease, and give both back."""
    with pool.wearing(version(name)) as adapter:
        assert adapter.name == f"acme/{name}"  # type: ignore[attr-defined]


def load(pool: AdapterPool, name: str) -> None:
    with pool.holding(version(name)):
        pass


def test_the_least_recently_used_gives_its_slot_up_and_stays_in_host_memory() -> None:
    shelf = Shelf()
    pool = shelf.pool(slots=2)
    for name in ("a", "b", "a", "c"):
        step(pool, name)
    assert stages(pool) == {"a": Stage.DEVICE, "b": Stage.HOST, "c": Stage.DEVICE}
    step(pool, "b")
    assert stages(pool)["a"] is Stage.HOST
    assert shelf.loads == {"acme/a": 1, "acme/b": 1, "acme/c": 1}


def test_the_least_recently_asked_for_leaves_host_memory_and_is_loaded_again() -> None:
    shelf = Shelf()
    pool = shelf.pool(host_bytes=16)
    for name in ("a", "b", "a", "c", "b"):
        step(pool, name)
    assert set(stages(pool)) == {"c", "b"}
    assert shelf.loads == {"acme/a": 1, "acme/b": 2, "acme/c": 1}
    tallies = {entry.version.repository: entry.tally for entry in pool.entries()}  # type: ignore[union-attr]
    assert tallies["acme/b"].loads == 2 and tallies["acme/b"].evictions == 1 and tallies["acme/b"].misses == 2


def test_bytes_bound_the_device_as_slots_do() -> None:
    pool = Shelf().pool(device_bytes=20)
    for name in ("a", "b", "c"):
        step(pool, name)
    assert stages(pool) == {"a": Stage.HOST, "b": Stage.DEVICE, "c": Stage.DEVICE}
    assert pool.tiers()["device"].nbytes == 16 and pool.tiers()["host"].nbytes == 24


@pytest.mark.parametrize("tier", ["device", "host"])
def test_what_is_larger_than_a_whole_tier_is_refused(tier: str) -> None:
    pool = Shelf().pool(**{f"{tier}_bytes": 7})
    with pytest.raises(AdapterError, match=f"the {tier} budget leaves 7"):
        load(pool, "a")
    assert pool.entries() == []


def test_many_threads_that_ask_at_once_load_once() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    pool = shelf.pool(slots=2)

    def ask(_: int) -> int:
        with pool.wearing(version("a")) as adapter:
            return id(adapter)

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask, index) for index in range(8)]
        shelf.gate.set()
        assert len({future.result(10) for future in asked}) == 1
    assert shelf.loads["acme/a"] == 1


def test_what_is_counted_on_outlives_discarding_and_every_eviction() -> None:
    shelf = Shelf()
    pool = shelf.pool(slots=1, host_bytes=8)
    entry = pool.claim(version("a"))
    entry.host.result(10)
    adapter = pool.lease(entry)
    pool.discard(entry.digest)
    other = pool.claim(version("b"))
    other.host.result(10)
    assert pool.lease(other) is None, "the only slot is in use"
    assert stages(pool) == {"a": Stage.DRAINING, "b": Stage.HOST}
    assert entry.host.result() is adapter
    pool.unlease(entry)
    assert "a" in stages(pool), "the request that entered with it is not done"
    pool.unclaim(entry)
    assert stages(pool) == {"b": Stage.HOST}
    assert pool.lease(other) is not None
    assert pool.tiers()["host"].nbytes == 8


def test_the_allocator_is_trimmed_once_enough_was_unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed = threading.Event()
    monkeypatch.setattr(memory, "trim", trimmed.set)
    monkeypatch.setattr(pools, "TRIM_BYTES", 16)
    pool = Shelf().pool()
    for name in ("a", "b"):
        step(pool, name)
    pool.discard(version("a").digest)
    load(pool, "c")  # behind which a trim would have been done
    assert not trimmed.is_set()
    pool.discard(version("b").digest)
    assert trimmed.wait(10)


def test_asking_again_for_what_is_being_given_up_keeps_it() -> None:
    shelf = Shelf()
    pool = shelf.pool()
    entry = pool.claim(version("a"))
    entry.host.result(10)
    pool.discard(entry.digest)
    assert pool.claim(version("a")) is entry
    pool.unclaim(entry)
    pool.unclaim(entry)
    assert stages(pool) == {"a": Stage.HOST} and shelf.loads["acme/a"] == 1


def test_vacating_frees_the_slot_and_goes_first_from_host_memory() -> None:
    shelf = Shelf()
    pool = shelf.pool(host_bytes=16)
    for name in ("a", "b"):
        step(pool, name)
    assert pool.vacate(version("b").digest)
    assert stages(pool) == {"b": Stage.HOST, "a": Stage.DEVICE}
    step(pool, "c")
    assert set(stages(pool)) == {"a", "c"}
    with pool.wearing(version("a")):
        assert not pool.vacate(version("a").digest)
    assert pool.vacate(version("never").digest)


def test_a_failed_load_leaves_nothing_and_the_next_try_starts_afresh() -> None:
    shelf = Shelf()
    shelf.broken.add("acme/a")
    pool = shelf.pool(slots=1)
    for _ in range(2):
        with pytest.raises(AdapterError, match="does not fit"):
            load(pool, "a")
    assert shelf.loads["acme/a"] == 2 and pool.entries() == []
    shelf.broken.clear()
    load(pool, "a")
    assert stages(pool) == {"a": Stage.HOST}


def test_pinned_versions_give_way_to_none() -> None:
    pool = Shelf().pool(slots=2, host_bytes=16)
    step(pool, "a")
    pool.pin(version("a").digest)
    for name in ("b", "c", "d"):
        step(pool, name)
    assert stages(pool) == {"a": Stage.DEVICE, "d": Stage.DEVICE}
    with pytest.raises(RequestError, match="1 of 2 slots are pinned"):
        pool.pin(version("d").digest)
    pool.pin(version("a").digest, pinned=False)
    for name in ("e", "f"):
        step(pool, name)
    assert "a" not in stages(pool)


def test_pins_leave_half_of_the_devices_bytes_and_are_not_asked_for() -> None:
    pool = Shelf().pool(device_bytes=20)
    for name in ("a", "b"):
        step(pool, name)
    pool.pin(version("a").digest)
    with pytest.raises(RequestError, match="16 bytes would be pinned"):
        pool.pin(version("b").digest)
    with pytest.raises(AdapterError, match="the device budget leaves 4"):
        tight = Shelf().pool(device_bytes=17)
        step(tight, "a")
        tight.pin(version("a").digest)
        tight._tiers.budget = Budget(device_bytes=12)
        load(tight, "c")


def test_what_was_counted_on_beyond_the_budget_leaves_when_it_is_done_with() -> None:
    pool = Shelf().pool(host_bytes=16)
    entries = [pool.claim(version(name)) for name in "abcd"]
    for entry in entries:
        entry.host.result(10)
    assert pool.tiers()["host"].nbytes == 32
    for entry in entries:
        pool.unclaim(entry)
    assert set(stages(pool)) == {"c", "d"} and pool.tiers()["host"].nbytes == 16


def test_an_interrupt_belongs_to_the_thread_that_made_the_adapter() -> None:
    pool = Shelf().pool()
    begun, interrupt = threading.Event(), threading.Event()

    def make() -> Any:
        begun.set()
        assert interrupt.wait(10)
        raise KeyboardInterrupt

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pool.claim_made, version("a"), make)
        assert begun.wait(10)
        second = threads.submit(pool.claim_made, version("a"), make)
        while sum(entry.claims for entry in pool.entries()) < 2:
            threading.Event().wait(0.01)
        interrupt.set()
        with pytest.raises(KeyboardInterrupt):
            first.result(10)
        with pytest.raises(RequestError, match="interrupted"):
            second.result(10)
    assert pool.entries() == []


def test_waiting_for_a_slot_ends_in_time_and_with_the_pool() -> None:
    pool = Shelf().pool(slots=1)
    with pool.wearing(version("a")), ThreadPoolExecutor(1) as threads:
        entry = pool.claim(version("b"))
        entry.host.result(10)
        assert pool.lease_soon(entry, 0.01) is None
        waiting = threads.submit(pool.lease_soon, entry)
        threading.Event().wait(0.05)
        pool.close()
        with pytest.raises(RequestError, match="closed"):
            waiting.result(10)


def test_closing_tells_those_who_wait_for_a_load_that_was_not_begun() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    pool = shelf.pool(loaders=1)
    entries = [pool.claim(version(name)) for name in ("a", "b")]
    with ThreadPoolExecutor(1) as threads:
        closing = threads.submit(pool.close)
        shelf.gate.set()
        closing.result(10)
    assert entries[0].host.exception(10) is None
    assert isinstance(entries[1].host.exception(10), RequestError)
    with pytest.raises(RequestError, match="closed"):
        pool.claim(version("c"))


NAMES = st.sampled_from("abcde")
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["claim", "discard", "vacate", "pin", "unpin"]), NAMES),
        st.tuples(st.sampled_from(["lease", "unlease", "unclaim"]), st.integers(0, 9)),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(actions=ACTIONS)
def test_no_order_of_events_breaks_the_bounds_or_takes_what_is_counted_on(actions: list[tuple[str, Any]]) -> None:
    """Held adapters stay; slots and bytes are counted right; in the end nothing is left counted on."""
    pool = Shelf().pool(slots=3, host_bytes=32)
    held: list[tuple[Any, Any]] = []
    try:
        for action, subject in actions:
            if action == "claim":
                entry = pool.claim(version(subject))
                held.append((entry, entry.host.result(10)))
            elif action == "discard":
                pool.discard(version(subject).digest)
            elif action == "vacate":
                pool.vacate(version(subject).digest)
            elif action == "unpin":
                pool.pin(version(subject).digest, pinned=False)
            elif action == "pin":
                if sum(entry.pinned for entry in pool.entries()) < 1:
                    pool.pin(version(subject).digest)
            elif held:
                entry, adapter = held[subject % len(held)]
                if action == "lease":
                    placed = pool.lease(entry)
                    assert placed in (adapter, None)
                elif action == "unlease" and entry.leases:
                    pool.unlease(entry)
                elif action == "unclaim" and not entry.leases:
                    held.remove((entry, adapter))
                    pool.unclaim(entry)
            here = pool.entries()
            for entry, adapter in held:
                assert entry in here and entry.host.result() is adapter
            with_slot = [entry for entry in here if entry.slot is not None]
            assert len(with_slot) <= 3 and all(entry.slot for entry in here if entry.leases)
            assert pool.tiers()["device"].nbytes == 8 * len(with_slot)
            assert pool.tiers()["host"].nbytes == 8 * len(here)
            counted_on = sum(1 for entry in here if not entry.idle or entry.pinned)
            assert len(here) <= max(4, counted_on + 1)
    finally:
        pool.close()


@pytest.mark.parametrize("limit", ["slots", "device_bytes", "host_bytes"])
def test_a_budget_of_nothing_is_none(limit: str) -> None:
    with pytest.raises(ValueError, match=f"{limit} is 0"):
        Budget(**{limit: 0})
