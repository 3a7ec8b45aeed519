"""``summarization`` by a decoder: the source in a few words.

A row is ``{"source"}`` or a plain string; a training row has ``target`` as well, and may have ``references``, a list of
all summaries that are right (the target among them): the best of them counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapterhub.tasks.answer import Answer
from adapterhub.tasks.generation import scores
from adapterhub.tasks.generation.task import GenerationTask, texts_of


class Summarization(GenerationTask):
    """A summary, scored by ROUGE."""

    name = "summarization"
    metric_names = scores.ROUGE
    optional_columns = ("references",)
    structured_columns = ("references",)
    template = "Summarize in one sentence: {source}"

    def check_row(self, row: Mapping[str, Any]) -> None:
        """References are a list of strings."""
        super().check_row(row)
        references = row.get("references", [""])
        if not isinstance(references, list) or not all(isinstance(text, str) for text in references) or not references:
            raise ValueError("references is not a list of strings")

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """All right summaries of each row."""
        return [row.get("references") or [row["target"]] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """ROUGE of each row."""
        return scores.rouge(texts_of(answers), references)

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Mean ROUGE."""
        return scores.mean_rouge(outcomes)
