"""Rows of all callers share steps; a row that fails, or whose caller is gone, takes nobody with it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError
from adapterhub.runtime import scheduler
from adapterhub.runtime.engine import Budget, Engine, Request
from adapterhub.runtime.passes import read
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.tasks import LabelAnswer
from registry import Version
from tests.runtime.conftest import Shelf
from tests.runtime.test_parity import assert_equal_to_peft

ROW = "tell me a joke"


class Steps:
    """Stands before the real pass: counts its rows, holds it up, or fails for rows of one adapter."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.poison = ""
        self._real = read.outputs
        monkeypatch.setattr(scheduler.read, "outputs", self)

    def __call__(self, backbone: Backbone, rows: Sequence[EncodedRow]) -> list[torch.Tensor]:
        self.begun.set()
        assert self.go_on.wait(30)
        self.sizes.append(len(rows))
        if any(row.adapter and row.adapter.digest == self.poison for row in rows):
            raise RuntimeError("the device is out of memory")
        return self._real(backbone, rows)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


def test_rows_of_many_callers_share_a_step(engine: Engine, shelf: Shelf, steps: Steps) -> None:
    names = ["lora4", "dora", "prefix5", "ia3", "prompt4", "features"]
    requests: list[Request] = [(f"acme/{name}", ROW) for name in names]
    engine.predict(requests)
    steps.begun.clear()
    steps.go_on.clear()
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(engine.predict, requests[:1])
        assert steps.begun.wait(10)
        others = [threads.submit(engine.predict, [request]) for request in requests]
        while engine.status().waiting < len(names):
            threading.Event().wait(0.01)
        steps.go_on.set()
        answers = [future.result(30)[0] for future in others]
        first.result(30)
    assert steps.sizes[-2:] == [1, len(names)]
    assert_equal_to_peft(engine, shelf, requests, answers)


def test_a_row_that_fails_in_a_step_is_refused_alone(engine: Engine, shelf: Shelf, steps: Steps) -> None:
    steps.poison = engine.follow("acme/dora").digest
    with ThreadPoolExecutor(4) as threads:
        steps.go_on.clear()
        first = threads.submit(engine.predict, [("acme/lora4", ROW)])
        assert steps.begun.wait(10)
        bad = threads.submit(engine.predict, [("acme/dora", ROW)])
        good = threads.submit(engine.predict, [("acme/lora4", ROW), ("acme/tags", ROW)])
        while engine.status().waiting < 3:
            threading.Event().wait(0.01)
        steps.go_on.set()
        first.result(30)
        with pytest.raises(RuntimeError, match="out of memory"):
            bad.result(30)
        assert_equal_to_peft(engine, shelf, [("acme/lora4", ROW), ("acme/tags", ROW)], good.result(30))
    steps.poison = ""
    assert isinstance(engine.predict([("acme/dora", ROW)])[0], LabelAnswer)
    assert all(entry.leases == 0 and entry.claims == 0 for entry in engine.pool.entries())


def test_a_batch_never_waits_for_another_rows_adapter(backbone: Backbone, shelf: Shelf) -> None:
    """One row's adapter takes long to load; rows of the same call and of others are answered meanwhile."""
    begun, go_on = threading.Event(), threading.Event()
    with Engine(backbone, shelf.registry) as engine:
        for name in ("lora4", "tags"):
            engine.follow(f"acme/{name}")
        fetch = engine.pool._loader._fetch

        def slowly(version: Version) -> Path:
            if version.repository == "acme/dora":
                begun.set()
                assert go_on.wait(30)
            return fetch(version)

        engine.pool._loader._fetch = slowly
        with ThreadPoolExecutor(2) as threads:
            mixed = threads.submit(engine.predict, [("acme/dora", ROW), ("acme/lora4", ROW)])
            assert begun.wait(10)
            requests: list[Request] = [("acme/tags", ROW), ("acme/lora4", ROW)]
            assert_equal_to_peft(engine, shelf, requests, engine.predict(requests))
            assert not mixed.done()
            go_on.set()
            assert_equal_to_peft(engine, shelf, [("acme/dora", ROW), ("acme/lora4", ROW)], mixed.result(30))


def test_a_bad_row_withdraws_its_companions(engine: Engine, steps: Steps) -> None:
    engine.follow("acme/lora4")
    with pytest.raises(RequestError, match="row 1"):
        engine.predict([("acme/lora4", ROW), ("acme/lora4", {"nothing": 1}), ("acme/lora4", ROW)])
    engine.predict([("acme/lora4", ROW)])
    assert engine.status().waiting == 0
    assert all(entry.claims == 0 for entry in engine.pool.entries())


def test_closing_refuses_what_waits(backbone: Backbone, shelf: Shelf, steps: Steps) -> None:
    engine = Engine(backbone, shelf.registry)
    engine.follow("acme/lora4")
    steps.go_on.clear()
    with ThreadPoolExecutor(3) as threads:
        running = threads.submit(engine.predict, [("acme/lora4", ROW)])
        assert steps.begun.wait(10)
        waiting = threads.submit(engine.predict, [("acme/lora4", ROW)])
        while not engine.status().waiting:
            threading.Event().wait(0.01)
        closing = threads.submit(engine.close)
        while not engine._scheduler._closed:
            threading.Event().wait(0.01)
        steps.go_on.set()
        closing.result(30)
        assert isinstance(running.result(30)[0], LabelAnswer)
        with pytest.raises(RequestError, match="closed"):
            waiting.result(30)


def test_more_adapters_than_slots_are_answered_all_the_same(backbone: Backbone, shelf: Shelf) -> None:
    names: list[Any] = ["lora4", "dora", "prefix5", "ia3", "prompt4", "features", "tags", "rslora"]
    requests: list[Request] = [(f"acme/{name}", ROW) for name in names * 2]
    with Engine(backbone, shelf.registry, budget=Budget(slots=2)) as engine:
        assert_equal_to_peft(engine, shelf, requests, engine.predict(requests))
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(engine.predict, [request]) for request in requests]
            assert_equal_to_peft(engine, shelf, requests, [future.result(60)[0] for future in asked])
        assert engine.status().tiers["device"].versions <= 2


def test_an_engine_with_one_slot_never_stands_still(backbone: Backbone, shelf: Shelf) -> None:
    """Long queues of a hot adapter, which do not fit into a step, and one row of another."""
    with (
        Engine(backbone, shelf.registry, budget=Budget(slots=1), max_step_tokens=24) as engine,
        ThreadPoolExecutor(7) as threads,
    ):
        hot = [threads.submit(engine.predict, [("acme/lora4", ROW)] * 60) for _ in range(6)]
        rare = threads.submit(engine.predict, [("acme/tags", ROW)])
        assert_equal_to_peft(engine, shelf, [("acme/tags", ROW)], rare.result(120))
        for future in hot:
            assert len(future.result(120)) == 60


def test_a_fault_of_the_engine_itself_leaves_nobody_waiting(
    backbone: Backbone, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Engine(backbone, shelf.registry) as engine:
        engine.follow("acme/lora4")

        def broken(*_: object) -> None:
            raise ZeroDivisionError("a fault of ours")

        monkeypatch.setattr(engine._scheduler, "_continue", broken)
        for _ in range(2):
            with pytest.raises(RequestError, match=r"cannot compute any more|closed"):
                engine.predict([("acme/lora4", ROW), ("acme/tags", ROW)])
                engine.predict([("acme/lora4", ROW)])


@pytest.mark.parametrize("count", [2.5, True, "many"])
def test_a_number_of_tokens_that_is_none_is_refused(engine: Engine, count: Any) -> None:
    with pytest.raises(RequestError, match="max_new_tokens is"):
        engine.generate([("acme/lora4", ROW)], max_new_tokens=count)
