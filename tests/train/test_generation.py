"""Tasks on a decoder from recipe to engine: what was trained, what plain `peft` writes and what is served agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapterhub.backbone import Backbone
from adapterhub.cli import main
from adapterhub.errors import BackboneError, RecipeError
from adapterhub.evaluate import inputs_of
from adapterhub.plain.predictor import ModelPredictor, collate
from adapterhub.recipe import Lora, Prompt, Recipe
from adapterhub.runtime.engine import Engine
from adapterhub.tasks import TextAnswer, get_task, task_of
from adapterhub.tasks.generation.sampling import Sampling
from adapterhub.tasks.task import IGNORED
from adapterhub.train import train
from adapterhub.train.model import trainee
from registry import Manifest, open_registry
from tests.support.tiny import make_tiny_chat

BASE_ID = "tests/tiny-chat"
WORDS = ("computer", "printer", "fire", "joke", "hello", "working")
LORA = 'kind = "lora"\nrank = 8\ntargets = ["q_proj", "v_proj", "up_proj", "down_proj"]'
PREFIX = 'kind = "prefix"\nlength = 4'
PROMPT = 'kind = "prompt"\nlength = 4'
IA3 = 'kind = "ia3"\ntargets = ["k_proj", "v_proj", "down_proj"]\nfeedforward = ["down_proj"]'
OPTIONS = {
    "translation": 'system = "tell me"\nmax_length = 48\nsampling = { max_new_tokens = 6 }',
    "summarization": "chat = false\nmax_length = 64\nsampling = { max_new_tokens = 6 }",
    "dialogue": 'problem_type = "dialogue"\nmax_length = 96\nsampling = { max_new_tokens = 6 }',
    "text-to-sql": 'problem_type = "text-to-sql"\nmax_length = 64\nsampling = { max_new_tokens = 8 }',
}
NAMES = dict.fromkeys(("dialogue", "text-to-sql", "controlled"), "text-generation")
DRAWN = "sampling = { max_new_tokens = 6, temperature = 0.8, top_p = 0.9, seed = 5 }"


def row_of(kind: str, number: int) -> dict[str, object]:
    """Two words, of which the answer repeats the second."""
    first, second = WORDS[number % 6], WORDS[number // 6 % 6]
    if kind == "controlled":
        return {"label": first, "text": f"{first} {second} {number}"}
    if kind != "dialogue":
        return {"source": f"{first} {second} {number}", "target": f"{second} is {second}"}
    said = (f"{first} {number}", first, second, f"is {second}")
    roles = ("user", "assistant") * 2
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]}


@pytest.fixture(scope="module")
def base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_chat(tmp_path_factory.mktemp("chat") / "base", tiny_base)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    for kind in (*OPTIONS, "controlled"):
        for split, first, count in (("train", 0, 48), ("validation", 48, 8), ("test", 56, 8)):
            rows = [json.dumps(row_of(kind, number)) for number in range(first, first + count)]
            (folder / f"{kind}-{split}.jsonl").write_text("\n".join(rows))
    return folder


def recipe_of(
    kind: str, base: Path, data: Path, method: str = LORA, training: str = "epochs = 1", options: str = ""
) -> Recipe:
    files = "\n".join(f'{split} = "{data}/{kind}-{split}.jsonl"' for split in ("train", "validation", "test"))
    return Recipe.parse(f"""
name = "tiny"
licence = "mit"
[base]
id = "{BASE_ID}"
path = "{base}"
[task]
name = "{NAMES.get(kind, kind)}"
[task.options]
{options or OPTIONS[kind]}
[data]
name = "{kind}"
licence = "cc0-1.0"
leakage = "warn"
{files}
[method]
{method}
[training]
learning_rate = 1e-2
batch_size = 8
{training}
""")


def by_plain_peft(folder: Path, base: Path, rows: Sequence[Any]) -> list[list[int]]:
    """The tokens of each row, one unpadded prompt at a time, by `peft` and transformers alone."""
    manifest = Manifest.read(folder)
    task, tokenizer = task_of(manifest), AutoTokenizer.from_pretrained(base)
    model: Any = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder).eval()
    asked = manifest.document["prompt"]["sampling"]
    way: dict[str, Any] = {"max_new_tokens": asked["max_new_tokens"], "do_sample": asked["temperature"] > 0}
    if way["do_sample"]:
        way |= {"temperature": asked["temperature"], "top_p": asked["top_p"], "top_k": 0}
    written = []
    for index, (prompt,) in enumerate(task.encode(rows, tokenizer)):
        torch.manual_seed(asked["seed"] + index)
        ids = torch.tensor([prompt.input_ids])
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        line = model.generate(**given, **way)[0, len(prompt.input_ids) :].tolist()
        end = tokenizer.eos_token_id
        written.append(line[: line.index(end)] if end in line else line)
    return written


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("translation", LORA),
        ("translation", PREFIX),
        ("translation", PROMPT),
        ("translation", IA3),
        ("summarization", LORA + '\ninit = "pissa"'),
        ("dialogue", LORA),
    ],
    ids=lambda value: value[:14],
)
def test_trained_published_and_served_alike(kind: str, method: str, base: Path, data: Path, tmp_path: Path) -> None:
    recipe = recipe_of(kind, base, data, method)
    result = train(recipe, tmp_path / "run")
    rows = [json.loads(line) for line in Path(str(recipe.data.test)).read_text().splitlines()]
    manifest = Manifest.read(result.adapter)
    task = task_of(manifest)
    registry = open_registry(tmp_path / "registry")
    registry.publish(result.folder, "acme/task", "1.0.0")
    with Engine(Backbone.load(base, id=BASE_ID), registry) as engine:
        served = engine.predict([("acme/task", row) for row in inputs_of(rows, task)])
        assert engine.generate([("acme/task", row) for row in inputs_of(rows, task)]) == served
        (short,) = engine.generate([("acme/task", task.question(rows[0]))], max_new_tokens=1)
        (bare,) = engine.generate([(None, "hello")], max_new_tokens=2)
    assert all(isinstance(answer, TextAnswer) for answer in served)
    tokens = [list(answer.token_ids) for answer in served if isinstance(answer, TextAnswer)]
    assert tokens == by_plain_peft(result.adapter, base, inputs_of(rows, task))
    assert list(short.token_ids) == tokens[0][:1] and str(short.version) == "acme/task@1.0.0"
    assert len(bare.token_ids) <= 2
    figures = task.metrics(served, task.references(rows))
    assert {*result.after} == {*figures, "perplexity"} == {*task.metric_names, "perplexity"}
    assert figures == pytest.approx({name: result.after[name].value for name in figures})
    document = manifest.document
    assert document["head"] == {
        "kind": "causal-lm", "labels": [], "problem_type": task.problem_type, "pooling": None
    }  # fmt: skip
    assert document["prompt"] == {
        "template": task.template, "sampling": {"max_new_tokens": 6, "temperature": 0.0, "top_p": 1.0, "seed": 0}
    }  # fmt: skip
    assert not {"template", "sampling", "problem_type"} & {*document["task"]["options"]}


def test_behind_a_trained_prompt_no_row_depends_on_the_others(base: Path) -> None:
    task = get_task("translation", {"max_length": 48, "sampling": {"max_new_tokens": 6}})
    student = trainee.load(base, task, Prompt(length=4))
    torch.manual_seed(0)
    with torch.no_grad():
        student.model.prompt_encoder.default.embedding.weight.normal_()
    rows = [{"source": " ".join(["fire", *["hello"] * count])} for count in (1, 9, 4)]
    predictor = ModelPredictor(student.model, task, student.tokenizer)
    together = predictor.predict(rows)
    alone = [predictor.predict([row])[0] for row in rows]
    assert [answer.token_ids for answer in together] == [answer.token_ids for answer in alone]


def test_texts_that_are_drawn_are_the_same_everywhere(base: Path, data: Path, tmp_path: Path) -> None:
    """In one batch or alone, in training, by plain `peft`, or served: each row has a seed of its own."""
    options = f'problem_type = "controlled"\njudge = "{data}/controlled-validation.jsonl"\nmax_length = 96\n{DRAWN}'
    result = train(recipe_of("controlled", base, data, options=options), tmp_path / "run")
    task = task_of(Manifest.read(result.adapter))
    rows = inputs_of([row_of("controlled", number) for number in range(56, 64)], task)
    expected = by_plain_peft(result.adapter, base, rows)
    registry = open_registry(tmp_path / "registry")
    registry.publish(result.folder, "acme/task", "1.0.0")
    with Engine(Backbone.load(base, id=BASE_ID), registry) as engine:
        requests: list[Any] = [("acme/task", row) for row in rows]
        served = engine.generate(requests)
        again = engine.generate(requests[3:], sampling=msgspec.structs.replace(task.options.sampling, seed=8))
        greedy = engine.generate(requests, sampling=Sampling(max_new_tokens=6))
    assert [list(answer.token_ids) for answer in served] == expected
    made = tmp_path / "made.jsonl"
    command = ["augment", result.adapter, data / "controlled-train.jsonl", made, "--each", 2, "--base-path", base]
    assert main([str(part) for part in command]) == 0
    new = [json.loads(line) for line in made.read_text().splitlines()]
    assert {row["made_by"] for row in new} == {result.digest} and {row["label"] for row in new} <= {*WORDS}
    assert main([str(part) for part in command]) == 1  # what is there is not written over
    assert [answer.token_ids for answer in again] == [answer.token_ids for answer in served[3:]]
    assert [answer.token_ids for answer in greedy] != [answer.token_ids for answer in served]
    figures = task.metrics(served, [str(row["label"]) for row in rows if isinstance(row, dict)])
    assert figures == pytest.approx({name: result.after[name].value for name in figures})


@pytest.mark.slow
def test_it_learns(base: Path, data: Path, tmp_path: Path) -> None:
    training = 'epochs = 8\nprecision = "bfloat16"\nearly_stopping = { patience = 8 }'
    result = train(recipe_of("text-to-sql", base, data, training=training), tmp_path / "run")
    assert result.after["perplexity"].high < result.before["perplexity"].low / 3
    lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    curve = [(line["metrics"]["perplexity"], line["step"]) for line in lines if line["kind"] == "validation"]
    assert result.best_step == min(curve)[1]


def test_a_batch_s_loss_is_transformers_own(base: Path, data: Path) -> None:
    """Logits at the targets alone, of rows padded together, give what the model makes of each whole row."""
    recipe = recipe_of("dialogue", base, data)
    student = trainee.load(base, get_task(recipe.task.name, recipe.task.options), recipe.method)
    task = get_task(recipe.task.name, recipe.task.options)
    rows = [row_of("dialogue", number) for number in (0, 7, 25)]
    rows[1]["messages"] = rows[1]["messages"][:2]  # type: ignore[index]
    expected = torch.tensor(0.0)
    for (one,) in task.encode(rows, student.tokenizer, with_labels=True):
        ids = torch.tensor([[*one.input_ids, student.tokenizer.eos_token_id]])
        wanted = torch.tensor([[IGNORED, *one.labels]])  # type: ignore[misc]
        loss = student.model(input_ids=ids, labels=wanted).loss
        expected = expected + loss * wanted.ne(IGNORED).sum()
    batch = collate([one for row in task.encode(rows, student.tokenizer, True) for one in row], 0, task.head_kind)
    labels = batch.pop("labels")
    logits = student.model(**batch).logits
    assert logits.shape[:2] == labels.shape and labels.shape[1] < batch["input_ids"].shape[1]
    torch.testing.assert_close(task.loss(logits, labels), expected)
    found = ModelPredictor(student.model, task, student.tokenizer).likelihoods(rows)
    assert sum(one.loss for one in found) == pytest.approx(float(expected.detach()), rel=1e-4)
    assert sum(one.tokens for one in found) == int(task.targets(labels))


def test_what_does_not_fit_is_refused_before_training(base: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="exceeds the base's 256 positions"):
        trainee.load(base, get_task("translation", {"max_length": 250}), Lora(targets=["q_proj"]))
    with pytest.raises(RecipeError, match="has no 'bleu' to choose an epoch by"):
        train(
            recipe_of(
                "translation", base, data, training='epochs = 1\nearly_stopping = { patience = 1, metric = "bleu" }'
            ),
            tmp_path / "run",
        )
    headless = tmp_path / "headless"
    AutoModelForCausalLM.from_pretrained(base).model.save_pretrained(headless)
    AutoTokenizer.from_pretrained(base).save_pretrained(headless)
    with pytest.raises(BackboneError, match=r"lacks lm_head\.weight"):
        trainee.load(headless, get_task("translation"), Lora(targets=["q_proj"]))
