"""The training loop: transformers' Trainer, told where our runs differ from its defaults.

Knows the Trainer's seams: the sampler (seeded by epoch, so that a resumed run sees the rows in the same order), the
loss (the task's, divided by the targets of the whole accumulated batch), evaluation (the task's metrics), and what a
checkpoint holds. Refuses to know about adapters' files or recipes' other tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerControl, TrainingArguments

from adapterhub.plain.predictor import collate, logits_by
from adapterhub.recipe import Training
from adapterhub.tasks import Encoded, Task
from adapterhub.train.loop import checkpoint
from adapterhub.train.loop.objective import Objective
from adapterhub.train.loop.order import LengthGrouped
from adapterhub.train.loop.watch import Watch, diverged
from adapterhub.train.model.trainee import trainable

LOG_STEPS = 10
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


class Loop(Trainer):  # type: ignore[misc]  # transformers is not type-checked
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
            args=_arguments(training, len(rows), watch.objective, folder),
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
        """The task's validation figures under the Trainer's names.

        Raises:
            RecipeError: what was trained is not finite any more.
        """
        if not all(parameter.isfinite().all() for parameter in trainable(self.model).values()):
            raise diverged(self.state.global_step)
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


def _arguments(training: Training, rows: int, objective: Objective, folder: Path) -> TrainingArguments:
    steps = math.ceil(rows / (training.batch_size * training.gradient_accumulation)) * training.epochs
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=training.epochs,
        per_device_train_batch_size=training.batch_size,
        gradient_accumulation_steps=training.gradient_accumulation,
        learning_rate=training.learning_rate,
        lr_scheduler_type=SCHEDULES[training.schedule],
        warmup_steps=math.floor(training.warmup * steps),  # rounded up, it would be the whole of a run of one step
        max_grad_norm=training.max_grad_norm,
        seed=training.seed,
        logging_steps=LOG_STEPS,
        logging_nan_inf_filter=False,  # it would show the loss before in place of one that is not finite
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
