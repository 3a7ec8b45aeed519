"""What adapters do to the input and the output of one linear module or embedding, for a batch sorted by adapter.

One form holds LoRA, DoRA and IA³. `apply_deltas` is the general way, one small product a segment on views of the
batch; `StackedDeltas` serves many segments of one shape, as in the steps of a decoder, by one product for all of them;
`BatchDeltas` takes each segment the better way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SHORTEST_STACK = 4  # segments; with fewer, one product each is as fast and copies nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearDelta:
    """One adapter's change of one module: ``y = (base(x * gate) + scale * (x @ a) @ b) * gain + offset``.

    Each part may be missing, `a` and `b` only together. Tensors have the file's own dtype.

    Attributes:
        a: ``[in, rank]``, the transpose of PEFT's ``lora_A``; for an embedding `in` is the vocabulary and x the ids.
        b: ``[rank, out]``, the transpose of PEFT's ``lora_B``.
        scale: ``alpha / rank``, or ``alpha / sqrt(rank)`` for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732).
        gate: ``[in]``, IA³'s vector of a feed-forward module (Liu et al. 2022, arXiv 2205.05638).
        gain: ``[out]``, IA³'s vector of any other module, or DoRA's magnitude over norm (Liu et al. 2024,
            arXiv 2402.09353, eq. 5).
        offset: ``[out]``, added last.
    """

    a: Tensor | None = None
    b: Tensor | None = None
    scale: float = 1.0
    gate: Tensor | None = None
    gain: Tensor | None = None
    offset: Tensor | None = None

    def tensors(self) -> list[Tensor]:
        """The tensors that it has."""
        return [part for part in (self.a, self.b, self.gate, self.gain, self.offset) if part is not None]

    def mapped(self, change: Callable[[Tensor], Tensor]) -> LinearDelta:
        """The same with each tensor replaced by ``change(tensor)``."""
        parts = {name: getattr(self, name) for name in ("a", "b", "gate", "gain", "offset")}
        return LinearDelta(
            scale=self.scale, **{name: part if part is None else change(part) for name, part in parts.items()}
        )

    @property
    def form(self) -> tuple[object, ...]:
        """What two deltas must share to be stacked: the shapes and types of all parts."""
        parts = (self.a, self.b, self.gate, self.gain, self.offset)
        return tuple(None if part is None else (part.shape, part.dtype) for part in parts)


Segment = tuple[int, int, LinearDelta]
"""``(start, stop, delta)``: rows ``start:stop`` of the flattened batch wear `delta`."""


def apply_deltas(y: Tensor, x: Tensor, segments: Sequence[Segment]) -> Tensor:
    """Semantics: per segment ``y[i:j] = (y[i:j] + scale * (x[i:j] @ a) @ b) * gain + offset``; other rows keep ``y``.

    Args:
        y: ``[n, out]``, the frozen module's output over gated inputs; written to.
        x: ``[n, in]``, the module's input, not gated; or ``[n]`` ids of an embedding. Not written to.
        segments: disjoint, each within ``0:n``.

    Returns:
        `y` itself. The product runs in the wider of the two types of `x` and `a`, and is rounded once to that of `y`,
        as PEFT does for an adapter in float32 over a base in bfloat16.
    """
    for start, stop, delta in segments:
        rows = y[start:stop]
        if delta.a is not None and delta.b is not None:
            if delta.a.dtype == x.dtype == y.dtype:
                rows.addmm_(torch.mm(x[start:stop], delta.a), delta.b, alpha=delta.scale)
            else:
                wide = torch.promote_types(y.dtype, delta.a.dtype)
                rows.add_(_shrunk(x[start:stop], delta.a, wide) @ delta.b.to(wide), alpha=delta.scale)
        if delta.gain is not None:
            rows.mul_(delta.gain)
        if delta.offset is not None:
            rows.add_(delta.offset)
    return y


def gate_inputs(x: Tensor, segments: Sequence[Segment]) -> Tensor:
    """Semantics: per segment that has a gate ``x[i:j] = x[i:j] * gate``; into a new tensor if there is one, else `x`.

    Args:
        x: ``[n, in]``, not written to.
        segments: disjoint, each within ``0:n``.
    """
    gates = [(start, stop, delta.gate) for start, stop, delta in segments if delta.gate is not None]
    if not gates:
        return x
    gated = x.clone()
    for start, stop, gate in gates:
        gated[start:stop].mul_(gate)
    return gated


class StackedDeltas:
    """Neighbouring segments of equal length whose deltas have one form, as one batched product.

    Stacking copies the tensors once, in the type that the product runs in; it pays where the same segments are
    applied again and again, as in the steps of a decoder.
    """

    def __init__(self, segments: Sequence[Segment], dtype: torch.dtype) -> None:
        """Stack `segments` for inputs and outputs of `dtype`.

        Args:
            segments: each starts where the one before it stops; equal lengths, equal `LinearDelta.form`.
        """
        deltas = [delta for _, _, delta in segments]
        self._start, self._stop = segments[0][0], segments[-1][1]
        self._shape = (len(segments), segments[0][1] - segments[0][0], -1)
        self._wide = self._dtype = dtype
        self._a = self._b = None
        if deltas[0].a is not None and deltas[0].b is not None:
            self._wide = torch.promote_types(dtype, deltas[0].a.dtype)
            self._a = torch.stack([delta.a for delta in deltas if delta.a is not None]).to(self._wide)
            self._b = torch.stack([delta.b for delta in deltas if delta.b is not None]).to(self._wide)
            self._b.mul_(self._b.new_tensor([delta.scale for delta in deltas]).view(-1, 1, 1))
        self._gate = _stacked([delta.gate for delta in deltas])
        self._gain = _stacked([delta.gain for delta in deltas])
        self._offset = _stacked([delta.offset for delta in deltas])

    def apply(self, y: Tensor, x: Tensor) -> None:
        """As `apply_deltas`, for the stacked segments; `y` is written to."""
        rows = self._worn(y)
        if self._a is not None and self._b is not None:
            inputs = self._worn(x)
            if x.is_floating_point():
                shrunk = torch.bmm(inputs.to(self._wide), self._a)
            else:
                shrunk = torch.gather(self._a, 1, inputs.expand(-1, -1, self._a.shape[2]))
            if self._wide == self._dtype:
                rows.baddbmm_(shrunk, self._b)
            else:
                rows.add_(torch.bmm(shrunk, self._b))
        if self._gain is not None:
            rows.mul_(self._gain)
        if self._offset is not None:
            rows.add_(self._offset)

    def gate(self, x: Tensor) -> None:
        """As `gate_inputs`, for the stacked segments; `x` is written to."""
        if self._gate is not None:
            self._worn(x).mul_(self._gate)

    def _worn(self, rows: Tensor) -> Tensor:
        """The stacked segments of `rows`, ``[segments, length, …]``."""
        whole = self._start == 0 and self._stop == rows.shape[0]
        return (rows if whole else rows[self._start : self._stop]).view(self._shape)


class BatchDeltas:
    """What all adapters of a batch do to one module: made once a step or once for many steps, applied at each pass.

    Attributes:
        gates: whether any segment has a gate.
    """

    def __init__(self, segments: Sequence[Segment], stack_in: torch.dtype | None = None) -> None:
        """Prepare `segments`, in order and disjoint; with `stack_in`, runs of equal form are stacked in that type."""
        self._stacked: list[StackedDeltas] = []
        self._single: list[Segment] = []
        for run in _runs(segments):
            if stack_in is not None and len(run) >= SHORTEST_STACK:
                self._stacked.append(StackedDeltas(run, stack_in))
            else:
                self._single.extend(run)
        self.gates = any(delta.gate is not None for _, _, delta in segments)

    def gated(self, x: Tensor) -> Tensor:
        """As `gate_inputs`: a new tensor if any segment has a gate, else `x`."""
        gated = gate_inputs(x, self._single)
        gated = gated.clone() if gated is x and self.gates else gated
        for stack in self._stacked:
            stack.gate(gated)
        return gated

    def apply(self, y: Tensor, x: Tensor) -> None:
        """As `apply_deltas`: `y` is written to."""
        for stack in self._stacked:
            stack.apply(y, x)
        if self._single:
            apply_deltas(y, x, self._single)


def _runs(segments: Sequence[Segment]) -> list[list[Segment]]:
    runs: list[list[Segment]] = []
    for segment in segments:
        last = runs[-1][-1] if runs else None
        if (
            last is not None
            and last[1] == segment[0]
            and last[1] - last[0] == segment[1] - segment[0]
            and last[2].form == segment[2].form
        ):
            runs[-1].append(segment)
        else:
            runs.append([segment])
    return runs


def _shrunk(x: Tensor, a: Tensor, wide: torch.dtype) -> Tensor:
    return x.to(wide) @ a.to(wide) if x.is_floating_point() else a[x].to(wide)


def _stacked(parts: Sequence[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.stack(present).unsqueeze(1) if present else None
