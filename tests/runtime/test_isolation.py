"""Whatever happens in whatever order, a row is answered by the version that its name stood for when it entered.

Hypothesis makes up orders of requests, moves, revocations, unloading and refreshes, on an engine whose slots and
memory hold less than is asked for. A model says which version each name stands for; plain `peft` says what that version
answers. The adapters are of different methods and have heads of one size, so that the answer alone tells them apart.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapterhub.backbone import Backbone
from adapterhub.runtime.engine import Budget, Engine
from adapterhub.tasks import LabelAnswer
from registry import LocalRegistry, RegistryError, Version, open_registry
from registry.errors import RevokedVersion
from tests.runtime.conftest import TINY
from tests.support.adapters import Oracle, Recipe, make_adapter, publish

VERSIONS: Mapping[str, Recipe] = {
    "acme/a@1.0.0": Recipe(options={"r": 4}, labels=3, seed=1, scale=2.0),
    "acme/a@1.1.0": Recipe(method="prefix", options={"num_virtual_tokens": 4}, labels=3, seed=2, scale=2.0),
    "acme/a@2.0.0": Recipe(options={"r": 8, "use_dora": True}, labels=3, seed=3, scale=2.0),
    "acme/b@1.0.0": Recipe(method="ia3", labels=3, seed=4),
    "acme/b@1.1.0": Recipe(method="prompt", options={"num_virtual_tokens": 3}, labels=3, seed=5, scale=2.0),
}
IN_CI = bool(os.environ.get("CI"))  # where the same commit must give the same result; elsewhere each run tries others
REFERENCES = [*VERSIONS, "acme/a@production", "acme/b@production", "acme/a@^1", "acme/b", "acme/a"]
TEXTS = ["my computer is on fire", "hello", "tell me a joke what is the printer not"]


@dataclass(frozen=True)
class World:
    """A registry to copy, and what each of its versions answers to each text."""

    root: Path
    answers: Mapping[tuple[str, str], torch.Tensor]

    @contextmanager
    def registry(self) -> Iterator[LocalRegistry]:
        with tempfile.TemporaryDirectory() as folder:
            yield open_registry(shutil.copytree(self.root, Path(folder) / "registry"))


@pytest.fixture(scope="module")
def world(tiny_base: Path, backbone: Backbone, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    registry = open_registry(folder / "registry")
    answers = {}
    for name, recipe in VERSIONS.items():
        made = make_adapter(folder / name.replace("/", "-"), tiny_base, TINY, recipe)
        repository, _, number = name.partition("@")
        version = publish(registry, made, repository, number, backbone)
        registry.pull(version)
        oracle = Oracle(made, torch.float64)
        for text in TEXTS:
            answers[version.digest, text] = oracle(backbone.tokenizer(text)["input_ids"])
    for repository in ("acme/a", "acme/b"):
        registry.alias(repository, "production", "1.0.0", expect=None)
    for text in TEXTS:
        different = [answer for (_, other), answer in answers.items() if other == text]
        for index, one in enumerate(different):
            assert all((one - other).abs().max() > 1e-3 for other in different[:index])
    return World(folder / "registry", answers)


PREDICT = st.lists(st.tuples(st.sampled_from(REFERENCES), st.sampled_from(TEXTS)), min_size=1, max_size=6)
ACTIONS = st.one_of(
    st.tuples(st.just("predict"), PREDICT),
    st.tuples(st.just("move"), st.sampled_from(list(VERSIONS))),
    st.tuples(st.just("revoke"), st.sampled_from(list(VERSIONS)[1:4])),
    st.tuples(st.sampled_from(["follow", "unload", "pin"]), st.sampled_from(REFERENCES)),
    st.tuples(st.just("refresh"), st.none()),
)


@contextmanager
def serving(backbone: Backbone, registry: LocalRegistry) -> Iterator[Engine]:
    budget = Budget(slots=2, host_bytes=50_000)  # of adapters that take 3,000 to 20,000 bytes each
    with Engine(backbone, registry, budget=budget, poll_seconds=3600, max_step_tokens=32) as engine:
        yield engine


def move(registry: LocalRegistry, name: str) -> None:
    repository, _, number = name.partition("@")
    with suppress(RegistryError):  # it was revoked, or another thread was faster
        current = registry.alias_history(repository, "production")[0].version
        registry.alias(repository, "production", number, expect=current)


def soon_idle(engine: Engine) -> bool:
    """Whether nothing is counted on, once the step ends that runs for a caller who was refused meanwhile."""
    for _ in range(200):
        if all(entry.idle for entry in engine.pool.entries()):
            return True
        threading.Event().wait(0.05)
    return False


def check(world: World, answer: object, text: str) -> Version:
    assert isinstance(answer, LabelAnswer) and answer.version is not None
    torch.testing.assert_close(answer.logits, world.answers[answer.version.digest, text], rtol=0, atol=1e-9)
    return answer.version


class Model:
    """Which version each followed name stands for: resolved when it is first used, and again at each refresh."""

    def __init__(self, registry: LocalRegistry) -> None:
        self.registry = registry
        self.followed: dict[str, Version | None] = {}  # None: refused

    def enter(self, reference: str) -> Version | None:
        if reference not in self.followed:
            try:
                self.followed[reference] = self.registry.resolve(reference)
            except RegistryError:
                return None
        return self.followed[reference]

    def enter_all(self, references: Sequence[str]) -> list[Version] | None:
        """As the engine does: one after another, up to the first that is refused."""
        found = []
        for reference in references:
            version = self.enter(reference)
            if version is None:
                return None
            found.append(version)
        return found

    def is_revoked(self, version: Version) -> bool:
        return self.registry.show(str(version)).version.status == "revoked"

    def refresh(self) -> None:
        for reference, old in self.followed.items():
            try:
                self.followed[reference] = self.registry.resolve(reference)
            except RegistryError:
                with suppress(RevokedVersion):
                    self.followed[reference] = self.registry.resolve(str(old)) if old else None
                    continue
                self.followed[reference] = None


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=IN_CI)
@given(actions=st.lists(ACTIONS, max_size=25))
def test_each_row_is_answered_by_the_version_that_its_name_stands_for(
    world: World, backbone: Backbone, actions: list[tuple[str, Any]]
) -> None:
    with world.registry() as registry, serving(backbone, registry) as engine:
        model = Model(registry)
        for action, subject in actions:
            if action == "predict":
                expected = model.enter_all([reference for reference, _ in subject])
                if expected is None:
                    with pytest.raises(RegistryError):
                        engine.predict(subject)
                    continue
                try:
                    answers = engine.predict(subject)
                except RevokedVersion:  # before a poll saw it, since a version had to be fetched again
                    assert any(model.is_revoked(version) for version in expected)
                    continue
                for (_, text), answer, version in zip(subject, answers, expected, strict=True):
                    assert check(world, answer, text).digest == version.digest
            elif action == "move":
                move(registry, subject)
            elif action == "revoke":
                registry.revoke(subject, "found to be harmful")
            elif action == "refresh":
                engine.refresh()
                model.refresh()
            elif action == "unload":
                engine.unload(subject)
                model.followed.pop(subject, None)
            elif (version := model.enter(subject)) is None:
                with pytest.raises(RegistryError):
                    engine.follow(subject)
            else:
                with suppress(RevokedVersion) if model.is_revoked(version) else nullcontext():
                    engine.follow(subject)
        assert soon_idle(engine)
        assert engine.status().tiers["device"].versions <= 2


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=IN_CI)
@given(scripts=st.lists(st.lists(ACTIONS, max_size=12), min_size=3, max_size=3))
def test_threads_never_get_another_versions_answer(
    world: World, backbone: Backbone, scripts: list[list[tuple[str, Any]]]
) -> None:
    """What each thread is answered is wholly of the version that the answer names, which its name may stand for."""

    def run(script: Sequence[tuple[str, Any]], registry: LocalRegistry, engine: Engine) -> None:
        for action, subject in script:
            with suppress(RegistryError):
                if action == "predict":
                    for (reference, text), answer in zip(subject, engine.predict(subject), strict=True):
                        version = check(world, answer, text)
                        assert version.repository == reference.partition("@")[0]
                        assert reference not in VERSIONS or str(version) == reference
                elif action == "move":
                    move(registry, subject)
                elif action == "revoke":
                    registry.revoke(subject, "found to be harmful")
                elif action == "refresh":
                    engine.refresh()
                elif action == "unload":
                    engine.unload(subject)
                else:
                    engine.follow(subject)

    with world.registry() as registry, serving(backbone, registry) as engine, ThreadPoolExecutor(3) as threads:
        for future in [threads.submit(run, script, registry, engine) for script in scripts]:
            future.result(120)
        assert soon_idle(engine)
