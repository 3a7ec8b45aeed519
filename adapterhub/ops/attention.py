"""Attention over rows packed one after another, without padding, each with keys and values of its own in front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

KeyValues = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]
"""``(layer, own keys, own values) -> (keys, values)`` of one row, shapes ``[1, heads, n, head_dim]``: the row's own
with whatever stands in front of them, a prefix or the cached past."""


class RowSpan(NamedTuple):
    """Where a row lies among the packed tokens, and what its keys and values are."""

    start: int
    stop: int
    key_values: KeyValues | None = None


def packed_attention(
    query: Tensor, key: Tensor, value: Tensor, rows: Sequence[RowSpan], layer: int, *, scale: float | None, causal: bool
) -> Tensor:
    """Semantics: for each row, ``out[i:j] = softmax(q[i:j] K^T * scale + mask) V`` with the row's own ``K, V``.

    With `causal`, a row's last token sees all of its ``K`` and every token before it sees one key less (the mask is
    aligned to the bottom right), so everything in front of the row's own tokens is seen by all of them.

    Args:
        query: ``[1, heads, tokens, head_dim]``.
        key, value: ``[1, kv_heads, tokens, head_dim]``; `kv_heads` divides `heads` (grouped-query attention).
        rows: contiguous spans that cover all tokens in order.
        layer: index given to each row's `key_values`.
        scale: factor on the scores; None is ``1 / sqrt(head_dim)``.

    Returns:
        ``[1, tokens, heads, head_dim]``, contiguous, as transformers' attention functions return it.
    """
    grouped = query.shape[1] != key.shape[1]
    outputs: list[Tensor] = []
    for start, stop, key_values in rows:
        keys, values = key[:, :, start:stop], value[:, :, start:stop]
        if key_values is not None:
            keys, values = key_values(layer, keys, values)
        length, seen = stop - start, keys.shape[2]
        bottom_right = causal and 1 < length < seen
        outputs.append(
            scaled_dot_product_attention(
                query[:, :, start:stop],
                keys,
                values,
                attn_mask=_bottom_right(length, seen, query.device) if bottom_right else None,
                is_causal=causal and length == seen and length > 1,
                scale=scale,
                enable_gqa=grouped,
            )
        )
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous()


def _bottom_right(length: int, seen: int, device: torch.device) -> Tensor:
    return torch.ones(length, seen, dtype=torch.bool, device=device).tril(seen - length)
