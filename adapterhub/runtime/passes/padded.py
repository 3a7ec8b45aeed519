"""Passes over padded rows, for bases whose attention is their own: biases of distances, caps, windows, cross attention.

Rows are padded on the right and read behind the model's own mask, with the positions that each would have alone. A
prefix stands at the right of the cache, next to its row; a prompt is put where the input embedding's output is. Knows
encoders and decoder-only models; `encoder_decoder` is made of the same parts.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.runtime.passes import past as pasts
from adapterhub.runtime.passes import plan as plans
from adapterhub.runtime.passes.past import Past, RowPast
from adapterhub.runtime.passes.plan import AdapterMap, Plan

if TYPE_CHECKING:
    from adapterhub.runtime.passes.read import EncodedRow

SHORT = 32  # tokens; rows up to here are padded to each other whatever their lengths


@dataclass(frozen=True)
class Padded:
    """Rows as the model takes them.

    Attributes:
        rows: the rows, in order.
        input_ids: ``[rows, longest]``, padded on the right.
        own: boolean ``[rows, longest]``: what is no padding.
        before: ``[rows]``: positions that the prefix of each takes.
    """

    rows: Sequence[EncodedRow]
    input_ids: Tensor
    own: Tensor
    before: Tensor

    @classmethod
    def of(cls, backbone: Backbone, rows: Sequence[EncodedRow]) -> Padded:
        """Lay out `rows`."""
        device = backbone.device
        ids = _padded([row.input_ids() for row in rows], backbone.config.pad_token_id or 0, device)
        lengths = torch.tensor([row.tokens_to_feed for row in rows], device=device)
        before = torch.tensor([row.prefix_length for row in rows], device=device)
        return cls(rows, ids, torch.arange(ids.shape[1], device=device) < lengths[:, None], before)

    def behind(self, own: Tensor) -> Tensor:
        """The mask `own`, ``[rows, n]``, behind that of the prefixes: ``[rows, longest prefix + n]``."""
        widest = int(self.before.max())
        places = torch.arange(widest, device=own.device)
        return torch.cat([places >= widest - self.before[:, None], own], dim=1).long()

    def adapters(self, backbone: Backbone) -> AdapterMap:
        """Who wears what; a place is a row. One adapter alone has everything, what rows have in common too."""
        if backbone.layout is not None and _reaches_shared(backbone, self.rows[0]):
            return AdapterMap([(self.rows[0].adapter, 1)])
        return AdapterMap([(row.adapter, 1) for row in self.rows])

    def prompts(self) -> list[tuple[int, Tensor]]:
        """Where prompts stand among the flattened tokens."""
        width = self.input_ids.shape[1]
        return [(index * width, row.prompt) for index, row in enumerate(self.rows) if row.prompt is not None]


def last_hidden_states(backbone: Backbone, rows: Sequence[EncodedRow]) -> list[Tensor]:
    """As `read.last_hidden_states`, in as few padded passes as do not waste more than half on padding."""
    found: dict[int, Tensor] = {}
    for part in passes(backbone, rows):
        batch = Padded.of(backbone, [rows[index] for index in part])
        hidden, _ = _forward(backbone, batch, keep=False)
        found.update((index, hidden[at, : rows[index].tokens_to_feed]) for at, index in enumerate(part))
    return [found[index] for index in range(len(rows))]


def prefill(backbone: Backbone, rows: Sequence[EncodedRow]) -> tuple[Tensor, list[RowPast]]:
    """Read rows that are to be continued: the last states ``[rows, hidden]``, and what each keeps."""
    last: dict[int, Tensor] = {}
    kept: dict[int, RowPast] = {}
    for part in passes(backbone, rows):
        batch = Padded.of(backbone, [rows[index] for index in part])
        hidden, cache = _forward(backbone, batch, keep=True)
        widest = int(batch.before.max())
        spans = [(widest - row.prefix_length, widest + row.tokens_to_feed) for row in batch.rows]
        split = pasts.split(pasts.layers_of(cache), spans)
        for at, index in enumerate(part):
            last[index] = hidden[at, rows[index].tokens_to_feed - 1]
            kept[index] = RowPast(split[at])
    return torch.stack([last[index] for index in range(len(rows))]), [kept[index] for index in range(len(rows))]


def feed(backbone: Backbone, tokens: Sequence[int], past: Past, adapters: AdapterMap) -> Tensor:
    """One more token for each row of `past`: the last states ``[rows, hidden]``."""
    past.forget()
    device = backbone.device
    with plans.running(Plan(adapters)):
        hidden: Tensor = backbone.base(
            input_ids=torch.tensor(tokens, device=device)[:, None],
            attention_mask=past.mask(device),
            past_key_values=past.cache,
            use_cache=True,
            **_positions(backbone, torch.tensor(past.lengths, device=device)[:, None]),
        ).last_hidden_state
    return hidden[:, 0]


def passes(backbone: Backbone, rows: Sequence[EncodedRow]) -> list[list[int]]:
    """Which rows run together, by index, each list in order.

    None is padded to more than twice its length (or `SHORT`), and an adapter that changes what the rows of a pass have
    in common runs alone.
    """
    groups: dict[str, list[list[int]]] = {}
    for index in sorted(range(len(rows)), key=lambda index: -rows[index].tokens_to_feed):
        adapter = rows[index].adapter
        alone = adapter.digest if adapter is not None and _reaches_shared(backbone, rows[index]) else ""
        runs = groups.setdefault(alone, [])
        longest = rows[runs[-1][0]].tokens_to_feed if runs else 0
        if not runs or longest > max(SHORT, 2 * rows[index].tokens_to_feed):
            runs.append([])
        runs[-1].append(index)
    return [sorted(run) for runs in groups.values() for run in runs]


def takes(module: Any, argument: str) -> bool:
    """Whether the forward of `module` names `argument`."""
    return argument in inspect.signature(module.forward).parameters


def _forward(backbone: Backbone, batch: Padded, keep: bool) -> tuple[Tensor, Any]:
    """Last states ``[rows, longest, hidden]`` and the cache, which is filled if `keep`."""
    places = torch.arange(batch.input_ids.shape[1], device=backbone.device)
    # A decoder's rows never look at the padding behind them, which must look at something: nothing would be no number.
    seen = torch.ones_like(batch.own) if backbone.is_decoder else batch.own
    inputs: dict[str, Any] = {
        "input_ids": batch.input_ids,
        "attention_mask": batch.behind(seen),
        **_positions(backbone, torch.where(batch.own, batch.before[:, None] + places, 0)),
    }
    if getattr(backbone.config, "type_vocab_size", 0) and takes(backbone.base, "token_type_ids"):
        inputs["token_type_ids"] = _padded([row.token_type_ids() for row in batch.rows], 0, backbone.device)
    cache = None
    if keep or bool(batch.before.any()):
        cache = inputs["past_key_values"] = pasts.filled([row.prefix for row in batch.rows])
    if takes(backbone.base, "use_cache"):
        inputs["use_cache"] = cache is not None
    with plans.running(Plan(batch.adapters(backbone), prompts=batch.prompts())):
        return backbone.base(**inputs).last_hidden_state, cache


def _positions(backbone: Backbone, places: Tensor) -> dict[str, Tensor]:
    return {"position_ids": places + backbone.first_position} if takes(backbone.base, "position_ids") else {}


def _reaches_shared(backbone: Backbone, row: EncodedRow) -> bool:
    shared = backbone.layout.shared if backbone.layout else frozenset()
    return row.adapter is not None and not shared.isdisjoint(row.adapter.deltas)


def _padded(rows: Sequence[Sequence[int]], padding: int, device: torch.device) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows], device=device)
