from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.train.support import Recipes

SPACE = '\n[search]\ntrials = 1\n[search.space]\n"method.rank" = { choices = [2] }\n'


@pytest.mark.slow
def test_tune_leaves_a_study_and_its_best_run(adapterhub: Run, recipes: Recipes) -> None:
    Path("recipe.toml").write_text(recipes.text(training="epochs = 1") + SPACE, encoding="utf-8")
    done = adapterhub("tune", "recipe.toml", "--json")
    assert done.code == 0, done.err
    assert done.document["study"] == "studies/tiny"
    assert done.document["best"]["values"] == {"method.rank": 2}
    assert Path(done.document["run"]["adapter"], "manifest.json").is_file()
    assert Path(done.document["report"]).is_file()
    assert "trial 0  macro_f1" in done.err
    assert adapterhub("train", done.document["best_recipe"], "--run", done.document["run"]["run"]).code == 0


def test_a_search_that_cannot_be_is_refused_before_a_folder_is_made(adapterhub: Run, recipes: Recipes) -> None:
    Path("recipe.toml").write_text(recipes.text() + SPACE.replace("[2]", "[]"), encoding="utf-8")
    refused = adapterhub("tune", "recipe.toml", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "recipe")
    assert not Path("studies").exists()
