"""What a study came to: ``study.json`` for programs, ``report.md`` for people, and Optuna's figures.

Knows the study and how to write it down. A figure that cannot be drawn (one trial tells nothing of importance) is said,
and left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy
import optuna.visualization.matplotlib as figures
from matplotlib import pyplot
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState

from adapterhub.train.run import TrainingResult
from adapterhub.train.tuning.folder import StudyFolder
from adapterhub.train.tuning.study import ERROR, Study, shown

FIGURES: Mapping[str, Callable[..., Any]] = {
    "history": figures.plot_optimization_history,
    "importances": figures.plot_param_importances,
    "slice": figures.plot_slice,
}
STATES = {
    TrialState.COMPLETE: "ended",
    TrialState.PRUNED: "given up",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "unfinished",
    TrialState.WAITING: "unfinished",
}
UNTOLD = ".*importances will be equal"  # Optuna's word for: too few trials to tell
INCHES = (3.5, 4.5)  # of each pair of axes


def document(study: Study, best: FrozenTrial) -> dict[str, Any]:
    """The study as JSON: what was searched by what, every trial, and the best."""
    return {
        "recipe": study.search.recipe.name,
        "metric": study.objective.metric,
        "minimize": study.objective.minimize,
        "best": {"number": best.number, "value": best.value, "values": study.values_of(best)},
        "trials": [_trial(study, trial) for trial in study.trials()],
    }


def _trial(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": STATES[trial.state],
        "value": trial.value if trial.state is TrialState.COMPLETE else None,
        "values": study.values_of(trial),
        "epochs": {str(epoch): value for epoch, value in sorted(trial.intermediate_values.items())},
        "seconds": trial.duration.total_seconds() if trial.duration else None,
        "error": trial.user_attrs.get(ERROR),
    }


def draw(study: Study, folder: Path, say: Callable[[str], None]) -> list[str]:
    """Draw the figures into `folder` and return the names of those that were."""
    pyplot.switch_backend("agg")
    drawn = []
    for name, plot in FIGURES.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.filterwarnings("error", message=UNTOLD)
                figure = _figure_of(plot(study.optuna, target_name=study.objective.metric))
            _spread(figure)
            figure.savefig(folder / f"{name}.png", dpi=120, bbox_inches="tight")
            drawn.append(name)
        except (ValueError, RuntimeError, UserWarning) as error:
            say(f"{name}.png was not drawn: {error}")
        finally:
            pyplot.close("all")
    return drawn


def _spread(figure: Figure) -> None:
    """Room for what stands below the axes: choices may be long, and stand side by side."""
    figure.set_size_inches(INCHES[0] * max(2, len(figure.axes)), INCHES[1])
    for axes in figure.axes:
        axes.tick_params(axis="x", labelrotation=20)


def _figure_of(axes: Any) -> Figure:
    """Optuna gives one pair of axes, or an array of them."""
    figure: Figure = axes.flat[0].figure if isinstance(axes, numpy.ndarray) else axes.figure
    return figure


def write(folder: StudyFolder, facts: Mapping[str, Any], drawn: Sequence[str], result: TrainingResult | None) -> None:
    """Write ``study.json`` and ``report.md``."""
    folder.document.write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=2))
    folder.report.write_text(_report(folder, facts, drawn, result), encoding="utf-8")


def _report(folder: StudyFolder, facts: Mapping[str, Any], drawn: Sequence[str], result: TrainingResult | None) -> str:
    best, metric, trials = facts["best"], facts["metric"], facts["trials"]
    keys = list(best["values"])
    states = [trial["state"] for trial in trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    aim = "lowest" if facts["minimize"] else "highest"
    lines = [
        f"# Search of {facts['recipe']}",
        "",
        f"{len(trials)} trials ({counts}), compared by {metric} on the validation split, the {aim} being best.",
        f"Best: {best['value']:.4f}, trial {best['number']}. Its recipe is [best.toml](best.toml).",
        "",
        *_table(["key", "best value"], [[f"`{key}`", f"`{value}`"] for key, value in best["values"].items()]),
    ]
    if result is not None:
        figures = [[name, str(result.before[name]), str(after)] for name, after in result.after.items()]
        lines += ["## Test split, which no trial saw", "", *_table(["test", "before", "after"], figures)]
    lines += ["## Trials", ""]
    lines += _table(["trial", "", metric, *(f"`{key}`" for key in keys)], [_row(trial, keys) for trial in trials])
    for name in drawn:
        lines += [f"![{name}]({name}.png)", ""]
    return "\n".join(lines)


def _row(trial: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    value = f"{trial['value']:.4f}" if trial["value"] is not None else ""
    return [str(trial["number"]), trial["state"], value, *(shown(trial["values"].get(key, "")) for key in keys)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [list(columns), ["---"] * len(columns), *rows]
    return [*("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells), ""]
