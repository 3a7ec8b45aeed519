"""A name moves to another version while requests run: each answer is wholly of the version that it names."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterError
from adapterhub.runtime.adapters.adapter import Adapter, AdapterLoader
from adapterhub.runtime.engine import Budget, Engine
from adapterhub.runtime.residency.entry import Entry, Stage
from adapterhub.tasks import LabelAnswer
from registry import Registry, RegistryError, Version, open_registry
from registry.swap import SwapStage
from tests.support.adapters import Made, Recipe, make_adapter, publish

TINY = "tests/tiny-bert"
TEXTS = ["my computer is on fire", "tell me a joke", "hello", "the printer is not working what now"]
THREADS, REQUESTS, MOVES = 4, 1000, 100


@pytest.fixture
def two(tiny_base: Path, backbone: Backbone, tmp_path: Path) -> Iterator[tuple[Registry, dict[str, Made]]]:
    """acme/swap in versions 1.0.0 and 2.0.0, `production` on the first."""
    registry = open_registry(tmp_path / "registry")
    made = {}
    for number, seed in (("1.0.0", 1), ("2.0.0", 2)):
        recipe = Recipe(options={"r": 4}, seed=seed, scale=3.0)
        made[number] = make_adapter(tmp_path / number, tiny_base, TINY, recipe)
        publish(registry, made[number], "acme/swap", number, backbone)
    registry.alias("acme/swap", "production", "1.0.0", expect=None)
    yield registry, made


def expected_answers(engine: Engine) -> dict[tuple[str, str], torch.Tensor]:
    found = {}
    for number in ("1.0.0", "2.0.0"):
        for text, answer in zip(TEXTS, engine.predict([(f"acme/swap@{number}", text) for text in TEXTS]), strict=True):
            assert isinstance(answer, LabelAnswer)
            found[number, text] = answer.logits
    for text in TEXTS:
        assert (found["1.0.0", text] - found["2.0.0", text]).abs().max() >= 0.1
    return found


def test_hot_swap_under_load(backbone: Backbone, two: tuple[Registry, dict[str, Made]]) -> None:
    registry, _ = two
    weights = backbone.digest()
    seen: set[str] = set()
    sent = iter(range(REQUESTS))
    taking = threading.Lock()
    with Engine(backbone, registry, poll_seconds=3600) as engine:
        expected = expected_answers(engine)
        engine.follow("acme/swap@production")

        def send() -> None:
            while True:
                with taking:
                    number = next(sent, None)
                if number is None:
                    return
                text = TEXTS[number % len(TEXTS)]
                (answer,) = engine.predict([("acme/swap@production", text)])
                assert isinstance(answer, LabelAnswer) and answer.version is not None
                torch.testing.assert_close(answer.logits, expected[answer.version.version, text], rtol=0, atol=1e-9)
                seen.add(answer.version.version)

        with ThreadPoolExecutor(THREADS) as threads:
            running = [threads.submit(send) for _ in range(THREADS)]
            current = "1.0.0"
            for _ in range(MOVES):
                target = "2.0.0" if current == "1.0.0" else "1.0.0"
                registry.alias("acme/swap", "production", target, expect=current)
                current = target
                engine.follower.refresh()
            for future in running:
                future.result(120)
        assert engine.predict([("acme/swap@production", "hello")])[0].version.version == current  # type: ignore[union-attr]
    assert seen == {"1.0.0", "2.0.0"}
    assert backbone.digest() == weights


def test_a_batch_that_has_begun_finishes_on_the_version_it_entered_with(
    backbone: Backbone, two: tuple[Registry, dict[str, Made]]
) -> None:
    registry, _ = two
    with Engine(backbone, registry, poll_seconds=3600, budget=Budget(slots=1)) as engine:
        version = engine.follow("acme/swap@production")
        with engine.pool.wearing(version) as adapter:
            before = adapter.head
            registry.alias("acme/swap", "production", "2.0.0", expect="1.0.0")
            registry.revoke("acme/swap@1.0.0", "found to be harmful")
            engine.unload("acme/swap@production")
            assert adapter.head is before and before is not None


def test_a_version_that_does_not_fit_leaves_the_old_one_answering(
    backbone: Backbone, two: tuple[Registry, dict[str, Made]], tiny_base: Path, tmp_path: Path
) -> None:
    registry, _ = two
    stranger = make_adapter(tmp_path / "stranger", tiny_base, "tests/other", Recipe(options={"r": 4}, seed=9))
    publish(registry, stranger, "acme/swap", "3.0.0", backbone)
    with Engine(backbone, registry, poll_seconds=3600) as engine:
        engine.follow("acme/swap@production")
        registry.alias("acme/swap", "production", "3.0.0", expect="1.0.0")
        engine.follower.refresh()
        (answer,) = engine.predict([("acme/swap@production", "hello")])
        assert str(answer.version) == "acme/swap@1.0.0"
        with pytest.raises(AdapterError, match="tests/other"):
            engine.predict([("acme/swap@3.0.0", "hello")])
        registry.alias("acme/swap", "production", "2.0.0", expect="3.0.0")
        engine.follower.refresh()
        (answer,) = engine.predict([("acme/swap@production", "hello")])
        assert str(answer.version) == "acme/swap@2.0.0"


def test_the_poll_thread_follows_by_itself(backbone: Backbone, two: tuple[Registry, dict[str, Made]]) -> None:
    registry, _ = two
    with Engine(backbone, registry, poll_seconds=0.05) as engine:
        engine.follow("acme/swap@production")
        registry.alias("acme/swap", "production", "2.0.0", expect="1.0.0")
        for _ in range(200):
            if engine.status().following["acme/swap@production"].version == "2.0.0":
                break
            threading.Event().wait(0.05)
        assert str(engine.predict([("acme/swap@production", "hello")])[0].version) == "acme/swap@2.0.0"


def test_a_revoked_version_is_refused_from_the_next_poll_on(
    backbone: Backbone, two: tuple[Registry, dict[str, Made]]
) -> None:
    registry, _ = two
    with Engine(backbone, registry, poll_seconds=3600) as engine:
        engine.predict([("acme/swap@production", "hello"), ("acme/swap@1.0.0", "hello")])
        registry.revoke("acme/swap@1.0.0", "found to be harmful")
        engine.follower.refresh()
        for reference in ("acme/swap@production", "acme/swap@1.0.0"):
            with pytest.raises(RegistryError, match="harmful"):
                engine.predict([(reference, "hello")])


def test_unloading_frees_the_slot_and_the_memory(backbone: Backbone, two: tuple[Registry, dict[str, Made]]) -> None:
    registry, _ = two

    def tensor_bytes() -> int:
        """Of every live tensor with memory of its own; the shells of heads are on the meta device and have none."""
        gc.collect()
        live = [thing for thing in gc.get_objects() if type(thing) in (torch.Tensor, torch.nn.Parameter)]
        return sum(
            {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in live if not t.is_meta}.values()
        )

    with Engine(backbone, registry, poll_seconds=3600) as engine:
        engine.predict([(None, "hello")])
        before = tensor_bytes()
        references = [f"acme/swap@{selector}" for selector in ("1.0.0", "2.0.0", "production", "^2.0")]
        versions: list[Version] = [engine.follow(reference) for reference in references]
        engine.predict([(reference, "hello") for reference in references])
        assert len(engine.status().resident) == 2 and tensor_bytes() > before
        for reference in references[:2]:
            engine.unload(reference)
        assert {entry.version.digest for entry in engine.status().resident} == {version.digest for version in versions}
        for reference in references[2:]:
            engine.unload(reference)
        assert engine.status().resident == [] and engine.status().following == {}
        assert tensor_bytes() == before


class Fault(RuntimeError):
    """What a stage is made to raise."""


@pytest.mark.parametrize("stage", ["loading", "verifying", "too large", "placing"])
def test_a_fault_at_any_stage_leaves_the_old_version_answering_as_before(
    backbone: Backbone, two: tuple[Registry, dict[str, Made]], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    registry, _ = two
    with Engine(backbone, registry, poll_seconds=3600) as engine:
        expected = expected_answers(engine)
        engine.follow("acme/swap@production")
        new = registry.resolve("acme/swap@2.0.0")
        engine.unload("acme/swap@2.0.0")

        def fail(*_: object) -> NoReturn:
            raise Fault("broken here")

        lease = engine.pool.lease

        def out_of_memory(entry: Entry) -> Adapter | None:
            return lease(entry) if entry.digest != new.digest else fail()

        with monkeypatch.context() as patch:
            if stage == "loading":
                patch.setattr(type(registry), "pull", fail)
            elif stage == "verifying":
                patch.setattr(AdapterLoader, "load", fail)
            elif stage == "too large":
                patch.setattr(engine.pool._tiers, "check_size", fail)
            else:
                patch.setattr(engine.pool, "lease", out_of_memory)
            registry.alias("acme/swap", "production", "2.0.0", expect="1.0.0")
            engine.refresh()
            swap = engine.status().swaps["acme/swap@production"]
            assert swap.stage is SwapStage.FAILED and isinstance(swap.error, Fault)
            (answer,) = engine.predict([("acme/swap@production", TEXTS[0])])
            assert isinstance(answer, LabelAnswer) and str(answer.version) == "acme/swap@1.0.0"
            torch.testing.assert_close(answer.logits, expected["1.0.0", TEXTS[0]], rtol=0, atol=1e-9)
            assert new.digest not in {entry.version.digest for entry in engine.status().resident}, "nothing is left"
        engine.refresh()
        (answer,) = engine.predict([("acme/swap@production", TEXTS[0])])
        assert isinstance(answer, LabelAnswer) and str(answer.version) == "acme/swap@2.0.0"
        torch.testing.assert_close(answer.logits, expected["2.0.0", TEXTS[0]], rtol=0, atol=1e-9)
        engine.refresh()
        assert engine.status().swaps["acme/swap@production"].stage is SwapStage.RELEASED


def test_the_old_version_is_drained_before_its_slot_is_free(
    backbone: Backbone, two: tuple[Registry, dict[str, Made]]
) -> None:
    registry, _ = two
    with Engine(backbone, registry, poll_seconds=3600) as engine:
        old = engine.follow("acme/swap@production")
        engine.predict([("acme/swap@production", "hello")])

        def stage_of(digest: str) -> Stage:
            return next(one.stage for one in engine.status().resident if one.version.digest == digest)

        with engine.pool.wearing(old):
            registry.alias("acme/swap", "production", "2.0.0", expect="1.0.0")
            engine.refresh()
            assert str(engine.predict([("acme/swap@production", "hello")])[0].version) == "acme/swap@2.0.0"
            assert engine.status().swaps["acme/swap@production"].stage is SwapStage.DRAINING
            assert stage_of(old.digest) is Stage.DEVICE
        engine.refresh()
        assert engine.status().swaps["acme/swap@production"].stage is SwapStage.RELEASED
        assert stage_of(old.digest) is Stage.HOST
        loads = {one.version.digest: one.loads for one in engine.status().resident}
        registry.alias("acme/swap", "production", "1.0.0", expect="2.0.0")
        engine.refresh()
        assert str(engine.predict([("acme/swap@production", "hello")])[0].version) == "acme/swap@1.0.0"
        now = {one.version.digest: one.loads for one in engine.status().resident}
        assert now == loads, "rolling back reads nothing"


def test_a_version_that_another_name_stands_for_keeps_its_slot(
    backbone: Backbone, two: tuple[Registry, dict[str, Made]]
) -> None:
    registry, _ = two
    with Engine(backbone, registry, poll_seconds=3600) as engine:
        for reference in ("acme/swap@production", "acme/swap@1.0.0"):
            engine.predict([(reference, "hello")])
        registry.alias("acme/swap", "production", "2.0.0", expect="1.0.0")
        engine.refresh()
        assert engine.status().swaps["acme/swap@production"].stage is SwapStage.RELEASED
        stages = {str(one.version): one.stage for one in engine.status().resident}
        assert stages["acme/swap@1.0.0"] is Stage.DEVICE


def test_a_revoked_version_gives_its_slot_back(backbone: Backbone, two: tuple[Registry, dict[str, Made]]) -> None:
    registry, _ = two
    with Engine(backbone, registry, poll_seconds=3600) as engine:
        engine.predict([("acme/swap@1.0.0", "hello")])
        assert engine.status().tiers["device"].versions == 1
        registry.revoke("acme/swap@1.0.0", "found to be harmful")
        engine.refresh()
        assert engine.status().tiers["device"].versions == 0
