"""One training run from recipe to adapter folder: `train`; and `fit`, the part of it that a search repeats.

Knows the order of things. What each step does is known below: data and metrics by the task, rows and model by
`prepare`, the loop by `loop`, the folder by `run`, the adapter's files by `export`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterhub.backbone.quiet import quiet
from adapterhub.errors import RecipeError
from adapterhub.evaluate import Evaluation, inputs_of
from adapterhub.evaluate.perplexity import measured_perplexity, perplexity
from adapterhub.evaluate.report import Report
from adapterhub.plain.predictor import ModelPredictor
from adapterhub.recipe import Full, Recipe
from adapterhub.tasks import Task
from adapterhub.tasks.data import DataRow, class_weights
from adapterhub.train.adapter import export
from adapterhub.train.adapter.facts import Facts
from adapterhub.train.loop import checkpoint
from adapterhub.train.loop.interrupt import Interrupts
from adapterhub.train.loop.loop import Loop
from adapterhub.train.loop.objective import Objective
from adapterhub.train.loop.optimizer import optimizer_of
from adapterhub.train.loop.watch import Watch
from adapterhub.train.prepare import Ready, prepare
from adapterhub.train.run import Curve, RunFolder, TrainingInterrupted, TrainingResult
from adapterhub.train.view.progress import Silent, TrainingProgress

if TYPE_CHECKING:
    from registry import Registry


def train(
    recipe: Recipe,
    run_folder: Path | str,
    *,
    resume: bool = False,
    registry: Registry | None = None,
    progress: TrainingProgress | None = None,
) -> TrainingResult:
    """Run `recipe` in `run_folder` and leave an adapter in its ``adapter/``, or figures only of full fine-tuning.

    The test split is scored before training and after. A finished run of the same recipe answers with its result. After
    an interruption, `resume` goes on to the same result as an uninterrupted run.

    Args:
        recipe: what to do.
        run_folder: new or empty, or holding a run of this same recipe.
        resume: go on with an unfinished run.
        registry: where ``init_from`` is found.
        progress: told of each stage; silent by default.

    Raises:
        RecipeError, DataError, BackboneError: what the recipe names is wrong or missing.
        RunError: the folder cannot be used.
        TrainingInterrupted: Ctrl-C; a KeyboardInterrupt. The run can be resumed.
    """
    run = RunFolder.open(Path(run_folder), recipe, resume)
    if run.finished:
        return run.result()
    try:
        with quiet():
            _train(recipe, run, registry, progress or Silent())
    except TrainingInterrupted:
        raise
    except KeyboardInterrupt as error:
        last = checkpoint.latest(run.checkpoints)
        raise TrainingInterrupted(run.path, last.step if last else None) from error
    return run.result()


def _train(recipe: Recipe, run: RunFolder, registry: Registry | None, progress: TrainingProgress) -> None:
    started = time.monotonic()
    recipe.portable_text()  # the manifest keeps it: refused now, not after the last epoch
    ready = prepare(recipe, registry, progress)
    sitting = Sitting(run, started)
    student, task, splits = ready.student, ready.task, ready.splits
    run.refuse_other_beginning(ready.fingerprints)

    before = sitting.curve.before
    if before is None:
        progress.phase(f"scoring {len(splits.test)} test rows before training")
        before = _measured(ready.predictor, task, splits.test).metrics
        begun = {"metrics": Curve.plain(before), "data": splits.document(), "fingerprints": ready.fingerprints}
        sitting.record("before", 0, begun)
    last = fit(ready, sitting, progress)

    kept = checkpoint.best(last)
    checkpoint.load_trainable(student.model, kept.folder)
    progress.phase(f"scoring {len(splits.test)} test rows after step {kept.step}")
    report = _measured(ready.predictor, task, splits.test)
    digest = None
    if not isinstance(recipe.method, Full):
        started_from = ready.parent.digest if ready.parent else None
        facts = Facts(recipe, task, splits, ready.source.identity(), before, report, started_from)
        digest = export.write(student, facts, run.partial)
    outcome = {
        "digest": digest,
        "metrics": Curve.plain(report.metrics),
        "trainable_parameters": student.trainable_parameters,
        "trainable_share": student.trainable_share,
        "best_step": kept.step,
        "dropped_rows": splits.dropped,
    }
    sitting.record("after", last.step, outcome)
    if digest is not None:
        run.complete()


class Sitting:
    """From here to the end of a run, or to where it is interrupted: its last checkpoint, and its curve from there.

    The run has begun with it; `started` is when somebody began to wait for it, by the monotonic clock.
    """

    def __init__(self, run: RunFolder, started: float) -> None:
        self.run = run
        self.last = checkpoint.latest(run.checkpoints)
        self.curve = Curve(run.metrics, self.last.step if self.last else None)
        self._earlier = self.curve.seconds
        self._started = started

    def record(self, kind: str, step: int, facts: Mapping[str, Any]) -> None:
        """A line of the curve, with the seconds of all sittings."""
        seconds = self._earlier + time.monotonic() - self._started
        self.curve.add(kind, step, **facts, seconds=round(seconds, 2))


def fit(ready: Ready, sitting: Sitting, progress: TrainingProgress) -> checkpoint.Checkpoint:
    """Train to the end, from the last checkpoint on where there is one; the test split is not looked at.

    Raises:
        RecipeError: there was nothing to make a step of.
        TrainingInterrupted: Ctrl-C.
    """
    run, last = sitting.run, sitting.last
    if last is None or not last.ended:
        student = ready.student
        progress.phase(f"training {student.trainable_parameters:,} parameters ({student.trainable_share:.2%})")
        with Interrupts() as interrupts:
            objective = Objective.of(ready.recipe.training, ready.task)
            watch = Watch(sitting.record, progress, interrupts, run.path, objective)
            _loop(ready, run, watch).train(resume_from_checkpoint=str(last.folder) if last else None)
        last = checkpoint.latest(run.checkpoints)
    if last is None:
        raise RecipeError("training made no checkpoint", "Give more rows or more epochs.")
    return last


def _loop(ready: Ready, run: RunFolder, watch: Watch) -> Loop:
    task, splits, training = ready.task, ready.splits, ready.recipe.training
    return Loop(
        ready.student.model,
        task,
        ready.inputs,
        training,
        optimizer_of(ready.student.model, training, ready.recipe.method),
        ready.student.tokenizer.pad_token_id,
        run.checkpoints,
        validate=lambda: _chosen_by(ready.predictor, task, splits.validation),
        watch=watch,
        class_weights=class_weights(training.class_weights, task, splits.train),
    )


def _measured(predictor: ModelPredictor, task: Task, rows: Sequence[DataRow]) -> Report:
    """What is said of the test rows, before or after."""
    report = Report.of(Evaluation.of(predictor, task, rows))
    if not task.reads_likelihood:
        return report
    return replace(report, metrics={**report.metrics, **measured_perplexity(predictor.likelihoods(rows), "test")})


def _chosen_by(predictor: ModelPredictor, task: Task, rows: Sequence[DataRow]) -> Mapping[str, float]:
    """The figures of the validation rows, after an epoch."""
    if task.reads_likelihood:
        return perplexity(predictor.likelihoods(rows))
    return task.metrics(predictor.predict(inputs_of(rows, task)), task.references(rows))
