"""What the Trainer tells while it trains, and where it may be stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from adapterhub.errors import RecipeError
from adapterhub.train.loop.interrupt import Interrupts
from adapterhub.train.loop.objective import Objective
from adapterhub.train.run import TrainingInterrupted
from adapterhub.train.view.progress import TrainingProgress, Validation

LOGGED = ("loss", "grad_norm", "learning_rate")  # of what the Trainer logs

Record = Callable[[str, int, Mapping[str, Any]], None]


def diverged(step: int) -> RecipeError:
    """What is raised where the loss or a trained number is infinite or none, which no further step mends."""
    return RecipeError(
        f"training diverged: at step {step} the loss or the trained numbers are no longer finite",
        "Lower training.learning_rate (and head_learning_rate), or raise training.warmup; labels may be too large.",
    )


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
            if not math.isfinite(logs["loss"]):
                raise diverged(state.global_step)
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
