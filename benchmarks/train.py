"""What does the comfort of `adapterhub.train` cost, against plain `peft` with transformers' `Trainer`?

One recipe: LoRA of rank 8 on all linear modules of MiniLM, on the rows of eight of banking77's labels. Both group
rows by length, score the validation rows and write a checkpoint after each epoch, and score the test rows before and
after. Each run is a process of its own; in each round both contenders run once, one after the other, first the one,
next time the other. Before figures are told, plain `peft` opens both adapters of the first round: their losses on the
validation rows have to agree within `TOLERANCE`, and have to be below that of an untrained head; the program ends with
1 where they do not.

    tokens_vs_peft   tokens a second of ours ÷ those of plain `peft`, while steps are made; padding counts as no token,
                     and the figure is the median of the rounds
    loop_vs_peft     the same from the first step to the end of the last epoch, scoring and saving in between included:
                     there we sort rows by length, and the Trainer does not
    memory_vs_peft   the most memory that our process held ÷ that of plain `peft`'s, the median of the rounds
    run_vs_peft      seconds of a whole run of plain `peft` ÷ ours, from the recipe to the adapter's files: with reading
                     and checking data, intervals and fingerprints on our side
    loss             of each, on the validation rows
    tokens_per_second, peak_mib, run_seconds   the medians behind these

    ADAPTERHUB_DATA=… python -m benchmarks.train --json
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from peft import PeftModel
from torch.nn import functional
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from adapterhub import settings
from adapterhub.backbone import locate
from adapterhub.backbone.quiet import quiet
from benchmarks import harness
from benchmarks.contenders.training_run import TrainingRun
from benchmarks.harness import Disagreement
from benchmarks.workload import MINILM

CONTENDERS = {
    "ours": "benchmarks.contenders.training_ours",
    "peft": "benchmarks.contenders.training_plain",
}
DATA = "classification/banking77"
LABELS = 8  # the first by name: few enough to be learned from as many rows as a round has time for
MAX_LENGTH = 128
TOLERANCE = 0.15  # of the plain run's loss: rows come in other orders, and dropout draws otherwise

Round = Mapping[str, TrainingRun]


def recipe(base: Path, data: Path, epochs: int) -> str:
    """The recipe that both train by; plain `peft` reads it as the TOML that it is, so every key is written out."""
    files = "\n".join(f'{split} = "{data}/{split}.jsonl"' for split in ("train", "validation", "test"))
    return f"""
name = "train-benchmark"
licence = "apache-2.0"
[base]
id = "{MINILM}"
path = "{base}"
[task]
name = "text-classification"
options = {{ max_length = {MAX_LENGTH} }}
[data]
name = "banking77"
licence = "cc-by-4.0"
leakage = "warn"
{files}
[method]
kind = "lora"
rank = 8
alpha = 16
dropout = 0.1
targets = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
[training]
learning_rate = 2e-3
schedule = "cosine"
warmup = 0.06
epochs = {epochs}
batch_size = 32
weight_decay = 0.01
label_smoothing = 0.1
early_stopping = {{ patience = {epochs}, metric = "accuracy" }}
seed = 0
"""


class Bench:
    """The rows, the recipe, and runs of it in `folder`."""

    def __init__(self, folder: Path, rows: int, epochs: int) -> None:
        self.folder = folder
        self.epochs = epochs
        self.base = locate(MINILM).folder
        for split, count in (("train", rows), ("validation", None), ("test", None)):
            lines = _lines_of_few_labels(split)[:count]
            (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
        self.recipe = folder / "recipe.toml"
        self.recipe.write_text(recipe(self.base, folder, epochs), encoding="utf-8")
        self.tokenizer: Any = AutoTokenizer.from_pretrained(self.base)

    def rows(self, split: str) -> tuple[list[str], list[str]]:
        """Texts and labels."""
        found = [json.loads(line) for line in (self.folder / f"{split}.jsonl").read_text().splitlines()]
        return [row["text"] for row in found], [row["label"] for row in found]

    def tokens(self) -> int:
        """Of all epochs, padding left out."""
        made = self.tokenizer(self.rows("train")[0], truncation=True, max_length=MAX_LENGTH)
        return self.epochs * sum(len(ids) for ids in made["input_ids"])

    def run(self, contender: str, turn: int) -> TrainingRun:
        """One run in a process of its own, with encoded rows of its own."""
        target = self.folder / f"{contender}-{turn}"
        command = [sys.executable, "-m", CONTENDERS[contender], str(self.recipe), str(target)]
        own = {**os.environ, "ADAPTERHUB_HOME": str(self.folder / f"home-{contender}-{turn}")}
        done = subprocess.run(command, env=own, stdout=subprocess.PIPE, text=True, check=True)
        return TrainingRun(**json.loads(done.stdout))

    @torch.inference_mode()
    def loss(self, adapter: Path | None) -> float:
        """Mean cross entropy over the validation rows, by plain `peft`; without an adapter that of an equal guess."""
        labels = sorted(set(self.rows("train")[1]))
        if adapter is None:
            return math.log(len(labels))
        base = AutoModelForSequenceClassification.from_pretrained(self.base, num_labels=len(labels))
        model: Any = PeftModel.from_pretrained(base, adapter).eval()
        losses = []
        for text, label in zip(*self.rows("validation"), strict=True):
            batch = self.tokenizer(text, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
            losses.append(float(functional.cross_entropy(model(**batch).logits, torch.tensor([labels.index(label)]))))
        return statistics.fmean(losses)


def _lines_of_few_labels(split: str) -> list[str]:
    root = settings.data_root()
    if root is None:
        raise click.UsageError("ADAPTERHUB_DATA is not set: banking77 is looked for in it")
    lines = (root / DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    labels = [json.loads(line)["label"] for line in lines]
    few = sorted(set(labels))[:LABELS]
    return [line for line, label in zip(lines, labels, strict=True) if label in few]


def check(losses: Mapping[str, float], untrained: float) -> None:
    """Hold what both learned against each other.

    Raises:
        Disagreement: they did not learn the same, or one of them nothing.
    """
    for name, loss in losses.items():
        if not loss < 0.8 * untrained:
            raise Disagreement(f"{name} learned nothing: its loss is {loss:.3f}, an equal guess has {untrained:.3f}")
    ours, plain = losses["ours"], losses["peft"]
    if abs(ours - plain) > TOLERANCE * plain:
        raise Disagreement(f"our loss is {ours:.3f}, plain peft's {plain:.3f}: not within {TOLERANCE:.0%}")


def figures(rounds: Sequence[Round], tokens: int, epochs: int, losses: Mapping[str, float]) -> dict[str, Any]:
    """The keys of the results.

    Raises:
        Disagreement: the contenders did not make as many steps.
    """
    for one in rounds:
        if one["ours"].steps != one["peft"].steps:
            raise Disagreement(f"{one['ours'].steps} steps, not {one['peft'].steps}")

    def middle(figure: Callable[[Round], float]) -> float:
        return statistics.median(figure(one) for one in rounds)

    def speed(run: TrainingRun) -> float:
        return tokens * (1 - epochs / run.steps) / run.step_seconds  # the first step of an epoch is not timed

    return {
        "tokens_vs_peft": round(middle(lambda one: one["peft"].step_seconds / one["ours"].step_seconds), 3),
        "loop_vs_peft": round(middle(lambda one: one["peft"].loop_seconds / one["ours"].loop_seconds), 3),
        "memory_vs_peft": round(middle(lambda one: one["ours"].peak_bytes / one["peft"].peak_bytes), 3),
        "run_vs_peft": round(middle(lambda one: one["peft"].run_seconds / one["ours"].run_seconds), 3),
        "loss": {name: round(loss, 4) for name, loss in losses.items()},
        "steps": rounds[0]["ours"].steps,
        "tokens_per_second": {name: round(middle(lambda one, name=name: speed(one[name])), 1) for name in CONTENDERS},
        "peak_mib": {
            name: round(middle(lambda one, name=name: one[name].peak_bytes / 2**20), 1) for name in CONTENDERS
        },
        "run_seconds": {name: round(middle(lambda one, name=name: one[name].run_seconds), 2) for name in CONTENDERS},
    }


def measure(bench: Bench, rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures.

    Raises:
        Disagreement: the contenders do not learn the same.
    """
    found: list[Round] = []
    losses: dict[str, float] = {}
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}")
        names = list(CONTENDERS)[:: -1 if turn % 2 else 1]
        found.append({name: bench.run(name, turn) for name in names})
        if not losses:
            with quiet():
                losses = {name: bench.loss(bench.folder / f"{name}-0" / "adapter") for name in CONTENDERS}
            check(losses, bench.loss(None))
    return figures(found, bench.tokens(), bench.epochs, losses)


@click.command()
@click.option("--rows", default=640, show_default=True, type=click.IntRange(min=64), help="At most, to train on.")
@click.option("--epochs", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="One JSON line, and nothing else, on stdout.")
def main(rows: int, epochs: int, rounds: int, as_json: bool) -> None:
    """Compare training by recipe with plain `peft` and `Trainer`."""
    facts = {**harness.facts(), "rounds": rounds, "rows": rows, "epochs": epochs}
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(Bench(Path(scratch), rows, epochs), rounds, partial(click.echo, err=True))
    harness.report(facts, found, as_json)


if __name__ == "__main__":
    main()
