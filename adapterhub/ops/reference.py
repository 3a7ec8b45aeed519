"""The slow, obvious twins of the operations: one row and one product at a time, nothing in place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from adapterhub.ops.attention import RowSpan
from adapterhub.ops.lora import Segment


def apply_deltas(y: Tensor, x: Tensor, segments: Sequence[Segment]) -> Tensor:
    """Semantics: as ``adapterhub.ops.apply_deltas``, row by row, into a new tensor."""
    rows = list(y)
    for start, stop, delta in segments:
        for index in range(start, stop):
            wide = torch.promote_types(x.dtype, delta.a.dtype)
            product = (x[index].to(wide) @ delta.a.to(wide)) @ delta.b.to(wide)
            added = (rows[index] + delta.scale * product).to(y.dtype)
            gained = added if delta.gain is None else added * delta.gain
            rows[index] = gained if delta.offset is None else gained + delta.offset
    return torch.stack(rows)


def packed_attention(
    query: Tensor, key: Tensor, value: Tensor, rows: Sequence[RowSpan], layer: int, *, scale: float | None, causal: bool
) -> Tensor:
    """Semantics: as ``adapterhub.ops.packed_attention``, by the textbook formula for each head and each query."""
    heads, width = query.shape[1], query.shape[3]
    factor = width**-0.5 if scale is None else scale
    share = heads // key.shape[1]
    out = torch.zeros(1, query.shape[2], heads, width, dtype=query.dtype, device=query.device)
    for start, stop, key_values in rows:
        keys, values = key[:, :, start:stop], value[:, :, start:stop]
        if key_values is not None:
            keys, values = key_values(layer, keys, values)
        for position in range(stop - start):
            visible = keys.shape[2] - (stop - start - 1 - position) if causal else keys.shape[2]
            for head in range(heads):
                scores = keys[0, head // share, :visible] @ query[0, head, start + position] * factor
                out[0, start + position, head] = torch.softmax(scores, dim=0) @ values[0, head // share, :visible]
    return out
