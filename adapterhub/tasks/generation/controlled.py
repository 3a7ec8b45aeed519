"""``text-generation`` of the problem type ``controlled``: a text of the kind that is asked for.

A row is ``{"label"}``, the kind, or a plain string; a training row has ``text`` as well, a text of that kind: the rows
of ``text-classification``, read backwards. Whether what is written is of its kind is judged by a linear classifier over
words and letters (scikit-learn), which is fitted to the labelled rows of the file `judge`: rows that the adapter did
not see, if the figure shall mean something. It errs like any classifier; how often, its accuracy on real rows says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from adapterhub.errors import DataError
from adapterhub.tasks.answer import Answer
from adapterhub.tasks.generation.task import GenerationOptions, GenerationTask, texts_of

CHARACTERS = (2, 5)  # lengths of the runs of letters that the judge counts; of words it counts ones and pairs


class ControlledOptions(GenerationOptions, frozen=True, kw_only=True):
    """`judge` names a file of labelled rows (``text`` and ``label``) below ``ADAPTERHUB_DATA``."""

    judge: str


class ControlledGeneration(GenerationTask):
    """A text of the kind that is asked for, scored by a judge, and by how many texts are not one text over and over."""

    name = "text-generation"
    problem_type = "controlled"
    metric_names = ("control_accuracy", "distinct")
    input_columns = ("label",)
    target_column = "text"
    template = "Write a text of this kind: {label}"
    options_type: ClassVar[type[GenerationOptions]] = ControlledOptions

    @property
    def class_column(self) -> str:
        """The kind that is asked for."""
        return "label"

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """None: the answer is text. But the judge must know the kinds of all `rows`.

        Raises:
            DataError: it does not, or its file cannot be read, or teaches it nothing.
        """
        unknown = sorted({row["label"] for row in rows} - set(self._judge.classes_))
        if unknown:
            raise DataError(
                f"task.options.judge: {self.options.judge} has no row of {unknown[0]!r}", "Name a file with all kinds."
            )
        return []

    def input_key(self, row: Mapping[str, Any]) -> str:
        """The text: many rows share a label."""
        return str(row["text"])

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The label of each row."""
        return [row["label"] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """Whether the judge takes each text for what was asked for, and one over how often the text came."""
        texts = texts_of(answers)
        often = Counter(texts)
        judged = zip(texts, self._judge.predict(texts), references, strict=True)
        return [(bool(text and found == wanted), 1 / often[text]) for text, found, wanted in judged]

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """The share of texts that are of their kind, and of different texts among all."""
        right, shares = zip(*outcomes, strict=True)
        return {"control_accuracy": sum(right) / len(outcomes), "distinct": sum(shares) / len(outcomes)}

    @cached_property
    def _judge(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.svm import LinearSVC

        from adapterhub.tasks.data import locate, read_rows
        from adapterhub.tasks.text_classification import TextClassification

        rows = read_rows(locate(self.options.judge), TextClassification())
        kinds = {row["label"] for row in rows}
        if len(kinds) < 2:
            raise DataError(
                f"task.options.judge: every text of {self.options.judge} is of one kind, {kinds.pop()!r}",
                "Name a file of two kinds at least.",
            )
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=CHARACTERS, sublinear_tf=True)
        judge: Any = make_pipeline(make_union(words, letters), LinearSVC())
        try:
            return judge.fit([row["text"] for row in rows], [row["label"] for row in rows])
        except ValueError as error:
            raise DataError(
                f"task.options.judge: no judge can be fitted to {self.options.judge}: {error}",
                "Name a file whose texts hold words.",
            ) from error
