"""A recipe: one TOML file that says everything one training run needs, so that the run can be repeated."""

from adapterhub.recipe.data import Data, Format, HubData, MaxRows, Split
from adapterhub.recipe.part import Part, unknown_key
from adapterhub.recipe.recipe import Base, EarlyStopping, Lora, Prefix, Recipe, TaskChoice, Training

__all__ = [
    "Base",
    "Data",
    "EarlyStopping",
    "Format",
    "HubData",
    "Lora",
    "MaxRows",
    "Part",
    "Prefix",
    "Recipe",
    "Split",
    "TaskChoice",
    "Training",
    "unknown_key",
]
