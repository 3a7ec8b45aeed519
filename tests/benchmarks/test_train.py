"""What training is compared by, and when it is not."""

from __future__ import annotations

import pytest

from benchmarks.contenders.training_run import Times, TrainingRun
from benchmarks.harness import Disagreement
from benchmarks.train import check, figures


def test_only_steps_are_timed_and_not_what_lies_between_epochs() -> None:
    times = Times(epochs=2, steps=[1.0, 2.0, 3.5, 50.0, 51.0, 52.25])
    assert times.step_seconds == 2.5 + 2.25


def made(slowness: float = 1.0, memory: int = 100 * 2**20, steps: int = 60) -> TrainingRun:
    return TrainingRun(steps, 10 * slowness, 20 * slowness, 30 * slowness, memory)


def test_ratios_are_taken_within_a_round_and_the_median_of_them_counts() -> None:
    quiet, busy = {"ours": made(), "peft": made(1.25)}, {"ours": made(10), "peft": made(12.5)}
    odd = {"ours": made(9), "peft": made(1, memory=10**9)}
    found = figures([quiet, busy, odd], tokens=6000, epochs=3, losses={"ours": 0.5, "peft": 0.6})
    ratios = {name: found[name] for name in ("tokens_vs_peft", "loop_vs_peft", "run_vs_peft", "memory_vs_peft")}
    assert ratios == {"tokens_vs_peft": 1.25, "loop_vs_peft": 1.25, "run_vs_peft": 1.25, "memory_vs_peft": 1.0}
    assert figures([quiet], 6000, 3, {})["tokens_per_second"] == {"ours": 570.0, "peft": 456.0}


def test_who_made_other_steps_or_learned_otherwise_is_not_compared() -> None:
    with pytest.raises(Disagreement, match="59 steps, not 60"):
        figures([{"ours": made(steps=59), "peft": made()}], 6000, 3, {})
    check({"ours": 0.55, "peft": 0.5}, untrained=2.0)
    with pytest.raises(Disagreement, match=r"our loss is 0\.700, plain peft's 0\.500"):
        check({"ours": 0.7, "peft": 0.5}, untrained=2.0)
    with pytest.raises(Disagreement, match="peft learned nothing"):
        check({"ours": 0.5, "peft": 1.9}, untrained=2.0)
