"""What an adapter may ask of a base: kinds of heads, virtual tokens and modules that the base's architecture can take.

Facts of the architecture alone; whether the adapter's tensors fit is checked where they are read.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from peft import PeftConfig
from peft.utils.constants import TRANSFORMERS_MODELS_TO_PREFIX_TUNING_POSTPROCESS_MAPPING
from torch import nn

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterError
from adapterhub.tasks.heads import WRITES

OF_ENCODER_DECODERS = ("seq2seq-lm", "sequence-classification")


def check_kind(backbone: Backbone, kind: str, config: PeftConfig) -> None:
    """Refuse a head that this base cannot carry.

    Raises:
        AdapterError: the base has no vocabulary head, or an encoder-decoder is asked for what it is not served with.
    """
    if kind in WRITES and not backbone.is_decoder:
        raise AdapterError(
            f"a {kind} adapter needs a vocabulary head, and {backbone.identity.id} was saved without one",
            "Load the base's checkpoint with its language-model head.",
        )
    if not backbone.is_encoder_decoder:
        return
    if kind not in OF_ENCODER_DECODERS:
        raise AdapterError(
            f"head.kind {kind} on an encoder-decoder is not served yet", "Served: " + ", ".join(OF_ENCODER_DECODERS)
        )
    if kind == "sequence-classification":
        if config.is_prompt_learning:
            raise AdapterError(
                f"{getattr(config.peft_type, 'value', config.peft_type)} with a classifier on an encoder-decoder is "
                "not served; peft cannot run it either",
                "Train LoRA or IA³ for this task.",
            )
        _check_ends(backbone)


def check_takes_prefix(backbone: Backbone) -> None:
    """Refuse a prefix where the model takes none, or where `peft` turns it into another form.

    Raises:
        AdapterError: so it is here.
    """
    base = backbone.base
    if "past_key_values" not in inspect.signature(base.forward).parameters:
        raise AdapterError(
            f"{type(base).__name__} takes no past keys and values, so no prefix; peft refuses it too",
            "Train another method on this base.",
        )
    if backbone.config.model_type in TRANSFORMERS_MODELS_TO_PREFIX_TUNING_POSTPROCESS_MAPPING:
        raise AdapterError(
            f"peft gives prefixes on {backbone.config.model_type} a form of their own, which is not served",
            "Train another method on this base.",
        )


def check_deltas(backbone: Backbone, kind: str, modules: Mapping[str, nn.Module]) -> None:
    """Refuse to change a module that rows of several adapters have in common where they must share a pass.

    Args:
        kind: the adapter's ``head.kind``.
        modules: those that the adapter changes, by name.

    Raises:
        AdapterError: one of `modules` is such.
    """
    shared = backbone.layout.shared if backbone.layout else frozenset()
    for name, module in sorted(modules.items()):
        # BART's positions are looked up by where a token stands, and peft would look them up by what it is.
        places = backbone.is_encoder_decoder and isinstance(module, nn.Embedding) and not name.endswith("embed_tokens")
        if (kind in WRITES and name in shared) or places:
            raise AdapterError(
                f"the adapter changes {name}, which does not read the rows' own states, so rows of other adapters "
                "cannot be continued beside its own",
                "Train it without this module.",
            )


def _check_ends(backbone: Backbone) -> None:
    """A classifier on an encoder-decoder reads the row's end token, which the tokenizer has to put there."""
    with backbone.tokenizing:
        ids = backbone.tokenizer("a")["input_ids"]
    if backbone.config.eos_token_id not in ids:
        raise AdapterError(
            f"a classifier on {backbone.config.model_type} reads a row's end token, and the tokenizer of "
            f"{backbone.identity.id} adds none",
            "Use a base whose tokenizer ends each text with eos_token.",
        )
