"""How requests spread over adapters, as the multi-adapter serving papers name it (Punica, arXiv 2310.18547)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

POPULARITIES: dict[str, Callable[[int], list[float]]] = {
    "identical": lambda n: [1.0] + [0.0] * (n - 1),
    "distinct": lambda n: [1.0] * n,
    "uniform": lambda n: [1.0] * n,
    "zipf:1": lambda n: [1 / (rank + 1) for rank in range(n)],
    "skewed": lambda n: [0.75] + [0.25 / (n - 1)] * (n - 1),
}


def draw(popularity: str, items: Sequence[T], rows: int, seed: int) -> list[T]:
    """`rows` items in random order; `distinct` takes each in turn, the others draw by weight.

    Another seed makes another item the most popular one.
    """
    rng = random.Random(seed)
    shuffled = rng.sample(list(items), len(items))
    if popularity == "distinct":
        return [shuffled[index % len(shuffled)] for index in range(rows)]
    return draw_ranked(popularity, shuffled, rows, rng)


def draw_ranked(popularity: str, items: Sequence[T], rows: int, rng: random.Random) -> list[T]:
    """`rows` items drawn by weight; the first of `items` is the most popular one."""
    return rng.choices(items, POPULARITIES[popularity](len(items)), k=rows)
