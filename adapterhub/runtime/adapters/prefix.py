"""A prefix-tuning file read against a backbone: the keys and values that stand in front of every row.

Prefix tuning as PEFT saves it (Li and Liang 2021, arXiv 2101.00190): already projected, one matrix for all layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from peft import PrefixTuningConfig
from torch import Tensor

from adapterhub.errors import AdapterError

TENSOR = "prompt_embeddings"


@dataclass(frozen=True)
class Prefix:
    """Keys and values of `length` virtual tokens, used raw: without rotary positions, without projection.

    Attributes:
        keys, values: ``[layers, 1, kv_heads, length, head_dim]``, in the backbone's dtype.
    """

    keys: Tensor
    values: Tensor

    @property
    def length(self) -> int:
        """How many virtual tokens stand in front of the row; the row's own positions start after them."""
        return self.keys.shape[3]

    def in_front(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """The row's own keys and values, ``[1, kv_heads, n, head_dim]``, behind the prefix's."""
        return torch.cat([self.keys[layer], keys], dim=2), torch.cat([self.values[layer], values], dim=2)


def read_prefix(config: PrefixTuningConfig, tensors: Mapping[str, Tensor], base: Any, dtype: torch.dtype) -> Prefix:
    """The prefix of an adapter.

    Args:
        config: the adapter's ``adapter_config.json``.
        tensors: the file's tensors, the head's left out: exactly ``prompt_embeddings``, ``[p, layers*2*token_dim]``.
        base: the backbone's configuration.
        dtype: the backbone's; PEFT casts the prefix to it.

    Raises:
        AdapterError: the tensor is missing or misshapen, another is there, or the base has other layers or heads.
    """
    if set(tensors) != {TENSOR}:
        found = ", ".join(sorted(tensors)) or "nothing"
        raise AdapterError(f"a prefix file holds {TENSOR} and its head; this one holds {found}", "Save it again.")
    layers, heads, width = shape_of(base)
    twice, taken = bool(base.is_encoder_decoder), layers_taken(base)
    stated = (config.num_layers, config.num_attention_heads, config.token_dim)
    if stated != (layers, heads, heads * width) or (config.num_transformer_submodules or 1) != 1 + twice:
        raise AdapterError(
            f"the prefix is for {stated[0]} layers of {stated[1]} heads and width {stated[2]}, "
            f"the backbone has {layers} layers of {heads} key-value heads and width {heads * width}",
            "Train the prefix on this base.",
        )
    if taken > layers:
        raise AdapterError(
            f"peft makes a prefix for {layers} layers, those of the encoder, and the decoder has {taken}",
            "Train another method on this base.",
        )
    length = int(config.num_virtual_tokens)
    saved = tensors[TENSOR]
    if tuple(saved.shape) != (length, layers * 2 * heads * width):
        raise AdapterError(
            f"{TENSOR} has shape {list(saved.shape)}, its config needs {[length, layers * 2 * heads * width]}",
            "Check num_virtual_tokens in adapter_config.json.",
        )
    split = saved.to(dtype).view(length, 2 * layers, heads, width).permute(1, 2, 0, 3).unsqueeze(1)
    # PEFT repeats what it saved for encoder and decoder, and cuts it by four a layer: keys, values, and two unused.
    keys, values = (torch.cat([split, split])[part::4] if twice else split[part::2] for part in (0, 1))
    return Prefix(keys[:taken].contiguous(), values[:taken].contiguous())


def layers_taken(base: Any) -> int:
    """Layers that a prefix reaches on the base of this configuration: of an encoder-decoder, those of its decoder."""
    decoders = ("num_decoder_layers", "decoder_layers") if base.is_encoder_decoder else ()
    return int(next((getattr(base, key) for key in decoders if hasattr(base, key)), base.num_hidden_layers))


def shape_of(base: Any) -> tuple[int, int, int]:
    """Layers, key-value heads and their width that prefixes are made for on the base of this configuration."""
    queries = int(getattr(base, "decoder_attention_heads", base.num_attention_heads))
    heads = int(getattr(base, "num_key_value_heads", queries))
    width = int(getattr(base, "head_dim", None) or base.hidden_size // queries)
    return int(base.num_hidden_layers), heads, width
