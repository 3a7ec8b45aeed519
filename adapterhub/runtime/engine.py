"""The engine: requests that name adapters in, answers that name the exact versions out.

A request takes its version on entry, from the followed map, and finishes on it. Then one packed step reads all rows of
all adapters together, and each row goes through its own head and its own task's decoding.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import torch

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterHubError, RequestError
from adapterhub.runtime import generate, layers, read
from adapterhub.runtime.adapter import Adapter, AdapterLoader
from adapterhub.runtime.batches import open_batch
from adapterhub.runtime.pool import AdapterPool, Residency
from adapterhub.runtime.read import EncodedRow
from adapterhub.tasks import Answer, Encoded, HiddenAnswer, Row, TextAnswer
from registry import Follower, Registry, Version

Request = tuple[str | None, Row]
"""``(reference, row)``: ``owner/name@selector``, or None for the bare backbone."""

MAX_NEW_TOKENS = 64  # of a row that `predict` answers with text


@dataclass(frozen=True)
class Status:
    """What an operator sees: which version each followed reference stands for, and what is resident."""

    following: Mapping[str, Version]
    resident: Sequence[Residency]


@dataclass(frozen=True)
class _Ticket:
    """A request on its way: its place in the answer, and the version that it took on entry."""

    index: int
    version: Version | None
    row: Row

    @property
    def key(self) -> str:
        return self.version.digest if self.version else ""


class Engine:
    """Answers batches that mix adapters, methods, tasks and heads on one resident backbone. Safe to call from threads.

    Use it as a context manager, or `close` it: it polls the registry in a thread of its own.
    """

    def __init__(
        self,
        backbone: Backbone,
        registry: Registry,
        *,
        slots: int = 64,
        max_step_tokens: int = 8192,
        poll_seconds: float = 2.0,
        unverified_bases: Sequence[str] = (),
    ) -> None:
        """Serve `backbone`.

        Args:
            registry: where references are resolved and versions pulled from.
            slots: adapters on the device at most.
            max_step_tokens: tokens of one pass; longer batches take several.
            poll_seconds: how often followed references are resolved anew.
            unverified_bases: Hub ids whose adapters may come without a fingerprint.

        Raises:
            BackboneError: the backbone's rows can be neither packed nor padded.
        """
        layers.attach(backbone)
        self.backbone = backbone
        self._registry = registry
        self._loader = AdapterLoader(backbone, unverified_bases=unverified_bases)
        self._max_step_tokens = max_step_tokens
        self._closed = False
        self._step = threading.Lock()  # one pass at a time: two would only share the same cores
        self.pool = AdapterPool(slots, self._load)
        self.follower = Follower(registry, interval=poll_seconds, prepare=self.pool.load)
        self.follower.start()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop following, and answer no more: what is not followed could be revoked unnoticed."""
        self._closed = True
        self.follower.stop()

    def follow(self, reference: str) -> Version:
        """Resolve `reference`, make its version resident, and keep following it."""
        version = self.follower.follow(reference)
        self.pool.load(version)
        return version

    def unload(self, reference: str) -> None:
        """Stop following `reference`; its version's slot is free once nothing else uses it."""
        version = self.follower.unfollow(reference)
        if version and version.digest not in {other.digest for other in self.follower.versions().values()}:
            self.pool.discard(version.digest)

    def status(self) -> Status:
        """Followed references and resident versions, as they are now."""
        return Status(self.follower.versions(), self.pool.residency())

    def predict(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer rows of any adapters together, in their order.

        A row without an adapter is answered with its last hidden states (encoder) or with text (any decoder).

        Raises:
            RegistryError: a reference does not resolve, or its version is revoked.
            AdapterError: a version does not fit this backbone.
            RequestError: a row cannot be answered; the message says which.
        """
        answers: dict[int, Answer] = {}
        for tickets, adapters in self._entered(requests):
            texts: list[_Ticket] = []
            reads: list[_Ticket] = []
            for ticket in tickets:
                (texts if self._speaks(adapters.get(ticket.key)) else reads).append(ticket)
            answers.update(self._read(reads, adapters))
            answers.update(self._generate(texts, adapters, MAX_NEW_TOKENS))
        return [answers[index] for index in range(len(requests))]

    def generate(self, requests: Sequence[Request], *, max_new_tokens: int = MAX_NEW_TOKENS) -> list[TextAnswer]:
        """Continue prompts greedily, rows of different adapters together; a row is a string or holds ``messages``.

        Raises:
            RequestError: the backbone is an encoder, or an adapter has another head than the language model's.
            RegistryError, AdapterError: as for `predict`.
        """
        answers: dict[int, TextAnswer] = {}
        for tickets, adapters in self._entered(requests):
            for ticket in tickets:
                if not self._speaks(adapters.get(ticket.key)):
                    raise RequestError(
                        f"row {ticket.index}: {ticket.version or 'the bare encoder'} does not answer with text",
                        "Use predict.",
                    )
            answers.update(self._generate(tickets, adapters, max_new_tokens))
        return [answers[index] for index in range(len(requests))]

    def _load(self, version: Version) -> Adapter:
        return self._loader.load(self._registry.pull(version))

    def _entered(self, requests: Sequence[Request]) -> Iterator[tuple[list[_Ticket], Mapping[str, Adapter]]]:
        """Requests with their versions, sorted by version, in parts whose adapters fit the pool together."""
        if self._closed:
            raise RequestError("the engine is closed", "Open another one.")
        known = {
            reference: self.follower.follow(reference) for reference in {ref for ref, _ in requests if ref is not None}
        }
        tickets = [
            _Ticket(index, None if reference is None else known[reference], row)
            for index, (reference, row) in enumerate(requests)
        ]
        groups = [list(group) for _, group in groupby(sorted(tickets, key=lambda t: t.key), key=lambda t: t.key)]
        for first in range(0, len(groups), self.pool.capacity):
            part = [ticket for group in groups[first : first + self.pool.capacity] for ticket in group]
            versions = {ticket.version.digest: ticket.version for ticket in part if ticket.version}
            with self.pool.lease(versions.values()) as adapters:
                yield part, adapters

    def _speaks(self, adapter: Adapter | None) -> bool:
        """Whether rows of this adapter are answered with text."""
        return self.backbone.is_decoder if adapter is None else adapter.writes

    def _read(self, tickets: Sequence[_Ticket], adapters: Mapping[str, Adapter]) -> Iterator[tuple[int, Answer]]:
        encoded = [self._encode(ticket, adapters.get(ticket.key)) for ticket in tickets]
        rows = [
            EncodedRow(adapters.get(ticket.key), one)
            for ticket, inputs in zip(tickets, encoded, strict=True)
            for one in inputs
        ]
        outputs: list[torch.Tensor] = []
        for part in _steps(rows, self._max_step_tokens):
            with self._step, torch.inference_mode():
                hidden = read.last_hidden_states(self.backbone, rows[part])
                outputs += [self._output(row, states) for row, states in zip(rows[part], hidden, strict=True)]
        made = iter(outputs)
        for ticket, inputs in zip(tickets, encoded, strict=True):
            yield ticket.index, _answer(ticket, adapters.get(ticket.key), inputs, list(islice(made, len(inputs))))

    def _encode(self, ticket: _Ticket, adapter: Adapter | None, room: int = 0) -> list[Encoded]:
        """The row as the model reads it, in parts that each fit the positions with `room` more tokens to come."""
        try:
            with self.backbone.tokenizing:
                if adapter is not None and adapter.task is not None:
                    encoded = adapter.task.encode([ticket.row], self.backbone.tokenizer)[0]
                else:
                    ids = generate.encode_prompt(self.backbone, ticket.row)
                    encoded = [Encoded(input_ids=ids, token_type_ids=None)]
            for one in encoded:
                read.check_length(self.backbone, adapter.virtual_tokens if adapter else 0, len(one.input_ids), room)
        except AdapterHubError as error:
            raise RequestError(f"row {ticket.index}: {error.message}", error.hint) from error
        return encoded

    def _output(self, row: EncodedRow, hidden: torch.Tensor) -> torch.Tensor:
        head = row.adapter.head if row.adapter else None
        if head is None:
            return hidden[row.prompt_length :].clone()  # not the whole step
        return read.head_logits(self.backbone, row, head, hidden)

    def _generate(
        self, tickets: Sequence[_Ticket], adapters: Mapping[str, Adapter], max_new_tokens: int
    ) -> Iterator[tuple[int, TextAnswer]]:
        rows = []
        for ticket in tickets:
            adapter = adapters.get(ticket.key)
            (prompt,) = self._encode(ticket, adapter, room=max_new_tokens)
            rows.append(generate.Continuation(self.backbone, adapter, prompt.input_ids, max_new_tokens))
        batch = open_batch(self.backbone)
        for part in _steps(rows, self._max_step_tokens):
            with self._step, torch.inference_mode():
                batch.join(rows[part])
        while batch.running:
            with self._step, torch.inference_mode():
                batch.step()
        for ticket, row in zip(tickets, rows, strict=True):
            text = self.backbone.tokenizer.decode(row.tokens, skip_special_tokens=True)
            yield ticket.index, TextAnswer(version=ticket.version, text=text, token_ids=tuple(row.tokens))


def _answer(
    ticket: _Ticket, adapter: Adapter | None, inputs: Sequence[Encoded], outputs: Sequence[torch.Tensor]
) -> Answer:
    if adapter is None or adapter.task is None:
        return HiddenAnswer(version=ticket.version, last_hidden_state=outputs[0])
    answer = adapter.task.decode([outputs], [inputs])[0]
    return dataclasses.replace(answer, version=ticket.version)


def _steps(rows: Sequence[EncodedRow | generate.Continuation], max_tokens: int) -> Iterator[slice]:
    """Runs of rows with at most `max_tokens` tokens together, and at least one row."""
    start = total = 0
    for index, row in enumerate(rows):
        if index > start and total + row.tokens_to_feed > max_tokens:
            yield slice(start, index)
            start, total = index, 0
        total += row.tokens_to_feed
    if start < len(rows):
        yield slice(start, len(rows))
