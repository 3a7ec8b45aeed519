"""The slow, obvious twins of the operations: one row and one product at a time, nothing in place."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from adapterhub.ops.attention import RowSpan
from adapterhub.ops.linear import LinearDelta, Segment


def gate_inputs(x: Tensor, segments: Sequence[Segment]) -> Tensor:
    """Semantics: as ``adapterhub.ops.gate_inputs``, row by row, into a new tensor."""
    rows = list(x)
    for start, stop, delta in segments:
        for index in range(start, stop):
            rows[index] = rows[index] if delta.gate is None else rows[index] * delta.gate
    return torch.stack(rows)


def apply_deltas(y: Tensor, x: Tensor, segments: Sequence[Segment]) -> Tensor:
    """Semantics: as ``adapterhub.ops.apply_deltas``, row by row, into a new tensor."""
    rows = list(y)
    for start, stop, delta in segments:
        for index in range(start, stop):
            added = _added(rows[index], x[index], delta)
            gained = added if delta.gain is None else added * delta.gain
            rows[index] = gained if delta.offset is None else gained + delta.offset
    return torch.stack(rows)


def _added(y: Tensor, x: Tensor, delta: LinearDelta) -> Tensor:
    if delta.a is None or delta.b is None:
        return y
    wide = torch.promote_types(y.dtype, delta.a.dtype)
    shrunk = x.to(wide) @ delta.a.to(wide) if x.is_floating_point() else delta.a[x].to(wide)
    return (y + delta.scale * (shrunk @ delta.b.to(wide))).to(y.dtype)


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
    """Semantics: as ``adapterhub.ops.packed_attention``, by the textbook formula for each head and each query."""
    heads, width = query.shape[1], query.shape[3]
    factor = width**-0.5 if scale is None else scale
    share = heads // key.shape[1]
    out = torch.zeros(1, query.shape[2], heads, width, dtype=query.dtype, device=query.device)
    for start, stop, key_values in rows:
        keys, values = key[:, :, start:stop], value[:, :, start:stop]
        if key_values is not None:
            keys, values = key_values(layer, keys, values)
        for token in range(stop - start):
            place = keys.shape[2] - (stop - start) + token
            last = place if causal else keys.shape[2] - 1
            seen = [at for at in range(last + 1) if window is None or abs(place - at) < window]
            for head in range(heads):
                scores = keys[0, head // share, seen] @ query[0, head, start + token] * factor
                out[0, start + token, head] = torch.softmax(scores, dim=0) @ values[0, head // share, seen]
    return out


def newest_token_attention(
    query: Tensor, keys: Tensor, values: Tensor, visible: Tensor | None, *, scale: float | None
) -> Tensor:
    """Semantics: as ``adapterhub.ops.newest_token_attention``, by the textbook formula for each row and each head."""
    rows, heads, width = query.shape
    factor = width**-0.5 if scale is None else scale
    share = heads // keys.shape[1]
    out = torch.zeros_like(query)
    for row in range(rows):
        seen = torch.ones_like(keys[0, 0, :, 0], dtype=torch.bool) if visible is None else visible[row]
        for head in range(heads):
            scores = keys[row, head // share, seen] @ query[row, head] * factor
            out[row, head] = torch.softmax(scores, dim=0) @ values[row, head // share, seen]
    return out
