"""A run end to end: what it learns, what it leaves behind, and that plain `peft` opens it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from adapterhub import errors
from adapterhub.errors import BackboneError, DataError, RecipeError
from adapterhub.evaluate import Evaluation
from adapterhub.plain.predictor import ModelPredictor
from adapterhub.recipe import Lora, Recipe
from adapterhub.tasks import get_task, task_of
from adapterhub.train import RunError, TrainingResult, train
from adapterhub.train import trainer as trainer_module
from adapterhub.train.model import trainee
from adapterhub.train.model.methods import refuse_long_rows
from registry.manifest import Manifest
from tests.train.support import LORA, PREFIX, Recipes, weights

METHODS = {
    "lora": LORA,
    "rslora": LORA + "\nrslora = true\nalpha = 8",
    "dora": LORA + "\ndora = true",
    "patterns": LORA + '\nrank_pattern = { "layer.0.*query" = 2 }\nalpha_pattern = { value = 3 }',
    "layers": LORA + "\nlayers = [1]",
    "prefix": PREFIX,
    "prefix-projection": PREFIX + "\nprojection = 8",
}


def reopened(result: TrainingResult, base: Path) -> tuple[ModelPredictor, Any]:
    """The adapter as a user of plain `peft` opens it, ready to answer."""
    task = task_of(Manifest.read(result.adapter))
    model = task.model_class().from_pretrained(base, num_labels=len(task.labels))
    adapted = PeftModel.from_pretrained(model, result.adapter).eval()
    return ModelPredictor(adapted, task, AutoTokenizer.from_pretrained(base)), task


@pytest.mark.parametrize("data", ["chat", "names"])
@pytest.mark.parametrize("method", METHODS)
def test_plain_peft_gives_the_same_logits(
    method: str, data: str, recipes: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Any]] = {}
    report = trainer_module.Report.of

    def spied(made: Evaluation) -> Any:
        seen["answers"] = list(made.answers)
        return report(made)

    monkeypatch.setattr(trainer_module.Report, "of", spied)
    recipe = recipes.make(method=METHODS[method], data=data, training="epochs = 1")
    result = train(recipe, tmp_path / "run")

    predictor, task = reopened(result, recipes.base)
    rows = [json.loads(line) for line in Path(str(recipe.data.test)).read_text().splitlines()]
    answers = predictor.predict(rows)
    assert len(answers) == len(seen["answers"]) == 12
    for mine, theirs in zip(seen["answers"], answers, strict=True):
        torch.testing.assert_close(mine.logits, theirs.logits, atol=1e-5, rtol=1e-5)
    assert task.metrics(answers, task.references(rows)) == pytest.approx(
        {name: value.value for name, value in result.after.items()}
    )


@pytest.mark.parametrize("data", ["chat", "names"])
def test_it_learns(data: str, recipes: Recipes, tmp_path: Path) -> None:
    result = train(recipes.make(data=data, training="epochs = 6"), tmp_path / "run")
    metric = {"chat": "macro_f1", "names": "entity_f1"}[data]
    assert result.before[metric].value < 0.7
    assert result.after[metric].value > 0.9
    assert result.after[metric].n == 12
    assert result.after[metric].split == "test"


def test_what_a_run_leaves(recipes: Recipes, tmp_path: Path) -> None:
    recipe = recipes.make()
    result = train(recipe, tmp_path / "run")

    assert (result.folder / "recipe.toml").read_text() == recipe.text
    assert {path.name for path in result.adapter.iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "figures",
        "manifest.json",
    }
    assert {path.name for path in (result.adapter / "figures").iterdir()} == {"confusion.png", "reliability.png"}
    curve = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in curve if line["kind"] != "step"] == ["before", "validation", "validation", "after"]
    losses = [line["loss"] for line in curve if line["kind"] == "step"]
    assert losses
    assert losses[-1] < losses[0]


def test_the_manifest_says_what_was_done(recipes: Recipes, tmp_path: Path) -> None:
    recipe = recipes.make(method=LORA + "\ndora = true")
    result = train(recipe, tmp_path / "run")
    manifest = Manifest.read(result.adapter)
    document = manifest.document

    assert manifest.digest == result.digest
    options = {"max_length": 32, "out_of_scope": None, "pooling": "head"}
    assert document["task"] == {"name": "text-classification", "options": options}
    assert document["head"]["labels"] == ["chat", "complaint"]
    assert document["method"]["kind"] == "lora"
    assert document["method"]["rank"] == 4
    assert document["method"]["alpha"] == 8
    assert document["method"]["options"]["dora"] is True
    assert document["base"]["id"] == "tests/tiny-bert"
    assert document["base"]["fingerprint"].startswith("sha256:")
    assert {part["split"]: part["rows"] for part in document["data"]} == {"train": 44, "validation": 12, "test": 12}
    assert document["metrics"]["after"]["accuracy"]["value"] == result.after["accuracy"].value
    assert document["parents"] == []
    tensors = weights(result)
    assert document["trainable_parameters"] == sum(tensor.numel() for tensor in tensors.values())
    assert result.trainable_parameters == document["trainable_parameters"]


def test_no_file_of_the_adapter_names_a_path_of_this_machine(recipes: Recipes, tmp_path: Path) -> None:
    result = train(recipes.make(), tmp_path / "run")
    assert str(recipes.base) in (result.folder / "recipe.toml").read_text()
    files = [path for path in result.adapter.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert str(recipes.base).encode() not in path.read_bytes(), path.name
    config = json.loads((result.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tests/tiny-bert"


def test_the_same_recipe_gives_the_same_bytes(recipes: Recipes, tmp_path: Path) -> None:
    recipe = recipes.make(method=LORA + "\ndropout = 0.1")
    assert train(recipe, tmp_path / "one").digest == train(recipe, tmp_path / "two").digest
    other = recipes.make(method=LORA + "\ndropout = 0.1", training="seed = 2")
    assert train(other, tmp_path / "three").digest != train(recipe, tmp_path / "one").digest


def test_accumulated_batches_are_one_large_batch(recipes: Recipes, tmp_path: Path) -> None:
    still = tmp_path / "base"  # without dropout, whose draws depend on the batch's shape
    shutil.copytree(recipes.base, still)
    config = json.loads((still / "config.json").read_text())
    (still / "config.json").write_text(
        json.dumps({**config, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})
    )
    alike = Recipes(still, recipes.data)
    sizes = {"whole": "batch_size = 4", "parts": "batch_size = 2\ngradient_accumulation = 2"}
    files = {}
    for name, size in sizes.items():
        recipe = alike.make(training=f'{size}\nepochs = 1\noptimizer = "sgd"', data="names")
        files[name] = weights(train(recipe, tmp_path / name))
    for name, tensor in files["whole"].items():
        torch.testing.assert_close(files["parts"][name], tensor, atol=1e-5, rtol=1e-4)


def test_the_best_epoch_is_kept_and_patience_ends_the_run(recipes: Recipes, tmp_path: Path) -> None:
    training = 'epochs = 30\nearly_stopping = { patience = 2, metric = "accuracy" }'
    result = train(recipes.make(training=training), tmp_path / "run")
    lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    curve = [(line["step"], line["metrics"]["accuracy"]) for line in lines if line["kind"] == "validation"]
    assert len(curve) < 30
    best = max(value for _, value in curve)
    assert result.best_step == next(step for step, value in curve if value == best)
    assert curve[-1][0] == result.best_step + 2 * 11


def test_training_that_diverges_is_no_success(recipes: Recipes, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="training diverged: at step"):
        train(recipes.make(training="learning_rate = 1e30\nepochs = 1"), tmp_path / "run")
    assert not (tmp_path / "run" / "adapter").exists()


def test_a_run_of_one_step_makes_it(recipes: Recipes, tmp_path: Path) -> None:
    result = train(recipes.make(training="batch_size = 64\nepochs = 1"), tmp_path / "run")
    assert all(tensor.any() for name, tensor in weights(result).items() if "lora_B" in name)


def test_a_finished_run_answers_with_its_result(recipes: Recipes, tmp_path: Path) -> None:
    recipe = recipes.make()
    first = train(recipe, tmp_path / "run")
    made = (first.adapter / "manifest.json").stat().st_mtime_ns
    assert train(recipe, tmp_path / "run") == first
    assert (first.adapter / "manifest.json").stat().st_mtime_ns == made


def test_a_folder_is_never_written_over(recipes: Recipes, tmp_path: Path) -> None:
    train(recipes.make(), tmp_path / "run")
    with pytest.raises(RunError, match="another recipe"):
        train(recipes.make(training="epochs = 3"), tmp_path / "run")
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("one")
    with pytest.raises(RunError, match="not a run"):
        train(recipes.make(), other)
    with pytest.raises(RunError, match="no run"):
        train(recipes.make(), tmp_path / "nowhere", resume=True)
    assert not (tmp_path / "nowhere").exists()


def test_a_recipe_that_failed_may_be_corrected_in_place(recipes: Recipes, tmp_path: Path) -> None:
    with pytest.raises(RecipeError):
        train(recipes.make(method=LORA.replace("query", "q_proj")), tmp_path / "run")
    assert train(recipes.make(), tmp_path / "run").adapter.is_dir()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"method": 'kind = "lora"\ntargets = ["dense"]'}, "pooler.dense, which is outside"),
        ({"method": 'kind = "lora"\ntargets = ["q_proj"]'}, "matches 'q_proj'"),
        ({"method": LORA + "\nrank_pattern = { key = 2 }"}, "rank_pattern.key: matches none"),
        ({"method": 'kind = "prefix"\nlength = 40'}, "exceed the base's 64 positions"),
        ({"method": 'kind = "prefix"\nlength = 100'}, "exceed the base's 64 positions"),
        ({"training": 'early_stopping = { patience = 1, metric = "f1" }'}, "has no 'f1'"),
        ({"top": 'init_from = "acme/a@1.0.0"'}, "needs a registry"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(
    parts: dict[str, str], message: str, recipes: Recipes, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        train(recipes.make(**parts), tmp_path / "run")
    assert error.value.hint


def test_a_missing_file_is_named(recipes: Recipes, tmp_path: Path) -> None:
    text = recipes.text().replace("chat-test", "chat-tset")
    with pytest.raises(DataError, match=r"chat-tset\.jsonl"):
        train(recipes.make().parse(text), tmp_path / "run")


def test_nothing_is_printed(recipes: Recipes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(recipes.make(), tmp_path / "run")
    assert capfd.readouterr() == ("", "")


def test_rows_longer_than_the_base_reads_are_refused_whatever_the_method(recipes: Recipes, tmp_path: Path) -> None:
    recipe = Recipe.parse(recipes.text().replace("max_length = 32", "max_length = 65"))
    with pytest.raises(RecipeError, match=r"task\.options\.max_length: 65 exceeds the base's 64 positions") as error:
        train(recipe, tmp_path / "run")
    assert error.value.hint


def test_positions_that_padding_takes_are_not_counted() -> None:
    config = RobertaConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=34
    )
    model = RobertaForSequenceClassification(config)  # pad_token_id is 1: positions start from 2
    method = Lora(targets=["query"])
    refuse_long_rows(method, get_task("text-classification", {"max_length": 32}), model)
    with pytest.raises(RecipeError, match="33 exceeds the base's 32 positions"):
        refuse_long_rows(method, get_task("text-classification", {"max_length": 33}), model)


def test_a_path_that_the_manifest_cannot_leave_out_is_refused_first(recipes: Recipes, tmp_path: Path) -> None:
    inline = f'base = {{ id = "tests/tiny-bert", path = "{recipes.base}" }}'
    table = f'[base]\nid = "tests/tiny-bert"\npath = "{recipes.base}"\n'
    with pytest.raises(RecipeError, match=r"base\.path"):
        train(Recipe.parse(inline + recipes.text().replace(table, "")), tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


@pytest.mark.parametrize("lacking", ["tokenizer", "config"])
def test_a_decoder_without_padding_is_refused_by_name(lacking: str, recipes: Recipes, tmp_path: Path) -> None:
    base = tmp_path / "tiny-gpt"
    tokenizer = AutoTokenizer.from_pretrained(recipes.base)
    padding = None if lacking == "config" else tokenizer.pad_token_id
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=8, n_layer=1, n_head=2, n_positions=64, pad_token_id=padding)
    GPT2LMHeadModel(config).save_pretrained(base)
    if lacking == "tokenizer":
        tokenizer.pad_token = None
    tokenizer.save_pretrained(base)
    method = Lora(targets=["c_attn"])
    with pytest.raises(BackboneError, match=rf"tiny-gpt: its {lacking}\S* has no pad_token") as error:
        trainee.load(base, get_task("text-classification", {}, ["a", "b"]), method)
    assert error.value.hint
    if lacking == "config":  # which a classifier of tokens does not read
        trainee.load(base, get_task("token-classification", {"max_length": 32}, ["B-a", "O"]), method)


def test_a_base_that_comes_with_another_head_is_refused(recipes: Recipes, tmp_path: Path) -> None:
    base = tmp_path / "five-labels"
    BertForSequenceClassification.from_pretrained(recipes.base, num_labels=5).save_pretrained(base)
    AutoTokenizer.from_pretrained(recipes.base).save_pretrained(base)
    with pytest.raises(BackboneError, match="five-labels cannot be loaded for text-classification") as error:
        trainee.load(base, get_task("text-classification", {"max_length": 32}, ["a", "b"]), Lora(targets=["query"]))
    assert error.value.hint


def test_every_error_is_drawn_in_the_tree() -> None:
    drawn = str(errors.__doc__)
    assert RunError.__module__ == errors.__name__
    assert [error for error in errors.AdapterHubError.__subclasses__() if f"── {error.__name__} " not in drawn] == []
