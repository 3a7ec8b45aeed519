"""Reading rows: one packed pass of the backbone over rows of any adapters, then each row's own head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError
from adapterhub.runtime import plan as plans
from adapterhub.runtime.adapter import Adapter, Head
from adapterhub.runtime.plan import Plan, PlannedRow
from adapterhub.tasks import Encoded


@dataclass(frozen=True)
class EncodedRow:
    """One row, encoded, with what it wears."""

    adapter: Adapter | None
    encoded: Encoded

    @property
    def tokens_to_feed(self) -> int:
        """Tokens that the row adds to a step."""
        return len(self.encoded.input_ids)


def last_hidden_states(backbone: Backbone, rows: Sequence[EncodedRow]) -> list[Tensor]:
    """The backbone's last hidden states of each row, ``[T, hidden]`` over its own tokens, in one pass without padding.

    Raises:
        RequestError: a row and its prefix are longer than the backbone's positions.
    """
    plan = Plan([_planned(row) for row in rows])
    device = backbone.device
    inputs = {
        "input_ids": torch.tensor([[token for row in rows for token in row.encoded.input_ids]], device=device),
        "position_ids": torch.tensor([plan.positions(backbone.first_position)], device=device),
    }
    if getattr(backbone.config, "type_vocab_size", 0):  # BERT's segments; GPT-2 means something else by the same name
        types = [kind for row in rows for kind in row.encoded.token_type_ids or [0] * len(row.encoded.input_ids)]
        inputs["token_type_ids"] = torch.tensor([types], device=device)
    with plans.running(plan):
        hidden: Tensor = backbone.base(**inputs).last_hidden_state
    return [hidden[0, span.start : span.stop] for span in plan.spans]


def head_logits(backbone: Backbone, row: EncodedRow, head: Head, hidden: Tensor) -> Tensor:
    """The row's own head over its ``[T, hidden]``: ``[labels]`` for the row, or ``[T, labels]`` for its tokens."""
    input_ids = torch.tensor([row.encoded.input_ids], device=backbone.device)
    pooler = None
    if backbone.pooler is not None:
        pooler = partial(_pool, backbone.pooler, Plan([PlannedRow(row.adapter, 1)]))
    return head.shell.logits(head.tensors, input_ids, hidden.unsqueeze(0), pooler)[0]


def _pool(pooler: torch.nn.Module, plan: Plan, hidden: Tensor) -> Tensor:
    """The pooler of the base under the row's own adapter, which may reach into it."""
    with plans.running(plan):
        return pooler(hidden)  # type: ignore[no-any-return]


def _planned(row: EncodedRow) -> PlannedRow:
    prefix = row.adapter.prefix if row.adapter else None
    past = prefix.length if prefix else 0
    return PlannedRow(row.adapter, row.tokens_to_feed, past, prefix.in_front if prefix else None)


def check_length(backbone: Backbone, past: int, length: int, room: int = 0) -> None:
    """Refuse a row that has no tokens, or does not fit the positions behind its prefix with `room` tokens to come.

    Raises:
        RequestError: it does not.
    """
    if not length:
        raise RequestError("the row has no tokens", "Give it some text.")
    if past + length + room > backbone.max_positions:
        raise RequestError(
            f"{past} virtual tokens, {length} of the row and {room} to generate do not fit "
            f"the backbone's {backbone.max_positions} positions",
            "Shorten the row, or generate less.",
        )
