"""``question-answering``: the span of a context that answers a question, as SQuAD has it.

A row is ``{"question", "context"}``. A context that does not fit `max_length` is read in windows that overlap by
`stride` tokens, each behind the whole question. A training row has ``{"answers": {"text": […], "answer_start": […]}}``,
or a list of ``{"text", "answer_start"}`` (``"start"`` is understood too); the first answer is trained on, any of them
counts. A causal model has read nothing where the empty answer is scored, so that it learns only how common that is.

No input has segments: PEFT's model for this task passes none on, whatever the method.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from adapterhub.errors import RequestError
from adapterhub.tasks import squad
from adapterhub.tasks.answer import Answer, SpanAnswer
from adapterhub.tasks.task import Encoded, Options, Row, Task, columns_of

if TYPE_CHECKING:
    import torch


class SpanOptions(Options, frozen=True, kw_only=True):
    """How contexts are cut and spans chosen; all lengths are in tokens.

    `max_length` counts special tokens too; neighbouring windows share `stride` tokens of the context. With `no_answer`
    (SQuAD 2.0) the empty answer is given where its score exceeds the best span's by more than `no_answer_threshold`.
    """

    max_length: Annotated[int, Meta(ge=16, le=8192)] = 384
    stride: Annotated[int, Meta(ge=0, le=4096)] = 128
    max_answer_tokens: Annotated[int, Meta(ge=1, le=512)] = 30
    no_answer: bool = False
    no_answer_threshold: float = 0.0


@dataclass(frozen=True)
class Window:
    """A part of a context, as its input shows it.

    Attributes:
        context: the whole context.
        spans: for each token its characters in the context, None where it is not of the context.
        null: the token whose scores stand for no answer.
    """

    context: str
    spans: tuple[tuple[int, int] | None, ...]
    null: int


class QuestionAnswering(Task):
    """A span of the context for each question; the head gives each token a score as start and one as end."""

    name = "question-answering"
    head_kind = "question-answering"
    peft_task_type = "QUESTION_ANS"
    primary_metric = "f1"
    metric_names = ("exact_match", "f1")
    input_columns = ("question", "context")
    target_column = "answers"
    structured_columns = ("answers",)
    fewest_labels = 0
    smooths_labels = False
    options_type = SpanOptions

    def check_row(self, row: Mapping[str, Any]) -> None:
        """Question and context are strings, and each answer stands where it says."""
        for column in self.input_columns:
            if not isinstance(row[column], str):
                raise ValueError(f"{column} is a {type(row[column]).__name__}, not a string")
        answers = answers_of(row)
        if not answers and not self.options.no_answer:
            raise ValueError("answers is empty, which needs task.options.no_answer = true")
        for text, start in answers:
            if not text or start < 0 or row["context"][start : start + len(text)] != text:
                raise ValueError(f"answer {text!r} is not at character {start} of the context")

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """None: the head's outputs are start and end."""
        return []

    def input_key(self, row: Mapping[str, Any]) -> str:
        """The question, and the context after it."""
        return f"{row['question']}\n{row['context']}"

    def encode(self, rows: Sequence[Row], tokenizer: Any, with_labels: bool = False) -> list[list[Encoded]]:
        """The windows of each row's context, each behind the question."""
        return [self._encode(row, tokenizer, with_labels) for row in rows]

    def _encode(self, row: Row, tokenizer: Any, with_labels: bool) -> list[Encoded]:
        columns = columns_of(row, self)
        question, context = columns["question"], columns["context"]
        if not isinstance(question, str) or not isinstance(context, str):
            raise RequestError("question and context of a row are strings", "Give a mapping of strings.")
        self._check_room(question, tokenizer)
        read = tokenizer(
            question,
            context,
            truncation="only_second",
            max_length=self.options.max_length,
            stride=self.options.stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        answer = next(iter(answers_of(columns)), None) if with_labels else None
        windows = []
        for index, ids in enumerate(read["input_ids"]):
            parts = zip(read.sequence_ids(index), read["offset_mapping"][index], strict=True)
            spans = tuple((start, end) if part == 1 and end > start else None for part, (start, end) in parts)
            window = Window(context, spans, _null(ids, tokenizer))
            labels = _place(window, answer) if with_labels else None
            windows.append(Encoded(input_ids=ids, token_type_ids=None, labels=labels, state=window))
        if not any(span for one in windows for span in one.state.spans):
            raise RequestError("the context holds nothing that the tokenizer reads", "Give it some text.")
        return windows

    def _check_room(self, question: str, tokenizer: Any) -> None:
        length = len(tokenizer(question, add_special_tokens=False)["input_ids"])
        taken = length + tokenizer.num_special_tokens_to_add(pair=True)
        if taken + self.options.stride >= self.options.max_length:
            raise RequestError(
                f"a question of {length} tokens leaves no room for its context: max_length is "
                f"{self.options.max_length}, and windows share {self.options.stride}: {question[:60]!r}…",
                "Shorten the question; the limits are max_length and stride in task.options.",
            )

    def decode(self, logits: Sequence[Sequence[torch.Tensor]], encoded: Sequence[Sequence[Encoded]]) -> list[Answer]:
        """The best span over all windows of each row, or no answer."""
        return [self._decode(row_logits, windows) for row_logits, windows in zip(logits, encoded, strict=True)]

    def _decode(self, logits: Sequence[torch.Tensor], encoded: Sequence[Encoded]) -> Answer:
        import torch

        windows: list[Window] = [one.state for one in encoded]
        scored = [_scores(one, window, self.options) for one, window in zip(logits, windows, strict=True)]
        best = max(range(len(scored)), key=lambda index: float(scored[index].max()))
        top, place = scored[best].flatten().max(0)
        parts = [scores.flatten() for scores in scored]
        null = torch.stack([one.float()[window.null].sum() for one, window in zip(logits, windows, strict=True)]).min()
        if self.options.no_answer:
            parts.append(null.unsqueeze(0))
        total = torch.cat(parts).logsumexp(0)
        if self.options.no_answer and float(null - top) > self.options.no_answer_threshold:
            score = float((null - total).exp())
            return SpanAnswer(text="", start=None, end=None, score=score, logits=tuple(logits))
        first, more = divmod(int(place), scored[best].shape[1])
        start, end = _characters(windows[best], first, first + more)
        text = windows[best].context[start:end]
        return SpanAnswer(text=text, start=start, end=end, score=float((top - total).exp()), logits=tuple(logits))

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        smoothing: float = 0.0,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Cross entropy over the tokens, of starts and of ends, summed. Padding competes, as in transformers' own."""
        return super().loss(logits.transpose(1, 2), labels)

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The texts that would be right for each row."""
        return [[text for text, _ in answers_of(row)] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """(exact match, F1) of each row."""
        texts = [answer.text for answer in answers if isinstance(answer, SpanAnswer)]
        return [squad.compare(text, right) for text, right in zip(texts, references, strict=True)]

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Exact match and F1, from 0 to 1."""
        return {
            name: sum(row[place] for row in outcomes) / len(outcomes) for place, name in enumerate(self.metric_names)
        }


def answers_of(row: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(text, first character) of each answer.

    Raises:
        ValueError: they are in none of the forms that this module names.
    """
    answers = row["answers"]
    pairs: Sequence[tuple[Any, Any]] = []
    if isinstance(answers, Mapping) and isinstance(answers.get("text"), list):
        starts = answers.get("answer_start")
        if not isinstance(starts, list) or len(starts) != len(answers["text"]):
            raise ValueError("answers.answer_start is not a list as long as answers.text")
        pairs = list(zip(answers["text"], starts, strict=True))
    elif isinstance(answers, list) and all(isinstance(one, Mapping) for one in answers):
        pairs = [(one.get("text"), one.get("answer_start", one.get("start"))) for one in answers]
    else:
        raise ValueError('answers is not {"text": […], "answer_start": […]}, nor a list of {"text", "answer_start"}')
    for text, start in pairs:
        if not isinstance(text, str) or type(start) is not int:
            raise ValueError(f"answer {text!r} at {start!r} is not a string at a character's number")
    return list(pairs)


def _null(ids: list[int], tokenizer: Any) -> int:
    """The token that stands for no answer: [CLS], else the text's beginning."""
    special = (tokenizer.cls_token_id, tokenizer.bos_token_id)
    return next((ids.index(token) for token in special if token is not None and token in ids), 0)


def _place(window: Window, answer: tuple[str, int] | None) -> list[int]:
    """First and last token of the answer, or twice the null token where the window does not hold all of it."""
    tokens = [(place, span) for place, span in enumerate(window.spans) if span]
    if answer is None or not tokens:
        return [window.null, window.null]
    start, end = answer[1], answer[1] + len(answer[0])
    held = [place for place, span in tokens if span[0] < end and start < span[1]]
    if not held or tokens[0][1][0] > start or tokens[-1][1][1] < end:
        return [window.null, window.null]
    return [held[0], held[-1]]


def _scores(logits: torch.Tensor, window: Window, options: SpanOptions) -> torch.Tensor:
    """``[T, most tokens]``: the score of the span from each token over so many more; -inf where there is none."""
    import torch

    given = torch.tensor([span is not None for span in window.spans], device=logits.device)
    starts, ends = logits.float().masked_fill(~given.unsqueeze(1), -torch.inf).unbind(1)
    most = min(options.max_answer_tokens, len(ends))
    padded = torch.nn.functional.pad(ends, (0, most - 1), value=-torch.inf)
    return starts.unsqueeze(1) + padded.unfold(0, most, 1)


def _characters(window: Window, first: int, last: int) -> tuple[int, int]:
    """The characters of a run of tokens, without the white space that tokenizers count to a word."""
    spans = [span for span in itertools.islice(window.spans, first, last + 1) if span]
    start, end = spans[0][0], spans[-1][1]
    text = window.context[start:end]
    kept = text.strip()
    start += len(text) - len(text.lstrip()) if kept else 0
    return start, start + len(kept or text)
