"""The engine: requests that name adapters in, answers that name the exact versions out.

A request takes its versions on entry, from the followed map, and finishes on them. Each row is encoded by its adapter's
task as soon as that adapter is in host memory, computed in the next step beside the rows of all other callers, and
decoded by its task again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, cast

from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.errors import EngineClosed, RequestError, RowError
from adapterhub.runtime import rows
from adapterhub.runtime.adapters.adapter import Adapter, AdapterLoader
from adapterhub.runtime.adapters.memory import compact
from adapterhub.runtime.entrance import Entrance, Reference, Request, Ticket
from adapterhub.runtime.job import Job
from adapterhub.runtime.passes import layers
from adapterhub.runtime.residency.pool import AdapterPool
from adapterhub.runtime.residency.record import check_name
from adapterhub.runtime.residency.recorder import Recorder
from adapterhub.runtime.residency.status import Residency, Status
from adapterhub.runtime.residency.swapper import Swapper
from adapterhub.runtime.residency.tiers import Budget
from adapterhub.runtime.scheduler import Scheduler
from adapterhub.tasks import Answer, Encoded, TextAnswer
from adapterhub.tasks.generation.sampling import Sampling
from registry import Follower, Registry, Version

__all__ = ["Budget", "Engine", "Request"]

T = TypeVar("T")

STEP_TOKENS = MappingProxyType({"cpu": 2048})  # a CPU computes no faster with more, and others wait longer
MOST_STEP_TOKENS = 8192  # elsewhere


class Engine:
    """Answers batches that mix adapters, methods, tasks and heads on one resident backbone. Safe to call from threads.

    Use it as a context manager, or `close` it: it computes, loads and polls the registry in threads of its own.
    """

    def __init__(
        self,
        backbone: Backbone,
        registry: Registry,
        *,
        budget: Budget | None = None,
        max_step_tokens: int | None = None,
        max_sequences: int = 64,
        poll_seconds: float = 2.0,
        unverified_bases: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        """Serve `backbone`.

        Args:
            registry: where references are resolved and versions pulled from.
            budget: adapters and bytes that are kept on the device and in host memory.
            max_step_tokens: tokens that one pass reads; longer batches take several. None chooses by device.
            max_sequences: prompts that are continued at a time.
            poll_seconds: how often the registry is asked what changed.
            unverified_bases: Hub ids whose adapters may come without a fingerprint.
            name: what its record is kept under (``adapterhub status`` shows it); the next engine of that name begins
                with what this one follows and has in memory. None keeps none.

        Raises:
            BackboneError: the backbone's rows can be neither packed nor padded.
            RequestError: `name` cannot be one.
        """
        if name is not None:
            check_name(name)
        layers.attach(backbone)
        self.backbone = backbone
        loader = AdapterLoader(backbone, unverified_bases=unverified_bases)

        def read_folder(folder: Path) -> Adapter:
            return compact(loader.load(folder), backbone.device)

        self.pool = AdapterPool(registry.pull, read_folder, budget or Budget(), backbone.device)
        swapper = Swapper(registry, read_folder, self.pool)
        self.follower = Follower(
            registry,
            poll_seconds,
            load=swapper.load,
            verify=swapper.verify,
            release=swapper.release,
            in_use=swapper.in_use,
        )
        self._entrance = Entrance(self.follower, self.pool, backbone)
        self._closed = False
        step_tokens = max_step_tokens or STEP_TOKENS.get(backbone.device.type, MOST_STEP_TOKENS)
        self._scheduler = Scheduler(backbone, self.pool, max_step_tokens=step_tokens, max_sequences=max_sequences)
        self.follower.start()
        self._recorder = Recorder(name, self) if name is not None else None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop following, and answer no more: what is not followed could be revoked unnoticed."""
        if self._closed:
            return
        self._closed = True
        if self._recorder is not None:
            self._recorder.stop()
        self.follower.stop()
        self._scheduler.close()
        self.pool.close()

    def follow(self, reference: str) -> Version:
        """Resolve `reference`, bring its version into memory, and keep following it; see `Follower.follow`.

        Raises:
            RegistryError: it does not resolve, or cannot be pulled.
            AdapterError: its version does not fit this backbone.
        """
        version = self.follower.follow(reference)
        with self.pool.holding(version):
            return version

    def unload(self, reference: str) -> None:
        """Stop following `reference`; the memory of its version is free once nothing else uses it."""
        version = self.follower.unfollow(reference)
        if version and version.digest not in {other.digest for other in self.follower.versions().values()}:
            self.pool.discard(version.digest)

    def pin(self, reference: str, pinned: bool = True) -> Version:
        """Follow `reference` and let its present version give way to no other one; or, again, let it.

        Raises:
            RequestError: too much is pinned already.
            RegistryError, AdapterError: as for `follow`.
        """
        version = self.follower.follow(reference)
        with self.pool.holding(version):
            self.pool.pin(version.digest, pinned)
        return version

    def refresh(self) -> None:
        """Ask the registry now what changed, and swap; what failed is in `status`. For a webhook to call."""
        self.follower.refresh()

    def status(self) -> Status:
        """What is followed, resident, waiting and running, as it is now."""
        return Status(
            following=self.follower.versions(),
            swaps=self.follower.swaps(),
            resident=[Residency.of(entry) for entry in self.pool.entries()],
            tiers=self.pool.tiers(),
            waiting=self._scheduler.waiting,
            writing=self._scheduler.writing,
        )

    def predict(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer rows of any adapters together, in their order.

        A request is ``(reference, row)``; the reference may be a mapping of references to weights, whose adapters the
        row then wears together, or None: then it is answered with its last hidden states (encoder) or text (decoder).

        Raises:
            RegistryError: a reference does not resolve, or its version is revoked.
            AdapterError: a version does not fit this backbone.
            RequestError: a row cannot be answered; the message says which.
        """
        return self._answered(requests, lambda ticket: rows.job(self.backbone, ticket))

    def generate(
        self, requests: Sequence[Request], *, max_new_tokens: int | None = None, sampling: Sampling | None = None
    ) -> list[TextAnswer]:
        """Continue prompts, rows of different adapters together.

        A row is what the adapter's task reads. Where it has none, and for the bare backbone, it is a string or holds
        ``messages``.

        Args:
            max_new_tokens: instead of the one in `sampling`.
            sampling: how the texts are written; by default as the adapter says, or else greedily, up to 64 tokens.

        Raises:
            RequestError: the backbone is an encoder, or an adapter has another head than the language model's.
            RegistryError, AdapterError: as for `predict`.
        """
        if isinstance(max_new_tokens, bool) or not isinstance(max_new_tokens, int | None):
            raise RequestError(f"max_new_tokens is {max_new_tokens!r}", "Give a whole number of tokens.")
        if sampling is not None and sampling.temperature and self.backbone.is_encoder_decoder:
            raise RequestError("encoder-decoders answer greedily alone", "Leave sampling out.")

        def job(ticket: Ticket) -> tuple[Job, list[Encoded]]:
            if not rows.speaks(self.backbone, ticket.adapter):
                raise RowError(
                    ticket.index, f"{ticket.wanted or 'the bare encoder'} does not answer with text", "Use predict."
                )
            return rows.job(self.backbone, ticket, sampling, max_new_tokens)

        return cast("list[TextAnswer]", self._answered(requests, job))

    def log_likelihoods(self, texts: Sequence[tuple[Reference, str, str]]) -> list[float]:
        """How likely each ``(reference, prompt, text)`` is: the natural logarithm of the text's probability after it.

        Raises:
            RequestError: the backbone is no decoder, or an adapter has another head than the language model's.
            RegistryError, AdapterError: as for `predict`.
        """

        def job(ticket: Ticket) -> tuple[Job, list[Encoded]]:
            _, prompt, text = texts[ticket.index]
            return rows.likelihood_job(self.backbone, ticket, prompt, text)

        requests = [(reference, prompt + text) for reference, prompt, text in texts]
        return self._computed(requests, job, lambda _, outputs, __: float(cast("list[Tensor]", outputs)[0].sum()))

    def _answered(
        self, requests: Sequence[Request], make: Callable[[Ticket], tuple[Job, list[Encoded]]]
    ) -> list[Answer]:
        return self._computed(requests, make, functools.partial(rows.answer, self.backbone))

    def _computed(
        self,
        requests: Sequence[Request],
        make: Callable[[Ticket], tuple[Job, list[Encoded]]],
        finish: Callable[[Ticket, rows.Outputs, list[Encoded]], T],
    ) -> list[T]:
        """What `finish` makes of the outputs of each request's job, which `make` makes, in their order."""
        if self._closed:
            raise EngineClosed()
        answers: dict[int, T] = {}
        for tickets in self._entrance.parts(self._entrance.enter(requests)):
            running: list[tuple[Ticket, Job, list[Encoded]]] = []
            with self._entrance.loading(tickets) as loaded, _withdrawn(running):
                for ticket in loaded:
                    job, inputs = make(ticket)
                    running.append((ticket, job, inputs))  # before it is put: an interrupt must find it
                    self._scheduler.put(job)
                for ticket, job, inputs in running:
                    answers[ticket.index] = finish(ticket, job.done.result(), inputs)
        return [answers[index] for index in range(len(requests))]


@contextmanager
def _withdrawn(running: Sequence[tuple[Ticket, Job, list[Encoded]]]) -> Iterator[None]:
    """Let no step begin what nobody waits for any more, because one of the rows failed or the caller was stopped."""
    try:
        yield
    finally:
        for _, job, _ in running:
            job.withdrawn = True
