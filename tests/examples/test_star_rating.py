"""A task that another package brings: really installed, found by its entry point, trained, published and served."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from adapterhub.backbone import Backbone
from adapterhub.errors import DataError
from adapterhub.recipe import Recipe
from adapterhub.runtime.engine import Engine
from adapterhub.tasks import ValueAnswer, known_tasks
from adapterhub.train import train
from registry import open_registry
from tests.support.plain_peft import by_plain_peft
from tests.support.tiny import TINY_ID

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "star-rating"
WORDS = ("fire", "not", "hello", "computer", "joke")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, installed as pip does it, in a folder that only this test imports from."""
    source = shutil.copytree(EXAMPLE, tmp_path / "source")  # setuptools builds beside what it is given
    target = tmp_path / "site"
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    monkeypatch.syspath_prepend(target)


def recipe(base: Path, data: Path, stars: int) -> Recipe:
    rows = [{"text": f"{WORDS[number % 5]} {number}", "stars": number % 5 + stars} for number in range(40)]
    lines = [json.dumps(row) + "\n" for row in rows]
    for split, part in (("train", lines[:30]), ("validation", lines[30:35]), ("test", lines[35:])):
        (data / f"{split}.jsonl").write_text("".join(part), encoding="utf-8")
    return Recipe.parse(f"""
name = "stars"
licence = "mit"
task = {{ name = "star-rating", options = {{ max_length = 16 }} }}
method = {{ kind = "lora", targets = ["query", "value"] }}
training = {{ learning_rate = 3e-2, epochs = 20, batch_size = 5 }}
[base]
id = "{TINY_ID}"
path = "{base}"
[data]
name = "stars"
licence = "cc0-1.0"
leakage = "warn"
train = "{data}/train.jsonl"
validation = "{data}/validation.jsonl"
test = "{data}/test.jsonl"
""")


def test_it_is_trained_published_and_served(installed: None, tiny_base: Path, tmp_path: Path) -> None:
    assert "star-rating" in known_tasks()
    with pytest.raises(DataError, match=r"train\.jsonl:5: stars is 6, not 1 to 5"):
        train(recipe(tiny_base, tmp_path, stars=2), tmp_path / "refused")
    result = train(recipe(tiny_base, tmp_path, stars=1), tmp_path / "run")
    assert result.after["mean_absolute_error"].value < 0.5 < result.before["mean_absolute_error"].value
    registry = open_registry(tmp_path / "registry")
    registry.publish(result.folder, "acme/stars", "1.0.0")
    texts = [f"{word} 7" for word in WORDS]
    with Engine(Backbone.load(tiny_base, id=TINY_ID), registry) as engine:
        answers = engine.predict([("acme/stars", text) for text in texts])
    for answer, expected in zip(answers, by_plain_peft(result.adapter, tiny_base, texts), strict=True):
        assert isinstance(answer, ValueAnswer)
        torch.testing.assert_close(answer.logits, expected, atol=1e-5, rtol=1e-5)
        assert answer.value == pytest.approx(float(expected.softmax(-1) @ torch.arange(1.0, 6.0)), abs=1e-5)
    assert [round(answer.value) for answer in answers if isinstance(answer, ValueAnswer)] == [1, 2, 3, 4, 5]
