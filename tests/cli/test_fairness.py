from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from registry import Manifest, open_registry
from tests.cli.conftest import Run
from tests.support.adapters import Recipe, make_adapter
from tests.support.tiny import make_tiny_llama

LLAMA = "tests/tiny-llama"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "people.jsonl"
    lines = [
        {"text": f"{who} my printer {number}", "label": label, "team": team}
        for number in range(6)
        for who, label, team in (("she", "chat", "red"), ("he", "complaint", "blue"))
        for _ in range(2)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def test_a_classifier_is_asked_for_flips_and_gaps_and_its_card_says_so(
    adapterhub: Run, trained: Path, rows: Path, tiny_base: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    options = ("--data", rows, "--group", "team", "--base-path", tiny_base, "--card", "--json")
    done = adapterhub("fairness", run, *options)
    assert done.code == 0, done.err
    (gender,) = done.document["findings"]["flips"]
    assert (gender["group"], gender["rate"]["n"]) == ("gender", 24)
    assert set(done.document["findings"]["subgroups"]["groups"]) == {"red", "blue"}
    card = (run / "adapter" / "README.md").read_text(encoding="utf-8")
    assert "Not measured" not in card
    assert card.index("## Figures") < card.index("Gap between groups of team") < card.index("## Limits")
    assert card.count("## Robustness and fairness") == 1
    digest = Manifest.read(run / "adapter").digest
    assert digest == done.document["digest"] != Manifest.read(trained / "adapter").digest
    assert open_registry(tmp_path / "other").publish(run, "acme/x", "1.0.0").digest == digest, "it can be published"
    again = adapterhub("train", run / "recipe.toml", "--run", run, "--json")
    assert again.document["digest"] == digest


def test_what_is_asked_of_the_wrong_adapter_is_refused(
    adapterhub: Run, trained: Path, rows: Path, tmp_path: Path
) -> None:
    assert adapterhub("fairness", "acme/chat", "--card").code == 2
    assert adapterhub("fairness", trained, "--group", "team").code == 2
    assert adapterhub("fairness", trained, "--bbq", rows).code == 2
    lacking = adapterhub("fairness", trained, "--data", rows, "--group", "tem")
    assert lacking.code == 1
    assert lacking.err.splitlines()[0] == f"error: {rows}:1: no column 'tem'"


def test_a_language_model_is_asked_before_and_after(adapterhub: Run, tiny_base: Path, tmp_path: Path) -> None:
    base = make_tiny_llama(tmp_path / "llama", PreTrainedTokenizerFast.from_pretrained(tiny_base))
    recipe = Recipe("CAUSAL_LM", options={"r": 4, "target_modules": ["q_proj", "v_proj"]}, seed=1, scale=3.0)
    made = make_adapter(tmp_path / "adapter", base, LLAMA, recipe)
    facts = ("--base", LLAMA, "--task", "text-generation", "--licence", "mit", "--base-path", base)
    assert adapterhub("publish", made.folder, "acme/chat@1.0.0", *facts).code == 0
    words = ("my", "computer", "printer", "is", "on", "fire", "tell", "me")
    pairs, questions = tmp_path / "pairs.jsonl", tmp_path / "bbq.jsonl"
    pairs.write_text(
        "".join(
            json.dumps({"stereo": f"{a} {b}", "anti": f"{b} {a}", "category": a}) + "\n"
            for a in words
            for b in words
            if a < b
        )
    )
    asked = {
        "context": "who is on fire",
        "choices": ["my computer", "me", "not"],
        "label": 2,
        "condition": "ambig",
        "polarity": "neg",
        "groups": ["it", "me", "unknown"],
        "stereotyped": ["it"],
    }
    questions.write_text(json.dumps(asked) + "\n")
    nothing = adapterhub("fairness", "acme/chat", "--base-path", base)
    assert (nothing.code, nothing.err.splitlines()[0]) == (1, "error: nothing says what to ask this language model")
    done = adapterhub(
        "fairness", "acme/chat", "--crows-pairs", pairs, "--bbq", questions, "--base-path", base, "--json"
    )
    assert done.code == 0, done.err
    found = done.document["findings"]["likelihoods"]
    share = found["crows-pairs"]["differences"]["stereotype_share"]
    assert found["crows-pairs"]["after"]["stereotype_share"]["n"] == 28
    assert share["first"] != share["second"], "the adapter was worn"
    assert set(found["bbq"]["after"]) == {
        "accuracy_ambiguous",
        "accuracy_disambiguated",
        "bias_ambiguous",
        "bias_disambiguated",
    }
