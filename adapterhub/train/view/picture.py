"""``curve.png`` in a run's folder: the training loss by step above, the validation figures by epoch below.

Knows the run's measurements and how to draw them; a run does not end for want of a picture. Drawn by matplotlib on its
Agg canvas, without pyplot and its global state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adapterhub.train.run import RunFolder
from adapterhub.train.view.progress import Silent, Validation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Picture(Silent):
    """Draws the curve of `run` at each validation, and what was not drawn yet when left; `say` hears of what failed."""

    def __init__(self, run: RunFolder, say: Callable[[str], None]) -> None:
        self._run = run
        self._say = say
        self._said: set[str] = set()
        self._undrawn = False

    def __enter__(self) -> Picture:
        """Nothing is drawn yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw what was measured since the last time."""
        if self._undrawn:
            self._draw()

    def logged(self, step: int, figures: Mapping[str, float]) -> None:
        """Something new is to be drawn in time."""
        self._undrawn = True

    def validated(self, validation: Validation) -> None:
        """Draw."""
        self._draw()

    def _draw(self) -> None:
        self._undrawn = False
        try:
            save_curve(self._run)
        except Exception as error:  # whatever goes wrong with a picture, hours of training are not lost for it
            reason = f"{self._run.curve.name} was not drawn: {error}"
            if reason not in self._said:
                self._say(reason)
            self._said.add(reason)


def save_curve(run: RunFolder) -> None:
    """Draw the measurements of `run` into its ``curve.png``, which appears whole.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _figure(run.measurements())
    FigureCanvasAgg(figure)
    aside = run.curve.with_suffix(".partial.png")
    figure.savefig(aside, dpi=120)
    aside.replace(run.curve)


def _figure(lines: Sequence[Mapping[str, Any]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    steps = [line for line in lines if line["kind"] == "step"]
    epochs = [line for line in lines if line["kind"] == "validation"]
    above.plot([line["step"] for line in steps], [line["loss"] for line in steps])
    above.set_ylabel("training loss")
    for name in epochs[0]["metrics"] if epochs else ():
        points = [line["metrics"][name] for line in epochs]
        below.plot([line["step"] for line in epochs], points, marker="o", label=name)
    below.set_ylabel("validation")
    below.set_xlabel("optimizer step")
    if epochs:
        below.legend()
    for axes in (above, below):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
