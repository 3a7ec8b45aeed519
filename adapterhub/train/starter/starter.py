"""A first recipe for rows that have none: `starter`.

Knows what can be read off: how many rows and labels there are, how long the rows are, which linear modules the base's
layers hold. What cannot be (rank, rates, epochs) starts from what did well in the recipes that this project ships, and
a comment says so. Head and loss are the task's own. No weights are loaded: the base is built on the meta device, where
it costs no memory. How all of it is written down is known by `text`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import nn
from transformers import AutoConfig, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from adapterhub.backbone import locate
from adapterhub.backbone.quiet import quiet
from adapterhub.errors import BackboneError, RecipeError
from adapterhub.recipe import Base, Data, Recipe, TaskChoice
from adapterhub.tasks import Task, get_task
from adapterhub.tasks.data import DataRow, read_splits
from adapterhub.tasks.data.sampling import labels_in
from adapterhub.tasks.heads import WRITES
from adapterhub.train.model.methods import positions
from adapterhub.train.model.targets import in_layers
from adapterhub.train.starter.text import Plan, written

BASES: Mapping[str, str] = {"causal-lm": "HuggingFaceTB/SmolLM2-135M-Instruct", "seq2seq-lm": ""}
ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
LENGTHS = (32, 64, 128, 256, 384, 512)
FEW = 0.2  # of the rows, which may be dropped unasked
SAMPLE = 2000  # rows that are measured
COVERED = 0.99  # of them fit whole
STEPS = 500  # that a run makes at least, where that takes no more than `EPOCHS` of them
EPOCHS = (3, 20)
SMALL = 200_000_000  # parameters: what the rates were measured with; larger bases want smaller steps


@dataclass(frozen=True)
class Starter:
    """A recipe's text, and what was found on the way.

    Attributes:
        rows: how many of each split.
        labels: how many training rows (or tokens) have each; empty where the task has no classes.
        overlap: how many rows of one split are nearly in another.
    """

    text: str
    rows: Mapping[str, int]
    labels: Mapping[str, int]
    overlap: int


def default_base(task: Task) -> str:
    """The base that a package ships for tasks of this kind.

    Raises:
        RecipeError: there is none.
    """
    base = BASES.get(task.head_kind, ENCODER)
    if not base:
        raise RecipeError(f"base.id: no package ships a base for {task.name}", "Name one: --base OWNER/NAME.")
    return base


def starter(name: str, licence: str, choice: TaskChoice, data: Data, base: Base) -> Starter:
    """A recipe called `name` that trains the chosen task on these rows, from this base.

    Rows of one split that are nearly in another are dropped where they are few, and else kept and counted, whatever
    `data` says of them: where most rows are alike, that is how these rows are.

    Raises:
        RecipeError, DataError, BackboneError, MissingDependency: what is named is wrong or missing.
    """
    reader = get_task(choice.name, choice.options)
    data = msgspec.structs.replace(data, leakage="warn")
    splits = read_splits(data, reader)
    overlap = len(splits.leakage.leaks)
    if 0 < overlap <= FEW * (len(splits.train) + len(splits.validation)):
        data = msgspec.structs.replace(data, leakage="drop-train")
        splits = read_splits(data, reader)
    folder = locate(base.id, base.path, base.revision).folder
    choice = _pooled(choice, folder)
    task = get_task(choice.name, choice.options, reader.labels_of(splits.train))
    with quiet():
        model = _on_meta(folder, task)
        options, fit = _options(choice, task, splits.train, folder, positions(model))
    labels = Counter(label for row in splits.train for label in labels_in(row, task)) if task.has_classes else {}
    batch_size = 16 if len(splits.train) < 1000 or task.head_kind in WRITES else 32
    plan = Plan(
        name=name,
        licence=licence,
        base=base,
        task=task,
        options=options,
        fit=fit,
        data=data,
        splits=splits,
        overlap=overlap,
        labels=labels,
        targets=in_layers(model),
        rates=_rates(model, task),
        batch_size=batch_size,
        epochs=_epochs(len(splits.train), batch_size),
    )
    text = written(plan)
    Recipe.parse(text, name)  # what is written can be read
    return Starter(text, {part: len(rows) for part, rows in splits.items()}, labels, overlap)


def _pooled(choice: TaskChoice, folder: Path) -> TaskChoice:
    """With `pooling` = "mean" where the task offers it and the base says that it was made to be read so."""
    said = folder / "1_Pooling" / "config.json"  # as sentence-transformers lays a model out
    if "pooling" in choice.options or not said.is_file():
        return choice
    if not json.loads(said.read_text(encoding="utf-8")).get("pooling_mode_mean_tokens"):
        return choice
    pooled = {**choice.options, "pooling": "mean"}
    try:
        get_task(choice.name, pooled)
    except RecipeError:
        return choice
    return msgspec.structs.replace(choice, options=pooled)


def _on_meta(folder: Path, task: Task) -> nn.Module:
    """The task's model without weights.

    Raises:
        BackboneError: the base has no such head, or where text is to be written, was not saved with it.
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    writer = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type)
    if task.head_kind == "causal-lm" and writer not in (config.architectures or []):
        saved = " or ".join(config.architectures or ["a base of no named class"])
        raise BackboneError(
            f"{folder.name} is no decoder that {task.name} could write with: it was saved as {saved}",
            f"Choose a base that was saved with its language-model head, or leave it to {BASES[task.head_kind]}.",
        )
    try:
        with torch.device("meta"):
            model: nn.Module = task.model_class().from_config(config)
    except ValueError as error:
        raise BackboneError(
            f"{folder.name} has no head for {task.name}: {str(error)[:200]}", "Choose another base."
        ) from error
    return model


def _options(
    choice: TaskChoice, task: Task, rows: Sequence[DataRow], folder: Path, room: int | None
) -> tuple[dict[str, Any], str]:
    """The task's options with a `max_length` that the rows need, and how they fit into it.

    A task that reads windows of a row cuts nothing off: its own length stays, where the base has room for it.

    Raises:
        BackboneError: the base's positions, of which there is `room`, are too few.
    """
    known = task.options.__struct_fields__
    if "max_length" not in known or "max_length" in choice.options:
        return dict(choice.options), ""
    most = min(room - (task.longest_input - task.options.max_length) if room else LENGTHS[-1], LENGTHS[-1])
    if "stride" in known:
        length = min(task.options.max_length, most)
        overlap = {"stride": length // 3} if task.options.stride >= length // 2 else {}
        return {**choice.options, "max_length": length, **overlap}, "tokens; longer rows are read in windows"
    try:
        roomy = get_task(choice.name, {**choice.options, "max_length": most}, task.labels)
    except RecipeError as error:
        raise BackboneError(
            f"{folder.name} has {room} positions, which leave {most} for what a row of {task.name} reads: too few",
            "Choose a base of more positions, or let less be written: --option 'sampling={max_new_tokens=16}'."
            if task.head_kind in WRITES
            else "Choose a base of more positions.",
        ) from error
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    encoded = roomy.encode([roomy.question(row) for row in rows[:SAMPLE]], tokenizer)
    inputs = sorted((len(one.input_ids), one.truncated) for row in encoded for one in row)
    longest, cut = inputs[math.ceil(COVERED * len(inputs)) - 1]
    if cut:
        share = sum(truncated for _, truncated in inputs) / len(inputs)
        return {**choice.options, "max_length": most}, f"tokens; {share:.0%} of the training rows are longer, and cut"
    fitting = next((length for length in LENGTHS if length >= longest), most)
    fit = f"tokens; {COVERED:.0%} of the training rows have {longest} or fewer"
    return {**choice.options, "max_length": min(fitting, most)}, fit


def _rates(model: nn.Module, task: Task) -> tuple[str, str | None]:
    """The adapter's learning rate and the head's; None where the head is the base's own."""
    small = sum(parameter.numel() for parameter in model.parameters()) < SMALL
    if task.head_kind in WRITES:
        return "1e-3" if small else "5e-4", None
    return ("2e-3", "1e-2") if small else ("5e-4", "2e-3")


def _epochs(rows: int, batch_size: int) -> int:
    fewest, most = EPOCHS
    return max(fewest, min(most, math.ceil(STEPS / math.ceil(rows / batch_size))))
