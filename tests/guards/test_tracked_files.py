"""Files of the project name no folder of the machine that they were written on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MACHINE = re.compile(rb"(?<![\w.~-])/(?:work|root|opt|tmp/(?:venv|plan))/")


def test_no_file_names_a_path_of_a_machine() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    present = [file for file in files if file.is_file() and file != Path(__file__)]
    assert ROOT / "pyproject.toml" in present
    assert [str(file) for file in present if MACHINE.search(file.read_bytes())] == []


def test_the_pattern_can_match() -> None:
    assert MACHINE.search(b'base = "/work/models/minilm"')
    assert not MACHINE.search(b"https://example.org/work/x and shared/opt/")
