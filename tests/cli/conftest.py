"""The command line as a function: arguments in; exit code, stdout and stderr out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapterhub.cli import main
from adapterhub.train import train
from tests.train.support import Recipes, write_data


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What was printed for programs: exactly one JSON document."""
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def adapterhub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in an empty folder, against an empty registry."""
    monkeypatch.setenv("ADAPTERHUB_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def recipes(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipes:
    data = tmp_path_factory.mktemp("rows")
    write_data(data)
    return Recipes(tiny_base, data)


@pytest.fixture(scope="session")
def trained(recipes: Recipes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    return train(recipes.make(), tmp_path_factory.mktemp("runs") / "chat").folder


@pytest.fixture
def publish(adapterhub: Run, trained: Path, tiny_base: Path) -> Callable[[str], Outcome]:
    """Publishes the finished run under a name."""
    return lambda name: adapterhub("publish", trained, name, "--base-path", tiny_base, "--json")
