"""What a decoder reads of a row, what it is trained to say, and what is cut."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from adapterhub.errors import RecipeError, RequestError
from adapterhub.tasks import TextAnswer, get_task
from adapterhub.tasks.task import IGNORED

ROW = {"source": "my computer is on fire", "target": "tell me a joke"}
TALK = [
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": "tell me"},
    {"role": "user", "content": "a joke"},
    {"role": "assistant", "content": "what"},
]


def trained(tokenizer: Any, encoded: Any) -> list[str]:
    """What is learned after each token, the token before it in front."""
    return [
        f"{tokenizer.decode([read])} > {tokenizer.decode([wanted])}"
        for read, wanted in zip(encoded.input_ids, encoded.labels, strict=True)
        if wanted != IGNORED
    ]


def test_the_prompt_is_a_message_and_the_loss_counts_the_answer_alone(tokenizer: Any) -> None:
    task = get_task("translation", {"template": "tell {source}", "system": "hello"})
    ((asked,),) = task.encode([ROW["source"]], tokenizer)
    assert tokenizer.decode(asked.input_ids) == tokenizer.decode(
        tokenizer(
            "[CLS] system : hello [SEP][CLS] user : tell my computer is on fire [SEP][CLS] assistant : "
        ).input_ids[1:-1]
    )
    ((learned,),) = task.encode([ROW], tokenizer, with_labels=True)
    assert learned.input_ids[: len(asked.input_ids)] == asked.input_ids
    assert trained(tokenizer, learned) == [": > tell", "tell > me", "me > a", "a > joke", "joke > [SEP]"]


def test_plain_prompts_need_no_chat_template(tokenizer: Any) -> None:
    task = get_task("translation", {"template": "{source} is", "chat": False})
    ((asked,),) = task.encode(["my computer"], tokenizer)
    assert asked.input_ids == tokenizer("my computer is").input_ids
    plain = PreTrainedTokenizerFast.from_pretrained(tokenizer.name_or_path)
    plain.chat_template = None
    with pytest.raises(RequestError, match="chat template"):
        get_task("translation").encode(["my computer"], plain)


def test_only_the_row_s_own_text_is_cut_and_never_the_target(tokenizer: Any) -> None:
    options = {"template": "tell {source} me", "max_length": 30}
    task = get_task("translation", options)
    row = {"source": "my " * 20, "target": "joke " * 40}
    ((asked,),), ((learned,),) = task.encode([row["source"]], tokenizer), task.encode([row], tokenizer, True)
    assert asked.truncated and learned.truncated and len(asked.input_ids) == 30
    text = tokenizer.decode(asked.input_ids)
    assert 5 < text.count("my") < 20 and "tell my" in text and "my me [SEP]" in text and text.endswith(":")
    assert learned.input_ids[:30] == asked.input_ids
    assert trained(tokenizer, learned)[1:] == ["joke > joke"] * 39 + ["joke > [SEP]"]
    assert not task.encode(["my"], tokenizer)[0][0].truncated
    with pytest.raises(RequestError, match="max_length is 30") as error:
        get_task("translation", {**options, "template": "tell me " * 20 + "{source}"}).encode(["my"], tokenizer)
    assert error.value.hint


@pytest.mark.parametrize(
    ("template", "message"),
    [("{text}", "no column 'text'"), ("{source!r}", "no column"), ("hello", "names no column"), ("{", "Single")],
)
def test_a_template_names_columns(template: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        get_task("translation", {"template": template})
    assert "{source}" in error.value.hint


def test_every_turn_of_the_assistant_is_learned_and_nothing_else(tokenizer: Any) -> None:
    task = get_task("text-generation", {"problem_type": "dialogue"})
    ((learned,),) = task.encode([{"messages": TALK}], tokenizer, with_labels=True)
    whole = tokenizer.apply_chat_template(TALK, return_dict=True)["input_ids"]
    assert learned.input_ids == whole[:-1]  # what follows the last word is its end
    assert trained(tokenizer, learned) == [": > tell", "tell > me", "me > [SEP]", ": > what", "what > [SEP]"]
    ((asked,),) = task.encode([{"messages": TALK}], tokenizer)
    assert asked.input_ids == whole[: len(asked.input_ids)]
    assert asked.input_ids == task.encode([task.question({"messages": TALK})], tokenizer)[0][0].input_ids
    assert task.references([{"messages": TALK}]) == ["what"]


def test_a_long_conversation_loses_its_oldest_turns(tokenizer: Any) -> None:
    whole = get_task("text-generation").encode([{"messages": TALK}], tokenizer, True)[0][0]
    task = get_task("text-generation", {"max_length": len(whole.input_ids) - 1})
    ((learned,),) = task.encode([{"messages": TALK}], tokenizer, with_labels=True)
    assert learned.truncated and trained(tokenizer, learned) == [": > what", "what > [SEP]"]
    assert not task.encode(["hello"], tokenizer)[0][0].truncated
    with pytest.raises(RequestError, match="one turn takes"):
        task.encode(["hello " * 40], tokenizer)


@pytest.mark.parametrize(
    "messages", ["hello", [], [{"role": "user"}], [{"role": "user", "content": "hello"}], TALK[:3], ["hello"]]
)
def test_a_row_that_is_no_conversation_is_refused(messages: Any, tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="message"):
        get_task("text-generation").check_row({"messages": messages})


def test_tokens_become_the_answer_s_text(tokenizer: Any) -> None:
    task = get_task("translation")
    encoded = task.encode(["my"], tokenizer)
    written = torch.tensor(tokenizer("tell me", add_special_tokens=False).input_ids)
    (answer,) = task.decode([[written]], encoded)
    assert isinstance(answer, TextAnswer)
    assert (answer.text, answer.token_ids) == ("tell me", tuple(written.tolist()))


def test_the_loss_is_that_of_the_targets(tokenizer: Any) -> None:
    logits, labels = torch.randn(2, 3, 7), torch.tensor([[IGNORED, 2, 5], [IGNORED, IGNORED, 0]])
    task = get_task("translation")
    parts = [
        torch.nn.functional.cross_entropy(logits[row, at], labels[row, at]) for row, at in ((0, 1), (0, 2), (1, 2))
    ]
    torch.testing.assert_close(task.loss(logits, labels), torch.stack(parts).sum())
    assert int(task.targets(labels)) == 3
