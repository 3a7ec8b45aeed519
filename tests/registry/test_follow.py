"""Following references: changes are prepared before they are seen, failures are kept apart, revocation wins."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from registry import Follower, LocalRegistry, Version
from registry.errors import AliasNotFound, RegistryUnavailable, RevokedVersion
from registry.protocol import Changes
from tests.registry.folders import FACTS, write_adapter

PRODUCTION = "acme/intent@production"


@pytest.fixture
def released(registry: LocalRegistry, tmp_path: Path) -> LocalRegistry:
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        registry.publish(write_adapter(tmp_path / version, seed=seed), "acme/intent", version, facts=FACTS)
    registry.alias("acme/intent", "production", "1.0.0", expect=None)
    return registry


class Preparing:
    """Notes what it is given, and fails when told to."""

    def __init__(self, failing: bool = False) -> None:
        self.failing = failing
        self.given: list[str] = []

    def __call__(self, version: Version) -> None:
        self.given.append(version.version)
        if self.failing:
            raise MemoryError("no slot is free")


def move(registry: LocalRegistry, version: str) -> None:
    registry.alias("acme/intent", "production", version, expect=registry.resolve(PRODUCTION).version)


def test_the_map_changes_at_a_poll_only(released: LocalRegistry) -> None:
    follower = Follower(released)
    assert follower.follow(PRODUCTION).version == "1.0.0"
    move(released, "1.1.0")
    assert follower.follow(PRODUCTION).version == "1.0.0"
    follower.refresh()
    assert follower.follow(PRODUCTION).version == follower.version(PRODUCTION).version == "1.1.0"
    assert {reference: version.version for reference, version in follower.versions().items()} == {PRODUCTION: "1.1.0"}


def test_a_new_version_is_prepared_before_it_is_seen(released: LocalRegistry) -> None:
    seen: list[str] = []
    follower = Follower(
        released, verify=lambda version: seen.append(f"{version.version} {follower.version(PRODUCTION).version}")
    )
    follower.follow(PRODUCTION)
    move(released, "1.1.0")
    follower.refresh()
    follower.refresh()
    assert seen == ["1.1.0 1.0.0"]


def test_what_cannot_be_prepared_changes_nothing_until_it_can(released: LocalRegistry) -> None:
    prepare = Preparing(failing=True)
    follower = Follower(released, verify=prepare)
    follower.follow(PRODUCTION)
    move(released, "1.1.0")
    follower.refresh()
    assert follower.version(PRODUCTION).version == "1.0.0"
    failure = follower.failures()[PRODUCTION]
    assert isinstance(failure.error, MemoryError)
    follower.refresh()
    assert follower.failures()[PRODUCTION].since == failure.since
    prepare.failing = False
    follower.refresh()
    assert follower.version(PRODUCTION).version == "1.1.0"
    assert follower.failures() == {}
    assert prepare.given == ["1.1.0"] * 3


def test_one_failure_does_not_stop_the_others(released: LocalRegistry) -> None:
    released.alias("acme/intent", "canary", "1.0.0", expect=None)

    def prepare(version: Version) -> None:
        if version.version == "1.1.0":
            raise ValueError("broken")

    follower = Follower(released, verify=prepare)
    for reference in (PRODUCTION, "acme/intent@canary"):
        follower.follow(reference)
    move(released, "1.1.0")
    released.publish(write_adapter(released.root.parent / "next", seed=9), "acme/intent", "1.2.0", facts=FACTS)
    released.alias("acme/intent", "canary", "1.2.0", expect="1.0.0")
    follower.refresh()
    assert follower.version("acme/intent@canary").version == "1.2.0"
    assert set(follower.failures()) == {PRODUCTION}


def test_ranges_move_and_exact_versions_stay(released: LocalRegistry, tmp_path: Path) -> None:
    follower = Follower(released)
    for reference in ("acme/intent@^1", "acme/intent", "acme/intent@1.1.0"):
        follower.follow(reference)
    released.publish(write_adapter(tmp_path / "next", seed=2), "acme/intent", "1.2.0", facts=FACTS)
    follower.refresh()
    found = {reference: version.version for reference, version in follower.versions().items()}
    assert found == {"acme/intent@^1": "1.2.0", "acme/intent": "1.2.0", "acme/intent@1.1.0": "1.1.0"}


@pytest.mark.parametrize("reference", [PRODUCTION, "acme/intent@1.0.0"])
def test_a_revoked_version_is_refused_from_the_next_poll_on(released: LocalRegistry, reference: str) -> None:
    follower = Follower(released)
    follower.follow(reference)
    released.revoke("acme/intent@1.0.0", "leaks names")
    follower.refresh()
    for ask in (follower.follow, follower.version):
        with pytest.raises(RevokedVersion, match="leaks names"):
            ask(reference)
    assert follower.versions() == {}
    assert isinstance(follower.failures()[reference].error, RevokedVersion)


def test_a_revoked_version_is_refused_even_if_its_replacement_fails(released: LocalRegistry) -> None:
    prepare = Preparing(failing=True)
    follower = Follower(released, verify=prepare)
    follower.follow("acme/intent@^1")
    released.revoke("acme/intent@1.1.0", "leaks names")
    follower.refresh()
    with pytest.raises(RevokedVersion):
        follower.version("acme/intent@^1")
    prepare.failing = False
    follower.refresh()
    assert follower.version("acme/intent@^1").version == "1.0.0"


def test_a_revoked_version_is_refused_when_its_range_has_nothing_else(released: LocalRegistry) -> None:
    follower = Follower(released)
    follower.follow("acme/intent@~1.1")
    released.revoke("acme/intent@1.1.0", "leaks names")
    follower.refresh()
    with pytest.raises(RevokedVersion, match="leaks names"):
        follower.version("acme/intent@~1.1")


def test_a_revoked_version_is_refused_while_its_replacement_is_prepared(released: LocalRegistry) -> None:
    during: list[str] = []

    def prepare(version: Version) -> None:
        with pytest.raises(RevokedVersion):
            follower.version("acme/intent@^1")
        during.append(version.version)

    follower = Follower(released, verify=prepare)
    follower.follow("acme/intent@^1")
    released.revoke("acme/intent@1.1.0", "leaks names")
    follower.refresh()
    assert during == ["1.0.0"]
    assert follower.version("acme/intent@^1").version == "1.0.0"


def test_moving_the_alias_off_a_revoked_version_ends_the_refusal(released: LocalRegistry) -> None:
    follower = Follower(released)
    follower.follow(PRODUCTION)
    released.revoke("acme/intent@1.0.0", "leaks names")
    follower.refresh()
    released.alias("acme/intent", "production", "1.1.0", expect="1.0.0")
    follower.refresh()
    assert follower.version(PRODUCTION).version == "1.1.0"


def test_a_yank_changes_the_status_but_prepares_nothing(released: LocalRegistry) -> None:
    prepare = Preparing()
    follower = Follower(released, verify=prepare)
    follower.follow("acme/intent@1.0.0")
    released.yank("acme/intent@1.0.0", "slow")
    with pytest.warns(UserWarning, match="yanked"):
        follower.refresh()
    assert follower.version("acme/intent@1.0.0").status == "yanked"
    assert prepare.given == []


class Unreachable:
    """A registry that can be cut off."""

    def __init__(self, registry: LocalRegistry) -> None:
        self.registry = registry
        self.cut_off = False

    def resolve(self, reference: str) -> Version:
        if self.cut_off:
            raise RegistryUnavailable("the index cannot be used")
        return self.registry.resolve(reference)

    def changes(self, since: int | None) -> Changes:
        if self.cut_off:
            raise RegistryUnavailable("the index cannot be used")
        return self.registry.changes(since)


def test_a_registry_out_of_reach_leaves_the_map_as_it_is(released: LocalRegistry) -> None:
    registry = Unreachable(released)
    follower = Follower(registry)  # type: ignore[arg-type]
    follower.follow(PRODUCTION)
    registry.cut_off = True
    follower.refresh()
    assert follower.version(PRODUCTION).version == "1.0.0"
    assert isinstance(follower.failures()[PRODUCTION].error, RegistryUnavailable)
    registry.cut_off = False
    follower.refresh()
    assert follower.failures() == {}


def test_what_does_not_resolve_is_not_followed(released: LocalRegistry) -> None:
    follower = Follower(released)
    with pytest.raises(AliasNotFound):
        follower.follow("acme/intent@canary")
    with pytest.raises(KeyError):
        follower.version("acme/intent@canary")
    follower.refresh()
    assert follower.failures() == {}


def test_unfollowing(released: LocalRegistry) -> None:
    follower = Follower(released)
    follower.follow(PRODUCTION)
    gone = follower.unfollow(PRODUCTION)
    assert gone is not None
    assert gone.version == "1.0.0"
    assert follower.versions() == {}
    assert follower.unfollow(PRODUCTION) is None


def test_what_is_unfollowed_while_it_is_prepared_does_not_come_back(released: LocalRegistry) -> None:
    follower = Follower(released, verify=lambda version: follower.unfollow(PRODUCTION))
    follower.follow(PRODUCTION)
    move(released, "1.1.0")
    follower.refresh()
    assert follower.versions() == {}


def test_its_own_thread_polls_until_it_is_stopped(released: LocalRegistry) -> None:
    before = set(threading.enumerate())
    prepared = threading.Event()
    follower = Follower(released, interval=0.01, verify=lambda version: prepared.set())
    with follower:
        follower.start()  # twice is once
        follower.follow(PRODUCTION)
        move(released, "1.1.0")
        assert prepared.wait(30)
    assert follower.version(PRODUCTION).version == "1.1.0"
    assert not set(threading.enumerate()) - before
    follower.stop()  # twice is once


class Held:
    """Prepares 1.1.0 no sooner than told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.given: list[str] = []

    def __call__(self, version: Version) -> None:
        self.given.append(version.version)
        if version.version == "1.1.0":
            self.begun.set()
            assert self.go_on.wait(30)


class Counting(LocalRegistry):
    """Tells when a whole poll has been made."""

    left = 0

    def wait_for_polls(self, count: int = 2) -> None:
        self.left, self.done = count, threading.Event()
        assert self.done.wait(10), "no poll while a version is prepared"

    def changes(self, since: int | None) -> Changes:
        if self.left:
            self.left -= 1
            if not self.left:
                self.done.set()  # another poll begins, so the one before has ended
        return super().changes(since)


LAST = "acme/intent@2.0.0"


@pytest.fixture
def counting(released: LocalRegistry, tmp_path: Path) -> Counting:
    released.publish(write_adapter(tmp_path / "2.0.0", seed=9), "acme/intent", "2.0.0", facts=FACTS)
    return Counting(released.root)


def test_a_revocation_is_obeyed_while_another_reference_is_prepared(counting: Counting) -> None:
    prepare = Held()
    with Follower(counting, interval=0.01, verify=prepare) as follower:
        for reference in (PRODUCTION, "acme/intent@1.0.0", LAST):
            follower.follow(reference)
        move(counting, "1.1.0")
        assert prepare.begun.wait(10)
        counting.revoke("acme/intent@1.0.0", "leaks names")
        counting.wait_for_polls()
        for reference in ("acme/intent@1.0.0", PRODUCTION):  # what the prepared one replaces is revoked as well
            with pytest.raises(RevokedVersion, match="leaks names"):
                follower.version(reference)
        prepare.go_on.set()
    follower.refresh()
    assert follower.version(PRODUCTION).version == "1.1.0"


def test_what_is_revoked_while_it_is_prepared_is_never_seen(counting: Counting) -> None:
    prepare = Held()
    with Follower(counting, interval=0.01, verify=prepare) as follower:
        for reference in (PRODUCTION, LAST):
            follower.follow(reference)
        move(counting, "1.1.0")
        assert prepare.begun.wait(10)
        counting.revoke("acme/intent@1.1.0", "leaks names")
        counting.wait_for_polls()
        prepare.go_on.set()
    with pytest.raises(RevokedVersion):
        follower.version(PRODUCTION)


def test_only_the_latest_of_several_changes_is_prepared(counting: Counting, tmp_path: Path) -> None:
    prepare = Held()
    counting.publish(write_adapter(tmp_path / "next", seed=5), "acme/intent", "1.2.0", facts=FACTS)
    with Follower(counting, interval=0.01, verify=prepare) as follower:
        for reference in (PRODUCTION, LAST):
            follower.follow(reference)
        for version in ("1.1.0", "1.2.0", "2.0.0"):
            move(counting, version)
            assert prepare.begun.wait(10)
            counting.wait_for_polls()
        assert follower.version(PRODUCTION).version == "1.0.0"
        prepare.go_on.set()
        follower.refresh()  # waits for the one that is being prepared
        assert follower.version(PRODUCTION).version == "2.0.0"
    assert prepare.given == ["1.1.0", "2.0.0"]


@pytest.mark.parametrize("interval", [0, -1.0])
def test_an_interval_that_never_ends(released: LocalRegistry, interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        Follower(released, interval=interval)


def test_a_nudge_is_a_poll_now(released: LocalRegistry) -> None:
    seen = threading.Event()
    with Follower(released, interval=600, load=lambda version: seen.set()) as follower:
        follower.follow(PRODUCTION)
        follower.nudge()
        move(released, "1.1.0")
        follower.nudge()
        assert seen.wait(10)


def test_nudges_before_a_poll_are_one(released: LocalRegistry) -> None:
    polls = []
    polling, go_on = threading.Event(), threading.Event()

    class Slow(Unreachable):
        def changes(self, since: int | None) -> Changes:
            polls.append(since)
            polling.set()
            assert go_on.wait(10)
            return super().changes(since)

    with Follower(Slow(released), interval=600) as follower:  # type: ignore[arg-type]
        follower.nudge()
        assert polling.wait(10)
        for _ in range(50):
            follower.nudge()  # from any thread, and without waiting
        go_on.set()
        deadline = time.monotonic() + 10
        while len(polls) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
    assert len(polls) == 2
