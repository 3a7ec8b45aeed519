"""Whether adapter_config.json asks for nothing but what is known to be reproduced exactly.

A key that is not known here may only be unset: PEFT itself ignores unknown keys, and so would silently give other
answers. What each key means is in PEFT 0.21's own config classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from registry.admit.pattern import Endless, ways_to_match
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

MAX_PATTERN = 128  # characters of a pattern in a list or a table
MAX_TARGET_PATTERN = 1024
MAX_WAYS = 1 << 18  # about two of .* and the one that PEFT puts before; the names may be the adapter's own
MAX_TARGET_WAYS = 1 << 21  # about four of .*
MAX_WAYS_TOGETHER = 1 << 24
_FORMS = {
    "rank_pattern": r"(.*\.)?({})$",
    "alpha_pattern": r"(.*\.)?({})$",
    "layers_pattern": r"(?:^|.*?\.){}\.(?P<idx>\d+)\.",
    "modules_to_save": r"(^|.*\.){}($|\..*)",
}
"""What PEFT makes of the patterns in a list, or of a table's keys."""


def check_config(config: AdapterConfig) -> None:
    """Refuse a config that the runtime could not reproduce.

    Raises:
        AdmissionRefused: the message names the key.
    """
    for key, value in sorted(config.document.items()):
        if key not in KNOWN[config.peft_type] and value not in (None, False, "", 0, [], {}):
            raise _refused(f"{key} is not supported (it is {value!r:.80})", f"Train again without {key}.")
    if config.peft_type == "LORA":
        _check_lora(config)
    _check_patterns(config)
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


@dataclass(frozen=True)
class _Pattern:
    """A regular expression of the config, and `whole` as PEFT runs it over the name of every module."""

    key: str
    text: str
    whole: str
    max_length: int = MAX_PATTERN
    max_ways: int = MAX_WAYS

    def ways(self) -> int:
        """See `ways_to_match`; refuses what takes too long."""
        hint = "Write modules' names, with few of * and + and none of them within another."
        try:
            ways = ways_to_match(self.whole) if len(self.text) <= self.max_length else self.max_ways + 1
        except re.error as error:
            raise _refused(f"{self.key}: {self.text!r:.160} is not a regular expression: {error}", hint) from error
        except Endless as error:
            raise _refused(f"{self.key}: {self.text!r:.160} is too involved: {error}", hint) from error
        if ways > self.max_ways:
            raise _refused(f"{self.key}: {self.text!r:.160} is too involved", hint)
        return ways


def _check_patterns(config: AdapterConfig) -> None:
    """Regular expressions hold up the whole process while they match: keep to those that finish quickly."""
    together = 0
    for pattern in _patterns(config):
        together += pattern.ways()
        if together > MAX_WAYS_TOGETHER:
            raise _refused(f"{pattern.key}: its patterns together are too involved", "Write fewer, or fewer * and +.")


def _patterns(config: AdapterConfig) -> Iterator[_Pattern]:
    for key in ("target_modules", "exclude_modules", "feedforward_modules"):
        value = config.document.get(key)
        if isinstance(value, str):  # lists of these hold names, not patterns
            yield _Pattern(key, value, value, MAX_TARGET_PATTERN, MAX_TARGET_WAYS)
    for key, form in _FORMS.items():
        value = config.document.get(key)
        for text in [value] if isinstance(value, str) else value if isinstance(value, list | dict) else ():
            yield _Pattern(key, str(text), form.format(text))


def _refused(what: str, hint: str) -> AdmissionRefused:
    return AdmissionRefused(f"{CONFIG}: {what}", hint)
