"""Text from a plain model: prompts of one batch, continued by transformers' own ``generate``.

Knows padding and what ends a text. The engine writes text in its own way, token by token over rows of many adapters;
both choose the likeliest token, or draw it by the row's own seed, so they agree up to the rounding of a near tie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from peft import PromptTuningConfig
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from adapterhub.tasks import Encoded
from adapterhub.tasks.generation.sampling import Sampler, Sampling


def write(model: Any, tokenizer: Any, sampling: Sampling, prompts: Mapping[int, Encoded]) -> list[Tensor]:
    """The tokens that follow each prompt, ``[tokens]``, without the one that ends the text.

    Args:
        model: a language model of `peft` in eval mode, whose generation_config names what ends a text and nothing else.
        prompts: by their places among all rows.
    """
    batches = [prompts]
    if isinstance(getattr(model, "active_peft_config", None), PromptTuningConfig):
        # peft puts its trained tokens before the padding, and counts the padding's positions: so there is to be none.
        lengths = sorted({len(prompt.input_ids) for prompt in prompts.values()})
        batches = [
            {place: prompt for place, prompt in prompts.items() if len(prompt.input_ids) == length}
            for length in lengths
        ]
    written: dict[int, Tensor] = {}
    for batch in batches:
        written |= dict(zip(batch, _together(model, tokenizer, sampling, batch), strict=True))
    return [written[place] for place in prompts]


def _together(model: Any, tokenizer: Any, sampling: Sampling, prompts: Mapping[int, Encoded]) -> list[Tensor]:
    """The same in one batch, padded on the left, so that all continue at one position."""
    longest = max(len(prompt.input_ids) for prompt in prompts.values())
    ids, mask = [], []
    for prompt in prompts.values():
        padding = longest - len(prompt.input_ids)
        ids.append([tokenizer.pad_token_id] * padding + prompt.input_ids)
        mask.append([0] * padding + [1] * len(prompt.input_ids))
    samplers = [sampler for index in prompts if (sampler := sampling.sampler(index))]
    written = model.generate(
        input_ids=torch.tensor(ids, device=model.device),
        attention_mask=torch.tensor(mask, device=model.device),
        max_new_tokens=sampling.max_new_tokens,
        do_sample=False,
        logits_processor=LogitsProcessorList([_Drawn(samplers)] if samplers else []),
    )
    ends = frozenset(model.generation_config.eos_token_id)
    return [_until(ends, line[longest:]) for line in written.cpu()]


class _Drawn(LogitsProcessor):  # type: ignore[misc]  # transformers is not type-checked
    """Makes the token that each row's sampler draws the likeliest: ``generate`` itself draws for all rows as one."""

    def __init__(self, samplers: Sequence[Sampler]) -> None:
        self.samplers = samplers

    def __call__(self, _: Tensor, scores: Tensor) -> Tensor:
        """Scores ``[rows, vocabulary]`` with one that is not minus infinity in each row."""
        drawn = torch.tensor([[sampler.draw(row)] for sampler, row in zip(self.samplers, scores, strict=True)])
        return torch.full_like(scores, float("-inf")).scatter(1, drawn.to(scores.device), 0.0)


def _until(ends: frozenset[int], tokens: Tensor) -> Tensor:
    """The tokens before the first that ends the text."""
    last = torch.isin(tokens, torch.tensor(sorted(ends))).nonzero()
    return tokens[: int(last[0])] if len(last) else tokens
