"""The life of an adapter, command by command, as a program would drive it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, Run
from tests.train.support import Recipes

Publish = Callable[[str], Outcome]


def test_train_leaves_a_run_and_says_what_it_came_to(adapterhub: Run, recipes: Recipes, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipes.text(), encoding="utf-8")
    done = adapterhub("train", recipe, "--run", tmp_path / "run", "--tensorboard", "--json")
    assert done.code == 0, done.err
    assert "epoch 2  validation  accuracy" in done.err
    assert "\x1b" not in done.err, "no control codes where there is no terminal"
    run = {path.name for path in (tmp_path / "run").iterdir()}
    assert run == {"adapter", "checkpoints", "curve.png", "metrics.jsonl", "recipe.toml", "tensorboard"}
    assert Path(done.document["adapter"], "adapter_model.safetensors").is_file()
    assert set(done.document["metrics"]) == {"before", "after"}
    assert "accuracy" in done.document["metrics"]["after"]
    again = adapterhub("train", recipe, "--run", tmp_path / "run", "--json")
    assert again.document == done.document


def test_evaluate_gives_the_figures_that_training_gave(adapterhub: Run, trained: Path, tiny_base: Path) -> None:
    done = adapterhub("evaluate", trained, "--base-path", tiny_base, "--json")
    assert done.code == 0, done.err
    recorded = adapterhub_manifest(trained)["metrics"]["after"]
    assert done.document["metrics"] == recorded


def adapterhub_manifest(run: Path) -> dict[str, dict[str, object]]:
    from registry import Manifest

    return dict(Manifest.read(run / "adapter").document)


def test_evaluate_takes_other_rows(adapterhub: Run, publish: Publish, tiny_base: Path, tmp_path: Path) -> None:
    publish("acme/chat@1.0.0")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "tell me a joke", "label": "chat"}\n' * 3, encoding="utf-8")
    done = adapterhub("evaluate", "acme/chat", "--data", rows, "--base-path", tiny_base, "--json")
    assert done.code == 0, done.err
    assert done.document["metrics"]["accuracy"]["n"] == 3
    table = tmp_path / "rows.txt"
    table.write_text("text,label\ntell me a joke,chat\n", encoding="utf-8")
    done = adapterhub("evaluate", "acme/chat", "--data", table, "--format", "csv", "--base-path", tiny_base, "--json")
    assert done.document["metrics"]["accuracy"]["n"] == 1, done.err


def test_evaluate_names_bad_rows_before_it_loads_the_base(adapterhub: Run, publish: Publish, tmp_path: Path) -> None:
    publish("acme/chat@1.0.0")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "tell me a joke", "label": "chat"}\n{"text": "x"}\n', encoding="utf-8")
    empty = tmp_path / "no-base"
    empty.mkdir()
    done = adapterhub("evaluate", "acme/chat", "--data", rows, "--base-path", empty)
    assert done.code == 1
    assert done.err.splitlines()[0] == f"error: {rows}:2: no column 'label'"


def test_publish_names_the_version(publish: Publish) -> None:
    done = publish("acme/chat@1.0.0")
    assert done.code == 0, done.err
    assert (done.document["repository"], done.document["version"]) == ("acme/chat", "1.0.0")
    assert done.document["digest"].startswith("sha256:")


def test_predict_answers_each_row_with_its_version(adapterhub: Run, publish: Publish, tiny_base: Path) -> None:
    digest = publish("acme/chat@1.0.0").document["digest"]
    rows = ("tell me a joke", "the printer is on fire")
    done = adapterhub("predict", "acme/chat", *rows, "--base-path", tiny_base, "--json")
    assert done.code == 0, done.err
    answers = done.document["answers"]
    assert [answer["row"] for answer in answers] == list(rows)
    assert {answer["label"] for answer in answers} <= {"chat", "complaint"}
    assert {(answer["version"], answer["digest"]) for answer in answers} == {("acme/chat@1.0.0", digest)}


def test_predict_reads_rows_from_stdin(
    adapterhub: Run, trained: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('"hello"\n\n{"text": "what is on fire"}\n'))
    done = adapterhub("predict", trained, "--base-path", tiny_base, "--json")
    assert done.code == 0, done.err
    assert [answer["row"] for answer in done.document["answers"]] == ["hello", {"text": "what is on fire"}]


def test_predict_names_a_bad_row_by_its_line_before_it_loads_the_base(
    adapterhub: Run, trained: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def given(text: str, *options: object) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        done = adapterhub("predict", trained, *options)
        assert (done.code, done.out) == (1, "")
        return done.err.splitlines()[0]

    lacking = "error: stdin:4: a row for text-classification has no column 'text'"
    assert given('\ufeff"hello"\n\n"what"\n{"txt": "a"}\n', "--base-path", Path.cwd()) == lacking
    wrong = "error: stdin:3: text and text_pair of a row are strings"
    assert given('"hello"\n\n{"text": 7}\n', "--base-path", tiny_base) == wrong


def test_an_alias_moves_and_remembers(adapterhub: Run, publish: Publish) -> None:
    publish("acme/chat@1.0.0")
    publish("acme/chat@1.1.0")
    assert adapterhub("alias", "acme/chat", "production", "1.0.0", "--expect", "none").code == 0
    moved = adapterhub("alias", "acme/chat", "production", "1.1.0", "--expect", "1.0.0", "--json")
    assert (moved.document["previous"], moved.document["version"]) == ("1.0.0", "1.1.0")
    history = adapterhub("alias", "acme/chat", "production", "--history", "--json").document["history"]
    assert [(change["previous"], change["version"]) for change in history] == [("1.0.0", "1.1.0"), (None, "1.0.0")]
    assert adapterhub("show", "acme/chat@production", "--json").document["version"] == "1.1.0"


def test_list_and_show_say_what_is_there(adapterhub: Run, publish: Publish) -> None:
    assert adapterhub("list", "--json").document == {"repositories": []}
    publish("acme/chat@1.0.0")
    publish("acme/chat@1.1.0")
    (listed,) = adapterhub("list", "--json").document["repositories"]
    assert (listed["repository"], listed["versions"], listed["task"]) == ("acme/chat", 2, "text-classification")
    assert adapterhub("list", "--task", "token-classification", "--json").document == {"repositories": []}
    versions = adapterhub("list", "acme/chat", "--json").document["versions"]
    assert [one["version"] for one in versions] == ["1.1.0", "1.0.0"]
    shown = adapterhub("show", "acme/chat@^1.0", "--json").document
    assert shown["manifest"]["base"]["id"] == "tests/tiny-bert"


def test_pull_gives_a_folder_that_peft_opens(adapterhub: Run, publish: Publish, tiny_base: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    publish("acme/chat@1.0.0")
    folder = adapterhub("pull", "acme/chat@1.0.0", "--json").document["folder"]
    base = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=2)
    assert PeftModel.from_pretrained(base, folder).active_adapter == "default"


def test_a_yanked_version_warns_and_a_revoked_one_is_refused(adapterhub: Run, publish: Publish) -> None:
    publish("acme/chat@1.0.0")
    publish("acme/chat@1.1.0")
    assert adapterhub("yank", "acme/chat@1.1.0", "--reason", "wrong labels", "--json").document["status"] == "yanked"
    assert adapterhub("show", "acme/chat@^1.0", "--json").document["version"] == "1.0.0"
    pinned = adapterhub("pull", "acme/chat@1.1.0", "--json")
    assert (pinned.code, pinned.document["version"]) == (0, "1.1.0")
    assert "wrong labels" in pinned.err
    assert adapterhub("revoke", "acme/chat@1.1.0", "--reason", "leaked", "--json").document["status"] == "revoked"
    refused = adapterhub("pull", "acme/chat@1.1.0", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "revoked")


def test_an_adapter_made_with_peft_alone_is_published_by_four_facts(
    adapterhub: Run, trained: Path, tiny_base: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "foreign"
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(trained / "adapter" / name, folder)
    facts = ("--base", "tests/tiny-bert", "--task", "text-classification", "--licence", "mit", "--labels", "chat,other")
    done = adapterhub("publish", folder, "acme/foreign@0.1.0", *facts, "--base-path", tiny_base, "--json")
    assert done.code == 0, done.err
    manifest = adapterhub("show", "acme/foreign", "--json").document["manifest"]
    assert manifest["base"]["fingerprint"].startswith("sha256:"), "checked against the base, so it says which one"
    assert manifest["head"]["labels"] == ["chat", "other"]


def test_search_finds_what_was_published(adapterhub: Run, publish: Publish) -> None:
    publish("acme/chat@1.0.0")
    found = adapterhub(
        "search", "me/ch", "--task", "text-classification", "--label", "chat", "--metric", "accuracy", "--json"
    )
    assert found.code == 0, found.err
    assert [one["repository"] for one in found.document["adapters"]] == ["acme/chat"]
    assert adapterhub("search", "--min-rank", "999", "--json").document == {"adapters": []}
    shown = adapterhub("search", "chat")
    assert shown.code == 0
    assert "acme/chat@1.0.0" in shown.err
    assert adapterhub("search", "--min-value", "0.5").code == 1
