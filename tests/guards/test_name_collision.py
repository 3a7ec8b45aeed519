"""The import name ``registry`` is common; another package that answers to it is named, not stumbled over later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_foreign_registry_is_an_error_that_names_its_file(tmp_path: Path) -> None:
    foreign = tmp_path / "registry.py"
    foreign.write_text("def open_registry(): ...\n")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import adapterhub"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0
    assert f"{foreign} is another of that name" in done.stderr
