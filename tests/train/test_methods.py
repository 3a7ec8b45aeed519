"""Each method from recipe to engine: it is saved as plain `peft` opens it, and served as plain `peft` answers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, set_seed

from adapterhub.errors import RecipeError
from adapterhub.recipe import Prompt
from adapterhub.tasks import get_task
from adapterhub.train import train
from adapterhub.train.loop.optimizer import optimizer_of
from adapterhub.train.model import trainee
from adapterhub.train.model.methods import refuse_unfit
from tests.train.support import LORA, Recipes, weights
from tests.train.test_tasks import assert_one_adapter

PROMPT = 'kind = "prompt"\nlength = 4'
IA3 = 'kind = "ia3"\ntargets = ["key", "value", "output.dense"]\nfeedforward = ["output.dense"]'
HEAD = 'kind = "head"'
PATTERNS = '\nrank_pattern = { "layer.0.*query" = 2 }\nalpha_pattern = { value = 3 }'
METHODS = {
    "lora+": LORA + "\nrate_ratio = 4",
    "pissa": LORA + '\ninit = "pissa"',
    "pissa-rslora": LORA + '\ninit = "pissa"\nrslora = true',
    "pissa-patterns": LORA + '\ninit = "pissa"' + PATTERNS,
    "olora": LORA + '\ninit = "olora"\nlayers = [1]',
    "prompt": PROMPT,
    "prompt-random": PROMPT + '\ninit = "random"',
    "ia3": IA3,
    "ia3-expression": 'kind = "ia3"\ntargets = ".*1.*(key|value)"',
    "head": HEAD,
}
RUNS = [
    ("lora+", "chat"),
    ("pissa", "names"),
    ("pissa-rslora", "chat"),
    ("pissa-patterns", "grades"),
    ("olora", "choices"),
    ("prompt", "chat"),
    ("prompt", "names"),
    ("prompt-random", "spans"),
    ("prompt", "means"),
    ("ia3", "names"),
    ("ia3-expression", "choices"),
    ("head", "chat"),
    ("head", "choices"),
]


@pytest.mark.parametrize(("method", "data"), RUNS)
def test_trained_published_and_served_alike(
    method: str, data: str, recipes: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipes.make(method=METHODS[method], data=data, training="epochs = 1")
    assert_one_adapter(recipe, recipes.base, "tests/tiny-bert", tmp_path, monkeypatch)


@pytest.mark.parametrize(("method", "rate"), [("ia3", 1), ("pissa", 3e-2)])
def test_it_learns(method: str, rate: float, recipes: Recipes, tmp_path: Path) -> None:
    recipe = recipes.make(method=METHODS[method], training=f"epochs = 6\nlearning_rate = {rate}")
    result = train(recipe, tmp_path / "run")
    assert result.before["macro_f1"].value < 0.7 < result.after["macro_f1"].value


@pytest.mark.parametrize("method", ["prompt", "head"])
def test_all_of_it_is_trained(method: str, recipes: Recipes, tmp_path: Path) -> None:
    recipe = recipes.make(method=METHODS[method], training="epochs = 1")
    trained = weights(train(recipe, tmp_path / "run"))
    set_seed(recipe.training.seed)
    task = get_task("text-classification", {"max_length": 32}, ["chat", "complaint"])
    start = get_peft_model_state_dict(trainee.load(recipes.base, task, recipe.method).model)
    assert trained.keys() == start.keys()
    for name, tensor in trained.items():
        assert not torch.equal(tensor, start[name]), name


def test_a_decomposed_base_is_saved_as_lora_of_twice_the_rank(recipes: Recipes, tmp_path: Path) -> None:
    result = train(recipes.make(method=METHODS["pissa-patterns"], training="epochs = 1"), tmp_path / "run")
    assert result.adapter is not None
    config = json.loads((result.adapter / "adapter_config.json").read_text())
    method = json.loads((result.adapter / "manifest.json").read_text())["method"]
    assert (config["r"], config["lora_alpha"], config["init_lora_weights"]) == (8, 16, True)
    assert (method["rank"], method["alpha"], method["options"]["init"]) == (8, 16, "pissa")
    assert method["options"]["rank_pattern"] == config["rank_pattern"] == {"layer.0.*query": 4}
    assert method["options"]["alpha_pattern"] == config["alpha_pattern"] == {"value": 6}
    assert any("classifier" in name for name in weights(result))


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_before_training_the_decomposition_changes_nothing(init: str, recipes: Recipes) -> None:
    task = get_task("text-classification", {"max_length": 32}, ["a", "b"])
    ids = torch.tensor([[5, 6, 7, 8]])
    outputs = {}
    for kind, method in {"plain": LORA, init: f'{LORA}\ninit = "{init}"'}.items():
        set_seed(3)
        student = trainee.load(recipes.base, task, recipes.make(method=method).method)
        outputs[kind] = student.model.eval()(input_ids=ids).logits
    torch.testing.assert_close(outputs[init], outputs["plain"], atol=1e-5, rtol=1e-4)
    assert student.initial is not None
    assert all(torch.count_nonzero(t) for name, t in student.initial.items() if "lora_B" in name)


def test_b_learns_faster_than_a_as_pefts_own_lora_plus_has_it(recipes: Recipes) -> None:
    recipe = recipes.make(method=METHODS["lora+"], training="head_learning_rate = 0.5")
    student = trainee.load(recipes.base, get_task("text-classification", {"max_length": 32}, ["a", "b"]), recipe.method)
    theirs = create_loraplus_optimizer(student.model, torch.optim.AdamW, lr=1e-2, loraplus_lr_ratio=4)
    mine = optimizer_of(student.model, recipe.training, recipe.method)
    rates = [
        {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
        for optimizer in (mine, theirs)
    ]
    seen = set()
    for name, parameter in student.model.named_parameters():
        if ".lora_" in name:
            seen.add(rates[0][id(parameter)])
            assert math.isclose(rates[0][id(parameter)], rates[1][id(parameter)]), name
        elif parameter.requires_grad:
            assert rates[0][id(parameter)] == 0.5, name
    assert seen == {1e-2, 4e-2}


def test_the_head_alone_leaves_the_base_as_it_is(recipes: Recipes, tmp_path: Path) -> None:
    result = train(recipes.make(method=HEAD), tmp_path / "run")
    assert {name.rsplit(".", 2)[1] for name in weights(result)} == {"classifier"}
    assert result.adapter is not None
    method = json.loads((result.adapter / "manifest.json").read_text())["method"]
    assert method == {"kind": "head", "rank": None, "alpha": None, "targets": None, "options": {}}
    task = get_task("text-classification", {"max_length": 32}, ["a", "b"])
    model = task.model_class().from_pretrained(recipes.base, num_labels=2)
    opened = PeftModel.from_pretrained(model, result.adapter)
    assert not [name for name, _ in opened.named_parameters() if "lora_" in name]


@pytest.mark.parametrize(
    ("data", "method", "message"),
    [
        ("choices", PROMPT, "peft puts no prompt before the rows of multiple-choice"),
        ("chat", PROMPT.replace("4", "40"), "exceed the base's 64 positions"),
        ("chat", IA3.replace('"key"', '"keys"'), "matches 'keys'"),
        ("chat", 'kind = "ia3"\ntargets = ".*key"\nfeedforward = ["value"]', "ends none of the adapted modules"),
        ("chat", 'kind = "ia3"\ntargets = ["dense"]', "pooler.dense, which is outside"),
    ],
)
def test_what_does_not_fit_is_refused(data: str, method: str, message: str, recipes: Recipes, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        train(recipes.make(method=method, data=data), tmp_path / "run")
    assert error.value.hint
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_task_without_a_head_trains_none(recipes: Recipes) -> None:
    task = get_task("text-classification")
    task.head_kind = "causal-lm"  # type: ignore[misc]
    with pytest.raises(RecipeError, match="has no head of its own to train"):
        refuse_unfit(recipes.make(method=HEAD).method, task)


def test_a_prompt_before_a_decoder_that_classifies_its_last_token_is_refused(recipes: Recipes, tmp_path: Path) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(recipes.base)
    sizes = {"n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 64, "pad_token_id": tokenizer.pad_token_id}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(RecipeError, match="reads the padding of shorter rows"):
        trainee.load(tmp_path, get_task("text-classification", {"max_length": 32}, ["a", "b"]), Prompt(length=2))
