"""The keys and values of padded rows that are being continued, in the caches that transformers' models take.

Every row's own stand at the right, so that distances between its positions, which windows and T5's biases are made of,
are what they would be alone; of an encoder-decoder, those of the row's source stand at the left. A row is one request's
and is never kept by name, so no version ever reads another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from adapterhub.runtime.adapters.prefix import Prefix

Layers = Sequence[tuple[Tensor, Tensor]]
"""Keys and values of each layer: ``[rows, kv_heads, n, head_dim]``, or of one row without the first dimension."""


@dataclass(frozen=True)
class RowPast:
    """What one row keeps between steps: its own keys and values, and those of the source it answers, if any."""

    own: Layers
    source: Layers | None = None


class Past:
    """The pasts of the rows of a step, padded to one width.

    Attributes:
        lengths: how many positions of each row are filled, its prefix included.
        sources: how many positions the source of each row has.
        cache: what the model's forward takes, and adds each row's newest token to.
    """

    def __init__(self, rows: Sequence[RowPast]) -> None:
        """Bring `rows`, at least one, together."""
        self.lengths = [_length(row.own) for row in rows]
        self.width = max(self.lengths)
        own = DynamicCache(_aligned([row.own for row in rows], right=True))
        read = [row.source for row in rows if row.source is not None]
        self.sources = [_length(source) for source in read]
        self.cache = EncoderDecoderCache(own, DynamicCache(_aligned(read, right=False))) if read else own

    def rows(self) -> list[RowPast]:
        """The past of each row again."""
        self.forget()
        if not isinstance(self.cache, EncoderDecoderCache):
            return [RowPast(own) for own in self._own(self.cache)]
        sources = [(0, length) for length in self.sources]
        read = split(layers_of(self.cache.cross_attention_cache), sources)
        return [RowPast(*parts) for parts in zip(self._own(self.cache.self_attention_cache), read, strict=True)]

    def accept(self) -> None:
        """Count the newest tokens in."""
        self.lengths = [length + 1 for length in self.lengths]
        self.width += 1

    def forget(self) -> None:
        """Drop what was fed and not accepted, in as many layers as were reached."""
        cache = self.cache.self_attention_cache if isinstance(self.cache, EncoderDecoderCache) else self.cache
        for layer in cache.layers:
            layer.crop(self.width - layer.get_seq_length())

    def mask(self, device: torch.device) -> Tensor:
        """``[rows, width + 1]``: 1 where the newest token of a row may look."""
        places = torch.arange(self.width + 1, device=device)
        return (places >= self.width - torch.tensor(self.lengths, device=device)[:, None]).long()

    def source_mask(self, device: torch.device) -> Tensor:
        """``[rows, widest source]``: 1 where a row's source is."""
        places = torch.arange(max(self.sources), device=device)
        return (places < torch.tensor(self.sources, device=device)[:, None]).long()

    def _own(self, cache: DynamicCache) -> list[Layers]:
        return split(layers_of(cache), [(self.width - length, self.width) for length in self.lengths])


def filled(prefixes: Sequence[Prefix | None]) -> DynamicCache:
    """A cache in which the prefix of each row stands at the right, or an empty one where no row has any."""
    some = next((prefix for prefix in prefixes if prefix is not None), None)
    if some is None:
        return DynamicCache()
    none = [(keys[0, :, :0], values[0, :, :0]) for keys, values in zip(some.keys, some.values, strict=True)]
    rows: list[Layers] = [
        none if prefix is None else [(k[0], v[0]) for k, v in zip(prefix.keys, prefix.values, strict=True)]
        for prefix in prefixes
    ]
    return DynamicCache(_aligned(rows, right=True))


def layers_of(cache: DynamicCache) -> Layers:
    """Keys and values of each layer of `cache`."""
    return [(layer.keys, layer.values) for layer in cache.layers]


def split(layers: Layers, spans: Sequence[tuple[int, int]]) -> list[Layers]:
    """The positions ``start:stop`` of each row."""
    return [
        [(keys[row, :, start:stop], values[row, :, start:stop]) for keys, values in layers]
        for row, (start, stop) in enumerate(spans)
    ]


def _length(row: Layers) -> int:
    return row[0][0].shape[1]


def _aligned(rows: Sequence[Layers], right: bool) -> list[tuple[Tensor, Tensor]]:
    """Rows side by side; zeros where one is shorter: unseen, but nothing times infinity is not a number."""
    lengths = [_length(row) for row in rows]
    width = max(lengths)
    padded = []
    for layer in zip(*rows, strict=True):
        pair = []
        for parts in zip(*layer, strict=True):
            heads, _, size = parts[0].shape
            whole = parts[0].new_zeros(len(rows), heads, width, size)
            for index, (part, length) in enumerate(zip(parts, lengths, strict=True)):
                start = width - length if right else 0
                whole[index, :, start : start + length] = part
            pair.append(whole)
        padded.append((pair[0], pair[1]))
    return padded
