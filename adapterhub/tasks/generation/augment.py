"""More training rows for few: texts of each kind, written by an adapter, of which those that add something are kept.

Knows how rows are asked for and which are left out: empty ones, ones that are nearly a row that is there (the rows it
was given, those of a test file above all, and those kept already), and, where there is a classifier, ones that it takes
for another kind. Refuses to know who writes and who classifies: it is handed two functions. Whether such rows help is
for a recipe to measure that takes them as ``data.more``; often they do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from adapterhub.tasks.data.near import NearIndex
from adapterhub.tasks.data.rows import normal
from adapterhub.tasks.generation.sampling import Sampling

ROUNDS = 3  # after which a kind has what it has

Write = Callable[[Sequence[Mapping[str, Any]], Sampling], Sequence[str]]
Classify = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class Augmented:
    """What was kept, and how many texts were left out, by the reason.

    Attributes:
        rows: ``text``, ``label`` and the ``seed`` that drew the text, kind by kind within a round.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def augment(
    write: Write,
    kinds: Sequence[str],
    each: int,
    sampling: Sampling,
    known: Sequence[str] = (),
    threshold: float = 0.8,
    classify: Classify | None = None,
) -> Augmented:
    """Up to `each` new texts of every one of `kinds`.

    Args:
        write: texts for rows of a label each, the first drawn by the sampling's seed, each further one by the next.
        known: texts that no new one may repeat, nearly or wholly.
        threshold: how alike two texts are that count as one; as ``data.leakage_threshold``.
        classify: the label of each text, where one is to agree.
    """
    made = Augmented()
    seed = sampling.seed
    for _ in range(ROUNDS):
        have = Counter(row["label"] for row in made.rows)
        asked = [kind for kind in kinds for _ in range(each - have[kind])]
        if not asked:
            break
        texts = write([{"label": kind} for kind in asked], msgspec.structs.replace(sampling, seed=seed))
        drawn = [
            {"text": " ".join(text.split()), "label": kind, "seed": seed + index}
            for index, (text, kind) in enumerate(zip(texts, asked, strict=True))
        ]
        seed += len(asked)
        _keep(made, drawn, known, threshold, classify)
    return made


def _keep(
    made: Augmented, drawn: Sequence[dict[str, Any]], known: Sequence[str], threshold: float, classify: Classify | None
) -> None:
    before = [normal(text) for text in (*known, *(row["text"] for row in made.rows))]
    index = NearIndex([*before, *(normal(row["text"]) for row in drawn)], threshold)
    taken_for = classify([row["text"] for row in drawn]) if classify else [row["label"] for row in drawn]
    for place, (row, label) in enumerate(zip(drawn, taken_for, strict=True), start=len(before)):
        if not row["text"]:
            made.left_out["empty"] += 1
        elif index.find(normal(row["text"]), place):
            made.left_out["nearly another"] += 1
        elif label != row["label"]:
            made.left_out["classified otherwise"] += 1
        else:
            made.rows.append(row)
