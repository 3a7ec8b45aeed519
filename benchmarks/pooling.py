"""Which pooling should feed the classification head of all-MiniLM-L6-v2: its pooler over the first token, or the mean?

MiniLM's sentence embeddings were trained as the mean over tokens, while transformers' BERT classifier reads the first
token through the pooler. Plain `peft` can only open the latter, so it is what recipes use; this measures what that
costs. The same LoRA recipe trains twice on a part of banking77 and is scored on its validation split.

    ADAPTERHUB_DATA=… python benchmarks/pooling.py --json
"""

from __future__ import annotations

import json
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
import torch
from torch import Tensor, nn
from transformers import set_seed

from adapterhub.backbone import locate
from adapterhub.backbone.quiet import quiet
from adapterhub.evaluate import inputs_of
from adapterhub.plain.predictor import ModelPredictor
from adapterhub.recipe import Recipe
from adapterhub.tasks import get_task
from adapterhub.tasks.data import read_splits
from adapterhub.train.loop.interrupt import Interrupts
from adapterhub.train.loop.loop import Loop
from adapterhub.train.loop.objective import Objective
from adapterhub.train.loop.optimizer import optimizer_of
from adapterhub.train.loop.watch import Watch
from adapterhub.train.model import trainee
from adapterhub.train.view.progress import Silent

RECIPE = Path(__file__).parents[1] / "recipes" / "banking77-lora.toml"


class MeanPooler(nn.Module):
    """Takes the pooler's place: the mean over a row's tokens, padding left out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._mask: Tensor | None = None
        model.register_forward_pre_hook(self._remember, with_kwargs=True)

    def _remember(self, _: nn.Module, __: tuple[Any, ...], inputs: Mapping[str, Any]) -> None:
        self._mask = inputs["attention_mask"]

    def forward(self, hidden: Tensor) -> Tensor:
        """[rows, tokens, hidden] → [rows, hidden]."""
        weights = torch.ones(hidden.shape[:2]) if self._mask is None else self._mask
        weights = weights.to(hidden.dtype).unsqueeze(-1)
        return (hidden * weights).sum(1) / weights.sum(1)


def first_token(model: Any) -> None:
    """Leave the model as transformers has it."""


def mean(model: Any) -> None:
    """Pool by the mean."""
    bert = model.get_base_model().bert
    bert.pooler = MeanPooler(bert)


def measure(pooling: Callable[[Any], None], rows: int, epochs: int) -> dict[str, float]:
    """Validation figures and seconds of one training run."""
    recipe = Recipe.read(RECIPE)
    training = msgspec.structs.replace(recipe.training, epochs=epochs)
    reader = get_task(recipe.task.name, recipe.task.options)
    splits = read_splits(recipe.data, reader)
    train = splits.train[:rows]
    task = get_task(recipe.task.name, recipe.task.options, reader.labels_of(splits.train))
    set_seed(training.seed)
    student = trainee.load(locate(recipe.base.id).folder, task, recipe.method)
    pooling(student.model)
    predictor = ModelPredictor(student.model, task, student.tokenizer)
    questions, wanted = inputs_of(splits.validation, task), task.references(splits.validation)

    def validate() -> dict[str, float]:
        return task.metrics(predictor.predict(questions), wanted)

    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(lambda *_: None, Silent(), Interrupts(), Path(folder), Objective.of(training, task))
        encoded = task.encode(train, student.tokenizer, with_labels=True)
        Loop(
            student.model,
            task,
            encoded,
            training,
            optimizer_of(student.model, training, recipe.method),
            0,
            Path(folder),
            validate,
            watch,
        ).train()
    return {**validate(), "seconds": round(time.monotonic() - started, 1)}


@click.command()
@click.option("--rows", default=2000, show_default=True, help="Training rows.")
@click.option("--epochs", default=4, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON line on stdout.")
def main(rows: int, epochs: int, as_json: bool) -> None:
    """Compare both poolings of one recipe."""
    with quiet():
        results = {pooling.__name__: measure(pooling, rows, epochs) for pooling in (first_token, mean)}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    facts = {"commit": commit, "machine": platform.machine(), "threads": torch.get_num_threads(), "rows": rows}
    if as_json:
        click.echo(json.dumps({**facts, "epochs": epochs, **results}))
        return
    for name, figures in results.items():
        click.echo(f"{name:12} " + "  ".join(f"{metric} {value:.4f}" for metric, value in figures.items()))


if __name__ == "__main__":
    main()
