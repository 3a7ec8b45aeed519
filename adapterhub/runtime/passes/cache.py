"""The keys and values of sequences that are being continued, laid out so that all of them attend in one call.

Each sequence has a lane; lanes of equal capacity lie side by side in one block, the ones in use first. A sequence that
outgrows its lane moves to the block of twice the capacity, so no lane is more than half empty, and a step copies
nothing. A lane belongs to one request and is never kept by name, so no version ever reads another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from adapterhub.errors import BackboneError
from adapterhub.ops import newest_token_attention
from adapterhub.runtime.adapters.prefix import Prefix

SMALLEST = 128  # positions
GRANULE = 16  # positions; moving what is there costs a step's reading once in so many steps


@dataclass(eq=False)
class Lane:
    """The place of one sequence: `length` positions are filled, its prefix included."""

    block: Block
    index: int
    length: int = 0


class Block:
    """Lanes of similar length: per layer keys and values ``[lanes, kv_heads, stride, head_dim]``.

    `stride`, how many positions a lane has, follows the longest one in steps of `GRANULE`, up to `capacity`: a CPU
    reads lanes without gaps between them in half the time. What a lane has not filled is zero: an unseen position
    weighs nothing, but nothing times infinity is not a number.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.stride = 0
        self.lanes: list[Lane] = []
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def open(self, length: int) -> Lane:
        """A new lane of `length` positions at least, behind those in use."""
        lane = Lane(self, len(self.lanes))
        self.lanes.append(lane)
        for keys, values in self.layers.values():
            keys[lane.index : lane.index + 1].zero_()
            values[lane.index : lane.index + 1].zero_()
        self.reach(length)
        return lane

    def close(self, lane: Lane) -> None:
        """Give `lane` up; the last one takes its place."""
        last = self.lanes.pop()
        if last is not lane:
            for stores in self.layers.values():
                for store in stores:
                    if last.index < len(store):
                        store[lane.index] = store[last.index]
                    elif lane.index < len(store):  # a pass failed before it came to this layer
                        store[lane.index].zero_()
            last.index = lane.index
            self.lanes[lane.index] = last

    def reach(self, length: int) -> None:
        """Let each lane have `length` positions at least, in each layer from its next use on."""
        if length > self.stride:
            self.stride = -(-length // GRANULE) * GRANULE

    def layer(self, layer: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of `layer` with room for all lanes; `like` is ``[..., kv_heads, n, head_dim]``."""
        found = self.layers.get(layer)
        if found is None or found[0].shape[0] < len(self.lanes) or found[0].shape[2] < self.stride:
            keys, values = found or (None, None)
            found = self.layers[layer] = (self._grown(like, keys), self._grown(like, values))
        return found

    def _grown(self, like: Tensor, old: Tensor | None) -> Tensor:
        """Room for all lanes, with what `old` holds."""
        room = 1 << (len(self.lanes) - 1).bit_length()
        new = like.new_zeros(max(room, 0 if old is None else len(old)), like.shape[-3], self.stride, like.shape[-1])
        if old is not None:
            new[: len(old), :, : old.shape[2]] = old
        return new


class KeyValueCache:
    """All lanes of the sequences that one thread continues together."""

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}

    def open(self, length: int) -> Lane:
        """A lane with room for `length` positions at least."""
        return self._block(length).open(length)

    def close(self, lane: Lane) -> None:
        """Give `lane` up; the memory of a block goes with its last lane."""
        lane.block.close(lane)
        if not lane.block.lanes:
            del self._blocks[lane.block.capacity]

    def make_room(self, lane: Lane) -> None:
        """Let `lane` take one more position, moving it if it is full."""
        if lane.length < lane.block.capacity:
            return lane.block.reach(lane.length + 1)
        old, new = lane.block, self._block(lane.length + 1)
        moved = new.open(lane.length + 1)
        try:
            for layer, (keys, values) in old.layers.items():
                for source, target in zip((keys, values), new.layer(layer, keys), strict=True):
                    target[moved.index, :, : lane.length] = source[lane.index, :, : lane.length]
        except BaseException:  # no memory, say: it stays where it is
            self.close(moved)
            raise
        self.close(lane)
        new.lanes[moved.index] = lane
        lane.block, lane.index = new, moved.index

    def _block(self, length: int) -> Block:
        capacity = max(SMALLEST, 1 << (length - 1).bit_length())
        return self._blocks.setdefault(capacity, Block(capacity))


@dataclass(frozen=True)
class Filling:
    """Keeps the keys and values of a row that is read for the first time, its prefix in front, in `lane`."""

    lane: Lane
    prefix: Prefix | None = None

    def __call__(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """The row's keys and values of `layer` behind its prefix, ``[1, kv_heads, n, head_dim]``."""
        if self.prefix is not None:
            keys, values = self.prefix.in_front(layer, keys, values)
        for store, own in zip(self.lane.block.layer(layer, keys), (keys, values), strict=True):
            store[self.lane.index, :, : own.shape[2]] = own[0]
        return keys, values


@dataclass(frozen=True)
class _Share:
    """The rows of a step that lie in one block.

    Attributes:
        rows: which tokens of the step they are, or a slice if they are all of them in order.
        indices: of their lanes in the block.
        lanes: the same, or a slice if they are its first ones in order.
        places: the position that each fills in this step.
    """

    block: Block
    rows: Tensor | slice
    indices: Tensor
    lanes: Tensor | slice
    places: Tensor
    masks: dict[int | None, Tensor | None] = field(default_factory=dict)

    def visible(self, window: int | None) -> Tensor | None:
        """Boolean ``[rows, stride]``, or None where all see all."""
        if window not in self.masks:
            at = torch.arange(self.block.stride, device=self.places.device)[None, :]
            visible = at <= self.places[:, None]
            if window is not None:
                visible &= at > self.places[:, None] - window
            self.masks[window] = None if bool(visible.all()) else visible
        return self.masks[window]


class NewestTokens:
    """Attention of a step in which each row adds one token to its lane: an `Attention`."""

    def __init__(self, lanes: Sequence[Lane], device: torch.device) -> None:
        """Work out, once for all layers, where the tokens of the rows in `lanes` go and what they see."""
        self._shares = []
        for block in {lane.block.capacity: lane.block for lane in lanes}.values():
            rows = sorted((lane.index, row) for row, lane in enumerate(lanes) if lane.block is block)
            indices, order = [index for index, _ in rows], [row for _, row in rows]
            places = [block.lanes[index].length for index in indices]
            where = torch.tensor(indices, device=device)
            self._shares.append(
                _Share(
                    block,
                    slice(None) if order == list(range(len(lanes))) else torch.tensor(order, device=device),
                    where,
                    slice(len(indices)) if indices == list(range(len(indices))) else where,
                    torch.tensor(places, device=device),
                )
            )

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
        """See `Attention`; `causal` makes no difference to the newest token."""
        if layer is None:
            raise BackboneError(
                "the attention of this architecture does not know which layer it is, so it cannot be continued",
                "Serve a decoder of the Llama, Qwen, GPT-2 … families.",
            )
        query, key, value = (part[0].transpose(0, 1) for part in (query, key, value))  # [rows, heads, head_dim]
        out = torch.empty_like(query)
        for share in self._shares:
            keys, values = share.block.layer(layer, key.transpose(0, 1))
            keys[share.indices, :, share.places] = key[share.rows]
            values[share.indices, :, share.places] = value[share.rows]
            out[share.rows] = newest_token_attention(
                query[share.rows],
                keys[share.lanes],
                values[share.lanes],
                share.visible(window),
                scale=scale,
            )
        return out.unsqueeze(0)
