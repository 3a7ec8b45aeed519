"""Answers that are kept: ``predictions.jsonl``, one line an answer, and the task that they answer beside it.

Tensors are not kept, so what is read again answers what its figures need, and no more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from adapterhub.errors import DataError, RecipeError
from adapterhub.evaluate.evaluation import Evaluation
from adapterhub.tasks import Answer, Task, restored
from adapterhub.tasks.answer import read_answer, to_document

REPORT, PREDICTIONS = "report.json", "predictions.jsonl"
AGAIN = "Make it again: adapterhub evaluate REF --out FOLDER."


def task_document(task: Task) -> dict[str, Any]:
    """What a task has to be restored by."""
    options = msgspec.to_builtins(task.options)
    return {"name": task.name, "problem_type": task.problem_type, "options": options, "labels": list(task.labels)}


def write_predictions(folder: Path, made: Evaluation) -> None:
    """Write the rows of `made`, each with its answer and its own target, into `folder`."""
    target = made.task.target_column
    with (folder / PREDICTIONS).open("w", encoding="utf-8") as stream:
        for row, answer in zip(made.rows, made.answers, strict=True):
            shown = {column: value for column, value in row.items() if column != target}
            said = {"kind": type(answer).__name__, **to_document(answer)}
            stream.write(msgspec.json.encode({"row": shown, "answer": said, "reference": row[target]}).decode() + "\n")


def read_predictions(folder: Path) -> Evaluation:
    """The evaluation that ``adapterhub evaluate --out`` kept in `folder`.

    Raises:
        DataError: it is not there, or is not one.
    """
    try:
        said = json.loads((folder / REPORT).read_bytes())
        task = restored(**said["task"])
        rows: list[dict[str, Any]] = []
        answers: list[Answer] = []
        with (folder / PREDICTIONS).open(encoding="utf-8") as stream:
            for line in map(json.loads, stream):
                rows.append({**line["row"], task.target_column: line["reference"]})
                answers.append(read_answer(line["answer"].pop("kind"), line["answer"]))
        return Evaluation(task, rows, answers, said["split"])
    except OSError as error:
        raise DataError(f"{folder}: no evaluation is kept there: {error.strerror} ({error.filename})", AGAIN) from error
    except (ValueError, KeyError, TypeError, RecipeError) as error:
        raise DataError(f"{folder}: its evaluation cannot be read: {error!r}", AGAIN) from error
