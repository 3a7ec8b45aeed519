"""Which modules of a model the targets of a recipe name, matched as PEFT matches them.

What PEFT would let pass is refused: targets that match nothing or reach outside the layers, patterns that match no
module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import structs
from torch import nn
from transformers.pytorch_utils import Conv1D

from adapterhub.errors import RecipeError
from adapterhub.recipe import Ia3, Lora

IN_LAYER = re.compile(r"^.*\.\d+\.")
"""What comes before a module's name within its numbered layer."""


def targets_of(method: Lora | Ia3) -> list[str] | str:
    """The targets as PEFT takes them: a list of endings, or an expression over the whole name of a module."""
    if isinstance(method.targets, str) or method.layers is None:
        return method.targets
    layers = "|".join(str(layer) for layer in method.layers)
    names = "|".join(re.escape(name) for name in method.targets)
    return rf"(?:.*\.)?(?:{layers})\.(?:.*\.)?(?:{names})"


def selected(method: Lora | Ia3, model: nn.Module) -> list[str]:
    """Names of the linear modules that PEFT will adapt; each is in a numbered layer.

    A suffix such as ``dense`` also matches BERT's ``pooler.dense``, which is no part of the layers.

    Raises:
        RecipeError: a layer is not there, or a target matches no linear module, or one outside of the layers.
    """
    linear = _linear(model)
    _refuse_missing_layers(method, model, linear)
    alone = {target: targets_of(structs.replace(method, targets=[target])) for target in _listed(method)}
    unused = [target for target in alone if not any(_matches(name, alone[target]) for name in linear)]
    found = [name for name in linear if _matches(name, targets_of(method))]
    if unused or not found:
        missing = ", ".join(map(repr, unused)) or repr(method.targets)
        where = "" if method.layers is None else f" in layers {', '.join(map(str, method.layers))}"
        raise RecipeError(
            f"method.targets: no linear module of {type(model).__name__} matches {missing}{where}",
            f"Its layers hold: {', '.join(sorted(in_layers(model)))}.",
        )
    for name in found:
        if not IN_LAYER.search(name):
            raise RecipeError(
                f"method.targets: also matches {name}, which is outside of the layers",
                "Name the modules precisely, for example attention.output.dense instead of dense.",
            )
    return found


def _refuse_missing_layers(method: Lora | Ia3, model: nn.Module, linear: list[str]) -> None:
    numbers = {int(part) for name in linear for part in name.split(".") if part.isdigit()}
    missing = [layer for layer in method.layers or () if layer not in numbers]
    if missing and numbers:
        raise RecipeError(
            f"method.layers: {type(model).__name__} has no layer {missing[0]}",
            f"It has {max(numbers) + 1}, counted from 0.",
        )


def _listed(method: Lora | Ia3) -> list[str]:
    """The endings that `targets` lists; none where it is an expression."""
    return [] if isinstance(method.targets, str) else method.targets


def in_layers(model: nn.Module) -> list[str]:
    """What the linear modules of the numbered layers are called there, in the model's order."""
    return list(dict.fromkeys(IN_LAYER.sub("", name) for name in _linear(model) if IN_LAYER.search(name)))


def _linear(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]


def _matches(name: str, targets: list[str] | str) -> bool:
    """PEFT's rule: an expression matches the whole name, a list's entry equals it or ends it after a dot."""
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(name == target or name.endswith(f".{target}") for target in targets)


def refuse_unused_patterns(place: str, pattern: Mapping[str, int], selected: list[str]) -> None:
    """Raise RecipeError for a key of a pattern that PEFT would find no module for."""
    for key in pattern:
        if not any(re.match(rf"(.*\.)?({key})$", name) for name in selected):
            raise RecipeError(
                f"{place}.{key}: matches none of the adapted modules",
                f"They are {selected[0]} and {len(selected) - 1} more; a key is an ending or an expression.",
            )
