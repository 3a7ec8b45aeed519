"""Real processes that use one registry at once: each runs a function of ``worker.py``, all from the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Worker:
    """One process that has started, imported everything, and waits to be let go."""

    def __init__(self, job: str, **arguments: Any) -> None:
        command = [sys.executable, "-m", "tests.registry.worker", job, json.dumps(arguments, default=str)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_until_ready(self) -> None:
        assert self.read() == "ready", self.process.communicate()[1]

    def read(self) -> Any:
        """The next thing that it prints; None at its end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> Any:
        """The last thing that it printed."""
        printed, errors = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, errors
        return json.loads(printed.splitlines()[-1])

    def kill(self) -> list[Any]:
        """SIGKILL; returns what it had printed in whole lines."""
        self.process.kill()
        printed, _ = self.process.communicate(timeout=60)
        return [json.loads(line) for line in printed.splitlines(keepends=True) if line.endswith("\n")]


def at_once(workers: Sequence[Worker]) -> list[Any]:
    """Let all go at the same moment; returns their results in order."""
    for worker in workers:
        worker.wait_until_ready()
    for worker in workers:
        worker.go()
    return [worker.result() for worker in workers]
