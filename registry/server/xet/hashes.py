"""Xet's own hashes: BLAKE3 of a chunk, a tree of such hashes for a xorb, and how 32 bytes are written as text.

Source: https://huggingface.co/docs/xet/hashing; where a node of the tree ends is told only by the reference
implementation, `aggregated_hashes.rs` of xet-core. Files are known by their sha256 here: their Xet hash is not covered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blake3 import blake3

_CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_BRANCHING = 4  # children that a node has on average: one hash in four ends a node
_MOST_CHILDREN = 2 * _BRANCHING + 1
_FEWEST_CHILDREN = 3  # only the last node of a level has fewer


def hash_text(raw: bytes) -> str:
    """64 hexadecimal digits of 32 bytes: four little-endian numbers, which turns the order in each group of eight."""
    return b"".join(raw[start : start + 8][::-1] for start in range(0, 32, 8)).hex()


def xorb_hash(chunks: Iterable[bytes | memoryview]) -> str:
    """The hash that a client names a xorb by, from the contents of its chunks in order; at least one chunk."""
    level = [(blake3(chunk, key=_CHUNK_KEY).digest(), len(chunk)) for chunk in chunks]
    while len(level) > 1:
        level = list(_parents(level))
    return hash_text(level[0][0])


def _parents(level: Sequence[tuple[bytes, int]]) -> Iterable[tuple[bytes, int]]:
    """(hash, bytes of content) of each node over `level`, which has the same form."""
    start = 0
    while start < len(level):
        end = _end_of_node(level, start)
        children = level[start:end]
        lines = "".join(f"{hash_text(raw)} : {size}\n" for raw, size in children)
        yield blake3(lines.encode(), key=_NODE_KEY).digest(), sum(size for _, size in children)
        start = end


def _end_of_node(level: Sequence[tuple[bytes, int]], start: int) -> int:
    """Where the node that starts at `start` ends: the content decides, so that an insertion moves few nodes."""
    most = min(start + _MOST_CHILDREN, len(level))
    for end in range(start + _FEWEST_CHILDREN, most):
        last = level[end - 1][0]
        if int.from_bytes(last[24:], "little") % _BRANCHING == 0:
            return end
    return most
