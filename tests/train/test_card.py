from __future__ import annotations

import re

import pytest
from huggingface_hub import ModelCard

from adapterhub.train import TrainingResult, train
from adapterhub.train.adapter.card import rewritten
from tests.train.support import Recipes


@pytest.fixture(scope="module")
def result(recipes: Recipes, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return train(recipes.make(data="names"), tmp_path_factory.mktemp("runs") / "names")


def test_the_hub_reads_the_figures_off_the_card(result: TrainingResult) -> None:
    card = ModelCard((result.adapter / "README.md").read_text(encoding="utf-8"))
    found = {one.metric_type: one for one in card.data.eval_results or []}
    assert set(found) == set(result.after)
    f1 = found["entity_f1"]
    assert f1.metric_value == round(result.after["entity_f1"].value, 4)
    assert (f1.dataset_name, f1.dataset_split, f1.task_type) == ("names", "test", "token-classification")
    assert card.data.model_name == "tiny"


def test_the_card_says_what_a_reader_must_know(result: TrainingResult) -> None:
    text = (result.adapter / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Use", "Data", "Training", "Results", "Classes", "Figures", "Robustness and fairness", "Limits", "Licence",
    ]  # fmt: skip
    assert re.search(r"^\| person \| [\d.]+ \| [\d.]+ \| [\d.]+ \| 12 \|$", text, re.MULTILINE)
    links = re.findall(r"!\[.*\]\((.*)\)", text)
    assert links == ["figures/confusion.png"]
    assert (result.adapter / links[0]).is_file()


def test_a_section_is_written_again_without_the_others() -> None:
    text = "---\nlicense: mit\n---\n# x\n\n## Results\n\nold\n\n### More\n\nold too\n\n## Limits\n\n- none\n"
    once = rewritten(text, "Results", r"new \1")
    assert once == "---\nlicense: mit\n---\n# x\n\n## Results\n\nnew \\1\n\n## Limits\n\n- none\n"
    assert rewritten(once, "Results", r"new \1") == once
    last = rewritten(once, "Limits", "- some")
    assert last.endswith("## Limits\n\n- some\n")
    assert rewritten(last, "Licence", "mit") == f"{last}\n## Licence\n\nmit\n"
