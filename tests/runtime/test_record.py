"""What an engine had in memory is there again after a restart, however it ended; and an operator can read it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError
from adapterhub.runtime.engine import Engine
from adapterhub.runtime.residency import record as records
from adapterhub.runtime.residency.entry import Stage
from registry import Registry, open_registry
from tests.runtime.conftest import TINY, Shelf
from tests.support.adapters import publish

ROOT = Path(__file__).parents[2]
REFERENCES = ["acme/lora4", "acme/dora@1.0.0", "acme/prefix5@^1"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADAPTERHUB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def own(shelf: Shelf, backbone: Backbone, tmp_path: Path) -> Registry:
    registry = open_registry(tmp_path / "registry")
    for name in ("lora4", "dora", "prefix5"):
        publish(registry, shelf.made[name], f"acme/{name}", "1.0.0", backbone)
    return registry


def wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(600):
        if happened():
            return
        threading.Event().wait(0.05)
    pytest.fail("it did not happen within 30 seconds")


def loaded(engine: Engine) -> set[str]:
    return {str(one.version) for one in engine.status().resident if one.stage in (Stage.HOST, Stage.DEVICE)}


def test_the_next_engine_of_a_name_has_what_the_last_one_had(backbone: Backbone, own: Registry) -> None:
    with Engine(backbone, own, name="web-1") as engine:
        engine.predict([(reference, "hello") for reference in REFERENCES])
        followed, resident = set(engine.status().following), loaded(engine)
    assert len(resident) == 3
    with Engine(backbone, own, name="web-1") as engine:
        wait_for(lambda: loaded(engine) == resident)
        assert set(engine.status().following) == followed
        tallies = {one.version.digest: (one.hits, one.misses) for one in engine.status().resident}
        engine.predict([(reference, "hello") for reference in REFERENCES])
        assert all(one.misses == tallies[one.version.digest][1] for one in engine.status().resident), "all were there"
    with Engine(backbone, own, name="web-2") as other:
        assert other.status().resident == []


def test_what_was_withdrawn_meanwhile_does_not_come_back_and_the_others_do(backbone: Backbone, own: Registry) -> None:
    with Engine(backbone, own, name="web-1") as engine:
        engine.predict([(reference, "hello") for reference in REFERENCES])
    own.revoke("acme/dora@1.0.0", "found to be harmful")
    with Engine(backbone, own, name="web-1") as engine:
        wait_for(lambda: len(loaded(engine)) == 2)
        assert engine._recorder is not None
        wait_for(lambda: set(engine._recorder.failures) == {"acme/dora@1.0.0"})  # type: ignore[union-attr]
        assert loaded(engine) == {"acme/lora4@1.0.0", "acme/prefix5@1.0.0"}


SERVE = """
import sys, threading, torch
from adapterhub import Backbone, Engine
from registry import open_registry
base, base_id, root, *references = sys.argv[1:]
engine = Engine(Backbone.load(base, id=base_id, dtype=torch.float64), open_registry(root), name="killed")
engine.predict([(reference, "hello") for reference in references])
print("served", flush=True)
threading.Event().wait()
"""


@pytest.mark.slow
def test_a_killed_engine_comes_back_with_what_it_had(
    backbone: Backbone, own: Registry, tiny_base: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", SERVE, str(tiny_base), TINY, str(tmp_path / "registry"), *REFERENCES]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "served\n"
        wait_for(lambda: len(getattr(records.read("killed"), "resident", [])) == 3)
        record = records.read("killed")
        assert record is not None and record.alive and record.pid == process.pid
        process.send_signal(signal.SIGKILL)
    assert not record.alive
    with Engine(backbone, own, name="killed") as engine:
        wait_for(lambda: len(loaded(engine)) == 3)


def test_a_damaged_record_is_no_record(backbone: Backbone, own: Registry, home: Path) -> None:
    (home / "engines").mkdir(parents=True)
    (home / "engines" / "web-1.json").write_text('{"name": "web-1", "foll')
    with Engine(backbone, own, name="web-1") as engine:
        assert engine.status().resident == []
    assert json.loads((home / "engines" / "web-1.json").read_text())["name"] == "web-1"
    assert [record.name for record in records.records()] == ["web-1"]


@pytest.mark.parametrize("name", ["", "../web", "a/b", ".hidden", "x" * 65, "web\n"])
def test_a_name_that_is_no_file_name_is_refused(backbone: Backbone, own: Registry, name: str) -> None:
    with pytest.raises(RequestError, match="is no name for an engine"):
        Engine(backbone, own, name=name)
