"""What cannot be prepared is tried again later and later, until its name moves or somebody asks for it now."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from registry import Follower, LocalRegistry, Version
from registry.errors import RegistryUnavailable
from registry.failures import LONGEST_WAIT, Failures
from registry.followed import Followed
from tests.registry.folders import FACTS, write_adapter

PRODUCTION = "acme/intent@production"
BROKEN = ("1.1.0", "1.2.0")
INTERVAL = 2.0


class World:
    """A follower that polls when its clock says so, and versions that cannot be prepared."""

    def __init__(self, registry: LocalRegistry) -> None:
        self.registry = registry
        self.now = 0.0
        self.tries: list[tuple[float, str]] = []
        self.broken = set(BROKEN)
        self.asked = 0
        self.follower = Follower(registry, INTERVAL, verify=self.verify, followed=Followed(clock=lambda: self.now))
        self.follower.follow(PRODUCTION)
        resolve = registry.resolve

        def counting(reference: str) -> Version:
            self.asked += 1
            return resolve(reference)

        registry.resolve = counting  # type: ignore[method-assign]

    def verify(self, version: Version) -> None:
        self.tries.append((self.now, version.version))
        if version.version in self.broken:
            raise MemoryError("no slot is free")

    def move(self, version: str) -> None:
        current = self.registry.alias_history("acme/intent", "production")[0].version
        self.registry.alias("acme/intent", "production", version, expect=current)

    def poll_for(self, seconds: float) -> list[float]:
        """Poll so long; when versions were tried meanwhile."""
        before = len(self.tries)
        until = self.now + seconds
        while self.now < until:
            self.now += INTERVAL
            self.follower.poll()
        return [at for at, _ in self.tries[before:]]


@pytest.fixture
def world(registry: LocalRegistry, tmp_path: Path) -> World:
    for seed, version in enumerate(("1.0.0", *BROKEN)):
        registry.publish(write_adapter(tmp_path / version, seed=seed), "acme/intent", version, facts=FACTS)
    registry.alias("acme/intent", "production", "1.0.0", expect=None)
    return World(registry)


def test_each_try_comes_after_twice_the_time_and_never_too_late(world: World) -> None:
    world.move("1.1.0")
    tries = world.poll_for(2000)
    waits = [after - before for before, after in itertools.pairwise(tries)]
    assert waits[:7] == [2, 4, 8, 16, 32, 64, 128]
    assert set(waits[8:]) == {LONGEST_WAIT}
    assert world.follower.version(PRODUCTION).version == "1.0.0"
    assert world.asked < 3 * len(tries), "the registry is asked no oftener than it is tried"


def test_what_was_mended_is_found_at_the_next_try(world: World) -> None:
    world.move("1.1.0")
    world.poll_for(20)
    world.broken.clear()
    assert len(world.poll_for(20)) == 1
    assert world.follower.version(PRODUCTION).version == "1.1.0"
    assert world.follower.failures() == {}


def test_a_name_that_moves_again_is_tried_at_once_and_begins_anew(world: World) -> None:
    world.move("1.1.0")
    world.poll_for(100)
    world.move("1.2.0")
    assert world.poll_for(6) == [102, 104]
    world.move("1.1.0")
    assert world.poll_for(6) == [108, 110]
    world.move("1.0.0")
    assert world.poll_for(6) == []
    assert world.follower.failures() == {}


def test_other_changes_of_the_repository_try_nothing(world: World) -> None:
    world.move("1.1.0")
    world.poll_for(100)
    world.registry.alias("acme/intent", "canary", "1.0.0", expect=None)
    assert world.poll_for(4) == []
    assert PRODUCTION in world.follower.failures()


def test_a_refresh_tries_at_once_and_begins_anew(world: World) -> None:
    world.move("1.1.0")
    world.poll_for(100)
    world.follower.refresh()
    assert world.tries[-1] == (100, "1.1.0")
    assert world.poll_for(6) == [102, 106]


def test_a_registry_out_of_reach_neither_hides_nor_hurries_what_waits() -> None:
    now = 0.0
    failures = Failures(INTERVAL, lambda: now)
    failures.unprepared("a", "sha256:1", MemoryError("no slot is free"))
    for reference in ("a", "b"):
        failures.unreachable(reference, RegistryUnavailable("the index cannot be used"))
    assert {one: type(failure.error) for one, failure in failures.known().items()} == {
        "a": MemoryError,
        "b": RegistryUnavailable,
    }
    assert failures.due() == ["b"]
    now = INTERVAL
    assert failures.due() == ["a", "b"]
