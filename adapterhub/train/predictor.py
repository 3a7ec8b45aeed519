"""Model inputs to batches, and a model in training as something that answers rows.

Knows padding and batching; a row's meaning is the task's. The runtime answers rows in its own way: the two never import
each other, and agree because both go through the task.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from adapterhub.tasks import Answer, Encoded, Row, Task
from adapterhub.tasks.heads import logits_of, shaped
from adapterhub.tasks.task import IGNORED

BATCH_INPUTS = 64


def collate(inputs: Sequence[Encoded], pad_id: int, kind: str) -> dict[str, Tensor]:
    """One right-padded batch for a head of this `kind`: ids, mask, and segments and labels where the inputs have them.

    Each is [inputs, longest], multiple choice's [inputs, 1, longest]; labels are [inputs], or [inputs, most labels]
    filled with `IGNORED`.
    """
    batch = {
        "input_ids": _padded([one.input_ids for one in inputs], pad_id),
        "attention_mask": _padded([[1] * len(one.input_ids) for one in inputs], 0),
    }
    segments = [one.token_type_ids for one in inputs if one.token_type_ids is not None]
    if segments:
        batch["token_type_ids"] = _padded(segments, 0)
    batch = shaped(kind, batch)
    targets = [one.labels for one in inputs if one.labels is not None]
    if targets:
        lines = [target for target in targets if isinstance(target, list)]
        batch["labels"] = _padded(lines, IGNORED) if lines else torch.tensor(targets)
    return batch


def _padded(lines: Sequence[Sequence[float]], filler: int) -> Tensor:
    longest = max(len(line) for line in lines)
    return torch.tensor([[*line, *[filler] * (longest - len(line))] for line in lines])


class ModelPredictor:
    """Answers rows with a model and its tokenizer, in batches of similar length; leaves the model's mode as it was."""

    def __init__(self, model: Any, task: Task, tokenizer: Any) -> None:
        self.model = model
        self.task = task
        self.tokenizer = tokenizer

    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        """One answer a row, in order."""
        encoded = self.task.encode(rows, self.tokenizer)
        inputs = [one for row in encoded for one in row]
        order = sorted(range(len(inputs)), key=lambda index: len(inputs[index].input_ids))
        logits: dict[int, Tensor] = {}
        training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            for start in range(0, len(order), BATCH_INPUTS):
                chosen = order[start : start + BATCH_INPUTS]
                logits.update(zip(chosen, self._logits([inputs[index] for index in chosen]), strict=True))
        self.model.train(training)
        in_order = iter([logits[index] for index in range(len(inputs))])
        return self.task.decode([list(islice(in_order, len(row))) for row in encoded], encoded)

    def _logits(self, inputs: Sequence[Encoded]) -> list[Tensor]:
        """Each input's own logits: [labels], or [tokens, labels] without the padding."""
        batch = collate(inputs, self.tokenizer.pad_token_id, self.task.head_kind)
        device = self.model.device
        output = logits_of(self.model(**{name: values.to(device) for name, values in batch.items()})).cpu()
        if output.dim() == 2:
            return list(output)
        return [row[: len(encoded.input_ids)] for row, encoded in zip(output, inputs, strict=True)]
