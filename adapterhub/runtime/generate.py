"""Continuing rows: sequences that join and leave between steps, each with keys and values of its own.

One step takes new sequences (all their tokens) beside running ones (their newest token) through one packed pass.
Greedy: the token of the highest logit, the lowest id among equals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jinja2 import TemplateError
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError
from adapterhub.runtime import plan as plans
from adapterhub.runtime.adapter import Adapter
from adapterhub.runtime.plan import Plan, PlannedRow
from adapterhub.tasks import Row
from adapterhub.tasks.task import check_text

GROWTH = 64  # positions that a cache grows by at least, so that a step seldom copies


class KeyValueCache:
    """The keys and values of one sequence, per layer, appended to in place.

    Belongs to one request; it is never shared or kept by name, so no version ever reads another's.
    """

    def __init__(self, adapter: Adapter | None) -> None:
        prefix = adapter.prefix if adapter else None
        self.length = prefix.length if prefix else 0
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}
        self._prefix = prefix

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add this step's ``[1, kv_heads, n, head_dim]`` and return all so far, the prefix in front."""
        stop = self.length + keys.shape[2]
        if layer not in self._layers or self._layers[layer][0].shape[2] < stop:
            self._layers[layer] = self._grown(layer, keys, values, stop)
        store_keys, store_values = self._layers[layer]
        store_keys[:, :, self.length : stop] = keys
        store_values[:, :, self.length : stop] = values
        return store_keys[:, :, :stop], store_values[:, :, :stop]

    def _grown(self, layer: int, keys: Tensor, values: Tensor, needed: int) -> tuple[Tensor, Tensor]:
        old = self._layers.get(layer)
        if old is None and self._prefix is not None:
            old = (self._prefix.keys[layer], self._prefix.values[layer])
        room = max(needed + GROWTH, 2 * self.length)
        new = tuple(part.new_empty(*part.shape[:2], room, part.shape[3]) for part in (keys, values))
        if old is not None:
            for target, source in zip(new, old, strict=True):
                target[:, :, : self.length] = source[:, :, : self.length]
        return new[0], new[1]


class Continuation:
    """One prompt being continued.

    Attributes:
        adapter: what it wears, None for the bare backbone.
        tokens: the tokens generated so far.
        finished: it met an end-of-text token, or has as many tokens as were asked for.
    """

    def __init__(self, backbone: Backbone, adapter: Adapter | None, prompt: Sequence[int], max_new_tokens: int) -> None:
        self.adapter = adapter
        self.cache = KeyValueCache(adapter)
        self.tokens: list[int] = []
        self.finished = max_new_tokens <= 0
        self._pending = list(prompt)
        self._left = max_new_tokens
        self._ends = _end_tokens(backbone)

    @property
    def pending(self) -> list[int]:
        """Tokens to feed in the next step: the whole prompt at first, then the newest token."""
        return self._pending

    @property
    def tokens_to_feed(self) -> int:
        """How many `pending` tokens there are."""
        return len(self._pending)

    def accept(self, token: int) -> None:
        """Take the token that the step chose."""
        self.cache.length += len(self._pending)
        self._left -= 1
        if token in self._ends:
            self.finished = True
        else:
            self.tokens.append(token)
            self._pending = [token]
            self.finished = not self._left


def next_logits(backbone: Backbone, running: Sequence[Continuation]) -> Tensor:
    """One step: feed each sequence's pending tokens, return ``[len(running), vocabulary]`` of the token after them.

    Sequences that wear the same adapter should be neighbours, for speed alone.
    """
    plan = Plan([PlannedRow(row.adapter, len(row.pending), row.cache.length, row.cache.append) for row in running])
    inputs = torch.tensor([[token for row in running for token in row.pending]], device=backbone.device)
    positions = torch.tensor([plan.positions(backbone.first_position)], device=backbone.device)
    with plans.running(plan):
        hidden = backbone.base(input_ids=inputs, position_ids=positions, use_cache=False).last_hidden_state
    last = hidden[0, [span.stop - 1 for span in plan.spans]]
    with plans.running(Plan([PlannedRow(row.adapter, 1) for row in running])):
        return backbone.lm_head(last)  # type: ignore[misc,no-any-return]


def encode_prompt(backbone: Backbone, row: Row) -> list[int]:
    """Token ids of a prompt: a string, ``{"text": …}``, or ``{"messages": [{"role", "content"}, …]}`` by chat template.

    Raises:
        RequestError: the row is none of these.
    """
    if isinstance(row, Mapping) and "messages" in row:
        try:
            encoded: Any = backbone.tokenizer.apply_chat_template(
                list(row["messages"]), add_generation_prompt=True, return_dict=True
            )
        except (TypeError, ValueError, KeyError, TemplateError) as error:
            raise RequestError(
                f"the messages do not fit the base's chat template: {error}",
                "Give a list of {role, content}, and a base that has a chat template.",
            ) from error
        return list(encoded["input_ids"])
    text = row.get("text") if isinstance(row, Mapping) else row
    if not isinstance(text, str):
        raise RequestError(
            f"a prompt is a string, or has text or messages; this row is {row!r}", "Name the column text."
        )
    check_text(text)
    return list(backbone.tokenizer(text)["input_ids"])


def _end_tokens(backbone: Backbone) -> frozenset[int]:
    """What ends a text by the config, by generation_config.json (chat models name their end of turn there) or both."""
    found = {backbone.tokenizer.eos_token_id}
    for config in (backbone.config, backbone.generation_config):
        stated = getattr(config, "eos_token_id", None)
        found.update(stated if isinstance(stated, list) else [stated])
    return frozenset(found - {None})
