"""How adapters reach into a backbone that knows nothing of them: hooks on its modules, an attention function.

They are put in place once, read the current plan, and do nothing where the plan has nothing for them. No module is
replaced and no parameter is written.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn
from transformers import AttentionInterface

from adapterhub.backbone import Backbone, Layout
from adapterhub.errors import BackboneError
from adapterhub.runtime.adapters.targets import ADAPTABLE, LINEAR
from adapterhub.runtime.passes import encoder_decoder, probe, probe_padded
from adapterhub.runtime.passes import plan as plans

ATTENTION = "adapterhub-packed"
CHANGES_THE_SCORES = ("softcap", "s_aux", "position_bias", "head_mask")  # what transformers' models ask for beside ours


def attach(backbone: Backbone) -> None:
    """Make `backbone` run steps, packed if that is proven right on it, else padded if that is; see `Layout`.

    Attaching it again changes nothing.

    Raises:
        BackboneError: neither is: its rows meet elsewhere than in attention, or it does not do what it should.
    """
    if backbone.layout is not None:
        return
    try:
        layout = _packed(backbone)
    except BackboneError as packed:
        try:
            layout = _padded(backbone)
        except BackboneError as padded:
            raise BackboneError(f"{packed.message}; {padded.message}", padded.hint) from padded
    for name, module in backbone.modules():
        if isinstance(module, LINEAR):
            module.register_forward_pre_hook(partial(_gate_inputs, name))
        if isinstance(module, ADAPTABLE):
            module.register_forward_hook(partial(_add_deltas, name))
    backbone.input_embedding.register_forward_hook(_put_prompts)
    backbone.layout = layout


def _packed(backbone: Backbone) -> Layout:
    """Exchange the attention of `backbone`, or leave it as it was."""
    if backbone.is_encoder_decoder or not backbone.base._supports_attention_backend:
        raise BackboneError(f"{type(backbone.base).__name__} does not take an attention function that packed rows need")
    own = probe.own_states(backbone)
    implementation = backbone.base.config._attn_implementation
    # No mask function is registered under this name, so the model makes no mask and hands on None.
    AttentionInterface.register(ATTENTION, _attention)
    backbone.base.set_attn_implementation(ATTENTION)
    try:
        probe.check(backbone, own)
    except BackboneError:
        backbone.base.set_attn_implementation(implementation)
        raise
    return Layout("packed")


def _padded(backbone: Backbone) -> Layout:
    hooks = encoder_decoder.count_positions(backbone) if backbone.is_encoder_decoder else []
    try:
        return Layout("padded", probe_padded.check(backbone))
    except BackboneError:
        for hook in hooks:
            hook.remove()
        raise


def _gate_inputs(name: str, _: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor | None:
    plan = plans.current()
    if plan is None or plan.adapters.empty:
        return None
    x = inputs[0]
    deltas = plan.adapters.deltas(name, x.numel() // x.shape[-1])
    return deltas.gated(x.reshape(-1, x.shape[-1])).view_as(x) if deltas is not None and deltas.gates else None


def _add_deltas(name: str, _: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    plan = plans.current()
    if plan is None or plan.adapters.empty:
        return
    y = output.view(-1, output.shape[-1])
    deltas = plan.adapters.deltas(name, y.shape[0])
    if deltas is not None:
        x = inputs[0]
        deltas.apply(y, x.reshape(-1, x.shape[-1]) if x.is_floating_point() else x.reshape(-1))


def _put_prompts(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
    plan = plans.current()
    if plan is not None and plan.prompts:
        tokens = output.view(-1, output.shape[-1])
        for start, prompt in plan.prompts:
            tokens[start : start + prompt.shape[0]] = prompt


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    if changes := sorted(name for name in CHANGES_THE_SCORES if others.get(name) is not None):
        raise BackboneError(
            f"{type(module).__name__} asks its attention for {changes[0]}, which is not served yet", "Use another base."
        )
    plan = plans.current()
    if plan is None or plan.attention is None or attention_mask is not None:
        raise BackboneError(
            "this backbone serves packed steps and was called directly", "Ask the Engine, or load another backbone."
        )
    causal = bool(getattr(module, "is_causal", True)) if is_causal is None else is_causal
    layer = getattr(module, "layer_idx", None)
    return plan.attention(layer, query, key, value, scale=scaling, causal=causal, window=sliding_window), None
