"""Plain transformers: right-padded rows for an encoder, one `DynamicCache` for a decoder's rows of equal length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

from benchmarks.harness import Contender
from benchmarks.workload import Row

Forward = Callable[..., Any]
"""A model's forward: inputs by name to transformers' output."""


def load(folder: Path, decoder: bool) -> Any:
    """A model of its own from a checkpoint's folder, in float32, with PyTorch's fused attention."""
    auto = AutoModelForCausalLM if decoder else AutoModel
    model = auto.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
    if not decoder:
        model.pooler = None  # last hidden states are what is asked for
    return model.eval().requires_grad_(False)


def classifier(folder: Path, labels: int) -> Any:
    """A classifier of its own over a checkpoint's base, as `load` opens it; its head is random."""
    auto = AutoModelForSequenceClassification
    model = auto.from_pretrained(folder, num_labels=labels, dtype=torch.float32, attn_implementation="sdpa")
    return model.eval().requires_grad_(False)


@dataclass(frozen=True)
class Padded:
    """Rows of an encoder, padded on the right to the longest."""

    input_ids: Tensor
    attention_mask: Tensor
    lengths: Sequence[int]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Padded:
        """Pad with token 0, which the mask hides."""
        lengths = [len(row) for row in rows]
        ids, mask = torch.zeros(2, len(rows), max(lengths), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, : len(row)], mask[index, : len(row)] = torch.tensor(row), 1
        return cls(ids, mask, lengths)

    def read(self, forward: Forward) -> list[Tensor]:
        """Last hidden states of each row over its own tokens."""
        hidden = forward(input_ids=self.input_ids, attention_mask=self.attention_mask).last_hidden_state
        return [hidden[index, :length] for index, length in enumerate(self.lengths)]


class Cached:
    """Rows of a decoder whose context is cached. They are of one length, so no mask is needed."""

    @torch.inference_mode()
    def __init__(self, forward: Forward, rows: Sequence[Row]) -> None:
        tokens = torch.tensor(rows)
        self._fed = tokens[:, -1:]
        self._cache = forward(input_ids=tokens[:, :-1], use_cache=True, logits_to_keep=1).past_key_values

    def step(self, forward: Forward) -> Tensor:
        """Feed the last token of each row: logits ``[rows, vocabulary]``."""
        logits: Tensor = forward(input_ids=self._fed, past_key_values=self._cache, use_cache=True).logits
        return logits[:, -1]

    def restore(self) -> None:
        """Forget the fed token's keys and values."""
        self._cache.crop(-1)


def encoder(name: str, forward: Forward, rows: Sequence[Row]) -> Contender:
    """Read `rows` in one padded batch."""
    padded = Padded.of(rows)
    return Contender(name, lambda: padded.read(forward))


def decoder(name: str, forward: Forward, rows: Sequence[Row]) -> Contender:
    """One step of all `rows` in one batch."""
    cached = Cached(forward, rows)
    return Contender(name, lambda: list(cached.step(forward)), cached.restore)


@torch.inference_mode()
def alone(forward: Forward, row: Row) -> Tensor:
    """The slow, obvious way: one whole row by itself, ``[T, hidden]`` or the logits ``[vocabulary]`` after it."""
    output = forward(input_ids=torch.tensor([row]))
    states: Tensor = output.logits[0, -1] if hasattr(output, "logits") else output.last_hidden_state[0]
    return states
