from __future__ import annotations

import itertools
import random

from adapterhub.train.loop.order import LengthGrouped

LENGTHS = random.Random(7).choices(range(5, 100), k=203)


def epoch(seed: int, number: int) -> list[list[int]]:
    sampler = LengthGrouped(LENGTHS, batch_size=4, seed=seed)
    sampler.set_epoch(number)
    order = list(sampler)
    return [order[place : place + 4] for place in range(0, len(order), 4)]


def test_every_row_comes_once_an_epoch() -> None:
    assert sorted(index for batch in epoch(1, 0) for index in batch) == list(range(203))


def test_a_batch_holds_rows_of_similar_length() -> None:
    spans = [max(lengths) - min(lengths) for lengths in ([LENGTHS[i] for i in batch] for batch in epoch(1, 0)[:-1])]
    assert sum(spans) / len(spans) < 5


def test_long_and_short_batches_come_mixed() -> None:
    means = [sum(LENGTHS[index] for index in batch) / 4 for batch in epoch(1, 0)[:-1]]
    falls = sum(after < before for before, after in itertools.pairwise(means))
    assert 0.3 < falls / len(means) < 0.7


def test_the_order_is_of_seed_and_epoch_alone() -> None:
    assert epoch(1, 3) == epoch(1, 3)
    assert epoch(1, 3) != epoch(1, 4)
    assert epoch(1, 3) != epoch(2, 3)
    assert epoch(0, 1) != epoch(1, 0)
