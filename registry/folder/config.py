"""adapter_config.json as PEFT writes it: the fields that the registry reads, typed; `document` holds all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from registry.errors import AdmissionRefused

PEFT_TYPES = ("LORA", "IA3", "PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING")
"""What is supported; in the fields of others the same names may mean something else (OFT has `r` = 0)."""

MAX_RANK = 1024
MAX_VIRTUAL_TOKENS = 4096
HINT = "Save the adapter with peft's save_pretrained; the file is written by it."

Rank = Annotated[int, Meta(ge=1, le=MAX_RANK)]
Name = Annotated[str, Meta(min_length=1)]  # an empty one would be the ending of every name
Size = Annotated[int, Meta(ge=1, le=1 << 20)]
Alpha = Annotated[float, Meta(gt=0, le=1e6)]


class AdapterConfig(Struct, frozen=True):
    """The fields that decide what a file of weights means; PEFT's own names and defaults."""

    document: dict[str, Any]
    peft_type: str
    task_type: str | None = None
    base_model_name_or_path: str | None = None
    revision: str | None = None
    peft_version: str | None = None
    target_modules: list[str] | str | None = None
    modules_to_save: list[Name] | None = None
    # LoRA
    r: Rank = 8
    lora_alpha: Alpha = 8
    rank_pattern: dict[str, Rank] | None = None
    alpha_pattern: dict[str, Alpha] | None = None
    use_rslora: bool = False
    use_dora: bool = False
    lora_bias: bool = False
    bias: str = "none"
    init_lora_weights: bool | str | None = True
    trainable_token_indices: list[int] | dict[str, list[int]] | None = None
    # IA3
    feedforward_modules: list[str] | str | None = None
    # prompt learning
    num_virtual_tokens: Annotated[int, Meta(ge=1, le=MAX_VIRTUAL_TOKENS)] | None = None
    token_dim: Size | None = None
    num_layers: Size | None = None
    num_attention_heads: Size | None = None
    num_transformer_submodules: Annotated[int, Meta(ge=1, le=2)] | None = None
    prefix_projection: bool = False

    def rank_of(self, module: str) -> int:
        """The rank that PEFT gives a module: the first pattern that its name ends with, else `r`."""
        for pattern, rank in (self.rank_pattern or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", module):
                return rank
        return self.r


def read_config(file: Path) -> AdapterConfig:
    """Read adapter_config.json.

    Raises:
        AdmissionRefused: it is not JSON, of a method that is not supported, or a field has a wrong type; the message
            names it.
    """
    try:
        document = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        if isinstance(kind := document.get("peft_type"), str) and kind not in PEFT_TYPES:
            raise AdmissionRefused(
                f"{file.name}: peft_type {kind!r:.80} is not supported", f"Supported: {', '.join(PEFT_TYPES)}."
            )
        return msgspec.convert({**document, "document": document}, AdapterConfig)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AdmissionRefused(f"{file.name}: {str(error).replace('`$.', '`')}", HINT) from error
