"""What a base's generation_config.json asks for, done as `generate` of transformers does it in greedy answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig, PreTrainedTokenizerFast

from adapterhub.errors import BackboneError
from adapterhub.runtime.engine import Engine
from adapterhub.runtime.passes.batches import open_batch
from tests.runtime.test_encoder_decoder import EOS, SOURCES, Shelf


@pytest.fixture(scope="module")
def bare(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    return Shelf("t5", tokenizer, tmp_path_factory.mktemp("bare"), made={})


WISHES: Mapping[str, Callable[[list[int]], dict[str, Any]]] = {
    "first and last token": lambda _: {"forced_bos_token_id": 9, "forced_eos_token_id": EOS},
    "no phrase twice": lambda _: {"no_repeat_ngram_size": 1},
    "at least so long": lambda plain: {"min_length": 6, "eos_token_id": [EOS, plain[1]]},
    "at least so many": lambda plain: {"min_new_tokens": 5, "eos_token_id": [EOS, plain[1]]},
    "words": lambda plain: {"bad_words_ids": [plain[:1], plain[1:3]]},
    "suppressed": lambda plain: {"suppress_tokens": plain[:2]},
    "suppressed at first": lambda plain: {"begin_suppress_tokens": plain[:1]},
    "suppressed behind the first": lambda plain: {"begin_suppress_tokens": plain[:2], "forced_bos_token_id": plain[0]},
    "repetition": lambda _: {"repetition_penalty": 1.7},
    "beams": lambda _: {"num_beams": 4, "length_penalty": 2.0, "early_stopping": True},
}
"""Of what the base writes without, so that each wish but the last makes a difference."""


@pytest.mark.parametrize("case", WISHES)
def test_what_the_generation_config_asks_for_is_done_as_generate_does_it(
    bare: Shelf, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = bare.written(None, SOURCES[0], 8)
    wishes = WISHES[case](plain)
    config = GenerationConfig(**{**bare.backbone.generation_config.to_dict(), **wishes})
    monkeypatch.setattr(bare.backbone, "generation_config", config)
    with Engine(bare.backbone, bare.registry) as engine:
        answers = engine.generate([(None, text) for text in SOURCES], max_new_tokens=8)
    for text, answer in zip(SOURCES, answers, strict=True):
        assert list(answer.token_ids) == bare.written(None, text, 8, **wishes)
    assert (list(answers[0].token_ids) != plain) == (case != "beams")


def test_a_wish_that_is_not_known_is_refused_by_name(bare: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    config = GenerationConfig(**{**bare.backbone.generation_config.to_dict(), "encoder_no_repeat_ngram_size": 3})
    monkeypatch.setattr(bare.backbone, "generation_config", config)
    with pytest.raises(BackboneError, match="asks for encoder_no_repeat_ngram_size"):
        open_batch(bare.backbone)
