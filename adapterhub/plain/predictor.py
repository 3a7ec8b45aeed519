"""Model inputs to batches, and a plain model as something that answers rows.

Knows padding and batching; a row's meaning is the task's. The runtime answers rows in its own way: the two never import
each other, and agree because both go through the task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import Tensor

from adapterhub.evaluate.perplexity import Likelihood
from adapterhub.plain.writing import write
from adapterhub.tasks import Answer, Encoded, Row, Task
from adapterhub.tasks.data import DataRow
from adapterhub.tasks.heads import WRITES, logits_of, pool, shaped
from adapterhub.tasks.task import IGNORED

BATCH_INPUTS = 64
BATCH_TOKENS = 1024  # whose logits over a vocabulary of 49,152 take 200 MB
POOLED = "pooled"


def collate(inputs: Sequence[Encoded], pad_id: int, kind: str) -> dict[str, Tensor]:
    """One right-padded batch for a head of this `kind`: ids, mask, and segments and labels where the inputs have them.

    Each is [inputs, longest], multiple choice's [inputs, 1, longest]; labels are [inputs], or [inputs, most labels]
    filled with `IGNORED`. A language model's are [inputs, positions that have some], with these as ``logits_to_keep``.
    `POOLED`, which is no input of a model, is 1 for the tokens whose logits are averaged.
    """
    batch = {
        "input_ids": _padded([one.input_ids for one in inputs], pad_id),
        "attention_mask": _padded([[1] * len(one.input_ids) for one in inputs], 0),
    }
    segments = [one.token_type_ids for one in inputs if one.token_type_ids is not None]
    if segments:
        batch["token_type_ids"] = _padded(segments, 0)
    batch = shaped(kind, batch)
    weights = [_weights(one) for one in inputs if one.pooled is not None]
    if weights:
        batch[POOLED] = _padded(weights, 0)
    targets = [one.labels for one in inputs if one.labels is not None]
    if targets:
        lines = [target for target in targets if isinstance(target, list)]
        batch["labels"] = _padded(lines, IGNORED) if lines else torch.tensor(targets)
        if kind in WRITES:
            batch |= _narrowed(batch["labels"])
    return batch


def _narrowed(labels: Tensor) -> dict[str, Tensor]:
    """Only the positions at which some row has a target: a vocabulary's logits at all others would be most of memory.

    They count from the end (negative), since virtual tokens may come before a row.
    """
    positions = labels.ne(IGNORED).any(0).nonzero()[:, 0]
    return {"labels": labels[:, positions], "logits_to_keep": positions - labels.shape[1]}


def logits_by(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """What `model` makes of a batch without labels, averaged where the inputs are pooled: ``[inputs, labels]``, or
    ``[inputs, longest, labels]``."""
    read = {name: values for name, values in batch.items() if name != POOLED}
    logits = logits_of(model(**read))
    if logits.dim() == 3 and "logits_to_keep" not in read:
        logits = logits[:, -batch["input_ids"].shape[1] :]  # a prompt's virtual tokens come before the row's own
    return pool(logits, batch[POOLED]) if POOLED in batch else logits


def _weights(one: Encoded) -> list[int]:
    weights = [0] * len(one.input_ids)
    for place in one.pooled or ():
        weights[place] = 1
    return weights


def _padded(lines: Sequence[Sequence[float]], filler: int) -> Tensor:
    longest = max(len(line) for line in lines)
    return torch.tensor([[*line, *[filler] * (longest - len(line))] for line in lines])


Output = TypeVar("Output")


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
        if self.task.head_kind in WRITES:
            sampling = self.task.options.sampling
            outputs = self._in_batches(inputs, lambda batch: write(self.model, self.tokenizer, sampling, batch))
        else:
            outputs = self._in_batches(inputs, lambda batch: self._logits(list(batch.values())))
        in_order = iter(outputs)
        return self.task.decode([list(islice(in_order, len(row))) for row in encoded], encoded)

    def likelihoods(self, rows: Sequence[DataRow]) -> list[Likelihood]:
        """How likely the model finds the target of each row, in order."""
        encoded = self.task.encode(rows, self.tokenizer, with_labels=True)
        inputs = [one for row in encoded for one in row]
        return self._in_batches(inputs, lambda batch: self._likelihoods(list(batch.values())), BATCH_TOKENS)

    def _in_batches(
        self,
        inputs: Sequence[Encoded],
        compute: Callable[[Mapping[int, Encoded]], Sequence[Output]],
        tokens: int | None = None,
    ) -> list[Output]:
        """What `compute` makes of each input, given batches of similar length, of about so many `tokens` at most.

        A batch holds inputs by their places.
        """
        order = sorted(range(len(inputs)), key=lambda index: len(inputs[index].input_ids), reverse=True)
        outputs: dict[int, Output] = {}
        training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            while order:
                longest = len(inputs[order[0]].input_ids)
                size = BATCH_INPUTS if tokens is None else max(1, min(BATCH_INPUTS, tokens // longest))
                chosen, order = order[:size], order[size:]
                outputs.update(zip(chosen, compute({index: inputs[index] for index in chosen}), strict=True))
        self.model.train(training)
        return [outputs[index] for index in range(len(inputs))]

    def _likelihoods(self, inputs: Sequence[Encoded]) -> list[Likelihood]:
        batch = self._batch(inputs)
        labels = batch.pop("labels")
        logits = logits_of(self.model(**batch))
        return [
            Likelihood(float(self.task.loss(scores[None], wanted[None])), int(self.task.targets(wanted)))
            for scores, wanted in zip(logits, labels, strict=True)
        ]

    def _batch(self, inputs: Sequence[Encoded]) -> dict[str, Tensor]:
        batch = collate(inputs, self.tokenizer.pad_token_id, self.task.head_kind)
        return {name: values.to(self.model.device) for name, values in batch.items()}

    def _logits(self, inputs: Sequence[Encoded]) -> list[Tensor]:
        """Each input's own logits: [labels], or [tokens, labels] without the padding."""
        output = logits_by(self.model, self._batch(inputs)).cpu()
        if output.dim() == 2:
            return list(output)
        return [row[: len(encoded.input_ids)] for row, encoded in zip(output, inputs, strict=True)]
