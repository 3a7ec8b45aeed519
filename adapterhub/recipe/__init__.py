"""A recipe: one TOML file that says everything one training run needs, so that the run can be repeated."""

from adapterhub.recipe.data import Data, Format, HubData, MaxRows, Split
from adapterhub.recipe.method import Adapting, Full, Head, Ia3, Lora, Method, Prefix, Prompt
from adapterhub.recipe.part import Part, unknown_key
from adapterhub.recipe.recipe import Base, EarlyStopping, Recipe, TaskChoice, Training

__all__ = [
    "Adapting",
    "Base",
    "Data",
    "EarlyStopping",
    "Format",
    "Full",
    "Head",
    "HubData",
    "Ia3",
    "Lora",
    "MaxRows",
    "Method",
    "Part",
    "Prefix",
    "Prompt",
    "Recipe",
    "Split",
    "TaskChoice",
    "Training",
    "unknown_key",
]
