"""Reading rows: one packed pass of the backbone over rows of any adapters, then each row's own head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain

import torch
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.backbone.pooler import Pooler
from adapterhub.errors import BackboneError, RequestError
from adapterhub.ops import RowSpan, packed_attention
from adapterhub.ops.attention import KeyValues
from adapterhub.runtime.adapters.adapter import Adapter, Head
from adapterhub.runtime.adapters.prefix import Prefix
from adapterhub.runtime.passes import encoder_decoder, likelihood, padded
from adapterhub.runtime.passes import plan as plans
from adapterhub.runtime.passes.plan import AdapterMap, Plan
from adapterhub.tasks import Encoded


@dataclass(frozen=True)
class EncodedRow:
    """One row, encoded, with what it wears.

    Attributes:
        key_values: gives the row its keys and values, and may keep them; None is the adapter's prefix, if any.
    """

    adapter: Adapter | None
    encoded: Encoded
    key_values: KeyValues | None = None

    @property
    def prefix(self) -> Prefix | None:
        """Keys and values in front of it."""
        return self.adapter.prefix if self.adapter else None

    @property
    def prefix_length(self) -> int:
        """Positions before the row's first token that are keys and values only."""
        return self.prefix.length if self.prefix else 0

    @property
    def prompt(self) -> Tensor | None:
        """Embeddings ``[n, hidden]`` in front of the row's own that pass through the model with them."""
        return self.adapter.prompt if self.adapter else None

    @property
    def prompt_length(self) -> int:
        """How many of them there are."""
        return 0 if self.prompt is None else self.prompt.shape[0]

    @property
    def tokens_to_feed(self) -> int:
        """Tokens that the row adds to a step."""
        return self.prompt_length + len(self.encoded.input_ids)

    def input_ids(self) -> list[int]:
        """Its tokens; the virtual ones, whose embeddings are put in place later, repeat the first."""
        ids = self.encoded.input_ids
        return [ids[0]] * self.prompt_length + ids

    def token_type_ids(self) -> list[int]:
        """The segment of each token; virtual ones are of the first segment."""
        return [0] * self.prompt_length + (self.encoded.token_type_ids or [0] * len(self.encoded.input_ids))

    def spanning(self, start: int) -> RowSpan:
        """Its place among packed tokens that begins at `start`."""
        prefix = self.prefix.in_front if self.prefix else None
        return RowSpan(start, start + self.tokens_to_feed, self.key_values or prefix)


def outputs(backbone: Backbone, rows: Sequence[EncodedRow]) -> list[Tensor]:
    """What each row's own head makes of it, ``[labels]`` or ``[T, labels]``; without one its last hidden states, or the
    log-probabilities of its labels where it has any.
    """
    hidden = last_hidden_states(backbone, rows)
    return [_output(backbone, row, states) for row, states in zip(rows, hidden, strict=True)]


def _output(backbone: Backbone, row: EncodedRow, hidden: Tensor) -> Tensor:
    if row.adapter is not None and row.adapter.head is not None:
        return head_logits(backbone, row, row.adapter.head, hidden)
    own = hidden[row.prompt_length :]
    if row.encoded.labels is not None:
        return likelihood.log_probabilities(backbone, row.adapter, row.encoded, own)
    return own.clone()  # not the whole step


def last_hidden_states(backbone: Backbone, rows: Sequence[EncodedRow]) -> list[Tensor]:
    """The backbone's last hidden states of each row, ``[T, hidden]``, prompts included; of an encoder-decoder, those
    of its decoder over the row.

    One pass without padding where the backbone can be packed, else padded. Rows that wear the same adapter should be
    neighbours, for speed alone.
    """
    if backbone.is_encoder_decoder:
        return encoder_decoder.decoder_states(backbone, rows)
    if backbone.layout is not None and backbone.layout.kind == "padded":
        return padded.last_hidden_states(backbone, rows)
    starts = accumulate((row.tokens_to_feed for row in rows), initial=0)
    spans = [row.spanning(start) for row, start in zip(rows, starts, strict=False)]
    plan = Plan(
        AdapterMap([(row.adapter, row.tokens_to_feed) for row in rows]),
        partial(_packed, spans),
        [(span.start, row.prompt) for row, span in zip(rows, spans, strict=True) if row.prompt is not None],
    )
    first = backbone.first_position
    positions = (range(first + row.prefix_length, first + row.prefix_length + row.tokens_to_feed) for row in rows)
    inputs = {
        "input_ids": _one_row(chain.from_iterable(row.input_ids() for row in rows), backbone.device),
        "position_ids": _one_row(chain.from_iterable(positions), backbone.device),
    }
    if getattr(backbone.config, "type_vocab_size", 0):  # BERT's segments; GPT-2 means something else by the same name
        types = chain.from_iterable(row.token_type_ids() for row in rows)
        inputs["token_type_ids"] = _one_row(types, backbone.device)
    with plans.running(plan):
        hidden: Tensor = backbone.base(**inputs).last_hidden_state
    return [hidden[0, span.start : span.stop] for span in spans]


def head_logits(backbone: Backbone, row: EncodedRow, head: Head, hidden: Tensor) -> Tensor:
    """The row's own head over its ``[T, hidden]``: ``[labels]`` for the row, or ``[T, labels]`` for its own tokens.

    Where the row is pooled, its tokens' are averaged to ``[labels]``.
    """
    ids = row.input_ids() if not row.prompt_length else [_no_padding(backbone)] * row.tokens_to_feed
    pooler = None
    if backbone.pooler is not None:
        pooler = partial(_pool, backbone.pooler, Plan(AdapterMap([(row.adapter, 1)])))
    logits = head.shell.logits(head.tensors, torch.tensor([ids], device=backbone.device), hidden.unsqueeze(0), pooler)[
        0
    ]
    if logits.dim() > 1:
        logits = logits[row.prompt_length :]
    return logits if row.encoded.pooled is None else logits[row.encoded.pooled].mean(0)


def check_length(backbone: Backbone, past: int, length: int, room: int = 0) -> None:
    """Refuse a row that has no tokens, or does not fit the positions behind its prefix with `room` tokens to come.

    An encoder-decoder has as many positions again for what is to come.

    Raises:
        RequestError: it does not.
    """
    if not length:
        raise RequestError("the row has no tokens", "Give it some text.")
    taken = max(length, room) if backbone.is_encoder_decoder else length + room
    if past + taken > backbone.max_positions:
        raise RequestError(
            f"{past} virtual tokens, {length} of the row and {room} to generate do not fit "
            f"the backbone's {backbone.max_positions} positions",
            "Shorten the row, or generate less.",
        )


def _packed(
    spans: Sequence[RowSpan],
    layer: int | None,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scale: float | None,
    causal: bool,
    window: int | None,
) -> Tensor:
    if layer is None and any(span.key_values for span in spans):
        raise BackboneError(
            "the attention of this architecture does not know which layer it is, so it cannot take a prefix",
            "Use another method than prefix tuning on this base.",
        )
    return packed_attention(query, key, value, spans, layer or 0, scale=scale, causal=causal, window=window)


def _pool(pooler: Pooler, plan: Plan, hidden: Tensor) -> Tensor:
    """The pooler of the base under the row's own adapter, which may reach into it."""
    with plans.running(plan):
        return pooler(hidden)


def _no_padding(backbone: Backbone) -> int:
    """Some token that is not padding: behind a prompt `peft` hands on embeddings, so the last token is the last."""
    return 0 if backbone.config.pad_token_id != 0 else 1


def _one_row(values: chain[int], device: torch.device) -> Tensor:
    return torch.tensor([list(values)], device=device)
