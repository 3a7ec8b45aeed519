"""An engine forgets names that nobody uses, but none that a request counts on or that is pinned."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from adapterhub.backbone import Backbone
from adapterhub.runtime.engine import Engine
from registry import Version
from registry.followed import IDLE_SECONDS
from tests.runtime.conftest import Shelf

ROW = "tell me a joke"


def test_names_that_nobody_uses_are_forgotten(backbone: Backbone, shelf: Shelf) -> None:
    hours = 0.0
    begun, go_on = threading.Event(), threading.Event()
    with Engine(backbone, shelf.registry, poll_seconds=3600) as engine, ThreadPoolExecutor(1) as threads:
        engine.follower._followed.clock = lambda: hours * IDLE_SECONDS
        fetch = engine.pool._loader._fetch

        def slowly(version: Version) -> Path:
            if version.repository == "acme/dora":
                begun.set()
                assert go_on.wait(30)
            return fetch(version)

        engine.pool._loader._fetch = slowly
        engine.pin("acme/tags")
        before, _ = engine.predict([("acme/lora4", ROW), ("acme/tags", ROW)])
        running = threads.submit(engine.predict, [("acme/dora", ROW)])
        assert begun.wait(10)
        hours = 2
        engine.refresh()
        assert set(engine.status().following) == {"acme/tags", "acme/dora"}
        go_on.set()
        assert running.result(30)[0].version == engine.follower.version("acme/dora")
        engine.refresh()
        assert set(engine.status().following) == {"acme/tags"}
        slots = {str(one.version) for one in engine.status().resident if one.stage == "device"}
        assert slots == {"acme/tags@1.0.0"}
        assert engine.predict([("acme/lora4", ROW)]) == [before]
        assert set(engine.status().following) == {"acme/tags", "acme/lora4"}
