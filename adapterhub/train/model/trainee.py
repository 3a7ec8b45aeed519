"""The model that trains: a copy of the base of its own, with a fresh head and the recipe's method on it.

It is a PEFT model, or for full fine-tuning the task's model itself.

The backbone that serves is never this object. Everything that would make the saved adapter differ from what was trained
is refused here, before a step is made: head parameters that PEFT would not save, a parent that does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file
from torch import Tensor, nn

from adapterhub.errors import RecipeError
from adapterhub.plain.base import Bare, load_base, reads_last_token
from adapterhub.recipe import Adapting, Full, Lora, Method, Prompt
from adapterhub.tasks import Task
from adapterhub.train.model.methods import peft_config, refuse_long_rows

SCALING = ("lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern")
"""What of PEFT's configuration says how much tensors count, which their shapes do not show."""

KNOWN_HEADS: Mapping[str, tuple[str, ...]] = {
    "SEQ_CLS": ("classifier", "score"),
    "TOKEN_CLS": ("classifier", "score"),
    "QUESTION_ANS": ("qa_outputs",),
}
"""What PEFT saves beside the adapter by its task type."""


@dataclass(frozen=True)
class Trainee:
    """A model ready to train, its tokenizer, and the size of the backbone in it.

    `initial` are the adapter's tensors before training where the base goes without a part of its weights for them: what
    is saved is the difference.
    """

    model: Any
    tokenizer: Any
    backbone_parameters: int
    initial: Mapping[str, Tensor] | None = None

    @property
    def trainable_parameters(self) -> int:
        """How many numbers training changes, the head's included."""
        return sum(parameter.numel() for parameter in trainable(self.model).values())

    @property
    def trainable_share(self) -> float:
        """Trained parameters over the backbone's."""
        return self.trainable_parameters / self.backbone_parameters


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training changes, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def load(folder: Path, task: Task, method: Method) -> Trainee:
    """The base in `folder` in 32-bit floats, with a head for the task's labels and `method` on it.

    It lies on the accelerator where there is one (measured on CPU only).

    Raises:
        BackboneError: the base cannot be loaded with such a head, or has no padding token.
        RecipeError: the method does not fit the model, or its head would not be saved whole.
    """
    bare = load_base(folder, task)
    model = bare.model
    if isinstance(method, Prompt) and reads_last_token(model, task):
        raise RecipeError(
            f"method.kind: behind a prompt, {type(model).__name__} reads the padding of shorter rows, not their ends",
            "Choose prefix or another method.kind for this base.",
        )
    backbone = sum(parameter.numel() for parameter in getattr(model, model.base_model_prefix).parameters())
    refuse_long_rows(method, task, model)
    student = model if isinstance(method, Full) else _adapted(folder, task, method, bare)
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    initial = _initial(student) if isinstance(method, Lora) and method.init is not None else None
    return Trainee(student.to(device), bare.tokenizer, backbone, initial)


def _initial(model: Any) -> Mapping[str, Tensor]:
    """A copy of what would be saved now."""
    tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}


def _adapted(folder: Path, task: Task, method: Adapting, bare: Bare) -> Any:
    """The PEFT model over the bare one, whose base no longer trains."""
    config = peft_config(method, task, bare.model, _own_head(task, bare))
    try:
        adapted = get_peft_model(bare.model, config)
    except ValueError as error:
        raise RecipeError(
            f"method: {config.peft_type.value} cannot be used on {folder.name}: {error}", "Choose another method.kind."
        ) from error
    _refuse_unsaved(bare.made_up, adapted)
    return adapted


def _own_head(task: Task, bare: Bare) -> list[str]:
    """Modules of the head that PEFT has to be told to train and save, beyond those that it knows by the task type."""
    known = KNOWN_HEADS.get(str(task.peft_task_type), ())
    children = {name: part for name, part in bare.model.named_children() if name != bare.model.base_model_prefix}
    beside = [name for name, part in children.items() if list(part.parameters())]
    if task.peft_task_type is None:
        return beside
    return [name for name in beside if name not in known and any(key.startswith(f"{name}.") for key in bare.made_up)]


def _refuse_unsaved(made_up: frozenset[str], model: Any) -> None:
    """Whatever was made at random must be saved with the adapter, or it could never be restored."""
    saved = {name.replace(".modules_to_save.default", "") for name in trainable(model)}
    lost = sorted(name for name in made_up if not any(one.endswith(f".{name}") for one in saved))
    if lost:
        raise RecipeError(
            f"base.id: the head's {lost[0]} is in no checkpoint and PEFT would not save it",
            "Choose a base whose head is a classifier alone (BERT, RoBERTa, DistilBERT, ELECTRA, Llama, …).",
        )


def warm_start(model: Any, task: Task, parent: Path, parent_labels: tuple[str, ...]) -> None:
    """Put the parent adapter's tensors into the model; labels that the parent has not keep their fresh rows.

    The parent's labels are the first of the task's, in their order.

    Raises:
        RecipeError: the parent was made by another method, shape, scale or head.
    """
    if getattr(model.active_peft_config, "prefix_projection", False):
        raise RecipeError(
            "init_from: a prefix with projection cannot start from a saved one", "Leave method.projection out."
        )
    if task.labels[: len(parent_labels)] != parent_labels:
        raise ValueError("a parent's labels come first in the task's")
    tensors = load_file(parent / "adapter_model.safetensors")
    own = get_peft_model_state_dict(model, save_embedding_layers=False)
    odd = sorted(own.keys() ^ tensors.keys())
    if odd:
        raise RecipeError(f"init_from: tensor {odd[0]} is in only one of parent and recipe", _SAME_METHOD)
    heads = len(parent_labels)
    merged = {}
    for name, fresh in own.items():
        given, into = tensors[name], fresh.detach().clone()
        if given.shape == fresh.shape:
            into = given
        elif given.shape == (heads, *fresh.shape[1:]) and fresh.shape[0] == len(task.labels):
            into[:heads] = given
        else:
            raise RecipeError(
                f"init_from: {name} is {list(given.shape)} in the parent, {list(fresh.shape)} here", _SAME_METHOD
            )
        merged[name] = into
    _refuse_other_scale(model.active_peft_config, PeftConfig.from_pretrained(str(parent)))
    set_peft_model_state_dict(model, merged)


def _refuse_other_scale(own: PeftConfig, given: PeftConfig) -> None:
    """Tensors of the same names and shapes are another function where they are scaled otherwise."""
    for name in SCALING:
        mine, theirs = (getattr(config, name, None) or None for config in (own, given))
        if mine != theirs:
            raise RecipeError(f"init_from: the parent's {name} is {theirs}, here it is {mine}", _SAME_METHOD)


_SAME_METHOD = "Give the recipe the parent's [method]: kind, rank, alpha, targets and length must agree."
