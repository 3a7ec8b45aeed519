"""Integrated Gradients of an output by the embeddings of a row's tokens (Sundararajan et al. 2017, arXiv 1703.01365).

Captum's layer form: the embedding of each token moves on a straight line from that of the same row with all its words
masked, and gradients are summed on the way (Gauss-Legendre quadrature). What a token adds is the sum over its
embedding. Completeness: all that is added is the output less that of the masked row, but for the error of the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from captum.attr import LayerIntegratedGradients
from torch import Tensor

from adapterhub.errors import AdapterError, RequestError
from adapterhub.plain.predictor import ModelPredictor, collate, logits_by
from adapterhub.tasks import Encoded, Row, Task

READ = "sequence-classification"  # other heads answer with more than one decision a row, unless they are pooled
STEPS = 64
AT_ONCE = 16  # steps of one pass
TOLERANCE = 0.05  # the error of the sum, as a share of the difference, above which more steps are needed


@dataclass(frozen=True)
class Attribution:
    """What each token adds to the output for `label`.

    Attributes:
        tokens: the model's, special ones included.
        added: to the logit, a number each.
        output: the logit of the row.
        masked: the logit of the row with every word masked, which `added` begins from.
    """

    label: str
    tokens: tuple[str, ...]
    added: tuple[float, ...]
    output: float
    masked: float

    @property
    def error(self) -> float:
        """By how much completeness fails: the sum of what is added, less the difference of the outputs."""
        return sum(self.added) - (self.output - self.masked)

    @property
    def converged(self) -> bool:
        """Whether the error is a small share of the difference."""
        return abs(self.error) <= TOLERANCE * abs(self.output - self.masked) + 1e-4


def refuse_unread(task: Task) -> None:
    """Refuse a task whose answers are not explained, before anything is loaded.

    Raises:
        AdapterError: it has another head than a sequence classifier's, and not one whose logits are averaged.
    """
    if task.head_kind != READ and task.pooling is None:
        raise AdapterError(
            f"{task.name} is not explained: its head is {task.head_kind}, not {READ}",
            "Explain an adapter that answers a row with a label, several labels or a number.",
        )


def attribute(predictor: ModelPredictor, row: Row, label: str | None = None, steps: int = STEPS) -> Attribution:
    """What the tokens of `row` add to the logit of `label`, or else of its likeliest label.

    Raises:
        AdapterError: the model's answers are not explained (`refuse_unread`).
        RequestError: the task cannot read the row, or has no such label.
    """
    refuse_unread(predictor.task)
    encoded = predictor.task.encode([row], predictor.tokenizer)[0][0]
    names = predictor.task.labels
    if label is not None and label not in names:
        raise RequestError(f"there is no label {label!r}", f"There are {', '.join(names[:20])}.")
    ids, masked = _ids(encoded, predictor)
    with torch.no_grad():
        outputs, begun = _logits(predictor, encoded, ids)[0], _logits(predictor, encoded, masked)[0]
    target = int(outputs.argmax()) if label is None else names.index(label)
    gradients = LayerIntegratedGradients(
        lambda given: _logits(predictor, encoded, given)[:, target], predictor.model.get_input_embeddings()
    )
    added: Tensor = gradients.attribute(ids, masked, n_steps=steps, internal_batch_size=AT_ONCE)
    return Attribution(
        label=names[target],
        tokens=tuple(_shown(predictor, encoded.input_ids)),
        added=tuple(added[0].sum(-1).tolist()),
        output=float(outputs[target]),
        masked=float(begun[target]),
    )


def _ids(encoded: Encoded, predictor: ModelPredictor) -> tuple[Tensor, Tensor]:
    """``[1, T]`` twice: the row's tokens, and the same with all but the special ones masked.

    Masked with padding, RoBERTa would count positions anew and Llama's classifier read another token.
    """
    tokenizer = predictor.tokenizer
    candidates = (tokenizer.mask_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
    mask = next((token for token in candidates if token not in (None, tokenizer.pad_token_id)), None)
    if mask is None:
        raise RequestError("the tokenizer has no token that can stand for an unknown word", "Use a base that has one.")
    special = set(tokenizer.all_special_ids)
    masked = [token if token in special else mask for token in encoded.input_ids]
    device = predictor.model.device
    return torch.tensor([encoded.input_ids], device=device), torch.tensor([masked], device=device)


def _logits(predictor: ModelPredictor, encoded: Encoded, ids: Tensor) -> Tensor:
    """``[n, labels]`` of n times the row, as captum repeats it."""
    row = collate([encoded], predictor.tokenizer.pad_token_id, predictor.task.head_kind)
    batch = {name: values.to(ids.device).expand(len(ids), -1) for name, values in row.items()}
    return logits_by(predictor.model, {**batch, "input_ids": ids})


def _shown(predictor: ModelPredictor, ids: Sequence[int]) -> list[str]:
    return [predictor.tokenizer.decode([token]).strip() for token in ids]
