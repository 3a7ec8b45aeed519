"""Rows to batches, and a model in training as something that answers rows.

Knows padding and batching; a row's meaning is the task's. The runtime answers rows in its own way: the two never import
each other, and agree because both go through the task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from adapterhub.tasks import Answer, Encoded, Row, Task
from adapterhub.tasks.task import IGNORED

BATCH_ROWS = 64


def collate(rows: Sequence[Encoded], pad_id: int) -> dict[str, Tensor]:
    """One right-padded batch, [rows, longest] each: ids, mask, and segments and labels where the rows have them."""
    longest = max(len(row.input_ids) for row in rows)

    def padded(values: Sequence[Sequence[int]], filler: int) -> Tensor:
        return torch.tensor([[*line, *[filler] * (longest - len(line))] for line in values])

    batch = {
        "input_ids": padded([row.input_ids for row in rows], pad_id),
        "attention_mask": padded([[1] * len(row.input_ids) for row in rows], 0),
    }
    segments = [row.token_type_ids for row in rows if row.token_type_ids is not None]
    if segments:
        batch["token_type_ids"] = padded(segments, 0)
    targets = [row.labels for row in rows if row.labels is not None]
    if targets:
        lines = [target for target in targets if isinstance(target, list)]
        batch["labels"] = padded(lines, IGNORED) if lines else torch.tensor(targets)
    return batch


class ModelPredictor:
    """Answers rows with a model and its tokenizer, in batches of similar length; leaves the model's mode as it was."""

    def __init__(self, model: Any, task: Task, tokenizer: Any) -> None:
        self.model = model
        self.task = task
        self.tokenizer = tokenizer

    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        """One answer a row, in order."""
        encoded = self.task.encode(rows, self.tokenizer)
        order = sorted(range(len(encoded)), key=lambda index: len(encoded[index].input_ids))
        logits: dict[int, Tensor] = {}
        training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), BATCH_ROWS):
                chosen = order[start : start + BATCH_ROWS]
                logits.update(zip(chosen, self._logits([encoded[index] for index in chosen]), strict=True))
        self.model.train(training)
        return self.task.decode([logits[index] for index in range(len(encoded))], encoded)

    def _logits(self, rows: Sequence[Encoded]) -> list[Tensor]:
        """Each row's own logits: [num_labels], or [tokens, num_labels] without the padding."""
        batch = collate(rows, self.tokenizer.pad_token_id)
        device = self.model.device
        output: Tensor = self.model(**{name: values.to(device) for name, values in batch.items()}).logits.cpu()
        if output.dim() == 2:
            return list(output)
        return [row[: len(encoded.input_ids)] for row, encoded in zip(output, rows, strict=True)]
