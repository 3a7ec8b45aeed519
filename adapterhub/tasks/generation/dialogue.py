"""``text-generation`` of the problem type ``dialogue``: the assistant's next turn.

A row is ``{"messages": [{"role", "content"}, …]}`` (or a plain string: a user's only turn). A conversation that ends
with the assistant is asked for that turn, of which nothing is read; so a training row is a whole conversation. Its loss
counts every turn of the assistant, the end of each included, and nothing else. Where a conversation is beyond
`max_length` tokens, its oldest turns are left out: in training too, so that no turn is learned that cannot be served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapterhub.errors import RecipeError, RequestError
from adapterhub.tasks.answer import Answer
from adapterhub.tasks.generation import prompt, scores
from adapterhub.tasks.generation.task import GenerationTask, text_ids, texts_of
from adapterhub.tasks.task import IGNORED, Encoded, Row, check_text, columns_of

ASSISTANT = "assistant"
HINT = "Give a list of {role, content}: user, assistant, user, …"


class Dialogue(GenerationTask):
    """The next turn of a conversation, scored by BLEU and chrF against the one that was said."""

    name = "text-generation"
    problem_type = "dialogue"
    metric_names = ("bleu", "chrf")
    input_columns = ("messages",)
    target_column = "messages"
    structured_columns = ("messages",)
    template = "{messages}"

    def __init__(self, options: Mapping[str, Any] | None = None, labels: Sequence[str] = ()) -> None:
        super().__init__(options, labels)
        if not self.options.chat or self.options.template != self.template:
            raise RecipeError(
                f"task.options: a {self.problem_type} is read by the base's chat template, without another",
                "Leave chat and template out.",
            )

    def check_row(self, row: Mapping[str, Any]) -> None:
        """A conversation that ends with the assistant."""
        if fault := _fault(row["messages"]):
            raise ValueError(fault)
        if row["messages"][-1]["role"] != ASSISTANT or len(row["messages"]) < 2:
            raise ValueError("messages do not end with the assistant's answer to a turn")

    def question(self, row: Mapping[str, Any]) -> Row:
        """The conversation up to the assistant's last turn."""
        return {**row, "messages": row["messages"][:-1]}

    def input_key(self, row: Mapping[str, Any]) -> str:
        """What was said, by whom."""
        return "\n".join(f"{one['role']}: {one['content']}" for one in row["messages"])

    def references(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The assistant's last turn in each row."""
        return [row["messages"][-1]["content"] for row in rows]

    def outcomes(self, answers: Sequence[Answer], references: Sequence[Any]) -> list[Any]:
        """What BLEU and chrF count in each row."""
        return scores.overlaps(texts_of(answers), references)

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """Corpus BLEU and chrF of the last turns."""
        return scores.bleu_and_chrf(outcomes)

    def _encode(self, row: Row, tokenizer: Any, with_labels: bool) -> Encoded:
        columns = columns_of({"messages": [{"role": "user", "content": row}]} if isinstance(row, str) else row, self)
        if fault := _fault(columns["messages"]):
            raise RequestError(fault, HINT)
        messages = list(columns["messages"])
        for message in messages:
            check_text(message["content"])
        whole = len(messages)
        while True:
            read = self._read(messages, tokenizer, with_labels)
            if len(read.input_ids) <= self.options.max_length:
                break
            first = int(messages[0]["role"] == "system")
            del messages[first : first + 2]
            if len(messages) <= first:
                raise RequestError(
                    f"one turn takes {len(read.input_ids)} tokens, and max_length is {self.options.max_length}",
                    "Raise task.options.max_length.",
                )
        return Encoded(read.input_ids, None, read.labels, truncated=len(messages) < whole, state=tokenizer)

    def _read(self, messages: Sequence[prompt.Message], tokenizer: Any, with_labels: bool) -> Encoded:
        if not with_labels:
            asked = messages[:-1] if messages[-1]["role"] == ASSISTANT else messages
            return Encoded(prompt.chat_ids(tokenizer, [*self.preamble, *asked]), None)
        ids: list[int] = []
        after: list[int] = []  # for each token, the one that is to be learned after it
        for before, turn in prompt.turns(tokenizer, [*self.preamble, *messages]):
            ids += text_ids(tokenizer, before)
            after += [IGNORED] * (len(ids) - len(after) - 1)
            said = [*text_ids(tokenizer, turn), tokenizer.eos_token_id]
            ids, after = ids + said[:-1], after + said
        return Encoded(ids, None, after)


def _fault(messages: object) -> str | None:
    if not isinstance(messages, list | tuple) or not messages:
        return "messages is not a list of turns"
    for message in messages:
        if not isinstance(message, Mapping) or not all(
            isinstance(message.get(key), str) for key in ("role", "content")
        ):
            return f"a message is {message!r}, not a role and a content"
    return None
