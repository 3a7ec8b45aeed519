"""The same recipe by plain `peft` and transformers' `Trainer`, as their documentation has it, in a process of its own.

Reads the recipe's TOML and its JSON Lines itself and imports nothing of this project: what it needs of memory and time
is theirs. Rows are grouped by length, the validation rows scored and a checkpoint written after each epoch, the test
rows scored before and after, the best epoch kept.

    python -m benchmarks.contenders.training_plain RECIPE FOLDER
"""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.utils import logging

from benchmarks.contenders.training_run import Times, tell

Rows = list[dict[str, Any]]


class Stopwatch(TrainerCallback):  # type: ignore[misc]  # transformers is not type-checked
    """Times the loop."""

    def __init__(self, times: Times) -> None:
        self.times = times

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """The model is prepared, the first batch is next."""
        self.times.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """One more is made."""
        self.times.steps.append(time.perf_counter())


def run(recipe: Path, folder: Path) -> Times:
    """Train, and leave the adapter in ``folder/adapter``."""
    logging.set_verbosity_error()
    plan = tomllib.loads(recipe.read_text())
    set_seed(plan["training"]["seed"])
    tokenizer = AutoTokenizer.from_pretrained(plan["base"]["path"])
    splits = {name: _read(plan["data"][name]) for name in ("train", "validation", "test")}
    labels = sorted({row["label"] for row in splits["train"]})
    encoded = {name: _encoded(rows, tokenizer, plan, labels) for name, rows in splits.items()}
    times = Times(plan["training"]["epochs"])
    trainer = Trainer(
        model=_model(plan, len(labels)),
        args=_arguments(plan["training"], folder / "checkpoints"),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        compute_metrics=lambda found: {"accuracy": float(numpy.mean(found[0].argmax(-1) == found[1]))},
        callbacks=[Stopwatch(times)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.evaluate(encoded["test"])
    trainer.train()
    times.ended = time.perf_counter()
    trainer.evaluate(encoded["test"])
    trainer.model.save_pretrained(folder / "adapter")
    return times


def _read(path: str) -> Rows:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def _encoded(rows: Rows, tokenizer: Any, plan: Any, labels: list[str]) -> Rows:
    texts = [row["text"] for row in rows]
    made = tokenizer(texts, truncation=True, max_length=plan["task"]["options"]["max_length"])
    targets = [labels.index(row["label"]) for row in rows]
    return [
        {**{key: made[key][place] for key in made}, "labels": target}  # a row at a time, as a Dataset gives them
        for place, target in enumerate(targets)
    ]


def _model(plan: Any, labels: int) -> Any:
    method = plan["method"]
    model = AutoModelForSequenceClassification.from_pretrained(plan["base"]["path"], num_labels=labels)
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=method["rank"],
        lora_alpha=method["alpha"],
        lora_dropout=method["dropout"],
        target_modules=method["targets"],
    )
    return get_peft_model(model, config)


def _arguments(training: Any, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=training["epochs"],
        per_device_train_batch_size=training["batch_size"],
        per_device_eval_batch_size=64,
        train_sampling_strategy="group_by_length",
        learning_rate=training["learning_rate"],
        lr_scheduler_type=training["schedule"],
        warmup_steps=training["warmup"],
        weight_decay=training["weight_decay"],
        label_smoothing_factor=training["label_smoothing"],
        seed=training["seed"],
        logging_steps=10,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to=[],
    )


if __name__ == "__main__":
    tell(run)
