"""What people see of a run while it goes on: on a terminal, in a log, as a picture, in TensorBoard."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from adapterhub.errors import MissingDependency
from adapterhub.train.run import RunFolder
from adapterhub.train.view.board import Board
from adapterhub.train.view.console import QUIET_SECONDS, ConsoleProgress
from adapterhub.train.view.picture import Picture
from adapterhub.train.view.progress import Several, Silent, Validation

LOGGED = {"loss": 0.25, "tokens_per_second": 1234.4}
PNG = b"\x89PNG\r\n\x1a\n"


def validation(value: float, best: float) -> Validation:
    return Validation(2, 6, {"accuracy": value}, "accuracy", best, value == best)


def run_with_lines(folder: Path) -> RunFolder:
    """A run folder that measured a little."""
    run = RunFolder(folder)
    run.path.mkdir(exist_ok=True)
    lines = [
        {"kind": "before", "step": 0, "metrics": {}},
        {"kind": "step", "step": 3, "loss": 0.9},
        {"kind": "validation", "step": 3, "metrics": {"accuracy": 0.5}},
        {"kind": "step", "step": 6, "loss": 0.4},
    ]
    run.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def test_a_terminal_sees_stages_steps_figures_and_epochs() -> None:
    terminal = io.StringIO()
    with ConsoleProgress(Console(file=terminal, force_terminal=True, width=120)) as progress:
        progress.phase("scoring 7 rows")
        progress.steps(3, 9)
        progress.validated(validation(0.5, 0.5))
        progress.step(5)
        progress.logged(5, LOGGED)
        progress.validated(validation(0.4, 0.5))
    written = terminal.getvalue()
    assert "scoring 7 rows" in written
    assert "5/9" in written
    assert "loss 0.2500  1,234 tokens/s  best accuracy 0.5000" in written
    assert "epoch 2  validation  accuracy 0.5000  (best so far)" in written
    assert "epoch 2  validation  accuracy 0.4000  (best accuracy 0.5000)" in written


def test_a_log_gets_plain_lines_now_and_then_with_the_time_left() -> None:
    log = io.StringIO()
    now = [100.0]
    with ConsoleProgress(Console(file=log), clock=lambda: now[0]) as progress:
        progress.steps(10, 40)  # resumed: the speed is that of this sitting
        for done in (11, 20):
            now[0] += QUIET_SECONDS / 2
            progress.step(done)
            progress.logged(done, LOGGED)
        progress.validated(validation(0.5, 0.5))
    assert log.getvalue().splitlines() == [
        "step 20/40  loss 0.2500  1,234 tokens/s  0:01:00 left",
        "epoch 2  validation  accuracy 0.5000  (best so far)",
    ]


def test_all_watchers_hear_of_everything() -> None:
    heard: list[tuple[str, object]] = []

    class Ear:
        def phase(self, name: str) -> None:
            heard.append(("phase", name))

        def steps(self, done: int, total: int) -> None:
            heard.append(("steps", (done, total)))

        def step(self, done: int) -> None:
            heard.append(("step", done))

        def logged(self, step: int, figures: Mapping[str, float]) -> None:
            heard.append(("logged", figures))

        def validated(self, validation: Validation) -> None:
            heard.append(("validated", validation.step))

    several = Several([Silent(), Ear(), Ear()])
    several.phase("a")
    several.steps(0, 2)
    several.step(1)
    several.logged(1, LOGGED)
    several.validated(validation(0.5, 0.5))
    told = [("phase", "a"), ("steps", (0, 2)), ("step", 1), ("logged", LOGGED), ("validated", 6)]
    assert heard == [each for each in told for _ in range(2)]


def test_the_picture_is_drawn_at_each_validation_and_at_the_end(tmp_path: Path) -> None:
    run = run_with_lines(tmp_path)
    said: list[str] = []
    with Picture(run, said.append) as picture:
        picture.validated(validation(0.5, 0.5))
        assert run.curve.read_bytes().startswith(PNG)
        run.curve.unlink()
        picture.logged(6, LOGGED)
        assert not run.curve.exists()
    assert run.curve.read_bytes().startswith(PNG)
    assert (said, sorted(path.name for path in tmp_path.iterdir())) == ([], ["curve.png", "metrics.jsonl"])


def test_a_picture_that_cannot_be_drawn_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    run = run_with_lines(tmp_path)
    run.metrics.write_text('{"kind": "step"}\n')
    said: list[str] = []
    with Picture(run, said.append) as picture:
        picture.validated(validation(0.5, 0.5))
        picture.validated(validation(0.5, 0.5))
    assert said == ["curve.png was not drawn: 'step'"]


def test_tensorboard_reads_every_figure(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = RunFolder(tmp_path / "run")
    with Board(run) as board:
        assert not run.path.exists(), "a folder that is there already would be refused as a run's"
        board.steps(0, 9)
        board.logged(3, LOGGED)
        board.validated(validation(0.5, 0.5))
    with Board(run) as board:
        board.steps(3, 9)
        board.validated(validation(0.75, 0.75))
    events = accumulator.EventAccumulator(str(run.tensorboard))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(3, 0.25)]
    accuracies = [(event.step, event.value) for event in events.Scalars("validation/accuracy")]
    assert accuracies == [(6, 0.75)], "what came after the checkpoint is taken back"


def test_tensorboard_that_is_not_installed_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingDependency) as refused:
        Board(RunFolder(tmp_path / "run"))
    assert "tensorboard" in refused.value.message
    assert refused.value.hint == "pip install tensorboard"
