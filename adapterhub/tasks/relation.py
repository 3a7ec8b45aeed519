"""``relation-extraction``: which of `labels` holds between two spans of a text.

A row is ``{"text", "head": [start, end], "tail": [start, end]}``, characters, the end exclusive; spans may lie inside
one another. With ``{"head_type", "tail_type"}`` the markers say what the two are (person, city). The Hub has no
pipeline tag for this task.

The tokenizer and the embeddings of a frozen base cannot be given new tokens, so a span is marked by punctuation that
every vocabulary has: "@ … @" around the head and "# … #" around the tail, with types "@ * person * … @" and
"# ^ city ^ … #" (Zhou & Chen 2022, arXiv 2102.01373: "typed entity marker (punct)", which reads better than new
tokens). The relation is read at the two opening markers (Baldini Soares et al. 2019, arXiv 1906.03158: "entity
markers – entity start"): the head is a token classifier's linear layer, averaged over the two, so that plain `peft`
opens the adapter. `pooling` = "head" leaves it to the base's own sequence classifier.

A text that is longer than `max_length` is cut around both entities, and the answer says so; where they stand too far
apart for that, the row is refused. A label that ends in (e1,e2) or (e2,e1), as those of SemEval-2010 task 8 do, is a
relation with its direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adapterhub.errors import RequestError
from adapterhub.tasks import metrics
from adapterhub.tasks.task import Encoded, Row, columns_of
from adapterhub.tasks.text import TextOptions
from adapterhub.tasks.text_classification import LabelledText

SPANS = ("head", "tail")
MARKERS = {"head": ("@", "*"), "tail": ("#", "^")}
"""Of each span: what stands around it, and what stands around its type."""


class RelationOptions(TextOptions, frozen=True, kw_only=True):
    """`no_relation` is the label that says that there is none; it counts for accuracy only."""

    pooling: Literal["head", "markers"] = "markers"
    no_relation: str | None = None


@dataclass(frozen=True)
class Marked:
    """A text with its markers: where the head's and the tail's opening ones are, and the last character of any."""

    text: str
    opening: tuple[int, int]
    last: int


class RelationExtraction(LabelledText):
    """One of `labels` for the head and the tail of each text, in this order."""

    name = "relation-extraction"
    metric_names = ("macro_f1", "micro_f1", "accuracy")
    input_columns = ("text", *SPANS)
    optional_columns = ("head_type", "tail_type")
    structured_columns = SPANS
    options_type = RelationOptions

    def check_row(self, row: Mapping[str, Any]) -> None:
        """Texts are strings, head and tail are spans of the text, and the label is one."""
        if fault := _fault(row):
            raise ValueError(fault)
        self.check_target(row["label"])

    def input_key(self, row: Mapping[str, Any]) -> str:
        """The text as it is read, markers included: other spans of one text are another input."""
        return marked(row).text

    def _encode(self, row: Row, tokenizer: Any, with_labels: bool) -> Encoded:
        columns = columns_of(row, self)
        if fault := _fault(columns):
            raise RequestError(fault, 'Give {"text": "…", "head": [start, end], "tail": [start, end]}.')
        shown = marked(columns)
        read, part, cut = self._read(shown, tokenizer)
        places = [read.char_to_token(part, place) for place in shown.opening]
        return Encoded(
            input_ids=read["input_ids"][part],
            token_type_ids=read["token_type_ids"][part] if "token_type_ids" in read else None,
            labels=self.target_of(columns) if with_labels else None,
            truncated=cut,
            pooled=places if self.pooling else None,
        )

    def _read(self, shown: Marked, tokenizer: Any) -> tuple[Any, int, bool]:
        """What the tokenizer makes of it, which of its windows shows both entities best, and whether it is all."""
        read, longest = tokenizer([shown.text]), self.options.max_length
        if len(read["input_ids"][0]) <= longest:
            return read, 0, False
        first, last = (read.char_to_token(0, place) for place in (min(shown.opening), shown.last))
        apart, room = last - first + 1, longest - tokenizer.num_special_tokens_to_add()
        if apart >= room:
            raise RequestError(
                f"head and tail span {apart} tokens, more than {room - 1}: {shown.text[:60]!r}…",
                "Give a shorter text, or leave the row out. The limit is max_length in task.options.",
            )
        windows = tokenizer(
            [shown.text], truncation=True, max_length=longest, stride=apart, return_overflowing_tokens=True
        )  # so many shared tokens that one of them holds both

        def margin(part: int) -> int:
            ends = [windows.char_to_token(part, place) for place in (min(shown.opening), shown.last)]
            return -1 if None in ends else min(ends[0], len(windows["input_ids"][part]) - 1 - ends[1])

        return windows, max(range(len(windows["input_ids"])), key=margin), True

    def summary(self, outcomes: Sequence[Any]) -> dict[str, float]:
        """F1 over relations (macro: SemEval-2010 task 8; micro: TACRED), without `no_relation`, and accuracy."""
        return metrics.relation_f1(outcomes, self.options.no_relation)


def marked(row: Mapping[str, Any]) -> Marked:
    """The row's text with markers around its spans, each marker a word of its own."""
    spans = {name: row[name] for name in SPANS}
    # At one character what ends there comes first; of what begins there the longer, of what ends there the shorter.
    edges = [(start, 1, -end, name) for name, (start, end) in spans.items()]
    edges += [(end, 0, -start, name) for name, (start, end) in spans.items()]
    text, done, opening, last = "", 0, dict.fromkeys(SPANS, 0), 0
    for place, opens, _, name in sorted(edges):
        text += row["text"][done:place]
        done = place
        text += "" if not text or text[-1].isspace() else " "
        around, kind = MARKERS[name]
        if opens:
            opening[name] = len(text)
            said = row.get(f"{name}_type")
            text += f"{around} {kind} {said} {kind} " if said else f"{around} "
        else:
            last = len(text)
            text += around if row["text"][place : place + 1].isspace() else f"{around} "
    return Marked((text + row["text"][done:]).rstrip(), (opening["head"], opening["tail"]), last)


def _fault(row: Mapping[str, Any]) -> str | None:
    """What is wrong with the row's input columns."""
    text = row["text"]
    for column in ("text", "head_type", "tail_type"):
        if not isinstance(row.get(column, ""), str):
            return f"{column} is a {type(row[column]).__name__}, not a string"
    for name in SPANS:
        span = row[name]
        if not isinstance(span, list | tuple) or [type(place) for place in span] != [int, int]:
            return f"{name} is {span!r}, not [start, end]"
        if not 0 <= span[0] < span[1] <= len(text) or not text[span[0] : span[1]].strip():
            return f"{name} {list(span)} is no text within the row's {len(text)} characters"
    return None
