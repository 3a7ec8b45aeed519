"""One content under several names: what is wrong with one of the names is not the others' fault."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapterhub.backbone import Backbone
from adapterhub.runtime.engine import Engine
from adapterhub.runtime.residency.pool import AdapterPool
from adapterhub.runtime.residency.tiers import Budget
from registry import LocalRegistry, Version
from registry.errors import RevokedVersion
from tests.runtime.conftest import TINY
from tests.runtime.test_pool import CPU, Shelf, version
from tests.support.adapters import Recipe, make_adapter, publish

NAMES = ["acme/first", "acme/second", "acme/third"]
VERSIONS = [dataclasses.replace(version("shared"), repository=name) for name in NAMES]


class Revoking:
    """Fetches no sooner than told to, and by then some names are revoked."""

    def __init__(self, *revoked: str) -> None:
        self.revoked = set(revoked)
        self.asked: Counter[str] = Counter()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, wanted: Version) -> Path:
        self.begun.set()
        assert self.go_on.wait(10)
        self.asked[wanted.repository] += 1
        if wanted.repository in self.revoked:
            raise RevokedVersion(f"{wanted} was revoked")
        return Path(wanted.repository)


@pytest.mark.parametrize("first", range(3))
def test_a_version_is_fetched_by_a_name_that_is_not_revoked(first: int) -> None:
    asking = VERSIONS[first:] + VERSIONS[:first]
    fetch = Revoking(*(one.repository for one in asking[:2]))
    pool = AdapterPool(fetch, Shelf().read, Budget(), CPU)
    entries = [pool.claim(one) for one in (*asking, *asking)]
    fetch.go_on.set()
    assert {entry.host.result(10).name for entry in entries} == {asking[2].repository}  # type: ignore[attr-defined]
    assert set(fetch.asked.values()) == {1}
    pool.close()


def test_what_is_revoked_by_every_name_is_refused_and_asked_for_anew() -> None:
    fetch = Revoking(*NAMES)
    pool = AdapterPool(fetch, Shelf().read, Budget(), CPU)
    entries = [pool.claim(one) for one in VERSIONS]
    fetch.go_on.set()
    for entry in entries:
        with pytest.raises(RevokedVersion):
            entry.host.result(10)
    fetch.revoked = {"acme/first"}
    with pool.holding(VERSIONS[1]) as entry:
        assert entry.host.result().name == "acme/second"  # type: ignore[attr-defined]
    with pool.holding(VERSIONS[0]):
        pass  # it is in memory, and needs no name any more
    pool.close()


class Slow(LocalRegistry):
    """Pulls no sooner than told to."""

    begun, go_on = threading.Event(), threading.Event()

    def pull(self, reference: str | Version) -> Path:
        self.begun.set()
        assert self.go_on.wait(30)
        return super().pull(reference)


def test_a_name_that_is_revoked_while_its_version_is_loaded_fails_no_other(
    backbone: Backbone, tiny_base: Path, tmp_path: Path
) -> None:
    registry = Slow(tmp_path / "registry")
    made = make_adapter(tmp_path / "made", tiny_base, TINY, Recipe(options={"r": 4}, seed=1))
    for name in NAMES[:2]:
        publish(registry, made, name, "1.0.0", backbone)
    with Engine(backbone, registry, poll_seconds=3600) as engine, ThreadPoolExecutor(2) as threads:
        first = threads.submit(engine.predict, [(NAMES[0], "hello")])
        assert registry.begun.wait(10)
        second = threads.submit(engine.predict, [(NAMES[1], "hello")])
        while not any(entry.claims == 2 for entry in engine.pool.entries()):
            threading.Event().wait(0.01)
        registry.revoke(f"{NAMES[0]}@1.0.0", "found to be harmful")
        registry.go_on.set()
        assert str(second.result(30)[0].version) == f"{NAMES[1]}@1.0.0"
        assert str(first.result(30)[0].version) == f"{NAMES[0]}@1.0.0", "it entered before, and finishes on it"
        engine.refresh()
        with pytest.raises(RevokedVersion):
            engine.predict([(NAMES[0], "hello")])
        engine.predict([(NAMES[1], "hello")])
