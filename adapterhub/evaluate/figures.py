"""A report to look at, as PNG: the confusion matrix, and the reliability diagram of Guo et al. 2017 (figure 1).

Drawn by matplotlib on its Agg canvas, without pyplot and its global state. The same report gives the same bytes under
the same version of matplotlib.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapterhub.evaluate.calibration import BINS, Calibration
from adapterhub.evaluate.confusion import Confusion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adapterhub.evaluate.report import Report

DPI = 100
MOST_NUMBERED = 12  # classes up to which the cells hold their counts
MOST_NAMED = 80  # and up to which rows and columns are named
LONGEST_NAME = 24  # characters
MARGIN = 1.6  # inches beside the cells, for names


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw what `report` has into `folder`, which is made where there is something to draw.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    drawn = []
    if report.confusion is not None:
        drawn.append(_saved(_confusion(report.confusion), folder / "confusion.png"))
    if report.calibration is not None:
        drawn.append(_saved(_reliability(report.calibration), folder / "reliability.png"))
    return drawn


def _saved(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    return path


def _canvas(width: float, height: float) -> Any:
    """A figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def _confusion(table: Confusion) -> Figure:
    """Shares of each row: a class that is rare is seen as well as one that is common."""
    import numpy

    count = len(table.labels)
    side = min(max(0.45 * count, 2.4), 12.0)
    size = side + MARGIN + 0.4
    figure = _canvas(size, size)
    axes = figure.add_axes((MARGIN / size, MARGIN / size, side / size, side / size))
    counts = numpy.array(table.counts, dtype=float)
    shares = counts / numpy.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="answered", ylabel="right", title=f"Confusion, {int(counts.sum()):,} {table.unit}")
    names = [label[:LONGEST_NAME] for label in table.labels] if count <= MOST_NAMED else []
    font = 9 if count <= MOST_NUMBERED else max(4.0, 9 - count / 16)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=font, parse_math=False)
    axes.set_yticks(range(len(names)), names, fontsize=font, parse_math=False)
    if count <= MOST_NUMBERED:
        for place, number in numpy.ndenumerate(counts.astype(int)):
            colour = "white" if shares[place] > 0.5 else "black"
            axes.text(place[1], place[0], str(number), ha="center", va="center", color=colour, fontsize=8)
    return figure  # type: ignore[no-any-return]


def _reliability(measured: Calibration) -> Figure:
    """Accuracy by bins of confidence; on the diagonal, scores mean what they say. Below: how many fell in each bin."""
    figure = _canvas(4.2, 4.6)
    above = figure.add_axes((0.14, 0.36, 0.82, 0.56))
    below = figure.add_axes((0.14, 0.11, 0.82, 0.2))
    middles = [(one.low + one.high) / 2 for one in measured.bins]
    above.bar(middles, [one.accuracy for one in measured.bins], width=1 / BINS, edgecolor="white")
    above.plot([one.confidence for one in measured.bins], [one.accuracy for one in measured.bins], "k.")
    above.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right", xticks=[])
    above.set_title(f"Reliability, {measured.count:,} scores, ECE {measured.error:.3f}")
    below.bar(middles, [one.count for one in measured.bins], width=1 / BINS, edgecolor="white", color="grey")
    below.set(xlim=(0, 1), xlabel="score", ylabel="count")
    return figure  # type: ignore[no-any-return]
