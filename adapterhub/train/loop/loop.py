"""The training loop: transformers' Trainer, told where our runs differ from its defaults.

Knows the Trainer's seams: the sampler (seeded by epoch, so that a resumed run sees the rows in the same order), the
loss (the task's, divided by the targets of the whole accumulated batch), evaluation (the task's metrics), and what a
checkpoint holds. Refuses to know about adapters' files or recipes' other tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from adapterhub.plain.predictor import collate, logits_by
from adapterhub.recipe import Training
from adapterhub.tasks import Encoded, Task
from adapterhub.train.loop import checkpoint
from adapterhub.train.loop.interrupt import Interrupts
from adapterhub.train.loop.objective import Objective
from adapterhub.train.run import TrainingInterrupted
from adapterhub.train.view.progress import TrainingProgress, Validation

LOG_STEPS = 10
LOGGED = ("loss", "grad_norm", "learning_rate")  # of what the Trainer logs
POOL_BATCHES = 50  # rows for this many batches are drawn at random, then sorted by length
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}

Record = Callable[[str, int, Mapping[str, Any]], None]


class LengthGrouped(Sampler[int]):
    """Batches of rows of similar length, in random order; it depends on seed and epoch alone.

    The Trainer's own length grouping goes from long to short over and over. Where length tells of the label (spam is
    long), that ends every epoch on one label, and the model with it: hence the shuffle of batches. A batch that is not
    full comes last, so that the others keep their bounds.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch, resumed ones included."""
        self.epoch = epoch

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Indices of this epoch."""
        generator = torch.Generator().manual_seed((self.seed << 16) + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        pool = POOL_BATCHES * self.batch_size
        batches = []
        for start in range(0, len(order), pool):
            alike = sorted(order[start : start + pool], key=self.lengths.__getitem__)
            batches += [alike[place : place + self.batch_size] for place in range(0, len(alike), self.batch_size)]
        last = len(batches) - 1
        for place in [*torch.randperm(last, generator=generator).tolist(), last]:
            yield from batches[place]


class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not type-checked
    """Records the curve, tells the progress, and stops at the next resumable place after Ctrl-C."""

    def __init__(
        self, record: Record, progress: TrainingProgress, interrupts: Interrupts, run: Path, objective: Objective
    ) -> None:
        self.record = record
        self.progress = progress
        self.interrupts = interrupts
        self.run = run
        self.objective = objective
        self._best: float | None = None
        self._measured_from = (0.0, 0)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the bar."""
        self._best = state.best_metric
        self.progress.steps(state.global_step, state.max_steps)
        self._measure_from_here(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """After Ctrl-C, save here; at the end of an epoch the Trainer saves anyway, once it has evaluated."""
        self.progress.step(state.global_step)
        if self.interrupts.requested and not float(state.epoch or 0).is_integer():
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Leave, now that the run can be resumed from here."""
        if self.interrupts.requested:
            raise TrainingInterrupted(self.run, state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Keep losses; the Trainer logs other things under the same hook."""
        if logs and "loss" in logs:
            figures = {name: value for name, value in logs.items() if name in LOGGED}
            figures["tokens_per_second"] = round(self._speed(state), 1)
            self.record("step", state.global_step, {"epoch": state.epoch, **figures})
            self.progress.logged(state.global_step, figures)
            self._measure_from_here(state)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Keep the validation figures."""
        figures = {name.removeprefix("eval_"): value for name, value in (metrics or {}).items()}
        self.record("validation", state.global_step, {"epoch": state.epoch, "metrics": figures})
        value = figures[self.objective.metric]
        improved = self.objective.better(value, self._best)
        self._best = best = value if improved or self._best is None else self._best
        epoch = round(state.epoch or 0)
        self.progress.validated(Validation(epoch, state.global_step, figures, self.objective.metric, best, improved))
        self._measure_from_here(state)

    def _measure_from_here(self, state: TrainerState) -> None:
        self._measured_from = (time.monotonic(), state.num_input_tokens_seen)

    def _speed(self, state: TrainerState) -> float:
        """Tokens a second, padding not counted, since the last figures; scoring in between is left out."""
        since, before = self._measured_from
        tokens: int = state.num_input_tokens_seen - before
        return tokens / max(time.monotonic() - since, 1e-9)


class Loop(Trainer):  # type: ignore[misc]  # as above
    """One run's loop over `rows`; `validate` gives the figures that choose the best epoch.

    A batch holds all model inputs of its rows.
    """

    control: TrainerControl

    def __init__(
        self,
        model: Any,
        task: Task,
        rows: Sequence[Sequence[Encoded]],
        training: Training,
        optimizer: torch.optim.Optimizer,
        pad_id: int,
        folder: Path,
        validate: Callable[[], Mapping[str, float]],
        watch: Watch,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        self._task = task
        self._validate = validate
        self._halved = training.precision == "bfloat16"
        self._order = LengthGrouped(
            [max(len(one.input_ids) for one in row) for row in rows],
            training.batch_size * training.gradient_accumulation,
            training.seed,
        )
        stopping = training.early_stopping
        self._smoothing = training.label_smoothing
        self._weighing = {"weights": torch.tensor(class_weights, device=model.device)} if class_weights else {}
        super().__init__(
            model=model,
            args=_arguments(training, watch.objective, folder),
            data_collator=lambda batch: collate([one for row in batch for one in row], pad_id, task.head_kind),
            train_dataset=list(rows),
            eval_dataset=[],  # evaluate() knows its rows
            optimizers=(optimizer, None),
            compute_loss_func=self._loss,  # said, so that the Trainer counts targets and divides no loss itself
            callbacks=[watch, *([EarlyStoppingCallback(stopping.patience)] if stopping else [])],
        )
        self.remove_callback(PrinterCallback)  # prints to stdout
        self.model_accepts_loss_kwargs = False  # the count of targets goes to our loss, not into the model

    def compute_loss(self, model: Any, inputs: dict[str, Tensor], *_: Any, num_items_in_batch: Tensor) -> Tensor:
        """The task's loss of a batch, over the targets of all batches of the step."""
        labels = inputs.pop("labels")
        return self._loss(logits_by(model, inputs), labels, num_items_in_batch)

    def _loss(self, logits: Tensor, labels: Tensor, num_items_in_batch: Tensor) -> Tensor:
        return self._task.loss(logits, labels, self._smoothing, **self._weighing) / num_items_in_batch

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The task's validation figures under the Trainer's names."""
        metrics = {f"eval_{name}": value for name, value in self._validate().items()}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def autocast_smart_context_manager(self, cache_enabled: bool | None = True) -> torch.autocast:
        """What a training step computes in; the Trainer's own way would leave the model in it afterwards."""
        return torch.autocast(self.args.device.type, torch.bfloat16, self._halved, cache_enabled)

    def _get_num_items_in_batch(self, batch_samples: list[Mapping[str, Tensor]], device: torch.device) -> Tensor:
        counts = [self._task.targets(batch["labels"]) for batch in batch_samples]  # of no batches at an epoch's end
        return torch.stack([torch.tensor(0), *counts]).sum().to(device)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return self._order

    def _save(self, output_dir: str | None = None, state_dict: Mapping[str, Tensor] | None = None) -> None:
        checkpoint.save_trainable(self.model, Path(output_dir or self.args.output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        checkpoint.load_trainable(self.model, Path(resume_from_checkpoint))


def _arguments(training: Training, objective: Objective, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=training.epochs,
        per_device_train_batch_size=training.batch_size,
        gradient_accumulation_steps=training.gradient_accumulation,
        learning_rate=training.learning_rate,
        lr_scheduler_type=SCHEDULES[training.schedule],
        warmup_steps=training.warmup,  # a number below 1 is a share of all steps
        max_grad_norm=training.max_grad_norm,
        seed=training.seed,
        logging_steps=LOG_STEPS,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,  # the best and the latest
        metric_for_best_model=objective.metric,
        greater_is_better=not objective.minimize,
        include_num_input_tokens_seen="non_padding",
        restore_callback_states_from_checkpoint=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
        log_level="error",
        report_to=[],
    )
