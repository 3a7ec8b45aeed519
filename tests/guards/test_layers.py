"""The picture of layers in README.md holds; every module has a place in it; and a wrong import is found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("adapterhub", "registry")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def lint(root: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_imports_go_down_only() -> None:
    code, printed = lint(ROOT)
    assert code == 0, printed
    assert f"{len(CONTRACTS)} kept, 0 broken" in printed


def test_every_module_has_a_layer() -> None:
    drawn = set(re.findall(r"\w+\.\w+", " ".join(CONTRACTS[0]["layers"])))
    found = {
        f"{package}.{path.stem}"
        for package in PACKAGES
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file()) and not path.stem.startswith("__")
    }
    assert len(found) > 10
    assert found - drawn == set(), "name them in [tool.importlinter] of pyproject.toml"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("adapterhub/errors.py", "import adapterhub.cli"),
        ("adapterhub/train/__init__.py", "import adapterhub.runtime"),
        ("adapterhub/runtime/__init__.py", "import typing\nif typing.TYPE_CHECKING:\n    import adapterhub.train"),
        ("adapterhub/evaluate/__init__.py", "import adapterhub.backbone"),
        ("registry/store/__init__.py", "import registry.local"),
        ("registry/errors.py", "import torch"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, file: str, line: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / file).open("a", encoding="utf-8") as stream:
        stream.write(f"\n{line}\n")
    code, printed = lint(tmp_path)
    assert code == 1, printed
    assert re.search(r"[1-9]\d* broken", printed), printed
