"""Attention over rows packed one after another without padding, and over rows that each continue by one token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

KeyValues = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor]]
"""``(layer, own keys, own values) -> (keys, values)`` of one row, shapes ``[1, heads, n, head_dim]``: the row's own
with whatever stands in front of them, a prefix for one."""


class RowSpan(NamedTuple):
    """Where a row lies among the packed tokens, and what its keys and values are."""

    start: int
    stop: int
    key_values: KeyValues | None = None


def packed_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    rows: Sequence[RowSpan],
    layer: int,
    *,
    scale: float | None,
    causal: bool,
    window: int | None = None,
) -> Tensor:
    """Semantics: for each row, ``out[i:j] = softmax(q[i:j] K^T * scale + mask) V`` with the row's own ``K, V``.

    The row's last token stands at the last of its ``K`` (the mask is aligned to the bottom right), so what is in front
    of the row's own tokens precedes them. With `causal` a token sees keys up to its own place; with `window`, only
    keys less than `window` places away.

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
        narrow = window is not None and window < seen
        masked = narrow or (causal and 1 < length < seen)
        outputs.append(
            scaled_dot_product_attention(
                query[:, :, start:stop],
                keys,
                values,
                attn_mask=_visible(length, seen, causal, window, query.device) if masked else None,
                is_causal=causal and not masked and length > 1,
                scale=scale,
                enable_gqa=grouped,
            )
        )
    return torch.cat(outputs, dim=2).transpose(1, 2).contiguous()


def newest_token_attention(
    query: Tensor, keys: Tensor, values: Tensor, visible: Tensor | None, *, scale: float | None
) -> Tensor:
    """Semantics: for each row, one token that sees `visible`, ``out = softmax(q K^T * scale + mask) V``.

    Args:
        query: ``[rows, heads, head_dim]``.
        keys, values: ``[rows, kv_heads, seen, head_dim]``; `kv_heads` divides `heads`.
        visible: boolean ``[rows, seen]``, or None where every row sees all.
        scale: factor on the scores; None is ``1 / sqrt(head_dim)``.

    Returns:
        ``[rows, heads, head_dim]``.
    """
    rows, heads, width = query.shape
    # The heads that share keys become the queries of one head: no key is repeated.
    shared = query.reshape(rows, keys.shape[1], heads // keys.shape[1], width)
    mask = None if visible is None else visible[:, None, None, :]
    if query.device.type != "cpu" or query.element_size() < 4:
        return scaled_dot_product_attention(shared, keys, values, attn_mask=mask, scale=scale).reshape(query.shape)
    # For so few queries the fused kernel of CPUs takes half as long again as its three steps, in types that lose
    # nothing between them.
    scores = torch.matmul(shared * (width**-0.5 if scale is None else scale), keys.transpose(-1, -2))
    if mask is not None:
        scores.masked_fill_(~mask, -torch.inf)
    return torch.matmul(scores.softmax(-1), values).reshape(query.shape)


def _visible(length: int, seen: int, causal: bool, window: int | None, device: torch.device) -> Tensor:
    """Boolean ``[length, seen]``: which keys each of the last `length` places sees."""
    away = torch.arange(seen - length, seen, device=device)[:, None] - torch.arange(seen, device=device)[None, :]
    visible = away >= 0 if causal else torch.ones_like(away, dtype=torch.bool)
    return visible if window is None else visible & (away.abs() < window)
