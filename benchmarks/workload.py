"""What all contenders are given: the bases, rows of token ids or of text, and which adapter each row wears."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.adapters import SavedAdapter

MINILM, SMOLLM2 = "sentence-transformers/all-MiniLM-L6-v2", "HuggingFaceTB/SmolLM2-135M-Instruct"
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


def sentences(vocabulary: Iterable[str], count: int, seed: int = SEED) -> list[str]:
    """Texts for an encoder that become as many tokens as the rows of `texts`: each word is one token, two are special.

    Args:
        vocabulary: a WordPiece vocabulary; its English words are read as they are.
    """
    words = sorted(
        word for word in vocabulary if len(word) > 1 and word.isascii() and word.isalpha() and word.islower()
    )
    rng = random.Random(seed)
    return [" ".join(rng.choices(words, k=rng.randint(SHORTEST, LONGEST) - 2)) for _ in range(count)]


def prompts(vocabulary: int) -> list[Row]:
    """Rows for a decoder: a context of random tokens, and the token that the measured step feeds."""
    rng = random.Random(SEED)
    return [_tokens(rng, vocabulary, CONTEXT + 1) for _ in range(ROWS)]


def _tokens(rng: random.Random, vocabulary: int, length: int) -> Row:
    """Random tokens of the upper half of a vocabulary, where no special tokens are."""
    return [rng.randrange(vocabulary // 2, vocabulary) for _ in range(length)]
