"""What commands say for an adapter beyond its figures: reports that are kept, comparisons, and attributions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoModel

from adapterhub.evaluate import Evaluation
from adapterhub.evaluate.report import Report, write_report
from adapterhub.tasks import TextAnswer, get_task
from adapterhub.train import train
from tests.cli.conftest import Run
from tests.train.support import Recipes


@pytest.fixture(scope="module")
def names(recipes: Recipes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that learned something, of another task than `trained`."""
    return train(recipes.make(data="names"), tmp_path_factory.mktemp("runs") / "names").folder


@pytest.fixture(scope="module")
def kept(names: Path, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `evaluate --out` kept of it."""
    from adapterhub.cli import main

    folder = tmp_path_factory.mktemp("kept") / "names"
    assert main(["evaluate", str(names), "--out", str(folder), "--base-path", str(tiny_base), "--json"]) == 0
    return folder


def test_evaluate_keeps_report_answers_and_figures(kept: Path, names: Path) -> None:
    report = json.loads((kept / "report.json").read_text(encoding="utf-8"))
    recorded = json.loads((names / "adapter" / "manifest.json").read_text(encoding="utf-8"))
    assert report["metrics"] == recorded["metrics"]["after"]
    assert {one["label"] for one in report["classes"]} == {"person", "place"}
    lines = (kept / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"row", "answer", "reference"}] * 12
    assert [path.name for path in (kept / "figures").iterdir()] == ["confusion.png"]


def test_plain_peft_answers_as_the_engine_does(
    adapterhub: Run, kept: Path, names: Path, tiny_base: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    done = adapterhub("evaluate", names, "--by", "peft", "--out", plain, "--base-path", tiny_base, "--json")
    assert (done.code, done.document["by"]) == (0, "peft"), done.err
    same = adapterhub("compare", kept, plain, "--json")
    assert (same.document["rows"], same.document["changed"]) == (12, 0)
    ours, theirs = (json.loads((folder / "report.json").read_text(encoding="utf-8")) for folder in (kept, plain))
    assert ours["metrics"] == theirs["metrics"]


def test_plain_peft_is_given_no_other_base(adapterhub: Run, names: Path, tiny_base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_base, other)
    model = AutoModel.from_pretrained(other)
    model.get_input_embeddings().weight.data += 1
    model.save_pretrained(other)
    done = adapterhub("evaluate", names, "--by", "peft", "--base-path", other)
    assert done.code == 1
    assert "error: the adapter was trained on other weights of" in done.err


def test_evaluate_writes_over_nothing_else(adapterhub: Run, names: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = adapterhub("evaluate", names, "--out", tmp_path)
    assert (done.code, done.err.splitlines()[0]) == (1, f"error: {tmp_path} exists and is no evaluation")


def test_compare_takes_kept_answers_and_the_base_as_training_found_it(
    adapterhub: Run, kept: Path, names: Path, tiny_base: Path
) -> None:
    recorded = json.loads((names / "adapter" / "manifest.json").read_text(encoding="utf-8"))["metrics"]
    done = adapterhub("compare", "base", names, "--base-path", tiny_base, "--changed", "--json")
    assert done.code == 0, done.err
    found = done.document["metrics"]["entity_f1"]
    assert (found["first"], found["second"]) == tuple(
        recorded[one]["entity_f1"]["value"] for one in ("before", "after")
    )
    assert found["low"] > 0
    assert done.document["changes"][0]["row"]["tokens"][1:3] == ["is", "on"]
    same = adapterhub("compare", kept, names, "--base-path", tiny_base, "--json")
    assert same.code == 0, same.err
    assert (same.document["metrics"]["entity_f1"]["value"], same.document["changed"]) == (0, 0)


def test_compare_says_which_is_better(adapterhub: Run, kept: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse"
    worse.mkdir()
    (worse / "report.json").write_bytes((kept / "report.json").read_bytes())
    lines = [json.loads(line) for line in (kept / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line["answer"]["tags"] = ["O"] * len(line["answer"]["tags"])
    (worse / "predictions.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    done = adapterhub("compare", worse / "predictions.jsonl", kept)
    assert done.code == 0, done.err
    assert f"{kept} is better by entity_f1" in done.err


def test_texts_are_compared_by_what_they_are_measured_by(adapterhub: Run, tmp_path: Path) -> None:
    task = get_task("translation", {"max_length": 16})
    rows = [{"source": "a", "target": f"the printer is on fire {number}"} for number in range(8)]
    for name, texts in (("good", [str(row["target"]) for row in rows]), ("bad", ["no"] * 8)):
        made = Evaluation(task, rows, [TextAnswer(text=text, token_ids=()) for text in texts])
        write_report(tmp_path / name, made, Report.of(made), {})
    done = adapterhub("compare", tmp_path / "bad", tmp_path / "good")
    assert done.code == 0, done.err
    assert f"{tmp_path / 'good'} is better by bleu" in done.err


def test_compare_refuses_another_task(adapterhub: Run, kept: Path, trained: Path) -> None:
    done = adapterhub("compare", kept, trained)
    assert done.code == 1
    assert done.err.splitlines()[0] == f"error: {trained} answers text-classification, not token-classification"
    assert adapterhub("compare", "base", "base").code == 2


def test_explain_says_what_each_token_adds(adapterhub: Run, trained: Path, tiny_base: Path) -> None:
    pytest.importorskip("captum")
    done = adapterhub("explain", trained, "my printer is on fire", "--base-path", tiny_base, "--json")
    assert done.code == 0, done.err
    tokens = done.document["tokens"]
    assert [one["token"] for one in tokens] == ["[CLS]", "my", "printer", "is", "on", "fire", "[SEP]"]
    added = sum(one["added"] for one in tokens)
    assert added == pytest.approx(done.document["output"] - done.document["masked"], abs=1e-4)
    refused = adapterhub("explain", trained, "hello", "--label", "nothing", "--base-path", tiny_base)
    assert (refused.code, refused.err.splitlines()[0]) == (1, "error: there is no label 'nothing'")


def test_explain_refuses_what_decides_more_than_once_a_row(adapterhub: Run, names: Path) -> None:
    done = adapterhub("explain", names, "hello")
    assert done.code == 1
    assert "token-classification is not explained" in done.err
