"""How a first recipe is written: TOML for people, each choice with its reason beside it.

Knows the form alone; what stands there is decided by `starter`. Strings are written as JSON writes them, which TOML
reads the same way.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapterhub.recipe import Base, Data
from adapterhub.tasks import Task
from adapterhub.tasks.data import Splits

UNEVEN = 5  # times as many rows of one label as of another: class weights are worth a try
MANY = 2000  # training rows: more than a first look needs


@dataclass(frozen=True)
class Plan:
    """What a first recipe says.

    Attributes:
        fit: how the training rows fit into the options, for people.
        overlap: rows of one split that are nearly in another.
        labels: how often each occurs in the training rows.
        rates: the adapter's learning rate and the head's, as TOML writes them.
    """

    name: str
    licence: str
    base: Base
    task: Task
    options: Mapping[str, Any]
    fit: str
    data: Data
    splits: Splits
    overlap: int
    labels: Mapping[str, int]
    targets: Sequence[str]
    rates: tuple[str, str | None]
    batch_size: int
    epochs: int


def written(plan: Plan) -> str:
    """The recipe's text."""
    return "\n".join([*_heading(plan), *_base(plan), *_task(plan), *_data(plan), *_method(plan), *_training(plan), ""])


def _heading(plan: Plan) -> list[str]:
    return [
        f"# LoRA for {plan.task.name} on {plan.base.id}: a first recipe, made by adapterhub new.",
        "#",
        f"#   adapterhub train {plan.name}.toml",
        "#",
        "# What the rows and the base tell is chosen by it; rank, rates and epochs are a start to try from.",
        "",
        _line("name", plan.name),
        _line("licence", plan.licence, "of the adapter, as the Hub calls licences: apache-2.0, mit, cc-by-4.0"),
        '# languages = ["en"]',
        '# init_from = "acme/name@1.0.0"  # start from a published version',
        "",
    ]


def _base(plan: Plan) -> list[str]:
    path = [_line("path", plan.base.path, "on this machine; the manifest leaves it out")] if plan.base.path else []
    return ["[base]", _line("id", plan.base.id), *path, ""]


def _task(plan: Plan) -> list[str]:
    options = [_line("options", plan.options, plan.fit)] if plan.options else []
    return ["[task]", _line("name", plan.task.name, "head, loss and metrics come with it"), *options, ""]


def _data(plan: Plan) -> list[str]:
    data, counts = plan.data, {part: len(rows) for part, rows in plan.splits.items()}
    lines = ["[data]", _line("name", data.name), _line("licence", data.licence, "of the rows")]
    if data.split is not None:
        shares = {"validation": data.split.validation, "test": data.split.test}
        why = "by a hash of each row's input: " + ", ".join(f"{count} {part}" for part, count in counts.items())
        lines += [_line("file", data.file), _line("split", shares, why)]
    else:
        lines += [_line(part, getattr(data, part), f"{count} rows") for part, count in counts.items()]
    if data.format is not None:
        lines.append(_line("format", data.format))
    if data.columns:
        lines.append(_line("columns", data.columns, "the task's = the file's"))
    if counts["train"] > MANY:
        lines.append(f"# max_rows = {{ train = {MANY} }}  # a first look costs less")
    if plan.overlap:
        other = {"drop-train": '"warn" keeps them', "warn": '"drop-train" leaves them out'}[data.leakage]
        why = f"rows that are nearly in a split that counts for more: {plan.overlap}; {other}"
        lines.append(_line("leakage", data.leakage, why))
    return [*lines, ""]


def _method(plan: Plan) -> list[str]:
    return [
        "[method]",
        _line("kind", "lora"),
        _line("rank", 8, "4 for little data, 16 or more for much"),
        _line("alpha", 16, "twice the rank is usual"),
        _line("dropout", 0.05),
        _line("targets", list(plan.targets), "all linear modules of the layers; fewer are faster"),
        "",
    ]


def _training(plan: Plan) -> list[str]:
    rate, head_rate = plan.rates
    steps = math.ceil(len(plan.splits.train) / plan.batch_size)
    lines = ["[training]", f"learning_rate = {rate}"]
    if head_rate is not None:
        lines.append(f"head_learning_rate = {head_rate}  # the head starts from nothing")
    lines += [
        _line("schedule", "cosine"),
        _line("epochs", plan.epochs, f"at most, of {steps} steps each; the best by {plan.task.primary_metric} is kept"),
        _line("batch_size", plan.batch_size),
        _line("early_stopping", {"patience": 3}, f"epochs without a better validation {plan.task.primary_metric}"),
    ]
    if plan.labels and max(plan.labels.values()) >= UNEVEN * min(plan.labels.values()):
        rarest = min(plan.labels, key=lambda label: plan.labels[label])
        most = max(plan.labels, key=lambda label: plan.labels[label])
        why = f"{json.dumps(rarest)} occurs {plan.labels[rarest]}×, {json.dumps(most)} {plan.labels[most]}×"
        lines.append(f'# class_weights = "balanced"  # {why}')
    if plan.task.smooths_labels and plan.labels:
        lines.append("# label_smoothing = 0.1  # where labels are noisy, or many")
    return [*lines, _line("seed", 0)]


def _line(key: str, value: Any, why: str = "") -> str:
    return f"{key} = {_toml(value)}" + (f"  # {why}" if why else "")


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else json.dumps(key, ensure_ascii=False)
