"""Whether adapter_config.json asks for nothing but what is known to be reproduced exactly.

A key that is not known here may only be unset: PEFT itself ignores unknown keys, and so would silently give other
answers. What each key means is in PEFT 0.21's own config classes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from registry.errors import AdmissionRefused
from registry.folder import CONFIG, AdapterConfig
from registry.selector import is_base_id

_COMMON = {
    "auto_mapping",
    "base_model_name_or_path",
    "exclude_modules",
    "inference_mode",
    "modules_to_save",
    "peft_type",
    "peft_version",
    "revision",
    "target_modules",
    "task_type",
}
_PROMPT = _COMMON | {
    "num_attention_heads",
    "num_layers",
    "num_transformer_submodules",
    "num_virtual_tokens",
    "token_dim",
    # only used while training:
    "encoder_dropout",
    "encoder_hidden_size",
    "encoder_num_layers",
    "encoder_reparameterization_type",
    "init_weights",
    "prefix_projection",
    "prompt_tuning_init",
    "prompt_tuning_init_text",
    "tokenizer_kwargs",
    "tokenizer_name_or_path",
}
KNOWN: Mapping[str, set[str]] = {
    "LORA": _COMMON
    | {
        "alpha_pattern",
        "bias",
        "fan_in_fan_out",
        "init_lora_weights",
        "lora_alpha",
        "lora_bias",
        "r",
        "rank_pattern",
        "trainable_token_indices",
        "use_dora",
        "use_rslora",
        # only used while training, or leftovers of another option:
        "corda_config",
        "eva_config",
        "layers_pattern",
        "layers_to_transform",
        "lora_dropout",
        "lora_ga_config",
        "megatron_core",
        "qalora_group_size",
        "runtime_config",
    },
    "IA3": _COMMON | {"fan_in_fan_out", "feedforward_modules", "init_ia3_weights"},
    "PREFIX_TUNING": _PROMPT,
    "PROMPT_TUNING": _PROMPT,
    "P_TUNING": _PROMPT,
}
"""Keys whose value is either used by the runtime or changes nothing once trained."""

HARMLESS_INITS = (True, False, None, "gaussian", "orthogonal", "eva")
"""Initialisations that leave the base as it is; PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA … change it again at each load."""

MAX_PATTERN = 128  # characters of a rank or alpha pattern
MAX_TARGET_PATTERN = 1024
_QUANTIFIED_GROUP = re.compile(r"\)[*+?{]")
_UNBOUNDED = re.compile(r"[*+]|\{\d*,\}")


def check_config(config: AdapterConfig) -> None:
    """Refuse a config that the runtime could not reproduce.

    Raises:
        AdmissionRefused: the message names the key.
    """
    if config.peft_type not in KNOWN:
        raise _refused(f"peft_type {config.peft_type!r} is not supported", "Supported: " + ", ".join(KNOWN) + ".")
    for key, value in sorted(config.document.items()):
        if key not in KNOWN[config.peft_type] and value not in (None, False, "", 0, [], {}):
            raise _refused(f"{key} is not supported (it is {value!r:.80})", f"Train again without {key}.")
    if config.peft_type == "LORA":
        _check_lora(config)
    for key in ("base_model_name_or_path", "tokenizer_name_or_path"):
        name = config.document.get(key)
        if name is not None and not (isinstance(name, str) and is_base_id(name)):
            raise _refused(
                f"{key} is {name!r:.200}, not a Hub id",
                "Name the base: `adapterhub publish --base owner/name` corrects it.",
            )


def _check_lora(config: AdapterConfig) -> None:
    if config.bias != "none":
        raise _refused(f"bias {config.bias!r} replaces biases of the base", "Train again with bias='none'.")
    if config.init_lora_weights not in HARMLESS_INITS:
        raise _refused(
            f"init_lora_weights {config.init_lora_weights!r} changes the base's own weights at each load",
            "Convert it to plain LoRA with peft: save_pretrained(…, path_initial_model_for_weight_conversion=…).",
        )
    for key in ("rank_pattern", "alpha_pattern"):
        for pattern in getattr(config, key) or {}:
            _check_pattern(key, pattern, repeats=2, length=MAX_PATTERN)
    for key in ("target_modules", "exclude_modules", "layers_pattern"):
        value = config.document.get(key)
        for pattern in [value] if isinstance(value, str) else (value or []) if key == "layers_pattern" else []:
            _check_pattern(key, str(pattern), repeats=4, length=MAX_TARGET_PATTERN)


def _check_pattern(key: str, pattern: str, repeats: int, length: int) -> None:
    """Patterns are regular expressions, run over every module's name: keep to those that finish quickly."""
    many = len(_UNBOUNDED.findall(pattern)) > repeats
    if many or _QUANTIFIED_GROUP.search(pattern) or len(pattern) > length:
        raise _refused(
            f"{key}: {pattern!r:.160} is too involved",
            f"Write module names, with at most {repeats} of * and + and no repeated groups.",
        )
    try:
        re.compile(pattern)
    except re.error as error:
        raise _refused(f"{key}: {pattern!r} is not a regular expression: {error}", "Write a module's name.") from error


def _refused(what: str, hint: str) -> AdmissionRefused:
    return AdmissionRefused(f"{CONFIG}: {what}", hint)
