"""What every task on a decoder shares: the prompt it reads, the text it is trained to go on with, and what is cut.

A row's columns fill a template; by default that is the user's message in the base's chat template. Training adds the
target and the end of text after the prompt, and its loss counts these alone. Of a prompt beyond `max_length` tokens the
longest column is cut at its end, and the answer says so; a target is never cut. Serving reads the very same prompt.

The manifest keeps template and sampling as its ``prompt``, and the rest as the task's options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from adapterhub.errors import RequestError
from adapterhub.tasks.answer import Answer, TextAnswer
from adapterhub.tasks.generation import prompt
from adapterhub.tasks.generation.sampling import Sampling
from adapterhub.tasks.task import IGNORED, Encoded, Options, Row, Task, columns_of

if TYPE_CHECKING:
    import torch

HINT = "See the columns at the top of the task's file."


class GenerationOptions(Options, frozen=True, kw_only=True):
    """What is read, and how the answer is written.

    Attributes:
        template: the prompt over the row's columns, ``{column}`` each; the task has one of its own.
        system: the system message before it; None leaves the chat template's own.
        chat: whether the prompt is a message in the base's chat template, or plain text.
        max_length: tokens of a prompt, everything included.
        sampling: how the answer is written.
    """

    template: str | None = None
    system: str | None = None
    chat: bool = True
    max_length: Annotated[int, Meta(ge=8, le=32768)] = 512
    sampling: Sampling = Sampling()


class GenerationTask(Task):
    """A prompt and the text that follows it.

    Class attributes:
        template: the prompt where the options name none.
    """

    head_kind = "causal-lm"
    peft_task_type = "CAUSAL_LM"
    primary_metric = "perplexity"
    error_names = ("perplexity",)
    input_columns = ("source",)
    target_column = "target"
    fewest_labels = 0
    reads_likelihood = True
    options_type: ClassVar[type[GenerationOptions]] = GenerationOptions
    template: ClassVar[str] = "{source}"

    def __init__(self, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> None:
        super().__init__({"template": self.template, **(options or {})}, labels)
        self._fields = prompt.fields_of(self.options.template, {*self.input_columns, *self.optional_columns})

    @property
    def longest_input(self) -> int:
        """The prompt's tokens and the answer's."""
        return int(self.options.max_length + self.options.sampling.max_new_tokens)

    def check_row(self, row: Mapping[str, Any]) -> None:
        """Inputs and target are strings, and the target holds something."""
        for column in (*self.input_columns, self.target_column):
            if not isinstance(row[column], str):
                raise ValueError(f"{column} is a {type(row[column]).__name__}, not a string")
        if not row[self.target_column].strip():
            raise ValueError(f"{self.target_column} is empty")

    def labels_of(self, rows: Sequence[Mapping[str, Any]], known: Sequence[str] = ()) -> list[str]:
        """None: the answer is text."""
        return []

    def input_key(self, row: Mapping[str, Any]) -> str:
        """What the row's input columns hold."""
        return "\n".join(str(row[column]) for column in self.input_columns)

    def encode(self, rows: Sequence[Row], tokenizer: Any, with_labels: bool = False) -> list[list[Encoded]]:
        """One input a row: the prompt; with labels also the target, each label that of the token that comes next."""
        return [[self._encode(row, tokenizer, with_labels)] for row in rows]

    def decode(self, logits: Sequence[Sequence[torch.Tensor]], encoded: Sequence[Sequence[Encoded]]) -> list[Answer]:
        """The text of the tokens that were written after each row's prompt: ids, ``[tokens]``, in place of logits."""
        answers: list[Answer] = []
        for (written,), (row,) in zip(logits, encoded, strict=True):
            tokens = tuple(written.tolist())
            text = row.state.decode(tokens, skip_special_tokens=True)
            answers.append(TextAnswer(text=text, token_ids=tokens, truncated=row.truncated))
        return answers

    def loss(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        smoothing: float = 0.0,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Cross entropy summed over the target's tokens; only their logits are turned into probabilities.

        Args:
            logits: ``[rows, positions, vocabulary]``.
            labels: ``[rows, positions]``, the token after each position, or `IGNORED`.
        """
        counted = labels.ne(IGNORED)
        return super().loss(logits[counted], labels[counted], smoothing)

    def model_class(self) -> Any:
        """The Auto class of language models."""
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM

    def _encode(self, row: Row, tokenizer: Any, with_labels: bool) -> Encoded:
        columns = columns_of(row, self)
        for column in self.input_columns:
            if not isinstance(columns[column], str):
                raise RequestError(f"{column} of a row is a {type(columns[column]).__name__}, not a string", HINT)
        ids, cut = self._fitted(columns, tokenizer)
        if not with_labels:
            return Encoded(ids, None, truncated=cut, state=tokenizer)
        target = [*text_ids(tokenizer, columns[self.target_column].strip()), tokenizer.eos_token_id]
        labels = [IGNORED] * (len(ids) - 1) + target
        return Encoded([*ids, *target[:-1]], None, labels, truncated=cut, state=tokenizer)

    def _fitted(self, columns: Mapping[str, Any], tokenizer: Any) -> tuple[list[int], bool]:
        """The prompt's tokens, at most `max_length`, and whether something was cut for it.

        Raises:
            RequestError: what is not the row's own takes more already.
        """
        cut = False
        while (excess := len(ids := self._prompt_ids(columns, tokenizer)) - self.options.max_length) > 0:
            column = max(self._fields, key=lambda name: len(str(columns.get(name, ""))))
            text = prompt.filled(f"{{{column}}}", [column], columns)
            offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
            if excess >= len(offsets):
                raise RequestError(
                    f"the prompt takes {len(ids)} tokens, {column} only {len(offsets)} of them, and max_length is "
                    f"{self.options.max_length}",
                    "Raise task.options.max_length, or shorten template and system message.",
                )
            columns, cut = {**columns, column: text[: offsets[len(offsets) - excess - 1][1]]}, True
        return ids, cut

    def _prompt_ids(self, columns: Mapping[str, Any], tokenizer: Any) -> list[int]:
        text = prompt.filled(self.options.template, self._fields, columns)
        if not self.options.chat:
            return list(tokenizer(text)["input_ids"])
        return prompt.chat_ids(tokenizer, [*self.preamble, {"role": "user", "content": text}])

    @property
    def preamble(self) -> list[prompt.Message]:
        """The system message, if there is one."""
        return [] if self.options.system is None else [{"role": "system", "content": self.options.system}]


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """Tokens of a text that stands after others."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def texts_of(answers: Sequence[Answer]) -> list[str]:
    """What was written, without white space around it."""
    return [answer.text.strip() for answer in answers if isinstance(answer, TextAnswer)]
