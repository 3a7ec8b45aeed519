"""Passes of an encoder-decoder over padded rows: the source of each is read once, its answer is written step by step.

A prefix stands before the answer, in the decoder's own attention alone, and a prompt before the source, as PEFT puts
them. The decoder's tokens have the positions that each row would have alone: T5 counts distances, BART's positions are
handed to its table by a hook (`count_positions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import DynamicCache, EncoderDecoderCache

from adapterhub.backbone import Backbone
from adapterhub.runtime.passes import past as pasts
from adapterhub.runtime.passes import plan as plans
from adapterhub.runtime.passes.padded import Padded, passes, takes
from adapterhub.runtime.passes.past import Past, RowPast
from adapterhub.runtime.passes.plan import AdapterMap, Plan

if TYPE_CHECKING:
    from adapterhub.runtime.passes.read import EncodedRow


def prefill(backbone: Backbone, rows: Sequence[EncodedRow]) -> tuple[Tensor, list[RowPast]]:
    """Read sources and begin their answers: the decoder's first states ``[rows, hidden]``, and what each row keeps."""
    last: dict[int, Tensor] = {}
    kept: dict[int, RowPast] = {}
    for part in passes(backbone, rows):
        batch = Padded.of(backbone, [rows[index] for index in part])
        hidden, past = _begin(backbone, batch)
        for at, index in enumerate(part):
            last[index], kept[index] = hidden[at], past[at]
    return torch.stack([last[index] for index in range(len(rows))]), [kept[index] for index in range(len(rows))]


def feed(backbone: Backbone, tokens: Sequence[int], past: Past, adapters: AdapterMap) -> Tensor:
    """One more token for each row of `past`: the decoder's last states ``[rows, hidden]``."""
    past.forget()
    device = backbone.device
    places = torch.tensor(past.lengths, device=device)[:, None]
    mask = past.source_mask(device)
    # Its keys and values are in the cache: of the source only the shape is asked for.
    source = torch.zeros((), dtype=backbone.dtype, device=device).expand(*mask.shape, backbone.config.hidden_size)
    ids = torch.tensor(tokens, device=device)[:, None]
    return _decode(backbone, ids, places, past.mask(device), source, mask, past.cache, adapters)


def decoder_states(backbone: Backbone, rows: Sequence[EncodedRow]) -> list[Tensor]:
    """The decoder's last states ``[T, hidden]`` over each row as its own answer, which classifiers read."""
    found: dict[int, Tensor] = {}
    for part in passes(backbone, rows):
        batch = Padded.of(backbone, [rows[index] for index in part])
        base, ids, mask = backbone.base, batch.input_ids, batch.own.long()
        with plans.running(Plan(batch.adapters(backbone))):
            if hasattr(base, "_shift_right"):  # T5's classes move the row by one before they call their base
                source = base.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
                hidden = base.get_decoder()(
                    input_ids=base._shift_right(ids),
                    encoder_hidden_states=source,
                    encoder_attention_mask=mask,
                    use_cache=False,
                ).last_hidden_state
            else:
                hidden = base(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        found.update((index, hidden[at, : rows[index].tokens_to_feed]) for at, index in enumerate(part))
    return [found[index] for index in range(len(rows))]


def count_positions(backbone: Backbone) -> list[RemovableHandle]:
    """Let the decoder's table of positions, if it has one, take those of the plan; returns the hooks put there."""
    table = getattr(backbone.base.get_decoder(), "embed_positions", None)
    if not isinstance(table, nn.Module) or not takes(table, "position_ids"):
        return []
    return [
        table.register_forward_pre_hook(_ask_for_positions, with_kwargs=True),
        table.register_forward_hook(_shape_positions),
    ]


def start_token(backbone: Backbone) -> int | None:
    """The token that an answer begins after, as `generate` of transformers finds it."""
    for name in ("decoder_start_token_id", "bos_token_id"):
        for config in (backbone.generation_config, backbone.config):
            token = getattr(config, name, None)
            if token is not None:
                return int(token)
    return None


def _begin(backbone: Backbone, batch: Padded) -> tuple[Tensor, list[RowPast]]:
    mask, adapters = batch.own.long(), batch.adapters(backbone)
    with plans.running(Plan(adapters, prompts=batch.prompts())):
        source = backbone.base.get_encoder()(input_ids=batch.input_ids, attention_mask=mask).last_hidden_state
    cache = EncoderDecoderCache(pasts.filled([row.prefix for row in batch.rows]), DynamicCache())
    first = torch.full((len(batch.rows), 1), start_token(backbone) or 0, device=backbone.device)
    seen = batch.behind(torch.ones_like(first, dtype=torch.bool))
    hidden = _decode(backbone, first, batch.before[:, None], seen, source, mask, cache, adapters)
    widest = int(batch.before.max())
    own = [(widest - row.prefix_length, widest + 1) for row in batch.rows]
    read = [(0, row.tokens_to_feed) for row in batch.rows]
    parts = zip(
        pasts.split(pasts.layers_of(cache.self_attention_cache), own),
        pasts.split(pasts.layers_of(cache.cross_attention_cache), read),
        strict=True,
    )
    return hidden, [RowPast(*part) for part in parts]


def _decode(
    backbone: Backbone,
    ids: Tensor,
    places: Tensor,
    mask: Tensor,
    source: Tensor,
    source_mask: Tensor,
    cache: Any,
    adapters: AdapterMap,
) -> Tensor:
    decoder: Callable[..., Any] = backbone.base.get_decoder()
    given = {"position_ids": places} if takes(decoder, "position_ids") else {}
    with plans.running(Plan(adapters, positions=places)):
        hidden: Tensor = decoder(
            input_ids=ids,
            attention_mask=mask,
            encoder_hidden_states=source,
            encoder_attention_mask=source_mask,
            past_key_values=cache,
            use_cache=True,
            **given,
        ).last_hidden_state
    return hidden[:, 0]


def _ask_for_positions(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
    plan = plans.current()
    if plan is None or plan.positions is None:
        return None
    return args, {**kwargs, "position_ids": plan.positions.flatten()}


def _shape_positions(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor | None:
    plan = plans.current()
    return None if plan is None or plan.positions is None else output.view(*plan.positions.shape, -1)
