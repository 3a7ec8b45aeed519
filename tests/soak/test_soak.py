"""Minutes of everything at once: requests, swaps, unloading, failed loads, on tiers that hold a part of it.

Each answer is compared with the one that the version gave at first, and the process must not grow. Left out of every
other run: ``make soak`` runs it, for `SOAK_SECONDS` (600).
"""

from __future__ import annotations

import gc
import os
import random
import statistics
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from adapterhub.backbone import Backbone
from adapterhub.runtime.engine import Budget, Engine
from adapterhub.tasks import Answer, HiddenAnswer, LabelAnswer, TagAnswer, TextAnswer
from registry import LocalRegistry, RegistryError, open_registry
from tests.runtime.conftest import RECIPES as ENCODER_RECIPES
from tests.runtime.conftest import TINY
from tests.runtime.test_generate import RECIPES as DECODER_RECIPES
from tests.support.adapters import Recipe, make_adapter, publish
from tests.support.tiny import make_tiny_llama

pytestmark = pytest.mark.soak

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
THREADS = 4
WARM_UP = 0.2  # of the time: until then memory may grow
GROWTH = 1.02
TEXTS = ["my computer is on fire", "hello", "tell me a joke what is the printer not working on"]


def tensor_of(answer: Answer) -> torch.Tensor:
    match answer:
        case LabelAnswer() | TagAnswer():
            return answer.logits
        case HiddenAnswer():
            return answer.last_hidden_state
        case TextAnswer():
            return torch.tensor(answer.token_ids, dtype=torch.float64)
    raise TypeError(type(answer).__name__)


class Traffic:
    """Threads that ask one engine until the time is up, and one that moves, unloads and refreshes meanwhile."""

    def __init__(self, engine: Engine, registry: LocalRegistry, names: list[str], until: float) -> None:
        self.engine, self.registry, self.names, self.until = engine, registry, names, until
        self.expected: Mapping[tuple[str, str], torch.Tensor] = {
            (str(answer.version), text): tensor_of(answer)
            for text in TEXTS
            for answer in engine.predict(
                [(f"{name}@{number}", text) for name in names for number in ("1.0.0", "2.0.0")]
            )
        }
        self.answered = self.moved = 0

    def ask(self, seed: int) -> None:
        rng = random.Random(seed)
        while time.monotonic() < self.until:
            rows = [
                (f"{rng.choice(self.names)}@{rng.choice(['production', '^1', '2.0.0'])}", rng.choice(TEXTS))
                for _ in range(rng.randint(1, 6))
            ]
            for (_, text), answer in zip(rows, self.engine.predict(rows), strict=True):
                wanted = self.expected[str(answer.version), text]
                torch.testing.assert_close(tensor_of(answer), wanted, rtol=0, atol=1e-9)
                self.answered += 1

    def disturb(self) -> None:
        rng = random.Random(99)
        while time.monotonic() < self.until:
            name = rng.choice(self.names)
            now = self.registry.resolve(f"{name}@production").version
            self.registry.alias(name, "production", "2.0.0" if now == "1.0.0" else "1.0.0", expect=now)
            self.moved += 1
            self.engine.unload(f"{rng.choice(self.names)}@{rng.choice(['production', '^1', '2.0.0'])}")
            self.engine.refresh()
            with suppress(RegistryError):
                self.engine.follow("acme/nothing@1.0.0")
            time.sleep(0.05)


@pytest.fixture
def engines(tiny_base: Path, tmp_path: Path) -> list[tuple[Engine, LocalRegistry, list[str]]]:
    llama = make_tiny_llama(tmp_path / "llama", PreTrainedTokenizerFast.from_pretrained(tiny_base))
    made = []
    for base, base_id, recipes in (
        (tiny_base, TINY, ENCODER_RECIPES),
        (llama, "tests/tiny-llama", DECODER_RECIPES),
    ):
        backbone = Backbone.load(base, id=base_id, dtype=torch.float64)
        registry = open_registry(tmp_path / f"registry-{backbone.config.model_type}")
        for name, recipe in recipes.items():
            for number, seed in (("1.0.0", 0), ("2.0.0", 1000)):
                again = Recipe(**{**vars(recipe), "seed": recipe.seed + seed})
                adapter = make_adapter(tmp_path / f"{backbone.config.model_type}-{name}-{number}", base, base_id, again)
                publish(registry, adapter, f"acme/{name}", number, backbone)
            registry.alias(f"acme/{name}", "production", "1.0.0", expect=None)
        engine = Engine(backbone, registry, budget=Budget(slots=6, host_bytes=200_000), poll_seconds=0.5)
        made.append((engine, registry, [f"acme/{name}" for name in recipes]))
    return made


@pytest.mark.timeout(SECONDS + 600)
def test_nothing_grows(engines: list[tuple[Engine, LocalRegistry, list[str]]]) -> None:
    process = psutil.Process()
    samples: list[tuple[float, int]] = []
    started = time.monotonic()
    traffic = [Traffic(*engine, until=started + SECONDS) for engine in engines]
    with ThreadPoolExecutor(2 * (THREADS + 1)) as threads:
        running = [threads.submit(one.ask, seed) for one in traffic for seed in range(THREADS)]
        running += [threads.submit(one.disturb) for one in traffic]
        while time.monotonic() < started + SECONDS and not any(future.done() for future in running):
            threading.Event().wait(min(1.0, SECONDS / 100))
            samples.append((time.monotonic() - started, process.memory_info().rss))
        for future in running:
            future.result(120)
    warm = [rss for at, rss in samples if at > WARM_UP * SECONDS]
    fifth = len(warm) // 5
    before, after = statistics.median(warm[:fifth]), statistics.median(warm[-fifth:])
    for engine, _, _ in engines:
        assert all(entry.idle for entry in engine.pool.entries())
        assert engine.pool.tiers()["host"].nbytes <= engine.pool.budget.host_bytes
        engine.close()
    gc.collect()
    answered, moved = sum(one.answered for one in traffic), sum(one.moved for one in traffic)
    print(f"{answered} rows answered, {moved} moves; memory {before / 2**20:.1f} → {after / 2**20:.1f} MiB")
    assert answered > 100 and moved > 10
    assert after <= GROWTH * before
