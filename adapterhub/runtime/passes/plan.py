"""What the adapters of a step do, and where: read by the hooks of the backbone while one forward pass runs.

The plan travels with the step, in a context variable; nothing about an adapter is ever kept on the backbone, so steps
of different threads cannot meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from adapterhub.ops import BatchDeltas
from adapterhub.runtime.adapters.adapter import Adapter


class AdapterMap:
    """Which adapter each place of a step wears; a place is a token of packed rows, or a whole row of another batch.

    Attributes:
        places: how many there are.
        empty: whether no place wears an adapter that changes modules.
    """

    def __init__(self, worn: Sequence[tuple[Adapter | None, int]], stack_in: torch.dtype | None = None) -> None:
        """Lay out ``(adapter, places)`` one after another.

        Neighbours that wear the same adapter become one segment, for speed alone. With `stack_in`, the backbone's type,
        the map is made for many steps: tensors of short segments are stacked once.
        """
        self._worn: list[tuple[int, int, Adapter]] = []
        self._stack_in = stack_in
        self._deltas: dict[tuple[str, int], BatchDeltas | None] = {}
        start = 0
        for adapter, places in worn:
            if adapter is not None and adapter.deltas:
                self._wear(start, start + places, adapter)
            start += places
        self.places = start
        self.empty = not self._worn

    def _wear(self, start: int, stop: int, adapter: Adapter) -> None:
        if self._worn and self._worn[-1][1] == start and self._worn[-1][2] is adapter:
            start = self._worn.pop()[0]
        self._worn.append((start, stop, adapter))

    def deltas(self, module: str, rows: int) -> BatchDeltas | None:
        """What happens to `module` in this step, or None; worked out at its first use.

        Args:
            rows: of the module's flattened input: as many as there are places, or a multiple where each place has
                several (a row of a padded batch has one for each of its tokens).
        """
        if self.empty:
            return None
        key = (module, rows)
        if key not in self._deltas:
            each = rows // self.places
            segments = [
                (start * each, stop * each, adapter.deltas[module])
                for start, stop, adapter in self._worn
                if module in adapter.deltas
            ]
            self._deltas[key] = BatchDeltas(segments, self._stack_in) if segments else None
        return self._deltas[key]


class Attention(Protocol):
    """How the rows of a step attend."""

    def __call__(
        self,
        layer: int | None,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        scale: float | None,
        causal: bool,
        window: int | None,
    ) -> Tensor:
        """``[1, heads, tokens, head_dim]`` each, keys and values by their heads, to ``[1, tokens, heads, head_dim]``.

        `layer` is None where the model's modules do not know theirs.
        """


@dataclass(frozen=True)
class Plan:
    """One forward pass.

    Attributes:
        adapters: who wears what.
        attention: how the rows attend; None where the pass has no attention, or the model's own is right.
        prompts: ``(first token, [n, hidden])`` embeddings that stand in place of what the input embedding gives.
        positions: ``[rows, tokens]`` for a decoder that would count its positions itself, alike for all rows.
    """

    adapters: AdapterMap
    attention: Attention | None = None
    prompts: Sequence[tuple[int, Tensor]] = field(default=())
    positions: Tensor | None = None


_CURRENT: ContextVar[Plan | None] = ContextVar("plan", default=None)


def current() -> Plan | None:
    """The plan of the step that is running in this thread, or None outside a step."""
    return _CURRENT.get()


@contextmanager
def running(plan: Plan) -> Iterator[None]:
    """Make `plan` the current one for the forward pass inside."""
    token = _CURRENT.set(plan)
    try:
        yield
    finally:
        _CURRENT.reset(token)
