"""What README.md shows works, in the order it is shown; and README.zh-CN.md shows the same.

A block fenced as ``python run`` or ``console run`` is executed. All share one folder that starts with the project's
``demo`` and ``recipes``, and one home. In a console block each line after ``$`` is a command that must succeed; lines
without are what it prints, where ``…`` stands for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(python|console) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_FENCE = re.compile(r"^```\w.*?^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    text: str

    def run(self, folder: Path, environment: dict[str, str]) -> None:
        """Execute the block; AssertionError if a command fails, or does not print what is shown."""
        if self.language == "python":
            self._execute([sys.executable, "-c", self.text], folder, environment)
            return
        for command, shown in commands(self.text):
            printed = self._execute(["bash", "-c", command], folder, environment)
            if shown:
                pattern = re.escape(shown.strip()).replace("…", ".*?")
                assert re.search(pattern, printed, re.DOTALL), f"{command}\nshown:\n{shown}\nprinted:\n{printed}"

    @staticmethod
    def _execute(command: list[str], folder: Path, environment: dict[str, str]) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}"
        return done.stdout


def commands(text: str) -> list[tuple[str, str]]:
    """(command, lines shown after it) of a console block."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]


def blocks(readme: str) -> list[Block]:
    return [Block(language, text) for language, text in FENCE.findall((ROOT / readme).read_text(encoding="utf-8"))]


def environment(home: Path) -> dict[str, str]:
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "HOME": str(home), "PATH": binaries, "ADAPTERHUB_DATA": "data"}


@pytest.mark.slow
@pytest.mark.timeout(1800)  # trains two adapters
def test_readme_works_as_shown(tmp_path: Path) -> None:
    found = blocks("README.md")
    assert {block.language for block in found} == {"python", "console"}
    for name in ("demo", "recipes"):
        (tmp_path / name).symlink_to(ROOT / name)
    for block in found:
        block.run(tmp_path, environment(tmp_path / "home"))


def test_both_languages_show_the_same_blocks() -> None:
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
    shown = ANY_FENCE.findall(english)
    assert len(shown) > 3
    assert ANY_FENCE.findall(chinese) == shown


@pytest.mark.parametrize(
    "block",
    [
        Block("python", "raise SystemExit(3)"),
        Block("console", "$ echo fine\n$ false\n"),
        Block("console", "$ echo one\ntwo\n"),
    ],
)
def test_a_wrong_block_is_found(block: Block, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        block.run(tmp_path, environment(tmp_path))


def test_dots_stand_for_anything(tmp_path: Path) -> None:
    Block("console", "$ echo one two three\none … three\n").run(tmp_path, environment(tmp_path))


def test_the_task_that_is_shown_is_the_example() -> None:
    block = next(
        text for text in ANY_FENCE.findall((ROOT / "README.md").read_text(encoding="utf-8")) if "StarRating" in text
    )
    shown = [line.partition("  #")[0].rstrip() for line in block.splitlines()[1:-1] if line]
    whole = (ROOT / "examples/star-rating/star_rating.py").read_text(encoding="utf-8").splitlines()
    assert len(shown) <= 30
    assert [line for line in whole if line in shown] == shown
