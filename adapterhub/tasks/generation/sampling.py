"""How the tokens of an answer are chosen: the likeliest each time, or drawn by chance that can be repeated.

Knows one row's logits at a time: what is drawn for a row depends on its own seed and nothing of its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from adapterhub.tasks.task import Options

if TYPE_CHECKING:
    from torch import Tensor


class Sampling(Options, frozen=True, kw_only=True):
    """How an answer is written.

    Attributes:
        max_new_tokens: where a text ends that has not ended by itself.
        temperature: 0 takes the likeliest token each time; above, tokens are drawn, the more evenly the higher it is.
        top_p: draws are from the likeliest tokens that together have this probability (Holtzman et al. 2020).
        seed: of the first row; each further row of a request has the next one.
    """

    max_new_tokens: Annotated[int, Meta(ge=1, le=8192)] = 64
    temperature: Annotated[float, Meta(ge=0, le=10)] = 0.0
    top_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 0

    def sampler(self, index: int) -> Sampler | None:
        """What draws the tokens of the row at `index`; None where none are drawn."""
        return Sampler(self.temperature, self.top_p, self.seed + index) if self.temperature else None


class Sampler:
    """Draws one row's tokens: those that transformers' ``generate`` draws for it alone after ``torch.manual_seed``."""

    def __init__(self, temperature: float, top_p: float, seed: int) -> None:
        import torch
        from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

        self._chance = torch.Generator().manual_seed(seed)
        self._warped = LogitsProcessorList([TemperatureLogitsWarper(temperature), TopPLogitsWarper(top_p)])

    def draw(self, logits: Tensor) -> int:
        """The next token, of its ``[vocabulary]``."""
        import torch

        scores = self._warped(None, logits.float().cpu()[None])
        return int(torch.multinomial(scores.softmax(-1), 1, generator=self._chance))
