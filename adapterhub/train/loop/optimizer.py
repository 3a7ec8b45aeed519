"""The optimizer of a run: which trained tensors change at which rate, and which decay.

Knows the parts that a recipe gives rates of their own. Schedules scale all of them alike and are the Trainer's.
"""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel

from adapterhub.recipe import Lora, Method, Training
from adapterhub.train.model.trainee import trainable


def optimizer_of(model: Any, training: Training, method: Method) -> torch.optim.Optimizer:
    """Adapter (or base) and head each at its rate; weight decay for matrices only.

    LoRA+ (Hayou et al. 2024, arXiv 2402.12354) is a faster rate for each B, here for B alone: PEFT's own optimizer of
    that name gives it to biases too, the head's among them.
    """
    faster = method.rate_ratio if isinstance(method, Lora) else 1.0
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in trainable(model).items():
        rate = (training.head_learning_rate if in_head(model, name) else None) or training.learning_rate
        rate *= faster if ".lora_B." in name else 1.0
        decay = training.weight_decay if parameter.dim() > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    parameters = [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in groups.items()]
    if training.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=0.9)
    return torch.optim.AdamW(parameters)


def in_head(model: Any, name: str) -> bool:
    """Whether this trained tensor is of the task's head: what PEFT saves whole, or what is outside of a plain base."""
    if isinstance(model, PeftModel):
        return ".modules_to_save." in name
    return not name.startswith(f"{model.base_model_prefix}.")
