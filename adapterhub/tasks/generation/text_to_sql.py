"""``text-generation`` of the problem type ``text-to-sql``: the query that answers a question.

A row is ``{"source"}`` or a plain string; a training row has ``target`` as well. One database is meant: its tables are
learned from the training rows, so nothing of a schema is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapterhub.tasks.answer import Answer
from adapterhub.tasks.generation.task import GenerationTask, texts_of


class TextToSql(GenerationTask):
    """An SQL query, scored by exact match."""

    name = "text-generation"
    problem_type = "text-to-sql"
    metric_names = ("exact_match",)
    template = "Write the SQL query that answers: {source}"

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The target of each row."""
        return [row["target"] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """Whether each row has the very query."""
        return [normal(text) == normal(right) for text, right in zip(texts_of(answers), references, strict=True)]

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """The share of rows whose query is the right one, letter for letter after `normal`."""
        return {"exact_match": sum(outcomes) / len(outcomes)}


def normal(query: str) -> str:
    """The query in lower case, white space as single spaces, without a semicolon at its end.

    Case counts nowhere, in quoted values neither: "EECS" and "eecs" are one department here.
    """
    return " ".join(query.casefold().removesuffix(";").split()).removesuffix(";").rstrip()
