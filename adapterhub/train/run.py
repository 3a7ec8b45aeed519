"""A run's folder: what is where in it, and when it may be started, resumed or taken as done.

::

    runs/<name>/
      recipe.toml       the recipe as it was run
      checkpoints/      what resuming needs
      metrics.jsonl     the curve: one line a measurement
      curve.png         its picture
      tensorboard/      the same for TensorBoard, where asked for
      adapter/          the result; appears complete or not at all. Full fine-tuning leaves none: it is measured only

Knows files only. An interrupted run can be resumed with the same recipe, a finished one answers with its result, and
nothing is ever written over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from adapterhub.errors import RunError
from adapterhub.evaluate import MetricValue
from adapterhub.recipe import Recipe
from registry import Manifest

Metrics = Mapping[str, MetricValue]


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C: the run stopped where it can be resumed. Has `message` and `hint` as adapterhub's errors do."""

    def __init__(self, folder: Path, step: int | None) -> None:
        where = f"after step {step}" if step is not None else "before the first step"
        super().__init__(f"interrupted {where}")
        self.message = f"training interrupted {where}"
        self.hint = f"Go on with --resume; the run is in {folder}."


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to.

    Attributes:
        folder: the run's folder; the adapter is in `folder`/adapter.
        digest: of the adapter's manifest; None of a run that measured only.
        before, after: the test split's figures with the head as initialised, and at the end.
        trainable_parameters: how many numbers were trained, the head included.
        trainable_share: that as a share of the backbone's parameters.
        best_step: the optimizer step whose weights were kept.
        seconds: wall time over all sittings, evaluation included.
        dropped_rows: rows left out because they, or nearly they, are in another split as well.
    """

    folder: Path
    digest: str | None
    before: Metrics
    after: Metrics
    trainable_parameters: int
    trainable_share: float
    best_step: int
    seconds: float
    dropped_rows: int

    @property
    def adapter(self) -> Path | None:
        """The adapter's folder, where the run made one."""
        return self.folder / "adapter" if self.digest else None


class RunFolder:
    """The folder of one run of one recipe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.toml"
        self.checkpoints = path / "checkpoints"
        self.metrics = path / "metrics.jsonl"
        self.curve = path / "curve.png"
        self.tensorboard = path / "tensorboard"
        self.adapter = path / "adapter"
        self.partial = path / "adapter.partial"

    @classmethod
    def open(cls, path: Path, recipe: Recipe, resume: bool) -> RunFolder:
        """The folder at `path`, made if it is not there.

        Raises:
            RunError: it holds something else, or an unfinished run that was not asked to be resumed.
        """
        run = cls(path)
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file", "Name a folder for the run.")
        holds_other = path.is_dir() and any(path.iterdir()) and not run.recipe.is_file()
        if holds_other:
            raise RunError(f"{path} exists and is not a run", "Name another folder.")
        if not run.begun:
            if resume and not run.recipe.is_file():
                raise RunError(f"there is no run in {path} to resume", "Start it without --resume.")
            run.checkpoints.mkdir(parents=True, exist_ok=True)
            run.recipe.write_text(recipe.text, encoding="utf-8")
            return run
        if run.recipe.read_text(encoding="utf-8") != recipe.text:
            raise RunError(
                f"{path} holds a run of another recipe", f"Name another folder, or compare with {run.recipe}."
            )
        if not run.finished and not resume:
            raise RunError(f"{path} holds an unfinished run of this recipe", "Go on with --resume, or delete it first.")
        return run

    @property
    def begun(self) -> bool:
        """Whether anything was measured; before that, a recipe that failed may be corrected and run again here."""
        return self.metrics.is_file()

    @property
    def finished(self) -> bool:
        """Whether the adapter has been made, which appears at once, manifest included, or all was measured."""
        return (self.adapter / "manifest.json").is_file() or self.measured_only

    @property
    def measured_only(self) -> bool:
        """Whether the run ended without an adapter, as it was meant to."""
        return any(line["kind"] == "after" and line["digest"] is None for line in _lines(self.metrics))

    def refuse_other_beginning(self, fingerprints: Mapping[str, str]) -> None:
        """Refuse to go on with other rows or another base than the run began with, by the `fingerprints` of each.

        Raises:
            RunError: with what is not the same. The adapter would state rows that its weights never saw.
        """
        for line in self.measurements():
            for what, known in line.get("fingerprints", {}).items():
                if fingerprints[what] != known:
                    raise RunError(
                        f"{what} is not what the run in {self.path} began with",
                        "Put back what was there, or train afresh in another folder.",
                    )

    def complete(self) -> None:
        """Let the adapter appear, now that every file of it is written."""
        self.partial.replace(self.adapter)

    def measurements(self) -> list[dict[str, Any]]:
        """Every line of the curve so far; each has kind (see `Curve.add`), step, seconds and what was measured."""
        return _lines(self.metrics)

    def result(self) -> TrainingResult:
        """The result of a finished run, as it recorded it."""
        lines = self.measurements()
        found = {line["kind"]: line for line in lines}
        if not {"before", "after"} <= found.keys():
            raise RunError(
                f"{self.path} holds an adapter, but {self.metrics.name} has lost the figures of its run",
                "Ask for its figures with adapterhub evaluate, or train again in another folder.",
            )
        before, after = found["before"], found["after"]
        facts = {key: value for key, value in after.items() if key not in ("kind", "step", "metrics")}
        if facts["digest"] is not None:
            facts["digest"] = Manifest.read(self.adapter).digest  # the card may have been written on since
        return TrainingResult(
            folder=self.path, before=_values(before["metrics"]), after=_values(after["metrics"]), **facts
        )


def refuse_without_adapter(folder: Path) -> None:
    """Refuse a run's folder that holds no adapter to publish or to answer with; any other folder is let pass.

    Raises:
        RunError: what the run is instead.
    """
    run = RunFolder(folder)
    if not (run.recipe.is_file() and run.begun) or run.adapter.is_dir():
        return
    if run.measured_only:
        raise RunError(
            f"{folder} is a run of full fine-tuning, which is measured and leaves no adapter",
            "Name a run of another method; this one's figures are in its metrics.jsonl.",
        )
    raise RunError(f"{folder} holds an unfinished run, without an adapter yet", "Go on with adapterhub train --resume.")


class Curve:
    """``metrics.jsonl``: appended to as a run goes on, cut back to the checkpoint when it is resumed."""

    def __init__(self, path: Path, resumed_at: int | None) -> None:
        self._path = path
        kept = [line for line in _lines(path) if line["kind"] != "after" and line["step"] <= (resumed_at or 0)]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self._kept = kept

    @property
    def seconds(self) -> float:
        """Wall time of earlier sittings up to where the curve was cut back to."""
        return max((line["seconds"] for line in self._kept), default=0.0)

    @property
    def before(self) -> Metrics | None:
        """The figures before training, if an earlier sitting measured them."""
        found = [line for line in self._kept if line["kind"] == "before"]
        return _values(found[0]["metrics"]) if found else None

    def add(self, kind: str, step: int, **facts: Any) -> None:
        """Append one line; `kind` is before, step, validation or after."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"kind": kind, "step": step, **facts}) + "\n")

    @staticmethod
    def plain(metrics: Metrics) -> dict[str, dict[str, Any]]:
        """Metrics as JSON."""
        return {name: asdict(value) for name, value in metrics.items()}


def _lines(path: Path) -> list[dict[str, Any]]:
    """The measurements of a curve; a last line that was cut short by a crash is left out.

    Raises:
        RunError: another line is no measurement.
    """
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = []
    for number, text in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            found.append(msgspec.json.decode(text, type=dict[str, Any]))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RunError(
                f"{path}:{number} is damaged: {error}", "Restore the file, or train again in another folder."
            ) from error
    return found


def _values(plain: Mapping[str, Mapping[str, Any]]) -> Metrics:
    return {name: MetricValue(**value) for name, value in plain.items()}
