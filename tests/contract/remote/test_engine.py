"""The engine serves from a Hub as it does from a folder: what plain `peft` saved, by an alias that moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapterhub.backbone import Backbone
from adapterhub.runtime.engine import Engine
from registry import Registry
from registry.errors import RevokedVersion
from tests.support.adapters import Recipe, make_adapter, publish
from tests.support.front import Front

# What is under test is the client: which database the server has is nothing that it can notice.
pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)

TINY = "tests/tiny-bert"
WAIT = 30.0  # seconds


@pytest.mark.parametrize("kind", ["ours", "stock"])
def test_an_engine_follows_an_alias_on_a_hub(
    hub: Front, opened: Callable[..., Registry], name: str, tiny_base: Path, tmp_path: Path, kind: str
) -> None:
    hub.stock = kind == "stock"
    registry, backbone = opened(hub), Backbone.load(tiny_base, id=TINY)
    for seed, number in enumerate(("1.0.0", "2.0.0")):
        made = make_adapter(tmp_path / number, tiny_base, TINY, Recipe(options={"r": 4}, seed=seed))
        publish(registry, made, name, number, backbone)
    registry.alias(name, "production", "1.0.0", expect=None)

    def answering() -> str:
        (answer,) = engine.predict([(f"{name}@production", "hello")])
        assert answer.version is not None
        return answer.version.version

    with Engine(backbone, opened(hub, "elsewhere"), poll_seconds=0.1) as engine:
        assert answering() == "1.0.0"
        registry.alias(name, "production", "2.0.0", expect="1.0.0")
        deadline = time.monotonic() + WAIT
        while answering() != "2.0.0":
            assert time.monotonic() < deadline
        if kind == "stock":
            return  # which cannot revoke
        registry.revoke(f"{name}@2.0.0", "leaks names")
        with pytest.raises(RevokedVersion, match="leaks names"):
            while time.monotonic() < deadline:
                answering()
