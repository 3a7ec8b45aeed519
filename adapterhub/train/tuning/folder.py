"""A study's folder: what is where in it, and which search it is of.

::

    studies/<name>/
      recipe.toml        the recipe with its [search], as it is searched
      study.db           Optuna's study (SQLite)
      claim.lock         held while somebody takes a trial; each trial's own lock, while it runs
      trials/<number>/   a run without test figures: recipe.toml and metrics.jsonl stay, checkpoints go when it ends
      best.toml          the best trial's recipe, without [search]
      best/              the run of best.toml, test figures and adapter included
      report.md, study.json, history.png, importances.png, slice.png

Knows files only. A study that was interrupted, or killed, goes on when it is started again; a report, best.toml and its
run follow the trials that are there, and nothing else is ever written over.
"""

from __future__ import annotations

from pathlib import Path

from adapterhub.errors import RunError
from adapterhub.recipe.search import Search


class StudyFolder:
    """The folder of one search."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.toml"
        self.database = path / "study.db"
        self.claim_lock = path / "claim.lock"
        self.trials = path / "trials"
        self.best_recipe = path / "best.toml"
        self.best_run = path / "best"
        self.report = path / "report.md"
        self.document = path / "study.json"

    @classmethod
    def open(cls, path: Path, search: Search) -> StudyFolder:
        """The folder at `path`, made if it is not there.

        Raises:
            RunError: it holds something else, or the study of another recipe.
        """
        study = cls(path)
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file", "Name a folder for the study.")
        if path.is_dir() and any(path.iterdir()) and not study.recipe.is_file():
            raise RunError(f"{path} exists and is not a study", "Name another folder.")
        if study.recipe.is_file() and study.recipe.read_text(encoding="utf-8") != search.text:
            raise RunError(
                f"{path} holds a study of another recipe", f"Name another folder, or compare with {study.recipe}."
            )
        study.trials.mkdir(parents=True, exist_ok=True)
        aside = path / "recipe.partial"
        aside.write_text(search.text, encoding="utf-8")
        aside.replace(study.recipe)
        return study

    def search(self) -> Search:
        """What is searched here."""
        return Search.read(self.recipe)

    def trial(self, number: int) -> Path:
        """The run folder of a trial."""
        return self.trials / f"{number:04}"

    def trial_lock(self, number: int) -> Path:
        """Held by the process that runs the trial; the system lets go of it when that process dies."""
        return self.trials / f"{number:04}.lock"
