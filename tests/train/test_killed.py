"""A run whose process is stopped at random moments ends with the bytes of one that was left alone."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from adapterhub.train import train
from tests.train.process import stop_at
from tests.train.support import LORA, PREFIX, Recipes, assert_same_weights

EPOCHS = 4
STEPS = 11 * EPOCHS
STOPS = (signal.SIGKILL, signal.SIGINT, signal.SIGKILL)
METHODS = {"lora": LORA + "\ndropout = 0.2", "prefix": PREFIX + "\nprojection = 8"}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_run_stopped_anywhere_ends_with_the_same_bytes(method: str, recipes: Recipes, tmp_path: Path) -> None:
    training = f'epochs = {EPOCHS}\nschedule = "cosine"\nhead_learning_rate = 2e-2'
    recipe = recipes.make(method=METHODS[method], training=training)
    points = sorted(random.sample(range(1, STEPS - 5), len(STOPS)))  # a signal to a busy machine takes some steps
    for step, by in zip(points, STOPS, strict=True):
        ends = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130}
        assert stop_at(step, by, recipe, tmp_path / "run") == ends[by], f"it was not stopped at {points}"
    resumed, whole = train(recipe, tmp_path / "run", resume=True), train(recipe, tmp_path / "whole")
    assert_same_weights(resumed, whole)
    assert resumed.digest == whole.digest, f"stopped at {points}"  # of weights, figures and manifest
