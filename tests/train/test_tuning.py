"""A search chooses by validation, goes on after any death, and shares its work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState

from adapterhub.errors import RecipeError, RunError
from adapterhub.recipe import Recipe
from adapterhub.recipe.search import Search
from adapterhub.tasks.data import Splits
from adapterhub.train.loop.objective import Objective
from adapterhub.train.tuning.folder import StudyFolder
from adapterhub.train.tuning.study import Study
from adapterhub.train.tuning.trial import value_of
from adapterhub.train.tuning.tune import Effort, objective_of, tune
from tests.train.support import Recipes

ROOT = Path(__file__).parents[2]
SPACE = """
[search]
trials = 3
seed = 1
[search.space]
"training.learning_rate" = { low = 1e-3, high = 1e-1, log = true }
"method.targets" = { choices = [["query"], ["query", "value"]] }
"""


@pytest.fixture
def search(recipes: Recipes) -> Search:
    return Search.parse(recipes.text() + SPACE)


def values(folder: Path, search: Search) -> list[tuple[str, object, float | None]]:
    """What each trial of a study tried and came to."""
    trials = Study(StudyFolder(folder), search, objective_of(search)).trials()
    return [(trial.state.name, trial.params, trial.value) for trial in trials]


class Death(BaseException):
    """Nothing catches it."""


@pytest.mark.slow
def test_the_best_by_validation_is_written_and_trained_and_the_report_tells_all(search: Search, tmp_path: Path) -> None:
    said: list[str] = []
    result = tune(search, tmp_path / "study", Effort(trials=2), say=said.append)
    trials = result.facts["trials"]
    assert [trial["state"] for trial in trials] == ["ended"] * 2
    best = max(trials, key=lambda trial: trial["value"])
    assert result.facts["best"] == {key: best[key] for key in ("number", "value", "values")}

    recipe = Recipe.read(tmp_path / "study" / "best.toml")
    assert recipe.training.learning_rate == best["values"]["training.learning_rate"]
    assert recipe.method.targets == best["values"]["method.targets"]
    assert result.run is not None
    assert result.run.folder == tmp_path / "study" / "best"
    figures = [json.loads(line) for line in (result.run.folder / "metrics.jsonl").read_text().splitlines()]
    chosen = max(line["metrics"]["macro_f1"] for line in figures if line["kind"] == "validation")
    assert chosen == pytest.approx(best["value"]), "the best recipe's run goes as its trial went"

    assert json.loads((tmp_path / "study" / "study.json").read_text()) == result.facts
    report = (tmp_path / "study" / "report.md").read_text()
    assert f"Best: {best['value']:.4f}, trial {best['number']}." in report
    assert str(result.run.after["macro_f1"]) in report
    for name in ("history", "importances", "slice"):
        drawn = (tmp_path / "study" / f"{name}.png").is_file()
        assert drawn == (f"![{name}]({name}.png)" in report)
        assert drawn or any(f"{name}.png was not drawn" in line for line in said)
    assert (tmp_path / "study" / "history.png").is_file()


@pytest.mark.slow
def test_a_trial_never_scores_the_test_split(search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adapterhub.train import prepare

    def read(*arguments: object) -> Splits:
        splits = whole(*arguments)  # type: ignore[arg-type]
        seen.append(splits.test)
        return splits

    def predict(self: object, rows: object) -> object:
        asked.append(rows)
        return answers(self, rows)  # type: ignore[arg-type]

    seen: list[object] = []
    asked: list[object] = []
    whole, answers = prepare.read_splits, prepare.ModelPredictor.predict
    monkeypatch.setattr(prepare, "read_splits", read)
    monkeypatch.setattr(prepare.ModelPredictor, "predict", predict)
    tune(search, tmp_path / "study", Effort(trials=1, train_best=False))
    tests = {row["text"] for rows in seen for row in rows}  # type: ignore[attr-defined]
    scored = {row["text"] for rows in asked for row in rows}  # type: ignore[attr-defined]
    assert tests
    assert scored
    assert not tests & scored
    trial = tmp_path / "study" / "trials" / "0000"
    assert {path.name for path in trial.iterdir()} == {"recipe.toml", "metrics.jsonl"}
    kinds = {json.loads(line)["kind"] for line in (trial / "metrics.jsonl").read_text().splitlines()}
    assert kinds == {"step", "validation"}
    assert not (tmp_path / "study" / "best").exists()


@pytest.mark.slow
def test_a_study_goes_on_where_it_was_and_ends_where_a_whole_one_does(search: Search, tmp_path: Path) -> None:
    def dying(text: str) -> None:
        if text.startswith("trial 1  epoch 2"):
            raise Death

    effort = Effort(trials=2, train_best=False)
    tune(search, tmp_path / "whole", effort)
    with pytest.raises(Death):
        tune(search, tmp_path / "study", effort, say=dying)
    assert [state for state, _, _ in values(tmp_path / "study", search)] == ["COMPLETE", "RUNNING"]
    said: list[str] = []
    tune(search, tmp_path / "study", effort, say=said.append)
    assert not [line for line in said if line.startswith(("trial 0", "trial 1  epoch 1"))], "it was done before"
    assert values(tmp_path / "study", search) == values(tmp_path / "whole", search)


@pytest.mark.slow
def test_a_trial_that_does_worse_than_the_others_did_is_given_up(search: Search, tmp_path: Path) -> None:
    folder = StudyFolder.open(tmp_path / "study", search)
    study = Study(folder, search, objective_of(search))
    for _ in range(5):  # unbeatable ones; before there are as many, the median rule gives nobody up
        trial = study.optuna.ask()
        trial.report(1.5, 1)
        study.optuna.tell(trial, 1.5)
    said: list[str] = []
    tune(search, folder.path, Effort(trials=6, train_best=False), say=said.append)
    assert values(folder.path, search)[5][0] == "PRUNED"
    assert said[1].startswith("trial 5  epoch 1")
    assert said[2].startswith("trial 5  given up")


@pytest.mark.parametrize("pruner", ["median", "halving", "none"])
def test_every_pruner_is_one(pruner: str, recipes: Recipes, tmp_path: Path) -> None:
    space = SPACE.replace("seed = 1", f'pruner = "{pruner}"')
    search = Search.parse(recipes.text() + space)
    study = Study(StudyFolder.open(tmp_path / "study", search), search, objective_of(search))
    named = {"median": "MedianPruner", "halving": "SuccessiveHalvingPruner", "none": "NopPruner"}
    assert type(study.optuna.pruner).__name__ == named[pruner]


def test_values_that_do_not_fit_are_a_failed_trial_and_too_many_of_them_the_end(
    recipes: Recipes, tmp_path: Path
) -> None:
    space = '[search]\ntrials = 9\n[search.space]\n"method.targets" = { choices = [["nowhere"]] }\n'
    search = Search.parse(recipes.text() + space)
    said: list[str] = []
    with pytest.raises(RecipeError, match="no linear module"):
        tune(search, tmp_path / "study", say=said.append)
    assert [state for state, _, _ in values(tmp_path / "study", search)] == ["FAIL"] * 3
    assert sum("failed: method.targets" in line for line in said) == 3


def test_no_trial_is_begun_after_the_time(search: Search, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no trial came to a value"):
        tune(search, tmp_path / "study", Effort(seconds=0))


def test_a_folder_of_something_else_is_refused(search: Search, recipes: Recipes, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("mine")
    with pytest.raises(RunError, match="is not a study"):
        StudyFolder.open(tmp_path, search)
    StudyFolder.open(tmp_path / "study", search)
    other = Search.parse(recipes.text() + SPACE.replace("seed = 1", "seed = 2"))
    with pytest.raises(RunError, match="a study of another recipe"):
        StudyFolder.open(tmp_path / "study", other)


def test_the_metric_is_the_tasks(recipes: Recipes) -> None:
    def asked(metric: str, **parts: str) -> Objective:
        return objective_of(Search.parse(recipes.text(**parts) + SPACE.replace("seed", f'metric = "{metric}"\nseed')))

    assert asked("accuracy") == Objective("accuracy", minimize=False)
    assert asked("mse", data="grades").minimize
    with pytest.raises(RecipeError, match=r"search\.metric: text-classification has no 'f2'"):
        asked("f2")


def test_a_trial_is_worth_what_the_epoch_that_a_run_keeps_is_worth() -> None:
    epochs = [{"a": 0.1, "b": 9.0}, {"a": 0.3, "b": 5.0}, {"a": 0.3, "b": 7.0}, {"a": 0.2, "b": 8.0}]
    lines = [{"kind": "step", "loss": 1.0}, *({"kind": "validation", "metrics": epoch} for epoch in epochs)]
    assert value_of(lines, Objective("a", minimize=False), "b") == 5.0
    assert value_of(lines, Objective("b", minimize=True), "b") == 5.0
    assert value_of(lines, Objective("a", minimize=True), "b") == 9.0


@pytest.mark.slow
def test_a_search_whose_processes_are_killed_goes_on_without_losing_a_trial(search: Search, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(search.text)
    command = [sys.executable, "-m", "adapterhub", "tune", str(tmp_path / "recipe.toml"), "--workers", "2"]
    command += ["--study", str(tmp_path / "study"), "--no-train"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as killed:
        assert killed.stderr is not None
        running: set[str] = set()
        while len(running) < 2:
            line = killed.stderr.readline()
            assert line, "it ended before both workers had a trial"
            if "epoch" in line:
                running.add(line.split("  ")[0])
        os.kill(killed.pid, signal.SIGKILL)
        killed.stderr.read()  # ends when the workers, who write there too, have left
    states = [state for state, _, _ in values(tmp_path / "study", search)]
    begun = [params for _, params, _ in values(tmp_path / "study", search)]
    assert TrialState.RUNNING.name in states, "it was killed too late"

    result = tune(search, tmp_path / "study", Effort(train_best=False))
    assert [trial["state"] for trial in result.facts["trials"]] == ["ended"] * 3
    assert [params for _, params, _ in values(tmp_path / "study", search)][: len(begun)] == begun
