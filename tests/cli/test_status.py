"""``adapterhub status`` reads what engines wrote down, and says so where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapterhub.backbone import Backbone
from adapterhub.cli import main
from adapterhub.runtime.engine import Engine
from registry import open_registry
from tests.support.adapters import Recipe, make_adapter, publish


def test_status_shows_each_engine(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADAPTERHUB_HOME", str(tmp_path / "home"))
    assert main(["status"]) == 0
    assert "No engine has written a record here." in capsys.readouterr().err
    backbone = Backbone.load(tiny_base, id="tests/tiny-bert")
    registry = open_registry(tmp_path / "registry")
    publish(registry, make_adapter(tmp_path / "a", tiny_base, "tests/tiny-bert", Recipe()), "acme/a", "1.0.0", backbone)
    with Engine(backbone, registry, name="web-1") as engine:
        engine.predict([("acme/a@^1", "hello")])
    assert main(["status"]) == 0
    shown = capsys.readouterr().err
    assert "web-1: tests/tiny-bert" in shown and "acme/a@1.0.0" in shown and "device 1" in shown
    assert main(["status", "web-1", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["engines"]
    assert record["following"] == {"acme/a@^1": "acme/a@1.0.0"} and record["alive"]
    (resident,) = record["resident"]
    assert resident["stage"] == "device" and resident["loads"] == 1 and resident["nbytes"] > 0
    assert main(["status", "web-2"]) == 1
    assert "no engine 'web-2'" in capsys.readouterr().err
