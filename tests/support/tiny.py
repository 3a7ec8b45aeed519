"""Bases that are real in all but size, made in a second: transformers' own classes with random weights."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

TINY_ID = "tests/tiny-bert"
WORDS = (
    "my",
    "computer",
    "printer",
    "is",
    "on",
    "fire",
    "tell",
    "me",
    "a",
    "joke",
    "hello",
    "not",
    "working",
    "the",
    "what",
)


def make_tiny_bert(folder: Path, seed: int = 0) -> Path:
    """A BERT of 2 layers, hidden 32, with a WordPiece vocabulary of `WORDS` and single letters, saved to `folder`."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    letters = string.ascii_lowercase + string.digits + string.punctuation
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    vocabulary += [letter for letter in letters if letter not in vocabulary] + [f"##{letter}" for letter in letters]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast.from_pretrained(folder, do_lower_case=True).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    torch.manual_seed(seed)
    BertModel(config).save_pretrained(folder)
    return folder


CHAT = (
    "{% for message in messages %}[CLS] {{ message['role'] }} : {{ message['content'] }} [SEP]{% endfor %}"
    "{% if add_generation_prompt %}[CLS] assistant : {% endif %}"
)


def make_tiny_chat(folder: Path, tiny_base: Path) -> Path:
    """A random Llama of 2 layers that chats in the tiny BERT's words: each turn is ``[CLS] role : content [SEP]``."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    tokenizer.eos_token = tokenizer.sep_token
    tokenizer.chat_template = CHAT
    return _make_llama(
        folder,
        tokenizer,
        num_hidden_layers=2,
        max_position_embeddings=256,
        initializer_range=0.3,  # else its logits are too near to 0 for an adapter to learn anything
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def make_tiny_llama(folder: Path, tokenizer: Any) -> Path:
    """A Llama of 3 layers, random, with the tiny BERT's words."""
    return _make_llama(
        folder,
        tokenizer,
        num_hidden_layers=3,
        max_position_embeddings=128,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )


def _make_llama(folder: Path, tokenizer: Any, **config: Any) -> Path:
    """With grouped-query attention, the weights random, and always the same."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes, **config)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
