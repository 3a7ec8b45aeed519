"""The memory of an adapter: all its tensors in one block, which is taken from the system and given back at once.

A block on a GPU is filled by one copy. A block in host memory is a mapping of its own, since what an allocator keeps of
thousands of small tensors is not free for others; where the device is a GPU it is pinned. Copies to a GPU have not been
measured.

What is not in a block, an adapter's many small objects, stays with the allocator until it is told to `trim`.
"""

from __future__ import annotations

import ctypes
import dataclasses
import mmap
import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from adapterhub.runtime.adapters.adapter import Adapter

ALIGNMENT = 64  # bytes: a cache line, and as wide as a vector register


def compact(adapter: Adapter, device: torch.device) -> Adapter:
    """The same adapter with copies of its tensors in one block of host memory, each with the layout it had.

    Args:
        device: what the adapter is kept for; decides whether the block is pinned.
    """
    block = _block(sum(_aligned(tensor.nbytes) for tensor in adapter.tensors()), pinned=device.type == "cuda")
    used = 0

    def copied(tensor: Tensor) -> Tensor:
        nonlocal used
        strides = torch.empty_like(tensor, device="meta").stride()  # of the copy that `clone` would make
        place = _within(block, tensor.dtype, used // tensor.itemsize, tensor.shape, strides)
        used += _aligned(tensor.nbytes)
        return place.copy_(tensor)

    return dataclasses.replace(adapter.mapped(copied), block=block)


def on_device(adapter: Adapter, device: torch.device) -> Adapter:
    """A compact adapter on `device`, whole when this returns; itself if it is there already."""
    if adapter.block is None or adapter.block.device == device:
        return adapter
    block = adapter.block.to(device, non_blocking=True)

    def moved(tensor: Tensor) -> Tensor:
        return _within(block, tensor.dtype, int(tensor.storage_offset()), tensor.shape, tensor.stride())

    there = dataclasses.replace(adapter.mapped(moved), block=block)
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
    return there


def trim() -> None:
    """Give back to the system what the C library holds free; takes milliseconds, and does nothing without glibc."""
    if sys.platform == "linux":
        give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl, for one, has none
        if give_back is not None:
            give_back(0)


def _block(nbytes: int, *, pinned: bool) -> Tensor:
    if pinned or not nbytes:
        return torch.empty(nbytes, dtype=torch.uint8, pin_memory=pinned)
    return torch.frombuffer(mmap.mmap(-1, nbytes), dtype=torch.uint8)


def _within(block: Tensor, dtype: torch.dtype, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Tensor:
    """A tensor in the memory of `block`; not a view, which would keep a second tensor alive beside each."""
    return torch.empty(0, dtype=dtype, device=block.device).set_(block.untyped_storage(), offset, shape, strides)


def _aligned(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
