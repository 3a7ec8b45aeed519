"""What an engine has to compute: rows to read, and prompts to continue. Each carries the future of its result."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeAlias

from torch import Tensor

from adapterhub.runtime.passes.generate import Continuation
from adapterhub.runtime.residency.entry import Entry
from adapterhub.tasks import Encoded
from adapterhub.tasks.generation.sampling import Sampler


class Reading:
    """A row to be read: its inputs go through the backbone and the adapter's head, in one step or in several.

    Attributes:
        entry: what it wears, or None for the bare backbone.
        inputs: what its task made of it, at least one.
        done: in the end the output of each input: logits, or last hidden states where there is no head.
        taken: how many inputs were given to a step so far.
        passed_over: steps in which others overtook it for want of a slot.
        leased: whether it holds a lease of its slot.
        withdrawn: nobody waits for it any more.
    """

    def __init__(self, entry: Entry | None, inputs: Sequence[Encoded]) -> None:
        self.entry = entry
        self.inputs = inputs
        self.done: Future[list[Tensor]] = Future()
        self.taken = self.passed_over = 0
        self.leased = self.withdrawn = False
        self._outputs: list[Tensor] = []

    @property
    def unread(self) -> Sequence[Encoded]:
        """The inputs that no step has taken yet."""
        return self.inputs[self.taken :]

    def accept(self, outputs: Sequence[Tensor]) -> None:
        """Take the outputs of the next inputs; the last ones end it."""
        self._outputs.extend(outputs)
        if len(self._outputs) == len(self.inputs):
            self.done.set_result(self._outputs)


class Writing:
    """A prompt to be continued.

    Attributes:
        inputs: its only one, the prompt.
        max_new_tokens: how many may follow.
        sampler: what draws them, or None for the likeliest.
        done: in the end the tokens that follow.
        continuation: it while it runs, None before.
        entry, taken, passed_over, leased, withdrawn: as for `Reading`.
    """

    def __init__(
        self, entry: Entry | None, inputs: Sequence[Encoded], max_new_tokens: int, sampler: Sampler | None = None
    ) -> None:
        self.entry = entry
        self.inputs = inputs
        self.max_new_tokens = max_new_tokens
        self.sampler = sampler
        self.done: Future[list[int]] = Future()
        self.continuation: Continuation | None = None
        self.taken = self.passed_over = 0
        self.leased = self.withdrawn = False

    @property
    def unread(self) -> Sequence[Encoded]:
        """The prompt, if no step has taken it yet."""
        return self.inputs[self.taken :]


Job: TypeAlias = Reading | Writing
