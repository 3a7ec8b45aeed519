"""Who wears what in one forward pass: the rows of a step, packed one after another and sorted by adapter.

The plan travels with the step, in a context variable that the hooks of the backbone read; nothing about an adapter is
ever kept on the backbone, so steps of different threads cannot meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from adapterhub.ops import RowSpan, Segment
from adapterhub.ops.attention import KeyValues
from adapterhub.runtime.adapter import Adapter


@dataclass(frozen=True)
class PlannedRow:
    """One row of a step.

    Attributes:
        adapter: what it wears, None for the bare backbone.
        length: tokens that it adds in this step.
        past: positions before its first token of this step: its prefix and what is cached.
        key_values: puts that past in front of its own keys and values; None where there is none.
    """

    adapter: Adapter | None
    length: int
    past: int = 0
    key_values: KeyValues | None = None


class Plan:
    """The rows of one step; rows that wear the same adapter should be neighbours, for speed alone.

    Attributes:
        rows: the rows in order.
        spans: where each row's tokens lie.
        longest: positions of the longest row, its past included.
    """

    def __init__(self, rows: Sequence[PlannedRow]) -> None:
        self.rows = rows
        self.longest = max((row.past + row.length for row in rows), default=0)
        self.spans: list[RowSpan] = []
        self._worn: list[tuple[int, int, Adapter]] = []
        self._segments: dict[str, list[Segment]] = {}
        start = 0
        for row in rows:
            stop = start + row.length
            self.spans.append(RowSpan(start, stop, row.key_values))
            if row.adapter is not None and row.adapter.deltas:
                self._wear(start, stop, row.adapter)
            start = stop

    def _wear(self, start: int, stop: int, adapter: Adapter) -> None:
        """Note the tokens of a row; neighbours with one adapter become one segment."""
        if self._worn and self._worn[-1][1] == start and self._worn[-1][2] is adapter:
            start = self._worn.pop()[0]
        self._worn.append((start, stop, adapter))

    def positions(self, first: int) -> list[int]:
        """The position id of each packed token, where a row without a past starts at `first`."""
        return [first + row.past + offset for row in self.rows for offset in range(row.length)]

    def segments(self, module: str) -> list[Segment]:
        """The deltas of one module over the packed tokens; worked out once a step, at the module's first use."""
        found = self._segments.get(module)
        if found is None:
            found = [
                (start, stop, adapter.deltas[module]) for start, stop, adapter in self._worn if module in adapter.deltas
            ]
            self._segments[module] = found
        return found


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
