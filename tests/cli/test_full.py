"""A run of full fine-tuning at the command line: it trains and answers with figures, and is refused elsewhere."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.train.support import Recipes


def test_it_is_measured_and_never_published(adapterhub: Run, recipes: Recipes, tmp_path: Path) -> None:
    (tmp_path / "full.toml").write_text(recipes.text(method='kind = "full"', training="epochs = 1"), encoding="utf-8")
    trained = adapterhub("train", "full.toml", "--run", "run", "--json")
    assert trained.code == 0
    assert trained.document["adapter"] is None
    assert trained.document["digest"] is None
    assert set(trained.document["metrics"]["after"]) == set(trained.document["metrics"]["before"])
    again = adapterhub("train", "full.toml", "--run", "run")
    assert (again.code, again.out) == (0, "")
    assert "there is no adapter" in again.err

    for command in (("publish", "run", "acme/chat@1.0.0"), ("evaluate", "run"), ("predict", "run", "hello")):
        refused = adapterhub(*command)
        assert (refused.code, refused.out) == (1, "")
        why, what = refused.err.splitlines()
        assert why == "error: run is a run of full fine-tuning, which is measured and leaves no adapter"
        assert what.startswith("  → Name a run of another method")
