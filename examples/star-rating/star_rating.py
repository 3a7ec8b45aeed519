"""``star-rating``: how many stars a review gives, 1 to 5. The answer is the mean of what the head holds likely."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapterhub.tasks import Answer, ValueAnswer
from adapterhub.tasks.text import TextTask


class StarRating(TextTask):
    """Reads ``{"text"}``, learns from ``{"stars"}``; all else that a text's task does is inherited."""

    name = "star-rating"
    primary_metric = "mean_absolute_error"
    metric_names = error_names = ("mean_absolute_error",)
    target_column = "stars"
    structured_columns = ("stars",)

    def check_target(self, value: object) -> None:
        if value not in (1, 2, 3, 4, 5):
            raise ValueError(f"stars is {value!r}, not 1 to 5")

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        return ["1", "2", "3", "4", "5"]

    def target_of(self, row: Mapping[str, Any]) -> int:
        return int(row["stars"]) - 1

    def answer(self, logits: Any, truncated: bool) -> Answer:
        value = sum(share * stars for stars, share in enumerate(logits.softmax(-1).tolist(), 1))
        return ValueAnswer(value=value, logits=logits, truncated=truncated)

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        return [row["stars"] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        return [abs(answer.value - right) for answer, right in zip(answers, references, strict=True)]

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        return {"mean_absolute_error": sum(outcomes) / len(outcomes)}
