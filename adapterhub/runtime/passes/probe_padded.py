"""Proof, once for each backbone that cannot be packed, that its rows can be padded and its answers continued.

Two rows are run by the model's own forward, each alone, one of them behind a prefix where the model takes one; then
padded together, and, where the model writes, token by token while the second joins and leaves. Encoders do it again
with long rows, since some attend to blocks of what is long, and padding is long too. On the way it is seen which
modules read something else than the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, EncoderDecoderCache
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from adapterhub.backbone import Backbone
from adapterhub.errors import BackboneError
from adapterhub.runtime.adapters.prefix import Prefix, layers_taken, shape_of
from adapterhub.runtime.adapters.targets import ADAPTABLE
from adapterhub.runtime.passes import encoder_decoder, padded, probe
from adapterhub.runtime.passes.choice import Choice
from adapterhub.runtime.passes.padded_batch import Feed, Prefill
from adapterhub.runtime.passes.past import Past, filled
from adapterhub.runtime.passes.plan import AdapterMap
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.tasks import Encoded

PREFIX = 3
LONG = 768  # tokens; more than the blocks that LongT5 (127) and Longformer (512) attend to
READ = 2  # tokens of a row that a decoder reads at once; it is fed the others
ALONE = 3  # tokens that the first row is fed before the second joins

Pair = tuple[Tensor, Tensor]
"""What came out of a padded pass, and what the model itself computes."""


@dataclass(frozen=True)
class _Sample(EncodedRow):
    """A row without an adapter, but behind a prefix."""

    behind: Prefix | None = None

    @property
    def prefix(self) -> Prefix | None:
        return self.behind


@dataclass(frozen=True)
class _Course:
    """A row that is read, then fed `tokens` one by one; `states` are what should come out, ``[1 + tokens, hidden]``."""

    row: EncodedRow
    tokens: list[int]
    states: Tensor


def check(backbone: Backbone) -> frozenset[str]:
    """Prove it; returns the modules that read something else than the rows.

    Raises:
        BackboneError: padded rows come out otherwise than alone, or cannot be run.
    """
    if getattr(backbone.config, "attention_type", None) == "block_sparse":
        raise _unfit(backbone, "it attends by blocks until it meets its first short row, and to all from then on")
    if backbone.is_encoder_decoder:
        Choice(backbone)
    shared: set[str] = set()
    try:
        with torch.inference_mode():
            pairs = list((_answers if backbone.is_encoder_decoder else _rows)(backbone, shared))
    except (ValueError, RuntimeError, TypeError, IndexError, AttributeError, KeyError) as error:
        raise _unfit(backbone, f"a padded pass fails: {error}") from error
    if (difference := probe.telling_difference(backbone, pairs)) is not None:
        raise _unfit(backbone, f"padded rows differ from the model's own by {difference:.2g}")
    return frozenset(shared)


def _rows(backbone: Backbone, shared: set[str]) -> Iterator[Pair]:
    """Rows that are read, and continued if the model does that."""
    ids = probe.samples(backbone)
    behind = [None, _prefix(backbone) if padded.takes(backbone.base, "past_key_values") else None]
    rows = [_sample(row, prefix) for row, prefix in zip(ids, behind, strict=True)]
    own = [_own_states(backbone, row, prefix) for row, prefix in zip(ids, behind, strict=True)]
    with _reading(backbone, shared):
        yield from zip(padded.last_hidden_states(backbone, rows), own, strict=True)
    if not backbone.is_decoder:
        long = _long(backbone)
        states = padded.last_hidden_states(backbone, [_sample(row, None) for row in long])
        yield from zip(states, (_own_states(backbone, row, None) for row in long), strict=True)
    else:
        courses = [
            _Course(_sample(row[:READ], prefix), row[READ:].tolist(), states[READ - 1 :])
            for row, prefix, states in zip(ids, behind, own, strict=True)
        ]
        yield from _continued(backbone, courses, padded.prefill, padded.feed)


def _answers(backbone: Backbone, shared: set[str]) -> Iterator[Pair]:
    """Sources that are answered, and rows that are read as classifiers read them."""
    sources = probe.samples(backbone)
    behind = [None, _prefix(backbone)]
    rows = [_sample(source, prefix) for source, prefix in zip(sources, behind, strict=True)]
    tokens = [sources[0][READ:].tolist(), sources[1][READ:].tolist()]
    courses = [
        _Course(row, answer, _own_answer(backbone, source, prefix, answer))
        for row, source, prefix, answer in zip(rows, sources, behind, tokens, strict=True)
    ]
    with _reading(backbone, shared):
        first, _ = encoder_decoder.prefill(backbone, rows)
    yield from zip(first, [course.states[0] for course in courses], strict=True)
    yield from _continued(backbone, courses, encoder_decoder.prefill, encoder_decoder.feed)
    long = _long(backbone)
    first, _ = encoder_decoder.prefill(backbone, [_sample(source, None) for source in long])
    yield from zip(first, (_own_answer(backbone, source, None, [])[0] for source in long), strict=True)
    if backbone.config.model_type in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        alone = [encoder_decoder.decoder_states(backbone, [row])[0] for row in rows]
        yield from zip(encoder_decoder.decoder_states(backbone, rows), alone, strict=True)


def _continued(backbone: Backbone, courses: list[_Course], prefill: Prefill, feed: Feed) -> Iterator[Pair]:
    """The first course begins, the second joins it and is done before it."""
    running: list[tuple[_Course, int]] = []
    past: Past | None = None
    for step in range(1 + len(courses[0].tokens)):
        joining = [courses[0]] if step == 0 else [courses[1]] if step == ALONE else []
        if joining:
            hidden, begun = prefill(backbone, [course.row for course in joining])
            yield hidden[0], joining[0].states[0]
            past = Past([*(past.rows() if past else []), *begun])
            running += [(joining[0], 0)]
        if past is None or any(at == len(course.tokens) for course, at in running):
            kept = [index for index, (course, at) in enumerate(running) if at < len(course.tokens)]
            if past is None or not kept:
                return
            left = past.rows()
            past, running = Past([left[index] for index in kept]), [running[index] for index in kept]
        hidden = feed(backbone, [course.tokens[at] for course, at in running], past, AdapterMap([(None, len(running))]))
        past.accept()
        running = [(course, at + 1) for course, at in running]
        yield from zip(hidden, [course.states[at] for course, at in running], strict=True)


def _long(backbone: Backbone) -> list[Tensor]:
    """Two long rows that run together: the second is more than half of the first."""
    longest = min(LONG, backbone.max_positions)
    return probe.samples(backbone, (longest, longest // 2 + 1))


def _own_states(backbone: Backbone, ids: Tensor, prefix: Prefix | None) -> Tensor:
    given = {} if prefix is None else {"past_key_values": filled([prefix])}
    return backbone.base(input_ids=ids[None], **given).last_hidden_state[0]  # type: ignore[no-any-return]


def _own_answer(backbone: Backbone, source: Tensor, prefix: Prefix | None, answer: list[int]) -> Tensor:
    """The decoder's states over a whole answer at once: ``[1 + tokens, hidden]``."""
    ids = torch.tensor([[encoder_decoder.start_token(backbone) or 0, *answer]], device=backbone.device)
    return backbone.base.get_decoder()(  # type: ignore[no-any-return]
        input_ids=ids,
        encoder_hidden_states=backbone.base.get_encoder()(input_ids=source[None]).last_hidden_state,
        past_key_values=EncoderDecoderCache(filled([prefix]), DynamicCache()),
    ).last_hidden_state[0]


def _sample(ids: Tensor, prefix: Prefix | None) -> EncodedRow:
    return _Sample(None, Encoded(ids.tolist(), None), behind=prefix)


def _prefix(backbone: Backbone) -> Prefix:
    layers = layers_taken(backbone.config)
    _, heads, width = shape_of(backbone.config)
    waves = torch.arange(layers * heads * PREFIX * width, dtype=torch.float32).view(layers, 1, heads, PREFIX, width)
    keys, values = waves.sin().to(backbone.device, backbone.dtype), waves.cos().to(backbone.device, backbone.dtype)
    return Prefix(keys, values)


@contextmanager
def _reading(backbone: Backbone, shared: set[str]) -> Iterator[None]:
    """Collect the modules that read something whose first dimension is not that of the two rows."""

    def see(name: str, _: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not inputs or not isinstance(inputs[0], Tensor) or len(inputs[0]) != 2:
            shared.add(name)

    handles = [
        module.register_forward_pre_hook(partial(see, name))
        for name, module in backbone.modules()
        if isinstance(module, ADAPTABLE)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _unfit(backbone: Backbone, why: str) -> BackboneError:
    return BackboneError(
        f"{type(backbone.base).__name__} cannot serve padded rows: {why}",
        "Serve a base of the BERT, DeBERTa, Llama, Qwen, GPT-2, T5, BART … families.",
    )
