"""A row that fails while texts are continued together ends alone; the others write what they would have written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from adapterhub.backbone import Backbone
from adapterhub.ops import BatchDeltas
from adapterhub.runtime.engine import Engine
from adapterhub.runtime.passes.plan import AdapterMap
from adapterhub.tasks import TextAnswer
from registry import Registry, open_registry
from tests.runtime import test_encoder_decoder, test_padded
from tests.runtime.test_architectures import make_base
from tests.support.adapters import Recipe, make_adapter, publish
from tests.support.tiny import make_tiny_llama

NAMES = ["lora-a", "lora-b", "lora-c", "bad", "lora-d"]
ROWS = [(f"acme/{name}", text) for text in ("tell me a joke", "my computer is on") for name in NAMES]
TOKENS = 12
GOOD_CALLS = 6  # of a module's hooks, two a pass: the prompt is read and two tokens follow


def llama(folder: Path, tokenizer: PreTrainedTokenizerFast) -> tuple[Path, str, list[str]]:
    return make_tiny_llama(folder, tokenizer), "CAUSAL_LM", ["q_proj", "down_proj"]


def gemma2(folder: Path, tokenizer: PreTrainedTokenizerFast) -> tuple[Path, str, list[str]]:
    shape = test_padded.SHAPES["gemma2"]
    return make_base(folder, shape, tokenizer), "CAUSAL_LM", shape.targets


def t5(folder: Path, tokenizer: PreTrainedTokenizerFast) -> tuple[Path, str, list[str]]:
    shape = test_encoder_decoder.SHAPES["t5"]
    return make_base(folder, shape, tokenizer), "SEQ_2_SEQ_LM", shape.targets


class Fault:
    """Breaks a module of the last layer for one adapter, once its rows are being continued; holds steps up if asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.digest = ""
        self.calls = 0
        self.broke: list[int] = []  # rows of the passes that it broke
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        real = AdapterMap.deltas

        def deltas(adapters: AdapterMap, module: str, rows: int) -> BatchDeltas | None:
            self.begun.set()
            assert self.go_on.wait(30)
            for _, _, adapter in adapters._worn:
                if adapter.digest == self.digest and module == max(n for n in adapter.deltas if "encoder" not in n):
                    self.calls += 1
                    if self.calls > GOOD_CALLS:
                        self.broke.append(adapters.places)
                        raise RuntimeError("the device is out of memory")
            return real(adapters, module, rows)

        monkeypatch.setattr(AdapterMap, "deltas", deltas)


def ask_together(engine: Engine, fault: Fault) -> list[TextAnswer | RuntimeError]:
    """Each row by a caller of its own, all of them in the engine before the first step ends."""
    fault.begun.clear()
    fault.go_on.clear()
    with ThreadPoolExecutor(len(ROWS)) as threads:
        asked = [threads.submit(engine.generate, [ROWS[0]], max_new_tokens=TOKENS)]
        assert fault.begun.wait(10)
        asked += [threads.submit(engine.generate, [row], max_new_tokens=TOKENS) for row in ROWS[1:]]
        while engine.status().waiting < len(ROWS) - 1:
            threading.Event().wait(0.01)
        fault.go_on.set()
        errors = [future.exception(60) for future in asked]
        return [
            error if isinstance(error, RuntimeError) else future.result()[0]
            for error, future in zip(errors, asked, strict=True)
        ]


@pytest.fixture(params=[llama, gemma2, t5])
def served(request: pytest.FixtureRequest, tiny_base: Path, tmp_path: Path) -> tuple[Backbone, Registry]:
    make: Callable[[Path, PreTrainedTokenizerFast], tuple[Path, str, list[str]]] = request.param
    base, task, targets = make(tmp_path / "base", PreTrainedTokenizerFast.from_pretrained(tiny_base))
    backbone, registry = Backbone.load(base, id="tests/tiny"), open_registry(tmp_path / "registry")
    for seed, name in enumerate(NAMES):
        recipe = Recipe(task, options={"r": 4, "target_modules": targets}, seed=seed, scale=0.5)
        publish(registry, make_adapter(tmp_path / name, base, "tests/tiny", recipe), f"acme/{name}", "1.0.0", backbone)
    return backbone, registry


def test_a_row_that_fails_while_others_are_continued_ends_alone(
    served: tuple[Backbone, Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine(*served) as engine:
        expected = [engine.generate([row], max_new_tokens=TOKENS)[0] for row in ROWS]
        fault = Fault(monkeypatch)
        fault.digest = engine.follow("acme/bad").digest
        for (name, _), answer, alone in zip(ROWS, ask_together(engine, fault), expected, strict=True):
            if name == "acme/bad":
                assert isinstance(answer, RuntimeError) and "out of memory" in str(answer)
            else:
                assert answer == alone
        assert max(fault.broke) > 2, "the rows were never together"
        assert len(fault.broke) <= 2 * len(ROWS)
        fault.digest = ""
        assert ask_together(engine, fault) == expected
        assert engine.status().writing == 0
        assert all(entry.idle for entry in engine.pool.entries())
