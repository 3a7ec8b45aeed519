"""A prompt-tuning file read against a backbone: embeddings that stand in front of every row's own.

Prompt tuning (Lester et al. 2021, arXiv 2104.08691) and p-tuning (Liu et al. 2021, arXiv 2103.10385): PEFT saves what
the latter's encoder gives in the same form.
"""

from __future__ import annotations

from collections.abc import Mapping

from peft import PromptEncoderConfig, PromptTuningConfig
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterError
from adapterhub.runtime.adapters.prefix import TENSOR


def read_prompt(
    config: PromptTuningConfig | PromptEncoderConfig, tensors: Mapping[str, Tensor], backbone: Backbone
) -> Tensor:
    """The embeddings ``[n, hidden]`` in the backbone's dtype, to which PEFT casts them too.

    Raises:
        AdapterError: the tensor is missing or misshapen, or another is there.
    """
    if set(tensors) != {TENSOR}:
        found = ", ".join(sorted(tensors)) or "nothing"
        raise AdapterError(f"a prompt file holds {TENSOR} and its head; this one holds {found}", "Save it again.")
    width = int(backbone.base.get_input_embeddings().weight.shape[1])
    needed = (int(config.num_virtual_tokens) * int(config.num_transformer_submodules or 1), width)
    saved = tensors[TENSOR]
    if tuple(saved.shape) != needed:
        raise AdapterError(
            f"{TENSOR} has shape {list(saved.shape)}, its config and this base need {list(needed)}",
            "Check num_virtual_tokens in adapter_config.json, and that it was trained on this base.",
        )
    return saved[: int(config.num_virtual_tokens)].to(backbone.dtype, copy=True)
