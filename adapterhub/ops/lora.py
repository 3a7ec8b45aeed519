"""What an adapter of the LoRA family does to the output of one linear module, for a batch sorted by adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearDelta:
    """One adapter's change of one linear module, in the file's own dtype; the tensors may be views of the file's.

    Attributes:
        a: ``[in, rank]``, the transpose of PEFT's ``lora_A``.
        b: ``[rank, out]``, the transpose of PEFT's ``lora_B``.
        scale: ``alpha / rank``, or ``alpha / sqrt(rank)`` for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732).
        gain: ``[out]``, DoRA's magnitude over norm (Liu et al. 2024, arXiv 2402.09353, eq. 5).
        offset: ``[out]``, added last.
    """

    a: Tensor
    b: Tensor
    scale: float = 1.0
    gain: Tensor | None = None
    offset: Tensor | None = None

    def nbytes(self) -> int:
        """Bytes that the tensors hold."""
        return sum(part.nbytes for part in (self.a, self.b, self.gain, self.offset) if part is not None)


Segment = tuple[int, int, LinearDelta]
"""``(start, stop, delta)``: rows ``start:stop`` of the flattened batch wear `delta`."""


def apply_deltas(y: Tensor, x: Tensor, segments: Sequence[Segment]) -> Tensor:
    """Semantics: per segment ``y[i:j] = (y[i:j] + scale * (x[i:j] @ a) @ b) * gain + offset``; other rows keep ``y``.

    Args:
        y: ``[n, out]``, the frozen module's output; written to.
        x: ``[n, in]``, the module's input; not written to.
        segments: disjoint, each within ``0:n``.

    Returns:
        `y` itself. The product runs in the wider of the two types of `x` and `a`, and is rounded once to that of `y`,
        as PEFT does for an adapter in float32 over a base in bfloat16.
    """
    for start, stop, delta in segments:
        rows = y[start:stop]
        if delta.a.dtype == x.dtype == y.dtype:
            rows.addmm_(x[start:stop] @ delta.a, delta.b, alpha=delta.scale)
        else:
            wide = torch.promote_types(x.dtype, delta.a.dtype)
            rows.add_((x[start:stop].to(wide) @ delta.a.to(wide)) @ delta.b.to(wide), alpha=delta.scale)
        if delta.gain is not None:
            rows.mul_(delta.gain)
        if delta.offset is not None:
            rows.add_(delta.offset)
    return y
