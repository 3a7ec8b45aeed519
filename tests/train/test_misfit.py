"""What does not fit the base is named before a step is made: by its row, its module, or what the base lacks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from adapterhub.errors import BackboneError, RecipeError
from adapterhub.recipe import Lora, Recipe
from adapterhub.tasks import get_task
from adapterhub.train.model import trainee
from adapterhub.train.plan import plan
from tests.support.tiny import make_tiny_chat
from tests.train.support import LORA, Recipes
from tests.train.test_generation import LORA as CHAT_LORA
from tests.train.test_generation import PREFIX, PROMPT, recipe_of, row_of

OPTIONS = "chat = false\nmax_length = 16\nsampling = { max_new_tokens = 6 }"
POSITIONS = 256


@pytest.fixture(scope="module")
def base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_chat(tmp_path_factory.mktemp("chat") / "base", tiny_base)


def with_long(part: str, letters: int, base: Path, folder: Path, method: str = CHAT_LORA) -> Recipe:
    """Three rows a split; the second of `part` has a target of so many tokens."""
    for split, first in (("train", 0), ("validation", 3), ("test", 6)):
        rows = [row_of("translation", number) for number in range(first, first + 3)]
        if split == part:
            rows[1]["target"] = "b " * letters
        (folder / f"translation-{split}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return recipe_of("translation", base, folder, method, options=OPTIONS)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_target_beyond_the_base_s_positions_is_named_by_its_row(part: str, base: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=rf"data\.{part}: \S+/translation-{part}\.jsonl:2: the row takes 3\d\d tokens"
    ) as error:
        plan(with_long(part, 300, base, tmp_path))
    assert f"has positions for {POSITIONS}" in error.value.message and "Shorten its target" in error.value.hint


@pytest.mark.parametrize(
    ("method", "taken"), [(CHAT_LORA, 0), (PREFIX, 4), (PROMPT, 4)], ids=["lora", "prefix", "prompt"]
)
def test_a_target_may_take_all_that_virtual_tokens_leave(method: str, taken: int, base: Path, tmp_path: Path) -> None:
    longest = plan(with_long("train", 100, base, tmp_path, method)).longest
    fitting = POSITIONS - taken - longest + 100
    assert plan(with_long("train", fitting, base, tmp_path, method)).longest == POSITIONS - taken
    with pytest.raises(RecipeError, match=f"has positions for {POSITIONS - taken}"):
        plan(with_long("train", fitting + 1, base, tmp_path, method))


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_row_that_the_task_refuses_is_named(part: str, recipes: Recipes, tmp_path: Path) -> None:
    recipe = recipes.make(data="spans")
    rows = [json.loads(line) for line in Path(str(getattr(recipe.data, part))).read_text().splitlines()]
    rows[6]["question"] = "what " * 40
    (tmp_path / "odd.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    odd = recipe.text.replace(str(getattr(recipe.data, part)), str(tmp_path / "odd.jsonl"))
    with pytest.raises(RecipeError, match=rf"data\.{part}: \S+/odd\.jsonl:7: a question of 40 tokens"):
        plan(Recipe.parse(odd))


def test_a_base_that_has_no_end_of_text_learns_to_write_none(base: Path, tmp_path: Path) -> None:
    make_tiny_chat(tmp_path / "endless", base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path / "endless")
    with pytest.raises(BackboneError, match="its tokenizer has no eos_token, which translation needs"):
        trainee.load(tmp_path / "endless", get_task("translation", {"max_length": 32}), Lora(targets=["q_proj"]))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            'init = "pissa"\nrank = 33',
            r"method\.rank: 33, but the weight of \S+layer.0.\S+query has 32 parts for pissa",
        ),
        ('init = "olora"\nrank = 4\nrank_pattern = { "1.*value" = 40 }', r"method\.rank_pattern\.1\.\*value: 40, but"),
    ],
)
def test_a_rank_beyond_what_a_weight_decomposes_into_is_refused(lines: str, message: str, recipes: Recipes) -> None:
    method = recipes.make(method=LORA.replace("rank = 4", lines)).method
    task = get_task("text-classification", {"max_length": 32}, ["a", "b"])
    with pytest.raises(RecipeError, match=message):
        trainee.load(recipes.base, task, method)
    trainee.load(recipes.base, task, recipes.make(method=LORA.replace("rank = 4", 'init = "pissa"\nrank = 32')).method)


@pytest.mark.parametrize("kind", ["lora", "ia3"])
@pytest.mark.parametrize(
    ("targets", "message", "hint"),
    [
        ('["query"]\nlayers = [1, 7]', r"method\.layers: BertForSequenceClassification has no layer 7", "It has 2,"),
        ('["query", "keys"]\nlayers = [1]', r"method\.targets: .* matches 'keys' in layers 1$", "attention.self.key"),
        ('".*keys"', r"method\.targets: .* matches '\.\*keys'$", "attention.self.key"),
    ],
)
def test_layers_and_targets_that_are_not_there_are_named(
    kind: str, targets: str, message: str, hint: str, recipes: Recipes
) -> None:
    method = recipes.make(method=f'kind = "{kind}"\ntargets = {targets}').method
    with pytest.raises(RecipeError) as error:
        trainee.load(recipes.base, get_task("text-classification", {"max_length": 32}, ["a", "b"]), method)
    assert re.search(message, error.value.message) and hint in error.value.hint
