"""The demo runs from an empty home, swaps what it says it swaps, and reuses what is there the second time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_demo(home: Path) -> str:
    environment = {**os.environ, "ADAPTERHUB_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)  # trains three adapters
def test_the_demo_shows_what_it_promises(tmp_path: Path) -> None:
    first = run_demo(tmp_path)
    assert re.findall(r"published (\S+)", first) == ["demo/topic@1.0.0", "demo/kind@1.0.0", "demo/topic@1.1.0"]
    assert re.findall(r"jules verne .*(demo/topic@\S+)", first) == ["demo/topic@1.0.0", "demo/topic@1.1.0"]
    assert "its weights are unchanged" in first
    gains = re.findall(r"(0\.\d\d) → (0\.\d\d)", first)
    assert len(gains) == 3
    assert all(float(before) < float(after) for before, after in gains)

    second = run_demo(tmp_path)
    assert second.count("is in the registry already") == 3
    assert "published" not in second
    assert re.findall(r"(0\.\d\d) → (0\.\d\d)", second) == gains
    assert re.findall(r"jules verne .*(demo/topic@\S+)", second) == ["demo/topic@1.0.0", "demo/topic@1.1.0"]
