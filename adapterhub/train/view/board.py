"""A run's measurements in TensorBoard's own files, for ``tensorboard --logdir runs``.

Knows TensorBoard's writer. What it shows is also in the run's ``metrics.jsonl``, which every run has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from adapterhub.errors import MissingDependency
from adapterhub.train.run import RunFolder
from adapterhub.train.view.progress import Silent, Validation

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Board(Silent):
    """Writes below the folder of `run` from the first step on. Use it as a context manager.

    Raises:
        MissingDependency: tensorboard is not installed.
    """

    def __init__(self, run: RunFolder) -> None:
        try:
            import tensorboard  # noqa: F401  # torch asks for it at the first line, which would be too late
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "--tensorboard needs the package tensorboard, which is not installed", "pip install tensorboard"
            ) from error
        self._folder = run.tensorboard
        self._writer: SummaryWriter | None = None

    def __enter__(self) -> Board:
        """Nothing is written yet: the run's folder may not be there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is held back."""
        if self._writer is not None:
            self._writer.close()

    def steps(self, done: int, total: int) -> None:
        """Open a file; what an earlier sitting wrote beyond `done` is hidden by it."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self._folder), purge_step=done + 1 if done else None)

    def logged(self, step: int, figures: Mapping[str, float]) -> None:
        """Loss, learning rate, gradient norm and speed."""
        self._add("train", step, figures)

    def validated(self, validation: Validation) -> None:
        """The task's figures; shown at once, since the next ones may take an hour."""
        self._add("validation", validation.step, validation.metrics)
        if self._writer is not None:
            self._writer.flush()

    def _add(self, group: str, step: int, figures: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)
