"""Programs are judged by running them, and what they do meanwhile hurts nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from adapterhub.errors import RecipeError, SandboxError
from adapterhub.evaluate import Evaluation
from adapterhub.evaluate.predictions import read_predictions
from adapterhub.evaluate.report import Report, write_report
from adapterhub.tasks import TextAnswer, get_task
from adapterhub.tasks.generation import sandbox
from adapterhub.tasks.generation.code import pass_at_k, program_of
from adapterhub.tasks.generation.sandbox import Limits, passes

SHORT = Limits(seconds=1)
SECRET = "only-outside"

HARMLESS = {
    "asserts that hold": "import re, math, heapq, collections\nassert sorted([2, 1]) == [1, 2]",
    "prints a lot": "import sys\nfor _ in range(9999): print('x' * 99, file=sys.stderr); print('x' * 99)",
    "no environment": "import os\nassert not set(os.environ) - {'LC_CTYPE'}",
    "it is nobody": "import os\nassert os.getuid() == 65534",
    "nothing of ours": "from os.path import exists\nassert not any(map(exists, ('/proc', '/tmp', '/etc', '/run')))",
    "a folder of its own": "import os\nopen('a', 'w').write('x')\nassert set(os.listdir()) == {'a', 'program.py'}",
    "no other process": "import os\nassert os.getpid() == 2",
    "nothing to read": "import sys\nassert sys.stdin.read() == ''",
}
FAILING = {
    "an assert that does not hold": "assert 1 == 2",
    "no Python": "def (",
    "exits before its tests": "import sys; sys.exit(0)",
    "exits at once": "import os; os._exit(0)",
    "says the start again": "import os, sys; os.write(3, b'R'); os._exit(0)",
    "raises SystemExit in a test": "raise SystemExit",
    "kills itself": "import os; os.kill(os.getpid(), 9)",
    "kills all": "import os; os.kill(-1, 9)",
    "endless loop": "while True: pass",
    "endless sleep": "import time; time.sleep(1000)",
    "memory": "x = bytearray(2**30)",
    "a huge file": "open('x', 'wb').write(b'x' * 2**22)",
    "many files": "for i in range(64): open(f'x{i}', 'wb').write(b'x' * 2**19)",
    "fork bomb": "import os\nwhile True: os.fork()",
    "threads": "import threading, time\nfor _ in range(99): threading.Thread(target=time.sleep, args=(9,)).start()",
    "the network": "import socket; socket.create_connection(('127.0.0.1', PORT), 1)",
    "a name server": "import socket; socket.getaddrinfo('example.org', 80)",
    "files of the system": "open('/etc/passwd').read()",
    "writes to Python's folders": "import os; open(os.__file__, 'a')",
    "mounts": "import ctypes; assert ctypes.CDLL(None).umount2(b'/usr', 2) == 0",
    "becomes root": "import os; os.setuid(0)",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_program_that_ends_well_passes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    assert passes(HARMLESS[name], Limits(seconds=5))


@pytest.mark.parametrize("name", FAILING)
def test_a_program_that_does_not_is_a_failure_and_is_over_soon(name: str, listening: int) -> None:
    started = time.monotonic()
    assert not passes(FAILING[name].replace("PORT", str(listening)), SHORT)
    assert time.monotonic() - started < 15


@pytest.fixture(scope="module")
def listening() -> Any:
    """A port of this machine that outside of a sandbox can be reached."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 1).close()
        yield port


LEAVING = """
import os, time
if os.fork():
    time.sleep(0.2)
else:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
"""
HARD = """
import sys
sys.path.insert(0, {root!r})
from adapterhub.tasks.generation.sandbox import passes
passes("import time; time.sleep(60)")
"""


def test_nothing_outlives_it() -> None:
    before = _launchers()
    assert passes(LEAVING, SHORT)
    assert _launchers() == before
    running = subprocess.Popen([sys.executable, "-c", HARD.format(root=str(Path(__file__).parents[3]))])
    deadline = time.monotonic() + 10
    while _launchers() == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _launchers() > before
    running.kill()  # and with it whoever waits
    running.wait()
    deadline = time.monotonic() + 10
    while _launchers() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _launchers() == before


def _launchers() -> set[str]:
    """Processes that the sandbox started: they name its launcher, or write to a pipe by its harness."""
    return {pid for pid in os.listdir("/proc") if pid.isdigit() and _is_one(pid)}


def _is_one(pid: str) -> bool:
    try:
        line = Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return False
    return b"contained.py" in line or b"program.py" in line


def test_where_nothing_can_be_contained_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "CONTAINED", tmp_path / "none.py")
    with pytest.raises(SandboxError, match="no sandbox could be made here") as error:
        passes("pass")
    assert "namespaces" in error.value.hint
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxError, match="darwin"):
        passes("pass")


def test_the_estimator_is_the_share_of_draws_with_a_right_one() -> None:
    for count, right, k in [(5, 0, 2), (5, 2, 1), (5, 2, 3), (5, 4, 2), (4, 4, 4)]:
        draws = list(combinations(range(count), k))
        assert pass_at_k(count, right, k) == pytest.approx(sum(min(draw) < right for draw in draws) / len(draws))


def test_both_protocols_make_programs() -> None:
    mbpp = {"source": "Add.", "tests": ["assert f(1, 1) == TWO"], "test_setup": "TWO = 2"}
    human = {
        "source": 'def f(a, b):\n    """Add."""\n',
        "tests": ["def check(g):\n    assert g(1, 1) == 2"],
        "entry_point": "f",
    }
    whole = "def f(a, b):\n    return a + b"
    for text in (whole, f"Sure:\n```python\n{whole}\n```\nIt adds.", f"```\n{whole}"):
        assert passes(program_of(text, mbpp)) and passes(program_of(text, human))
    assert passes(program_of("    return a + b\n", human))
    assert not passes(program_of("    return a - b\n", human))
    task = get_task("text-generation", {"problem_type": "code"})
    answers = [TextAnswer(text=text, token_ids=()) for text in (whole, "nothing")]
    assert task.metrics(answers, task.references([mbpp, mbpp])) == {"pass@1": 0.5}


def test_of_several_programs_a_row_some_pass(tmp_path: Path) -> None:
    options = {"problem_type": "code", "samples": 12, "sampling": {"temperature": 0.8}}
    task = get_task("text-generation", options)
    assert task.metric_names == ("pass@1", "pass@10", "pass@12")
    rows = [
        {"source": "Be true.", "target": "x = 1", "tests": ["assert x"]},
        {"source": "Be.", "target": "x = 1", "tests": ["x"]},
    ]
    asked: list[Any] = []

    class Writer:
        def predict(self, prompts: Any) -> list[Any]:
            asked.extend(prompt["source"] for prompt in prompts)
            return [TextAnswer(text=f"x = {int(p['tests'] == ['x'])}", token_ids=()) for p in prompts]

    made = Evaluation.of(Writer(), task, rows)
    assert asked == ["Be true."] * 12 + ["Be."] * 12
    assert made.outcomes == [(12, 0), (12, 12)]
    assert {name: (at.value, at.n) for name, at in made.metrics.items()} == dict.fromkeys(task.metric_names, (0.5, 2))
    write_report(tmp_path, made, Report.of(made), {})
    kept = read_predictions(tmp_path)
    assert (len(kept.rows), kept.metrics) == (24, made.metrics)


def test_programs_that_are_all_the_same_are_no_samples() -> None:
    with pytest.raises(RecipeError, match=r"samples: at temperature 0, 4 programs of a row are all the same"):
        get_task("text-generation", {"problem_type": "code", "samples": 4})


def test_tests_are_shown_where_the_protocol_shows_them(tokenizer: Any) -> None:
    task = get_task("text-generation", {"problem_type": "code", "max_length": 256})
    row = {"source": "fire", "tests": ["joke is a joke"]}
    ((shown,),), ((hidden,),) = task.encode([row], tokenizer), task.encode([{**row, "entry_point": "my"}], tokenizer)
    assert "joke is a joke" in tokenizer.decode(shown.input_ids)
    assert "joke" not in tokenizer.decode(hidden.input_ids)


@pytest.mark.parametrize("name", ["code/mbpp/test.jsonl", "code/humaneval/test.jsonl"])
def test_reference_solutions_pass(name: str, data_root: Path) -> None:
    rows = [json.loads(line) for line in (data_root / name).read_text().splitlines()][:4]
    for row in rows:
        get_task("text-generation", {"problem_type": "code"}).check_row(row)
        assert passes(program_of(row["target"], row))
