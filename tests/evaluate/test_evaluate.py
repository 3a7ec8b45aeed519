from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from adapterhub.errors import DataError
from adapterhub.evaluate import evaluate
from adapterhub.tasks import Answer, LabelAnswer, Row, get_task

TASK = get_task("text-classification", None, ["no", "yes"])


class Says:
    """Answers each row with the label that its text names, and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[Row] = []

    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        self.shown = list(rows)
        texts = [row if isinstance(row, str) else row["text"] for row in rows]
        return [LabelAnswer(label=text.split()[0], score=1.0, scores={}, logits=torch.zeros(2)) for text in texts]


def rows(right: int, wrong: int) -> list[dict[str, str]]:
    return [{"text": f"yes {n}", "label": "yes"} for n in range(right)] + [
        {"text": f"no {n}", "label": "yes"} for n in range(wrong)
    ]


def test_figures_and_their_intervals() -> None:
    figure = evaluate(Says(), TASK, rows(80, 20), split="validation")["accuracy"]
    assert figure.value == 0.8
    assert (figure.n, figure.split) == (100, "validation")
    spread = 1.96 * (0.8 * 0.2 / 100) ** 0.5  # the binomial's own interval
    assert figure.low == pytest.approx(0.8 - spread, abs=0.02)
    assert figure.high == pytest.approx(0.8 + spread, abs=0.02)


def test_more_rows_narrow_the_interval() -> None:
    few, many = (evaluate(Says(), TASK, rows(8 * times, 2 * times))["accuracy"] for times in (5, 80))
    assert many.high - many.low < (few.high - few.low) / 2


def test_the_same_answers_give_the_same_figures() -> None:
    assert evaluate(Says(), TASK, rows(7, 3)) == evaluate(Says(), TASK, rows(7, 3))


def test_a_predictor_never_sees_the_labels() -> None:
    says = Says()
    evaluate(says, TASK, rows(2, 1))
    assert says.shown == [{"text": "yes 0"}, {"text": "yes 1"}, {"text": "no 0"}]


def test_no_rows_are_no_result() -> None:
    with pytest.raises(DataError, match="no rows to evaluate in test"):
        evaluate(Says(), TASK, [])


def test_labels_that_training_never_saw_count_as_mistakes() -> None:
    unseen: list[Any] = [{"text": "no 1", "label": "maybe"}, {"text": "no 2", "label": "no"}]
    assert evaluate(Says(), TASK, unseen)["accuracy"].value == 0.5


def test_it_imports_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    probe = "import sys, adapterhub.evaluate, adapterhub.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
