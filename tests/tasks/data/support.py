"""Files of rows for tests, and one good row for each task."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adapterhub.recipe import Data
from adapterhub.tasks import Task, get_task

TASKS: dict[str, Task] = {
    "classification": get_task("text-classification"),
    "multi-label": get_task("text-classification", {"problem_type": "multi_label_classification"}),
    "regression": get_task("text-classification", {"problem_type": "regression"}),
    "tokens": get_task("token-classification"),
    "spans": get_task("question-answering"),
    "choices": get_task("multiple-choice"),
}
ROWS: dict[str, dict[str, Any]] = {
    "classification": {"text": "my printer is on fire", "label": "complaint"},
    "multi-label": {"text": "my printer is on fire", "labels": ["printer", "fire"]},
    "regression": {"text": "my printer is on fire", "text_pair": "the device burns", "label": 0.5},
    "tokens": {"tokens": ["Ada", "is", "here"], "tags": ["B-person", "O", "O"]},
    "spans": {"question": "who", "context": "it is Ada", "answers": [{"text": "Ada", "answer_start": 6}]},
    "choices": {"question": "what burns", "choices": ["water", "wood"], "label": 1},
}


def write(path: Path, rows: Iterable[object]) -> Path:
    """The rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def files(folder: Path, parts: dict[str, list[tuple[str, str]]], **more: Any) -> Data:
    """A recipe's data over one file a split, of (text, label) rows."""
    named = {
        part: str(write(folder / f"{part}.jsonl", [{"text": text, "label": label} for text, label in rows]))
        for part, rows in parts.items()
    }
    return Data(name="d", licence="mit", **named, **more)
