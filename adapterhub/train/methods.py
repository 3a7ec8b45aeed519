"""From a recipe's ``[method]`` to PEFT's configuration, one builder a kind, and to what a manifest says of it.

Knows what PEFT calls things, and checks against the model what PEFT would let pass: targets that match nothing or reach
outside the layers, patterns that match no module, prefixes that leave no room for the text. Initialisations that change
the base (PiSSA, OLoRA, LoftQ) are not offered: what they train cannot be served beside the base's own weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from peft import LoraConfig, PeftConfig, PrefixTuningConfig
from torch import nn
from transformers.pytorch_utils import Conv1D

from adapterhub.errors import RecipeError
from adapterhub.recipe import Adapting, Lora, Method, Prefix
from adapterhub.recipe.method import kind_of
from adapterhub.tasks import Task


def peft_config(method: Adapting, task: Task, model: nn.Module, head: Sequence[str] = ()) -> PeftConfig:
    """PEFT's configuration for `method` on `model`; `head` names modules to be trained and saved whole.

    Raises:
        RecipeError: the method does not fit the model.
    """
    config = METHODS[kind_of(method)](method, task, model)
    config.modules_to_save = list(head) or None
    return config


def manifest_method(method: Method) -> dict[str, Any]:
    """The manifest's account of a method that ended in an adapter."""
    options: dict[str, Any] = msgspec.to_builtins(method)
    account: dict[str, Any] = {
        "kind": MANIFEST_KINDS[options.pop("kind")],
        "rank": None,
        "alpha": None,
        "targets": None,
    }
    if isinstance(method, Lora):
        options.pop("alpha")
        account |= {"rank": options.pop("rank"), "alpha": alpha_of(method), "targets": options.pop("targets")}
    return {**account, "options": options}


def alpha_of(method: Lora) -> int:
    """The scale that LoRA's update is multiplied with, times the rank; twice the rank where the recipe says none."""
    return method.alpha if method.alpha is not None else 2 * method.rank


def _lora(method: Lora, task: Task, model: nn.Module) -> PeftConfig:
    targets = _targets(method)
    selected = _selected(targets, model)
    _refuse_unused_patterns("method.rank_pattern", method.rank_pattern, selected)
    _refuse_unused_patterns("method.alpha_pattern", method.alpha_pattern, selected)
    return LoraConfig(
        task_type=task.peft_task_type,
        r=method.rank,
        lora_alpha=alpha_of(method),
        lora_dropout=method.dropout,
        target_modules=targets,
        use_rslora=method.rslora,
        use_dora=method.dora,
        rank_pattern=dict(method.rank_pattern),
        alpha_pattern=dict(method.alpha_pattern),
    )


def _prefix(method: Prefix, task: Task, model: nn.Module) -> PeftConfig:
    if task.peft_task_type is None:
        raise RecipeError(f"method.kind: peft puts no prefix on {task.name}", "Choose another method.kind.")
    return PrefixTuningConfig(
        task_type=task.peft_task_type,
        num_virtual_tokens=method.length,
        prefix_projection=method.projection is not None,
        encoder_hidden_size=method.projection,
    )


MANIFEST_KINDS: Mapping[str, str] = {"lora": "lora", "prefix": "prefix-tuning"}
METHODS: Mapping[str, Callable[[Any, Task, nn.Module], PeftConfig]] = {"lora": _lora, "prefix": _prefix}


def refuse_long_rows(method: Method, task: Task, model: nn.Module) -> None:
    """The longest row, and the prefix before it, must find a position each; else RecipeError."""
    room = positions(model)
    longest = task.longest_input
    if isinstance(method, Prefix) and room is not None and method.length + longest > room:
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


def positions(model: nn.Module) -> int | None:
    """How many positions a row may take; RoBERTa-like models leave those up to the padding's unused."""
    config: Any = model.config
    room = getattr(config, "max_position_embeddings", None)
    if not isinstance(room, int) or room < 1:
        return None
    embeddings = getattr(getattr(model, str(model.base_model_prefix), None), "embeddings", None)
    unused = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    return room if unused is None else room - unused - 1


def _targets(method: Lora) -> list[str] | str:
    """The targets as PEFT takes them: a list of endings, or an expression over the whole name of a module."""
    if isinstance(method.targets, str) or method.layers is None:
        return method.targets
    layers = "|".join(str(layer) for layer in method.layers)
    names = "|".join(re.escape(name) for name in method.targets)
    return rf"(?:.*\.)?(?:{layers})\.(?:.*\.)?(?:{names})"


def _selected(targets: list[str] | str, model: nn.Module) -> list[str]:
    """Names of the linear modules that PEFT will adapt; each is in a numbered layer.

    A suffix such as ``dense`` also matches BERT's ``pooler.dense``, which is no part of the layers.
    """
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]
    selected = [name for name in linear if _matches(name, targets)]
    unused = [target for target in targets if not any(_matches(name, [target]) for name in linear)]
    if not selected or (isinstance(targets, list) and unused):
        endings = sorted({re.sub(r"^.*\.\d+\.", "", name) for name in linear if re.search(r"\.\d+\.", name)})
        missing = ", ".join(repr(target) for target in unused) if isinstance(targets, list) else repr(targets)
        raise RecipeError(
            f"method.targets: no linear module of {type(model).__name__} matches {missing}",
            f"Its layers hold: {', '.join(endings)}.",
        )
    for name in selected:
        if not re.search(r"\.\d+\.", name):
            raise RecipeError(
                f"method.targets: also matches {name}, which is outside of the layers",
                "Name the modules precisely, for example attention.output.dense instead of dense.",
            )
    return selected


def _matches(name: str, targets: list[str] | str) -> bool:
    """PEFT's rule: an expression matches the whole name, a list's entry equals it or ends it after a dot."""
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(name == target or name.endswith(f".{target}") for target in targets)


def _refuse_unused_patterns(place: str, pattern: Mapping[str, int], selected: list[str]) -> None:
    for key in pattern:
        if not any(re.match(rf"(.*\.)?({key})$", name) for name in selected):
            raise RecipeError(
                f"{place}.{key}: matches none of the adapted modules",
                f"They are {selected[0]} and {len(selected) - 1} more; a key is an ending or an expression.",
            )
