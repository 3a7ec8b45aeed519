"""What nobody asks for in a long time is forgotten, unless it is in use, and followed again by who asks next."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import Follower, LocalRegistry, Version
from registry.errors import AliasNotFound, RevokedVersion
from registry.followed import Followed
from tests.registry.folders import FACTS, write_adapter

IDLE, MOST = 100.0, 3
NAMES = ["acme/intent@1.0.0", "acme/intent@^1", "acme/intent@production"]


class World:
    """A follower with a clock that is set by hand."""

    def __init__(self, registry: LocalRegistry) -> None:
        self.registry = registry
        self.now = 0.0
        self.used: set[str] = set()
        self.released: list[str] = []
        self.follower = Follower(
            registry, release=self.release, in_use=self.in_use, followed=Followed(IDLE, MOST, lambda: self.now)
        )

    def release(self, version: Version) -> bool:
        self.released.append(version.version)
        return True

    def in_use(self, version: Version) -> bool:
        return version.version in self.used

    def poll_at(self, now: float) -> set[str]:
        """What is followed after a poll at that time."""
        self.now = now
        self.follower.poll()
        return set(self.follower.versions())


@pytest.fixture
def world(registry: LocalRegistry, tmp_path: Path) -> World:
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        registry.publish(write_adapter(tmp_path / version, seed=seed), "acme/intent", version, facts=FACTS)
    registry.alias("acme/intent", "production", "1.0.0", expect=None)
    world = World(registry)
    for name in NAMES:
        world.follower.follow(name)
    return world


def test_what_nobody_asked_for_is_forgotten_and_followed_again(world: World) -> None:
    assert world.poll_at(60) == set(NAMES)
    for name in NAMES[:2]:
        world.follower.follow(name)
    assert world.poll_at(120) == set(NAMES[:2])
    assert world.poll_at(170) == set()
    world.registry.alias("acme/intent", "production", "1.1.0", expect="1.0.0")
    assert world.follower.follow("acme/intent@production").version == "1.1.0"
    assert world.poll_at(180) == {"acme/intent@production"}


def test_a_version_that_no_reference_stands_for_any_more_is_released(world: World) -> None:
    world.poll_at(60)
    world.follower.follow("acme/intent@1.0.0")
    world.poll_at(120)
    assert world.released == ["1.1.0"]


def test_what_is_in_use_is_not_forgotten(world: World) -> None:
    world.used = {"1.0.0"}
    assert world.poll_at(120) == {"acme/intent@1.0.0", "acme/intent@production"}
    world.used = set()
    assert world.poll_at(122) == set()


def test_of_too_many_the_longest_unasked_are_forgotten(world: World) -> None:
    world.now = 10
    for name in [NAMES[0], "acme/intent@1.1.0", "acme/intent"]:
        world.follower.follow(name)
    assert world.poll_at(12) == {NAMES[0], "acme/intent@1.1.0", "acme/intent"}


def test_what_is_refused_is_forgotten_too(world: World) -> None:
    world.registry.revoke("acme/intent@1.0.0", "leaks names")
    world.poll_at(60)
    with pytest.raises(RevokedVersion):
        world.follower.version("acme/intent@1.0.0")
    world.poll_at(200)
    with pytest.raises(KeyError):
        world.follower.version("acme/intent@1.0.0")
    assert world.follower.failures() == {}
    with pytest.raises(RevokedVersion, match="leaks names"):
        world.follower.follow("acme/intent@1.0.0")


def test_what_never_resolved_leaves_nothing(world: World) -> None:
    for number in range(10):
        with pytest.raises(AliasNotFound):
            world.follower.follow(f"acme/intent@none-{number}")
    assert world.poll_at(2) == set(NAMES)
