"""The order in which rows are seen: at random, yet rows of similar length together, so that little is padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

POOL_BATCHES = 50  # rows for this many batches are drawn at random, then sorted by length


class LengthGrouped(Sampler[int]):
    """Batches of rows of similar length, in random order; it depends on seed and epoch alone.

    The Trainer's own length grouping goes from long to short over and over. Where length tells of the label (spam is
    long), that ends every epoch on one label, and the model with it: hence the shuffle of batches. A batch that is not
    full comes last, so that the others keep their bounds.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch, resumed ones included."""
        self.epoch = epoch

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Indices of this epoch."""
        generator = torch.Generator().manual_seed((self.seed << 16) + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        pool = POOL_BATCHES * self.batch_size
        batches = []
        for start in range(0, len(order), pool):
            alike = sorted(order[start : start + pool], key=self.lengths.__getitem__)
            batches += [alike[place : place + self.batch_size] for place in range(0, len(alike), self.batch_size)]
        last = len(batches) - 1
        for place in [*torch.randperm(last, generator=generator).tolist(), last]:
            yield from batches[place]
