"""One training run from recipe to adapter folder: `train`.

Knows the order of things. What each step does is known below: data and metrics by the task, the model by `trainee`, the
loop by `loop`, the folder by `run`, the adapter's files by `export`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import set_seed

from adapterhub.backbone import BaseSource, locate
from adapterhub.backbone.quiet import quiet
from adapterhub.errors import RecipeError, RequestError
from adapterhub.evaluate import Evaluation, inputs_of
from adapterhub.evaluate.perplexity import measured_perplexity, perplexity
from adapterhub.evaluate.report import Report
from adapterhub.recipe import Full, Recipe
from adapterhub.tasks import Encoded, Task, get_task
from adapterhub.tasks.data import DataRow, Splits, class_weights, read_splits, within_tokens
from adapterhub.train import checkpoint, export, trainee
from adapterhub.train.facts import Facts
from adapterhub.train.inputs import training_inputs
from adapterhub.train.interrupt import Interrupts
from adapterhub.train.loop import Loop, Watch
from adapterhub.train.objective import Objective
from adapterhub.train.predictor import ModelPredictor
from adapterhub.train.progress import Silent, TrainingProgress
from adapterhub.train.run import Curve, RunFolder, TrainingInterrupted, TrainingResult

if TYPE_CHECKING:
    from registry import Manifest, Registry


@dataclass(frozen=True)
class Parent:
    """The published version that a run starts from."""

    folder: Path
    digest: str
    manifest: Manifest


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
    parent = _parent(recipe, registry)
    task, splits = _task_and_rows(recipe, parent)
    if splits.leakage.leaks:
        progress.phase(f"data: {splits.leakage}")
    source = locate(recipe.base.id, recipe.base.path, recipe.base.revision)
    _check_parent_base(parent, source)
    set_seed(recipe.training.seed)
    student = trainee.load(source.folder, task, recipe.method)
    if parent is not None:
        trainee.warm_start(student.model, task, parent.folder, parent.manifest.labels)
    predictor = ModelPredictor(student.model, task, student.tokenizer)
    inputs = _inputs(splits, task, student.tokenizer, source.folder)
    splits, inputs = _within_tokens(recipe, splits, inputs)

    last = checkpoint.latest(run.checkpoints)
    curve = Curve(run.metrics, last.step if last else None)
    earlier = curve.seconds

    def record(kind: str, step: int, facts: Mapping[str, Any]) -> None:
        curve.add(kind, step, **facts, seconds=round(earlier + time.monotonic() - started, 2))

    before = curve.before
    if before is None:
        progress.phase(f"scoring {len(splits.test)} test rows before training")
        before = _measured(predictor, task, splits.test).metrics
        record("before", 0, {"metrics": curve.plain(before), "data": splits.document()})
    if last is None or not last.ended:
        progress.phase(f"training {student.trainable_parameters:,} parameters ({student.trainable_share:.2%})")
        with Interrupts() as interrupts:
            watch = Watch(record, progress, interrupts, run.path, Objective.of(recipe.training, task))
            _loop(recipe, student, task, splits, inputs, run, predictor, watch).train(
                resume_from_checkpoint=str(last.folder) if last else None
            )
        last = checkpoint.latest(run.checkpoints)
    if last is None:
        raise RecipeError("training made no checkpoint", "Give more rows or more epochs.")

    kept = checkpoint.best(last)
    checkpoint.load_trainable(student.model, kept.folder)
    progress.phase(f"scoring {len(splits.test)} test rows after step {kept.step}")
    report = _measured(predictor, task, splits.test)
    digest = None
    if not isinstance(recipe.method, Full):
        facts = Facts(recipe, task, splits, source.identity(), before, report, parent.digest if parent else None)
        digest = export.write(student, facts, run.partial)
    outcome = {
        "digest": digest,
        "metrics": curve.plain(report.metrics),
        "trainable_parameters": student.trainable_parameters,
        "trainable_share": student.trainable_share,
        "best_step": kept.step,
        "dropped_rows": splits.dropped,
    }
    record("after", last.step, outcome)
    if digest is not None:
        run.complete()


def _loop(
    recipe: Recipe,
    student: trainee.Trainee,
    task: Task,
    splits: Splits,
    inputs: Sequence[Sequence[Encoded]],
    run: RunFolder,
    predictor: ModelPredictor,
    watch: Watch,
) -> Loop:
    return Loop(
        student.model,
        task,
        inputs,
        recipe.training,
        student.tokenizer.pad_token_id,
        run.checkpoints,
        validate=lambda: _chosen_by(predictor, task, splits.validation),
        watch=watch,
        class_weights=class_weights(recipe.training.class_weights, task, splits.train),
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


def _task_and_rows(recipe: Recipe, parent: Parent | None) -> tuple[Task, Splits]:
    """The rows, and the task with the labels that the training rows have; a parent's labels come first."""
    reader = get_task(recipe.task.name, recipe.task.options)
    stopping = recipe.training.early_stopping
    figures = (reader.primary_metric,) if reader.reads_likelihood else reader.metric_names
    if stopping and stopping.metric is not None and stopping.metric not in figures:
        raise RecipeError(
            f"training.early_stopping.metric: {reader.name} has no {stopping.metric!r} to choose an epoch by",
            f"It has {', '.join(figures)}.",
        )
    if recipe.training.label_smoothing and not reader.smooths_labels:
        raise RecipeError(
            f"training.label_smoothing: there are no labels to smooth in {reader.problem_type or reader.name}",
            "Leave it out.",
        )
    _check_parent_task(parent, reader)
    known = parent.manifest.labels if parent else ()
    splits = read_splits(recipe.data, reader, known)
    task = get_task(recipe.task.name, recipe.task.options, reader.labels_of(splits.train, known))
    class_weights(recipe.training.class_weights, task, splits.train)  # a label that is not there is named now
    return task, splits


def _parent(recipe: Recipe, registry: Registry | None) -> Parent | None:
    if recipe.init_from is None:
        return None
    if registry is None:
        raise RecipeError(f"init_from: {recipe.init_from} needs a registry", "Name one, or set ADAPTERHUB_REGISTRY.")
    from registry import Manifest

    version = registry.resolve(recipe.init_from)
    folder = registry.pull(version)
    return Parent(folder, version.digest, Manifest.read(folder))


def _check_parent_task(parent: Parent | None, task: Task) -> None:
    if parent is None:
        return
    theirs, problem = parent.manifest.task.name, parent.manifest.head.problem_type
    if theirs != task.name:
        raise RecipeError(f"init_from: the parent's task is {theirs}, not {task.name}", "Name a parent of this task.")
    if problem not in (None, task.problem_type):
        raise RecipeError(
            f"init_from: the parent's problem_type is {problem}, not {task.problem_type}",
            "Choose it in task.options.problem_type, or name another parent.",
        )


def _check_parent_base(parent: Parent | None, source: BaseSource) -> None:
    if parent is None:
        return
    stated = parent.manifest.base.fingerprint
    if stated is not None and stated != source.identity().fingerprint:
        raise RecipeError(
            f"init_from: the parent was trained on other weights than {source.id} has here",
            f"It names {parent.manifest.base.id} ({stated}).",
        )


def _inputs(splits: Splits, task: Task, tokenizer: Any, base: Path) -> Sequence[Sequence[Encoded]]:
    """The model inputs to train on; the other rows are encoded too, so that one that the task cannot take is named now.

    Raises:
        RecipeError: with the split.
    """
    train: Sequence[Sequence[Encoded]] = ()
    for name, rows in splits.items():
        try:
            if name == "train":
                train = training_inputs(rows, task, tokenizer, base)
            else:
                task.encode(inputs_of(rows, task), tokenizer)
                if task.reads_likelihood:
                    task.encode(rows, tokenizer, with_labels=True)
        except RequestError as error:
            raise RecipeError(f"data.{name}: {error.message}", error.hint) from error
    return train


def _within_tokens(
    recipe: Recipe, splits: Splits, inputs: Sequence[Sequence[Encoded]]
) -> tuple[Splits, Sequence[Sequence[Encoded]]]:
    """The same without the training rows that are beyond ``data.max_tokens``."""
    if recipe.data.max_tokens is None:
        return splits, inputs
    tokens = [sum(len(one.input_ids) for one in row) for row in inputs]
    kept = within_tokens(splits.train, tokens, recipe.data.max_tokens, recipe.data.seed)
    unused = splits.unused.get("train", 0) + len(inputs) - len(kept)
    rows = tuple(splits.train[index] for index in kept)
    return replace(splits, train=rows, unused={**splits.unused, "train": unused}), [inputs[index] for index in kept]
