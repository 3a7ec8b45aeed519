from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapterhub.tasks.generation.augment import ROUNDS, augment
from adapterhub.tasks.generation.sampling import Sampling

KNOWN = ["where is my new card, please", "hello there, how are you"]


class Writer:
    """Writes the same few things, by label and seed."""

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self.texts = texts
        self.seeds: list[int] = []

    def __call__(self, rows: Sequence[Mapping[str, Any]], way: Sampling) -> list[str]:
        seeds = range(way.seed, way.seed + len(rows))
        self.seeds += seeds
        return [
            self.texts[row["label"]][seed % len(self.texts[row["label"]])]
            for row, seed in zip(rows, seeds, strict=True)
        ]


def test_rows_that_add_something_are_kept_with_their_seed() -> None:
    write = Writer({"card": ["Where is my  NEW card, please", "my card was eaten by the machine", "", "a lost card"]})
    made = augment(write, ["card"], 2, Sampling(temperature=1.0, seed=4), KNOWN)
    assert [(row["text"], row["label"], row["seed"]) for row in made.rows] == [
        ("my card was eaten by the machine", "card", 5),
        ("a lost card", "card", 7),
    ]
    assert made.left_out == {"nearly another": 1, "empty": 1}
    assert write.seeds == [4, 5, 6, 7][: len(write.seeds)] and len({*write.seeds}) == len(write.seeds)


def test_a_classifier_may_disagree_and_rounds_end() -> None:
    write = Writer({"card": ["a lost card"], "talk": ["what a day it is", "and so to bed"]})
    made = augment(write, ["card", "talk"], 2, Sampling(), [], classify=lambda texts: ["talk"] * len(texts))
    assert {row["label"] for row in made.rows} == {"talk"} and len(made.rows) == 2
    assert made.left_out["classified otherwise"] + made.left_out["nearly another"] > 0
    assert len(write.seeds) <= 4 * ROUNDS
