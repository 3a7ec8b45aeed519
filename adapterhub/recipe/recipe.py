"""A recipe: one TOML file that says everything one training run needs, so that the run can be repeated.

Knows the document's keys, their types and ranges, and which of them exclude each other. Refuses to know what a task
does with its options, where a base's files are, or how anything is trained: those read the values made here.

::

    name = "sms-spam-lora"            # what the run is called
    licence = "apache-2.0"            # of the adapter; the Hub's identifiers
    init_from = "acme/spam@1.2.0"     # optional: start from a published version instead of from nothing
    [base] id, path, revision
    [task] name, [task.options]       # options are the task's own
    [data] name, licence, columns, either train + validation + test or file + split, and more: see data.py
    [method] kind and what that kind takes, see method.py
    [training] optimizer, schedule, lengths, seed, [training.early_stopping]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from adapterhub.errors import RecipeError
from adapterhub.recipe import method
from adapterhub.recipe.data import Data, HubData, MaxRows, Split
from adapterhub.recipe.method import Full, Lora, Method
from adapterhub.recipe.part import BelowOne, Count, Name, NotNegative, Part, Positive, Seed, unknown_key


class Base(Part, frozen=True, kw_only=True):
    """The backbone to adapt: its Hub id, and where its files are if not in a package or the Hub cache."""

    id: Name
    path: str | None = None
    revision: str | None = None


class TaskChoice(Part, frozen=True, kw_only=True):
    """The task by its Hub pipeline tag, and the options that task defines."""

    name: Name
    options: dict[str, Any] = field(default_factory=dict)


class EarlyStopping(Part, frozen=True, kw_only=True):
    """Stop after `patience` epochs without a better validation `metric` (the task's primary one if unnamed)."""

    patience: Count
    metric: str | None = None


class Training(Part, frozen=True, kw_only=True):
    """How the loop runs. Rates are per optimizer step; `warmup` is the share of steps with a rising rate.

    `head_learning_rate` is the task head's own rate where it should differ. `class_weights` are factors of each label's
    loss: given ones (1 where a label has none), or "balanced", inverse to how often each label is there to be learned.
    The best epoch by the validation metric is what a run ends with. `precision` is that of the products in a training
    step (autocast): bfloat16 is faster where the processor knows it. What is measured and saved is float32.
    """

    learning_rate: Positive
    head_learning_rate: Positive | None = None
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: BelowOne = 0.06
    epochs: Count
    batch_size: Count = 32
    gradient_accumulation: Count = 1
    weight_decay: NotNegative = 0.0
    max_grad_norm: Positive = 1.0
    label_smoothing: BelowOne = 0.0
    class_weights: Literal["balanced"] | dict[str, Positive] | None = None
    early_stopping: EarlyStopping | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: Seed = 0


class Recipe(Part, frozen=True, kw_only=True):
    """A whole recipe. `text` is the document it was read from."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    licence: Name
    base: Base
    task: TaskChoice
    data: Data
    method: Method
    training: Training
    languages: list[Name] = field(default_factory=list)
    init_from: Name | None = None
    text: str = ""

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read the recipe at `path`.

        Raises:
            RecipeError: there is no such file, or it is not a valid recipe.
        """
        return cls.parse(text_of(path), str(path))

    @classmethod
    def parse(cls, text: str, origin: str = "recipe") -> Recipe:
        """Read a recipe from `text`; `origin` names it in errors.

        Raises:
            RecipeError: the place in the document, what is wrong there, and the nearest known key.
        """
        document = document_of(text, origin)
        if "search" in document:
            raise RecipeError(f"{origin}: search: is for `adapterhub tune`", "Train the best.toml that it writes.")
        _refuse_unknown_keys(document, origin)
        try:
            recipe = msgspec.convert(document, cls)
        except msgspec.ValidationError as error:
            raise _described(error, origin) from error
        _refuse_contradictions(recipe, origin)
        return msgspec.structs.replace(recipe, text=text)

    def portable_text(self) -> str:
        """The document without ``base.path``, which is a matter of one machine: what a manifest keeps.

        Raises:
            RecipeError: the path stands inside an inline table, where it cannot be taken out without rewriting it.
        """
        if self.base.path is None:
            return self.text
        table = re.search(r"^\s*\[\s*base\s*\][^\n]*\n(?:(?!\s*\[).*\n?)*", self.text, re.MULTILINE)
        kept = self.text
        if table:
            without = re.sub(r"^\s*path\s*=.*\n?", "", table.group(), count=1, flags=re.MULTILINE)
            kept = self.text[: table.start()] + without + self.text[table.end() :]
        if "path" in tomllib.loads(kept)["base"]:
            raise RecipeError("base.path: cannot be left out of the manifest", "Write path on its own line of [base].")
        return kept


def text_of(path: Path) -> str:
    """The text of the recipe at `path`, whatever it says.

    Raises:
        RecipeError: there is no such file, or it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")  # a byte order mark, as Windows' editors write it, is no TOML
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}", "Name a recipe file (TOML, UTF-8).") from error


def document_of(text: str, origin: str) -> dict[str, Any]:
    """The document that `text` is; `origin` names it in errors.

    Raises:
        RecipeError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{origin}: not TOML: {error}", "See https://toml.io for the format.") from error


def _refuse_unknown_keys(document: Mapping[str, Any], origin: str) -> None:
    known = {
        "": _fields(Recipe) - {"text"},
        "base": _fields(Base),
        "task": _fields(TaskChoice),
        "data": _fields(Data),
        "data.split": _fields(Split),
        "data.hub": _fields(HubData),
        "data.max_rows": _fields(MaxRows),
        "method": method.known_keys(document.get("method")),
        "training": _fields(Training),
        "training.early_stopping": _fields(EarlyStopping),
    }
    for place, keys in known.items():
        table: Any = document
        for step in filter(None, place.split(".")):
            table = table.get(step) if isinstance(table, Mapping) else None
        for key in table if isinstance(table, Mapping) else ():
            if key not in keys:
                raise unknown_key(origin, f"{place}.{key}".lstrip("."), keys)


def _fields(part: type[Part]) -> set[str]:
    return set(part.__struct_fields__)


def _described(error: msgspec.ValidationError, origin: str) -> RecipeError:
    """msgspec's "Expected `int`, got `str` - at `$.training.epochs`" in the words of this module."""
    what, _, where = str(error).partition(" - at `$")
    place = where.rstrip("`").lstrip(".")
    missing = re.search(r"missing required field `(\w+)`", what)
    if missing:
        place = f"{place}.{missing.group(1)}" if place else missing.group(1)
        return RecipeError(f"{origin}: {place}: missing", "Add it; see the recipes shipped in recipes/ for examples.")
    kind = re.search(r"Invalid value '(.*)'", what)
    if kind and place.startswith("method"):
        return method.unknown_kind(kind.group(1), origin)
    where = place or "document"
    return RecipeError(f"{origin}: {where}: {what[0].lower()}{what[1:]}", "Correct the value there.")


def _refuse_contradictions(recipe: Recipe, origin: str) -> None:
    recipe.data.refuse_contradictions(origin)
    method.refuse_contradictions(recipe.method, origin)
    if recipe.init_from is None:
        return
    if isinstance(recipe.method, Full):
        raise RecipeError(f"{origin}: init_from: full fine-tuning starts from the base", "Leave it out.")
    if isinstance(recipe.method, Lora) and recipe.method.init is not None:
        raise RecipeError(
            f"{origin}: init_from: excludes method.init, which says where to start from too", "Choose one of the two."
        )
