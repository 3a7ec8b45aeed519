"""``hub gc``, ``hub backup``, ``hub restore`` and ``hub check``, as an operator calls them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapterhub.cli import main
from registry.index.trees import Put
from registry.server import files
from registry.server.services import Services
from registry.server.settings import Settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A server's folder with a repository of one file, and bytes that nobody named."""
    place = tmp_path / "hub"
    assert main(["hub", "migrate", "--data", str(place)]) == 0
    hub = Services.open(Settings(place))
    repository = hub.repositories.create("ada/one", "model", private=False, author="ada")
    entry = files.store_bytes(hub, b"content", "a.txt")
    files.grant(hub, repository, [entry])
    hub.history.commit(repository, "main", [Put(entry)], "it", "ada")
    files.store_bytes(hub, b"garbage", "x")
    hub.close()
    return place


def call(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    capsys.readouterr()
    assert main(["hub", *map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_gc(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "gc", "--data", data)["young_objects"] == 1
    told = call(capsys, "gc", "--data", data, "--days", 0, "--dry-run")
    assert (told["dry_run"], told["objects"], told["object_bytes"]) == (True, 1, 7)
    assert call(capsys, "gc", "--data", data, "--days", 0) == told | {"dry_run": False}
    assert main(["hub", "gc", "--data", str(data), "--days", "0"]) == 0
    assert "removed 0 commits" in capsys.readouterr().err
    assert main(["hub", "gc", "--data", str(data), "--days", "-1"]) == 2


def test_backup_and_restore(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = call(capsys, "backup", tmp_path / "backup", "--data", data)
    assert made["files"] == 1 and made["rows"] > 5
    again = tmp_path / "again"
    assert call(capsys, "restore", tmp_path / "backup", "--data", again) == made
    assert call(capsys, "check", "--deep", "--data", again) == {"problems": []}
    refused = call(capsys, "restore", tmp_path / "backup", "--data", again, code=1)
    assert refused["error"]["code"] == "conflict"
    nothing = call(capsys, "restore", tmp_path, "--data", tmp_path / "new", code=1)
    assert nothing["error"]["code"] == "invalid-reference"


def test_check(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "check", "--data", data) == {"problems": []}
    for file in (data / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    (problem,) = call(capsys, "check", "--data", data, code=1)["problems"]
    assert problem["kind"] == "missing" and "ada/one/a.txt" in problem["what"]
    assert main(["hub", "check", "--data", str(data)]) == 1
    assert "missing: " in capsys.readouterr().err


def test_a_database_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["gc"], ["check"], ["backup", tmp_path / "backup"]):
        told = call(capsys, *command, "--data", tmp_path / "hub", code=1)
        assert "hub migrate" in told["error"]["hint"]
