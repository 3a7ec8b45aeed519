"""``translation`` by a decoder: the source's text in another language.

A row is ``{"source"}`` or a plain string; a training row has ``target`` as well. What languages, the template says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapterhub.tasks.answer import Answer
from adapterhub.tasks.generation import scores
from adapterhub.tasks.generation.task import GenerationTask, texts_of


class Translation(GenerationTask):
    """A text in another language, scored by BLEU and chrF."""

    name = "translation"
    metric_names = ("bleu", "chrf")
    template = "Translate: {source}"

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The target of each row."""
        return [row["target"] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """What BLEU and chrF count in each row."""
        return scores.overlaps(texts_of(answers), references)

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Corpus BLEU and chrF."""
        return scores.bleu_and_chrf(outcomes)
