"""What all contenders are given: rows of token ids, and which adapter each row wears."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.adapters import SavedAdapter

ROWS = 32
SHORTEST, LONGEST = 8, 64  # tokens of an encoder's row
CONTEXT = 64  # tokens that a decoder's row has cached before the measured step
SEED = 0

Row = list[int]


@dataclass(frozen=True)
class Workload:
    """Rows and what they wear; each adapter in turn, as rows of different users arrive."""

    rows: Sequence[Row]
    adapters: Sequence[SavedAdapter]

    @property
    def worn(self) -> list[SavedAdapter]:
        """The adapter of each row."""
        return [self.adapters[index % len(self.adapters)] for index in range(len(self.rows))]

    def groups(self) -> list[tuple[SavedAdapter, list[int]]]:
        """Each adapter with the indices of its rows."""
        count = len(self.adapters)
        order = sorted(range(len(self.rows)), key=lambda index: index % count)
        return [(self.adapters[place], list(rows)) for place, rows in groupby(order, key=lambda index: index % count)]


def texts(vocabulary: int, first: int, last: int) -> list[Row]:
    """Rows for an encoder: random tokens between `first` and `last`, its [CLS] and [SEP]; lengths differ."""
    rng = random.Random(SEED)
    lengths = [rng.randint(SHORTEST, LONGEST) for _ in range(ROWS)]
    return [[first, *_tokens(rng, vocabulary, length - 2), last] for length in lengths]


def prompts(vocabulary: int) -> list[Row]:
    """Rows for a decoder: a context of random tokens, and the token that the measured step feeds."""
    rng = random.Random(SEED)
    return [_tokens(rng, vocabulary, CONTEXT + 1) for _ in range(ROWS)]


def _tokens(rng: random.Random, vocabulary: int, length: int) -> Row:
    """Random tokens of the upper half of a vocabulary, where no special tokens are."""
    return [rng.randrange(vocabulary // 2, vocabulary) for _ in range(length)]
