"""From a recipe's ``[method]`` to PEFT's configuration, one builder a kind, and to what a manifest says of it.

Knows what PEFT calls things and which methods a task can take, and refuses prompts that leave no room for the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from peft import IA3Config, LoraConfig, PeftConfig, PrefixTuningConfig, PromptTuningConfig
from peft.utils.constants import DUMMY_TARGET_MODULES
from peft.utils.other import get_pattern_key
from torch import nn

from adapterhub.errors import RecipeError
from adapterhub.recipe import Adapting, Head, Ia3, Lora, Method, Prefix, Prompt
from adapterhub.recipe.method import kind_of
from adapterhub.tasks import Task
from adapterhub.tasks.heads import WRITES
from adapterhub.train.model.targets import refuse_unused_patterns, selected, targets_of

MANIFEST_KINDS: Mapping[str, str] = {
    "lora": "lora",
    "prefix": "prefix-tuning",
    "prompt": "prompt-tuning",
    "ia3": "ia3",
    "head": "head",
}
"""A recipe's word → the manifest's."""

PROMPT_INITS = {"random": "RANDOM", "vocabulary": "SAMPLE_VOCAB"}


def peft_config(method: Adapting, task: Task, model: nn.Module, head: Sequence[str] = ()) -> PeftConfig:
    """PEFT's configuration for `method` on `model`; `head` names modules to be trained and saved whole.

    Raises:
        RecipeError: the method does not fit the model.
    """
    config = METHODS[kind_of(method)](method, task, model)
    config.modules_to_save = list(head) or None
    return config


def refuse_unfit(method: Method, task: Task) -> None:
    """Refuse a method that the task cannot take on any base.

    Raises:
        RecipeError: so it is.
    """
    if isinstance(method, Prefix | Prompt) and task.peft_task_type is None:
        raise RecipeError(
            f"method.kind: peft puts no {kind_of(method)} before the rows of {task.name}", "Choose another method.kind."
        )
    if isinstance(method, Head) and task.head_kind in (*WRITES, "none"):
        raise RecipeError(f"method.kind: {task.name} has no head of its own to train", "Choose another method.kind.")


def manifest_method(method: Method, saved: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest's account of a method that left an adapter.

    Ranks and scales are those `saved` in the adapter's own configuration, to which initialisations are converted.
    """
    options: dict[str, Any] = msgspec.to_builtins(method)
    account: dict[str, Any] = {"kind": MANIFEST_KINDS[options.pop("kind")], "rank": None, "alpha": None}
    account["targets"] = options.pop("targets", None)
    if isinstance(method, Lora):
        account |= {"rank": saved["r"], "alpha": saved["lora_alpha"]}
        options = {key: value for key, value in options.items() if key not in ("rank", "alpha")}
        options |= {key: saved[key] or {} for key in ("rank_pattern", "alpha_pattern")}
    return {**account, "options": options}


def _lora(method: Lora, task: Task, model: nn.Module) -> PeftConfig:
    modules = selected(method, model)
    refuse_unused_patterns("method.rank_pattern", method.rank_pattern, modules)
    refuse_unused_patterns("method.alpha_pattern", method.alpha_pattern, modules)
    if method.init is not None:
        _refuse_undecomposed(method, modules, model)
    return LoraConfig(
        task_type=task.peft_task_type,
        r=method.rank,
        lora_alpha=method.alpha if method.alpha is not None else 2 * method.rank,
        lora_dropout=method.dropout,
        target_modules=targets_of(method),
        init_lora_weights=method.init or True,
        use_rslora=method.rslora,
        use_dora=method.dora,
        rank_pattern=dict(method.rank_pattern),
        alpha_pattern=dict(method.alpha_pattern),
    )


def _refuse_undecomposed(method: Lora, modules: Sequence[str], model: nn.Module) -> None:
    """A weight has no more parts to start from than its smaller side is long."""
    for name in modules:
        key = get_pattern_key(list(method.rank_pattern), name)
        rank = method.rank_pattern.get(key, method.rank)
        parts = min(model.get_submodule(name).weight.shape)  # type: ignore[arg-type]
        if rank > parts:
            place = f"rank_pattern.{key}" if key in method.rank_pattern else "rank"
            raise RecipeError(
                f"method.{place}: {rank}, but the weight of {name} has {parts} parts for {method.init} to start from",
                f"Lower it to {parts} or less, or leave method.init out.",
            )


def _prefix(method: Prefix, task: Task, model: nn.Module) -> PeftConfig:
    return PrefixTuningConfig(
        task_type=task.peft_task_type,
        num_virtual_tokens=method.length,
        prefix_projection=method.projection is not None,
        encoder_hidden_size=method.projection,
    )


def _prompt(method: Prompt, task: Task, model: nn.Module) -> PeftConfig:
    return PromptTuningConfig(
        task_type=task.peft_task_type,
        num_virtual_tokens=method.length,
        prompt_tuning_init=PROMPT_INITS[method.init],
    )


def _ia3(method: Ia3, task: Task, model: nn.Module) -> PeftConfig:
    modules = selected(method, model)
    for ending in method.feedforward:
        if not any(module.endswith(ending) for module in modules):
            raise RecipeError(
                f"method.feedforward: {ending!r} ends none of the adapted modules",
                f"They are {modules[0]} and {len(modules) - 1} more.",
            )
    return IA3Config(
        task_type=task.peft_task_type, target_modules=targets_of(method), feedforward_modules=list(method.feedforward)
    )


def _head(method: Head, task: Task, model: nn.Module) -> PeftConfig:
    """LoRA on no module at all, by the targets that PEFT itself gives an adapter which has none."""
    return LoraConfig(task_type=task.peft_task_type, target_modules=DUMMY_TARGET_MODULES)


METHODS: Mapping[str, Callable[[Any, Task, nn.Module], PeftConfig]] = {
    "lora": _lora,
    "prefix": _prefix,
    "prompt": _prompt,
    "ia3": _ia3,
    "head": _head,
}


def refuse_long_rows(method: Method, task: Task, model: nn.Module) -> None:
    """The longest row, and the virtual tokens before it, must find a position each; else RecipeError."""
    room = positions(model)
    longest = task.longest_input
    if isinstance(method, Prefix | Prompt) and room is not None and method.length + longest > room:
        raise RecipeError(
            f"method.length: {method.length} virtual tokens + max_length {longest} exceed the base's {room} positions",
            f"Lower one of them, for example task.options.max_length to {room - method.length}."
            if method.length < room
            else f"Lower it well below {room}.",
        )
    if room is not None and longest > room:
        raise RecipeError(
            f"task.options.max_length: {longest} exceeds the base's {room} positions", f"Lower it to {room} or less."
        )


def room_behind(method: Method, model: nn.Module) -> int | None:
    """Positions that are left for a row behind the method's virtual tokens; None where there is no bound."""
    room = positions(model)
    taken = method.length if isinstance(method, Prefix | Prompt) else 0
    return None if room is None else room - taken


def positions(model: nn.Module) -> int | None:
    """How many positions a row may take; RoBERTa-like models leave those up to the padding's unused."""
    config: Any = model.config
    room = getattr(config, "max_position_embeddings", None)
    if not isinstance(room, int) or room < 1:
        return None
    embeddings = getattr(getattr(model, str(model.base_model_prefix), None), "embeddings", None)
    unused = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    return room if unused is None else room - unused - 1
