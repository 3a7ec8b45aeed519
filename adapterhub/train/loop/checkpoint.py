"""The trained tensors of a run in progress, exactly as they are.

A checkpoint is not an adapter: PEFT folds a prefix's projection away when it saves, which cannot be trained on. So a
checkpoint keeps every parameter that receives gradients under its own name, as safetensors.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from adapterhub.errors import DataError
from adapterhub.train.model.trainee import trainable

WEIGHTS = "trainable.safetensors"
STATE = "trainer_state.json"  # transformers writes it last, so a folder that has it is complete


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: its folder, the optimizer step it was made at, and whether training had ended there."""

    folder: Path
    step: int
    ended: bool


def save_trainable(model: nn.Module, folder: Path) -> None:
    """Write the trained tensors into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: parameter.detach().cpu().contiguous() for name, parameter in trainable(model).items()}
    save_file(tensors, folder / WEIGHTS)


def load_trainable(model: nn.Module, folder: Path) -> None:
    """Put the tensors of `folder` into the model; names and shapes are all compared before any is written.

    Raises:
        DataError: the checkpoint is damaged, or of another model or method.
    """
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{folder / WEIGHTS} cannot be read: {error}",
            "Delete this checkpoint's folder to go on from the one before it, or start the run afresh.",
        ) from error
    parameters = trainable(model)
    expected = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise DataError(f"{folder}: tensor {odd[0]} does not fit this run", "Start the run afresh in another folder.")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])


def latest(folder: Path) -> Checkpoint | None:
    """The latest complete checkpoint below `folder`; ones that were cut short while writing are removed."""
    complete = []
    for path in folder.glob("checkpoint-*"):
        step = re.fullmatch(r"checkpoint-(\d+)", path.name)
        ended = _ended(path / STATE)
        if step is None or ended is None:
            shutil.rmtree(path)
        else:
            complete.append(Checkpoint(path, int(step.group(1)), ended))
    return max(complete, key=lambda checkpoint: checkpoint.step, default=None)


def best(last: Checkpoint) -> Checkpoint:
    """The checkpoint of the best epoch, as the `last` one's record names it; the last one itself where none does."""
    step = json.loads((last.folder / STATE).read_text())["best_global_step"]
    return replace(last, folder=last.folder.parent / f"checkpoint-{step}", step=step) if step else last


def _ended(state_file: Path) -> bool | None:
    """Whether training had ended by then; None where the record is missing or cut short."""
    try:
        state = json.loads(state_file.read_text())
        control = state["stateful_callbacks"]["TrainerControl"]["args"]
        return bool(control["should_training_stop"] or state["global_step"] >= state["max_steps"])
    except (OSError, ValueError, KeyError):
        return None
