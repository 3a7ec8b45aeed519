"""Which token an encoder-decoder's greedy answer takes: the likeliest, after what its generation_config.json asks for.

Translation and summarisation bases come with such wishes: a first token that names the language, an end where the room
ends, no phrase twice. transformers' own processors of logits do them, in the order in which its `generate` does. What
is not known here is refused by name; what only beams and sampling read changes nothing in a greedy answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import (
    ForcedBOSTokenLogitsProcessor,
    ForcedEOSTokenLogitsProcessor,
    LogitsProcessorList,
    MinLengthLogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    NoBadWordsLogitsProcessor,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
)

from adapterhub.backbone import Backbone
from adapterhub.errors import BackboneError
from adapterhub.runtime.passes.encoder_decoder import start_token
from adapterhub.runtime.passes.generate import Continuation

NOTHING: Mapping[str, Any] = {
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_length": 0,
    "min_new_tokens": 0,
    "encoder_repetition_penalty": 1.0,
    "encoder_no_repeat_ngram_size": 0,
    "guidance_scale": 1,
}
"""The value at which a key does nothing, besides None."""

REFUSED = (
    "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty",
    "exponential_decay_length_penalty",
    "guidance_scale",
    "remove_invalid_values",
    "sequence_bias",
    "stop_strings",
    "watermarking_config",
)
"""Keys that would change a greedy answer and are not served."""

Processor = Callable[[Tensor, Tensor], Tensor]


class Choice:
    """The next tokens of rows that answer a source."""

    def __init__(self, backbone: Backbone) -> None:
        """Choose as the base's generation_config.json says.

        Raises:
            BackboneError: it asks for something that is not served, or nothing says what an answer begins with.
        """
        start = start_token(backbone)
        if start is None:
            raise BackboneError(
                f"{backbone.identity.id} does not say which token an answer begins with",
                "State decoder_start_token_id in its generation_config.json.",
            )
        self._start = start
        self._device = backbone.device
        self._config: Any = backbone.generation_config
        for key in REFUSED:
            if self._asked(key):
                raise BackboneError(
                    f"generation_config.json of {backbone.identity.id} asks for {key}, which is not served",
                    "Serve a copy of the base without it.",
                )
        self._common = self._processors()

    def __call__(self, rows: Sequence[Continuation], logits: Tensor) -> list[int]:
        """The token of each row: of the highest of its ``[rows, vocabulary]``, the lowest id among equals."""
        if not self._common and not self._asked("forced_eos_token_id"):
            return logits.argmax(-1).tolist()
        return [self._one(row, scores) for row, scores in zip(rows, logits, strict=True)]

    def _one(self, row: Continuation, scores: Tensor) -> int:
        sequence = torch.tensor([[self._start, *row.tokens]], device=self._device)
        processors = LogitsProcessorList(self._common)
        if end := self._asked("forced_eos_token_id"):
            processors.append(ForcedEOSTokenLogitsProcessor(sequence.shape[1] + row.tokens_left, end, self._device))
        return int(processors(sequence, scores[None])[0].argmax())

    def _processors(self) -> list[Processor]:
        ends = getattr(self._config, "eos_token_id", None)
        # transformers counts the forced first token as given.
        begin = 1 if self._asked("forced_bos_token_id") is None else 2
        makers: Mapping[str, Callable[[Any], Processor]] = {
            "repetition_penalty": RepetitionPenaltyLogitsProcessor,
            "no_repeat_ngram_size": NoRepeatNGramLogitsProcessor,
            "bad_words_ids": lambda words: NoBadWordsLogitsProcessor(words, ends),
            "min_length": lambda length: MinLengthLogitsProcessor(length, ends, self._device),
            "min_new_tokens": lambda count: MinNewTokensLengthLogitsProcessor(1, count, ends, self._device),
            "forced_bos_token_id": ForcedBOSTokenLogitsProcessor,
            "suppress_tokens": lambda tokens: SuppressTokensLogitsProcessor(tokens, self._device),
            "begin_suppress_tokens": lambda tokens: SuppressTokensAtBeginLogitsProcessor(tokens, begin, self._device),
        }
        found = []
        for key, make in makers.items():
            asked = self._asked(key)
            if asked is not None and not (ends is None and key in ("min_length", "min_new_tokens")):
                found.append(make(asked))
        return found

    def _asked(self, key: str) -> Any:
        """The value of `key`, or None where it does nothing."""
        value = getattr(self._config, key, None)
        return None if value is False or value == NOTHING.get(key) else value
