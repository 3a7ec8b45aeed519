"""Every task from recipe to engine: what was trained, what plain `peft` opens and what is served agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from adapterhub.backbone import Backbone
from adapterhub.errors import AdapterHubError, BackboneError, RecipeError
from adapterhub.evaluate import Evaluation
from adapterhub.plain.predictor import collate
from adapterhub.recipe import Lora
from adapterhub.recipe import Prefix as PrefixMethod
from adapterhub.runtime.engine import Engine
from adapterhub.tasks import (
    Answer,
    ChoiceAnswer,
    LabelAnswer,
    LabelsAnswer,
    SpanAnswer,
    TagAnswer,
    ValueAnswer,
    get_task,
    task_of,
)
from adapterhub.train import train
from adapterhub.train import trainer as trainer_module
from adapterhub.train.model import trainee
from registry import Manifest, open_registry
from tests.support.plain_peft import by_plain_peft
from tests.train.support import LORA, PREFIX, Recipes

KINDS = {"themes": LabelsAnswer, "grades": ValueAnswer, "spans": SpanAnswer, "choices": ChoiceAnswer}
POOLED = {"means": LabelAnswer, "relations": LabelAnswer}
NO_PREFIX = ("choices", "relations")  # peft puts none on the first; the second is one more of the pooled
RUNS = [
    (data, method) for data in (*KINDS, *POOLED) for method in (LORA, PREFIX) if method == LORA or data not in NO_PREFIX
]
SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def logits(answer: Answer) -> torch.Tensor:
    assert isinstance(answer, LabelAnswer | LabelsAnswer | ValueAnswer | TagAnswer | SpanAnswer | ChoiceAnswer)
    return torch.cat(answer.logits) if isinstance(answer, SpanAnswer) else answer.logits


def assert_one_adapter(
    recipe: Any, base: Path, backbone_id: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, list[Answer]]:
    seen: list[Answer] = []
    report = trainer_module.Report.of

    def spied(made: Evaluation) -> Any:
        seen[:] = made.answers
        return report(made)

    monkeypatch.setattr(trainer_module.Report, "of", spied)
    result = train(recipe, folder / "run")
    rows = [json.loads(line) for line in Path(str(recipe.data.test)).read_text().splitlines()]
    registry = open_registry(folder / "registry")
    registry.publish(result.folder, "acme/task", "1.0.0")
    with Engine(Backbone.load(base, id=backbone_id), registry) as engine:
        served = engine.predict([("acme/task", row) for row in rows])
    plain = by_plain_peft(result.adapter, base, rows)
    assert len(served) == len(seen) == len(plain) == 12
    for trained, answer, expected in zip(seen, served, plain, strict=True):
        torch.testing.assert_close(logits(trained), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(logits(answer), expected, atol=1e-5, rtol=1e-5)
        assert str(answer.version) == "acme/task@1.0.0"
    task = task_of(Manifest.read(result.adapter))
    recorded = {name: value.value for name, value in result.after.items()}
    assert recorded == pytest.approx(task.metrics(seen, task.references(rows)), abs=1e-9)
    for name, value in task.metrics(served, task.references(rows)).items():
        # two near ties of 12 rows that rounding has change places move a rank correlation by 0.007
        assert value == pytest.approx(recorded[name], abs=7.1e-3 if name == "spearman" else 1e-3), name
    return result, served


@pytest.mark.parametrize(("data", "method"), RUNS, ids=lambda value: value.split('"')[1] if '"' in value else value)
def test_trained_published_and_served_alike(
    data: str, method: str, recipes: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipes.make(method=method, data=data, training="epochs = 1")
    result, served = assert_one_adapter(recipe, recipes.base, "tests/tiny-bert", tmp_path, monkeypatch)
    assert {type(answer) for answer in served} == {{**KINDS, **POOLED}[data]}
    document = json.loads((result.adapter / "manifest.json").read_text())
    assert "problem_type" not in document["task"]["options"]
    assert document["head"]["problem_type"] == get_task(recipe.task.name, recipe.task.options).problem_type


@pytest.mark.parametrize("data", KINDS)
def test_it_learns(data: str, recipes: Recipes, tmp_path: Path) -> None:
    training = "epochs = 12\nlearning_rate = 2e-2"
    result = train(recipes.make(data=data, training=training), tmp_path / "run")
    metric = {"themes": "micro_f1", "grades": "pearson", "spans": "exact_match", "choices": "accuracy"}[data]
    assert result.before[metric].value < 0.7
    assert result.after[metric].value > 0.9
    if data == "grades":
        assert result.after["mse"].value < result.before["mse"].value


SHAPES = {
    "roberta": ("RobertaModel", {"max_position_embeddings": 66}, ["query", "value"]),
    "modernbert": ("ModernBertForMaskedLM", {"cls_token_id": 2, "sep_token_id": 3}, ["Wqkv"]),
    "llama": ("LlamaModel", {"num_key_value_heads": 2}, ["q_proj", "v_proj"]),
}


def make_base(folder: Path, name: str, tiny_base: Path, model: str | None = None) -> Path:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_base)
    model_class = getattr(transformers, model or SHAPES[name][0])
    torch.manual_seed(0)
    options = {**SMALL, **SHAPES[name][1], "vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": 3}
    model_class(model_class.config_class(bos_token_id=2, **options)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "data"), [(name, data) for name in SHAPES for data in KINDS if (name, data) != ("llama", "choices")]
)
def test_other_architectures(
    name: str, data: str, recipes: Recipes, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_base(tmp_path / "base", name, tiny_base)
    other = Recipes(base, recipes.data)
    method = LORA.replace('["query", "value"]', json.dumps(SHAPES[name][2]))
    recipe = other.make(method=method, data=data, training="epochs = 1")
    assert_one_adapter(recipe, base, "tests/tiny-bert", tmp_path, monkeypatch)


def test_a_base_that_the_task_class_would_not_find_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    base = make_base(tmp_path / "llama", "llama", tiny_base, "LlamaForCausalLM")
    with pytest.raises(BackboneError, match=r"LlamaForQuestionAnswering does not find its transformer\.embed") as error:
        trainee.load(base, get_task("question-answering"), Lora(targets=["q_proj"]))
    assert "AutoModel" in error.value.hint


@pytest.mark.parametrize(
    ("data", "method", "training", "message"),
    [
        ("choices", PREFIX, "", "peft puts no prefix before the rows of multiple-choice"),
        ("grades", LORA, "label_smoothing = 0.1", "no labels to smooth in regression"),
        ("spans", LORA, "label_smoothing = 0.1", "no labels to smooth in question-answering"),
    ],
)
def test_what_a_task_does_not_know_is_refused(
    data: str, method: str, training: str, message: str, recipes: Recipes, tmp_path: Path
) -> None:
    with pytest.raises(AdapterHubError, match=message) as error:
        train(recipes.make(data=data, method=method, training=training), tmp_path / "run")
    assert isinstance(error.value, RecipeError) and error.value.hint


def test_less_of_an_error_is_better(recipes: Recipes, tmp_path: Path) -> None:
    training = 'epochs = 6\nearly_stopping = { patience = 6, metric = "mse" }'
    result = train(recipes.make(data="grades", training=training), tmp_path / "run")
    lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    curve = [(line["metrics"]["mse"], line["step"]) for line in lines if line["kind"] == "validation"]
    assert result.best_step == min(curve)[1]
    assert min(curve)[0] < max(curve)[0]


def test_accumulated_batches_of_several_inputs_are_one_large_batch(recipes: Recipes, tiny_base: Path) -> None:
    """The loss of a batch is the sum over its rows, whatever they are batched with, and counts each row's targets."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    for data in ("choices", "spans"):
        recipe = recipes.make(data=data)
        task = get_task(recipe.task.name, recipe.task.options)
        rows = [json.loads(line) for line in Path(str(recipe.data.test)).read_text().splitlines()]
        inputs = task.encode(rows, tokenizer, with_labels=True)
        batches = [collate([one for row in part for one in row], 0, task.head_kind) for part in (inputs, *zip(inputs))]
        torch.manual_seed(0)
        width = batches[0]["input_ids"].shape[-1]
        size = {"choices": (1,), "spans": (width, 2)}[data]
        made = torch.randn(len(batches[0]["labels"]), *size)
        whole, first, total, targets = task.loss(made, batches[0]["labels"]), 0, torch.tensor(0.0), 0
        for batch in batches[1:]:
            labels = batch["labels"]
            total = total + task.loss(made[first : first + len(labels)], labels)
            targets += int(task.targets(labels))
            first += len(labels)
        torch.testing.assert_close(whole, total, rtol=1e-5, atol=0)
        assert int(task.targets(batches[0]["labels"])) == targets == (12 if data == "choices" else 2 * first)


def test_a_prefix_leaves_room_for_each_window(recipes: Recipes, tiny_base: Path) -> None:
    with pytest.raises(RecipeError, match="exceed the base's 64 positions"):
        trainee.load(tiny_base, get_task("question-answering", {"max_length": 62}), PrefixMethod(length=4))
