"""Training: from a recipe to an adapter folder. Importing this package brings no torch; calling `train` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapterhub.errors import RunError
from adapterhub.train.run import TrainingInterrupted, TrainingResult

if TYPE_CHECKING:
    from adapterhub.train.trainer import train

__all__ = ["RunError", "TrainingInterrupted", "TrainingResult", "train"]


def __getattr__(name: str) -> Any:
    """``train`` on first use: it brings torch, transformers and peft."""
    if name == "train":
        from adapterhub.train.trainer import train

        return train
    raise AttributeError(name)
