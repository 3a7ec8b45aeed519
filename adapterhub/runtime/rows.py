"""A row as the model reads it, and what the model puts out as the answer to it.

Knows which task a ticket's adapter has and what a row is without one. Refuses to know of queues, steps and caches: a
job is made here, and others see it done.
"""

from __future__ import annotations

import dataclasses
from typing import cast

import torch
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterHubError, RequestError, RowError
from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.adapters.blend import Blend
from adapterhub.runtime.entrance import Ticket
from adapterhub.runtime.job import Job, Reading, Writing
from adapterhub.runtime.passes import generate, likelihood, read
from adapterhub.tasks import Answer, Encoded, HiddenAnswer, TextAnswer
from adapterhub.tasks.generation.sampling import Sampling

Outputs = list[Tensor] | list[int]
"""What a job is done with: a tensor of each input, or the tokens that were written."""


def speaks(backbone: Backbone, adapter: Adapter | None) -> bool:
    """Whether rows of this adapter are answered with text."""
    return backbone.is_decoder if adapter is None else adapter.writes


def job(
    backbone: Backbone, ticket: Ticket, sampling: Sampling | None = None, max_new_tokens: int | None = None
) -> tuple[Job, list[Encoded]]:
    """What answers the row, and the inputs that it was read as; `sampling` instead of the adapter's own.

    Raises:
        RequestError: the row is none of its task's, or longer than the backbone reads.
    """
    if not speaks(backbone, ticket.adapter):
        inputs = _encode(backbone, ticket)
        return Reading(ticket.entry, inputs), inputs
    task = ticket.adapter.task if ticket.adapter else None
    way: Sampling = sampling or (task.options.sampling if task else Sampling())
    most = way.max_new_tokens if max_new_tokens is None else max_new_tokens
    inputs = _encode(backbone, ticket, room=most)
    return Writing(ticket.entry, inputs, most, way.sampler(ticket.index)), inputs


def likelihood_job(backbone: Backbone, ticket: Ticket, prompt: str, text: str) -> tuple[Job, list[Encoded]]:
    """What finds how likely `text` is after `prompt`, and the input that they were read as.

    Raises:
        RequestError: the backbone is no decoder, the adapter answers otherwise than with text, or both are too long.
    """
    adapter = ticket.adapter
    if adapter is not None and not adapter.writes:
        raise RowError(ticket.index, f"{ticket.wanted} does not answer with text", "Use predict.")
    try:
        with backbone.tokenizing:
            inputs = [likelihood.encode(backbone, prompt, text)]
        read.check_length(backbone, adapter.virtual_tokens if adapter else 0, len(inputs[0].input_ids))
    except RequestError as error:
        raise RowError(ticket.index, error.message, error.hint) from error
    return Reading(ticket.entry, inputs), inputs


def answer(backbone: Backbone, ticket: Ticket, outputs: Outputs, inputs: list[Encoded]) -> Answer:
    """The answer to a row whose job is done, with the version, or the blend, that made it."""
    adapter, version = ticket.adapter, ticket.version
    blend = ticket.wanted.parts if isinstance(ticket.wanted, Blend) else ()
    if speaks(backbone, adapter):
        tokens = cast("list[int]", outputs)
        if adapter is None or adapter.task is None:
            text = backbone.tokenizer.decode(tokens, skip_special_tokens=True)
            return TextAnswer(version=version, blend=blend, text=text, token_ids=tuple(tokens))
        outputs = [torch.tensor(tokens, dtype=torch.long)]
    states = cast("list[Tensor]", outputs)
    if adapter is None or adapter.task is None:
        return HiddenAnswer(version=version, blend=blend, last_hidden_state=states[0])
    return dataclasses.replace(adapter.task.decode([states], [inputs])[0], version=version, blend=blend)


def _encode(backbone: Backbone, ticket: Ticket, room: int = 0) -> list[Encoded]:
    """The row as the model reads it, in parts that each fit the positions with `room` more tokens to come."""
    adapter = ticket.adapter
    try:
        with backbone.tokenizing:
            if adapter is not None and adapter.task is not None:
                encoded = adapter.task.encode([ticket.row], backbone.tokenizer)[0]
            else:
                ids = generate.encode_prompt(backbone, ticket.row)
                encoded = [Encoded(input_ids=ids, token_type_ids=None)]
        for one in encoded:
            read.check_length(backbone, adapter.virtual_tokens if adapter else 0, len(one.input_ids), room)
    except AdapterHubError as error:
        raise RowError(ticket.index, error.message, error.hint) from error
    return encoded
