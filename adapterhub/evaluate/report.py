"""Everything that is said of one evaluation, and the folder that it is kept in.

::

    FOLDER/
      report.json         the task, the figures, the classes, the confusion and the calibration
      predictions.jsonl   one line an answer: row, answer, reference
      figures/*.png       to look at
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from adapterhub.errors import DataError
from adapterhub.evaluate.calibration import Calibration, calibration
from adapterhub.evaluate.classes import ClassFigures, by_class
from adapterhub.evaluate.confusion import Confusion, confusion
from adapterhub.evaluate.evaluation import Evaluation
from adapterhub.evaluate.figures import draw
from adapterhub.evaluate.metric import MetricValue
from adapterhub.evaluate.predictions import REPORT, task_document, write_predictions

FIGURES = "figures"


@dataclass(frozen=True)
class Report:
    """The figures of an evaluation; what its answers do not have is empty or None."""

    metrics: Mapping[str, MetricValue]
    classes: tuple[ClassFigures, ...]
    confusion: Confusion | None
    calibration: Calibration | None

    @classmethod
    def of(cls, made: Evaluation) -> Report:
        """Everything that can be said of `made`."""
        answers, references, labels = made.answers, made.references, made.task.labels
        return cls(
            made.metrics,
            by_class(answers, references, labels),
            confusion(answers, references, labels),
            calibration(made.task, answers, references),
        )

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "metrics": {name: asdict(value) for name, value in self.metrics.items()},
            "classes": [asdict(one) for one in self.classes],
            "confusion": self.confusion and asdict(self.confusion),
            "calibration": self.calibration and asdict(self.calibration),
        }


def check_folder(folder: Path) -> None:
    """Refuse a folder that `write_report` should not write to, before rows are answered for it.

    Raises:
        DataError: it holds something else than an evaluation.
        ModuleNotFoundError: matplotlib, which draws the figures, is not installed.
    """
    import_module("matplotlib")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / REPORT).is_file():
        raise DataError(f"{folder} exists and is no evaluation", "Name another folder.")


def write_report(folder: Path, made: Evaluation, report: Report, adapter: Mapping[str, Any]) -> list[Path]:
    """Keep `made` and its `report` in `folder`, and return the figures; `adapter` says what was evaluated."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = draw(report, folder / FIGURES)
    write_predictions(folder, made)
    document = {**adapter, "task": task_document(made.task), "split": made.split, **report.document()}
    (folder / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    return figures
