"""Continuing rows: sequences that join and leave between steps, each with keys and values of its own.

New sequences are read in one packed pass; from then on each step feeds the newest token of every running sequence, of
whatever adapters: the one of the highest logit, the lowest id among equals, or what the row's sampler draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import torch
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError
from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.passes import plan as plans
from adapterhub.runtime.passes import read
from adapterhub.runtime.passes.cache import Filling, KeyValueCache, Lane, NewestTokens
from adapterhub.runtime.passes.plan import AdapterMap, Plan
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.tasks import Encoded, Row
from adapterhub.tasks.generation.prompt import chat_ids, end_tokens
from adapterhub.tasks.generation.sampling import Sampler
from adapterhub.tasks.task import check_text


class Continuation:
    """One prompt being continued.

    Attributes:
        adapter: what it wears, None for the bare backbone.
        prompt: its tokens.
        tokens: the tokens generated so far.
        sampler: what draws them, or None for the likeliest.
        ends: the token ids that finish it.
        finished: it met an end-of-text token, or has as many tokens as were asked for.
        lane: where its keys and values are, while it runs.
    """

    def __init__(
        self,
        backbone: Backbone,
        adapter: Adapter | None,
        prompt: Sequence[int],
        max_new_tokens: int,
        sampler: Sampler | None = None,
    ) -> None:
        self.adapter = adapter
        self.sampler = sampler
        self.prompt = list(prompt)
        self.tokens: list[int] = []
        self.finished = max_new_tokens <= 0
        self.lane: Lane | None = None
        self._left = max_new_tokens
        self.ends = end_tokens(backbone.tokenizer, backbone.config, backbone.generation_config)

    @property
    def tokens_to_feed(self) -> int:
        """How many tokens its first pass has."""
        return EncodedRow(self.adapter, Encoded(self.prompt, None)).tokens_to_feed

    @property
    def tokens_left(self) -> int:
        """How many tokens it may still take."""
        return 0 if self.finished else self._left

    def accept(self, token: int) -> None:
        """Take the token that the step chose."""
        self._left -= 1
        if token in self.ends:
            self.finished = True
        else:
            self.tokens.append(token)
            self.finished = not self._left


class RunningBatch:
    """The sequences that are being continued together. Belongs to one thread at a time.

    Attributes:
        running: those that are not finished, neighbours by adapter.
    """

    def __init__(self, backbone: Backbone) -> None:
        if backbone.layout is None or backbone.layout.kind != "packed":
            raise ValueError("this backbone does not run packed steps; see runtime.passes.batches.open_batch")
        self.running: list[Continuation] = []
        self._backbone = backbone
        self._cache = KeyValueCache()
        self._adapters: AdapterMap | None = None
        self._stacked = False

    def join(self, rows: Sequence[Continuation]) -> None:
        """Read new sequences and choose their first tokens; rows that wear the same adapter should be neighbours."""
        rows = [row for row in rows if not row.finished]
        if rows:
            try:
                logits = self._prefill(rows)
            except BaseException:
                for row in rows:
                    row.finished = True
                self._compose([*self.running, *rows])  # without them: their lanes are free again
                raise
            self._take(rows, logits)
            self._compose([*self.running, *rows])

    def step(self, rows: Sequence[Continuation] | None = None) -> None:
        """Add a token to each running sequence, or to `rows` of them alone; those that are finished by it leave.

        Where it raises, each sequence is as it was before, and the step may be tried again.
        """
        rows, adapters = (self.running, self._prepared()) if rows is None else (rows, _map(rows))
        if rows:
            self._take(rows, self._feed(rows, adapters))
            for row in rows:
                _lane(row).length += 1
            if any(row.finished for row in rows):
                self._compose(self.running)

    def drop(self, rows: Sequence[Continuation]) -> None:
        """Let `rows` leave before they are finished."""
        for row in rows:
            row.finished = True
        if rows:  # else what was worked out for those that run would be worked out again
            self._compose(self.running)

    def next_logits(self) -> Tensor:
        """Feed each running sequence its newest token: ``[running, vocabulary]``, in the order of `running`.

        The token's keys and values are stored, but count only once `step` has taken them.
        """
        return self._feed(self.running, self._prepared())

    def _prepared(self) -> AdapterMap:
        """Who wears what of those that run, made once for the steps that they run together."""
        if not self._stacked and self._adapters is not None:  # the second step with these rows; more are likely
            self._adapters, self._stacked = _map(self.running, self._backbone.dtype), True
        self._adapters = self._adapters or _map(self.running)
        return self._adapters

    def _feed(self, rows: Sequence[Continuation], adapters: AdapterMap) -> Tensor:
        device, first = self._backbone.device, self._backbone.first_position
        for row in rows:
            self._cache.make_room(_lane(row))
        plan = Plan(adapters, NewestTokens([_lane(row) for row in rows], device))
        with plans.running(plan):
            hidden = self._backbone.base(
                input_ids=torch.tensor([[row.tokens[-1] for row in rows]], device=device),
                position_ids=torch.tensor([[first + _lane(row).length for row in rows]], device=device),
                use_cache=False,
            ).last_hidden_state
            return self._backbone.lm_head(hidden[0])  # type: ignore[misc,no-any-return]

    def _prefill(self, rows: Sequence[Continuation]) -> Tensor:
        encoded = []
        for row in rows:
            prefix = row.adapter.prefix if row.adapter else None
            filled = (prefix.length if prefix else 0) + row.tokens_to_feed
            row.lane = self._cache.open(filled + 1)
            row.lane.length = filled
            encoded.append(EncodedRow(row.adapter, Encoded(row.prompt, None), Filling(row.lane, prefix)))
        hidden = read.last_hidden_states(self._backbone, encoded)
        last = torch.stack([states[-1] for states in hidden])
        with plans.running(Plan(_map(rows))):
            return self._backbone.lm_head(last)  # type: ignore[misc,no-any-return]

    def _take(self, rows: Sequence[Continuation], logits: Tensor) -> None:
        for row, token in zip(rows, chosen(rows, logits), strict=True):
            row.accept(token)

    def _compose(self, rows: Sequence[Continuation]) -> None:
        """Run `rows` from now on, without those that are finished, ordered so that like adapters can be stacked."""
        for row in rows:
            if row.finished and row.lane is not None:
                self._cache.close(row.lane)
                row.lane = None
        self.running = neighbours([row for row in rows if not row.finished])
        self._adapters, self._stacked = None, False


def chosen(rows: Sequence[Continuation], logits: Tensor) -> list[int]:
    """The next token of each row, of its ``[rows, vocabulary]``."""
    tokens: list[int] = logits.argmax(-1).tolist()
    return [
        token if row.sampler is None else row.sampler.draw(scores)
        for row, token, scores in zip(rows, tokens, logits, strict=True)
    ]


def neighbours(rows: Sequence[Continuation]) -> list[Continuation]:
    """`rows` by adapter, and adapters of one form and as many rows beside each other, so that they can be stacked."""
    groups = groupby(sorted(rows, key=_worn_by), key=_worn_by)
    return [row for group in sorted((list(group) for _, group in groups), key=_likeness) for row in group]


def encode_prompt(backbone: Backbone, row: Row) -> list[int]:
    """Token ids of a prompt: a string, ``{"text": …}``, or ``{"messages": [{"role", "content"}, …]}`` by chat template.

    Raises:
        RequestError: the row is none of these.
    """
    if isinstance(row, Mapping) and "messages" in row:
        return chat_ids(backbone.tokenizer, row["messages"])
    text = row.get("text") if isinstance(row, Mapping) else row
    if not isinstance(text, str):
        raise RequestError(
            f"a prompt is a string, or has text or messages; this row is {row!r}", "Name the column text."
        )
    check_text(text)
    return list(backbone.tokenizer(text)["input_ids"])


def _map(rows: Sequence[Continuation], stack_in: torch.dtype | None = None) -> AdapterMap:
    return AdapterMap([(row.adapter, 1) for row in rows], stack_in)


def _worn_by(row: Continuation) -> str:
    return row.adapter.digest if row.adapter else ""


def _likeness(group: Sequence[Continuation]) -> tuple[int, int]:
    """Groups of equal size whose adapters have one form become neighbours."""
    adapter = group[0].adapter
    return (hash(adapter.form) if adapter else 0, len(group))


def _lane(row: Continuation) -> Lane:
    if row.lane is None:
        raise ValueError("a row runs only after it was read")
    return row.lane
