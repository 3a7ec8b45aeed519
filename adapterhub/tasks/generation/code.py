"""``text-generation`` of the problem type ``code``: a Python program, judged by running it.

A row is ``{"source"}``, what the program shall do, or a plain string. A labelled row has ``target`` and ``tests``, a
list of lines that raise where it is wrong, and may have ``test_setup``, which comes before them (MBPP's protocol,
Austin et al. 2021: the prompt may show the tests). Where it has ``entry_point``, the source is the beginning of that
function, the answer goes on from there or writes it anew, and tests define ``check(candidate)`` (HumanEval's, Chen et
al. 2021): those are shown to nobody. Scoring executes what the model wrote, in `sandbox`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import comb
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from adapterhub.errors import RecipeError
from adapterhub.tasks.answer import Answer, TextAnswer
from adapterhub.tasks.generation.sandbox import passes
from adapterhub.tasks.generation.task import GenerationOptions, GenerationTask

FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


KS = (1, 10, 100)  # of pass@k, as in Chen et al. 2021; the number of samples itself is one more


class CodeOptions(GenerationOptions, frozen=True, kw_only=True):
    """`samples` is how many programs are written of each row to be scored."""

    samples: Annotated[int, Meta(ge=1, le=1000)] = 1


class CodeGeneration(GenerationTask):
    """A program for each row, scored by whether its tests pass."""

    name = "text-generation"
    problem_type = "code"
    optional_columns = ("tests", "test_setup", "entry_point")
    structured_columns = ("tests",)
    template = "{source}\nThe code must pass these tests:\n{tests}"
    options_type: ClassVar[type[GenerationOptions]] = CodeOptions

    def __init__(self, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> None:
        super().__init__(options, labels)
        self.samples = self.options.samples
        if self.samples > 1 and not self.options.sampling.temperature:
            raise RecipeError(
                f"task.options.samples: at temperature 0, {self.samples} programs of a row are all the same",
                "Set task.options.sampling.temperature, to 0.8 for example.",
            )
        self._ks = sorted({*(k for k in KS if k < self.samples), self.samples})
        self.metric_names = tuple(f"pass@{k}" for k in self._ks)

    def check_row(self, row: Mapping[str, Any]) -> None:
        """There are tests, and what else is stated is text."""
        super().check_row(row)
        tests = row.get("tests")
        if not isinstance(tests, list) or not tests or not all(isinstance(test, str) for test in tests):
            raise ValueError("tests is not a list of strings")
        for column in ("test_setup", "entry_point"):
            if not isinstance(row.get(column, ""), str):
                raise ValueError(f"{column} is not a string")

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The rows themselves: their tests say what is right."""
        return list(rows)

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """(programs, programs that passed) of each row, whose `samples` follow one another.

        Raises:
            SandboxError: programs cannot be run safely here.
        """
        texts = [answer.text for answer in answers if isinstance(answer, TextAnswer)]
        passed = [passes(program_of(text, row)) for text, row in zip(texts, references, strict=True)]
        starts = range(0, len(passed), self.samples)
        return [(self.samples, sum(passed[start : start + self.samples])) for start in starts]

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """pass@k, the mean over rows."""
        return {
            f"pass@{k}": sum(pass_at_k(count, right, k) for count, right in outcomes) / len(outcomes) for k in self._ks
        }

    def _prompt_ids(self, columns: Mapping[str, Any], tokenizer: Any) -> list[int]:
        shown = {**columns, "tests": []} if columns.get("entry_point") else columns
        return super()._prompt_ids(shown, tokenizer)


def program_of(text: str, row: Mapping[str, Any]) -> str:
    """What is run for an answer: the code in it (of its first fenced block, if it has one), then the row's tests."""
    fenced = FENCE.search(text)
    code = fenced.group(1) if fenced else text
    entry = row.get("entry_point")
    if not entry:
        return "\n".join([code, row.get("test_setup", ""), *row["tests"]])
    begun = row["source"] + ("\n" if re.search(rf"^\s*def {re.escape(entry)}\b", code, re.MULTILINE) else "") + code
    return "\n".join([begun, *row["tests"], f"check({entry})"])


def pass_at_k(count: int, right: int, k: int) -> float:
    """The chance that of k programs, drawn from `count` of which `right` pass, one passes.

    Semantics: ``1 - C(count - right, k) / C(count, k)``, the unbiased estimator of Chen et al. 2021 (arXiv 2107.03374,
    equation 1).
    """
    return 1 - comb(count - right, k) / comb(count, k)
