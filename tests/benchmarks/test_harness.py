"""What a benchmark's figure rests on: fair turns, medians, and answers that agree before they are timed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from benchmarks import harness
from benchmarks.harness import Contender
from benchmarks.mixed_batch import figures


class Steps:
    """Contenders that take the seconds they are told to, by a clock of their own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def taking(self, name: str, seconds: Sequence[float]) -> Contender:
        left = iter(seconds)

        def step() -> list[Tensor]:
            self.order.append(name)
            self.now += next(left)
            return []

        return Contender(name, step)


def test_each_round_runs_every_contender_once_and_another_one_first() -> None:
    steps = Steps()
    harness.interleaved([steps.taking("a", [1] * 4), steps.taking("b", [1] * 4)], rounds=2, clock=lambda: steps.now)
    assert "".join(steps.order) == "abbaabba"


def test_a_time_is_the_median_without_the_warm_up_rounds() -> None:
    steps = Steps()
    found = harness.interleaved([steps.taking("a", [90, 90, 1, 2, 60])], rounds=3, clock=lambda: steps.now)
    assert found == {"a": 2}


def test_what_a_step_left_behind_is_undone_after_each_step() -> None:
    restored: list[int] = []
    contender = Contender("a", lambda: [], lambda: restored.append(1))
    harness.interleaved([contender], rounds=1)
    contender.outputs()
    assert len(restored) == harness.WARM_UP + 1 + 1


def test_disagreement_names_the_row_and_takes_nothing_for_granted() -> None:
    expected = [torch.ones(3), torch.full((3,), 100.0)]
    assert harness.disagreement([row * (1 + 5e-5) for row in expected], expected, 1e-4) is None
    assert "row 1 differs" in str(harness.disagreement([expected[0], expected[1] + 1], expected, 1e-4))
    assert "row 0 has shape" in str(harness.disagreement([torch.ones(2), expected[1]], expected, 1e-4))
    assert "1 rows, not 2" in str(harness.disagreement(expected[:1], expected, 1e-4))
    assert "row 0 differs" in str(harness.disagreement([torch.full((3,), torch.nan), expected[1]], expected, 1e-4))


def test_the_faster_bare_way_is_the_reference_and_the_fastest_peft_way_is_named() -> None:
    seconds = {"transformers": 8.0, "ours_bare": 4.0, "ours": 5.0, "peft_adapter_names": 10.0, "peft_set_adapter": 40.0}
    assert figures("case", seconds, extra=1.0) == {"case": 0.8, "case_peft": 0.4, "case_limit": 0.8}


def test_least_time_is_the_longer_of_multiplying_and_reading() -> None:
    assert harness.least_seconds(flops=100, nbytes=10, flops_per_second=10, bytes_per_second=10) == 10
    assert harness.least_seconds(flops=10, nbytes=100, flops_per_second=10, bytes_per_second=10) == 10


def test_an_adapter_that_changes_next_to_nothing_is_found() -> None:
    bare = [torch.ones(3), torch.full((3,), 100.0)]
    assert harness.changed([row * 1.01 for row in bare], bare, 1e-4) is None
    assert "row 1 changes nothing" in str(harness.changed([bare[0] * 1.01, bare[1] + 1e-3], bare, 1e-4))


def test_a_report_ends_with_one_json_line_and_is_nothing_else_where_that_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    harness.report({"threads": 1}, {"ratio": 0.5}, as_json=True)
    assert capsys.readouterr().out == '{"threads": 1, "ratio": 0.5}\n'
    harness.report({"threads": 1}, {"ratio": 0.5}, as_json=False)
    assert len(capsys.readouterr().out.splitlines()) == 3
