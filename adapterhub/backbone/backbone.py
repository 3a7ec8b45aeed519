"""The one frozen copy of a base model that stays resident on a device and that every adapter shares.

Knows how a checkpoint becomes a resident model: which class keeps all its weights, which device and dtype, what is
left out. Knows nothing of adapters: it is never written to, never handed to ``get_peft_model``, and never trains.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from adapterhub.backbone.fingerprint import checkpoint_files
from adapterhub.backbone.layout import Layout
from adapterhub.backbone.pooler import Pooler, taken_pooler
from adapterhub.backbone.quiet import quiet
from adapterhub.backbone.source import BaseIdentity, BaseSource, locate
from adapterhub.backbone.vocabulary import vocabulary_head
from adapterhub.errors import BackboneError


class Backbone:
    """A frozen base model, its tokenizer and its identity, on one device.

    Attributes:
        identity: what adapters must have been trained on to be served here.
        config: transformers' configuration of the base.
        tokenizer: the base's own fast tokenizer. Hold `tokenizing` while calling it: a call sets its truncation.
        generation_config: what the base says of generating, or None.
        base: the model without any head, e.g. ``BertModel`` or ``LlamaModel``; its pooler is taken out (see `pooler`).
            T5 calls no part of itself its base: there it is the whole model.
        pooler: makes one state of each row by its first token, or None where the checkpoint has none.
            It stands beside `base` because rows that are packed into one sequence have a first token each.
        lm_head: ``[..., hidden] -> [..., vocabulary]`` of a decoder, or None for an encoder.
        output_embedding: the module that `lm_head` multiplies by: itself, unless the model does more; or None.
        layout: how rows pass through it, once that is proven by what serves it; None before.
        device, dtype: where the weights are and in which floating type they compute.
    """

    def __init__(self, source: BaseSource, model: nn.Module, tokenizer: Any) -> None:
        self.identity: BaseIdentity = source.identity()
        self.config: Any = model.config
        self.tokenizer = tokenizer
        self.tokenizing = threading.Lock()
        self.generation_config: Any = getattr(model, "generation_config", None)
        self.base: Any = getattr(model, str(model.base_model_prefix), model)
        self.lm_head: nn.Module | None = vocabulary_head(source.id, model, self.base)
        self.output_embedding: nn.Module | None = model.get_output_embeddings() if self.lm_head is not None else None  # type: ignore[operator]
        self.layout: Layout | None = None
        self.pooler: Pooler | None = taken_pooler(self.base)
        self._files = checkpoint_files(source.folder)
        parameter = next(self.base.parameters())
        self.device: torch.device = parameter.device
        self.dtype: torch.dtype = parameter.dtype

    @classmethod
    def load(
        cls,
        base: str | Path,
        *,
        id: str | None = None,
        revision: str | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Backbone:
        """Load a base by its Hub id, or from a folder or GGUF file together with its `id`.

        Args:
            base: Hub id (``owner/name``), or with `id` the path of a folder in transformers' layout or a ``.gguf``.
            id: the Hub id of a base given by path.
            revision: commit, tag or branch of the Hub; None is the default branch.
            device: default CUDA, then MPS, then CPU, whichever is there first.
            dtype: floating type of the resident weights.

        Raises:
            BackboneError: the base is not here, or its checkpoint does not fill the model.
        """
        source = locate(str(base), revision=revision) if id is None else locate(id, base, revision)
        with quiet():
            return cls._from_source(source, device, dtype)

    @classmethod
    def _from_source(cls, source: BaseSource, device: str | torch.device | None, dtype: torch.dtype) -> Backbone:
        config = AutoConfig.from_pretrained(source.folder)
        if config.is_encoder_decoder and config.model_type not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
            raise BackboneError(
                f"{source.id} is an encoder-decoder ({config.model_type}) that does not go from text to text",
                "Use an encoder, a decoder-only base, or one of the T5, BART … families.",
            )
        model = _load_model(source, config, dtype).to(torch.device(device) if device else _default_device())
        model.eval().requires_grad_(False)
        return cls(source, model, AutoTokenizer.from_pretrained(source.folder))

    @property
    def is_decoder(self) -> bool:
        """Whether rows are answered with text (a language model) rather than read (encoder)."""
        return self.lm_head is not None

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether a row is read whole by one stack and its answer written by another."""
        return bool(self.config.is_encoder_decoder)

    @property
    def input_embedding(self) -> nn.Module:
        """What makes embeddings of a row's tokens; of an encoder-decoder the encoder's."""
        reader = self.base.get_encoder() if self.is_encoder_decoder else self.base
        return reader.get_input_embeddings()  # type: ignore[no-any-return]

    @property
    def max_positions(self) -> int:
        """How many positions a row may take, prefix included; T5 counts distances only, which have no end."""
        positions = getattr(self.config, "max_position_embeddings", None)
        return sys.maxsize if positions is None else int(positions) - self.first_position

    @property
    def first_position(self) -> int:
        """Position id of a row's first token: RoBERTa-like models count from ``pad_token_id + 1``, others from 0."""
        embeddings = getattr(self.base, "embeddings", None)
        table = getattr(embeddings, "position_embeddings", None)
        padding = getattr(table, "padding_idx", None)
        return 0 if padding is None else int(padding) + 1

    def modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Every module by its name inside `base`, the pooler's under ``pooler``, the vocabulary's as ``lm_head``."""
        yield from ((name, module) for name, module in self.base.named_modules() if name)
        if self.pooler is not None:
            yield from self.pooler.modules()
        if self.output_embedding is not None and all(part is not self.output_embedding for part in self.base.modules()):
            yield "lm_head", self.output_embedding

    def parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Every resident parameter by name; a tied one is named once."""
        yield from self.base.named_parameters()
        if self.pooler is not None:
            yield from self.pooler.parameters()
        if self.lm_head is not None:
            resident = {id(parameter) for parameter in self.base.parameters()}
            for name, parameter in self.lm_head.named_parameters():
                if id(parameter) not in resident:
                    yield f"lm_head.{name}", parameter

    def digest(self) -> str:
        """sha256 over all resident parameters as they are now: equal before and after any amount of serving."""
        digest = hashlib.sha256()
        for name, parameter in self.parameters():
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def checkpoint_tensor(self, name: str) -> torch.Tensor | None:
        """The tensor `name` of the checkpoint's files, or None: for heads that the base itself was saved with."""
        for file in self._files:
            with safe_open(file, framework="pt") as tensors:
                if name in tensors.keys():  # noqa: SIM118  (not a mapping)
                    found: torch.Tensor = tensors.get_tensor(name)
                    return found.to(self.device, self.dtype)
        return None


def _load_model(source: BaseSource, config: Any, dtype: torch.dtype) -> nn.Module:
    causal = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type) in (config.architectures or [])
    loader = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM if causal else AutoModel
    try:
        model, info = loader.from_pretrained(
            source.folder,
            config=config,
            dtype=dtype,
            output_loading_info=True,
            local_files_only=True,
            use_safetensors=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise BackboneError(f"{source.id} cannot be loaded: {error}", "Check the base's files.") from error
    missing = {str(key) for key in info["missing_keys"]}
    if any("pooler." in key for key in missing):
        getattr(model, model.base_model_prefix, model).pooler = None  # made up at random: no adapter may read it
    lost = sorted(key for key in missing if "pooler." not in key)
    if lost or info["mismatched_keys"]:
        raise BackboneError(
            f"the checkpoint of {source.id} does not fill {type(model).__name__}: "
            f"{', '.join(lost[:5]) or info['mismatched_keys']}",
            "The base's files are incomplete or belong to another architecture; fetch them again.",
        )
    return model  # type: ignore[no-any-return]


def _default_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
