"""``init_from``: a run that starts from a published version."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from adapterhub.errors import RecipeError
from adapterhub.train import TrainingResult, train
from registry import Version, open_registry
from tests.train.support import LORA, PREFIX, Recipes, weights

FROM = 'init_from = "acme/chat@^1"'
STILL = "learning_rate = 1e-12\nepochs = 1"  # so slow that the weights stay as they were put


@dataclass(frozen=True)
class Published:
    """A parent in a registry."""

    result: TrainingResult
    registry: Any
    version: Version


@pytest.fixture(scope="module")
def published(recipes: Recipes, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("parent")
    result = train(recipes.make(training="epochs = 4"), folder / "run")
    registry = open_registry(str(folder / "registry"))
    return Published(result, registry, registry.publish(result.folder, "acme/chat", "1.0.0"))


def test_it_starts_where_the_parent_ended(published: Published, recipes: Recipes, tmp_path: Path) -> None:
    child = train(recipes.make(top=FROM, training=STILL), tmp_path / "run", registry=published.registry)
    parent = published.result
    assert {name: value.value for name, value in child.before.items()} == {
        name: value.value for name, value in parent.after.items()
    }
    mine, theirs = (weights(result) for result in (child, parent))
    for name, tensor in theirs.items():
        torch.testing.assert_close(mine[name], tensor, atol=1e-6, rtol=0)
    document = json.loads((child.adapter / "manifest.json").read_text())
    assert document["parents"] == [{"digest": published.version.digest, "relation": "retrained"}]


def test_a_label_that_the_parent_does_not_know_comes_last(
    published: Published, recipes: Recipes, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in (recipes.data / "chat-train.jsonl").read_text().splitlines()]
    rows += [{"text": f"a me my {number}", "label": "about-me"} for number in range(8)]
    more = tmp_path / "more.jsonl"
    more.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = recipes.text(top=FROM, training=STILL).replace(f"{recipes.data}/chat-train.jsonl", str(more))
    child = train(recipes.make().parse(text), tmp_path / "run", registry=published.registry)

    document = json.loads((child.adapter / "manifest.json").read_text())
    assert document["head"]["labels"] == ["chat", "complaint", "about-me"]
    head = "base_model.model.classifier.weight"
    mine = weights(child)[head]
    theirs = weights(published.result)[head]
    torch.testing.assert_close(mine[:2], theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"method": LORA.replace("rank = 4", "rank = 2")}, r"is \[4, 32\] in the parent, \[2, 32\] here"),
        ({"method": LORA.replace('"value"', '"key"')}, "in only one of parent and recipe"),
        ({"method": LORA + "\nalpha = 32"}, "the parent's lora_alpha is 8, here it is 32"),
        ({"method": LORA + "\nrslora = true"}, "the parent's use_rslora is None, here it is True"),
        ({"data": "means"}, "the parent's pooling is none, not mean"),
        ({"method": PREFIX}, "in only one of parent and recipe"),
        ({"method": PREFIX + "\nprojection = 8"}, "projection cannot start"),
        ({"data": "names"}, "the parent's task is text-classification"),
        ({"data": "grades"}, "the parent's problem_type is single_label_classification, not regression"),
    ],
)
def test_a_parent_that_does_not_fit_is_refused(
    parts: dict[str, str], message: str, published: Published, recipes: Recipes, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=message):
        train(recipes.make(top=FROM, **parts), tmp_path / "run", registry=published.registry)
