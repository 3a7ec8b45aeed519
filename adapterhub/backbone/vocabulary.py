"""From a decoder's last states to logits, by the model's own code and proven on it.

Most models multiply by the output embedding and do no more; some scale, cap or shift (T5, Gemma 2, BART). Those run
their own forward with the decoder taken out, so that nothing of it is written a second time. Knows no adapters.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from adapterhub.errors import BackboneError

# Of the largest logit. The embedding is held to the very numbers, in any type: a small bias or cap must not be lost.
EMBEDDING, OWN = 1e-6, 1e-2


class _PassThrough(nn.Module):
    """Stands where the decoder stood: hands on the states that it is given as embeddings."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> BaseModelOutputWithPastAndCrossAttentions:
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=inputs_embeds)


class OwnHead(nn.Module):
    """``[..., hidden] -> [..., vocabulary]`` through the model's own forward; its weights are the model's."""

    def __init__(self, model: nn.Module, base: nn.Module, decoder: nn.Module) -> None:
        """Take `decoder` (for a decoder-only model `base` itself) out of a copy of `model` that shares its weights."""
        super().__init__()
        self.whole = _without(model, base, decoder)
        self._encoder_decoder = decoder is not base

    def forward(self, hidden: Tensor) -> Tensor:
        """The logits of states of any leading shape."""
        states = hidden.reshape(1, -1, hidden.shape[-1])
        if self._encoder_decoder:
            logits = self.whole(encoder_outputs=(states,), decoder_inputs_embeds=states).logits
        else:
            logits = self.whole(inputs_embeds=states).logits
        return logits.view(*hidden.shape[:-1], -1)  # type: ignore[no-any-return]


def vocabulary_head(id: str, model: Any, base: Any) -> nn.Module | None:
    """What makes logits of the last states of `base`: the output embedding alone where that is all; None without one.

    Raises:
        BackboneError: neither the output embedding nor the model's own forward gives the model's own logits.
    """
    encodes = bool(model.config.is_encoder_decoder)
    embedding: nn.Module | None = model.get_output_embeddings() if encodes or base is not model else None
    if embedding is None:
        return None
    decoder = base.get_decoder() if encodes else base
    try:
        with torch.inference_mode():
            states, logits = _own(model, decoder, encodes)
            for head, allowed in ((embedding, EMBEDDING), (OwnHead(model, base, decoder), OWN)):
                difference = (head(states).float() - logits.float()).abs().max()
                if difference <= allowed * max(1.0, float(logits.abs().max())):
                    return head
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise _unknown(id, model, f": {error}") from error
    raise _unknown(id, model, "")


def _own(model: nn.Module, decoder: nn.Module, encodes: bool) -> tuple[Tensor, Tensor]:
    """What the decoder's last states are for some tokens, and what the model makes of them."""
    ids = torch.arange(1, 5, device=next(model.parameters()).device).unsqueeze(0)
    if not encodes:
        return decoder(input_ids=ids).last_hidden_state, model(input_ids=ids).logits
    seen: list[Tensor] = []
    handle = decoder.register_forward_hook(lambda _, __, output: seen.append(output.last_hidden_state))
    try:
        logits: Tensor = model(input_ids=ids, decoder_input_ids=ids).logits
    finally:
        handle.remove()
    return seen[-1], logits


def _without(model: nn.Module, base: nn.Module, decoder: nn.Module) -> nn.Module:
    """A copy of `model` that shares everything with it but `decoder`, somewhere on the way through `base`."""
    if model is decoder:
        return _PassThrough()
    part = next(name for name, child in model.named_children() if child is (base if model is not base else decoder))
    copied = copy.copy(model)
    copied._modules = {**model._modules, part: _without(model._modules[part], base, decoder)}  # type: ignore[arg-type]
    return copied


def _unknown(id: str, model: nn.Module, why: str) -> BackboneError:
    return BackboneError(
        f"{type(model).__name__} of {id} makes its logits in a way that is not served{why}",
        "Serve a base of the Llama, Qwen, GPT-2, T5, BART … families.",
    )
