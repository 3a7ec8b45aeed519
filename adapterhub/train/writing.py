"""Text from a model in training: prompts of one batch, continued greedily by transformers' own ``generate``.

Knows padding and what ends a text. The engine writes text in its own way, token by token over rows of many adapters;
both choose the likeliest token, so they agree up to the rounding of a near tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from adapterhub.tasks import Encoded, Task


def write(model: Any, tokenizer: Any, task: Task, prompts: Sequence[Encoded]) -> list[Tensor]:
    """The tokens that follow each prompt, ``[tokens]``, without the one that ends the text.

    Args:
        model: a language model of `peft` in eval mode, whose generation_config names what ends a text and nothing else.
        prompts: padded on the left here, so that all continue at one position.
    """
    longest = max(len(prompt.input_ids) for prompt in prompts)
    ids, mask = [], []
    for prompt in prompts:
        padding = longest - len(prompt.input_ids)
        ids.append([tokenizer.pad_token_id] * padding + prompt.input_ids)
        mask.append([0] * padding + [1] * len(prompt.input_ids))
    written = model.generate(
        input_ids=torch.tensor(ids, device=model.device),
        attention_mask=torch.tensor(mask, device=model.device),
        max_new_tokens=task.options.sampling.max_new_tokens,
        do_sample=False,
    )
    ends = frozenset(model.generation_config.eos_token_id)
    return [_until(ends, line[longest:]) for line in written.cpu()]


def _until(ends: frozenset[int], tokens: Tensor) -> Tensor:
    """The tokens before the first that ends the text."""
    last = torch.isin(tokens, torch.tensor(sorted(ends))).nonzero()
    return tokens[: int(last[0])] if len(last) else tokens
