"""Proof, once for each backbone, that its rows can be packed: else a row would quietly read its neighbours.

That an architecture lets its attention be exchanged does not say that attention is the only place where tokens meet;
convolutions, recurrences and attention sinks meet there too. So before a backbone serves, two rows are run by the
model's own forward, each alone, and again packed together; a decoder's second row also token by token from the cache.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.errors import BackboneError
from adapterhub.runtime.passes import plan as plans
from adapterhub.runtime.passes import read
from adapterhub.runtime.passes.cache import KeyValueCache, NewestTokens
from adapterhub.runtime.passes.plan import AdapterMap, Plan
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.tasks import Encoded

LENGTHS = (9, 5)
# Of the largest state. Some models take their softmax in float32 whatever their own type; of shorter types only gross
# faults show.
TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-4}
COARSE = 0.1


def own_states(backbone: Backbone) -> list[Tensor]:
    """What the model itself computes for the two rows, ``[T, hidden]`` each; for before its attention is exchanged."""
    with torch.inference_mode():
        return [backbone.base(input_ids=row.unsqueeze(0)).last_hidden_state[0] for row in samples(backbone)]


def check(backbone: Backbone, own: list[Tensor]) -> None:
    """Compare packed rows with `own`.

    Raises:
        BackboneError: they differ, or the packed pass fails.
    """
    rows = samples(backbone)
    try:
        with torch.inference_mode():
            packed = _packed(backbone, rows)
            if backbone.is_decoder:
                packed.append(_one_by_one(backbone, rows[1]))
    except (ValueError, RuntimeError, TypeError, IndexError) as error:
        raise _unfit(backbone, f"a packed pass fails: {error}") from error
    if (difference := telling_difference(backbone, zip(packed, [*own, own[1][-1:]], strict=False))) is not None:
        raise _unfit(backbone, f"packed rows differ from the model's own by {difference:.2g}")


def samples(backbone: Backbone, lengths: tuple[int, int] = LENGTHS) -> list[Tensor]:
    """Two rows of tokens of these lengths, without padding among them."""
    size, padding = int(backbone.config.vocab_size), backbone.config.pad_token_id
    tokens = [token for token in range(size) if token != padding]
    spread = [tokens[(11 + 7 * index) % len(tokens)] for index in range(sum(lengths))]
    return [torch.tensor(row, device=backbone.device) for row in (spread[: lengths[0]], spread[lengths[0] :])]


def telling_difference(backbone: Backbone, pairs: Iterable[tuple[Tensor, Tensor]]) -> float | None:
    """The first difference between a result and what was expected that rounding does not explain, or None."""
    for result, expected in pairs:
        allowed = TOLERANCE.get(backbone.dtype, COARSE) * max(1.0, float(expected.abs().max()))
        difference = float((result - expected).abs().max())
        if not difference <= allowed:
            return difference
    return None


def _packed(backbone: Backbone, rows: list[Tensor]) -> list[Tensor]:
    return read.last_hidden_states(backbone, [EncodedRow(None, Encoded(row.tolist(), None)) for row in rows])


def _one_by_one(backbone: Backbone, row: Tensor) -> Tensor:
    """The last state of a row that is fed one token a step: ``[1, hidden]``."""
    lane = KeyValueCache().open(len(row))
    hidden = torch.empty(0)
    for token in row:
        with plans.running(Plan(AdapterMap([(None, 1)]), NewestTokens([lane], backbone.device))):
            hidden = backbone.base(
                input_ids=token.view(1, 1),
                position_ids=torch.tensor([[backbone.first_position + lane.length]], device=backbone.device),
                use_cache=False,
            ).last_hidden_state
        lane.length += 1
    return hidden[0]


def _unfit(backbone: Backbone, why: str) -> BackboneError:
    return BackboneError(
        f"{type(backbone.base).__name__} cannot serve packed rows: {why}",
        "Its tokens meet elsewhere than in plain attention. Serve a base of the BERT, Llama, Qwen, GPT-2 … families.",
    )
