"""Ctrl-C leaves a run that ends, when resumed, exactly where an uninterrupted one does."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from adapterhub.errors import DataError
from adapterhub.recipe import Recipe
from adapterhub.train import RunError, TrainingInterrupted, TrainingResult, train
from adapterhub.train.view.progress import Silent
from tests.train.support import LORA, Recipes, assert_same_weights

STEPS_AN_EPOCH = 11


class InterruptAt(Silent):
    """Sends this process SIGINT after a step, `times` times."""

    def __init__(self, step: int, times: int = 1) -> None:
        self.at = step
        self.times = times

    def step(self, done: int) -> None:
        if done == self.at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
                time.sleep(0.01)  # in which Python hears of it: two at once would be one


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    """Python's own handler: a shell has its background jobs ignore SIGINT, and these tests may run in one."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture(scope="module")
def recipe(recipes: Recipes) -> Recipe:
    """Everything that a resumed run could get wrong: dropout, a schedule, momentum, accumulation, patience."""
    training = "epochs = 3\nschedule = cosine\nearly_stopping = { patience = 2 }\nhead_learning_rate = 2e-2"
    return recipes.make(method=LORA + "\ndropout = 0.2", training=training.replace("cosine", '"cosine"'))


@pytest.fixture(scope="module")
def uninterrupted(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return train(recipe, tmp_path_factory.mktemp("whole") / "run")


def curve(result: TrainingResult) -> list[Mapping[str, object]]:
    lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    return [{"kind": line["kind"], "step": line["step"], "metrics": line.get("metrics")} for line in lines]


def assert_same(resumed: TrainingResult, whole: TrainingResult) -> None:
    assert resumed.best_step == whole.best_step
    assert (resumed.before, resumed.after) == (whole.before, whole.after)
    assert_same_weights(resumed, whole)
    assert curve(resumed) == curve(whole)


@pytest.mark.parametrize(
    "step",
    [5, STEPS_AN_EPOCH, STEPS_AN_EPOCH + 6, 3 * STEPS_AN_EPOCH],
    ids=["first epoch", "between epochs", "second epoch", "last step"],
)
def test_an_interrupted_run_ends_where_a_whole_one_does(
    step: int, recipe: Recipe, uninterrupted: TrainingResult, tmp_path: Path
) -> None:
    with pytest.raises(TrainingInterrupted) as stopped:
        train(recipe, tmp_path / "run", progress=InterruptAt(step))
    assert f"after step {step}" in stopped.value.message
    assert "--resume" in stopped.value.hint
    assert not (tmp_path / "run" / "adapter").exists()
    with pytest.raises(RunError, match="unfinished"):
        train(recipe, tmp_path / "run")

    assert_same(train(recipe, tmp_path / "run", resume=True), uninterrupted)


def test_it_may_be_interrupted_again_and_again(recipe: Recipe, uninterrupted: TrainingResult, tmp_path: Path) -> None:
    for number, step in enumerate((3, 9, 20)):
        with pytest.raises(TrainingInterrupted):
            train(recipe, tmp_path / "run", resume=number > 0, progress=InterruptAt(step))
    assert_same(train(recipe, tmp_path / "run", resume=True), uninterrupted)


def test_a_second_ctrl_c_stops_at_once_and_the_run_goes_on_from_the_last_epoch(
    recipe: Recipe, uninterrupted: TrainingResult, tmp_path: Path
) -> None:
    with pytest.raises(TrainingInterrupted) as stopped:
        train(recipe, tmp_path / "run", progress=InterruptAt(STEPS_AN_EPOCH + 4, times=2))
    assert f"after step {STEPS_AN_EPOCH}" in stopped.value.message
    assert_same(train(recipe, tmp_path / "run", resume=True), uninterrupted)


def test_it_does_not_go_on_over_other_rows(recipes: Recipes, tmp_path: Path) -> None:
    shutil.copytree(recipes.data, tmp_path / "rows")
    recipe = Recipes(recipes.base, tmp_path / "rows").make()
    with pytest.raises(TrainingInterrupted):
        train(recipe, tmp_path / "run", progress=InterruptAt(5))
    rows = tmp_path / "rows" / "chat-train.jsonl"
    rows.write_text(rows.read_text().replace("hello", "goodbye"))
    with pytest.raises(RunError, match=r"data\.train is not what the run in .* began with"):
        train(recipe, tmp_path / "run", resume=True)


def test_what_is_damaged_is_named(recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingInterrupted):
        train(recipe, run, progress=InterruptAt(5))
    tensors = run / "checkpoints" / "checkpoint-5" / "trainable.safetensors"
    tensors.write_bytes(b"")
    with pytest.raises(DataError, match=r"trainable\.safetensors cannot be read"):
        train(recipe, run, resume=True)
    curve = run / "metrics.jsonl"
    curve.write_bytes(b"\0\0\n" + curve.read_bytes())
    with pytest.raises(RunError, match=r"metrics\.jsonl:1 is damaged"):
        train(recipe, run, resume=True)


def test_a_checkpoint_cut_short_by_a_crash_is_not_used(
    recipe: Recipe, uninterrupted: TrainingResult, tmp_path: Path
) -> None:
    with pytest.raises(TrainingInterrupted):
        train(recipe, tmp_path / "run", progress=InterruptAt(STEPS_AN_EPOCH + 6))
    state = tmp_path / "run" / "checkpoints" / f"checkpoint-{STEPS_AN_EPOCH + 6}" / "trainer_state.json"
    state.write_text(state.read_text()[:100])
    with (tmp_path / "run" / "metrics.jsonl").open("a") as stream:
        stream.write('{"kind": "step", "st')
    assert_same(train(recipe, tmp_path / "run", resume=True), uninterrupted)
