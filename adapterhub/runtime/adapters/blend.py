"""Several adapters on one row, with weights: their changes are added up, each times its weight.

``y = base(x) + Σ w_i scale_i (x a_i) b_i``, which PEFT's ``add_weighted_adapter(combination_type="cat")`` computes too:
the factors stand side by side, so ranks may differ and nothing is approximated. The first adapter also gives the task
and the head. Only changes that are sums can be added: LoRA without DoRA.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from adapterhub.errors import RequestError
from adapterhub.ops import LinearDelta
from adapterhub.runtime.adapters.adapter import Adapter
from registry import Version

LARGEST = 1e6  # of a weight, either way: beyond it nothing of the base would be left in float32


@dataclass(frozen=True)
class Blend:
    """Versions with their weights, in the order in which they were named; at least one.

    Raises:
        RequestError: a weight is no number within `LARGEST`, or there is nothing to blend.
    """

    parts: tuple[tuple[Version, float], ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise RequestError("a blend of no adapters", "Name one at least, or None for the bare backbone.")
        for version, weight in self.parts:
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= LARGEST:
                raise RequestError(
                    f"the weight of {version} is {weight!r}", f"A weight is a number of {LARGEST:g} at most."
                )

    @cached_property
    def digest(self) -> str:
        """What identifies the blend: its versions' digests, weights and their order."""
        text = "+".join(f"{float(weight)!r}*{version.digest}" for version, weight in self.parts)
        return f"blend:{hashlib.sha256(text.encode()).hexdigest()}"

    def __str__(self) -> str:
        return " + ".join(f"{weight:g}*{version}" for version, weight in self.parts)


def blend(digest: str, parts: Sequence[tuple[Adapter, float]], dtype: torch.dtype) -> Adapter:
    """One adapter that does what `parts` do together; its task and head are the first one's.

    Args:
        dtype: the backbone's; weights are multiplied in the wider of it and the adapter's own, as the products are.

    Raises:
        RequestError: one of them changes more than sums can express.
    """
    for adapter, _ in parts:
        if adapter.prefix or adapter.prompt is not None or any(not _is_sum(d) for d in adapter.deltas.values()):
            raise RequestError(
                f"{adapter.manifest.method.kind} adapters cannot be blended, and {adapter.digest[:19]}… is one",
                "Blend LoRA adapters without DoRA; let other methods answer by themselves.",
            )
    modules = dict.fromkeys(name for adapter, _ in parts for name in adapter.deltas)
    deltas = {
        name: _added([(adapter.deltas[name], weight) for adapter, weight in parts if name in adapter.deltas], dtype)
        for name in modules
    }
    return dataclasses.replace(parts[0][0], digest=digest, deltas=deltas)


def _is_sum(delta: LinearDelta) -> bool:
    return delta.gate is None and delta.gain is None


def _added(parts: Sequence[tuple[LinearDelta, float]], dtype: torch.dtype) -> LinearDelta:
    """Factors side by side, ``[in, Σ rank]`` and ``[Σ rank, out]``; weights and scales go into the latter."""

    def wide(tensor: Tensor) -> Tensor:
        return tensor.to(torch.promote_types(tensor.dtype, dtype))

    offsets = [wide(delta.offset) * weight for delta, weight in parts if delta.offset is not None]
    # Transposed back, so that the result keeps the layout of `LinearDelta.a` in which products are fast.
    a = torch.cat([wide(delta.a).T for delta, _ in parts if delta.a is not None]).T
    b = torch.cat([wide(delta.b) * (delta.scale * weight) for delta, weight in parts if delta.b is not None])
    return LinearDelta(a=a, b=b, offset=torch.stack(offsets).sum(0) if offsets else None)
